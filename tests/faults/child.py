"""Child processes of the tests: the command line that dies, meets a signal or lacks something, and merges that die.

    python -m tests.faults.child die SLICE|ALL FOLDER BEGIN WORD...
    python -m tests.faults.child merge SLICE|ALL FOLDER BEGIN
    python -m tests.faults.child pages CACHE FIRST STEP
    python -m tests.faults.child signal SIGNAL TIMES STUCK MOMENT MODULE:NAME WORD...
    python -m tests.faults.child without PACKAGE|threads WORD...

die: the command `safla WORD...` is run once undisturbed, to count its K calls that touch the disk, and then for each k
of 1..K once more, ending as by a kill before call k, and last behind call K. What call k leaves is what call k + 1
finds, so that is every state of the disk; ALL dies behind each call too, SLICE before one in seven alone. Each time it
is run in a copy of the folder BEGIN, FOLDER/before-<k> or after-<k>, `{}` in a word, and then once more undisturbed. A
line of JSON tells of each: folder, first and second exit code, calls, and what changed a file without being counted;
but where a death left the very bytes of an earlier one, the second is `as before-<k>` (not with ALL). The counting
stands around os and io before safla is imported, so that no name escapes it; the commands run in forks, so that nothing
is imported twice. Hence nothing of safla is imported at the top of this module.

merge: the same with a merge into a store in the place of the command. pages: it merges fifty pages, every STEP-th hour
from the hour FIRST on.

signal: one function sends its own process a signal as it is entered, so that a phase is met exactly. TIMES signals are
sent, one behind the other; STUCK is 1 where the function does not come to an end by itself. The file MOMENT gets the
moment, seconds of the monotonic clock.

without: a package is not there. `threads` is none of them: it stands for new threads, and what the system says when the
limit on them is met.
"""

import gc
import hashlib
import importlib
import importlib.abc
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIED = 77
PAGES, CANDLES = 50, 20  # of `pages`
STRIDE = 7  # of the calls, a slice dies at one in so many; the last one is among them
CALLS = ("open", "write", "fsync", "fdatasync", "rename", "replace", "ftruncate", "truncate", "mkdir", "unlink", "link")
CHANGES = {"open", "os.rename", "os.mkdir", "os.remove", "os.truncate", "os.link", "os.symlink", "os.rmdir", "os.chmod"}
USED = ("cli.run", "paper.listeners", "report.summary", "report.tables", "config.loader", "data.synthetic")


class Counter:
    """Counts calls while it is on, and ends the process at the k-th: before it or after it."""

    def __init__(self) -> None:
        self.on = False
        self.inside = 0
        self.count = 0
        self.dies_at = 0
        self.when = "before"
        self.escaped: list[str] = []

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*arguments: Any, **named: Any) -> Any:
            if not self.on or self.inside or not _deciding():
                return call(*arguments, **named)
            self.count += 1
            self._perhaps_die("before")
            self.inside += 1
            try:
                return call(*arguments, **named)
            finally:
                self.inside -= 1
                self._perhaps_die("after")

        return counted

    def _perhaps_die(self, when: str) -> None:
        if self.count == self.dies_at and when == self.when:
            os._exit(DIED)

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python says of itself what it does to files: one that is changed outside a counted call has escaped."""
        if not self.on or self.inside or event not in CHANGES or not _deciding():
            return
        reads = event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if not reads and str(arguments[0]) != os.devnull:
            self.escaped.append(f"{event} {arguments[0]}")


def _deciding() -> bool:
    """Whether this is the thread that runs: one that listens beside it decides nothing, and is never in step."""
    return threading.get_ident() == threading.main_thread().ident


COUNTER = Counter()


class Raw(io.FileIO):
    """A file whose writes are counted, however it was opened."""

    write = COUNTER.around(io.FileIO.write)
    truncate = COUNTER.around(io.FileIO.truncate)


def opened(open_file: Callable[..., Any]) -> Callable[..., Any]:
    """`open` with counted writes."""

    def counted(
        file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        if not COUNTER.on or not set(mode) & set("wxa+"):
            return open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = COUNTER.around(Raw)(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    return counted


def prepare() -> Callable[[list[str]], int]:
    """Put the counting around, then import what a command would. Returns the command line."""
    for name in CALLS:
        setattr(os, name, COUNTER.around(getattr(os, name)))
    io.open = opened(io.open)  # that of pathlib and os.fdopen too
    sys.addaudithook(COUNTER.note)
    for name in USED:
        importlib.import_module(f"safla.{name}")
    importlib.import_module("polars")
    importlib.import_module("safla.journal.append").BATCH = 12_000  # bytes: several writes
    importlib.import_module("safla.paper.runner").LOOK_SECONDS = 3_600.0  # a look at commands opens their folder
    importlib.import_module("safla.paper.session").SNAPSHOT_SECONDS = 3_600.0  # how many there are is chance
    main: Callable[[list[str]], int] = importlib.import_module("safla.cli").main
    gc.freeze()  # a fork that collects would copy every page
    return main


def in_a_child(main: Callable[[list[str]], int], words: list[str], *, dies_at: int, when: str) -> tuple[Any, ...]:
    """Run in a fork: its exit code, how many calls there were, and those that escaped."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        COUNTER.on, COUNTER.dies_at, COUNTER.when = True, dies_at, when
        code = main(words)
        COUNTER.on = False
        os.write(writer, json.dumps([COUNTER.count, COUNTER.escaped]).encode())
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (code, *(json.loads(text) if text else (0, [])))


def each(main: Callable[[list[str]], int], folder: Path, begin: Path, words: list[str], *, thorough: bool) -> None:
    """Count, die at each point, run again, tell. A state that was met before is not gone on from twice."""
    met: dict[str, str] = {}
    calls = once(main, folder / "before-0", begin, words, met=met, dies_at=0, when="before")
    first, step = (1, 1) if thorough else (1 + (calls - 1) % STRIDE, STRIDE)
    points = [*(("before", k) for k in range(first, calls + 1, step)), ("after", calls)]
    for when, k in [*points, *(("after", k) for k in range(1, calls) if thorough)]:
        known = {} if thorough else met
        once(main, folder / f"{when}-{k}", begin, words, met=known, dies_at=k, when=when)


def once(
    main: Callable[[list[str]], int], place: Path, begin: Path, words: list[str], *, met: dict[str, str], **dies: Any
) -> int:
    """One point. Returns how many calls there were."""
    shutil.copytree(begin, place)
    own = [word.replace("{}", str(place)) for word in words]
    first, calls, escaped = in_a_child(main, own, **dies)
    state = state_of(place)
    second = in_a_child(main, own, dies_at=0, when="before")[0] if state not in met else met[state]
    met.setdefault(state, f"as {place.name}")
    print(json.dumps([place.name, first, second, calls, escaped]), flush=True)
    return int(calls)


def points_of(calls: int, *, thorough: bool) -> int:
    """How many deaths are due where there are so many calls."""
    return 2 * calls if thorough else -(-calls // STRIDE) + 1


def state_of(place: Path) -> str:
    """What lies in a folder, the pid in a lock and logs apart."""
    total = hashlib.blake2b()
    for one in sorted(place.rglob("*")):
        total.update(f"{one.relative_to(place)}\0".encode())
        apart = one.name == "lock" or one.suffix == ".log"
        total.update(one.read_bytes() if one.is_file() and not apart else b"")
    return total.hexdigest()


def merge_late(words: list[str]) -> int:
    """The merge that dies: into two months, with a stretch without candles, and candles of other values."""
    from safla.data.store import store
    from tests.data.series import AT, candles, place, span

    where = place(Path(words[0]))
    store.merge(where, candles([*range(10, 50)]), source="late", at=AT + 1, absent=[span(60, 70), span(2, 4)])
    store.merge(where, candles([12, 13], shift=1), source="late", at=AT + 2)
    return 0


def merge_pages(cache: Path, first: int, step: int) -> None:
    """Fifty pages, one after the other."""
    from tests.data.series import candles, merge, place

    for page in range(PAGES):
        hours = range(first + page * CANDLES * step, first + (page + 1) * CANDLES * step, step)
        merge(place(cache), candles(hours))


def replace_by_signal(target: str, number: int, *, times: int, stuck: bool, moment: Path) -> None:
    """Put the sending of the signal in front of a function."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    place = importlib.import_module(module)
    for owner in owners:
        place = getattr(place, owner)
    original = getattr(place, name)

    def entered(*arguments: Any, **named: Any) -> Any:
        if not moment.exists():
            moment.write_text(str(time.monotonic()))
            for _ in range(times):
                os.kill(os.getpid(), number)
            for _ in range(3_000 if stuck else 0):
                time.sleep(0.01)
        return original(*arguments, **named)

    setattr(place, name, entered)
    if times > 1:
        importlib.import_module(
            "safla.runs.interrupt"
        ).GRACE_SECONDS = 60  # so that it is the second signal that ends the process


class Missing(importlib.abc.MetaPathFinder):
    """A finder that says of one package that it is not there."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """ModuleNotFoundError for the package and what is in it; of all else it knows nothing."""
        if fullname.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def no_thread(_thread: threading.Thread) -> None:
    """What Thread.start does at a limit."""
    raise RuntimeError("can't start new thread")


def main(kind: str, *words: str) -> None:
    """What is asked for by its first word."""
    if kind == "die":
        each(prepare(), Path(words[1]), Path(words[2]), [*words[3:]], thorough=words[0] == "ALL")
    elif kind == "merge":
        prepare()
        for name in ("safla.data.store.store", "tests.data.series"):  # before the forks: they are imported once
            importlib.import_module(name)
        each(merge_late, Path(words[1]), Path(words[2]), ["{}"], thorough=words[0] == "ALL")
    elif kind == "pages":
        merge_pages(Path(words[0]), int(words[1]), int(words[2]))
    elif kind == "signal":
        run_with_signal(*words)
    else:
        sys.exit(run_without(*words))


def run_with_signal(number: str, times: str, stuck: str, moment: str, target: str, *words: str) -> None:
    """The program, as a person starts it."""
    from safla.__main__ import program

    replace_by_signal(target, int(number), times=int(times), stuck=stuck == "1", moment=Path(moment))
    sys.argv = ["safla", *words]
    program()


def run_without(what: str, *words: str) -> int:
    """The command line, imported before anything is missing."""
    from safla.cli import main as command_line

    if what == "threads":
        threading.Thread.start = no_thread  # type: ignore[method-assign]
    else:
        sys.meta_path.insert(0, Missing(what))
    return command_line([*words])


if __name__ == "__main__":
    main(*sys.argv[1:])
