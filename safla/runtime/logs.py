"""Log files for people: one JSON object a line, UTC, rotated. What a program needs is in the journal."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from safla.config.model import Config
from safla.config.shown import printable

if TYPE_CHECKING:
    from loguru import Record

OTHERS = (
    "ccxt",
    "urllib3",
    "aiohttp",
    "asyncio",
    "transitions",
)  # they would tell more than is asked, headers too (Z10)
EXCHANGE = "data"  # the folder below storage.logs_directory that tells what was asked of exchanges


@contextmanager
def of_exchange(config: Config) -> Iterator[None]:
    """What is asked of an exchange, and how it answers, goes into files for the length of a `with`."""
    for name in OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    folder = Path(config.storage.logs_directory) / EXCHANGE
    files = config.logging.files
    logger.remove()
    sinks = [
        _added(folder / files.market_data, config, level=config.system.log_level),
        _added(folder / files.errors, config, level="WARNING"),
    ]
    logger.enable("safla")
    try:
        yield
    finally:
        logger.disable("safla")
        for sink in sinks:
            logger.remove(sink)


def _added(path: Path, config: Config, *, level: str) -> int:
    return logger.add(
        path, level=level, format=_line, rotation=config.logging.max_file_size_mb * 1_000_000,
        retention=config.logging.backup_count, diagnose=False, backtrace=False, encoding="utf-8", delay=True,
    )  # fmt: skip


def _line(record: "Record") -> str:
    """The line of a record: its text is data, never a template (Z13)."""
    told = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record["level"].name,
        "room": record["name"],
        "text": printable(record["message"]),
    }
    record["extra"]["line"] = json.dumps(told)
    return "{extra[line]}\n"
