"""The plan of a run: scales by S3, bounds by D1, rules in parts per million."""

from decimal import Decimal

import numpy as np
import pytest

from safla.config.loader import load_mapping
from safla.config.plan import make_plan, price_limit, scales
from safla.core.candles import Scale, Series
from safla.core.values import Columns
from safla.errors import ConfigError
from tests.errors import raises_code


def series(symbol="BTC/USDT", price_decimals=2, volume_decimals=6):
    empty = np.zeros(0, np.int64)
    return Series(symbol, price_decimals, volume_decimals, Columns(*[empty] * 6))


def config(**sections):
    return load_mapping({"data": {"source": "synthetic"}, **sections}).config


USUAL = Scale(2, 5, 6, 1, 1, 0)


def plan(scale=USUAL, **sections):
    return make_plan(config(**sections), ("BTC/USDT",), scales=(scale,), start=7)


@pytest.mark.parametrize(
    ("balance", "price_decimals", "quantity_decimals"),
    [
        ("100000", 2, 5),  # min(5, 11 - 2, 12 - 2)
        ("100000", 8, 3),  # 11 - 8
        ("100000000", 8, 1),  # balance * 10^9 is the most that D1 allows
        ("1", 0, 5),
        ("999999999999", 2, 3),
        ("999999999999", 6, 0),
    ],
)
def test_quantity_decimals_follow_price_and_balance(balance, price_decimals, quantity_decimals):
    found = scales(
        config(simulation={"initial_balance_usd": Decimal(balance)}), [series(price_decimals=price_decimals)]
    )
    assert found[0].quantity_decimals == quantity_decimals


def test_values_in_markets_override_those_of_the_source():
    market = {
        "price_decimals": 2,
        "quantity_decimals": 3,
        "tick": Decimal("0.1"),
        "lot": Decimal("0.002"),
        "min_notional": Decimal("5.5"),
    }
    found = scales(config(markets={"BTC/USDT": market}), [series()])
    assert found[0] == Scale(2, 3, 6, tick=10, lot=2, min_notional=550_000)


def test_money_has_the_decimals_of_the_finest_symbol_and_the_others_are_multiplied():
    both = [series("BTC/USDT", 2), series("DOGE/USDT", 5)]
    one = config(symbols={"primary": ["BTC/USDT", "DOGE/USDT"]})
    found = scales(one, both)
    run = make_plan(one, ("BTC/USDT", "DOGE/USDT"), scales=found, start=0)
    assert [scale.quantity_decimals for scale in found] == [5, 5]
    assert run.money_decimals == 10
    assert run.plan.markets[:, 2].tolist() == [1000, 1]
    assert run.balance == 100_000 * 10**10


def test_quantity_and_volume_are_compared_in_the_finer_scale():
    assert plan().plan.markets[0, 4:].tolist() == [10, 1]
    assert plan(Scale(2, 5, 3, 1, 1, 0)).plan.markets[0, 4:].tolist() == [1, 100]


def test_percentages_rates_and_basis_points_become_parts_per_million():
    rules = plan(
        simulation={
            "commission_rate": Decimal("0.00075"),
            "slippage": {"base_bps": Decimal("2.25"), "max_slippage_bps": Decimal(50)},
        },
        risk={
            "stop_loss_pct": Decimal("0.02"),
            "take_profit_pct": Decimal(100),
            "max_daily_loss_pct": None,
            "max_daily_trades": None,
        },
        strategy={"entry_threshold_pct": Decimal("0.001")},
    ).plan.rules
    assert (rules.commission_ppm, rules.maker_commission_ppm) == (750, 750)
    assert (rules.base_slippage_ppm, rules.max_slippage_ppm, rules.impact_ppm) == (225, 5000, 100_000)
    assert (rules.stop_loss_ppm, rules.take_profit_ppm) == (20_000, 100_000_000)
    assert (rules.max_daily_loss_ppm, rules.max_daily_trades) == (0, 0)
    assert (rules.confidence_cap_ppm, rules.confidence_threshold_ppm) == (900_000, 1000)
    assert (rules.warm_up, rules.start_ts) == (31, 7)


@pytest.mark.parametrize(
    ("sections", "scale", "key", "text"),
    [
        ({"simulation": {"initial_balance_usd": Decimal("46116860184.2")}}, Scale(2, 5, 6, 1, 1, 0), None, None),
        (
            {"simulation": {"initial_balance_usd": Decimal(46116860185)}},
            Scale(2, 5, 6, 1, 1, 0),
            "initial_balance_usd",
            "expected a number <= 46116860184 for money with 7 decimals",
        ),
        (
            {"simulation": {"initial_balance_usd": Decimal("0.001")}},
            Scale(2, 0, 6, 1, 1, 0),
            "initial_balance_usd",
            "decimals",
        ),
        (
            {"strategy": {"max_position_size_usd": Decimal(999999999999)}},
            Scale(2, 5, 6, 1, 1, 0),
            "max_position_size",
            "2**62",
        ),
    ],
)
def test_money_must_fit_into_the_bounds_of_the_core(sections, scale, key, text):
    if key is None:
        assert plan(scale, **sections).balance * 10 <= 2**62
        return
    with raises_code(ConfigError, "does_not_fit_scale") as caught:
        plan(scale, **sections)
    assert key in str(caught.value)
    assert text in str(caught.value)


def test_a_tick_finer_than_the_candles_is_an_error_of_its_key():
    with pytest.raises(ConfigError, match=r"markets.BTC/USDT.tick: expected at most 2 decimals, got 0.001"):
        scales(config(markets={"BTC/USDT": {"tick": Decimal("0.001")}}), [series()])


@pytest.mark.parametrize(("fast", "slow", "limit"), [(10, 30, 2**62 // 1000), (100, 200, 2**62 // 20_000)])
def test_the_highest_price_leaves_room_for_the_sums_of_the_averages(fast, slow, limit):
    assert price_limit(config(strategy={"fast_period": fast, "slow_period": slow})) == limit


def test_the_plan_holds_every_value_as_text():
    texts = plan(risk={"stop_loss_pct": Decimal("0.030")}).texts
    assert texts["risk.stop_loss_pct"] == "0.03"
    assert texts["risk.drawdown_pause_days"] == "null"
    assert texts["market_data.lookback_candles"] == "100"
    assert Decimal(texts["simulation.initial_balance_usd"]) == 100_000
    assert not [key for key in texts if key.startswith(("symbols", "markets", "journal", "data", "paper"))]
