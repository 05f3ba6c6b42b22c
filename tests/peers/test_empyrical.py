"""Figures of daily returns match empyrical-reloaded on real candles and random returns; all definitions agree.

It has losses as negative numbers where ours are positive, and the number of days of a year is an argument.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
import pytest

from safla.core.values import Int64
from safla.metrics import benchmark, days, drawdown, growth

DAY = 86_400_000
HOUR = 3_600_000
BALANCE = 1_000_000
RATE = 0.04

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def peer() -> Any:
    """The library, or no test."""
    return pytest.importorskip("empyrical", reason="empyrical-reloaded is not installed: extra dev")


@pytest.fixture
def coins(real_data: Path) -> tuple[Floats, Floats]:
    """Daily returns of two coins over the hours that both files have, as if each were an equity."""
    tables = [pd.read_csv(real_data / f"{name}.csv.gz") for name in ("btcusdt-1h-2017-2025", "ethusdt-1h-2020-2025")]
    both = tables[0].merge(tables[1], on="timestamp_ms", suffixes=("_one", "_other"))
    ts: Int64 = both["timestamp_ms"].to_numpy(np.int64)
    closes = [np.rint(both[name].to_numpy(np.float64) * 100).astype(np.int64) for name in ("close_one", "close_other")]
    one, other = (growth.daily_returns(ts, close, int(close[0]), HOUR) for close in closes)
    return one, other


@pytest.fixture
def drawn() -> tuple[Floats, Floats]:
    """Returns random daily returns, and others that correlate with them."""
    chance = np.random.default_rng(7)
    held = chance.normal(0.001, 0.03, 777)
    return 0.4 * held + chance.normal(0, 0.01, 777), held


@pytest.mark.parametrize("pair", ["coins", "drawn"])
def test_every_figure_of_daily_returns_matches_empyrical(request: pytest.FixtureRequest, peer: Any, pair: str) -> None:
    returns, held = request.getfixturevalue(pair)
    daily = days.daily_rate(RATE)
    beta = benchmark.beta(returns, held)
    pairs = {
        "volatility": (days.volatility(returns), peer.annual_volatility(returns, annualization=365)),
        "sharpe": (days.sharpe(returns, RATE), peer.sharpe_ratio(returns, risk_free=daily, annualization=365)),
        "sortino": (days.sortino(returns, RATE), peer.sortino_ratio(returns, daily, annualization=365)),
        "omega": (days.omega(returns), peer.omega_ratio(returns)),
        "var": (days.value_at_risk(returns), -peer.value_at_risk(returns)),
        "cvar": (days.tail_loss(returns), -peer.conditional_value_at_risk(returns)),
        "beta": (beta, peer.beta(returns, held, risk_free=daily)),
        "alpha": (
            benchmark.alpha(returns, held, beta, RATE),
            peer.alpha(returns, held, risk_free=daily, annualization=365),
        ),
    }
    assert len(returns) > 700
    for name, (ours, theirs) in pairs.items():
        assert ours.value == pytest.approx(theirs, rel=1e-9), name


@pytest.mark.parametrize("pair", ["coins", "drawn"])
def test_cagr_max_drawdown_and_calmar_of_daily_candles_match_empyrical(
    request: pytest.FixtureRequest, peer: Any, pair: str
) -> None:
    # given candles of a day from midnight on, with closes so large that an integer holds the return
    equity = np.rint(BALANCE * 10**9 * np.cumprod(1 + request.getfixturevalue(pair)[0])).astype(np.int64)
    ts = np.arange(len(equity), dtype=np.int64) * DAY
    returns = growth.daily_returns(ts, equity, BALANCE * 10**9, DAY)
    # when
    a_year = growth.cagr(equity, BALANCE * 10**9, growth.length_ms(ts, DAY))
    fall = drawdown.falls(ts, equity, equity, BALANCE * 10**9, DAY).deepest
    # then
    assert a_year.value == pytest.approx(peer.cagr(returns, annualization=365), rel=1e-9)
    assert fall.share == pytest.approx(-peer.max_drawdown(returns), rel=1e-9)
    calmar = drawdown.calmar(a_year, fall.share)
    assert calmar.value == pytest.approx(peer.calmar_ratio(returns, annualization=365), rel=1e-9)
