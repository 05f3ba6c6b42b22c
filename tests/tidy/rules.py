"""The rules by which the source is read (docs/architecture.md): each takes a source and yields what breaks it.

Where a rule holds, and what may differ for which reason, is the table in tests/test_tidy.py. Long lines, naive
datetimes, unsorted imports and the like are ruff's part (pyproject.toml).
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.tidy.source import (
    Findings,
    Found,
    Function,
    Source,
    at,
    called,
    defined,
    functions,
    imported,
    nesting,
    nodes,
)

# Imports go one way: a room may import those above it in this list (docs/architecture.md).
ORDER = (
    {"error_codes"},
    {"errors"},
    {"clock", "fs", "section", "text"},
    {"core"},
    {"compiled"},
    {"candles", "metrics"},
    {"strategies"},
    {"config"},
    {"exchange"},
    {"data"},
    {"journal"},
    {"observe"},
    {"runs"},
    {"paper"},
    {"report", "sweep"},
    {"compat"},
    {"cli"},
    {"__main__"},
)
FACES = set("__init__ api data_feed compat indicators monitoring simulator".split())
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}

PURE_ROOMS = ("core", "metrics", "strategies")  # numbers and arrays in, numbers and arrays out
PURE_MAY_IMPORT = set(
    "bisect collections dataclasses decimal difflib enum fractions functools hashlib itertools math operator re "
    "statistics typing numpy transitions safla".split()
)
OUTSIDE_NAMES = {"open", "print", "input", "breakpoint"}  # the disk and the terminal
OUTSIDE_ATTRIBUTES = set(  # the clock, chance, the environment, and numpy's ways to the disk
    "now today utcnow monotonic perf_counter sleep random urandom environ getenv load save savez loadtxt savetxt "
    "fromfile tofile memmap genfromtxt".split()
)
SLOW = set("aiohttp ccxt dask joblib llvmlite numba optuna plotly polars prometheus_client psutil yarl".split())  # D8
MAY_BE_LATE = SLOW | {"importlib", "numpy", "rich", "safla"}  # what start-up can do without

EXACT_MATH = set("inf isnan isqrt nan sqrt".split())
ARRAY_ARITHMETIC = set(
    "convolve correlate cumprod cumsum dot einsum exp exp2 expm1 log log10 log1p log2 matmul mean nanmean nansum "
    "polyfit pow power prange prod std sum trapezoid var".split()
)

CITED = re.compile(r"(?<![A-Za-z0-9_\[{-])[BCDJKLRSVXZ][0-9]{1,2}[a-z]?(?![A-Za-z0-9_\]}])")  # of a rule (docs/)
Documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
NAMES_WITHOUT_A_RULE = set("base common handler helper helpers manager misc util utils".split())
OTHER_WORDS = set("inventory kline klines satoshi wallet".split())  # the glossary has one word for each thing
CALLS = {
    "eval": "text becomes code",
    "exec": "text becomes code",
    "__import__": "an import that nobody sees",
    "import_module": "an import that nobody sees",
    "spec_from_file_location": "an import by path",
    "run_path": "an import by path",
    "system": "a shell",
    "popen": "a shell",
}
MODULES = {"dill", "marshal", "pickle", "runpy", "shelve"}  # reading them runs what was written
NOT_PURE = (ast.Try, ast.Raise, ast.With, ast.Yield, ast.Await, ast.Lambda, ast.JoinedStr, ast.Import, ast.ImportFrom)
ASSERTS = set(  # calls that raise where something is wrong
    "ask check check_any_cut check_candles fail golden raises raises_code validate verify warns".split()
)


# --- Rooms -----------------------------------------------------------------------------------------------------------


def arrows(source: Source) -> Findings:
    """An import of a room that is not above ours, or a room that has no place in ORDER."""
    ours = room(source.module)
    if ours not in RANK:
        yield Found(source.path, 1, "", f"{ours}: ORDER has no such room")
        return
    for node, name in imported(source.tree):
        theirs = room(name) if name.split(".")[0] == "safla" else ours
        if theirs != ours and RANK.get(theirs, -1) >= RANK[ours]:
            yield at(source, node, f"{ours} may not import {theirs} ({name})")


def pure_imports(source: Source) -> Findings:
    """An import of what can do more than hold values. A strategy also declares its keys."""
    allowed = PURE_MAY_IMPORT | ({"pydantic"} if room(source.module) == "strategies" else set())
    for node, name in imported(source.tree):
        if name.split(".")[0] not in allowed:
            yield at(source, node, f"a pure room may not import {name}")


def impure(source: Source) -> Findings:
    """A name that stands for the clock, chance, the environment, the disk or the terminal (Z27)."""
    for node in nodes(source.tree):
        if isinstance(node, ast.Name) and node.id in OUTSIDE_NAMES and isinstance(node.ctx, ast.Load):
            yield at(source, node, f"{node.id} reaches outside")
        if isinstance(node, ast.Attribute) and node.attr in OUTSIDE_ATTRIBUTES:
            yield at(source, node, f".{node.attr} reaches outside")
        if isinstance(node, ast.Constant) and node.value in ("now", "today"):
            yield at(source, node, "numpy reads the clock for this word")


def floats(source: Source) -> Findings:
    """A float: a literal, a true division, a conversion."""
    for node in nodes(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield at(source, node, f"{node.value}: a float literal")
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield at(source, node, "a true division")
        if isinstance(node, ast.Call) and called(node) == "float":
            yield at(source, node, "a conversion to float")


def inexact(source: Source) -> Findings:
    """An operation on doubles whose bits or order are not those of the source on every machine (V1)."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.MatMult | ast.Mod):
            yield at(source, node, f"{ast.unparse(node)}: only + - * / of doubles")
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "math" and node.attr not in EXACT_MATH:
            yield at(source, node, f"math.{node.attr}: its bits differ between machines")
        if isinstance(node, ast.Attribute) and node.attr in ARRAY_ARITHMETIC:
            yield at(source, node, f".{node.attr}: the order of its operations is not that of the source")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("sum", "pow", "round"):
            yield at(source, node, f"{node.func.id}: a loop says in which order it adds")
        if isinstance(node, ast.keyword) and node.arg in ("fastmath", "parallel"):
            yield at(source, node.value, f"{node.arg}=")


def not_plain(source: Source) -> Findings:
    """A @pure function that could not be compiled, or would hide what it does: defaults, closures, exceptions, text."""
    for name, function in functions(source.tree):
        if not is_pure(function):
            continue
        if function.args.defaults or function.args.kwonlyargs:
            yield Found(source.path, function.lineno, name, "a default, or a keyword-only parameter")
        for node in nodes(function):
            if isinstance(node, NOT_PURE) or (isinstance(node, Function) and node is not function):
                yield Found(source.path, getattr(node, "lineno", 0), name, f"{type(node).__name__} in a @pure function")


def early(source: Source) -> Findings:
    """A slow import at the top of a module; what only a type checker reads is not imported."""
    inside = {id(node) for _, function in functions(source.tree) for node in nodes(function)}
    for block in nodes(source.tree):
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING"):
            inside |= {id(node) for node in nodes(block)}
    for node, name in imported(source.tree):
        if id(node) not in inside and name.split(".")[0] in SLOW:
            yield at(source, node, f"{name} is slow: import it in the function that needs it")


def late(source: Source) -> Findings:
    """An import inside a function of something that is not slow."""
    for name, function in functions(source.tree):
        for node, module in imported(function):
            if not isinstance(node, ast.Constant) and module.split(".")[0] not in MAY_BE_LATE:
                yield Found(source.path, node.lineno, name, f"{module} is not slow: import it at the top")


def room(module: str) -> str:
    """The room of a module of safla."""
    second = [*module.split("."), "__init__"][1]
    return "compat" if second in FACES else second


# --- Sizes and words -------------------------------------------------------------------------------------------------


def long_module(source: Source) -> Findings:
    """A module over 500 lines."""
    lines = source.text.count("\n")
    if lines > 500:
        yield Found(source.path, lines, "", f"{lines} lines, 500 at most")


def long_function(source: Source) -> Findings:
    """A function over 60 lines; its docstring does not count, for none should be cut to fit."""
    for name, function in functions(source.tree):
        first = function.body[0]
        doc_lines = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) is not None else 0
        lines = (function.end_lineno or 0) - function.lineno + 1 - doc_lines
        if lines > 60:
            yield Found(source.path, function.lineno, name, f"{lines} lines, 60 at most")


def deep(source: Source) -> Findings:
    """A function with blocks in blocks in blocks in blocks."""
    for name, function in functions(source.tree):
        depth = nesting(function)
        if depth > 3:
            yield Found(source.path, function.lineno, name, f"nested {depth} deep, 3 at most")


def undocumented(source: Source) -> Findings:
    """A module with code, or a public class or function, that does not say what it is."""
    if source.tree.body and not ast.get_docstring(source.tree):
        yield Found(source.path, 1, "", "no docstring")
    for one in public(source.tree):
        if not ast.get_docstring(one):
            yield Found(source.path, one.lineno, one.name, "no docstring")


def public(parent: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """What others may call: public functions and classes, and their public methods."""
    for node in parent.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def ruleless(source: Source) -> Findings:
    """A module whose name says nothing of what belongs there."""
    for part in NAMES_WITHOUT_A_RULE & set(source.module.split(".")):
        yield Found(source.path, 1, "", f"{part}: a room needs a rule")


def words(source: Source) -> Findings:
    """A name that the glossary has another word for."""
    for node in nodes(source.tree):
        for word in OTHER_WORDS & {part.lower() for part in re.split(r"_|(?<=[a-z])(?=[A-Z])", defined(node))}:
            yield at(source, node, f"{word}: the glossary has another word for it")


def coded(source: Source) -> Findings:
    """A text for users that cites a rule by its code: docs/ is for who reads the code."""
    inside = {id(node) for text in _docstrings(source.tree) for node in nodes(text)}
    for node in nodes(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            for found in CITED.finditer(node.value):
                yield at(source, node, f"{found[0]}: a rule code in a text for users")


def cited(source: Source) -> set[str]:
    """The codes of the rules that comments and docstrings name."""
    texts = [ast.get_docstring(node) or "" for node in nodes(source.tree) if isinstance(node, Documented)]
    texts += [comment for line in source.text.splitlines() for comment in line.split("#")[1:]]
    return {found[0] for text in texts for found in CITED.finditer(text)}


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in nodes(tree):
        if isinstance(node, Documented) and ast.get_docstring(node) is not None:
            first = node.body[0]
            assert isinstance(first, ast.Expr)
            yield first.value


def wide(source: Source) -> Findings:
    """A public function with more than two positional parameters, or a boolean one: calls would not say what is what.

    Pure functions take numbers by position (D2), and the classes of compat keep the signatures that their users know.
    """
    if room(source.module) in (*PURE_ROOMS, "compat"):
        return
    for name, function in functions(source.tree):
        if any(part.startswith("_") for part in name.split(".")) or is_pure(function):
            continue
        taken = [one for one in positional(function) if one.arg not in ("self", "cls")]
        if len(taken) > 2:
            yield Found(source.path, function.lineno, name, f"{len(taken)} positional parameters, 2 at most")
        for one in taken:
            if one.annotation is not None and ast.unparse(one.annotation) == "bool":
                yield Found(source.path, function.lineno, name, f"{one.arg}: a boolean by position")


def is_pure(function: Function) -> bool:
    """Whether a decorator marks the function for the compiler."""
    return any(isinstance(mark, ast.Name) and mark.id in ("pure", "entry_point") for mark in function.decorator_list)


def positional(function: Function) -> list[ast.arg]:
    """The parameters that can be given by position."""
    return [*function.args.posonlyargs, *function.args.args]


# --- Constructs ------------------------------------------------------------------------------------------------------


def forbidden(source: Source) -> Findings:
    """What hides, what runs text, what imports by path, a shell (Z20); what is unfinished."""
    for statement, name in imported(source.tree):
        if name.split(".")[0] in MODULES:
            yield at(source, statement, f"{name}: reading it runs what was written")
    for node in nodes(source.tree):
        if text := hidden(node):
            yield at(source, node, text)
    for number, line in enumerate(source.text.splitlines(), 1):
        if re.search(r"#\s*(TODO|FIXME|XXX|HACK)\b", line):
            yield Found(source.path, number, "", "unfinished")


def hidden(node: ast.AST) -> str:
    """What is wrong with a node alone, or nothing."""
    if isinstance(node, ast.Call) and called(node) in CALLS:
        return f"{called(node)}: {CALLS[called(node)]}"
    if isinstance(node, ast.keyword) and node.arg in ("shell", "metaclass"):
        return f"{node.arg}="
    if isinstance(node, ast.ImportFrom) and (node.level > 0 or node.names[0].name == "*"):
        return "a relative import, or a star"
    if isinstance(node, ast.Attribute) and node.attr == "path" and ast.unparse(node) == "sys.path":
        return "sys.path"
    if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc):
        return "unfinished"
    return "global" if isinstance(node, ast.Global) else ""


def broad(source: Source) -> Findings:
    """A handler that catches what it cannot answer (CONTRIBUTING.md, Z27)."""
    for node in nodes(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if caught == "" or re.search(r"\b(Base)?Exception\b", caught):
                yield at(source, node, f"except {caught}")


# --- Tests -----------------------------------------------------------------------------------------------------------


def mute(source: Source) -> Findings:
    """A test whose name is no sentence, or that asserts nothing itself and calls nothing here that does."""
    if not Path(source.path).name.startswith("test_"):
        return
    asserting = {name for name, function in functions(source.tree) if asserts(function, ASSERTS)}
    for name, function in functions(source.tree):
        test = name.rpartition(".")[2]
        if test.startswith("test") and len(test.split("_")) < 4:
            yield Found(source.path, function.lineno, name, "not a sentence: three words at least")
        if test.startswith("test") and not asserts(function, ASSERTS | asserting):
            yield Found(source.path, function.lineno, name, "asserts nothing")


def asserts(function: Function, known: set[str]) -> bool:
    """Whether a function asserts, or calls a function that is known to."""
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and called(node) in known)
        for node in nodes(function)
    )


# --- The whole package -----------------------------------------------------------------------------------------------


def twice(modules: Sequence[Source]) -> dict[str, list[str]]:
    """Public classes and types that several modules define, and functions that are so and are imported by their name.

    A function that is always called as module.function has both names; type variables mean nothing of their own.
    """
    types: dict[str, list[str]] = defaultdict(list)
    calls: dict[str, list[str]] = defaultdict(list)
    imports = {name for source in modules for _, name in imported(source.tree)}
    bare: set[str] = set()
    for source in modules:
        for name in {name for node in source.tree.body for name in _types(node) if not name.startswith("_")}:
            types[name].append(source.path)
        for node in source.tree.body:
            if isinstance(node, Function) and not node.name.startswith("_"):
                calls[node.name].append(source.path)
                bare |= {node.name} if f"{source.module}.{node.name}" in imports else set()
    named = {name: places for name, places in calls.items() if name in bare}
    return {name: places for name, places in sorted({**named, **types}.items()) if len(places) > 1}


def _types(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield node.name
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        variable = isinstance(node.value, ast.Call) and called(node.value) in ("TypeVar", "ParamSpec")
        for target in () if variable else targets:
            if isinstance(target, ast.Name) and re.fullmatch(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*", target.id):
                yield target.id


READERS = {"candles", "config", "data", "exchange", "journal"}  # the rooms that meet what others wrote

# What an expression asks for, and the rooms that may. The core may nothing of all that (rules.impure).
WORLD = (
    (
        re.compile(r"time\.[a-z_]+|(datetime\.)?(datetime|date)\.(now|utcnow|today)"),
        "the clock",
        {"runs", "paper", "observe", "exchange", "clock"},
    ),
    (re.compile(r"os\.(environb?|getenv)"), "the environment", {"cli"}),
    (re.compile(r"(np\.random|random|secrets|uuid)\.\w+|os\.urandom"), "chance", {"data", "sweep"}),
)


def worldly(source: Source) -> Findings:
    """A clock, the environment or chance in a room that gets them as arguments (Z27, CONTRIBUTING.md)."""
    for node in nodes(source.tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        for pattern, what, rooms in WORLD:
            if pattern.fullmatch(text) and room(source.module) not in {*rooms, "core", "compat"}:
                yield at(source, node, f"{text}: {what} is an argument here")


def trusting(source: Source) -> Findings:
    """An assert where outside input is read: that is checked by exceptions, for asserts are for our bugs (Z23)."""
    if room(source.module) in READERS:
        for node in nodes(source.tree):
            if isinstance(node, ast.Assert):
                yield at(source, node, f"assert {ast.unparse(node.test)}: is that ours to promise?")
