"""A what-if runs a changed plan over the recorded candles, compares both runs, and writes nothing (J44)."""

import json

import pytest

from safla import cli
from safla.core import values as v
from safla.errors import ConfigError, UsageError
from safla.runs.what_if import what_if
from tests.small_runs import run, small


@pytest.fixture
def folder(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    return tmp_path / "run"


def asked(folder, *sets, engine="interpreted"):
    return what_if(folder, sets, engine=engine, say=lambda text: None)


def trades(outcome):
    return int(outcome.state.account[v.TRADES])


@pytest.mark.parametrize(
    "change",
    [
        "risk.stop_loss_pct=0.01",
        "risk.max_candles_held=2",
        "risk.target_steps=[{after_candles: 1, gain_pct: 0.001}, {after_candles: 3, gain_pct: -0.001}]",
        "risk.break_even_after_pct=0.001",
        "strategy.equity_share_pct=0.05",
        "strategy.risk_per_trade_pct=0.0005",
    ],
)
def test_the_result_of_the_changed_plan_equals_a_run_of_that_plan(tmp_path, folder, change):
    found = asked(folder, change)
    other = run(small(tmp_path, change), tmp_path / "other").outcome
    assert found.after.state.account.tolist() == other.state.account.tolist()
    assert found.after.rows.tolist() == other.rows.tolist()
    assert found.before.rows.tolist() != found.after.rows.tolist()


def test_the_first_difference_shows_an_event_of_each_run(folder):
    found = asked(folder, "risk.stop_loss_pct=0.01")
    was, would_be = json.loads(found.was), json.loads(found.would_be)
    assert was != would_be
    assert would_be["ts"] <= was["ts"]  # a closer stop is hit no later


@pytest.mark.parametrize(
    "change", ["risk.stop_loss_pct=0.02", "risk.stop_loss_pct=0.020", "risk.max_open_positions=50"]
)
def test_a_change_without_effect_on_decisions_has_no_difference(folder, change):
    found = asked(folder, change)
    assert (found.was, found.would_be) == ("", "")
    assert found.before.equity.tolist() == found.after.equity.tolist()


def test_a_journal_with_candle_lines_needs_no_candle_file(tmp_path):
    run(small(tmp_path, "journal.detail=candles"), tmp_path / "run")
    assert trades(asked(tmp_path / "run", "strategy.slow_period=20", "strategy.fast_period=9",
                        "market_data.lookback_candles=21").after) > 0  # fmt: skip


def test_a_what_if_writes_nothing(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    asked(folder, "risk.stop_loss_pct=0.01")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ("risk.stop_los_pct=0.1", UsageError, "did you mean risk.stop_loss_pct"),
        ("market_data.timeframe=1m", UsageError, "start a new run"),
        ("symbols.primary=[X/Y]", UsageError, "start a new run"),
        ("markets.BTC/USDT.lot=1", UsageError, "start a new run"),
        ("data.start=2024-01-02", UsageError, "not a key of the plan"),
        ("risk.stop_loss_pct", UsageError, "KEY=VALUE"),
        ("risk.stop_loss_pct=7", ConfigError, "expected a number > 0 and < 1"),
        ("strategy.fast_period=8", ConfigError, "expected an integer < slow_period"),
        ("risk.stop_loss_pct=", ConfigError, r"^--set: risk\.stop_loss_pct: has no value; write null to switch it off"),
        ("risk.max_open_positions= ", ConfigError, r"risk\.max_open_positions: has no value; write an integer >= 1"),
    ],
)
def test_an_impossible_change_is_rejected_with_the_reason(folder, change, error, said):
    with pytest.raises(error, match=said):
        asked(folder, change)


def test_a_fraction_that_looks_like_per_cent_gives_a_warning(folder):
    said: list[str] = []
    sets = ("risk.take_profit_pct=5", "risk.stop_loss_pct=null", "risk.max_open_positions=2")
    what_if(folder, sets, engine="interpreted", say=said.append)
    assert said == ["warning: --set: risk.take_profit_pct: 5 is 500 %; if you mean 5 %, write 0.05"]


def test_the_command_shows_both_runs_side_by_side(folder, capsys):
    assert cli.main(["replay", str(folder), "--set", "risk.stop_loss_pct=0.01"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["before", "risk.stop_loss_pct=0.01"]
    assert "would be:" in out
    assert cli.main(["replay", str(folder), "--set", "risk.stop_loss_pct=0.02"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no difference"
    assert cli.main(["replay", str(folder), "--set", "risk.stop_loss_pct=0.01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["before"]["trades"] != found["after"]["trades"]
    assert found["first_difference"]["was"]["type"]


def test_with_out_the_changed_run_is_saved_as_a_separate_run(tmp_path, folder, capsys):
    change = "risk.stop_loss_pct=0.01"
    assert cli.main(["replay", str(folder), "--set", change, "--out", str(tmp_path / "kept")]) == 0
    run(small(tmp_path, change), tmp_path / "other")
    for name in ("journal.jsonl", "head"):
        assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert {one.name for one in (tmp_path / "kept").iterdir()} == {
        "journal.jsonl", "head", "candles.parquet", "summary.json", "lock"
    }  # fmt: skip
    capsys.readouterr()
    assert cli.main(["replay", str(tmp_path / "kept")]) == 0
    assert "0 differences" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["run", "small.yaml", "link"])
def test_an_existing_output_folder_is_not_written_to(tmp_path, folder, capsys, name):
    (tmp_path / "link").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["replay", str(folder), "--set", "risk.stop_loss_pct=0.01", "--out", str(tmp_path / name)]) == 2
    assert "exists already; choose a new folder" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_out_without_a_change_is_rejected(tmp_path, folder, capsys):
    assert cli.main(["replay", str(folder), "--out", str(tmp_path / "kept")]) == 2
    assert (
        "--out is where the run of --set (--other-code) is written; use it together with --set"
        in capsys.readouterr().err
    )
