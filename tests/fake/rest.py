"""Answers of the REST interface when nothing breaks (docs/exchange.md): bodies and refusals. No fault stands here."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.fake.candles import INTERVALS, Candles, Cells, Market
from tests.fake.state import State

MOST = 1000
DEFAULT = 500
SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
NUMBER = re.compile(r"[0-9]{1,20}")
ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
READ = {
    "ping": (),
    "time": (),
    "exchangeInfo": ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
    "klines": ("symbol", "interval", "startTime", "endTime", "timeZone", "limit"),
}

Parameters = Mapping[str, str]


class Refused(Exception):
    """What the exchange says to a request that it does not understand."""

    def __init__(self, code: int, msg: str, *, status: int = 400) -> None:
        super().__init__(msg)
        self.code, self.msg, self.status = code, msg, status


class Page(NamedTuple):
    """A page of candles: the prepared text of those that are over, and the one that is not."""

    candles: Candles
    first: int
    end: int  # of those that are over
    current: Cells | None

    @property
    def body(self) -> bytes:
        """What is sent."""
        current = b"" if self.current is None else json.dumps(self.current, separators=(",", ":")).encode()
        finished = self.candles.text(self.first, self.end)
        return b"[" + finished + (b"," if finished and current else b"") + current + b"]"


def body(state: State, path: str, parameters: Parameters) -> bytes:
    """The body of a good answer. Refused for what the exchange would refuse."""
    if path not in BODIES:
        raise Refused(0, "Not found", status=404)
    unread = [name for name in parameters if name not in READ[path]]
    if unread:
        read = len(parameters) - len(unread)
        raise Refused(
            -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(parameters)}'."
        )
    return BODIES[path](state, parameters)


def page(state: State, parameters: Parameters) -> Page:
    """The candles that a request asks for, none of the future, the current one as it stands."""
    market = _market(state, parameters)
    interval = _given(parameters, "interval")
    if interval not in INTERVALS:
        raise Refused(-1120, "Invalid interval.")
    limit = _number(parameters, "limit", default=DEFAULT)
    if limit == 0:
        raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
    start, stop = (_number(parameters, name, default=None) for name in ("startTime", "endTime"))
    candles = market.candles.get(interval) or Candles([], step_ms=1)
    now = state.clock.now_ms
    first = 0 if start is None else candles.place(start)
    end = candles.place(now + 1 if stop is None else min(now, stop) + 1)
    if start is None:
        first = max(0, end - min(limit, MOST))
    end = max(first, min(end, first + min(limit, MOST)))
    unfinished = end > first and candles.times[end - 1] + candles.step_ms > now
    current = state.forming(candles.as_of(end - 1, now)) if unfinished else None
    return Page(candles, first, end - unfinished, current)


def _ping(state: State, parameters: Parameters) -> bytes:
    return b"{}"


def _time(state: State, parameters: Parameters) -> bytes:
    wrong = state.wrong_times.pop(0) if state.wrong_times else 0
    return b'{"serverTime":%d}' % (state.clock.now_ms + wrong)


def _candles(state: State, parameters: Parameters) -> bytes:
    return page(state, parameters).body


def _exchange_info(state: State, parameters: Parameters) -> bytes:
    info = {
        "timezone": "UTC",
        "serverTime": state.clock.now_ms,
        "rateLimits": [
            _rate("REQUEST_WEIGHT", "MINUTE", number=1, limit=state.limits.weight_limit),
            _rate("ORDERS", "SECOND", number=10, limit=100),
            _rate("ORDERS", "DAY", number=1, limit=200_000),
            _rate("RAW_REQUESTS", "MINUTE", number=5, limit=61_000),
        ],
        "exchangeFilters": [],
        "symbols": [_described(market) for market in _wanted(state, parameters)],
    }
    return json.dumps(info, separators=(",", ":")).encode()


BODIES: dict[str, Callable[[State, Parameters], bytes]] = {
    "ping": _ping,
    "time": _time,
    "exchangeInfo": _exchange_info,
    "klines": _candles,
}


def _wanted(state: State, parameters: Parameters) -> list[Market]:
    if "symbol" in parameters and "symbols" in parameters:
        raise Refused(-1128, "Combination of optional parameters invalid.")
    if "symbols" in parameters:
        return [_known(state, symbol) for symbol in _listed(parameters["symbols"])]
    return [_market(state, parameters)] if "symbol" in parameters else list(state.markets.values())


def _listed(text: str) -> list[str]:
    legal = r'^\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\]$'
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if " " in text or not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Refused(-1100, f"Illegal characters found in parameter 'symbols'; legal range is '{legal}'.")
    return found


def _market(state: State, parameters: Parameters) -> Market:
    symbol = _given(parameters, "symbol")
    if not SYMBOL.fullmatch(symbol):
        legal = "^[A-Z0-9-_.]{1,20}$"
        raise Refused(-1100, f"Illegal characters found in parameter 'symbol'; legal range is '{legal}'.")
    return _known(state, symbol)


def _known(state: State, symbol: str) -> Market:
    if symbol not in state.markets:
        raise Refused(-1121, "Invalid symbol.")
    return state.markets[symbol]


def _given(parameters: Parameters, name: str) -> str:
    if not parameters.get(name):
        raise Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return parameters[name]


def _number(parameters: Parameters, name: str, *, default: Any) -> Any:
    text = parameters.get(name)
    if text is None:
        return default
    if not NUMBER.fullmatch(text):
        raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(text)


def _rate(kind: str, interval: str, *, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _described(market: Market) -> dict[str, Any]:
    precisions = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    return {
        "symbol": market.symbol,
        "status": market.status,
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        **dict.fromkeys((*precisions, *commissions), 8),
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [{"filterType": kind, **values} for kind, values in market.filters.items()],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        **market.more,
    }
