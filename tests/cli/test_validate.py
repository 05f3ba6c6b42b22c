"""`safla validate`: what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from safla.cli import main


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text("exchange: {sandbox: true}\n")
    Path("bad.yaml").write_text("risk:\n  stop_los_pct: 1\n  cooldown_candles: x\n")
    return tmp_path


def test_a_valid_file_is_reported_on_stdout_and_its_warnings_on_stderr(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "good.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "good.yaml: valid\n"
    assert err.startswith("warning: good.yaml:1: exchange.sandbox: test networks are wiped monthly")


def test_all_files_are_checked_and_all_problems_reported(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "bad.yaml", "good.yaml", "none.yaml"]) == 3
    out, err = capsys.readouterr()
    assert out == "good.yaml: valid\n"
    assert [line.split(": ")[0] for line in err.splitlines()[1:]] == ["bad.yaml:2:3", "bad.yaml:3:21", "none.yaml"]


def test_json_output_has_each_file_with_its_problems(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--json", "good.yaml", "bad.yaml", "--set", "risk.on_halt=z"]) == 3
    out, err = capsys.readouterr()
    good, bad = json.loads(out)
    assert err == ""
    assert [one["key"] for one in good["problems"]] == ["risk.on_halt"]
    assert bad["problems"][0] == {
        "file": "bad.yaml",
        "line": 2,
        "column": 3,
        "key": "risk.stop_los_pct",
        "text": "unknown key; did you mean stop_loss_pct?",
        "code": "unknown_key",
    }
    assert bad["problems"][-1]["line"] is None
    assert (bad["file"], bad["valid"], bad["warnings"]) == ("bad.yaml", False, [])


def test_resolved_output_is_valid_yaml_configuration(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--resolved", "good.yaml", "--set", "risk.stop_loss_pct=0.03"]) == 0
    text = capsys.readouterr().out
    assert "stop_loss_pct: 0.03" in text
    assert "# good.yaml:1" in text
    Path("resolved.yaml").write_text(text)
    assert main(["validate", "--resolved", "resolved.yaml"]) == 0
    values = [line.split("#")[0] for line in capsys.readouterr().out.splitlines()]
    assert values == [line.split("#")[0] for line in text.splitlines()]
    assert main(["validate", "--resolved", "good.yaml", "good.yaml"]) == 2


def test_environment_variables_are_applied(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAFLA__RISK__STOP_LOSS_PCT", "7")
    assert main(["validate", "good.yaml"]) == 3
    assert "SAFLA__RISK__STOP_LOSS_PCT: risk.stop_loss_pct: expected a number > 0 and < 1" in capsys.readouterr().err


def test_the_test_list_of_symbols_is_checked_on_request(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "good.yaml", "--symbols", "test"]) == 3
    assert "symbols.test: expected at least one symbol, got an empty list" in capsys.readouterr().err


def test_each_disabled_limit_is_noted_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("off.yaml").write_text("risk: {stop_loss_pct: null, max_daily_loss_pct: ~}\n")
    assert main(["validate", "off.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out == "off.yaml: valid\n"
    assert err.splitlines() == [
        "note: off.yaml:1: risk.stop_loss_pct: null: no stop loss",
        "note: off.yaml:1: risk.max_daily_loss_pct: null: no daily loss limit",
    ]
    assert main(["validate", "off.yaml", "--resolved"]) == 0
    assert "stop_loss_pct: null                                     # off.yaml:1" in capsys.readouterr().out
    assert main(["validate", "off.yaml", "good.yaml", "--json"]) == 0
    assert [len(one["notices"]) for one in json.loads(capsys.readouterr().out)] == [2, 0]
