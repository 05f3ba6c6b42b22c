"""Mutation: a module is changed in one place, and its tests must notice. `make mutate ROOM=exchange MOST=200 SEED=7`.

A mutant first meets the tests of its own module, then those of its room, then those that go through all rooms. One that
gets through all of them is shown: it is a missing test, or a change that changes nothing.
"""

import argparse
import ast
import copy
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
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


ROOT = Path(__file__).parents[2]
COPIED = ("safla", "tests", "configs", "schemas", "pyproject.toml")


def copied(place: Path) -> Path:
    """All that tests need, in a folder that is there."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name)  # compiled files too: they hold in the copy, and save its first start
        else:
            shutil.copy(source, place / name)
    return place


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """The file with another text, for the length of a `with`."""
    before = path.read_text()
    try:
        _write(path, text)
        yield
    finally:
        _write(path, before)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # Python would tell them apart by whole seconds
        compiled.unlink()


MEASURED = ("exchange", "journal", "core")  # by docs/faults.md
ROOMS = (*MEASURED, "candles", "data/store")
LATER = {  # what goes through a room, beside its own tests
    "exchange": (
        "tests/faults/test_exchange_limits.py", "tests/faults/test_half_open.py",
        "tests/faults/test_exchange_answers.py", "tests/faults/test_exchange_pages.py",
    ),
    "candles": ("tests/faults/test_candle_files.py",),
    "journal": (
        "tests/faults/test_damage.py", "tests/faults/test_cuts.py", "tests/faults/test_disk.py",
        "tests/faults/test_paper_disk.py", "tests/test_golden_journals.py",
    ),
    "core": ("tests/test_golden_journals.py", "tests/properties"),
    "data/store": ("tests/faults/test_store.py",),
}  # fmt: skip
DUE = 0.9  # of all mutants of a room (docs/faults.md)
PATIENCE = 3.0  # times as long as without a change, and then it hangs, which is noticing too
SAID = "said.txt"  # what the tests print, in the copy
PRELOADED = "numpy hypothesis pytest msgspec pydantic ruamel.yaml polars loguru transitions ccxt.async_support aiohttp"


class Task(NamedTuple):
    """One mutant and the groups of tests that it meets, one after the other."""

    room: str
    file: str  # below safla/
    mutant: Mutant
    groups: tuple[tuple[str, ...], ...]


class Met(NamedTuple):
    """What became of it: the number of the group that noticed, from 1; 0: none."""

    task: Task
    noticed: int


def files(room: str) -> list[str]:
    """The modules of a room, below safla/."""
    return [path.relative_to(ROOT / "safla").as_posix() for path in sorted((ROOT / "safla" / room).rglob("*.py"))]


def groups(room: str, file: str) -> tuple[tuple[str, ...], ...]:
    """The tests that the mutants of a module meet."""
    own = f"tests/{file.rpartition('/')[0]}/test_{Path(file).stem}.py"
    return (*([(own,)] if (ROOT / own).exists() else []), (f"tests/{room}",), LATER[room])


def tasks(room: str) -> Iterator[Task]:
    """Every mutant of a room."""
    for file in files(room):
        for one in mutants((ROOT / "safla" / file).read_text()):
            yield Task(room, file, one, groups(room, file))


class Tree:
    """A copy of the sources and their tests, in which one file at a time is changed."""

    def __init__(self, place: Path) -> None:
        self._place = copied(place)
        self._seconds: dict[tuple[str, ...], float] = {}

    def meet(self, task: Task) -> Met:
        """Let a mutant meet its tests. ValueError where they fail without it."""
        for number, group in enumerate(task.groups, 1):
            patience = 5.0 + PATIENCE * self._lasts(group)
            with changed(self._place / "safla" / task.file, task.mutant.text):
                if self._fails(group, seconds=patience):
                    return Met(task, number)
        return Met(task, 0)

    def _lasts(self, group: tuple[str, ...]) -> float:
        """Seconds that tests take without a change."""
        if group not in self._seconds:
            began = time.monotonic()
            if self._fails(group, seconds=600.0):
                said = (self._place / SAID).read_text(errors="replace")
                raise ValueError(f"{' '.join(group)}: fails without a change\n{said[-3_000:]}")
            self._seconds[group] = time.monotonic() - began
        return self._seconds[group]

    def _fails(self, group: Sequence[str], *, seconds: float) -> bool:
        """Whether tests fail, or hang, in a process of their own: what they need is imported there already."""
        child = os.fork()
        if child == 0:
            _run(self._place, group)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status != 0
            time.sleep(0.01)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return True


def _run(place: Path, group: Sequence[str]) -> None:
    """In the child: the tests, out of the copy; what they print goes into a file. It does not come back."""
    import pytest

    os.setsid()
    os.chdir(place)
    for name in [one for one in sys.modules if one.partition(".")[0] in ("safla", "tests")]:
        del sys.modules[name]  # ours; theirs are those of the copy
    sys.path.insert(0, str(place))
    sys.dont_write_bytecode = True  # two mutants within a second have the same time
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(place))
    said = os.open(place / SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, to in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said), (2, said)):
        os.dup2(to, number)
    unheard = ["-p", "no:cacheprovider", "-p", "no:faulthandler", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    os._exit(int(pytest.main(["-x", "-q", *unheard, *group]) != 0))


def drawn(room: str, *, most: int | None, seed: int) -> list[Task]:
    """All mutants of a room, or so many of them by chance, in the order of files and lines."""
    found = list(tasks(room))
    if most is None or most >= len(found):
        return found
    places = sorted(random.Random(seed).sample(range(len(found)), most))
    return [found[place] for place in places]


def met(asked: Sequence[Task], *, processes: int) -> Iterator[Met]:
    """What became of each, as it comes, by so many processes side by side, each with a copy of its own."""
    reading, writing = os.pipe()
    children = [_worker(asked[first::processes], first, processes, writing) for first in range(processes)]
    os.close(writing)
    with os.fdopen(reading) as lines:
        for line in lines:
            number, noticed = json.loads(line)
            yield Met(asked[number], noticed)
    for child in children:
        _, status = os.waitpid(child, 0)
        if status != 0:
            raise RuntimeError("a process that met mutants ended badly")


def _worker(asked: Sequence[Task], first: int, step: int, writing: int) -> int:
    child = os.fork()
    if child != 0:
        return child
    status = 1
    try:
        with tempfile.TemporaryDirectory() as place:
            tree = Tree(Path(place))
            for number, task in enumerate(asked):
                os.write(writing, f"{json.dumps([first + number * step, tree.meet(task).noticed])}\n".encode())
        status = 0
    except BaseException:  # noqa: BLE001  nobody else says what ended a process that was forked
        traceback.print_exc()
    finally:
        os._exit(status)


def main(arguments: Sequence[str]) -> int:
    """0 where each room notices its share (DUE), else 1."""
    parser = argparse.ArgumentParser(description="change a module in one place; its tests must notice")
    parser.add_argument("--room", choices=ROOMS, action="append", help="one or more; else all")
    parser.add_argument("--most", type=int, help="so many of each room, drawn by chance; else all")
    parser.add_argument("--seed", type=int, default=20_240_101)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    for name in PRELOADED.split():
        __import__(name)
    return int(min([_room(room, given) for room in given.room or ROOMS]) < DUE)


def _room(room: str, given: argparse.Namespace) -> float:
    """The share that is noticed; what gets through is said as it comes."""
    asked = drawn(room, most=given.most, seed=given.seed)
    through = 0
    for number, one in enumerate(met(asked, processes=given.processes), 1):
        if not one.noticed:
            through += 1
            print(f"  safla/{one.task.file}:{one.task.mutant.line}: {one.task.mutant.what}", flush=True)
        if sys.stderr.isatty():
            print(f"\r{room}: {number} of {len(asked)}", end="\r", file=sys.stderr)
    share = 1 - through / len(asked)
    print(f"{room}: {len(asked) - through} of {len(asked)} noticed, {share:.1%}", flush=True)
    return share


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
