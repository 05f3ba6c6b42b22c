"""The table of a summary: open halts first, groups, aligned labels, and a reason where there is no number."""

import pytest

from safla.report.summary import summarise
from safla.report.tables import WIDTH, beside_lines, summary_lines
from tests.report.tiny import tiny


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return summarise(tiny(tmp_path_factory.mktemp("tiny")), risk_free_rate=0.0)


def line(summary, label):
    return next(one for one in summary_lines(summary) if one.startswith(label.ljust(WIDTH)))[WIDTH:]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("run", "Tiny: BTC/USDT 1h"),
        ("candles", "13, 2024-01-01T00:00Z to 2024-01-01T13:00Z"),
        ("net profit", "107.00 USDT (return 0.11%)"),
        ("return a year", "- (0 days, at least 30 are needed)"),
        ("buy and hold", "6.79% (alpha -, beta -)"),
        ("max drawdown", "1.02% (inside candles 1.02%)"),
        ("under water", "69.23%, deepest 9 hours since 2024-01-01T04:00Z, not over"),
        ("Sharpe", "- (0 daily returns, at least 30 are needed)"),
        ("trades", "3 (1 won, 2 lost)"),
        ("profit factor", "1.038 (payoff 2.075)"),
        ("expectancy", "10.67 USDT (0.12%, 0.12 R)"),
        ("best, worst", "881.00, -463.00 USDT"),
        ("in a row", "1 won, 2 lost"),
        ("exposure", "15.38% of the time; of equity 1.39%, 9.06% at most"),
        ("commission paid", "64.00 USDT, 7.11% of the gross profit"),
        ("break-even", "17.13 bps more on every fill"),
        ("still open", "84 BTC/USDT, profit so far 75.00; closing it would cost 9.00 in commission, 0.00 in slippage"),
        ("ambiguous exits", "1 (return 0.11% if the stops came first, 1.39% if the targets did)"),
        ("refused entries", "none"),
        ("refused leaves", "3: not_long 3"),
        ("holes", "0 (0 candles missing, 0 fills beside them)"),
    ],
)
def test_a_line_of_the_table_tells_its_figures(summary, label, text):
    assert line(summary, label) == text


def test_every_label_leaves_its_column_free(summary):
    lines = [one for one in summary_lines(summary) if one]
    assert all(one[WIDTH - 1] == " " != one[WIDTH] for one in lines)


def test_open_halts_stand_first_in_the_table(summary):
    halted = {**summary, "open_halts": [{"halt": 3, "rule": "drawdown", "since": "2024-02-01T05:00Z"}]}
    assert summary_lines(halted)[0].split(maxsplit=1) == [
        "HALTED",
        "drawdown since 2024-02-01T05:00Z: no entries behind it",
    ]


def test_a_fall_that_is_over_is_told_with_its_end(summary):
    fall = {"start": "2024-01-01T04:00Z", "trough": "2024-01-01T06:00Z", "end": "2024-01-01T10:00Z"}
    assert line({**summary, "drawdown": fall}, "under water").endswith("until 2024-01-01T10:00Z")


def test_equity_that_never_fell_has_no_deepest_fall(summary):
    fall = {"start": None, "trough": None, "end": None}
    assert line({**summary, "drawdown": fall, "under_water_share": 0.0}, "under water") == "0.00%"


def test_no_doubtful_exit_needs_no_second_return(summary):
    assert line({**summary, "ambiguous_exits": 0}, "ambiguous exits") == "0"


def test_refusals_are_told_by_reason_the_most_frequent_first(summary):
    assert line({**summary, "refused_entries": {"halted": 5, "cooldown": 2}}, "refused entries") == (
        "7: halted 5, cooldown 2"
    )


def test_two_runs_stand_beside_each_other(summary):
    lines = beside_lines(
        summary, {**summary, "trades": 5, "win_rate": None, "undefined": {"win_rate": "so"}}, changed="x=1"
    )
    assert lines[0].split() == ["as", "it", "was", "x=1"]
    assert lines[1].split() == ["trades", "3", "5"]
    assert next(one for one in lines if one.startswith("win rate")).split() == ["win", "rate", "33.33%", "-", "(so)"]
