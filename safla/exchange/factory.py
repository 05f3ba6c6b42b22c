"""Makes ccxt objects, loads markets into them, and reads order rules and states of markets. Requests: client.py."""

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from difflib import get_close_matches
from types import ModuleType
from typing import Any

from safla.config.operation import ExchangeSection
from safla.config.plan import OrderRules
from safla.errors import ConfigError, ExchangeError, Problem
from safla.exchange import bounds, off_loop, transport
from safla.exchange.failures import BAD_ANSWER, RequestFailed, row_said, said

# The status of a market that has ended. HALT is no end, and ccxt's "not active" may mean a halt.
OVER = frozenset(["BREAK", "DELISTED"])
WEIGHT_A_MINUTE = 6000  # Binance's limit since 2023-08-25
TICK_SIZE, DECIMAL_PLACES = 4, 2  # how ccxt states precision
MOST_STREAMED = 10  # candles of a stream that ccxt keeps: none is ever read
SANDBOXED = "-sandbox"  # suffix of the store's folder: candles of a test network are not those of the market

FILTERED = ("tickSize", "stepSize", "minNotional")  # the values that are read from Binance's filters
LEAST, MOST = Decimal("1e-18"), Decimal("1e18")

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")  # Z5, as in candles
_HOST = re.compile(r"^[a-z]+://[^/]+")


def make_exchange(config: ExchangeSection) -> Any:
    """Make the ccxt object for a configuration. ConfigError for a name that ccxt does not know."""
    import ccxt.async_support as ccxt

    return _make(ccxt, config, transport.strict_class)


def make_stream(config: ExchangeSection, kind: Callable[[type], type]) -> Any:
    """Make the ccxt.pro object for a configuration, which streams too. None if there is no stream of candles.

    kind  makes a subclass of its class, for what is to be handled differently
    """
    from ccxt import pro

    if config.name not in pro.exchanges or (config.rest_url is not None and config.stream_url is None):
        return None  # rest_url points to a stand-in for the exchange, and nobody said where that one streams
    stream = _make(pro, config, lambda cls: kind(transport.strict_class(cls)))
    if not (stream.has.get("watchOHLCV") or stream.has.get("watchOHLCVForSymbols")):
        return None
    stream.options["OHLCVLimit"] = MOST_STREAMED
    if config.stream_url is not None:
        base = config.stream_url.rstrip("/")
        spot = {"spot": f"{base}/stream/ws"}  # ccxt recognises the spot market by this path
        urls = stream.urls["api"]
        urls["ws"] = spot if _is_binance(config.name) else _redirected(urls["ws"], base)
        stream.timeout_on_exit = 0 if base.startswith("ws:") else stream.timeout_on_exit  # only TLS needs a farewell
    return stream


def _make(ccxt: ModuleType, config: ExchangeSection, strictly: Callable[[type], type]) -> Any:
    if config.name not in ccxt.exchanges:
        near = get_close_matches(config.name, ccxt.exchanges, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError(
            [Problem("", "exchange.name", f"{config.name} is no exchange that ccxt knows{hint}", code="invalid_value")]
        )
    kind = getattr(ccxt, config.name)
    options: dict[str, Any] = {"enableRateLimit": False, "timeout": int(config.timeout_seconds * 1000)}
    if _is_binance(config.name):
        options["options"] = {"fetchMarkets": {"types": ["spot"]}}
    exchange = strictly(kind)(options)
    exchange.has["fetchCurrencies"] = False  # else ccxt sends further requests, for data that is not needed
    exchange.number = str  # ccxt passes numbers on as the exchange wrote them: no float comes between (D1)
    if config.sandbox:
        _to_sandbox(exchange)
    if config.rest_url is not None:
        exchange.urls["api"] = _redirected(exchange.urls["api"], config.rest_url.rstrip("/"))
        if config.rest_url.startswith("http:"):
            exchange.timeout_on_exit = 0  # ccxt waits at the close for the end of TLS connections, and there are none
    return exchange


def refuse_timeframe(exchange: Any, timeframe: str) -> None:
    """Raise ConfigError for candles that the exchange does not have."""
    known = exchange.timeframes or {}
    if known and timeframe not in known:
        text = f"{exchange.id} has no {timeframe} candles; it has {', '.join(known)}"
        raise ConfigError([Problem("", "market_data.timeframe", text, code="not_served")])


def store_folder(config: ExchangeSection) -> str:
    """Return the name of the store's folder for an exchange."""
    return f"{config.name}{SANDBOXED if config.sandbox else ''}"


async def load_markets(
    exchange: Any, symbols: Sequence[str], *, config: ExchangeSection, wanted: Sequence[str] = ()
) -> None:
    """Fetch the markets of the symbols, or all markets. RequestFailed if the rules of a wanted symbol are invalid.

    They are parsed in a thread, by another object of the same class: so `exchange` can fetch candles meanwhile.

    config  the section that `exchange` was made from
    wanted  the symbols whose rules are checked
    """
    parameters = {}
    if symbols and _is_binance(exchange.id):
        parameters["symbols"] = json.dumps([_binance_id(symbol) for symbol in symbols], separators=(",", ":"))
    fresh = make_exchange(config)
    fresh.number = Decimal  # some classes calculate with the numbers of markets, which str does not allow

    async def load(fetch: off_loop.Fetch) -> None:
        fresh.fetch = fetch
        await fresh.load_markets(True, parameters)

    await off_loop.run_off_loop(load, exchange.fetch)
    exchange.set_markets_from_exchange(fresh)
    if not exchange.markets:
        raise RequestFailed("expected symbols, got none", BAD_ANSWER)
    for symbol in wanted:
        if symbol in exchange.markets:
            _check_filters(exchange.markets[symbol])
            rules(exchange, symbol)


def assume(exchange: Any, symbols: Sequence[str]) -> bool:
    """Set spot markets without a request, if the exchange's own names for the symbols are known. Returns whether."""
    if not _is_binance(exchange.id) or any(":" in symbol for symbol in symbols):
        return False
    exchange.set_markets([_market(exchange, symbol) for symbol in symbols])
    return True


def rules(exchange: Any, symbol: str) -> OrderRules:
    """Return tick, lot and least notional of a loaded market (S3).

    ConfigError for a symbol that is not there, RequestFailed for numbers that cannot be a rule.
    """
    market = (exchange.markets or {}).get(symbol)
    if market is None:
        near = get_close_matches(symbol, exchange.markets or (), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError([Problem("", "symbols", f"{exchange.id} has no {symbol}{hint}", code="symbol_unknown")])
    precision = market["precision"]
    return OrderRules(
        tick=_step(precision.get("price"), mode=exchange.precisionMode),
        lot=_step(precision.get("amount"), mode=exchange.precisionMode),
        min_notional=_amount(market["limits"].get("cost", {}).get("min")),
    )


def status(exchange: Any, symbol: str) -> str | None:
    """Return the status of a market in capitals, as the exchange states it; "": not stated; None: not fetched yet."""
    market = (exchange.markets or {}).get(symbol)
    info = None if market is None else market.get("info")
    if not isinstance(info, dict) or not info:
        return None
    return said(str(info.get("status") or "")).upper()


async def ask_limits(exchange: Any, symbol: str) -> None:
    """Fetch the request limits, if the exchange states them: Binance does so beside the rules of a symbol."""
    if _is_binance(exchange.id):
        await exchange.public_get_exchangeinfo({"symbol": _binance_id(symbol)})


def _step(stated: Any, *, mode: int) -> Decimal | None:
    if mode == TICK_SIZE:
        return _amount(stated) or None  # 0 means that the rule is not set
    if mode == DECIMAL_PLACES and stated is not None:
        return _amount(Decimal(1).scaleb(-int(bounds.checked_places(stated))))
    return None  # a number of significant digits gives no step


def _amount(stated: Any) -> Decimal | None:
    if stated is None:
        return None
    amount = Decimal(str(stated))
    if not amount.is_finite() or not (amount == 0 or LEAST <= amount < MOST):
        raise RequestFailed(f"{row_said(stated)} cannot be a tick, lot or least notional", BAD_ANSWER)
    return amount.normalize()


def _check_filters(market: Any) -> None:
    """RequestFailed if a filter holds a value that is not a plain number (Z5).

    ccxt would take it for a rule that is not set, or Decimal would read it although no exchange writes that.
    """
    info = market.get("info")
    filters = info.get("filters") if isinstance(info, dict) else None
    for item in filters if isinstance(filters, list) else ():
        for name in FILTERED:
            stated = item.get(name) if isinstance(item, dict) else None
            if stated is not None and not (isinstance(stated, str | int) and _NUMBER.fullmatch(str(stated))):
                raise RequestFailed(f"{market['symbol']}: {name} {row_said(stated)} is not a plain number", BAD_ANSWER)


def _redirected(urls: Any, base: str) -> Any:
    """Replace scheme and host in every address of an exchange; the paths stay."""
    if isinstance(urls, dict):
        return {name: _redirected(url, base) for name, url in urls.items()}
    return _HOST.sub(base, urls) if isinstance(urls, str) else urls


def _to_sandbox(exchange: Any) -> None:
    if not exchange.urls.get("test"):
        raise ExchangeError(f"{exchange.id} has no test network; set exchange.sandbox to false", code="request_refused")
    exchange.set_sandbox_mode(True)


def _is_binance(name: str) -> bool:
    return name == "binance"


def _binance_id(symbol: str) -> str:
    return symbol.replace("/", "")


def _market(exchange: Any, symbol: str) -> Any:
    base, _, quote = symbol.partition("/")
    return exchange.safe_market_structure(
        {
            "id": _binance_id(symbol), "lowercaseId": _binance_id(symbol).lower(), "symbol": symbol,
            "base": base, "quote": quote, "baseId": base, "quoteId": quote,
            "type": "spot", "spot": True, "active": True, "contract": False, "option": False,
            "precision": {"amount": None, "price": None},
        }
    )  # fmt: skip
