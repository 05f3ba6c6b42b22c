"""Z5, Z17: market numbers that would keep ccxt busy for hours are a bad answer before ccxt parses them."""

import asyncio
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from safla.config.operation import ExchangeSection
from safla.errors import ExchangeError
from safla.exchange import bounds, factory
from safla.exchange.failures import RequestFailed
from safla.exchange.transport import HttpAnswer
from tests.errors import raises_code
from tests.fake.rest import _described
from tests.fake_exchange import Market
from tests.faults.corpora import KRAKEN
from tests.faults.exchange import SYMBOL, Meeting, minutes, rows
from tests.scale import bound, some_of

CANDLES = 60
PRECISIONS = (
    "baseAssetPrecision",
    "quotePrecision",
    "pricePrecision",
    "priceScale",
    "quantityPrecision",
    "quantityScale",
)
FILTERS = {
    "tickSize": "PRICE_FILTER", "minPrice": "PRICE_FILTER", "stepSize": "LOT_SIZE", "maxQty": "LOT_SIZE",
    "minNotional": "NOTIONAL", "maxNotional": "NOTIONAL",
}  # fmt: skip
PLACES = [10**12, -(10**12), str(10**12), "9" * 90, 65]
NUMBERS = ["1E-1000000", "1e+1000000000000", "1e100", "0." + "0" * 200 + "1", "9" * 101, 10**100]
CALM = ("exchange.retry_attempts=1", "exchange.circuit_breaker.failure_threshold=100")


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Imports all that ccxt needs first, so that it is not timed."""
    assert Meeting(tmp_path_factory.mktemp("warm"), markets=[minutes(CANDLES)]).fetched().errors == ()


def refused(meeting: Meeting, *, requests: int) -> str:
    """Fetches with bad markets. They are requested twice, nothing else is requested or stored. Returns the error."""
    began = time.process_time()
    came = meeting.fetched()
    assert time.process_time() - began < bound(1.0)
    assert came.error.exit_code == 5
    assert len(meeting.asked("exchangeInfo")) == requests
    assert (meeting.asked(), rows(meeting.cache)) == ([], [])
    text = str(came.error)
    assert text.startswith("binance, its symbols: ")
    assert len(text) < 160
    return text


@some_of("name", PRECISIONS, every=3)
def test_a_precision_of_a_trillion_digits_is_a_bad_answer_at_once(name: str, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, *CALM, markets=[minutes(CANDLES)])
    for number, stated in enumerate(PLACES, 1):
        meeting.fake.markets["BTCUSDT"].more = {name: stated}
        assert "a precision of " in refused(meeting, requests=2 * number)
    meeting.fake.markets["BTCUSDT"].more = {name: 8}
    assert meeting.fetched().errors == ()


@some_of("name", FILTERS, every=3)
def test_a_number_of_a_million_digits_is_a_bad_answer_at_once(name: str, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, *CALM, markets=[minutes(CANDLES)])
    for number, stated in enumerate(NUMBERS, 1):
        meeting.fake.markets["BTCUSDT"].filters[FILTERS[name]][name] = stated
        assert " is not a plain number" in refused(meeting, requests=2 * number)


def test_a_huge_precision_of_another_symbol_does_not_delay_a_request_for_all_symbols(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, *CALM, markets=[minutes(CANDLES), Market("ODDUSDT", more={"priceScale": 10**12})])
    began = time.process_time()
    came = meeting.fetched("NONE/USDT")
    assert time.process_time() - began < bound(1.0)
    assert came.error.exit_code == 5
    assert meeting.fetched(SYMBOL).errors == ()


def test_more_markets_than_any_exchange_has_are_a_bad_answer(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, *CALM, markets=[minutes(CANDLES)])
    meeting.fake.markets["BTCUSDT"].more = {"orderTypes": ["LIMIT"] * (bounds.MOST_ENTRIES + 1)}
    assert f"more than {bounds.MOST_ENTRIES} markets" in refused(meeting, requests=2)


def test_a_huge_precision_blocks_a_session_only_while_the_answer_is_checked(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, *CALM, markets=[minutes(CANDLES)])
    meeting.fake.markets["BTCUSDT"].more = {"quotePrecision": 10**12}

    async def scene() -> float:
        async with meeting.feed() as feed:
            began = time.process_time()
            with raises_code(ExchangeError, "bad_answer"):
                await feed.is_over(SYMBOL)
            return time.process_time() - began

    assert meeting.run(scene) < bound(0.5)


# --- Other exchanges: the same guard, whatever they call a precision -------------------------------------------------


def loaded(name: str, answer: Callable[[str], Any]) -> Any:
    """Returns the markets of an exchange that gives these answers."""

    async def received(url: str, headers: object) -> HttpAnswer:
        return HttpAnswer(200, "OK", {}, json.dumps(answer(url)))

    async def before() -> None:
        """No rate limit."""

    async def load() -> Any:
        config = ExchangeSection.model_validate({"name": name})
        exchange = factory.make_exchange(config)
        exchange._received, exchange.before, exchange.heard = received, before, lambda heard: None
        exchange.fetch_currencies = lambda *a: asyncio.sleep(0, {})
        try:
            await factory.load_markets(exchange, (), config=config)
        finally:
            exchange.timeout_on_exit = 0
            await exchange.close()
        return exchange.markets

    began = time.process_time()
    try:
        return asyncio.run(load())
    finally:
        assert time.process_time() - began < bound(2.0)


def kraken(**more: Any) -> Callable[[str], Any]:
    """Returns the answers of Kraken about its one market."""
    return lambda url: {"error": [], "result": {"XXBTZUSD": {**KRAKEN, **more}} if "AssetPairs" in url else {}}


def test_valid_markets_of_another_exchange_are_read() -> None:
    market = loaded("kraken", kraken())["BTC/USD"]
    assert market["precision"]["amount"] == Decimal("1e-8")


@pytest.mark.parametrize(
    "more",
    [{"lot_decimals": 10**12}, {"lot_decimals": -(10**12)}, {"ordermin": "1E-1000000000000"}, {"costmin": "1e999"}],
)
def test_huge_numbers_in_the_markets_of_another_exchange_are_a_bad_answer(more: dict[str, Any]) -> None:
    with pytest.raises(RequestFailed, match=r"a precision of .* digits|is not a plain number"):
        loaded("kraken", kraken(**more))


# --- The guard itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        0, 1_575_416_692_969, 2**256 - 1, str(2**256 - 1), "0.00000001", "1e-18", "-1", "", "TRADING", "1E-99", None,
        True, "12:30", "0x" + "f" * 200, "1000SATS" * 30, "+", "-" * 500, "1" * 300 + "x",
    ],
)  # fmt: skip
def test_values_that_exchanges_send_about_markets_are_within_bounds(value: Any) -> None:
    assert bounds.refuse_long_markets({"symbols": [{"any": value}]}) is None


def test_a_market_name_that_looks_like_a_number_is_treated_as_a_name() -> None:
    bounds.refuse_long_markets([{"id": "64e1234", "pairId": "1e100000", "symbol": "1E100"}])
    with pytest.raises(RequestFailed):
        bounds.refuse_long_markets([{"tick": "1e100000"}])


@pytest.mark.parametrize("places", [None, 0, "0", 8, "-2", "+3", bounds.MOST_PLACES])
def test_precisions_that_exchanges_use_are_accepted(places: Any) -> None:
    assert bounds.checked_places(places) == places


@pytest.mark.parametrize("places", ["", "8.0", "1e3", "\u0668", " 8", "8\n", bounds.MOST_PLACES + 1, [], True])
def test_precisions_that_are_not_plain_integers_are_a_bad_answer(places: Any) -> None:
    with pytest.raises(RequestFailed, match="a precision of"):
        bounds.checked_places(places)


def test_markets_of_realistic_size_are_checked_quickly(figure: Callable[[str], None]) -> None:
    answer = {"symbols": [_described(Market(f"A{number}USDT")) for number in range(3_000)]}
    for one in answer["symbols"]:
        one["permissionSets"] = [["SPOT", *(f"TRD_GRP_{number:03}" for number in range(100))]]
    began = time.process_time()
    bounds.refuse_long_markets(answer)
    taken = time.process_time() - began
    figure(f"bounds of 3 000 markets are looked at in {taken:.2f} s")
    assert taken < bound(1.0)
