"""How a ccxt class is made and told its symbols, and what it says of them. What is asked of it stands in client.py."""

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

OVER = frozenset(["BREAK", "DELISTED"])  # a market is over: a halt is none, and "not active" may be one
WEIGHT_A_MINUTE = 6000  # Binance's limit since 2023-08-25 (EXCHANGE 1)
TICK_SIZE, DECIMAL_PLACES = 4, 2  # how ccxt states precision
MOST_STREAMED = 10  # candles that ccxt keeps of a stream: nothing is taken from there
SANDBOXED = "-sandbox"  # behind the name of the store's folder: those candles are not the market's

FILTERED = ("tickSize", "stepSize", "minNotional")  # of Binance's filters, what is taken from them (EXCHANGE 1)
LEAST, MOST = Decimal("1e-18"), Decimal("1e18")

_NUMBER = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")  # Z5, as in candles
_HOST = re.compile(r"^[a-z]+://[^/]+")


def make_exchange(config: ExchangeSection) -> Any:
    """The ccxt object that asks as the configuration says. ConfigError for a name that ccxt does not know."""
    import ccxt.async_support as ccxt

    return _made(ccxt, config, transport.strict)


def make_stream(config: ExchangeSection, kind: Callable[[type], type]) -> Any:
    """The same of a class of ccxt.pro, which streams too; None where there is no stream of candles.

    kind  what stands before that class
    """
    from ccxt import pro

    if config.name not in pro.exchanges or (config.rest_url is not None and config.stream_url is None):
        return None  # whoever answers requests in the exchange's place does not stream in its place too
    found = _made(pro, config, lambda one: kind(transport.strict(one)))
    if not (found.has.get("watchOHLCV") or found.has.get("watchOHLCVForSymbols")):
        return None
    found.options["OHLCVLimit"] = MOST_STREAMED
    if config.stream_url is not None:
        base = config.stream_url.rstrip("/")
        own = {"spot": f"{base}/stream/ws"}  # by this path ccxt tells the spot market from others (EXCHANGE 4)
        streams = found.urls["api"]["ws"]
        found.urls["api"]["ws"] = own if _is_binance(config.name) else _redirected(streams, base)
        found.timeout_on_exit = 0 if base.startswith("ws:") else found.timeout_on_exit
    return found


def _made(ccxt: ModuleType, config: ExchangeSection, strictly: Callable[[type], type]) -> Any:
    if config.name not in ccxt.exchanges:
        near = get_close_matches(config.name, ccxt.exchanges, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError([Problem("", "exchange.name", f"{config.name} is no exchange that ccxt knows{hint}")])
    kind = getattr(ccxt, config.name)
    asked: dict[str, Any] = {"enableRateLimit": False, "timeout": int(config.timeout_seconds * 1000)}
    if _is_binance(config.name):
        asked["options"] = {"fetchMarkets": {"types": ["spot"]}}
    found = strictly(kind)(asked)
    found.has["fetchCurrencies"] = False  # requests for what no candle needs
    found.number = str  # ccxt hands on what the exchange wrote (D1)
    if config.sandbox:
        _to_sandbox(found)
    if config.rest_url is not None:
        found.urls["api"] = _redirected(found.urls["api"], config.rest_url.rstrip("/"))
        found.timeout_on_exit = 0 if config.rest_url.startswith("http:") else found.timeout_on_exit  # TLS takes leave
    return found


def refuse_timeframe(exchange: Any, timeframe: str) -> None:
    """Raise ConfigError for candles that the exchange does not have."""
    known = exchange.timeframes or {}
    if known and timeframe not in known:
        text = f"{exchange.id} has no candles of {timeframe}; it has {', '.join(known)}"
        raise ConfigError([Problem("", "market_data.timeframe", text)])


def store_folder(config: ExchangeSection) -> str:
    """What the store calls an exchange."""
    return f"{config.name}{SANDBOXED if config.sandbox else ''}"


async def load_markets(
    exchange: Any, symbols: Sequence[str], *, config: ExchangeSection, wanted: Sequence[str] = ()
) -> None:
    """Ask for the markets of the symbols, or for all. RequestFailed where the rules of a wanted one make no sense.

    Another object of the same class parses them, in a thread: meanwhile this one is asked for candles.

    config  that `exchange` was made of
    """
    parameters = {}
    if symbols and _is_binance(exchange.id):
        parameters["symbols"] = json.dumps([_binance_id(symbol) for symbol in symbols], separators=(",", ":"))
    fresh = make_exchange(config)
    fresh.number = Decimal  # some classes compute with what they read there

    async def parsed(fetch: off_loop.Fetch) -> None:
        fresh.fetch = fetch
        await fresh.load_markets(True, parameters)

    await off_loop.run_off_loop(parsed, exchange.fetch)
    exchange.set_markets_from_exchange(fresh)
    if not exchange.markets:
        raise RequestFailed("no symbols where they are due", BAD_ANSWER)
    for symbol in wanted:
        if symbol in exchange.markets:
            _refuse_unread(exchange.markets[symbol])
            rules(exchange, symbol)


def assume(exchange: Any, symbols: Sequence[str]) -> bool:
    """Tell the class of spot symbols without a request, where the exchange's own names for them are known."""
    if not _is_binance(exchange.id) or any(":" in symbol for symbol in symbols):
        return False
    exchange.set_markets([_market(exchange, symbol) for symbol in symbols])
    return True


def rules(exchange: Any, symbol: str) -> OrderRules:
    """Tick, lot and least notional of a loaded market (S3).

    ConfigError for one that is not there, RequestFailed for numbers that no rule has.
    """
    market = (exchange.markets or {}).get(symbol)
    if market is None:
        near = get_close_matches(symbol, exchange.markets or (), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ConfigError([Problem("", "symbols", f"{exchange.id} has no {symbol}{hint}")])
    precision = market["precision"]
    return OrderRules(
        tick=_step(precision.get("price"), mode=exchange.precisionMode),
        lot=_step(precision.get("amount"), mode=exchange.precisionMode),
        min_notional=_amount(market["limits"].get("cost", {}).get("min")),
    )


def status(exchange: Any, symbol: str) -> str | None:
    """What the exchange calls the status of a loaded market, in capitals; "" where it tells none, None if unasked."""
    market = (exchange.markets or {}).get(symbol)
    info = None if market is None else market.get("info")
    if not isinstance(info, dict) or not info:
        return None
    return said(str(info.get("status") or "")).upper()


async def ask_limits(exchange: Any, symbol: str) -> None:
    """Ask for the limits of requests, where they are stated: with the rules of a symbol, of which nothing is taken."""
    if _is_binance(exchange.id):
        await exchange.public_get_exchangeinfo({"symbol": _binance_id(symbol)})


def _step(stated: Any, *, mode: int) -> Decimal | None:
    if mode == TICK_SIZE:
        return _amount(stated) or None  # 0: the rule is off
    if mode == DECIMAL_PLACES and stated is not None:
        return _amount(Decimal(1).scaleb(-int(bounds.checked_places(stated))))
    return None  # significant digits are no grid


def _amount(stated: Any) -> Decimal | None:
    if stated is None:
        return None
    amount = Decimal(str(stated))
    if not amount.is_finite() or not (amount == 0 or LEAST <= amount < MOST):
        raise RequestFailed(f"{row_said(stated)} is no tick, lot or least notional", BAD_ANSWER)
    return amount.normalize()


def _refuse_unread(market: Any) -> None:
    """What ccxt takes for no rule because it is no number (Z5), or for a number that Decimal alone would read."""
    info = market.get("info")
    filters = info.get("filters") if isinstance(info, dict) else None
    for one in filters if isinstance(filters, list) else ():
        for name in FILTERED:
            stated = one.get(name) if isinstance(one, dict) else None
            if stated is not None and not (isinstance(stated, str | int) and _NUMBER.fullmatch(str(stated))):
                raise RequestFailed(f"{market['symbol']}: {name} {row_said(stated)} is no plain number", BAD_ANSWER)


def _redirected(urls: Any, base: str) -> Any:
    """Every address of an exchange with another scheme and host; its paths stay."""
    if isinstance(urls, dict):
        return {name: _redirected(one, base) for name, one in urls.items()}
    return _HOST.sub(base, urls) if isinstance(urls, str) else urls


def _to_sandbox(exchange: Any) -> None:
    if not exchange.urls.get("test"):
        raise ExchangeError(f"{exchange.id} has no test network; set exchange.sandbox to false")
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
