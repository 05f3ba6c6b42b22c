"""Commands from a person to a paper run: halt, resume, stop (S15a). Each is one file in `requests/` of the run folder.

`safla halt` and the others only write the file. The session of the run applies the command between two timestamps, and
never before the time at which it was given. The command's id is recorded in the journal before its file is removed, so
that a crash in between does not apply it twice.
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
from safla.fs import code_of, sync_folder
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import Hex, Ordinal, ShortText, Time
from safla.runs.folder import REQUESTS

MOST_REQUESTS = 100
MAX_REQUEST = 1024  # bytes
ABANDONED_SECONDS = 60.0  # an older temporary file was left by a command that was killed

CommandKind = Literal["halt", "resume", "stop"]

_SUFFIX, _TEMPORARY = ".json", ".tmp"
_NOT_OURS = "expected a folder that belongs to you and that nobody else can write to"
_NOT_WRITTEN_BY_SAFLA = "not a command that safla wrote"


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command to a run, as it is written to its file."""

    id: ShortText  # the name of its file
    run: Hex  # the hash of the first line of the run's journal
    given: Time  # ms, by the clock of the machine on which the command was entered
    kind: CommandKind
    halt: Ordinal | None  # the number of the halt that `resume` lifts; None for all
    note: ShortText | None


class Rejected(NamedTuple):
    """A file in `requests/` that is not a command for this run, and why."""

    name: str
    why: str


class Requests(NamedTuple):
    """The pending commands in their order, and the files that are not commands."""

    commands: tuple[Command, ...]
    rejected: tuple[Rejected, ...]


NOTHING_WAITS = Requests((), ())


class CommandTarget(Protocol):
    """A session that can apply commands; each call appends its lines and syncs them."""

    def halt(self, given: Input) -> bool:
        """Halt the account; False where an operator's halt is open already."""

    def resume(self, number: int | None, given: Input) -> int:
        """Lift one halt or all; returns how many were lifted."""

    def stop(self, given: Input) -> None:
        """End the run by its closing lines."""


def new_command(
    folder: Path, kind: CommandKind, *, run: str, halt: int | None = None, note: str | None = None,
    wall: Callable[[], float] = time.time, chance: Callable[[int], str] = secrets.token_hex,
) -> Command:  # fmt: skip
    """A command with the time of now, but after all pending ones. chance: makes the ids of two at once differ."""
    before = max((pending.given for pending in requests(folder, run=run).commands), default=-1)
    given = max(int(wall() * 1000), before + 1)
    return Command(f"{given:013d}-{chance(4)}", run, given, kind, halt, note)


def put_command(folder: Path, command: Command) -> None:
    """Write a command for the session of the run, whole and synced. HostError where too many are pending."""
    path = folder / REQUESTS
    try:
        with suppress(FileExistsError):
            path.mkdir(0o700)
        with _opened(path) as there:
            if len(_names(there)) >= MOST_REQUESTS:
                raise HostError(
                    f"{path}: {MOST_REQUESTS} commands are pending already; start the run, or remove them",
                    code="too_many_commands",
                )
            _remove_abandoned(there)
            _write(there, command.id + _SUFFIX, _text(command))
        sync_folder(folder)
    except OSError as error:
        raise HostError(f"{path}: the command cannot be written: {error.strerror}", code=code_of(error)) from error


def requests(folder: Path, *, run: str) -> Requests:
    """The pending commands of a run folder. HostError for a `requests/` that is not the run's own folder.

    run  the hash of the run's first line: a command for another run is rejected
    """
    try:
        with _opened(folder / REQUESTS) as there:
            names = _names(there)
            read = [_read(there, name, run=run) for name in names[:MOST_REQUESTS]]  # None: removed meanwhile
    except FileNotFoundError:
        return NOTHING_WAITS
    except OSError as error:
        raise HostError(
            f"{folder / REQUESTS}: cannot be read: {error.strerror}", code=code_of(error, "cannot_read")
        ) from error
    commands = [entry for entry in read if isinstance(entry, Command)]
    commands.sort(key=lambda command: (command.given, command.id))
    rejected = [entry for entry in read if isinstance(entry, Rejected)]
    rejected += [Rejected(name, f"only {MOST_REQUESTS} are read") for name in names[MOST_REQUESTS:][:1]]
    return Requests(tuple(commands), tuple(rejected))


def refuse_unsafe(folder: Path) -> None:
    """Raise HostError where `requests/` is not the run's own folder: no command would reach the run."""
    with suppress(FileNotFoundError), _opened(folder / REQUESTS):
        pass


def remove(folder: Path, command: Command) -> None:
    """Remove the file of a command that was applied and whose lines are synced."""
    try:
        with _opened(folder / REQUESTS) as there:
            with suppress(FileNotFoundError):
                os.unlink(command.id + _SUFFIX, dir_fd=there)
            os.fsync(there)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(
            f"{folder / REQUESTS}: {command.id} cannot be removed: {error.strerror}", code=code_of(error)
        ) from error


def apply(command: Command, session: CommandTarget, *, given: int) -> str:
    """Apply a command; applying it again changes nothing. Returns a text that says what it changed."""
    note = "" if command.note is None else f": {command.note}"
    return _ACTIONS[command.kind](command, session, Input(command.note, given, command.id)) + note


def _halt(_command: Command, session: CommandTarget, given: Input) -> str:
    return "halted by an operator" if session.halt(given) else "nothing to halt: a halt by an operator is open already"


def _resume(command: Command, session: CommandTarget, given: Input) -> str:
    lifted = session.resume(command.halt, given)
    if lifted == 0:
        return "nothing to resume: no halt is open" if command.halt is None else f"halt {command.halt} is not open"
    return f"{lifted} halt{'s' if lifted > 1 else ''} lifted by an operator"


def _stop(_command: Command, session: CommandTarget, given: Input) -> str:
    session.stop(given)
    return "stopped by an operator, for good"


_ACTIONS: dict[CommandKind, Callable[[Command, CommandTarget, Input], str]] = {
    "halt": _halt,
    "resume": _resume,
    "stop": _stop,
}


class Clocks(NamedTuple):
    """The time by this machine's clock and by the exchange's, ms; None as long as the latter is not known."""

    local: int
    exchange: int | None


class Control:
    """The pending commands of a run, and when each may be applied."""

    def __init__(
        self, folder: Path, *, step: int | None, now: Callable[[], Clocks], recorded: Mapping[str, int], last: Set[str],
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        """
        step      ms of the timeframe; None: a command is applied at once, for the candles are not those of today
        recorded  the ids in the journal, each with the time at which it was given: they are not applied again
        last      the ids at its last timestamp: a crash may have recorded only some lines of such a command
        """
        self._folder, self._step, self._now, self._say = folder, step, now, say
        self._recorded, self._half = dict(recorded), set(last)
        self._waiting: list[Command] = []
        self._seen: dict[str, int] = {}  # when each was given by this machine's clock, at the latest when first seen
        self._given: dict[str, int] = {}  # the same by the exchange's clock, once it is known
        self._notified: set[str] = set()  # the commands and files that a note was printed about

    @property
    def waits_for_candles(self) -> bool:
        """Whether a command waits for the end of the candle that was open when it was given."""
        return self._step is not None

    def look(self, run: str) -> None:
        """Read the pending commands. run: the hash of the run's first line."""
        pending = requests(self._folder, run=run)
        for name, why in pending.rejected:
            self._notify(name, f"{self._folder / REQUESTS / name}: ignored: {why}")
        self._waiting = []
        for command in pending.commands:
            if command.id in self._recorded and command.id not in self._half:
                remove(self._folder, command)
            else:
                self._waiting.append(command)
                when = f"{acts(self.given(command), self._step)}{self._doubt(command)}"
                self._notify(command.id, f"{command.kind} is requested: {when}")

    def given(self, command: Command) -> int:
        """When a command was given, ms: by the exchange's clock where that is known, at the latest when it was seen.

        The file has the time of the machine on which the command was entered, which may be wrong or in the future. The
        first answer by the exchange's clock is kept, so that a correction of a clock does not move a command.
        """
        if command.id in self._recorded:
            return self._recorded[command.id]
        if command.id in self._given:
            return self._given[command.id]
        now = self._now()
        seen = self._seen.setdefault(command.id, min(command.given, now.local))
        if now.exchange is None:
            return seen
        return self._given.setdefault(command.id, min(seen + now.exchange - now.local, now.exchange))

    def due(self, last_ts: int, *, ahead: int | None = None) -> Command | None:
        """The next command, if it may be applied after the candle of last_ts.

        ahead  the timestamp that is to be folded next, ms: where that is a later candle than the one that was open when
               the command was given, that one is missing, and the command need not wait for it
        """
        if not self._waiting:
            return None
        command = self._waiting[0]
        if self._step is None or command.id in self._recorded:  # a half recorded command is completed where it began
            return command
        given = self.given(command)
        if command.id not in self._given:  # no candle comes before the exchange's clock is known: this delays nothing
            return None
        open_candle = given // self._step * self._step  # the candle that was open when it was given
        return command if last_ts >= open_candle or (ahead is not None and ahead > open_candle) else None

    def next(self) -> Command | None:
        """The next command, due or not: for a run that gets no further candle."""
        return self._waiting[0] if self._waiting else None

    def carry_out(self, command: Command, session: CommandTarget) -> None:
        """Apply the next command, and then remove its file: the other order could lose it in a crash."""
        given = self.given(command)
        self._say(apply(command, session, given=given))
        self._recorded[command.id] = given
        self._half.discard(command.id)
        remove(self._folder, command)
        self._waiting.remove(command)

    def close(self, session: CommandTarget) -> None:
        """Complete closing lines that a crash cut off: those of a `stop` if one is pending, else of the last candle."""
        command = self.next()
        if command is not None and command.kind == "stop":
            self.carry_out(command, session)
        else:
            session.stop(NO_INPUT)

    def _doubt(self, command: Command) -> str:
        known = self._step is None or command.id in self._given or command.id in self._recorded
        return "" if known else " (by this machine's clock, until the exchange's is known)"

    def _notify(self, key: str, text: str) -> None:
        if key not in self._notified:
            self._notified.add(key)
            self._say(text)


def acts(given: int, step: int | None) -> str:
    """A text that says when a command that was given at a time (ms) acts."""
    if step is None:
        return "it acts after the current candle"
    return f"it acts at the candle that opens at {iso((given // step + 1) * step)}"


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open the folder `requests/` by descriptor. FileNotFoundError where it is missing.

    HostError for a link, and for a folder that belongs to another user or that others may write to: anybody could
    command the run. A run folder that is gone has no requests; whoever writes its journal notices that.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        if not path.parent.is_dir():
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
        raise HostError(f"{path}: {_NOT_OURS}; move it away, and try again", code="not_our_file") from error
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise HostError(f"{path}: {_NOT_OURS}; move it away, and try again", code="not_our_file")
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
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return Rejected(name, "not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_uid != os.geteuid() or status.st_nlink != 1 or stat.S_IMODE(status.st_mode) & 0o077:
            return Rejected(name, "not a file that only you can read and write")
        text = file.read(MAX_REQUEST + 1)
    try:
        command = msgspec.json.decode(text, type=Command)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Rejected(name, _NOT_WRITTEN_BY_SAFLA)
    named = name == command.id + _SUFFIX and command.id.startswith(f"{command.given:013d}-")
    if len(text) > MAX_REQUEST or _text(command) != text or not named:
        return Rejected(name, _NOT_WRITTEN_BY_SAFLA)
    if command.halt is not None and command.kind != "resume":
        return Rejected(name, _NOT_WRITTEN_BY_SAFLA)
    return command if command.run == run else Rejected(name, "it is for another run")


_ENCODER = msgspec.json.Encoder(order="deterministic")


def _text(command: Command) -> bytes:
    return _ENCODER.encode(command) + b"\n"


def _write(there: int, name: str, text: bytes) -> None:
    """Write a file in an open folder: whole and synced under its name, or not there at all."""
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
