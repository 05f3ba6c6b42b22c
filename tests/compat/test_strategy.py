"""SMAStrategy gives the signals of the engine candle by candle, with the quantity of S23."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import safla
from safla.compat.entries import NO_DISTANCES, plan_of
from safla.core import sizing
from safla.core.account import market_of
from tests.compat import samples

FREE = {"strategy": {"fast_period": 1, "slow_period": 2, "entry_threshold_pct": 0, "exit_threshold_pct": 0}}


def flat(price, at, volume=5.0):
    return [samples.FIRST + at * samples.HOUR, price, price, price, price, volume]


def signals(prices, config=FREE, volume=5.0):
    strategy = safla.SMAStrategy("BTC/USDT", config)
    return [strategy.process_candle(flat(price, at, volume)) for at, price in enumerate(prices)]


def test_only_a_cross_is_a_signal():
    found = [(one.signal, one.reason) for one in signals([100, 100, 90, 110, 120, 80])]
    assert found == [
        ("HOLD", "warming"),
        ("HOLD", "warming"),
        ("SELL", "death_cross"),
        ("BUY", "golden_cross"),
        ("HOLD", "no_cross"),
        ("SELL", "death_cross"),
    ]


def test_a_signal_has_the_time_of_its_candle_in_utc():
    signal = signals([100, 100, 90, 110.5])[-1]
    assert signal.timestamp == datetime(2024, 1, 1, 3, tzinfo=UTC)
    assert (signal.price, signal.volume, signal.symbol, signal.confidence) == (110.5, 5.0, "BTC/USDT", 0.9)


def test_the_signals_match_those_of_the_run_candle_by_candle(tmp_path):
    config = samples.write(tmp_path)
    strategy = safla.SMAStrategy("BTC/USDT", config)
    series = samples.read(config)
    rows = [[ts, *(float(Decimal(x).scaleb(-series.price_decimals)) for x in prices), volume]
            for ts, *prices, volume in zip(*(column.tolist() for column in series.columns), strict=True)]  # fmt: skip
    found = [strategy.process_candle(row) for row in rows]
    events = safla.run(config, out=tmp_path / "run").events_of("signal")
    words = {"BUY": "enter", "SELL": "exit"}
    assert [(one.timestamp, words[one.signal]) for one in found if one.signal != "HOLD"] == list(
        zip(events["ts"], events["signal"], strict=True)
    )


def test_the_quantity_follows_s23_with_the_initial_balance_as_cash():
    signal = signals([100.25, 100, 90, 110.5])[-1]
    run = plan_of(safla.load_config(FREE), "BTC/USDT", price_decimals=2, volume_decimals=0)
    rules, market = run.plan.rules, market_of(run.plan.markets, 0)
    assert run.balance == 100_000 * 10**run.money_decimals
    room = run.balance * 6 // 10
    amount = sizing.budget(rules, 900_000, run.balance, run.balance, room)
    quantity, _ = sizing.sized(rules, market, amount, 0, NO_DISTANCES, 11_050, 5)
    assert signal.quantity == quantity / 10 ** run.scales[0].quantity_decimals > 0


def test_more_volume_means_less_slippage_and_never_a_smaller_quantity():
    thin, none, thick = (signals([100.25, 100.25, 90.25, 110.25], volume=volume)[-1] for volume in (1.0, 0.0, 1e9))
    assert none.quantity <= thin.quantity < thick.quantity


def test_earlier_candles_are_rescaled_with_the_scale():
    """A price with more decimals than earlier prices changes no signal: 100.05 exceeds 100 as 10005 exceeds 10000."""
    assert [one.signal for one in signals([100, 100, 100, 100.05, 100.00000001])] == [
        "HOLD", "HOLD", "HOLD", "BUY", "SELL",
    ]  # fmt: skip


@given(st.lists(st.integers(9_000, 11_000), min_size=3, max_size=30))
def test_prices_with_more_decimals_give_the_same_signals(prices):
    coarse = signals(prices)
    fine = signals([price / 10_000 for price in prices])
    assert [one.signal for one in coarse] == [one.signal for one in fine]


def test_repeating_a_candle_gives_the_same_signal():
    strategy = safla.SMAStrategy("BTC/USDT", FREE)
    rows = [flat(price, at) for at, price in enumerate([100, 100, 90, 110])]
    once = [strategy.process_candle(row) for row in rows]
    assert strategy.process_candle(rows[-1]) is once[-1]
    assert strategy.process_candle(flat(120, 4)).signal == "HOLD"


def test_configured_scales_of_markets_are_respected():
    config = {**FREE, "markets": {"BTC/USDT": {"price_decimals": 1, "quantity_decimals": 3}}}
    signal = signals([100, 100, 90, 110.5], config)[-1]
    assert round(signal.quantity, 3) == signal.quantity
    with pytest.raises(safla.DataError, match=r"candle 1: expected a price with at most 1 decimals, got 2"):
        signals([100.25], config)


@pytest.mark.parametrize(
    ("candle", "error", "said"),
    [
        ([1, 2, 3], safla.UsageError, "3 values"),
        ([samples.FIRST, "x", 1, 1, 1, 1], safla.UsageError, "open: expected a number .* got 'x'"),
        ([samples.FIRST, float("nan"), 1, 1, 1, 1], safla.UsageError, "open: .* got nan"),
        ([samples.FIRST, True, 1, 1, 1, 1], safla.UsageError, "open: .* got True"),
        ([samples.FIRST, 100, 90, 90, 100, 1], safla.DataError, "high 90 is below open 100"),
        ([samples.FIRST, 100, 100, 0, 100, 1], safla.DataError, "low 0 is not above 0"),
        ([samples.FIRST + 1, 100, 100, 100, 100, 1], safla.DataError, "not on the grid"),
        ([samples.FIRST, 100.123456789, 101, 100, 100, 1], safla.DataError, "at most 8 decimals, got 9"),
        ([samples.FIRST, 1e18, 1e18, 1e18, 1e18, 1], safla.DataError, "above"),
        ([samples.FIRST, 1e12, 1e12, 1, 1.00000001, 1], safla.DataError, "open 1000000000000.0 is above"),
        ([samples.FIRST + 2 * samples.HOUR, 101, 101, 101, 101, 5], safla.DataError, "candle_revised"),
        ([samples.FIRST + samples.HOUR, 100, 100, 100, 100, 5], safla.DataError, "out of order"),
    ],
)
def test_an_invalid_or_out_of_order_candle_is_rejected(candle, error, said):
    strategy = safla.SMAStrategy("BTC/USDT", FREE)
    if candle[0] > samples.FIRST + 1:
        strategy.process_candle(flat(100, 1) if candle[0] == samples.FIRST + 2 * samples.HOUR else flat(100, 0))
        strategy.process_candle(flat(100, 2))
    with pytest.raises(error, match=said):
        strategy.process_candle(candle)


def test_candles_that_cannot_be_rescaled_to_the_decimals_of_a_later_candle_are_rejected():
    with pytest.raises(safla.DataError, match=r"candle 2: with its decimals the candles before exceed 2\*\*62"):
        signals([1e12, 1.00000001])


def test_a_configuration_with_another_strategy_is_rejected():
    loaded = safla.load_config({"strategy": {"name": "mine"}}, strategies={"mine": _Mine()})
    with pytest.raises(safla.ConfigError, match="expected sma_crossover for SMAStrategy"):
        safla.SMAStrategy("BTC/USDT", loaded)


class _Mine:
    def warm_up(self, parameters):
        return 1

    def __call__(self, columns, parameters):
        return np.zeros(len(columns.ts), np.int8), np.zeros(len(columns.ts))
