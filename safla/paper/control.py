"""Commands of a person to a paper run: halt, resume, stop (S15a). Each is one file in `requests/` of the run folder.

A command writes its file and is done. Only a session applies it, between two timestamps and never before the time at
which it was given; its id then stands in the journal, so that a death between line and removal does nothing twice.
"""

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from safla.core.candles import iso
from safla.errors import HostError
from safla.fs import sync_folder
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import Hex, Ordinal, ShortText, Time
from safla.runs.folder import REQUESTS

MOST_REQUESTS = 100
MAX_REQUEST = 1024  # bytes
ABANDONED_SECONDS = 60.0  # a temporary file that is older was left by a command that died

CommandKind = Literal["halt", "resume", "stop"]

_SUFFIX, _TEMPORARY = ".json", ".tmp"
_NOT_OURS = "not a folder of yours that nobody else may write to"


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person asked of a run."""

    id: ShortText  # the name of its file
    run: Hex  # the hash of the first line of the run
    given: Time  # ms, by the clock of the machine at which it was typed
    kind: CommandKind
    halt: Ordinal | None  # the number of the halt that `resume` lifts, None for all of them
    note: ShortText | None


class Rejected(NamedTuple):
    """A file in `requests/` that is no command to this run, and why."""

    name: str
    why: str


class Requests(NamedTuple):
    """What waits: the commands in their order, and what is none."""

    commands: tuple[Command, ...]
    rejected: tuple[Rejected, ...]


NOTHING_WAITS = Requests((), ())


class CommandTarget(Protocol):
    """A run between two timestamps: each call appends its lines and syncs them."""

    def halt(self, given: Input) -> bool:
        """False where an operator's halt is open."""

    def resume(self, number: int | None, given: Input) -> int:
        """How many halts were lifted."""

    def stop(self, given: Input) -> None:
        """The closing lines."""


def new_command(
    folder: Path, kind: CommandKind, *, run: str, halt: int | None = None, note: str | None = None,
    wall: Callable[[], float] = time.time, chance: Callable[[int], str] = secrets.token_hex,
) -> Command:  # fmt: skip
    """A command given now, after all that wait already. chance: tells apart two that are given at once."""
    before = max((one.given for one in requests(folder, run=run).commands), default=-1)
    given = max(int(wall() * 1000), before + 1)
    return Command(f"{given:013d}-{chance(4)}", run, given, kind, halt, note)


def put_command(folder: Path, one: Command) -> None:
    """Leave a command for the session of the run: durable, and at once whole. HostError where too many wait."""
    path = folder / REQUESTS
    try:
        with suppress(FileExistsError):
            path.mkdir(0o700)
        with _opened(path) as there:
            if len(_names(there)) >= MOST_REQUESTS:
                raise HostError(f"{path}: {MOST_REQUESTS} commands wait already; start the run, or remove them")
            _remove_abandoned(there)
            _write(there, one.id + _SUFFIX, _text(one))
        sync_folder(folder)
    except OSError as error:
        raise HostError(f"{path}: the command cannot be written: {error.strerror}") from error


def requests(folder: Path, *, run: str) -> Requests:
    """What waits in a run folder. HostError for a folder `requests/` that is not the run's own.

    run  the hash of the run's first line: a command for another run is rejected
    """
    try:
        with _opened(folder / REQUESTS) as there:
            names = _names(there)
            found = [_read(there, name, run=run) for name in names[:MOST_REQUESTS]]  # None: removed meanwhile
    except FileNotFoundError:
        return NOTHING_WAITS
    except OSError as error:
        raise HostError(f"{folder / REQUESTS}: cannot be read: {error.strerror}") from error
    commands = sorted((one for one in found if isinstance(one, Command)), key=lambda one: (one.given, one.id))
    rejected = [one for one in found if isinstance(one, Rejected)]
    rejected += [Rejected(name, f"only {MOST_REQUESTS} are read") for name in names[MOST_REQUESTS:][:1]]
    return Requests(tuple(commands), tuple(rejected))


def refuse_unsafe(folder: Path) -> None:
    """HostError, before any work, where `requests/` of a run folder is not the run's own: no command would reach it."""
    with suppress(FileNotFoundError), _opened(folder / REQUESTS):
        pass


def remove(folder: Path, one: Command) -> None:
    """A command is done and its lines are synced: its file goes."""
    try:
        with _opened(folder / REQUESTS) as there:
            with suppress(FileNotFoundError):
                os.unlink(one.id + _SUFFIX, dir_fd=there)
            os.fsync(there)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(f"{folder / REQUESTS}: {one.id} cannot be removed: {error.strerror}") from error


def apply(one: Command, session: CommandTarget, *, given: int) -> str:
    """Carry a command out; once more it changes nothing. Returns what came of it, for people."""
    note = "" if one.note is None else f": {one.note}"
    return _ACTIONS[one.kind](one, session, Input(one.note, given, one.id)) + note


def _halt(_one: Command, session: CommandTarget, given: Input) -> str:
    return "halted by an operator" if session.halt(given) else "a halt by an operator was open already"


def _resume(one: Command, session: CommandTarget, given: Input) -> str:
    lifted = session.resume(one.halt, given)
    if lifted == 0:
        return "there was nothing to lift" if one.halt is None else f"halt {one.halt} was not open"
    return f"{lifted} halt{'s' if lifted > 1 else ''} lifted by an operator"


def _stop(_one: Command, session: CommandTarget, given: Input) -> str:
    session.stop(given)
    return "stopped by an operator, for good"


_ACTIONS: dict[CommandKind, Callable[[Command, CommandTarget, Input], str]] = {
    "halt": _halt,
    "resume": _resume,
    "stop": _stop,
}


class Clocks(NamedTuple):
    """The time by this machine's clock, and by the exchange's, None as long as it is not known; ms."""

    local: int
    exchange: int | None


class Control:
    """The commands that wait for a session, and when each may act."""

    def __init__(
        self, folder: Path, *, step: int | None, now: Callable[[], Clocks], recorded: Mapping[str, int], last: Set[str],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        """
        step      ms of the timeframe; None: a command acts at once, for the candles are not those of today
        recorded  the ids that stand in the journal, with the time given: what was done is not done again
        last      those of its last timestamp, which a death may have left half done
        """
        self._folder, self._step, self._now, self._say = folder, step, now, say
        self._recorded, self._half = dict(recorded), set(last)
        self._waiting: list[Command] = []
        self._seen: dict[str, int] = {}  # when each was given, by this machine's clock, and at most when it was seen
        self._given: dict[str, int] = {}  # the same by the exchange's clock, once it is known
        self._told: set[str] = set()

    @property
    def waits_for_candles(self) -> bool:
        """Whether a command acts after the candle that was open when it was given."""
        return self._step is not None

    def look(self, run: str) -> None:
        """Look at what waits. run: the hash of the run's first line."""
        found = requests(self._folder, run=run)
        for name, why in found.rejected:
            self._tell(name, f"{self._folder / REQUESTS / name}: ignored: {why}")
        self._waiting = []
        for one in found.commands:
            if one.id in self._recorded and one.id not in self._half:
                remove(self._folder, one)
            else:
                self._waiting.append(one)
                self._tell(one.id, f"{one.kind} is asked for: {acts(self.given(one), self._step)}{self._doubt(one)}")

    def given(self, one: Command) -> int:
        """When a command was given, by the exchange's clock where it is known; at most when it was seen. ms."""
        if one.id in self._recorded:
            return self._recorded[one.id]
        if one.id in self._given:
            return self._given[one.id]
        now = self._now()
        seen = self._seen.setdefault(one.id, min(one.given, now.local))
        if now.exchange is None:
            return seen
        return self._given.setdefault(one.id, min(seen + now.exchange - now.local, now.exchange))

    def due(self, last_ts: int, *, ahead: int | None = None) -> Command | None:
        """The next command, if it may act after last_ts. ahead: the timestamp that is to be folded next, ms."""
        if not self._waiting:
            return None
        one = self._waiting[0]
        if self._step is None or one.id in self._recorded:  # what is half done is completed where it began
            return one
        given = self.given(one)
        if one.id not in self._given:  # no candle comes before the exchange's clock is known: nothing is late by that
            return None
        behind = given // self._step * self._step  # the candle that was open when it was given
        return one if last_ts >= behind or (ahead is not None and ahead > behind) else None

    def next(self) -> Command | None:
        """The next command, due or not: no further candle comes."""
        return self._waiting[0] if self._waiting else None

    def carry_out(self, one: Command, session: CommandTarget) -> None:
        """Apply the next command, and remove its file."""
        given = self.given(one)
        self._say(apply(one, session, given=given))
        self._recorded[one.id] = given
        self._half.discard(one.id)
        remove(self._folder, one)
        self._waiting.remove(one)

    def close(self, session: CommandTarget) -> None:
        """Complete closing lines that a death cut: those of the command that ended the run, or of its last candle."""
        command = self.next()
        if command is not None and command.kind == "stop":
            self.carry_out(command, session)
        else:
            session.stop(NO_INPUT)

    def _doubt(self, one: Command) -> str:
        known = self._step is None or one.id in self._given or one.id in self._recorded
        return "" if known else " (by this machine's clock, until the exchange's is known)"

    def _tell(self, key: str, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._say(text)


def acts(given: int, step: int | None) -> str:
    """When a command that was given at a time acts, for people."""
    if step is None:
        return "it acts after the candle in hand"
    return f"it acts at the candle that opens at {iso((given // step + 1) * step)}"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The folder by descriptor: no link, of this user, nobody else may write there. FileNotFoundError, HostError.

    A run folder that is gone has no requests, whatever stands in its place: who writes the journal there notices.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if not path.parent.is_dir():
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
        raise HostError(f"{path}: {_NOT_OURS}; move it away, and ask again") from error
    try:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o022:
            raise HostError(f"{path}: {_NOT_OURS}; move it away, and ask again")
        yield descriptor
    finally:
        os.close(descriptor)


def _names(there: int) -> list[str]:
    return sorted(name for name in os.listdir(there) if not name.endswith(_TEMPORARY))


def _remove_abandoned(there: int) -> None:
    for name in os.listdir(there):
        with suppress(OSError):
            old = time.time() - os.stat(name, dir_fd=there, follow_symlinks=False).st_mtime > ABANDONED_SECONDS
            if name.endswith(_TEMPORARY) and old:
                os.unlink(name, dir_fd=there)


def _read(there: int, name: str, *, run: str) -> Command | Rejected | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=there)
    except FileNotFoundError:
        return None
    except OSError:
        return Rejected(name, "not a regular file")
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode):
        os.close(descriptor)
        return Rejected(name, "not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if facts.st_uid != os.geteuid() or facts.st_nlink != 1 or stat.S_IMODE(facts.st_mode) & 0o077:
            return Rejected(name, "not a file of yours alone")
        text = file.read(MAX_REQUEST + 1)
    try:
        found = msgspec.json.decode(text, type=Command)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Rejected(name, "no command that safla wrote")
    named = name == found.id + _SUFFIX and found.id.startswith(f"{found.given:013d}-")
    if len(text) > MAX_REQUEST or _text(found) != text or not named:
        return Rejected(name, "no command that safla wrote")
    if found.halt is not None and found.kind != "resume":
        return Rejected(name, "no command that safla wrote")
    return found if found.run == run else Rejected(name, "it is for another run")


_ENCODER = msgspec.json.Encoder(order="deterministic")


def _text(one: Command) -> bytes:
    return _ENCODER.encode(one) + b"\n"


def _write(there: int, name: str, text: bytes) -> None:
    """A file in an open folder: whole under its name, and durable, or not there."""
    temporary = name + _TEMPORARY
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600, dir_fd=there)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=there, dst_dir_fd=there)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=there)
        raise
    os.fsync(there)
