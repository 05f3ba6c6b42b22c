"""Mutants of a module: the same source with one operator, constant, condition or statement changed. No file is read."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Break: ast.Continue, ast.Continue: ast.Break,
}  # fmt: skip


class Mutant(NamedTuple):
    """A module with one change."""

    line: int
    what: str  # the line as it stood, and what was done
    text: str  # of the whole module


class _Site(NamedTuple):
    """A place that can be changed: the change is made in a copy of the tree, at the node of the same number."""

    node: int
    line: int
    what: str
    change: Callable[[ast.AST], None]


def mutants(source: str) -> Iterator[Mutant]:
    """All of them, in the order of the lines. What is for readers and checkers of types alone is left as it is."""
    tree = ast.parse(source)
    lines = source.splitlines()
    nodes = list(ast.walk(tree))
    skipped = {id(inner) for node in nodes for outer in _unread(node) for inner in ast.walk(outer)}
    sites = [site for number, node in enumerate(nodes) if id(node) not in skipped for site in _sites(number, node)]
    for site in sorted(sites, key=lambda site: site.line):
        changed = copy.deepcopy(tree)
        site.change(list(ast.walk(changed))[site.node])
        text = ast.unparse(ast.fix_missing_locations(changed))
        yield Mutant(site.line, f"{lines[site.line - 1].strip()}  ->  {site.what}", text)


def _unread(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that no run comes by: annotations, decorators, asserts, messages, imports for types."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (one for one in (node.returns, *node.decorator_list) if one is not None)
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    if isinstance(node, ast.ClassDef):
        yield from node.keywords  # frozen, gc: how a record is made
    if isinstance(node, ast.keyword) and node.arg == "strict":  # of zip, which is an assert
        yield node
    if isinstance(node, ast.JoinedStr | ast.Assert):  # an assert is for bugs of ours (CONTRIBUTING.md)
        yield node
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        yield node


def _sites(number: int, node: ast.AST) -> Iterator[_Site]:
    line = getattr(node, "lineno", 0)
    for name, value in ast.iter_fields(node):
        for place, one in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if type(one) in SWAPPED:
                other = SWAPPED[type(one)]
                yield _Site(
                    number,
                    getattr(one, "lineno", line),
                    f"{type(one).__name__} becomes {other.__name__}",
                    _put(name, place, other),
                )
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Call | ast.Await):
                yield _Site(number, one.lineno, f"{ast.unparse(one)} is left out", _put(name, place, ast.Pass))
    if isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Compare | ast.BoolOp):
        yield _Site(number, line, "the condition is turned round", _turned)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield _Site(number, line, "minus becomes plus", _put("op", None, ast.UAdd))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        changed = (not node.value) if isinstance(node.value, bool) else node.value + 1
        yield _Site(
            number, line, f"{node.value!r} becomes {changed!r}", lambda copied: setattr(copied, "value", changed)
        )


def _put(name: str, place: int | None, kind: type[ast.AST]) -> Callable[[ast.AST], None]:
    """What sets a field of a node, or one item of it."""

    def change(node: ast.AST) -> None:
        if place is None:
            setattr(node, name, kind())
        else:
            getattr(node, name)[place] = kind()

    return change


def _turned(node: ast.AST) -> None:
    assert isinstance(node, ast.If | ast.IfExp | ast.While)
    node.test = ast.UnaryOp(ast.Not(), node.test)
