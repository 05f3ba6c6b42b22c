"""A process that runs one command again and again, and dies each time at another of its calls that touch the disk.

    python -m tests.faults.dying SLICE|ALL FOLDER BEGIN WORD...

The command `safla WORD...` is run once undisturbed, to count its K calls, and then for each k of 1..K once more, ending
as by a kill before call k, and last behind call K. What call k leaves is what call k + 1 finds, so that is every state
of the disk; ALL dies behind each call too, SLICE before one in three alone. Each time it is run in a copy of the folder
BEGIN, FOLDER/before-<k> or after-<k>, `{}` in a word, and then once more undisturbed. A line of JSON tells of each:
folder, first and second exit code, calls, and what changed a file without being counted; but where a death left the
very bytes of an earlier one, the second is `as before-<k>` (not with ALL). The counting stands around os and io before
safla is imported, so that no name escapes it; the commands run in forks, so that nothing is imported twice.
"""

import gc
import hashlib
import importlib
import io
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

DIED = 77
STRIDE = 3  # of the calls, a slice dies at one in so many; the last one is among them
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


if __name__ == "__main__":
    each(prepare(), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:], thorough=sys.argv[1] == "ALL")
