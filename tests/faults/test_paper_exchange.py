"""Rows 24, 26 and 44 of a paper run on an exchange, over real sockets: faults cost latency alone."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from safla.paper.session import session_at
from tests.fake_exchange import FakeExchange, Market, from_csv, served
from tests.faults.command import safla
from tests.faults.invariants import check_answer, check_run
from tests.faults.paper import answer_of, process
from tests.paper.paper_runs import BEGUN, LOOKBACK, MINUTE, START, Run, by_operator, markets, put, waiting
from tests.scale import some_of
from tests.small_runs import journal

HOUR = 3_600_000
DAY = 86_400
SECONDS = 30.0  # limit for a process to reach the expected state
TAKEN_SECONDS = 1.0  # a session sees a command within this time (S15a)
STREAM = ("ws_close", "ws_abort", "ws_garbage", "ws_truncated", "ws_duplicate", "ws_late", "ws_skip", "ws_null_fields")
ANSWER = ("500", "503", "html_200", "empty_body", "truncated_json", "reset", "reset_mid_body", "stale_page")
PAGE = ("duplicates", "out_of_order", "empty_page", "null_row", "high_below_low", "string_timestamps")
DATA = {  # real candles of two symbols on one exchange, from the start of the common period
    "1h": ("btcusdt-1h-2017-2025.csv.gz", "ethusdt-1h-2020-2025.csv.gz", 1_672_531_200_000),
    "5m": ("btcusdt-5m-2023.csv.gz", "ethusdt-5m-2023.csv.gz", 1_672_531_200_000),
}


def breaking(fake: FakeExchange, chance: random.Random) -> None:
    """One time in three, break the stream, a response or a page, for one symbol (which is then late) or for all."""
    if chance.random() > 1 / 3:
        return
    name = chance.choice(chance.choice((STREAM, ANSWER, PAGE)))
    symbol = chance.choice([None, "BTC/USDT", "ETH/USDT"])
    fake.break_(name, times=chance.choice([1, 1, 2]), symbol=symbol)


@pytest.mark.soak
@pytest.mark.parametrize("timeframe", DATA)
def test_row_44_a_paper_run_on_real_candles_with_stream_and_rest_faults_equals_the_backtest(
    tmp_path: Path, real_data: Path, chance: random.Random, timeframe: str
) -> None:
    *files, start = DATA[timeframe]
    step = {"1h": HOUR, "5m": 5 * MINUTE}[timeframe]
    names = ("BTCUSDT", "ETHUSDT")
    given = [
        Market(name, {timeframe: from_csv(real_data / file, step_ms=step)})
        for name, file in zip(names, files, strict=True)
    ]
    with served(given, now_ms=start + 300 * step + 5_000) as fake:
        run = Run(tmp_path, fake, timeframe=timeframe)
        run.trade(timestamps=150, each=lambda: breaking(fake, chance))
        fake.clock.advance(5 * step)  # the process was not running
        run.trade(timestamps=100, each=lambda: breaking(fake, chance))
        check_parity(run, first=start + 300 * step, step=step)
    assert len(fake.sockets) > 10  # the stream reconnected


def check_parity(run: "Run", *, first: int, step: int) -> None:
    """After a stop, the journal equals that of the backtest over the candles of the exchange, byte for byte."""
    with session_at(run.folder / "paper", say=lambda text: None) as (held, _):
        held.stop()
    last = held.last_ts()
    assert last is not None
    run.fake.mend()
    run.fake.clock.advance(2 * step)
    assert journal(run.folder / "paper") == run.backtest_journal(start=first, end=last + step)
    assert journal(run.folder / "paper").count(b'"type":"filled"') >= 10


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The warnings that safla logs."""
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING", format="{message}")
    logger.enable("safla")
    yield lines
    logger.disable("safla")
    logger.remove(sink)


@some_of("away", [DAY, -3600, 0], keep=(DAY,))
def test_row_26_an_offset_of_the_wall_clock_from_the_exchange_is_logged_and_changes_no_decision(
    tmp_path: Path, logged: list[str], away: int
) -> None:
    with served(markets(), now_ms=START + BEGUN * MINUTE + 5_000) as fake:
        run = Run(tmp_path, fake, wall=lambda: fake.clock.wall() + away)
        run.trade(timestamps=60)
        lines = [one for one in logged if f"its clock and this machine's differ by {away:.1f} s" in one]
        check_parity(run, first=START + BEGUN * MINUTE, step=MINUTE)
    assert (lines != []) == (away != 0)


def test_row_24_a_command_during_a_retry_wait_is_listed_and_executed_once_with_its_candle(tmp_path: Path) -> None:
    """The exchange is down, so the command's candle is missing: it is listed as waiting and executed once later."""
    with served(markets(), now_ms=START + BEGUN * MINUTE + 58_000) as fake:
        run, folder = Run(tmp_path, fake), tmp_path / "run"
        child = process(["run", run.written(retry_delay_seconds=60), "--out", folder, "--quiet"])
        assert came(folder, 2 * LOOKBACK)
        broken = fake.break_("500", times=None)
        assert fake.wait(lambda: broken.hits > 0, seconds=SECONDS)
        time.sleep(0.2)  # the error response arrived, and the run waits for its retry
        put(folder, "halt", note="by hand")
        time.sleep(TAKEN_SECONDS)
        assert [one.note for one in waiting(folder)] == ["by hand"]
        assert by_operator(folder) == []
        answer = safla("status", folder)
        check_answer(answer, 0)
        assert "waiting    halt, given " in answer.out
        asked = broken.hits
        child.terminate()
        check_answer(answer_of(child), 143)
        assert broken.hits == asked
    check_answer(safla("stop", folder), 0)
    assert len(by_operator(folder)) == 1
    assert waiting(folder) == ()
    check_run(folder, max_positions=2)


def came(folder: Path, candles: int) -> bool:
    """Wait until a journal has so many candles; False after the limit."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (folder / "journal.jsonl").exists() and journal(folder).count(b'"type":"candle"') >= candles:
            return True
        time.sleep(0.02)
    return False
