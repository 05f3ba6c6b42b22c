"""How the source is read: a file as a tree, what it imports, its functions, and what a finding is. No rule."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.AsyncFor, ast.AsyncWith)


class Source(NamedTuple):
    """One file, read."""

    path: str  # from the root
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """Its dotted name; a package's is that of its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class Found(NamedTuple):
    """What breaks a rule: an exception names `path` or `path:function`."""

    path: str
    line: int
    function: str
    text: str

    @property
    def places(self) -> set[str]:
        """The names by which an exception can mean it."""
        return {self.path, f"{self.path}:{self.function}"}

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.function or 'module'}: {self.text}"


Findings = Iterator[Found]


def read(path: str, text: str) -> Source:
    """A source from its text."""
    return Source(path, text, ast.parse(text))


@cache
def sources(folder: str) -> tuple[Source, ...]:
    """Every source below a folder of the tree."""
    top, _, inside = folder.partition("/")
    if inside:
        return tuple(one for one in sources(top) if one.path.startswith(f"{folder}/"))
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(read(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """A tree and all that is in it: each rule asks for it, so it is walked once."""
    return tuple(ast.walk(tree))


@cache
def imported(tree: ast.AST) -> tuple[tuple[ast.stmt | ast.expr, str], ...]:
    """Every module that a tree imports, dotted; a module of safla named in a text counts too, for tables name them."""
    return tuple(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"safla(\.\w+)+", str(node.value)):
            yield node, str(node.value)


@cache
def functions(tree: ast.AST) -> tuple[tuple[str, Function], ...]:
    """Every function with its dotted name in the module."""
    return tuple(_functions(tree, ""))


def _functions(tree: ast.AST, above: str) -> Iterator[tuple[str, Function]]:
    for node in _statements(tree):
        name = getattr(node, "name", None)
        inside = f"{above}.{name}".lstrip(".") if isinstance(name, str) else above
        if isinstance(node, Function):
            yield inside, node
        yield from _functions(node, inside)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """What stands directly below a node and can have a statement in it, which no expression has."""
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def nesting(node: ast.AST, above: ast.AST | None = None) -> int:
    """How deep blocks stand in blocks; an `elif` is no block in a block, and an inner function is counted by itself."""
    follows = isinstance(above, ast.If) and above.orelse == [node]
    inside = [nesting(child, node) for child in _statements(node) if not isinstance(child, Function)]
    return max(inside, default=0) + (isinstance(node, BLOCKS) and not follows)


def called(node: ast.Call) -> str:
    """The last name of what is called: `raises` of `pytest.raises(...)`."""
    func = node.func
    if isinstance(func, ast.Name | ast.Attribute):
        return func.id if isinstance(func, ast.Name) else func.attr
    return ast.unparse(func).rpartition(".")[2]


def defined(node: ast.AST) -> str:
    """The name that a node gives to something, or nothing."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return node.arg if isinstance(node, ast.arg) else str(getattr(node, "name", None) or "")


def at(source: Source, node: ast.AST, text: str) -> Found:
    """A finding at a node, in the innermost function around it."""
    line = getattr(node, "lineno", 1)
    around = [name for name, one in functions(source.tree) if one.lineno <= line <= (one.end_lineno or 0)]
    return Found(source.path, line, around[-1] if around else "", text)
