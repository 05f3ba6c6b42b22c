"""The run folder: its name, how it is made, and how an old one is set aside (JOURNAL 2). Nothing is ever deleted."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safla.config.plan import RunPlan
from safla.errors import HostError, UsageError
from safla.journal.files import CANDLES, JOURNAL, open_to_write, refuse_others
from safla.journal.head import HEAD

CONFIG = "config.yaml"
SUMMARY = "summary.json"
LOCK = "lock"
OURS = (JOURNAL, HEAD, CANDLES, CONFIG, SUMMARY, LOCK)


def name_of(run: RunPlan, *, stem: str, candles: str) -> str:
    """The folder of a question: same plan, detail and candles, same name. candles: their digest, or `paper`."""
    question = json.dumps(
        [run.texts, run.symbols, run.scales, run.plan.rules.start_ts, run.detail, candles], sort_keys=True
    )
    return f"{_slug(stem)}-{hashlib.blake2b(question.encode('ascii'), digest_size=4).hexdigest()}"


def _slug(stem: str) -> str:
    """A file name made of the configuration's: letters, digits, dash and dot, never raw text (Z7)."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return kept.strip("-")[:60] or "run"


def make(folder: Path, *, force: bool) -> None:
    """Make the folder, 0700, or take one that is a run folder already; with force what is there is set aside (J9)."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise HostError(f"{folder}: not a folder of its own; name another with --out")
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise HostError(f"{folder}: belongs to another user; name another with --out (J30)")
    if force and (folder / JOURNAL).exists():
        with held(folder):  # a run that a process is writing is not taken from under it
            folder.rename(_aside(folder))
    elif force and folder.exists():
        folder.rename(_aside(folder))
    strange = [] if not folder.is_dir() else [one.name for one in folder.iterdir() if not _ours(one.name)]
    if strange and not (folder / JOURNAL).exists():
        raise UsageError(f"{folder}: no run folder, it holds {min(strange)}; name another with --out, or use --force")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HostError(f"{folder}: cannot be made: {error.strerror}") from error


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the run for the length of a `with`: HostError names the process that has it. The file stays (J30)."""
    refuse_others(folder, OURS)
    with os.fdopen(open_to_write(folder / LOCK, os.O_RDWR | os.O_CREAT), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HostError(f"{folder}: another process holds this run: pid {file.read(20).strip() or '?'}") from error
        except OSError as error:
            raise HostError(f"{folder}: a lock cannot be held there: {error.strerror}; name another folder") from error
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        for left in folder.glob("*.tmp"):  # of a process that died while it wrote
            left.unlink()
        yield


def _ours(name: str) -> bool:
    """Whether a run leaves a file of that name, perhaps before its first line (JOURNAL 2)."""
    return name in OURS or name.endswith((".tmp", ".log"))


def _aside(folder: Path) -> Path:
    for number in range(1, 10_000):
        name = folder.with_name(f"{folder.name}.{number}")
        if not os.path.lexists(name):
            return name
    raise HostError(f"{folder}: 9999 older runs stand beside it; move some away")
