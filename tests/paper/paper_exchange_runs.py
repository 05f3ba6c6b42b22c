"""A paper run on a fake exchange, on one clock with it, and the backtest over what it serves. No test here."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from safla.clock import Clock
from safla.config.loader import load_mapping
from safla.errors import Interrupted
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.runs import backtest
from safla.runs.interrupt import Flag
from tests.fake_exchange import FakeExchange, Market, synthetic
from tests.small_runs import journal

START = 1_704_067_200_000  # 2024-01-01
MINUTE = 60_000
BEGUN = 300  # minutes that are over when the run begins
LOOKBACK = 20


class Run:
    """A run in folder/paper, over two symbols. wall: the clock of this machine; None: it goes as the exchange's."""

    def __init__(
        self, folder: Path, fake: FakeExchange, *, timeframe: str = "1m", wall: Callable[[], float] | None = None,
        sections: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """sections: keys of the configuration that are not as below."""
        self.folder, self.fake, self.said, self.updates = folder, fake, list[str](), list[Update]()
        self._timeframe, self._wall, self._sections = timeframe, wall or fake.clock.wall, sections

    def trade(
        self, *, timestamps: int, each: Callable[[], None] = lambda: None, ends: bool = False,
        last_ts: int | None = None,
    ) -> list[Update]:  # fmt: skip
        """The run, until so many were told; the exchange's clock moves on with every wait.

        each     called after one
        ends     the run comes to its end before
        last_ts  it is interrupted after this timestamp, ms
        """
        flag, updates = Flag(), list[Update]()
        self.updates = updates

        def seen(one: Update) -> None:
            updates.append(one)
            each()
            if len(updates) == timestamps or one.ts == last_ts:
                flag.signal = 15

        clock = Clock(self.fake.clock.seconds, self._wall, self.fake.clock.sleep)
        loaded = load_mapping(self._config(), sets=(), environment={})
        with nullcontext() if ends else pytest.raises(Interrupted):
            runner.run_paper(
                loaded, self.folder / "paper", force=False, say=self.said.append, flag=flag, clock=clock,
                attach_listeners=lambda run, source: nullcontext(Listeners(seen, lambda *trouble: None)),
            )  # fmt: skip
        return updates

    def backtest_journal(self, *, start: int, end: int) -> bytes:
        """The journal of the backtest over what the exchange serves of that time, ms."""
        window = {"source": "exchange", "start": start, "end": end}
        given = self._config(mode="backtest", data=window, journal={"detail": "candles"})
        prepared = backtest.prepare(load_mapping(given, sets=(), environment={}))
        backtest.run_backtest(
            prepared, self.folder / "backtest", engine="interpreted", force=False, watch=lambda progress: None,
            say=lambda text: None, flag=Flag(),
        )  # fmt: skip
        return journal(self.folder / "backtest")

    def written(self, **exchange: Any) -> Path:
        """Its configuration as a file, for the real command."""
        given = self._config()
        given["exchange"].update(exchange)
        path = self.folder / "paper.yaml"
        path.write_text(repr(given).replace("'", '"'))  # JSON is YAML
        return path

    def _config(self, **more: Any) -> dict[str, Any]:
        given = self._plain(**more)
        return given | {name: given.get(name, {}) | dict(keys) for name, keys in self._sections.items()}

    def _plain(self, **more: Any) -> dict[str, Any]:
        return {
            "mode": "paper",
            "exchange": {"rest_url": self.fake.rest_url, "stream_url": self.fake.stream_url},
            "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]},
            "market_data": {"timeframe": self._timeframe, "lookback_candles": LOOKBACK},
            "storage": {"cache_directory": str(self.folder / "cache")},
            "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
            **more,
        }


def markets() -> list[Market]:
    """Two symbols of SYNTHETIC minutes, one with a gap."""
    return [
        Market("BTCUSDT", {"1m": synthetic(START, MINUTE, 600, seed=1, gaps=(BEGUN + 30, BEGUN + 31))}),
        Market("ETHUSDT", {"1m": synthetic(START, MINUTE, 600, seed=2)}),
    ]
