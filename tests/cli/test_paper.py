"""`safla run` in paper mode from the view of a new user: history played as live candles, and an exchange."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safla import cli
from tests.fake_exchange import FakeExchange, Market, served, synthetic
from tests.faults.command import ROOT, safla
from tests.processes import Process

START = 1_704_067_200_000  # 2024-01-01
MINUTE = 60_000

HISTORY = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT, ETH/USDT]}
data: {source: synthetic, synthetic: {candles: 200, holes: 3}, start: 2024-01-02}
market_data: {lookback_candles: 12}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""
LIVE = """\
mode: paper
exchange: {rest_url: REST, stream_url: STREAM}
symbols: {primary: [BTC/USDT]}
market_data: {timeframe: 1m, lookback_candles: 20}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
monitoring: {interval_seconds: 0.5}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "paper.yaml"
    path.write_text(HISTORY)
    return path


def journal(folder: str) -> bytes:
    return (Path(folder) / "journal.jsonl").read_bytes()


def test_a_paper_run_over_history_equals_its_backtest(config: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "paper.yaml", "--out", "paper", "--json", "--quiet"]) == 0
    summary = json.loads(capsys.readouterr().out)
    backtest = ["--set", "mode=backtest", "--set", "journal.detail=candles"]
    assert cli.main(["run", "paper.yaml", "--out", "backtest", "--json", "--quiet", *backtest]) == 0
    assert journal("paper") == journal("backtest")
    also = json.loads(capsys.readouterr().out)
    assert (summary["net_profit"], summary["journal_hash"]) == (also["net_profit"], also["journal_hash"])
    assert json.loads(Path("paper/summary.json").read_text()) == json.loads(Path("backtest/summary.json").read_text())


def test_the_same_command_again_reports_that_the_run_has_ended(config: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "paper.yaml", "--out", "paper"]) == 0
    before = journal("paper")
    capsys.readouterr()
    assert cli.main(["run", "paper.yaml", "--out", "paper"]) == 0
    out, err = capsys.readouterr()
    assert "has ended" in err
    assert "the same journal, byte for byte" in out
    assert journal("paper") == before


def test_the_five_log_files_record_the_run_as_json(config: Path):
    assert cli.main(["run", "paper.yaml", "--out", "paper", "--quiet"]) == 0
    files = {path.name: path.read_text().splitlines() for path in Path("paper").glob("*.log")}
    assert {"trades.log", "market_data.log", "decisions.log"} <= files.keys()
    rows = [json.loads(line) for lines in files.values() for line in lines]
    assert all(row["time"].endswith("Z") for row in rows)
    assert len(files["market_data.log"]) >= journal("paper").count(b'"type":"candle"')
    assert len(files["trades.log"]) >= journal("paper").count(b'"type":"filled"')


def test_a_backtest_has_log_files_if_they_are_configured(config: Path):
    backtest = ["--set", "mode=backtest", "--quiet"]
    assert cli.main(["run", "paper.yaml", "--out", "without", *backtest]) == 0
    assert list(Path("without").glob("*.log")) == []
    assert cli.main(["run", "paper.yaml", "--out", "with", *backtest, "--set", "logging.in_backtest=true"]) == 0
    trades = Path("with/trades.log").read_text().splitlines()
    assert len(trades) >= journal("with").count(b'"type":"filled"') > 0
    assert journal("with") == journal("without")


def test_without_a_terminal_fills_are_printed_as_plain_lines(config: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "paper.yaml", "--out", "paper"]) == 0
    out, err = capsys.readouterr()
    assert " closed: net " in err
    assert "Traceback" not in err
    assert out.startswith("source ")


def test_a_journal_detail_without_candles_is_rejected_in_paper_mode(config: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["run", "paper.yaml", "--journal-detail", "decisions"]) == 3
    assert "journal.detail" in capsys.readouterr().err


# --- An exchange -----------------------------------------------------------------------------------------------------


@pytest.fixture
def fake() -> Iterator[FakeExchange]:
    candles = synthetic(START, MINUTE, 600, seed=1)
    soon = START + 300 * MINUTE - 9_000  # a candle closes some seconds after the process has started
    with served([Market("BTCUSDT", {"1m": candles})], now_ms=soon, flows=True) as one:
        yield one


def begun(folder: Path, fake: FakeExchange) -> "Process[str]":
    """Starts the command on the fake exchange as a separate process."""
    text = LIVE.replace("REST", fake.rest_url).replace("STREAM", fake.stream_url)
    (folder / "live.yaml").write_text(text)
    command = [sys.executable, "-m", "safla", "run", "live.yaml", "--out", "run"]
    return Process(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(so, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def candles(folder: Path) -> int:
    path = folder / "run" / "journal.jsonl"
    return path.read_bytes().count(b'"type":"candle"') if path.exists() else 0


def test_candles_of_an_exchange_are_traded_as_they_close_and_an_interrupt_ends_the_run(
    tmp_path: Path, fake: FakeExchange
):
    process = begun(tmp_path, fake)
    try:
        until(lambda: candles(tmp_path) >= 20)  # the lookback
        assert fake.wait(lambda: fake.subscribed("btcusdt@kline_1m"), seconds=10)
        until(lambda: candles(tmp_path) == 21, 60)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 143
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("safla: interrupted by SIGTERM")
    answer = safla("replay", tmp_path / "run")
    assert answer.code == 0, answer.err


def test_a_killed_run_continues_and_fetches_the_missed_candles(tmp_path: Path, fake: FakeExchange):
    process = begun(tmp_path, fake)
    until(lambda: candles(tmp_path) >= 20)
    process.kill()
    process.communicate()
    fake.clock.advance(50 * MINUTE)
    process = begun(tmp_path, fake)
    try:
        until(lambda: candles(tmp_path) >= 70, 30)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    times = [json.loads(line)["e"] for line in (tmp_path / "run" / "journal.jsonl").read_bytes().splitlines()]
    opened = [one["ts"] for one in times if one["type"] == "candle"]
    assert opened == [START + number * MINUTE for number in range(279, 279 + len(opened))]
    assert safla("replay", tmp_path / "run").code == 0
