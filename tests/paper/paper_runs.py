"""Paper runs over synthetic history at full speed, and the backtest that each must equal."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from safla.clock import SYSTEM, Clock
from safla.config.loader import Loaded, load_mapping
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.runs import backtest
from safla.runs.interrupt import Flag
from safla.strategies.register import STRATEGIES, Strategy

SMALL: dict[str, Any] = {
    "paper": {"source": "replay", "speed": "max"},
    "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]},
    "market_data": {"timeframe": "1h", "lookback_candles": 12},
    "data": {"source": "synthetic", "synthetic": {"candles": 160, "holes": 6}, "start": "2024-01-01T15:00"},
    "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
    "risk": {"max_daily_loss_pct": 0.004, "trailing_stop_pct": 0.03, "max_drawdown_pct": 0.05},
}


def loaded(mode: str, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL, **more: Any) -> Loaded:
    """The configuration in a mode; a backtest of it writes all candles too."""
    detail = ("journal.detail=candles",) if mode == "backtest" else ()
    return load_mapping(config, sets=(f"mode={mode}", *detail, *sets), environment={}, **more)


def run_paper(
    folder: Path, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL, updates: list[Update] | None = None,
    register: Mapping[str, Strategy] = STRATEGIES, flag: Flag | None = None, clock: Clock = SYSTEM,
    said: Callable[[str], None] = lambda text: None, **more: Any,
) -> runner.PaperResult:  # fmt: skip
    """A paper run, to its end."""
    heard: list[Update] = [] if updates is None else updates
    return runner.run_paper(
        loaded("paper", sets, config=config, **more), folder, force=False, say=said, flag=flag or Flag(),
        attach_listeners=lambda run, source: nullcontext(Listeners(heard.append, lambda *trouble: None)),
        register=register, clock=clock,
    )  # fmt: skip


def backtest_journal(
    folder: Path, sets: Sequence[str] = (), *, config: Mapping[str, Any] = SMALL,
    register: Mapping[str, Strategy] = STRATEGIES, **more: Any,
) -> bytes:  # fmt: skip
    """The journal of the backtest over the same candles."""
    prepared = backtest.prepare(loaded("backtest", sets, config=config, **more), register=register)
    backtest.run_backtest(
        prepared, folder, engine="interpreted", force=False, watch=lambda progress: None, say=lambda text: None,
        flag=Flag(),
    )  # fmt: skip
    return journal(folder)


def journal(folder: Path) -> bytes:
    """The bytes of a journal."""
    return (folder / "journal.jsonl").read_bytes()
