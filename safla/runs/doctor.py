"""Checks of what a run needs: exchange, clock, folders, versions. Each check is a row of `safla doctor`."""

import os
import platform
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from safla.clock import SYSTEM
from safla.compiled.library import library
from safla.config.model import Config
from safla.data import service
from safla.errors import INSTALL, HostError, SaflaError
from safla.exchange.client import feed_of
from safla.exchange.server_time import SKEW_SECONDS
from safla.observe import event_log
from safla.runs.engine_choice import BUILD

DISTRIBUTION = "safla-trading"
PACKAGES = "aiohttp ccxt click loguru msgspec numpy polars psutil pydantic rich ruamel.yaml transitions".split()
EXTRAS = {"prometheus_client": "monitoring.prometheus"}  # package: the key that needs it
LEAST_PYTHON = (3, 11)
FREE_BYTES = 2**30  # a disk with less free space is a warning


class Check(NamedTuple):
    """The result of one check."""

    what: str
    state: str  # ok, warning, or failed
    text: str
    exit_code: int  # if it failed (README.md), else 0


def examine(config: Config) -> list[Check]:
    """Make all checks; the others are made even if one fails."""
    return [
        _python(),
        _packages(),
        *_extras(),
        _engine(),
        _machine(),
        _folder("store", Path(config.storage.cache_directory)),
        _folder("logs", Path(config.storage.logs_directory)),
        *(_exchange(config) if asks_exchange(config) else [_not_contacted(config)]),
    ]


def asks_exchange(config: Config) -> bool:
    """Whether a run of the configuration sends requests to the exchange."""
    return config.data.source == "exchange" or (config.mode == "paper" and config.paper.source == "stream")


def _not_contacted(config: Config) -> Check:
    return Check("exchange", "ok", f"not contacted: this configuration has data.source {config.data.source}", 0)


def _python() -> Check:
    text = f"Python {platform.python_version()}, {sys.platform} {platform.machine()}"
    if sys.version_info < LEAST_PYTHON:
        return Check("python", "failed", f"{text}; 3.11 or newer is needed", HostError.exit_code)
    return Check("python", "ok", text, 0)


def _packages() -> Check:
    versions = {"safla": _version(DISTRIBUTION), **{name: _version(name) for name in PACKAGES}}
    missing = [name for name, installed in versions.items() if installed is None and name != "safla"]
    if missing:
        text = f"not installed: {', '.join(missing)}; {INSTALL}"
        return Check("packages", "failed", text, HostError.exit_code)
    text = ", ".join(f"{name} {installed or '(not installed)'}" for name, installed in versions.items())
    return Check("packages", "ok", text, 0)


def _extras() -> list[Check]:
    missing = [f"{name} (for {use})" for name, use in EXTRAS.items() if _version(name.replace("_", "-")) is None]
    return [Check("extras", "ok", f"optional, not installed: {', '.join(missing)}", 0)] if missing else []


def _engine() -> Check:
    found = library()
    if found.library is None:
        return Check("engine", "warning", f"interpreted: {found.reason}; {BUILD}", 0)
    return Check("engine", "ok", f"compiled: {found.library.path}", 0)


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
    """Check that a file can be written in a folder, or in the parent in which the folder would be made."""
    import psutil

    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = psutil.disk_usage(str(existing)).free
    except OSError as error:
        return Check(what, "failed", f"{folder}: cannot be written to: {error.strerror}", HostError.exit_code)
    state = "warning" if free < FREE_BYTES else "ok"
    return Check(what, state, f"{folder}: writable, {free / 2**30:.1f} GiB free", 0)


def _exchange(config: Config) -> list[Check]:
    name = config.exchange.name
    try:
        with event_log.of_exchange(config):
            skew, seconds = service.finished(_request_time(config))
    except SaflaError as error:
        return [Check("exchange", "failed", str(error), error.exit_code)]
    exchange = Check("exchange", "ok", f"{name} answers within {seconds * 1000:.0f} ms", 0)
    text = f"{abs(skew):.2f} s {'ahead of' if skew > 0 else 'behind'} the exchange's clock"
    if abs(skew) <= SKEW_SECONDS:
        return [exchange, Check("clock", "ok", text, 0)]
    return [exchange, Check("clock", "warning", f"{text}; safla uses the exchange's, but correct this one", 0)]


async def _request_time(config: Config) -> tuple[float, float]:
    """Ask the exchange for its time. Returns how far this clock is ahead, and how long the answer took, seconds."""
    clock = SYSTEM.monotonic
    async with feed_of(config.exchange) as feed:
        began = clock()
        await feed.time.now()
        return feed.time.skew_seconds or 0.0, clock() - began
