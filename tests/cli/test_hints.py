"""Hints for a wrong command line: an option for a key, one run of several, a file of another kind."""

import os
from pathlib import Path

import pytest

from safla import cli
from safla.cli.hints import keys_like
from tests.small_runs import run, small


@pytest.fixture
def two_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two run folders below logs, of which b is the newer one."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate("ba"):
        run(small(tmp_path, "data.synthetic.candles=50"), tmp_path / "logs" / name)
        os.utime(tmp_path / "logs" / name, (2_000_000_000 - age, 2_000_000_000 - age))
    return tmp_path


@pytest.mark.parametrize(
    ("option", "keys"),
    [
        ("--stop-loss", ["risk.stop_loss_pct"]),
        ("--stop-loss-pct", ["risk.stop_loss_pct"]),
        ("--stop_loss_pct", ["risk.stop_loss_pct"]),
        ("--risk.stop_loss_pct", ["risk.stop_loss_pct"]),
        ("--risk-stop-loss-pct", ["risk.stop_loss_pct"]),
        ("--stop-los-pct", ["risk.stop_loss_pct"]),
        ("--balance", ["simulation.initial_balance_usd"]),
        ("--fast", ["strategy.fast_period"]),
        ("--drawdown", ["risk.max_drawdown_pct", "risk.drawdown_pause_days"]),
        ("--timeframe", ["market_data.timeframe", "data.timeframe"]),
        ("--zzz", []),
    ],
)
def test_an_unknown_option_is_matched_to_keys_with_a_similar_name(option: str, keys: list[str]) -> None:
    assert keys_like(option) == keys


@pytest.mark.parametrize("command", ["run", "replay", "validate", "doctor"])
def test_an_option_that_is_a_key_gets_a_hint_to_set(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "x", "--stop-loss", "0.03"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "safla: --stop-loss: no such option",
        "to set a value of the configuration, use --set risk.stop_loss_pct=VALUE",
        "safla --help lists the commands",
    ]


def test_a_misspelled_option_gets_the_nearest_option_as_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "x", "--symbol", "test"]) == 2
    assert "No such option '--symbol'. Did you mean '--symbols'?" in capsys.readouterr().err
    assert cli.main(["status", "--stop-loss", "x"]) == 2
    assert "--set" not in capsys.readouterr().err  # it takes none


@pytest.mark.parametrize("command", ["replay", "status", "halt", "resume", "stop"])
def test_a_command_for_one_run_that_gets_several_names_them(
    two_runs: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert cli.main([command, "logs/a", "logs/b", "--json"]) == 2
    assert capsys.readouterr().err.splitlines()[:2] == [
        f"safla: safla {command} takes one RUN, got 2: logs/a, logs/b",
        f"name one, such as the newest: safla {command} logs/b --json",
    ]


def test_unknown_words_are_reported_as_unexpected_arguments(two_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "logs/a", "more"]) == 2
    assert "unexpected extra argument (more)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("replay", "small.yaml"), 4, "small.yaml: a configuration, not a journal; `safla run small.yaml` runs it"),
        (("status", "logs/a/config.yaml"), 4, "a configuration, not a journal; the run folder is logs/a"),
        (("replay", "logs/a/summary.json"), 4, "logs/a/summary.json: not a journal; the run folder is logs/a"),
        (("replay", "logs/a/head"), 4, "logs/a/head: not a journal; the run folder is logs/a"),
        (("replay", "logs"), 4, "not a run folder, but it contains 2; name one of them, such as the newest: logs/b"),
        (("run", "logs/a"), 3, "logs/a: is a folder; its configuration is logs/a/config.yaml"),
        (("validate", "logs/a/journal.jsonl"), 3, "is a journal, not a configuration; `safla replay logs/a/"),
    ],
)  # fmt: skip
def test_the_kind_of_a_wrong_file_is_named(
    two_runs: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    (two_runs / "logs" / "a" / "summary.json").touch()
    os.utime(two_runs / "logs" / "a", (1, 1))
    assert cli.main(arguments) == code
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err
