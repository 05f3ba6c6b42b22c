"""Log files for people: one JSON object per line, times in UTC, rotated. Programs should read the journal instead."""

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

# Loggers of other libraries: below WARNING they log every request, headers included (Z10).
OTHERS = ("ccxt", "urllib3", "aiohttp", "asyncio", "transitions")
EXCHANGE = "data"  # the folder below storage.logs_directory for requests to exchanges outside a run
ERRORS = "errors"
UNNAMED = "market_data"  # the file of a record that names none: requests to an exchange, and their answers

Late = Callable[[Update], float | None]

_open: list[str] = []  # folders with open log files; after the last of them safla's logger is disabled again


@contextmanager
def of_exchange(config: Config, *, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Log requests to an exchange and their answers to files, for the length of a `with`."""
    folder = Path(config.storage.logs_directory) / EXCHANGE
    with _logged(folder, config, kinds=(UNNAMED, ERRORS), secrets=secrets, beside=False, say=say_on_stderr):
        yield


@contextmanager
def of_run(
    folder: Path, config: Config, *, secrets: Iterable[str] = (), beside: bool = True,
    say: Callable[[str], None] | None = None, late: Late = lambda update: None,
) -> Iterator[Listener]:  # fmt: skip
    """The five log files of a run, for the length of a `with`. Gives the listener that logs the updates of the run.

    folder   the run folder; a file is opened with its first line
    secrets  texts to hide in every line, beside the secrets of the configuration (Z11)
    beside   True: a thread writes the files, so that a slow disk delays nothing, and lines that come while its queue is
             full are lost. False, for a backtest: the caller waits for the disk, and no line is lost
    say      called once for each file that cannot be written, with a line for a person; None: stderr
    late     the lag of an update in seconds; None if it is history
    """

    def listen(update: Update) -> None:
        for line in lines_of(update, late=late(update)):
            logger.bind(file=line.file, fields=line.fields).log(line.level, "{}", line.text)

    kinds = tuple(type(config.logging.files).model_fields)
    with _logged(folder, config, kinds=kinds, secrets=secrets, beside=beside, say=say or say_on_stderr):
        yield listen


def update_of(lines: bytes, state: State) -> Update:
    """The update of a block of lines of a backtest. Its times are 0, because candles of a backtest have no latency."""
    raws = lines.splitlines()
    numbers = [int(raw[5 : raw.index(b",")]) for raw in raws]  # after {"n":
    events = [journal_line.decode_event(journal_line.event_bytes(raw, n)) for raw, n in zip(raws, numbers, strict=True)]
    return Update(events[-1].ts if events else 0, tuple(events), state, numbers[-1] if numbers else 0, 0.0, 0.0)


def say_on_stderr(text: str) -> None:
    """Write one line for a person to stderr; a closed stderr is ignored."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"safla: {printable(text)}\n")


@contextmanager
def _logged(
    folder: Path, config: Config, *, kinds: tuple[str, ...], secrets: Iterable[str], beside: bool,
    say: Callable[[str], None],
) -> Iterator[None]:  # fmt: skip
    """Add a loguru sink for each of the files.

    The default sink of loguru on stderr is removed: its tracebacks show the values of variables, secrets too (Z10).
    """
    for name in OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    with suppress(ValueError):
        logger.remove(0)
    line = partial(_line, hide=Hide((*secrets, *secrets_of(config))))
    with ExitStack() as stack:
        files = {kind: _file(folder, config, kind=kind, say=say) for kind in kinds}
        for file in files.values():
            stack.callback(file.close)
        write = _writer(files, beside=beside, stack=stack, say=say)
        for kind in kinds:
            level = "WARNING" if kind == ERRORS else config.system.log_level
            sink = logger.add(
                partial(_pass_on, write, kind), level=level, format=line, filter=partial(_belongs, kind=kind),
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


def _writer(
    files: dict[str, LogFile], *, beside: bool, stack: ExitStack, say: Callable[[str], None]
) -> Callable[[tuple[str, str]], None]:
    """The function that writes a line to its file: at once, or in a thread of its own."""

    def write(item: tuple[str, str]) -> None:
        files[item[0]].write(item[1])

    if not beside:
        return write
    worker = BackgroundWorker("log files", write)

    def finish() -> None:
        worker.close()
        if worker.dropped:
            say(f"log files: {worker.dropped} lines were lost: they came faster than the disk could write them")

    stack.callback(finish)
    return worker.tell


def _pass_on(write: Callable[[tuple[str, str]], None], kind: str, message: str) -> None:
    write((kind, str(message)))


def _belongs(record: "Record", *, kind: str) -> bool:
    """Whether a record belongs in the file: records of safla alone, and in the file of errors from all of them."""
    of_safla = (record["name"] or "").partition(".")[0] == "safla"
    return of_safla and (kind == ERRORS or record["extra"].get("file", UNNAMED) == kind)


def _line(record: "Record", *, hide: Hide) -> str:
    """The template of a line, for loguru. The text goes in as `extra`: it is data, never a template itself (Z13)."""
    common = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "room": record["name"],
        "text": record["message"],
    }
    # common twice: first in order, and not overwritten by a field of the same name.
    record["extra"]["line"] = json.dumps(_shown({**common, **record["extra"].get("fields", {}), **common}, hide=hide))
    return "{extra[line]}\n"


def _shown(value: Any, *, hide: Hide) -> Any:
    """A value without secrets and without control characters (Z11, Z13)."""
    if isinstance(value, dict):
        return {name: _shown(inner, hide=hide) for name, inner in value.items()}
    return hide(printable(value)) if isinstance(value, str) else value
