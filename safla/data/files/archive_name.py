"""Parse the names of Binance archives, such as BTCUSDT-1h-2024-01.zip. No file is opened here."""

import re
from pathlib import PurePath
from typing import Literal, NamedTuple

import numpy as np

from safla.core.timeframes import TIMEFRAMES

QUOTES = (
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "USDS", "BIDR", "BVND", "IDRT", "BKRW", "BTC", "ETH", "BNB", "EUR",
    "GBP", "TRY", "BRL", "AUD", "RUB", "UAH", "NGN", "ZAR", "DAI", "PAX", "VAI", "XRP", "TRX", "DOGE", "DOT", "ARS",
    "COP", "CZK", "JPY", "MXN", "PLN", "RON", "AEUR", "EURI", "USD1",
)  # fmt: skip

_NAME = re.compile(r"([A-Z0-9]{2,40})-([0-9]{1,2}[mhd])-[0-9]{4}-[0-9]{2}(-[0-9]{2})?\.(zip|csv)", re.ASCII)
_PERIOD = re.compile(r"-([0-9]{4}-[0-9]{2})(-[0-9]{2})?\.(?:zip|csv)$", re.ASCII)


class Named(NamedTuple):
    """What the name of an archive says. symbol is None where base and quote cannot be told apart."""

    id: str  # BTCUSDT
    symbol: str | None
    timeframe: str


def named(path: str) -> Named | None:
    """What the name of a file says; None where it is not the name of an archive."""
    match = _NAME.fullmatch(PurePath(path).name)
    if match is None or match[2] not in TIMEFRAMES:
        return None
    return Named(match[1], _symbol(match[1]), match[2])


def period(path: str) -> tuple[int, int] | None:
    """The month or day of the candles of an archive by its name, [from, to) in ms UTC; None for other names."""
    match = _PERIOD.search(PurePath(path).name)
    if named(path) is None or match is None:
        return None
    unit: Literal["M", "D"] = "M" if match[2] is None else "D"
    try:
        start = np.datetime64(match[1] + (match[2] or ""), unit)
    except ValueError:  # there is no such month or day
        return None
    first, end = (int(date.astype("datetime64[ms]").astype(np.int64)) for date in (start, start + 1))
    return first, end


def id_of(symbol: str) -> str:
    """The spelling of a symbol in archive names."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    return base + quote


def _symbol(letters: str) -> str | None:
    """The symbol, where exactly one quote fits; None otherwise: ADAEUR may be ADA/EUR or AD/AEUR."""
    quotes = [quote for quote in QUOTES if letters.endswith(quote) and len(letters) > len(quote)]
    return f"{letters.removesuffix(quotes[0])}/{quotes[0]}" if len(quotes) == 1 else None
