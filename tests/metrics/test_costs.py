"""Trading costs, and the result of an ambiguous exit at its other level, match values computed by hand."""

import numpy as np
import pytest

from safla.core.values import STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, Columns, Market, Rules
from safla.metrics import costs

RULES = Rules(**dict.fromkeys(Rules._fields, 0))._replace(
    commission_ppm=1_000, maker_commission_ppm=500, base_slippage_ppm=10_000, max_slippage_ppm=50_000
)
MARKET = Market(tick=1, lot=1, k=10, min_notional=0, quantity_up=1, volume_up=1)


def ints(*values):
    return np.array(values, np.int64)


def test_slippage_is_the_distance_from_the_reference_price_for_buys_and_sells():
    paid = costs.slippage_paid(ints(100, 200, 50), ints(101, 198, 50), ints(3, 4, 5), ints(10, 10, 1))
    assert paid == 3 * 10 + 2 * 4 * 10


def test_costs_are_shown_as_a_share_of_gross_profit():
    assert costs.share_of_gross(15, ints(40, -30, 20)).value == 0.25
    assert costs.share_of_gross(15, ints(-30, 0)).reason == "no trade gained before fees"


@pytest.mark.parametrize(
    ("net", "notional", "trades", "expected"),
    [(50, 100_000, 1, 5.0), (-50, 100_000, 1, -5.0), (0, 100_000, 3, 0.0), (50, 100_000, 0, None)],
)
def test_the_break_even_cost_is_the_profit_over_the_total_turnover(net, notional, trades, expected):
    assert costs.break_even_bps(net, notional, trades).value == expected


@pytest.mark.parametrize(("ts", "expected"), [(0, 0), (1, 7), (2, 7), (3, 7), (4, 9), (9, 9)])
def test_the_volume_before_a_candle_is_the_last_nonzero_volume(ts, expected):
    column = ints(7, 0, 0, 9, 0)
    columns = Columns(np.arange(5, dtype=np.int64), *[column] * 4, column)
    assert costs.volume_before(columns, ts) == expected


def test_without_an_earlier_nonzero_volume_the_volume_before_a_candle_is_none():
    assert costs.volume_before(Columns(np.arange(2, dtype=np.int64), *[ints(0, 0)] * 5), 2) == 0


def test_a_target_fills_at_its_price_and_pays_the_maker_rate():
    assert costs.as_target(RULES, MARKET, 1_100, 10) == 110_000 - 55


def test_a_stop_pays_slippage_and_the_taker_rate():
    assert costs.as_stop(RULES, MARKET, 900, 10, 1_000) == 891 * 100 - 90  # 1 % below, and its fee rounded up
    assert costs.as_stop(RULES, MARKET, 900, 10, 0) == 855 * 100 - 86  # no volume yet: the most


@pytest.mark.parametrize("reason", [STOP_LOSS, TRAILING_STOP])
def test_the_alternative_of_an_ambiguous_stop_exit_is_a_better_result_at_the_target(reason):
    proceeds = 891 * 100 - 90
    assert costs.if_otherwise(RULES, MARKET, reason, 1_100, 10, proceeds, 1_000) == (109_945 - proceeds, 0)


def test_the_alternative_of_an_ambiguous_target_exit_is_a_worse_result_at_the_stop():
    changes = costs.if_otherwise(RULES, MARKET, TAKE_PROFIT, 900, 10, 109_945, 1_000)
    assert changes == (0, 891 * 100 - 90 - 109_945)
