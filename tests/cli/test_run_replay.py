"""`safla run` and `safla replay` from the view of a user: output, exit codes, streams."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from safla import cli
from tests.small_runs import SMALL, rehashed

ROOT = Path(__file__).parents[2]

RICH = ("--set", "simulation.initial_balance_usd=999999999999")
FINE = ("--set", "markets.BTC/USDT={quantity_decimals: 8}")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    return "small.yaml"


def answer(capsys):
    return capsys.readouterr().out


def folder_of(out: str) -> Path:
    return Path(next(line.split(maxsplit=2)[2] for line in out.splitlines() if line.startswith("run folder")))


def test_a_run_prints_its_summary_and_its_folder(config, capsys):
    assert cli.main(["run", config]) == 0
    out, err = capsys.readouterr()
    folder = folder_of(out)
    assert folder.parent == Path("logs")
    assert folder.name.startswith("small-")
    assert "net profit" in out
    assert sorted(path.name for path in folder.iterdir()) == [
        "candles.parquet", "config.yaml", "head", "journal.jsonl", "lock", "summary.json",
    ]  # fmt: skip
    assert "Traceback" not in err


def test_equal_runs_share_a_folder_and_different_runs_do_not(config, capsys):
    cli.main(["run", config])
    first = folder_of(answer(capsys))
    assert cli.main(["run", config]) == 0
    out = answer(capsys)
    assert folder_of(out) == first
    assert "the same journal, byte for byte" in out
    cli.main(["run", config, "--set", "risk.stop_loss_pct=0.05"])
    assert folder_of(answer(capsys)) != first


def test_running_the_resolved_configuration_gives_the_same_journal(config, capsys):
    cli.main(["run", config, "--out", "one"])
    assert cli.main(["run", "one/config.yaml", "--out", "two"]) == 0
    assert Path("one/journal.jsonl").read_bytes() == Path("two/journal.jsonl").read_bytes()


def test_force_renames_the_old_folder_and_deletes_nothing(config, capsys):
    cli.main(["run", config, "--out", "run"])
    Path("run/note.txt").write_text("mine")
    assert cli.main(["run", config, "--out", "run", "--force"]) == 0
    assert Path("run.1/note.txt").read_text() == "mine"
    assert Path("run.1/journal.jsonl").read_bytes() == Path("run/journal.jsonl").read_bytes()


def test_a_folder_that_is_not_a_run_folder_is_not_modified(config, capsys):
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    assert cli.main(["run", config, "--out", "mine"]) == 2
    assert "letter.txt" in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["letter.txt"]


def test_json_output_is_the_summary_and_its_folder(config, capsys):
    assert cli.main(["run", config, "--json", "--quiet", "--out", "run"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["run"] == "run"
    assert found["same_journal"] is False
    summary = json.loads(Path("run/summary.json").read_text())
    assert {key: found[key] for key in summary} == summary


def test_the_test_list_of_symbols_is_used_on_request(config, capsys):
    assert cli.main(["run", config, "--symbols", "test", "--set", "symbols.test=[SOL/USDT]", "--json", "--quiet"]) == 0
    assert json.loads(answer(capsys))["symbols"] == ["SOL/USDT"]


def test_journal_detail_has_its_own_option(config, capsys):
    assert cli.main(["run", config, "--journal-detail", "candles", "--out", "run"]) == 0
    assert not Path("run/candles.parquet").exists()
    assert b'"type":"candle"' in Path("run/journal.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("expressions", "code"),
    [
        (["trades < 1"], 0),
        (["trades >= 1"], 1),
        (["trades < 1", "max_drawdown > 0"], 1),
        (["trades >"], 2),
        (["luck > 1"], 2),
    ],
)
def test_fail_on_exits_with_1_if_a_condition_holds_and_with_2_if_one_is_invalid(config, capsys, expressions, code):
    options = [option for text in expressions for option in ("--fail-on", text)]
    assert cli.main(["run", config, "--out", "run", *options]) == code
    assert Path("run").exists() == (code != 2)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "nowhere.yaml"], 3, "nowhere.yaml"),
        (["run", "small.yaml", "--set", "risk.stop_los_pct=0.1"], 3, "did you mean"),
        (["run", "small.yaml", "--set", "data.source=exchange"], 3, "data.start: no candles of"),
        (["run", "small.yaml", "--set", "data.source=csv", "--set", "data.path=none-{base}.csv"], 4, "none-BTC.csv"),
        (["run", "small.yaml", "--set", "data.start=2031-01-01"], 4, "no candle between"),
        (["run", "small.yaml", *FINE, *RICH], 3, "initial_balance_usd"),
        (["run"], 2, "no configuration is named"),
        (["run", "small.yaml", "--engine", "fast"], 2, "compiled"),
        (["replay", "nowhere"], 4, "nowhere"),
        (["replay"], 2, "RUN"),
    ],
)  # fmt: skip
def test_an_error_is_a_few_lines_with_its_exit_code(config, capsys, arguments, code, said):
    assert cli.main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) <= 5
    assert "Traceback" not in err


def test_a_replay_reports_the_result_of_each_of_its_three_steps(config, capsys):
    cli.main(["run", config, "--out", "run"])
    capsys.readouterr()
    assert cli.main(["replay", "run"]) == 0
    chain, books, decisions = answer(capsys).splitlines()
    assert chain.startswith("chain")
    assert "0 differences" in books
    assert decisions.endswith("0 differences")


def test_a_replay_with_a_difference_exits_with_1_and_both_lines(config, capsys):
    cli.main(["run", config, "--out", "run"])
    path = Path("run/journal.jsonl")
    Path("run/head").unlink()
    path.write_bytes(rehashed(path.read_bytes().replace(b'"reason":"stop_loss"', b'"reason":"take_profit"', 1)))
    capsys.readouterr()
    assert cli.main(["replay", "run"]) == 1
    out = answer(capsys)
    assert "first difference in line" in out
    assert '"reason":"take_profit"' in out
    assert cli.main(["replay", "run", "--json"]) == 1
    assert json.loads(answer(capsys))["decisions"]["difference"]["fields"] == ["reason"]


def test_a_replay_of_an_unfinished_run_succeeds_and_reports_it(config, capsys):
    cli.main(["run", config, "--out", "run"])
    path = Path("run/journal.jsonl")
    Path("run/head").unlink()
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:50]))
    capsys.readouterr()
    assert cli.main(["replay", "run"]) == 0
    assert "has not ended" in answer(capsys)


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "PYTHONDEVMODE": "1"},
        {
            "NUMBA_NUM_THREADS": "1",
            "POLARS_MAX_THREADS": "1",
            "COLUMNS": "1",
            "TERM": "dumb",
            "PYTHONIOENCODING": "ascii",
        },
    ],
)
def test_the_journal_does_not_depend_on_hash_seed_time_zone_locale_and_threads(config, capsys, variables):
    cli.main(["run", config, "--out", "here"])
    command = [sys.executable, "-m", "safla", "run", config, "--out", "there"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60)
    assert Path("here/journal.jsonl").read_bytes() == Path("there/journal.jsonl").read_bytes()
    assert Path("here/summary.json").read_bytes() == Path("there/summary.json").read_bytes()
