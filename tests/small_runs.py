"""Runs for tests: a small configuration over synthetic candles, a backtest of it, and its journal under new hashes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safla.api.registered import registered
from safla.config.loader import Loaded, load
from safla.journal import reader
from safla.journal.chain import ORIGIN
from safla.runs import backtest
from safla.runs.backtest import BacktestResult
from safla.runs.interrupt import Flag
from safla.runs.replay import replay_run
from safla.strategies.register import STRATEGIES, Strategy

SMALL = """\
system: {name: Small}
symbols: {primary: [BTC/USDT, ETH/USDT]}
data:
  source: synthetic
  synthetic: {candles: 900, holes: 3}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {lookback_candles: 9}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
"""


def small(folder: Path, *sets: str, text: str = SMALL) -> Loaded:
    """The small configuration, loaded from a file in the folder."""
    path = folder / "small.yaml"
    path.write_text(text)
    return load(path, sets=sets)


def run(loaded: Loaded, out: Path, **changes: Any) -> BacktestResult:
    """A backtest into a folder; changes: the arguments of backtest.run that are not as here."""
    arguments: dict[str, Any] = {"engine": "interpreted", "force": False, "flag": Flag()}
    silent: dict[str, Any] = {"watch": lambda progress: None, "say": lambda text: None}
    return backtest.run_backtest(backtest.prepare(loaded), out, **{**arguments, **silent, **changes})


def journal(folder: Path) -> bytes:
    """The bytes of a run's journal."""
    return (folder / "journal.jsonl").read_bytes()


def events(folder: Path, kind: Any) -> list[Any]:
    """The events of a type, or of a union of types, in a run's journal."""
    return [line.event for line in reader.read(folder) if isinstance(line.event, kind)]


def holds(folder: Path, register: Mapping[str, Strategy] = STRATEGIES) -> bool:
    """Whether a replay confirms a run: its chain, its books, and every decision."""
    found = replay_run(folder, books_only=False, engine="interpreted", say=lambda text: None, register=register)
    return found.decisions is not None and found.decisions.difference is None and found.books.differences == ()


def given(strategy: Any) -> dict[str, Any]:
    """The arguments of a run with a strategy from Python, named mine."""
    return {"register": registered({"mine": strategy}), "strategies": ("mine",)}


_LINE = re.compile(rb'\{"n":\d+,"p":"[0-9a-f]{32}","e":(.*),"h":"[0-9a-f]{32}"\}')


def rehashed(text: bytes) -> bytes:
    """Whole lines with their numbers and hashes made anew, the events as they stand."""
    from hashlib import blake2b

    lines, before = [], ORIGIN
    for n, line in enumerate(text.splitlines(), 1):
        event = _LINE.fullmatch(line)[1]
        head = b'{"n":%d,"p":"%b","e":%b,"h":"' % (n, before, event)
        before = blake2b(head, digest_size=16).hexdigest().encode()
        lines.append(head + before + b'"}\n')
    return b"".join(lines)
