"""Counts, lists and tables of a summary match values computed by hand for thirteen candles, and sums agree."""

import pytest

from safla.core import values as v
from safla.report import breakdown
from safla.report.window import Window
from tests.report.tiny import tiny
from tests.small_runs import run, small


@pytest.fixture
def window(tmp_path):
    return Window(tiny(tmp_path))


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return Window(run(small(folder), folder / "run").outcome)


def test_an_open_position_is_valued_with_the_costs_of_selling_it(tmp_path):
    slippage = "simulation.slippage={base_bps: 100, impact_coefficient: 0, max_slippage_bps: 100}"
    (position,) = breakdown.open_positions(tiny(tmp_path, slippage))
    # bought at 106 + 2 in whole units, and it would be sold at 107 - 2
    assert (position.symbol, position.quantity, position.value) == ("BTC/USDT", 83, 83 * 107)
    assert position.profit == 83 * (107 - 108) - 9
    assert (position.closing_commission, position.closing_slippage) == (9, 83 * 2)


def test_without_holdings_there_is_no_position(tmp_path):
    assert breakdown.open_positions(tiny(tmp_path, "data.end=2024-01-01T12:00Z")) == []


def test_trades_are_grouped_by_the_reason_of_their_exit(window):
    stopped, met = breakdown.by_exit_reason(window)
    assert (stopped.of, stopped.trades, stopped.wins, stopped.net_profit) == ("stop_loss", 2, 0, -849)
    assert stopped.mean_pct == pytest.approx((-463 / 8_900 - 386 / 8_924) / 2, rel=1e-11)
    assert (met.of, met.trades, met.wins, met.net_profit) == ("take_profit", 1, 1, 881)


def test_trades_are_grouped_by_the_hour_of_their_entry(window):
    hours = breakdown.by_hour(window)
    assert [group.of for group in hours] == [f"{hour:02d}" for hour in range(24)]
    assert {group.of: group.net_profit for group in hours if group.trades} == {"03": -463, "06": -386, "09": 881}
    assert hours[0].mean_pct is None


def test_trades_are_grouped_by_the_weekday_of_their_entry(window):
    days = breakdown.by_weekday(window)  # 2024-01-01 was a Monday
    assert [group.of for group in days][0::6] == ["Monday", "Sunday"]
    assert [group.trades for group in days] == [3, 0, 0, 0, 0, 0, 0]


def test_every_grouping_has_every_trade_exactly_once(wide):
    counts = breakdown.trade_counts(wide)
    realised = int(wide.outcome.state.account[v.REALISED]) / 10**wide.outcome.run.money_decimals
    for groups in (breakdown.by_exit_reason(wide), breakdown.by_weekday(wide), breakdown.by_hour(wide)):
        assert sum(group.trades for group in groups) == counts["trades"]
        assert sum(group.wins for group in groups) == counts["wins"]
        assert sum(group.net_profit for group in groups) == pytest.approx(realised, rel=1e-9)


def test_rejections_are_listed_by_reason_with_the_most_frequent_first(wide):
    counts = list(breakdown.rejections(wide, v.BUY).values())
    assert counts == sorted(counts, reverse=True)
    assert len(counts) > 1


def test_gaps_are_counted_with_the_fills_next_to_them(wide):
    assert breakdown.quality(wide.outcome)["gaps"] == 6
    step = wide.outcome.run.plan.rules.step_ms
    there = [set(one.columns.ts.tolist()) for one in wide.outcome.series]
    fills = zip(wide.fills.symbol.tolist(), wide.fills.ts.tolist(), strict=True)
    ends = [(min(times), max(times)) for times in there]
    beside = sum(
        (ts > ends[symbol][0] and ts - step not in there[symbol])
        or (ts < ends[symbol][1] and ts + step not in there[symbol])
        for symbol, ts in fills
    )
    assert breakdown.fills_beside_gaps(wide) == beside > 0
