"""The factory makes a ccxt exchange as configured, and reads the order rules of its markets (S3)."""

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


def test_the_configured_timeout_is_used_and_the_rate_limiter_of_ccxt_is_off():
    exchange = made(timeout_seconds=Decimal("2.5"))
    assert exchange.timeout == 2500
    assert exchange.enableRateLimit is False
    assert exchange.has["fetchCurrencies"] is False


@pytest.mark.parametrize("base", ["http://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_a_configured_address_replaces_scheme_and_host_and_keeps_the_paths(base: str):
    urls = made(rest_url=base).urls["api"]
    assert urls["public"] == "http://127.0.0.1:8080/api/v3"
    assert urls["fapiPublic"] == "http://127.0.0.1:8080/fapi/v1"
    assert all(url.startswith("http://127.0.0.1:8080/") for url in urls.values() if isinstance(url, str))


def test_a_sandbox_has_its_own_addresses_and_its_own_store_folder():
    exchange = made(sandbox=True)
    assert exchange.urls["api"]["public"].startswith("https://testnet.binance.vision/")
    assert factory.store_folder(ExchangeSection(sandbox=True)) == "binance-sandbox"
    assert factory.store_folder(ExchangeSection()) == "binance"


def test_an_exchange_without_a_sandbox_is_rejected():
    with raises_code(ExchangeError, "request_refused", match="kraken"):
        made(name="kraken", sandbox=True)


def test_a_name_unknown_to_ccxt_is_rejected_with_the_nearest_name():
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
def test_tick_lot_and_minimum_notional_are_read_from_the_market(given: dict, expected: tuple):
    assert factory.rules(market(**given), "BTC/USDT") == tuple(
        None if one is None else Decimal(one) for one in expected
    )


def test_an_unknown_symbol_is_rejected_with_the_nearest_symbol():
    with pytest.raises(ConfigError, match="binance has no BTC/USDC; did you mean BTC/USDT"):
        factory.rules(market(), "BTC/USDC")


def test_an_unsupported_timeframe_is_rejected_with_the_supported_ones():
    exchange = made(name="coinbase")
    with pytest.raises(ConfigError, match=r"market_data\.timeframe: coinbase has no 3m candles; it has 1m, 5m"):
        factory.refuse_timeframe(exchange, "3m")
    factory.refuse_timeframe(exchange, "1h")


def test_binance_spot_symbols_need_no_request_for_markets():
    exchange = made()
    assert factory.assume(exchange, ["BTC/USDT"])
    assert exchange.market("BTC/USDT")["id"] == "BTCUSDT"
    assert not factory.assume(exchange, ["BTC/USDT:USDT"])
    assert not factory.assume(made(name="kraken"), ["BTC/USDT"])
