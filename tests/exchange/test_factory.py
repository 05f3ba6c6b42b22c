"""How the class of an exchange is made as the configuration says, and what it tells of orders (S3)."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from safla.config.operation import ExchangeSection
from safla.errors import ConfigError, ExchangeError
from safla.exchange import factory
from tests.errors import raises_code


def made(**given: Any) -> Any:
    async def make() -> Any:
        return factory.make_exchange(ExchangeSection.model_validate({"name": "binance", **given}))

    return asyncio.run(make())


def market(**given: Any) -> Any:
    class Loaded:
        id = "binance"
        precisionMode = given.get("mode", factory.TICK_SIZE)
        markets = {  # noqa: RUF012
            "BTC/USDT": {
                "precision": {"price": given.get("tick"), "amount": given.get("lot")},
                "limits": {"cost": {"min": given.get("cost")}},
            }
        }

    return Loaded()


def test_the_timeout_is_that_of_the_configuration_and_requests_are_counted_by_our_gate_alone():
    exchange = made(timeout_seconds=Decimal("2.5"))
    assert exchange.timeout == 2500
    assert exchange.enableRateLimit is False
    assert exchange.has["fetchCurrencies"] is False


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_another_address_takes_the_place_of_scheme_and_host_and_paths_stay(base: str):
    urls = made(rest_url=base).urls["api"]
    assert urls["public"] == "http://127.0.0.1:8080/api/v3"
    assert urls["fapiPublic"] == "http://127.0.0.1:8080/fapi/v1"
    assert all(url.startswith("http://127.0.0.1:8080/") for url in urls.values() if isinstance(url, str))


def test_a_test_network_has_its_own_addresses_and_its_own_folder_in_the_store():
    exchange = made(sandbox=True)
    assert exchange.urls["api"]["public"].startswith("https://testnet.binance.vision/")
    assert factory.store_folder(ExchangeSection(sandbox=True)) == "binance-sandbox"
    assert factory.store_folder(ExchangeSection()) == "binance"


def test_an_exchange_without_a_test_network_is_refused():
    with raises_code(ExchangeError, "request_refused", match="kraken"):
        made(name="kraken", sandbox=True)


def test_a_name_that_ccxt_does_not_know_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="krakn is no exchange that ccxt knows; did you mean kraken"):
        made(name="krakn")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tick": Decimal("0.01"), "lot": Decimal("0.00001"), "cost": Decimal(5)}, ("0.01", "0.00001", "5")),
        ({"tick": "0.010", "lot": "1e-5", "cost": "5.00"}, ("0.01", "0.00001", "5")),
        ({"tick": Decimal(0), "lot": None, "cost": None}, (None, None, None)),
        ({"mode": factory.DECIMAL_PLACES, "tick": 2, "lot": 0, "cost": Decimal(0)}, ("0.01", "1", "0")),
        ({"mode": 3, "tick": 5, "lot": 8}, (None, None, None)),
    ],
)
def test_tick_lot_and_least_notional_are_the_market_s(given: dict, expected: tuple):
    assert factory.rules(market(**given), "BTC/USDT") == tuple(
        None if one is None else Decimal(one) for one in expected
    )


def test_a_symbol_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(ConfigError, match="binance has no BTC/USDC; did you mean BTC/USDT"):
        factory.rules(market(), "BTC/USDC")


def test_a_timeframe_that_the_exchange_does_not_have_is_refused_with_those_that_it_has():
    exchange = made(name="coinbase")
    with pytest.raises(ConfigError, match=r"market_data\.timeframe: coinbase has no 3m candles; it has 1m, 5m"):
        factory.refuse_timeframe(exchange, "3m")
    factory.refuse_timeframe(exchange, "1h")


def test_spot_symbols_of_the_exchange_whose_names_are_known_need_no_request():
    exchange = made()
    assert factory.assume(exchange, ["BTC/USDT"])
    assert exchange.market("BTC/USDT")["id"] == "BTCUSDT"
    assert not factory.assume(exchange, ["BTC/USDT:USDT"])
    assert not factory.assume(made(name="kraken"), ["BTC/USDT"])
