"""Paper trading on an exchange, over real sockets: its journal is that of the backtest over what it was served."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from safla.config.load import load_mapping
from safla.errors import Interrupted
from safla.resilience.clock import Clock
from safla.runtime import backtest, paper
from safla.runtime.interrupt import Flag
from safla.runtime.paper import Onlooker
from safla.runtime.resting import resting
from safla.runtime.told import Told
from tests.fake_exchange import FakeExchange, Market, served, synthetic
from tests.runtime.paper_runs import journal

START = 1_704_067_200_000  # 2024-01-01
MINUTE = 60_000
BEGUN = 300  # minutes that are over when the run begins
LOOKBACK = 20


def config(folder: Path, fake: FakeExchange, **more: Any) -> dict[str, Any]:
    return {
        "mode": "paper",
        "exchange": {"rest_url": fake.rest_url, "stream_url": fake.stream_url},
        "symbols": {"primary": ["BTC/USDT", "ETH/USDT"]},
        "market_data": {"timeframe": "1m", "lookback_candles": LOOKBACK},
        "storage": {"cache_directory": str(folder / "cache")},
        "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
        **more,
    }


def traded(folder: Path, fake: FakeExchange, *, timestamps: int) -> list[Told]:
    """The run, until so many timestamps were told; the exchange's clock moves on with each, and with every wait."""
    flag, told = Flag(), list[Told]()

    def seen(one: Told) -> None:
        told.append(one)
        if len(told) == timestamps:
            flag.signal = 15

    clock = Clock(fake.clock.seconds, fake.clock.wall, fake.clock.sleep)
    loaded = load_mapping(config(folder, fake), sets=(), environment={})
    with pytest.raises(Interrupted):
        paper.run(
            loaded, folder / "paper", force=False, say=lambda text: None, flag=flag, clock=clock,
            attend=lambda run, source: nullcontext(Onlooker(seen, lambda *trouble: None)),
        )  # fmt: skip
    return told


def backtested(folder: Path, fake: FakeExchange, *, minutes: int) -> bytes:
    """The backtest over what the exchange serves of the same time."""
    window = {"source": "exchange", "start": START + BEGUN * MINUTE, "end": START + minutes * MINUTE}
    given = config(folder, fake, mode="backtest", data=window, journal={"detail": "candles"})
    prepared = backtest.prepare(load_mapping(given, sets=(), environment={}))
    backtest.run(
        prepared, folder / "backtest", engine="interpreted", force=False, watch=lambda progress: None,
        say=lambda text: None, flag=Flag(),
    )  # fmt: skip
    return journal(folder / "backtest")


def markets() -> list[Market]:
    return [
        Market("BTCUSDT", {"1m": synthetic(START, MINUTE, 600, seed=1, holes=(BEGUN + 30, BEGUN + 31))}),
        Market("ETHUSDT", {"1m": synthetic(START, MINUTE, 600, seed=2)}),
    ]


def test_a_run_on_an_exchange_is_the_backtest_over_its_candles_byte_for_byte(tmp_path: Path):
    with served(markets(), now_ms=START + BEGUN * MINUTE + 5_000) as fake:
        traded(tmp_path, fake, timestamps=LOOKBACK + 60)
        fake.clock.advance(37 * MINUTE)  # nobody was there
        traded(tmp_path, fake, timestamps=60)
        with resting(tmp_path / "paper", say=lambda text: None) as held:
            held.stop()
        last = held.last_ts()
        assert last is not None
        fake.mend()
        assert journal(tmp_path / "paper") == backtested(tmp_path, fake, minutes=(last - START) // MINUTE + 1)
    assert journal(tmp_path / "paper").count(b'"type":"filled"') > 10


def test_a_decision_is_on_the_disk_soon_after_its_candle_came(tmp_path: Path):
    """The figure is the bench's; here it must not be off by an order of magnitude."""
    with served(markets(), now_ms=START + BEGUN * MINUTE + 5_000) as fake:
        told = traded(tmp_path, fake, timestamps=LOOKBACK + 30)
    assert len(told) == LOOKBACK + 30
    assert [one.ts for one in told] == sorted({one.ts for one in told})
