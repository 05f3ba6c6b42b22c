"""The summary of a run: every figure of thirteen candles by hand, relations of figures, and undefined figures."""

import json

import jsonschema
import numpy as np
import pytest

from safla.core import values as v
from safla.report.figures import METRICS, summary_schema
from safla.report.summary import summarise, write_summary
from tests.report.tiny import HOUR, tiny
from tests.small_runs import run, small

EQUITY = [100_000] * 3 + [100_169] + [99_537] * 2 + [99_151] * 3 + [100_032] * 3 + [100_107]
NOTIONAL = 8_900 + 8_455 + 8_924 + 8_556 + 8_910 + 9_810 + 8_904
R = (-463 / (89 * 5), -386 / (92 * 4), 881 / (90 * 4))

BY_HAND = {
    "days": 13 / 24,
    "daily_returns": 0,
    "initial_balance": 100_000,
    "final_equity": 100_107,
    "net_profit": 107,
    "total_return": 0.00107,
    "buy_and_hold_return": 1.07 * 0.999 / 1.001 - 1,
    "max_drawdown": (100_169 - 99_151) / 100_169,
    "intrabar_drawdown": (100_169 - 99_151) / 100_169,
    "max_drawdown_hours": 9,
    "under_water_share": 9 / 13,
    "longest_under_water_hours": 9,
    "exposure_time": 2 / 13,
    "average_exposure": (89 * 102 / 100_169 + 84 * 107 / 100_107) / 13,
    "largest_exposure": 89 * 102 / 100_169,
    "turnover": NOTIONAL / (sum(EQUITY) / 13) * 365 * 24 / 13,
    "trades": 3,
    "wins": 1,
    "losses": 2,
    "win_rate": 1 / 3,
    "payoff": 881 / ((463 + 386) / 2),
    "profit_factor": 881 / (463 + 386),
    "expectancy": 32 / 3,
    "expectancy_pct": (-463 / 8_900 - 386 / 8_924 + 881 / 8_910) / 3,
    "expectancy_r": sum(R) / 3,
    "best_trade": 881,
    "worst_trade": -463,
    "median_trade": -386,
    "max_consecutive_wins": 1,
    "max_consecutive_losses": 2,
    "mean_holding_hours": 1 / 3,
    "median_holding_hours": 0,
    "shortest_holding_hours": 0,
    "longest_holding_hours": 1,
    "median_mae": 4 / 97,
    "worst_mae": 0.05,
    "median_mfe": 0.04,
    "best_mfe": 10 / 99,
    "commission_paid": 6 * 9 + 10,
    "commission_share": (6 * 9 + 10) / 900,
    "slippage_paid": 0,
    "slippage_share": 0,
    "break_even_cost_bps": 107 / NOTIONAL * 10_000,
    "ambiguous_exits": 1,
    "return_if_targets": (107 + 92 * 107 - 10 - (92 * 93 - 9)) / 100_000,
    "return_if_stops": 0.00107,
    "halts": 0,
    "halted_share": 0,
    "warming_share": 2 / 13,
    "entry_budget": 9_000,
    "standing_entries": 0,
    "standing_exits": 0,
    "candles": 13,
    "gaps": 0,
    "missing_candles": 0,
    "missing_share": 0,
    "candles_without_volume": 0,
    "fills_beside_gaps": 0,
    "coverage": 1,
    "uncovered_candles": 0,
    "largest_gap_candles": 0,
    "price_jumps": 0,
    "bad_rows": 0,
    "rows_without_trade": 0,
    "incomplete_candles": 0,
    "risk_free_rate": 0,
}
FEW_DAYS = "0 daily returns, at least 30 are needed"
UNDEFINED = {
    **dict.fromkeys(
        "alpha beta correlation volatility sharpe sortino omega ulcer_index t_statistic p_value".split(), FEW_DAYS
    ),
    **dict.fromkeys(["var_95", "cvar_95", "probabilistic_sharpe"], "0 daily returns, at least 100 are needed"),
    **dict.fromkeys(["cagr", "calmar"], "0 days, at least 30 are needed"),
    **dict.fromkeys(["sqn", "kelly"], "3 trades, at least 30 are needed"),
}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    return summarise(tiny(tmp_path_factory.mktemp("tiny")), risk_free_rate=0.0)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return run(small(folder, "data.start=2024-01-03"), folder / "run").outcome


@pytest.fixture(scope="module")
def summary(outcome):
    return summarise(outcome, risk_free_rate=0.0)


@pytest.mark.parametrize("name", BY_HAND)
def test_every_figure_of_thirteen_candles_matches_the_value_computed_by_hand(figures, name):
    assert figures[name] == pytest.approx(BY_HAND[name], rel=1e-11, abs=1e-15)


def test_undefined_figures_of_thirteen_candles_are_null_with_a_reason(figures):
    assert figures["undefined"] == UNDEFINED
    assert {name for name in METRICS if figures[name] is None} == UNDEFINED.keys()


def test_the_two_tests_above_cover_every_figure():
    assert {*BY_HAND, *UNDEFINED} == set(METRICS)


def test_texts_times_and_sections_of_thirteen_candles_are_reported(figures):
    assert (figures["name"], figures["symbols"], figures["quote"], figures["timeframe"]) == (
        "Tiny",
        ["BTC/USDT"],
        "USDT",
        "1h",
    )
    assert (figures["start"], figures["end"]) == ("2024-01-01T00:00Z", "2024-01-01T13:00Z")
    assert figures["drawdown"] == {"start": "2024-01-01T04:00Z", "trough": "2024-01-01T07:00Z", "end": None}
    assert (figures["open_halts"], figures["halted_since"]) == ([], None)
    assert (figures["rejected_entries"], figures["rejected_exits"]) == ({}, {"not_long": 3})
    assert figures["candles_in_mode"] == [{"symbol": "BTC/USDT", "warming": 2, "flat": 9, "long": 2, "halted": 0}]


def test_a_recovered_drawdown_has_its_recovery_time(tmp_path):
    # given no levels and the end after candle 9: bought at 100 and sold at 96, then at 97 and 98, then at 99 and held
    sets = ("risk.stop_loss_pct=0.5", "risk.take_profit_pct=null", "data.end=2024-01-01T10:00Z")
    figures = summarise(tiny(tmp_path, *sets), risk_free_rate=0.0)
    assert figures["drawdown"] == {
        "start": "2024-01-01T04:00Z",
        "trough": "2024-01-01T06:00Z",
        "end": "2024-01-01T10:00Z",
    }
    assert figures["max_drawdown"] == pytest.approx((100_169 - 99_626) / 100_169, rel=1e-11)
    assert figures["max_drawdown_hours"] == 6


def test_a_run_without_a_drawdown_has_no_drawdown_time(tmp_path):
    figures = summarise(tiny(tmp_path, "risk.max_portfolio_exposure_pct=0.000001"), risk_free_rate=0.0)
    assert (figures["trades"], figures["max_drawdown"]) == (0, 0.0)
    assert figures["drawdown"] == {"start": None, "trough": None, "end": None}
    assert figures["undefined"]["max_drawdown_hours"] == "the equity never fell"
    assert figures["undefined"]["win_rate"] == "no trade was closed"
    assert figures["undefined"]["best_mfe"] == "no trade was closed"


def test_without_a_stop_loss_no_initial_risk_is_defined(tmp_path):
    figures = summarise(tiny(tmp_path, "risk.stop_loss_pct=null"), risk_free_rate=0.0)
    assert figures["undefined"]["expectancy_r"] == figures["undefined"]["sqn"] == "no stop was set at the entry"


def test_the_alternative_return_of_ambiguous_exits_bounds_the_total_return(tmp_path):
    figures = summarise(tiny(tmp_path, "execution.intrabar=optimistic"), risk_free_rate=0.0)
    assert figures["ambiguous_exits"] == 1
    assert figures["return_if_stops"] < figures["total_return"] == figures["return_if_targets"]
    assert figures["total_return"] - figures["return_if_stops"] == pytest.approx((9_834 - 8_547) / 100_000, rel=1e-9)


def test_only_market_orders_and_stops_pay_slippage(tmp_path):
    slippage = "simulation.slippage={base_bps: 100, impact_coefficient: 0, max_slippage_bps: 100}"
    outcome = tiny(tmp_path, slippage)
    figures = summarise(outcome, risk_free_rate=0.0)
    fills = outcome.rows[outcome.rows[:, 0] == v.FILLED]
    paying = fills[fills[:, 6] != v.TAKE_PROFIT]
    assert figures["slippage_paid"] == np.sum(np.abs(paying[:, 8] - paying[:, 7]) * paying[:, 9])
    assert figures["slippage_paid"] > 0


def test_the_sums_of_a_summary_are_consistent(summary, outcome):
    assert summary["net_profit"] == pytest.approx(summary["final_equity"] - summary["initial_balance"], abs=1e-6)
    assert summary["total_return"] == pytest.approx(summary["net_profit"] / summary["initial_balance"], rel=1e-9)
    assert summary["trades"] >= summary["wins"] + summary["losses"]
    assert summary["intrabar_drawdown"] >= summary["max_drawdown"]
    assert summary["calmar"] == pytest.approx(summary["cagr"] / summary["max_drawdown"], rel=1e-9)
    assert summary["worst_trade"] <= summary["median_trade"] <= summary["best_trade"]
    realised = int(outcome.state.account[v.REALISED]) / 10**outcome.run.money_decimals
    assert summary["expectancy"] * summary["trades"] == pytest.approx(realised, rel=1e-9)
    months = [month for year in summary["years"] for month in year["months"] if month is not None]
    assert np.prod(1 + np.array(months)) - 1 == pytest.approx(summary["total_return"], rel=1e-9)


def test_the_lookback_counts_only_in_the_data_quality_figures(tmp_path):
    # given a lookback so long that signals are rejected in it
    sets = ("data.start=2024-01-10", "market_data.lookback_candles=200")
    outcome = run(small(tmp_path, *sets), tmp_path / "run").outcome
    start = outcome.run.plan.rules.start_ts
    behind = [int(np.count_nonzero(one.columns.ts >= start)) for one in outcome.series]
    refused = outcome.rows[outcome.rows[:, 0] == v.ORDER_REJECTED]
    assert np.any(refused[:, 1] < start)
    # when
    summary = summarise(outcome, risk_free_rate=0.0)
    # then
    assert summary["start"] == "2024-01-10T00:00Z"
    assert summary["candles"] == sum(len(one.columns.ts) for one in outcome.series) > sum(behind)
    counted = [*summary["rejected_entries"].values(), *summary["rejected_exits"].values()]
    assert sum(counted) == np.count_nonzero(refused[:, 1] >= start)
    for modes, candles in zip(summary["candles_in_mode"], behind, strict=True):
        assert sum(count for mode, count in modes.items() if mode != "symbol") == candles
    assert summary["days"] == (outcome.ts[-1] + HOUR - start) / (24 * HOUR)


def test_every_metric_is_a_number_or_null_with_a_reason(summary):
    for metric in METRICS:
        value = summary[metric]
        assert isinstance(value, int | float) or (value is None and summary["undefined"][metric])
    assert summary["undefined"].keys() == {metric for metric in METRICS if summary[metric] is None}


def test_numbers_have_twelve_digits(summary):
    for metric in METRICS:
        assert summary[metric] is None or summary[metric] == float(f"{summary[metric]:.12g}")


def test_a_higher_risk_free_rate_lowers_excess_returns_and_is_reported(outcome, summary):
    rated = summarise(outcome, risk_free_rate=0.05)
    assert rated["risk_free_rate"] == 0.05
    assert rated["sharpe"] < summary["sharpe"]
    assert rated["sortino"] < summary["sortino"]
    assert rated["volatility"] == summary["volatility"]


def test_equal_results_have_equal_summaries_byte_for_byte(outcome, summary, tmp_path):
    for name in ("one", "other"):
        write_summary(tmp_path / name, summarise(outcome, risk_free_rate=0.0))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_open_halts_are_reported_with_the_first_of_them(tmp_path):
    sets = ("risk.drawdown_pause_days=null", "risk.max_drawdown_pct=0.005", "risk.max_daily_loss_pct=0.002")
    figures = summarise(run(small(tmp_path, *sets), tmp_path / "run").outcome, risk_free_rate=0.0)
    assert [halt["rule"] for halt in figures["open_halts"]][-1:] == ["drawdown"]
    assert figures["halted_since"] == figures["open_halts"][0]["since"]
    assert figures["halted_share"] > 0.5


def test_a_summary_is_written_completely_and_read_back(tmp_path, summary):
    write_summary(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_written_summary_conforms_to_its_schema(tmp_path, summary, figures):
    schema = summary_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for one in (summary, figures):
        write_summary(tmp_path / "summary.json", one)
        jsonschema.validate(json.loads((tmp_path / "summary.json").read_text()), schema)
