"""The run folder: its name, how it is made, and how an old one is set aside (JOURNAL 2). Nothing is ever deleted."""

import fcntl
import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from safla.config.loader import Loaded
from safla.config.plan import RunPlan
from safla.config.plan_text import plan_texts, resolved_yaml
from safla.errors import HostError, UsageError
from safla.journal.checkpoint import HEAD
from safla.journal.files import CANDLES, JOURNAL, open_to_write, refuse_others, replace, sync_folder
from safla.text import printable

CONFIG = "config.yaml"
SUMMARY = "summary.json"
LOOK_AHEAD = "look_ahead.json"  # what was checked of a strategy from Python
LOCK = "lock"
REQUESTS = "requests"  # a folder: the commands halt, resume and stop that wait (S15a)
SNAPSHOT = "snapshot"  # where a paper run stands, for `safla status`
OURS = (JOURNAL, HEAD, CANDLES, CONFIG, SUMMARY, LOOK_AHEAD, LOCK, SNAPSHOT)
BEGINS = b'{"n":1,"p":"'  # every journal
MAX_PID = 20  # digits
LOCK_TRIES, LOCK_PAUSE_SECONDS = 5, 0.01  # who only looks whether it is held has it for some microseconds


def name_of(run: RunPlan, *, stem: str, candles: str) -> str:
    """The folder of a question: same plan, detail and candles, same name. candles: their digest, or `paper`."""
    question = json.dumps(
        [run.texts, run.symbols, run.scales, run.plan.rules.start_ts, run.detail, candles], sort_keys=True
    )
    return f"{_slug(stem)}-{hashlib.blake2b(question.encode('ascii'), digest_size=4).hexdigest()}"


def name_of_paper(loaded: Loaded, *, stem: str) -> str:
    """The folder of a paper run: same plan and symbols, same name; its candles are not known yet."""
    question = json.dumps([plan_texts(loaded.config), loaded.symbols, "paper"], sort_keys=True)
    return f"{_slug(stem)}-{hashlib.blake2b(question.encode('ascii'), digest_size=4).hexdigest()}"


def names_like(folder: Path, *, stem: str) -> list[Path]:
    """The run folders of a configuration's name in a folder of run folders, whatever their plans are."""
    pattern = re.compile(rf"{re.escape(_slug(stem))}-[0-9a-f]{{8}}")
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    except OSError:
        return []


def _slug(stem: str) -> str:
    """A file name made of the configuration's: letters, digits, dash and dot, never raw text (Z7)."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return kept.strip("-")[:60] or "run"


def make(folder: Path, *, force: bool) -> None:
    """Make the folder, 0700, or take one that is a run folder already; with force that is set aside (J9).

    UsageError for a folder of the user's: it is neither written to nor moved.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise HostError(f"{folder}: not a folder of its own; name another with --out")
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise HostError(f"{folder}: belongs to another user; name another with --out")
    if folder.is_dir() and (foreign := _foreign(folder)):
        also = "; --force sets aside run folders alone" if force else ""
        raise UsageError(f"{folder}: no run folder, it holds {foreign}; name another with --out{also}")
    try:
        if force and folder.exists():
            with lock_run(folder):  # a run that a process is at is not taken from under it
                folder.rename(_aside(folder))
        _made(folder)
    except OSError as error:
        raise HostError(f"{folder}: cannot be made: {error.strerror}") from error


def _made(folder: Path) -> None:
    """Make the folder and those above it, and make their names last: a journal is no safer than the way to it.

    That of a folder that was there is synced too: whoever made it may have died before.
    """
    above = [one for one in folder.parents if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in (folder, *above):
        with suppress(PermissionError):  # where we may put a folder without being allowed to look
            sync_folder(one.parent)


def keep_config(folder: Path, loaded: Loaded) -> None:
    """Write the resolved configuration into a run folder, unless the one that is there has the same values.

    Keys outside the plan may differ from call to call, such as those of reports: the last call counts.
    """
    path, text = folder / CONFIG, resolved_yaml(loaded)
    try:
        there = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        there = ""
    if _values(there) != _values(text):
        replace(path, text.encode())


def _values(text: str) -> list[str]:
    """The lines of a resolved configuration without the comments that tell where each value came from."""
    return [line.partition("  # ")[0].rstrip() for line in text.splitlines()]


class Holder(NamedTuple):
    """Whether a process holds the run, and its number; None: it cannot be told."""

    held: bool | None
    pid: int | None


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Hold the run for the length of a `with`: HostError names the process that has it. The file stays (J30)."""
    refuse_others(folder, OURS)
    if not os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise HostError(f"{folder}: cannot be written to; nothing was begun")
    with os.fdopen(open_to_write(folder / LOCK, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
        try:
            _lock(file.fileno())
        except BlockingIOError as error:
            pid = file.read(MAX_PID).decode("ascii", "replace").strip() or "?"
            raise HostError(f"{folder}: another process holds this run: pid {pid}") from error
        except OSError as error:
            raise HostError(f"{folder}: a lock cannot be held there: {error.strerror}; name another folder") from error
        if not _still_named(folder / LOCK, file.fileno()):
            raise HostError(f"{folder}: another process has just set it aside; start again")
        try:
            file.truncate()
            file.write(b"%d\n" % os.getpid())
        except OSError as error:
            raise HostError(f"{folder / LOCK}: cannot be written: {error.strerror}") from error
        for left in folder.glob("*.tmp"):  # of a process that died while it wrote
            if left.name.removesuffix(".tmp") in OURS:
                left.unlink()
        with ExitStack() as stack:
            stack.callback(_remove_unused, folder)
            yield
            stack.pop_all()  # it went well


def _remove_unused(folder: Path) -> None:
    """A start that failed before anything was written leaves no folder."""
    with suppress(OSError):
        if os.listdir(folder) == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


def _lock(descriptor: int) -> None:
    """BlockingIOError where another process holds it, and not only looks."""
    for left in reversed(range(LOCK_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not left:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _still_named(path: Path, descriptor: int) -> bool:
    """Whether the file that was opened still has its name: with --force another may have got it since."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False


def holder_of(lock: Path) -> Holder:
    """Who holds the run. A lock that is free is held, shared, for the moment of asking; nothing is written (J30)."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError):
        return Holder(held=False, pid=None)
    except OSError:
        return Holder(held=None, pid=None)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return Holder(held=None, pid=None)
    with FileIO(descriptor, "rb") as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = file.read(MAX_PID).strip()
            return Holder(held=True, pid=int(text) if text.isdigit() else None)
        except OSError:
            return Holder(held=None, pid=None)
    return Holder(held=False, pid=None)


def _foreign(folder: Path) -> str:
    """What makes a folder one of the user's: a name in it that no run leaves; "" for a run folder, and an empty one.

    A run holds its lock before it writes anything else. So what has no lock, no head, no journal of ours and no half
    of a file is no run, though its files be called config.yaml or x.log.
    """
    names = sorted(one.name for one in folder.iterdir())
    strange = [name for name in names if not _ours(name)]
    began = [name for name in names if _unmistakable(name)]
    if not names or (began and not strange) or (JOURNAL in names and (began or _is_journal(folder / JOURNAL))):
        return ""
    return printable((strange or names)[0])


def _is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does; yes too where it is no file that can be looked into, for its reader."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return not stat.S_ISREG(os.fstat(descriptor).st_mode) or os.read(descriptor, len(BEGINS)) in (BEGINS, b"")
    finally:
        os.close(descriptor)


def _unmistakable(name: str) -> bool:
    """Whether nobody but a run leaves a file of that name: its lock, its head, half a file, the details of a bug."""
    return name in (LOCK, HEAD) or (name.endswith(".tmp") and name[:-4] in OURS) or name.startswith("bug-")


def _ours(name: str) -> bool:
    """Whether a run leaves a file of that name, perhaps before its first line (JOURNAL 2)."""
    return name in (*OURS, REQUESTS) or name.endswith((".tmp", ".log")) or name.startswith("bug-")


def _aside(folder: Path) -> Path:
    for number in range(1, 10_000):
        name = folder.with_name(f"{folder.name}.{number}")
        if not os.path.lexists(name):
            return name
    raise HostError(f"{folder}: 9999 older runs stand beside it; move some away")
