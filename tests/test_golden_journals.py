"""The journals of the examples are compared byte for byte, so that decisions and format change only on purpose."""

from pathlib import Path

import pytest

from safla.config.loader import load
from safla.report.summary import summarise
from safla.report.tables import summary_lines
from tests.small_runs import journal, run

CONFIGS = Path(__file__).parents[1] / "configs"

WINDOWS = {  # six to ten weeks of each, so that a change can be read
    "btc": ("data.start=2024-02-01", "data.end=2024-04-10"),
    "portfolio": ("data.start=2024-03-01", "data.end=2024-04-10"),
    "strict-risk": ("data.start=2024-05-01", "data.end=2024-06-10"),
    "detail-candles": ("data.start=2024-05-20", "data.end=2024-06-01"),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_the_journal_of_an_example_matches_the_reviewed_journal(tmp_path, golden, name):
    run(load(CONFIGS / f"{name}.yaml", sets=WINDOWS[name]), tmp_path / "run")
    golden(f"journals/{name}.jsonl", journal(tmp_path / "run").decode("ascii"))


def test_the_results_of_the_whole_examples_match_the_reviewed_results(tmp_path, golden):
    lines = []
    for name in WINDOWS:
        ended = run(load(CONFIGS / f"{name}.yaml"), tmp_path / name)
        lines += [f"{name}: {ended.lines} lines, last hash {ended.last_hash}"]
        lines += [*summary_lines(summarise(ended.outcome, risk_free_rate=0.0)), ""]
    golden("examples.txt", "\n".join(lines))


def test_each_limit_binds_in_the_strict_example(tmp_path):
    summary = summarise(run(load(CONFIGS / "strict-risk.yaml"), tmp_path / "run").outcome, risk_free_rate=0.0)
    text = journal(tmp_path / "run").decode("ascii")
    assert {"halted", "max_daily_trades", "max_open_positions", "cooldown"} <= set(summary["rejected_entries"])
    assert all(f'"rule":"{rule}"' in text for rule in ("daily_loss", "drawdown"))
    assert all(f'"by":"{by}"' in text for by in ("new_day", "pause"))
    assert all(f'"reason":"{why}"' in text for why in ("trailing_stop", "stop_loss", "take_profit", "halt"))
