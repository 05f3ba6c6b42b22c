"""Row 48, S3, and backtests on exchange candles: symbols that are unknown or delisted, market rules that change."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safla.data import service
from safla.data.backfill import DownloadProgress
from safla.data.service import FetchRequest
from safla.data.store import store
from safla.errors import ConfigError, ExchangeError
from tests.fake_exchange import Candles, FakeExchange, Market, served, synthetic
from tests.faults.command import Answer, inside
from tests.faults.exchange import LIMIT, MINUTE, START, SYMBOL, Meeting, at, kept, minutes, rows, undisturbed
from tests.faults.invariants import check_answer, check_run, events_of
from tests.faults.test_security_program import knocks
from tests.scale import some_of
from tests.small_runs import journal

CANDLES = 300
BOTH = (SYMBOL, "ETH/USDT")


def markets() -> list[Market]:
    """Returns two symbols with market rules of their own; one of them has gaps."""
    two = [minutes(CANDLES, gaps=(120, 121, 200)), minutes(CANDLES, name="ETHUSDT", seed=2)]
    two[1].filters = {
        **two[1].filters,
        "PRICE_FILTER": {"minPrice": "0.05000000", "maxPrice": "1000000.00000000", "tickSize": "0.05000000"},
        "LOT_SIZE": {"minQty": "0.00100000", "maxQty": "9000.00000000", "stepSize": "0.00100000"},
        "NOTIONAL": {**two[1].filters["NOTIONAL"], "minNotional": "12.50000000"},
    }
    return two


# --- Row 48: symbols -------------------------------------------------------------------------------------------------


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Makes a client of an exchange with two symbols."""
    return Meeting(tmp_path / "cache", markets=markets())


def test_row_48_an_unknown_symbol_gives_exit_3_with_a_suggestion_and_no_candle_is_requested(
    meeting: Meeting,
) -> None:
    for symbol, near in (("BTC/USDC", SYMBOL), ("ETHH/USDT", "ETH/USDT")):
        error = meeting.fetched("ETH/USDT", symbol).error
        assert (type(error), error.exit_code) == (ConfigError, 3)
        assert str(error).startswith(f"symbols: binance has no {symbol}; did you mean {near}")
    assert meeting.asked() == []
    assert list(meeting.cache.rglob("*.parquet")) == []


def test_row_48_an_unknown_symbol_that_resembles_no_other_is_rejected_without_a_suggestion(meeting: Meeting) -> None:
    assert str(meeting.fetched("QQQQQQ/ZZZZZZ").error) == "symbols: binance has no QQQQQQ/ZZZZZZ"


def taken_out(meeting: Meeting, *, done: int) -> tuple[Any, Market]:
    """Fetches both symbols while the exchange delists BTCUSDT. Returns the result and the delisted market."""
    gone: list[Market] = []

    def on_progress(standing: DownloadProgress) -> None:
        if standing.place.symbol == SYMBOL and standing.done >= done and not gone:
            gone.append(meeting.fake.markets.pop("BTCUSDT"))

    fetched = meeting.run(
        lambda: service.fetch(
            meeting.config(), FetchRequest(BOTH, START, at(CANDLES)), listener=on_progress, clock=meeting.clock
        )
    )
    return fetched, gone[0]


def test_row_48_a_symbol_delisted_during_a_fetch_gives_exit_5_stops_no_other_and_can_be_resumed(
    meeting: Meeting, tmp_path: Path
) -> None:
    fetched, market = taken_out(meeting, done=2 * LIMIT)
    btc, eth = fetched.got
    assert (type(btc.error), eth.error, eth.missing) == (ExchangeError, None, ())
    assert str(btc.error).startswith("binance BTC/USDT 1m: not there any more (")
    assert "Invalid symbol." in str(btc.error)
    assert str(btc.error).endswith("; earlier candles are stored")
    assert btc.missing == ((at(2 * LIMIT), at(CANDLES)),)
    assert fetched.counts["retries"] == 0
    again = meeting.fetched(*BOTH, end=at(CANDLES))
    assert [one.exit_code for one in again.errors] == [5]
    assert len(rows(meeting.cache)) == 2 * LIMIT
    meeting.fake.markets["BTCUSDT"] = market
    assert meeting.fetched(*BOTH, end=at(CANDLES)).errors == ()
    assert kept(meeting.cache) == undisturbed(tmp_path / "whole", markets=markets(), end=at(CANDLES))


def test_row_48_refreshing_the_rules_of_a_delisted_symbol_suggests_listed_symbols(meeting: Meeting) -> None:
    taken_out(meeting, done=LIMIT)
    meeting.fake.markets["BTCUSDX"] = minutes(10, name="BTCUSDX")  # renamed
    error = meeting.fetched(SYMBOL, end=at(CANDLES), fresh_rules=True).error
    assert (error.exit_code, str(error)) == (
        3,
        f"symbols: binance has no {SYMBOL}; did you mean BTCUSDX/USDT, ETH/USDT?",
    )
    assert len(rows(meeting.cache)) == LIMIT


def test_row_48_a_symbol_whose_candles_end_early_gives_exit_5_and_the_time_of_the_end(tmp_path: Path) -> None:
    halted = minutes(100)
    halted.status = "HALT"  # not delisted: trading may resume
    meeting = Meeting(tmp_path, markets=[halted, minutes(CANDLES, name="ETHUSDT")])
    came = meeting.fetched(*BOTH)
    (error,) = came.errors
    assert error.exit_code == 5
    words = "no candle from 2024-01-01T01:40Z to 2024-01-01T05:00Z, requested twice: not listed, halted, or not"
    assert f"binance BTC/USDT 1m: {words}" in str(error)
    assert (len(rows(tmp_path)), came.got[0].absent) == (100, ())


def test_row_48_the_time_before_a_late_listing_is_recorded_as_a_gap(tmp_path: Path) -> None:
    late = Market("BTCUSDT", {"1m": synthetic(at(130), MINUTE, 100, seed=1)})
    came = Meeting(tmp_path, markets=[late]).fetched()
    assert (came.errors, came.got[0].absent) == ((), ((at(0), at(130)),))
    assert came.got[0].reasked == 1
    assert len(rows(tmp_path)) == 100


# --- The real command ------------------------------------------------------------------------------------------------

STRATEGY = "{fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}"
RUN = f"""\
symbols: {{primary: [BTC/USDT, ETH/USDT]}}
strategy: {STRATEGY}
market_data: {{timeframe: 1m, lookback_candles: 9, fetch_limit: 50}}
data: {{start: 2024-01-01T00:30:00Z, end: 2024-01-01T05:00:00Z}}
exchange: {{retry_attempts: 1, retry_delay_seconds: 0}}
"""
Command = Callable[..., Answer]


@pytest.fixture
def away() -> str:
    """Returns an unreachable address, another one for each test, because a process remembers each one."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    """Starts an exchange with two symbols, and writes a configuration for it into the current folder."""
    monkeypatch.chdir(tmp_path)
    with served(markets()) as one:
        Path("c.yaml").write_text(RUN)
        monkeypatch.setenv("SAFLA__EXCHANGE__REST_URL", one.rest_url)
        yield one


@pytest.fixture
def command(fake: FakeExchange, capsys: pytest.CaptureFixture[str]) -> Command:
    """Returns the real command, run against the exchange."""
    return lambda *arguments: inside(capsys, *arguments)


def started(folder: str) -> dict[str, Any]:
    """Returns the first event of a journal."""
    first: dict[str, Any] = events_of(Path(folder))[0]
    return first


def unfinished(folder: str, copy: str) -> None:
    """Copies a run as if its process had died half way."""
    shutil.copytree(folder, copy)
    path = Path(copy) / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    (path.parent / "head").unlink()
    (path.parent / "summary.json").unlink()


def test_row_48_a_run_with_an_unknown_symbol_gives_exit_3_and_names_the_key(command: Command) -> None:
    Path("c.yaml").write_text(RUN.replace("ETH/USDT", "ETX/USDT"))
    answer = command("run", "c.yaml", "--out", "run", "--quiet")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == "symbols: binance has no ETX/USDT; did you mean ETH/USDT, BTC/USDT?\n"
    assert not Path("run").exists()


def test_a_slow_write_to_the_store_does_not_delay_other_symbols(
    command: Command, fake: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first write waits until the exchange has received a request for the second symbol."""
    merge, came = store.merge, []

    def slow(*given: Any, **named: Any) -> Any:
        came.append(asked_of_both(fake) or fake.wait(lambda: asked_of_both(fake), seconds=30.0))
        return merge(*given, **named)

    monkeypatch.setattr(store, "merge", slow)
    check_answer(command("data", "fetch", *BOTH, "--timeframe", "1m", "--from", "2024-01-01", "--to", str(at(60))), 0)
    assert all(came)


def asked_of_both(fake: FakeExchange) -> bool:
    return len({one.parameters["symbol"] for one in fake.requests if one.name == "klines"}) == 2


def test_row_48_a_run_whose_symbol_disappears_gives_exit_5_and_succeeds_when_it_is_back(
    command: Command, fake: FakeExchange
) -> None:
    check_answer(command("data", "fetch", *BOTH, "--timeframe", "1m", "--from", "2024-01-01", "--to", str(at(60))), 0)
    gone = fake.markets.pop("ETHUSDT")
    answer = command("run", "c.yaml", "--out", "run", "--quiet")
    check_answer(answer, 5)
    assert answer.err.splitlines()[0].startswith("safla: binance ETH/USDT 1m: not there any more (")
    assert answer.err.splitlines()[1:] == ["  ETH/USDT 1m: missing 2024-01-01T01:00Z to 2024-01-01T05:00Z"]
    fake.markets["ETHUSDT"] = gone
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)


def test_s3_the_first_journal_line_has_tick_lot_and_minimum_notional_of_the_exchange(command: Command) -> None:
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)
    lines = [
        {name: one[name] for name in ("symbol", "tick", "lot", "min_notional")} for one in started("run")["symbols"]
    ]
    assert lines == [
        {"symbol": "BTC/USDT", "tick": "0.01", "lot": "0.00001", "min_notional": "5.0000000"},
        {"symbol": "ETH/USDT", "tick": "0.05", "lot": "0.001", "min_notional": "12.5000000"},
    ]
    check_run(Path("run"), max_positions=3)


def test_s3_market_rules_in_the_configuration_override_those_of_the_exchange(command: Command) -> None:
    options = ("--set", "markets.ETH/USDT.tick=0.25", "--set", "markets.ETH/USDT.min_notional=50")
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet", *options), 0)
    eth = started("run")["symbols"][1]
    assert (eth["tick"], eth["lot"], eth["min_notional"]) == ("0.25", "0.001", "50.0000000")


def test_row_48_a_continued_run_keeps_tick_and_lot_of_its_first_line_when_the_exchange_changes_them(
    command: Command, fake: FakeExchange
) -> None:
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    unfinished("whole", "run")
    fake.markets["BTCUSDT"].filters["PRICE_FILTER"]["tickSize"] = "0.10000000"
    fake.markets["BTCUSDT"].filters["LOT_SIZE"]["stepSize"] = "0.01000000"
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)
    assert journal(Path("run")) == journal(Path("whole"))


def test_row_48_newly_fetched_rules_do_not_enter_a_run_that_has_started(command: Command, fake: FakeExchange) -> None:
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    unfinished("whole", "run")
    before = journal(Path("run"))
    fake.markets["BTCUSDT"].filters["PRICE_FILTER"]["tickSize"] = "0.10000000"
    fake.markets["BTCUSDT"].filters["LOT_SIZE"]["stepSize"] = "0.00100000"
    check_answer(command("data", "fetch", SYMBOL, "--timeframe", "1m", "--from", "2024-01-01", "--quiet"), 0)
    refused = command("run", "c.yaml", "--out", "run", "--quiet")
    check_answer(refused, 3)
    tick = "run/journal.jsonl: markets.BTC/USDT.tick: the journal has 0.01, this run has 0.10"
    assert tick in refused.err.splitlines()
    lot = "run/journal.jsonl: markets.BTC/USDT.lot: the journal has 0.00001, this run has 0.001"
    assert lot in refused.err.splitlines()
    assert journal(Path("run")) == before
    own = {"tick": "0.01", "lot": "0.00001", "quantity_decimals": "5"}
    stay = [word for name, value in own.items() for word in ("--set", f"markets.BTC/USDT.{name}={value}")]
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet", *stay), 0)
    assert journal(Path("run")) == journal(Path("whole"))


def test_row_48_a_tick_that_is_coarser_than_old_candles_does_not_change_them(
    command: Command, fake: FakeExchange
) -> None:
    fake.markets["BTCUSDT"].filters["PRICE_FILTER"]["tickSize"] = "10.00000000"
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)
    btc = started("run")["symbols"][0]
    assert (btc["tick"], btc["price_decimals"]) == ("10.00", 2)


def test_row_48_a_candle_with_more_decimals_than_configured_gives_exit_4_with_row_and_value(
    command: Command, fake: FakeExchange
) -> None:
    fine = [(at(number), "100.1234", "100.1250", "100.1000", "100.1200", "1.5") for number in range(CANDLES)]
    fake.markets["BTCUSDT"].candles["1m"] = Candles(fine, step_ms=MINUTE)
    answer = command("run", "c.yaml", "--out", "run", "--quiet", "--set", "markets.BTC/USDT.price_decimals=2")
    check_answer(answer, 4)
    words = "open 100.1234 has more decimals than the 2 that are configured"
    assert answer.err.startswith(f"safla: binance BTC/USDT 1m: candle {at(21)}: {words}")
    assert answer.err.count("\n") == 1
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)
    assert started("run")["symbols"][0]["price_decimals"] == 4  # those of the candles, unless configured


# --- A backtest from the store and the exchange ----------------------------------------------------------------------


def as_csv(fake: FakeExchange, name: str, path: Path) -> None:
    """Writes the candles of a symbol to a CSV file."""
    candles = fake.markets[name].candles["1m"]
    lines = [json.loads(candles.text(number, number + 1))[:6] for number in range(len(candles))]
    path.write_text("timestamp,open,high,low,close,volume\n" + "".join(f"{','.join(map(str, one))}\n" for one in lines))


def test_exchange_candles_and_a_file_with_the_same_candles_and_scales_give_the_same_journal(
    command: Command, fake: FakeExchange
) -> None:
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet", "--journal-detail", "candles"), 0)
    for name in fake.markets:
        as_csv(fake, name, Path(f"{name}.csv"))
    own = {one.pop("symbol"): one for one in started("run")["symbols"]}
    data = '{source: csv, path: "{symbol}.csv", start: 2024-01-01T00:30:00Z, end: 2024-01-01T05:00:00Z}'
    lines = [line for line in RUN.splitlines() if not line.startswith("data:")]
    Path("f.yaml").write_text("\n".join([*lines, f"data: {data}", f"markets: {json.dumps(own).replace(chr(34), '')}"]))
    check_answer(command("run", "f.yaml", "--out", "file", "--quiet", "--journal-detail", "candles"), 0)
    assert journal(Path("file")) == journal(Path("run"))
    assert journal(Path("run")).count(b'"filled"') > 10
    check_run(Path("run"), max_positions=3)


def test_download_faults_change_no_byte_of_a_journal_and_appear_only_in_the_log(
    command: Command, fake: FakeExchange
) -> None:
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    shutil.rmtree("data")
    Path("logs/data/market_data.log").unlink()
    for number, name in enumerate(("html_200", "negative_price", "short_page", "reset", "missing", "503")):
        fake.break_(name, after=2 * number)
    patient = ("--set", "exchange.retry_attempts=6")  # at once, several faults may hit one page
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet", *patient), 0)
    assert journal(Path("run")) == journal(Path("whole"))
    said = [json.loads(line)["text"] for line in Path("logs/data/market_data.log").read_text().splitlines()]
    assert len([text for text in said if re.search(r"; try \d in 0\.0 s", text)]) == 4
    assert b"; try " not in journal(Path("run"))


@some_of("url", ["with the exchange", "without it"], keep=("without it",))
def test_z25_no_socket_is_opened_when_the_store_has_all_candles(
    command: Command, fake: FakeExchange, away: str, url: str
) -> None:
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    asked = len(fake.requests)
    place = () if url == "with the exchange" else ("--set", f"exchange.rest_url={away}")
    doors = knocks(Path.cwd(), "run", "c.yaml", "--out", "run", "--quiet", "--engine", "interpreted", *place)
    assert [one for one in doors if one[0].startswith(("socket.", "subprocess."))] == []
    assert len(fake.requests) == asked
    assert journal(Path("run")) == journal(Path("whole"))


def test_with_an_unreachable_exchange_and_no_configured_end_stored_candles_are_used_with_a_notice(
    command: Command, away: str
) -> None:
    Path("c.yaml").write_text(RUN.replace(", end: 2024-01-01T05:00:00Z", ""))
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    answer = command("run", "c.yaml", "--out", "run", "--set", f"exchange.rest_url={away}")
    assert answer.code == 0
    (note,) = [line for line in answer.err.splitlines() if "going on with the stored candles" in line]
    assert note.startswith("binance, its clock: cannot be reached, or the connection broke off (ClientConnectorError")
    end = "2024-01-01T05:00Z"
    assert note.endswith(f"going on with the stored candles: BTC/USDT to {end}, ETH/USDT to {end}")
    assert journal(Path("run")) == journal(Path("whole"))


@pytest.mark.parametrize("stored", [0, 100])
def test_with_an_unreachable_exchange_and_too_few_stored_candles_exit_5_names_the_missing_periods(
    command: Command, away: str, stored: int
) -> None:
    if stored:
        fetch = ("data", "fetch", *BOTH, "--timeframe", "1m", "--from", "2024-01-01", "--to", str(at(stored)))
        check_answer(command(*fetch), 0)
    answer = command("run", "c.yaml", "--out", "run", "--quiet", "--set", f"exchange.rest_url={away}")
    check_answer(answer, 5)
    since = "2024-01-01T01:40Z" if stored else "2024-01-01T00:21Z"
    first, *rest = answer.err.splitlines()
    begin = "safla: binance, its clock: cannot be reached, or the connection broke off (ClientConnectorError"
    assert first.startswith(begin)
    assert rest == [f"  {symbol} 1m: missing {since} to 2024-01-01T05:00Z" for symbol in BOTH]
    assert not Path("run").exists()


def test_with_an_unreachable_exchange_three_missing_periods_are_named_and_the_others_counted(
    command: Command, away: str
) -> None:
    for since in range(0, 240, 40):
        window = ("--from", str(at(since)), "--to", str(at(since + 20)))
        check_answer(command("data", "fetch", *BOTH, "--timeframe", "1m", *window), 0)
    answer = command("run", "c.yaml", "--out", "run", "--quiet", "--set", f"exchange.rest_url={away}")
    check_answer(answer, 5)
    assert len(answer.err.splitlines()) == 5
    assert answer.err.splitlines()[4] == "  and 9 more periods"
