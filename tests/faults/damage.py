"""A small finished run that a test damages, and what the two commands say of it in this process.

Below: what may stand under a name in place of a file of ours; what was there lies elsewhere then, or is gone.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from safla.cli import main
from safla.journal.checkpoint import Checkpoint, write_checkpoint
from safla.journal.verify import verify_text
from tests.faults.command import Answer, inside
from tests.faults.invariants import check_answer, untouched
from tests.small_runs import SMALL

TEXT = SMALL.replace("candles: 900", "candles: 120")  # 165 lines, with every kind of event but expired orders
POSITIONS = 2  # that are open at once at most
FILES = frozenset({"journal.jsonl", "head", "lock", "candles.parquet", "config.yaml", "summary.json"})

Capture = pytest.CaptureFixture[str]


def finished(place: Path, *sets: str, name: str = "run") -> Path:
    """A run folder below a place, beside the configuration that a user would start again."""
    (place / "small.yaml").write_text(TEXT)
    options = [word for one in sets for word in ("--set", one)]
    assert main(["run", str(place / "small.yaml"), "--out", str(place / name), "--quiet", *options]) == 0
    return place / name


def again(folder: Path, capsys: Capture, *options: str) -> Answer:
    """The command of the run once more, as after a fault."""
    return inside(capsys, "run", folder.parent / "small.yaml", "--out", folder, *options)


def replayed(run: Path, capsys: Capture, *options: str) -> Answer:
    """The journal read by itself."""
    return inside(capsys, "replay", run, *options)


def refused(folder: Path, capsys: Capture, command: Callable[..., Answer], *, code: int = 4) -> str:
    """What a command says on stderr that refuses a run and leaves every byte of it alone."""
    with untouched(folder):
        answer = command(folder, capsys)
    check_answer(answer, code)
    return answer.err


def whole(lines: list[bytes]) -> bytes:
    """Lines as the text of a file."""
    return b"".join(lines)


def starts(text: bytes) -> list[int]:
    """Where the lines of a text begin, and where the last whole one ends."""
    found = [0]
    while (end := text.find(b"\n", found[-1])) >= 0:
        found.append(end + 1)
    return found


def head_at(text: bytes, line: int) -> Checkpoint:
    """What head says of a journal once so many of its lines are synced."""
    found = verify_text(text[: starts(text)[line]], None)
    return Checkpoint(n=found.lines, offset=found.offset, h=found.h.decode("ascii"))


def put(folder: Path, text: bytes, head: Checkpoint | None) -> None:
    """Give a run folder this journal and this head, or none."""
    (folder / "journal.jsonl").write_bytes(text)
    (folder / "head").unlink(missing_ok=True)
    if head is not None:
        write_checkpoint(folder / "head", head)


STRANGER = 65_534  # a user who owns nothing


def symlink(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere / path.name)
    path.symlink_to(elsewhere / path.name)


def link_to_nowhere(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere / "nowhere")


def fifo(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def in_its_place_a_folder(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def hard_link(path: Path, elsewhere: Path) -> None:
    os.link(path, elsewhere / path.name)


def of_another(path: Path, _elsewhere: Path) -> None:
    os.chown(path, STRANGER, STRANGER)
