"""What is wrong here: exchange, clock, the folders that are written to, versions. Each look is one row."""

import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from safla.clock import SYSTEM
from safla.config.model import Config
from safla.data import service
from safla.errors import INSTALL, HostError, SaflaError
from safla.exchange.client import feed_of
from safla.exchange.server_time import SKEW_SECONDS
from safla.observe import event_log

DISTRIBUTION = "safla-trading"
PACKAGES = "aiohttp ccxt click loguru msgspec numba numpy polars psutil pydantic rich ruamel.yaml transitions".split()
EXTRAS = {"prometheus_client": "monitoring.prometheus"}  # each with the key that needs it
LEAST_PYTHON = (3, 11)
FREE_BYTES = 2**30


class Check(NamedTuple):
    """One thing that was looked at."""

    what: str
    state: str  # ok, warning, or failed
    text: str
    exit_code: int  # of DESIGN 5, where it failed


def examine(config: Config) -> list[Check]:
    """Look at everything; one that fails stops no other."""
    return [
        _python(),
        _packages(),
        *_extras(),
        _machine(),
        _folder("store", Path(config.storage.cache_directory)),
        _folder("logs", Path(config.storage.logs_directory)),
        *(_exchange(config) if asks_exchange(config) else [_unasked(config)]),
    ]


def asks_exchange(config: Config) -> bool:
    """Whether a run of the configuration needs an answer of the exchange."""
    return config.data.source == "exchange" or (config.mode == "paper" and config.paper.source == "stream")


def _unasked(config: Config) -> Check:
    return Check("exchange", "ok", f"not asked: the candles of this configuration are {config.data.source}", 0)


def _python() -> Check:
    text = f"Python {platform.python_version()}, {sys.platform} {platform.machine()}"
    if sys.version_info < LEAST_PYTHON:
        return Check("python", "failed", f"{text}; 3.11 or newer is needed", HostError.exit_code)
    return Check("python", "ok", text, 0)


def _packages() -> Check:
    found = {"safla": _version(DISTRIBUTION), **{name: _version(name) for name in PACKAGES}}
    missing = [name for name, one in found.items() if one is None and name != "safla"]
    if missing:
        text = f"not installed: {', '.join(missing)}; {INSTALL}"
        return Check("packages", "failed", text, HostError.exit_code)
    return Check("packages", "ok", ", ".join(f"{name} {one or '(not installed)'}" for name, one in found.items()), 0)


def _extras() -> list[Check]:
    missing = [f"{name} (for {use})" for name, use in EXTRAS.items() if _version(name.replace("_", "-")) is None]
    return (
        [Check("extras", "ok", f"not installed, and needed by no other key: {', '.join(missing)}", 0)]
        if missing
        else []
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> Check:
    import psutil

    memory = psutil.virtual_memory()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{cores} cores, {memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB of memory free"
    return Check("machine", "ok", text, 0)


def _folder(what: str, folder: Path) -> Check:
    """Whether a file can be written there, or where the folder would be made."""
    import psutil

    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            free = psutil.disk_usage(str(there)).free
    except OSError as error:
        return Check(what, "failed", f"{folder}: cannot be written to: {error.strerror}", HostError.exit_code)
    state = "warning" if free < FREE_BYTES else "ok"
    return Check(what, state, f"{folder}: writable, {free / 2**30:.1f} GiB free", 0)


def _exchange(config: Config) -> list[Check]:
    name = config.exchange.name
    try:
        with event_log.of_exchange(config):
            skew, seconds = service.finished(_reached(config))
    except SaflaError as error:
        return [Check("exchange", "failed", str(error), error.exit_code)]
    reached = Check("exchange", "ok", f"{name} answers within {seconds * 1000:.0f} ms", 0)
    said = f"{'ahead of' if skew > 0 else 'behind'} the exchange's by {abs(skew):.2f} s"
    if abs(skew) <= SKEW_SECONDS:
        return [reached, Check("clock", "ok", said, 0)]
    return [reached, Check("clock", "warning", f"{said}; the exchange's decides, but set this one right", 0)]


async def _reached(config: Config) -> tuple[float, float]:
    """How far the clocks are apart, and how long an answer takes, seconds."""
    clock = SYSTEM.monotonic
    async with feed_of(config.exchange) as feed:
        began = clock()
        await feed.time.now()
        return feed.time.skew_seconds or 0.0, clock() - began
