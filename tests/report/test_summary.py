"""What a run came to: figures with reasons, and the table in the order of importance."""

import json

import pytest

from safla.report.summary import METRICS, summarise, write
from safla.report.tables import summary_lines
from tests.runs import run, small


@pytest.fixture
def summary(tmp_path):
    return summarise(run(small(tmp_path), tmp_path / "run").outcome, risk_free_rate=0.0)


def test_the_sums_of_a_summary_agree_with_each_other(summary):
    assert summary["net_profit"] == pytest.approx(summary["final_equity"] - summary["initial_balance"], abs=1e-6)
    assert summary["total_return"] == pytest.approx(summary["net_profit"] / summary["initial_balance"], rel=1e-9)
    assert summary["trades"] >= summary["wins"] + summary["losses"]
    assert summary["candles"] == 2 * 900
    assert (summary["holes"], summary["missing_candles"]) == (6, 6)


def test_every_metric_is_a_number_or_null_with_a_reason(summary):
    for metric in METRICS:
        value = summary[metric]
        assert isinstance(value, int | float) or (value is None and summary["undefined"][metric])


def test_a_run_without_trades_has_reasons_instead_of_zeros(tmp_path):
    outcome = run(small(tmp_path, "risk.max_open_positions=1", "data.end=2024-01-02"), tmp_path / "run").outcome
    summary = summarise(outcome._replace(rows=outcome.rows[:0]), risk_free_rate=0.0)
    assert summary["win_rate"] is None
    assert summary["sharpe"] is None
    assert summary["undefined"]["win_rate"] == "no trade was closed"
    assert "at least 30" in summary["undefined"]["sharpe"]


def test_a_summary_is_written_whole_and_reads_back(tmp_path, summary):
    write(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_open_halts_stand_first_in_the_table(summary):
    halted = {**summary, "open_halts": [{"halt": 3, "rule": "drawdown", "since": "2024-02-01T05:00Z"}]}
    assert summary_lines(halted)[0].split(maxsplit=1) == [
        "HALTED",
        "drawdown since 2024-02-01T05:00Z: no entries behind it",
    ]


def test_the_table_says_why_a_figure_is_missing(summary):
    lines = summary_lines(
        {**summary, "sharpe": None, "undefined": {"sharpe": "5 daily returns, at least 30 are needed"}}
    )
    assert next(line for line in lines if line.startswith("Sharpe")).endswith(
        "- (5 daily returns, at least 30 are needed)"
    )


def test_the_table_tells_what_is_still_open_and_what_closing_would_cost(summary):
    position = {"symbol": "ETH/USDT", "quantity": 2.5, "value": 9000.0, "profit": -12.345, "closing_commission": 9.0}
    line = next(
        line for line in summary_lines({**summary, "open_positions": [position]}) if line.startswith("still open")
    )
    assert "2.5 ETH/USDT" in line
    assert "-12.35" in line or "-12.34" in line


def test_refusals_are_told_by_reason_the_most_frequent_first(summary):
    line = next(
        line
        for line in summary_lines({**summary, "refused_entries": {"halted": 5, "cooldown": 2}})
        if "refused entries" in line
    )
    assert line.endswith("7: halted 5, cooldown 2")
