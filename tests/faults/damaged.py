"""A small finished run that a test damages, and what the two commands say of it in this process. No assertion."""

from pathlib import Path

import pytest

from safla.cli import main
from safla.journal import head as anchor
from safla.journal.head import Head
from safla.journal.survey import judged
from tests.faults.command import Answer
from tests.runs import SMALL, run, small

TEXT = SMALL.replace("candles: 900", "candles: 120")  # 165 lines, with every kind of event but expired orders
POSITIONS = 2  # that are open at once at most
FILES = frozenset({"journal.jsonl", "head", "lock", "candles.parquet", "config.yaml", "summary.json"})

Capture = pytest.CaptureFixture[str]


def finished(place: Path, *sets: str, name: str = "run") -> Path:
    """A run folder below a place, beside the configuration that a user would start again."""
    folder = place / name
    run(small(place, *sets, text=TEXT), folder)
    return folder


def again(folder: Path, capsys: Capture, *options: str) -> Answer:
    """The command of the run once more, as after a fault."""
    return _asked(["run", str(folder.parent / "small.yaml"), "--out", str(folder), *options], capsys)


def replayed(run: Path, capsys: Capture, *options: str) -> Answer:
    """The journal read by itself."""
    return _asked(["replay", str(run), *options], capsys)


def _asked(arguments: list[str], capsys: Capture) -> Answer:
    capsys.readouterr()
    return Answer(main(arguments), *capsys.readouterr())


def whole(lines: list[bytes]) -> bytes:
    """Lines as the text of a file."""
    return b"".join(lines)


def starts(text: bytes) -> list[int]:
    """Where the lines of a text begin, and where the last whole one ends."""
    found = [0]
    while (end := text.find(b"\n", found[-1])) >= 0:
        found.append(end + 1)
    return found


def head_at(text: bytes, line: int) -> Head:
    """What head says of a journal once so many of its lines are synced."""
    found = judged(text[: starts(text)[line]], None)
    return Head(n=found.lines, offset=found.offset, h=found.h.decode("ascii"))


def put(folder: Path, text: bytes, head: Head | None) -> None:
    """Give a run folder this journal and this head, or none."""
    (folder / "journal.jsonl").write_bytes(text)
    (folder / "head").unlink(missing_ok=True)
    if head is not None:
        anchor.write(folder / "head", head)
