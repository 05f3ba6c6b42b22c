"""What a person asks of a run: the file `request` that carries a wish, and what a wish does to a run (J45).

How a command goes about it is in asking.py; which lines a wish becomes is the run's.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from safla.data.owned import NOT_OURS, TEMPORARY, is_ours, read_own, replace, sync_folder
from safla.errors import HostError
from safla.journal.events import Number, Text
from safla.runtime.folder import REQUEST

MAX_REQUEST = 1024  # bytes
SECONDS = 5.0  # that a command waits for the run
SECONDS_BETWEEN_LOOKS = 0.02

Kind = Literal["halt", "resume", "stop"]


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. halt: the number of the one that `resume` lifts, None for all of them."""

    kind: Kind
    halt: Number | None
    note: Text | None


class Asked(Protocol):
    """A run between two timestamps: each call appends its lines and syncs them."""

    def halt(self, note: str | None) -> bool:
        """False where an operator's halt is open."""

    def resume(self, number: int | None, note: str | None) -> int:
        """How many halts were lifted."""

    def stop(self) -> None:
        """The closing lines."""


def put(folder: Path, wish: Wish) -> None:
    """Leave a wish for the process that has the run: durable, and at once whole. HostError where another waits."""
    path = folder / REQUEST
    with _alone(folder):
        if os.path.lexists(path):
            waiting(folder)  # says so where it is none
            raise HostError(f"{path}: another wish is waiting; ask again when the run has taken it")
        path.with_name(REQUEST + TEMPORARY).unlink(missing_ok=True)  # of a command that died
        replace(path, _text(wish))


def waiting(folder: Path) -> Wish | None:
    """The wish that waits, if there is one. HostError for a file that is no wish of this user (J20, Z22)."""
    path = folder / REQUEST
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return None
    if not is_ours(facts) or stat.S_IMODE(facts.st_mode) != 0o600:
        raise HostError(f"{path}: {NOT_OURS}, or others may read or write it; remove it, and ask again")
    try:
        text = read_own(path, most=MAX_REQUEST)
        return None if text is None else _wish(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HostError(f"{path}: is no wish that a command of safla wrote; remove it, and ask again") from error


def taken(folder: Path) -> None:
    """A wish is done and its lines are synced, or nobody came for it: its file goes."""
    path = folder / REQUEST
    try:
        path.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise HostError(f"{path}: cannot be removed: {error.strerror}") from error


def answered(
    folder: Path,
    *,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until the run has taken a wish; False where it did not in time."""
    end = clock() + seconds
    while os.path.lexists(folder / REQUEST):
        if clock() >= end:
            return False
        sleep(SECONDS_BETWEEN_LOOKS)
    return True


def act(wish: Wish, run: Asked) -> str:
    """Carry a wish out, once and again with the same end. Returns what came of it, for people."""
    note = "" if wish.note is None else f": {wish.note}"
    return ACTS[wish.kind](wish, run) + note


def _halt(wish: Wish, run: Asked) -> str:
    if run.halt(wish.note):
        return "halted by an operator"
    return "a halt by an operator was open already"


def _resume(wish: Wish, run: Asked) -> str:
    lifted = run.resume(wish.halt, wish.note)
    if lifted == 0:
        return "there was nothing to lift" if wish.halt is None else f"halt {wish.halt} was not open"
    return f"{lifted} halt{'s' if lifted > 1 else ''} lifted by an operator"


def _stop(_wish: Wish, run: Asked) -> str:
    run.stop()
    return "stopped by an operator, for good"


ACTS: dict[Kind, Callable[[Wish, Asked], str]] = {"halt": _halt, "resume": _resume, "stop": _stop}

_ENCODER = msgspec.json.Encoder(order="deterministic")


def _text(wish: Wish) -> bytes:
    return _ENCODER.encode(wish) + b"\n"


def _wish(text: bytes) -> Wish:
    """ValueError for what is spelt otherwise than we spell it, or makes no sense."""
    wish = msgspec.json.decode(text, type=Wish)
    if _text(wish) != text or (wish.halt is not None and wish.kind != "resume"):
        raise ValueError("it is not spelt as it is written")
    return wish


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Among the commands, for the length of a `with`: a lock on the folder, for `lock` is the run's.

    A file under its own name and a second one, as a link would give it for a moment, is what J20 refuses.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f"{folder}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise HostError(f"{folder}: another command is asking just now; ask again") from error
    finally:
        os.close(descriptor)
