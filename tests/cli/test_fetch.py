"""`safla data fetch` and `safla doctor` over a fake exchange: what is printed, what is stored, which exit code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safla import cli
from safla.data import backfill
from tests.fake_exchange import FakeExchange, Market, served, synthetic

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
COUNT = 900


def market(base: str, *, seed: int, gaps: tuple[int, ...] = ()) -> Market:
    return Market(f"{base}USDT", {"1h": synthetic(START, HOUR, COUNT, seed=seed, gaps=gaps)})


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backfill, "PAUSE", 0.0)  # seconds that a test need not wait
    with served([market("BTC", seed=1), market("ETH", seed=2, gaps=(30, 31))]) as one:
        monkeypatch.setenv("SAFLA__EXCHANGE__REST_URL", one.rest_url)
        monkeypatch.setenv("SAFLA__EXCHANGE__RETRY_DELAY_SECONDS", "0")
        yield one


class Answer:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.out)


@pytest.fixture
def fetch(fake: FakeExchange, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Answer:
        capsys.readouterr()
        code = cli.main(["data", "fetch", *arguments])
        return Answer(code, *capsys.readouterr())

    return call


BTC = ("BTC/USDT", "--from", "2024-01-01")


def test_candles_of_several_symbols_are_stored_and_each_symbol_has_its_line(fetch):
    done = fetch("BTC/USDT", "ETH/USDT", "--timeframe", "1h", "--from", "2024-01-01", "--to", "2024-02-01", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:3] == [
        "binance BTC/USDT 1h: 2024-01-01T00:00Z to 2024-02-01T00:00Z: 744 candles added",
        "binance ETH/USDT 1h: 2024-01-01T00:00Z to 2024-02-01T00:00Z: 742 candles added, 1 page requested again",
        "  gaps of the exchange: 2024-01-02T06:00Z to 2024-01-02T08:00Z",
    ]
    assert len(list(Path("data/cache/binance/BTC-USDT/1h").glob("2024-01-*.parquet"))) == 1


def test_the_same_command_again_requests_no_stored_candles(fetch, fake):
    fetch(*BTC, "--to", "2024-01-20")
    before = len(fake.requests)
    again = fetch(*BTC, "--to", "2024-01-20", "--json")
    assert again.json["symbols"][0]["pages"] == 0
    assert {one.name for one in fake.requests[before:]} == {"time", "exchangeInfo"}


def test_without_an_end_all_closed_candles_are_fetched(fetch):
    symbol = fetch(*BTC, "--json").json["symbols"][0]
    assert (symbol["added"], symbol["asked"][1]) == (COUNT, START + COUNT * HOUR)
    assert (symbol["missing"], symbol["absent"], symbol["error"]) == ([], [], None)


def test_without_a_symbol_the_configured_symbols_are_fetched(fetch):
    Path("config.yaml").write_text("symbols: {primary: [ETH/USDT]}\ndata: {start: 2024-01-03, end: 2024-01-05}\n")
    symbols = fetch("--json").json["symbols"]
    assert [(one["symbol"], one["added"]) for one in symbols] == [("ETH/USDT", 48)]


def test_the_start_is_optional_if_candles_are_stored(fetch):
    assert fetch("BTC/USDT").code == 3
    fetch(*BTC, "--to", "2024-01-05")
    assert fetch("BTC/USDT", "--to", "2024-01-06", "--json").json["symbols"][0]["added"] == 24


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("BTC/USDX", "--from", "2024-01-01"), 3, "binance has no BTC/USDX; did you mean BTC/USDT"),
        (("btc", "--from", "2024-01-01"), 2, '"btc" is not a symbol'),
        ((*BTC, "--to", "2023-01-01"), 2, "--from 2024-01-01T00:00Z is not before --to 2023-01-01T00:00Z"),
        (
            ("BTC/USDT", "--from", "yesterday"),
            2,
            "--from: expected a date such as 2024-01-31, or ms UTC, got 'yesterday'",
        ),
        ((*BTC, "--timeframe", "1w"), 2, "1w"),
        ((*BTC, "--set", "exchange.name=binanse"), 3, "did you mean binance"),
        ((*BTC, "--set", "exchange.rest_url=http://127.0.0.1:1", "--set", "exchange.retry_attempts=0"), 5, "cannot be"),
        ((*BTC, "--set", "exchange.api_key=abc"), 3, "secrets are not needed"),
    ],
)
def test_invalid_arguments_are_reported_with_their_exit_code_and_nothing_is_stored(fetch, arguments, code, said):
    done = fetch(*arguments)
    assert done.code == code
    assert said in done.err
    assert done.out == ""
    assert list(Path().rglob("*.parquet")) == []


def test_a_symbol_that_fails_makes_the_command_fail_and_the_other_is_stored(fetch, fake):
    fake.break_("html_200", times=None, symbol="ETH/USDT")
    done = fetch("ETH/USDT", *BTC, "--to", "2024-01-05", "--json")
    assert done.code == 5
    eth, btc = done.json["symbols"]
    assert (eth["added"], eth["error"]["exit_code"], btc["added"], btc["error"]) == (0, 5, 96, None)
    assert eth["missing"] == [[START, START + 96 * HOUR]]
    assert done.err.splitlines()[-1].startswith("safla: binance ETH/USDT 1h: not JSON")


def test_a_restated_candle_gives_exit_code_1_until_it_is_accepted(fetch, fake):
    fetch(*BTC, "--to", "2024-01-05")
    fake.markets["BTCUSDT"].candles["1h"] = synthetic(START, HOUR, COUNT, seed=9)
    done = fetch(*BTC, "--to", "2024-01-06")
    assert done.code == 1
    assert "restated, and kept apart (--accept-restated replaces the stored ones): 2024-01-04T23:00Z" in done.out
    taken = fetch(*BTC, "--to", "2024-01-06", "--accept-restated", "--json")
    assert (taken.code, taken.json["symbols"][0]["accepted"]) == (0, 1)
    assert fetch(*BTC, "--to", "2024-01-06", "--again").code == 1


def test_a_wrong_local_clock_is_reported(fetch):
    assert "s ahead of the exchange's, which is used" in fetch(*BTC, "--to", "2024-01-05").err


def test_retries_are_counted_and_logged(fetch, fake):
    fake.break_("500")
    done = fetch(*BTC, "--to", "2024-01-05", "--json")
    assert done.json["counts"] == {"requests": 5, "retries": 1}  # its clock twice: the local clock differs
    lines = [json.loads(line) for line in Path("logs/data/market_data.log").read_text().splitlines()]
    assert [line["text"] for line in lines if "try 2" in line["text"]] != []


def test_doctor_checks_the_exchange_and_its_clock(fake, capsys):
    assert cli.main(["doctor", "--json"]) == 0
    looks = {look["what"]: look for look in json.loads(capsys.readouterr().out)}
    assert looks["exchange"]["state"] == "ok"
    assert looks["clock"]["state"] == "warning"  # the clock of the fake stands still
    assert cli.main(["doctor"]) == 0
    assert "exchange   ok       binance answers within" in capsys.readouterr().out


def test_doctor_exits_with_code_5_if_the_exchange_is_unreachable(fake, capsys):
    assert (
        cli.main(["doctor", "--set", "exchange.rest_url=http://127.0.0.1:1", "--set", "exchange.retry_attempts=0"]) == 5
    )
    assert "exchange   failed" in capsys.readouterr().out


def test_the_time_before_the_listing_of_a_symbol_is_not_a_gap_of_the_exchange(fetch):
    words = ("ETH/USDT", "--timeframe", "1h", "--from", "2023-12-25", "--to", "2024-01-05", "--quiet")
    for _ in range(2):  # each time it is requested
        done = fetch(*words)
        assert done.code == 0
        assert "  not listed yet: candles begin 2024-01-01T00:00Z" in done.out.splitlines()
    assert "gaps of the exchange: 2023-12-25" not in done.out
    done = fetch(*words, "--json")
    assert done.json["symbols"][0]["first"] == START


def test_a_gap_of_the_exchange_is_reported_as_such(fetch):
    done = fetch("ETH/USDT", "--timeframe", "1h", "--from", "2024-01-01", "--to", "2024-01-05", "--quiet")
    assert "  gaps of the exchange: 2024-01-02T06:00Z to 2024-01-02T08:00Z" in done.out.splitlines()


def test_a_delisted_market_is_reported_each_time_with_exit_code_0(fetch, fake):
    over = Market("LUNAUSDT", {"1h": synthetic(START, HOUR, 100, seed=3)}, status="BREAK")
    fake.markets["LUNAUSDT"] = over
    words = ("LUNA/USDT", "--timeframe", "1h", "--from", "2024-01-01", "--to", "2024-01-15", "--quiet")
    for _ in range(2):
        before = [one.name for one in fake.requests].count("klines")
        done = fetch(*words)
        assert (done.code, done.err) == (0, "")
        assert "  delisted: ends 2024-01-05T04:00Z" in done.out.splitlines()
    assert [one.name for one in fake.requests].count("klines") == before


def test_a_fetch_uses_the_source_timeframe_whatever_is_resampled_from_it(fetch, tmp_path):
    (tmp_path / "config.yaml").write_text("market_data: {timeframe: 4h}\ndata: {timeframe: 1h}\n")
    done = fetch(*BTC, "--to", "2024-01-05", "--quiet")
    assert (done.code, done.out.splitlines()[0][:19]) == (0, "binance BTC/USDT 1h")
    done = fetch(*BTC, "--to", "2024-01-05", "--timeframe", "1h", "--quiet")
    assert (done.code, done.out.splitlines()[0][:19]) == (0, "binance BTC/USDT 1h")
