"""Log files for people: one JSON object a line, UTC, rotated. What a program needs is in the journal."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loguru import logger

from safla.config.model import Config
from safla.core.values import State
from safla.journal import chain as journal_line
from safla.observe.background import BackgroundWorker
from safla.observe.event_lines import lines_of
from safla.observe.log_file import LogFile
from safla.observe.secrets import Hide, secrets_of
from safla.observe.update import Listener, Update
from safla.text import printable

if TYPE_CHECKING:
    from loguru import Record

# They would tell more than is asked, headers too (Z10).
OTHERS = ("ccxt", "urllib3", "aiohttp", "asyncio", "transitions")
EXCHANGE = "data"  # the folder below storage.logs_directory that tells what was asked of exchanges
ERRORS = "errors"
UNNAMED = "market_data"  # the file of a record that names none: what is asked of an exchange, and how it answers

Late = Callable[[Update], float | None]

_open: list[str] = []  # the folders that are logged into now: safla is silent again behind the last of them


@contextmanager
def of_exchange(config: Config, *, secrets: Iterable[str] = ()) -> Iterator[None]:
    """What is asked of an exchange, and how it answers, goes into files for the length of a `with`."""
    folder = Path(config.storage.logs_directory) / EXCHANGE
    with _logged(folder, config, kinds=(UNNAMED, ERRORS), secrets=secrets, beside=False, say=say_on_stderr):
        yield


@contextmanager
def of_run(
    folder: Path, config: Config, *, secrets: Iterable[str] = (), beside: bool = True,
    say: Callable[[str], None] | None = None, late: Late = lambda told: None,
) -> Iterator[Listener]:  # fmt: skip
    """The five files of a run, for the length of a `with`; gives what is to be told of its events.

    folder   that of the run; a file is opened with its first line
    secrets  what shall stand in no line, beside what the configuration holds (Z11)
    beside   whether the disk is written to by a thread of its own, so that a slow one delays nothing; lines that find
             its queue full are lost. False, for a backtest: whoever logs waits, and none is lost
    say      told in one line that a file cannot be written, once for each; None: on stderr
    late     seconds by which what is told came late; None: it is history
    """

    def listen(told: Update) -> None:
        for one in lines_of(told, late=late(told)):
            logger.bind(file=one.file, fields=one.fields).log(one.level, "{}", one.text)

    kinds = tuple(type(config.logging.files).model_fields)
    with _logged(folder, config, kinds=kinds, secrets=secrets, beside=beside, say=say or say_on_stderr):
        yield listen


def told_of(lines: bytes, state: State) -> Update:
    """What a block of a backtest tells: the events of its lines. There, time is no matter."""
    raws = lines.splitlines()
    numbers = [int(raw[5 : raw.index(b",")]) for raw in raws]  # behind {"n":
    events = [journal_line.decode_event(journal_line.event_bytes(raw, n)) for raw, n in zip(raws, numbers, strict=True)]
    return Update(events[-1].ts if events else 0, tuple(events), state, numbers[-1] if numbers else 0, 0.0, 0.0)


def say_on_stderr(text: str) -> None:
    """One line for a person, where one listens."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"safla: {printable(text)}\n")


@contextmanager
def _logged(
    folder: Path, config: Config, *, kinds: tuple[str, ...], secrets: Iterable[str], beside: bool,
    say: Callable[[str], None],
) -> Iterator[None]:  # fmt: skip
    """Sinks of loguru for some of the files. All are ours: that on stderr goes, with its variables (Z10)."""
    for name in OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    with suppress(ValueError):
        logger.remove(0)  # that which loguru brings
    line = partial(_line, hide=Hide((*secrets, *secrets_of(config))))
    with ExitStack() as stack:
        files = {kind: _file(folder, config, kind=kind, say=say) for kind in kinds}
        for file in files.values():
            stack.callback(file.close)
        put = _put(files, beside=beside, stack=stack, say=say)
        for kind in kinds:
            level = "WARNING" if kind == ERRORS else config.system.log_level
            sink = logger.add(
                partial(_sent, put, kind), level=level, format=line, filter=partial(_belongs, kind=kind),
                diagnose=False, backtrace=False, colorize=False,
            )  # fmt: skip
            stack.callback(logger.remove, sink)
        _open.append(str(folder))
        logger.enable("safla")
        stack.callback(_silence)
        yield


def _silence() -> None:
    _open.pop()
    if not _open:
        logger.disable("safla")


def _file(folder: Path, config: Config, *, kind: str, say: Callable[[str], None]) -> LogFile:
    return LogFile(
        folder / getattr(config.logging.files, kind), most_bytes=config.logging.max_file_size_mb * 1_000_000,
        backups=config.logging.backup_count, say=say, makes_folder=folder.name == EXCHANGE,
    )  # fmt: skip


def _put(
    files: dict[str, LogFile], *, beside: bool, stack: ExitStack, say: Callable[[str], None]
) -> Callable[[tuple[str, str]], None]:
    """How a line comes to its file: at once, or by a thread of its own."""

    def write(item: tuple[str, str]) -> None:
        files[item[0]].write(item[1])

    if not beside:
        return write
    writing = BackgroundWorker("log files", write)

    def finish() -> None:
        writing.close()
        if writing.dropped:
            say(f"log files: {writing.dropped} lines were lost, for they came faster than they could be written")

    stack.callback(finish)
    return writing.tell


def _sent(put: Callable[[tuple[str, str]], None], kind: str, message: str) -> None:
    put((kind, str(message)))


def _belongs(record: "Record", *, kind: str) -> bool:
    """Whether a record is of safla and stands in the file; warnings and errors stand in that of errors too."""
    ours = (record["name"] or "").partition(".")[0] == "safla"
    return ours and (kind == ERRORS or record["extra"].get("file", UNNAMED) == kind)


def _line(record: "Record", *, hide: Hide) -> str:
    """The line of a record: its text is data, never a template (Z13)."""
    told = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "room": record["name"],
        "text": record["message"],
    }
    record["extra"]["line"] = json.dumps(_shown({**told, **record["extra"].get("fields", {}), **told}, hide=hide))
    return "{extra[line]}\n"


def _shown(value: Any, *, hide: Hide) -> Any:
    if isinstance(value, dict):
        return {name: _shown(inner, hide=hide) for name, inner in value.items()}
    return hide(printable(value)) if isinstance(value, str) else value
