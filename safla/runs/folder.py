"""The run folder: its name, its lock, how it is made, and how an old one is renamed. No run is deleted."""

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
from safla.fs import code_of
from safla.journal.checkpoint import HEAD
from safla.journal.files import CANDLES, JOURNAL, open_to_write, refuse_others, replace, sync_folder
from safla.text import printable

CONFIG = "config.yaml"
SUMMARY = "summary.json"
LOOK_AHEAD = "look_ahead.json"  # what the look-ahead check of a strategy from Python covered
LOCK = "lock"
REQUESTS = "requests"  # a folder with the commands halt, resume and stop that are not done yet (S15a)
STRATEGY_FILES = "strategy"  # a folder with the files of a strategy from Python (C7)
SNAPSHOT = "snapshot"  # the state of a paper run, for `safla status`
OURS = (JOURNAL, HEAD, CANDLES, CONFIG, SUMMARY, LOOK_AHEAD, LOCK, SNAPSHOT)
BEGINS = b'{"n":1,"p":"'  # the first bytes of every journal
MAX_PID = 20  # digits
LOCK_TRIES, LOCK_PAUSE_SECONDS = 5, 0.01  # `holder_of` in another process may hold the lock for some microseconds


def name_of(run: RunPlan, *, stem: str, candles: str) -> str:
    """The name of a backtest's folder: the same plan, detail and candles give the same name. candles: their digest."""
    identity = json.dumps(
        [run.texts, run.symbols, run.scales, run.plan.rules.start_ts, run.detail, candles], sort_keys=True
    )
    return f"{_slug(stem)}-{hashlib.blake2b(identity.encode('ascii'), digest_size=4).hexdigest()}"


def name_of_paper(loaded: Loaded, *, stem: str) -> str:
    """The name of a paper run's folder: the same plan and symbols give the same name. Its candles are not known yet."""
    identity = json.dumps([plan_texts(loaded.config), loaded.symbols, "paper"], sort_keys=True)
    return f"{_slug(stem)}-{hashlib.blake2b(identity.encode('ascii'), digest_size=4).hexdigest()}"


def names_like(folder: Path, *, stem: str) -> list[Path]:
    """The run folders in a folder that belong to a configuration's name, whatever their plans are."""
    pattern = re.compile(rf"{re.escape(_slug(stem))}-[0-9a-f]{{8}}")
    try:
        return sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name))
    except OSError:
        return []


def _slug(stem: str) -> str:
    """A safe file name made of the configuration's: only ASCII letters, digits, dash and underscore (Z7)."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in stem)
    return kept.strip("-")[:60] or "run"


def make(folder: Path, *, force: bool) -> None:
    """Make the folder, mode 0700, or use one that is a run folder already. force: rename that one first (J9).

    UsageError for a folder with other files, which is neither written to nor renamed.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise HostError(f"{folder}: is a link or not a folder; choose another with --out", code="not_our_file")
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise HostError(f"{folder}: belongs to another user; choose another with --out", code="not_our_file")
    if folder.is_dir() and (foreign := _foreign(folder)):
        also = "; --force only renames run folders" if force else ""
        raise UsageError(
            f"{folder}: not a run folder: it holds {foreign}; choose another with --out{also}", code="not_a_run_folder"
        )
    try:
        if force and folder.exists():
            with lock_run(folder):  # fails if another process is using this run
                folder.rename(_numbered_name(folder))
        _make_durable(folder)
    except OSError as error:
        raise HostError(f"{folder}: cannot be created: {error.strerror}", code=code_of(error)) from error


def _make_durable(folder: Path) -> None:
    """Make the folder and its missing parents, and sync their names: without them a synced journal would be lost too.

    The name of a folder that exists is synced as well, because the process that made it may have died before its sync.
    """
    missing = [parent for parent in folder.parents if not parent.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in (folder, *missing):
        with suppress(PermissionError):  # a parent that may be written to but not read
            sync_folder(made.parent)


def keep_config(folder: Path, loaded: Loaded) -> None:
    """Write the resolved configuration into a run folder, unless the file there has the same values.

    Keys outside the plan, such as those of reports, may differ from call to call: the last call is kept.
    """
    path, text = folder / CONFIG, resolved_yaml(_without_code(loaded))
    try:
        existing = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        existing = ""
    if _values(existing) != _values(text):
        replace(path, text.encode())


def _without_code(loaded: Loaded) -> Loaded:
    """The configuration without the file of its strategy: in the run folder no configuration names code (C4)."""
    if loaded.code is None:
        return loaded
    strategy = loaded.config.strategy.model_copy(update={"file": None})
    origins = {**loaded.origins, "strategy.file": f"{loaded.origins['strategy.file']}, kept out of this file"}
    return loaded._replace(config=loaded.config.model_copy(update={"strategy": strategy}), origins=origins)


def _values(text: str) -> list[str]:
    """The lines of a resolved configuration without the comments on where each value came from."""
    return [line.partition("  # ")[0].rstrip() for line in text.splitlines()]


class Holder(NamedTuple):
    """Whether a process holds the lock of a run, and its process id; None: unknown."""

    held: bool | None
    pid: int | None


@contextmanager
def lock_run(folder: Path) -> Iterator[None]:
    """Lock the run for the length of a `with`. HostError names a process that holds it. The file stays (J30)."""
    refuse_others(folder, OURS)
    if not os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise HostError(f"{folder}: cannot be written to; nothing was started", code="no_permission")
    with os.fdopen(open_to_write(folder / LOCK, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file:
        try:
            _lock(file.fileno())
        except BlockingIOError as error:
            pid = file.read(MAX_PID).decode("ascii", "replace").strip() or "?"
            raise HostError(f"{folder}: another process holds this run: pid {pid}", code="run_locked") from error
        except OSError as error:
            raise HostError(
                f"{folder}: files cannot be locked there: {error.strerror}; choose another folder", code=code_of(error)
            ) from error
        if not _still_named(folder / LOCK, file.fileno()):
            raise HostError(f"{folder}: another process has just renamed it; start again", code="run_locked")
        try:
            file.truncate()
            file.write(b"%d\n" % os.getpid())
        except OSError as error:
            raise HostError(f"{folder / LOCK}: cannot be written: {error.strerror}", code=code_of(error)) from error
        for leftover in folder.glob("*.tmp"):  # from a process that died while it wrote
            if leftover.name.removesuffix(".tmp") in OURS:
                leftover.unlink()
        with ExitStack() as stack:
            stack.callback(_remove_unused, folder)
            yield
            stack.pop_all()  # no error: the folder is kept


def _remove_unused(folder: Path) -> None:
    """Remove the folder if it holds nothing but the lock: a start that failed before its first file leaves nothing."""
    with suppress(OSError):
        if os.listdir(folder) == [LOCK]:
            (folder / LOCK).unlink()
            folder.rmdir()


def _lock(descriptor: int) -> None:
    """Lock the file. BlockingIOError if another process holds it for longer than `holder_of` does."""
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not tries_left:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)


def _still_named(path: Path, descriptor: int) -> bool:
    """Whether the path still names the open file: another process may have renamed the folder by --force."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except (FileNotFoundError, NotADirectoryError):
        return False


def holder_of(lock: Path) -> Holder:
    """The process that holds the run. A free lock is taken, shared, for a moment; nothing is written (J30)."""
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
    """The name of a file that shows that a folder is not a run folder; "" for a run folder or an empty folder.

    A run makes its lock before any other file. So a folder without a lock, a head, a journal of safla and a
    half-written file is no run folder, even if its files have names such as config.yaml or x.log.
    """
    names = sorted(path.name for path in folder.iterdir())
    strange = [name for name in names if not _ours(name)]
    certain = [name for name in names if _only_by_a_run(name)]
    if not names or (certain and not strange) or (JOURNAL in names and (certain or _is_journal(folder / JOURNAL))):
        return ""
    return printable((strange or names)[0])


def _is_journal(path: Path) -> bool:
    """Whether a file begins like a journal. Also true if it cannot be read: the journal reader names the problem."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        return not stat.S_ISREG(os.fstat(descriptor).st_mode) or os.read(descriptor, len(BEGINS)) in (BEGINS, b"")
    finally:
        os.close(descriptor)


def _only_by_a_run(name: str) -> bool:
    """Whether only a run makes a file of that name: lock, head, a half-written file, the details of a bug."""
    return name in (LOCK, HEAD) or (name.endswith(".tmp") and name[:-4] in OURS) or name.startswith("bug-")


def _ours(name: str) -> bool:
    """Whether a run may make a file of that name (docs/journal.md)."""
    return name in (*OURS, REQUESTS, STRATEGY_FILES) or name.endswith((".tmp", ".log")) or name.startswith("bug-")


def _numbered_name(folder: Path) -> Path:
    """The first of folder.1, folder.2, ... that does not exist."""
    for number in range(1, 10_000):
        name = folder.with_name(f"{folder.name}.{number}")
        if not os.path.lexists(name):
            return name
    raise HostError(f"{folder}: there are 9999 older copies of it; move some away", code="cannot_write")
