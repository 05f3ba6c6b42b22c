"""The candles of a market and the texts they are served as, written once. No request and no clock is known here."""

import csv
import gzip
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

MINUTE = 60_000
DAY = 86_400_000
STEPS = {
    "1s": 1_000, "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE,
    "1h": 60 * MINUTE, "2h": 120 * MINUTE, "4h": 240 * MINUTE, "6h": 360 * MINUTE, "8h": 480 * MINUTE,
    "12h": 720 * MINUTE, "1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY,
}  # fmt: skip
INTERVALS = (*STEPS, "1M")  # a month is no step: the exchange knows the interval, and no market here has such candles
QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "EUR", "TRY", "BTC", "ETH", "BNB")
START_PRICE = 42_000

Row = tuple[int, str, str, str, str, str]  # opening time in ms, then open, high, low, close, volume as decimal texts
Cells = list[Any]  # a row as the exchange serves it: 12 items


class Candles:
    """Candles of one timeframe, in ascending order. The values are served as given, with 8 decimals."""

    def __init__(self, rows: Iterable[Row], *, step_ms: int) -> None:
        self.step_ms = step_ms
        self.times: list[int] = []
        texts = [self._written(row) for row in rows]
        if any(late >= next_one for late, next_one in pairwise(self.times)):
            raise ValueError("candles ascend, one per opening time")
        self._text = ",".join(texts).encode()
        self._starts = list(accumulate((len(text) + 1 for text in texts), initial=0))

    def __len__(self) -> int:
        return len(self.times)

    def text(self, first: int, end: int) -> bytes:
        """The rows from the number `first` to before `end`, with commas between them."""
        return self._text[self._starts[first] : self._starts[end] - 1] if end > first else b""

    def place(self, ts: int) -> int:
        """The number of the first candle that opens at that time or after it."""
        return bisect_left(self.times, ts)

    def finished(self, number: int) -> Cells:
        """A candle after its close."""
        cells: Cells = json.loads(self.text(number, number + 1))
        return cells

    def as_of(self, number: int, now_ms: int) -> Cells:
        """A candle as it stands at a time: what is not over yet has gone that share of its way.

        It has no more decimals than it will have in the end.
        """
        cells = self.finished(number)
        passed = now_ms - cells[0]
        if passed >= self.step_ms:
            return cells
        opened, grid = _units(cells[1]), _grid(cells[1:5])
        for place in (2, 3, 4):
            way = (_units(cells[place]) - opened) * passed // self.step_ms
            cells[place] = _eight(opened + way // grid * grid)
        for place in (5, 7, 9, 10):
            grid = _grid(cells[place : place + 1])
            cells[place] = _eight(_units(cells[place]) * passed // self.step_ms // grid * grid)
        cells[8] = cells[8] * passed // self.step_ms
        return cells

    def _written(self, row: Row) -> str:
        ts = row[0]
        self.times.append(ts)
        opened, high, low, close, volume = map(_padded, row[1:])
        amount = _units(volume)
        quote = _units(close) * amount // 10**8
        return (
            f'[{ts},"{opened}","{high}","{low}","{close}","{volume}",{ts + self.step_ms - 1},'
            f'"{_eight(quote)}",{amount // 10**5 % 1000},"{_eight(amount // 2)}","{_eight(quote // 2)}","0"]'
        )


@dataclass
class Market:
    """A symbol of the exchange. Everything may be changed while it is served: filters, status, candles."""

    symbol: str = "BTCUSDT"
    candles: dict[str, Candles] = field(default_factory=dict)  # per interval
    base: str = ""
    quote: str = ""
    status: str = "TRADING"
    more: dict[str, Any] = field(default_factory=dict)  # keys of its description that are to be otherwise
    filters: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "PRICE_FILTER": {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
            "LOT_SIZE": {"minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            "MARKET_LOT_SIZE": {"minQty": "0.00000000", "maxQty": "120.00000000", "stepSize": "0.00000000"},
            "NOTIONAL": {
                "minNotional": "5.00000000", "applyMinToMarket": True,
                "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5,
            },
        }
    )  # fmt: skip

    def __post_init__(self) -> None:
        if not self.quote:
            self.quote = next((quote for quote in QUOTES if self.symbol.endswith(quote)), "USDT")
        self.base = self.base or self.symbol.removesuffix(self.quote)


def from_csv(path: Path, *, step_ms: int) -> Candles:
    """Candles of a file: a header, then opening time in ms, open, high, low, close, volume. It may be gzipped."""
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        lines = csv.reader(file)
        next(lines)
        return Candles(((int(ts), *values) for ts, *values in lines), step_ms=step_ms)  # type: ignore[misc]


def synthetic(
    start_ms: int, step_ms: int, count: int, *, seed: int, price_decimals: int = 2, gaps: Iterable[int] = ()
) -> Candles:
    """SYNTHETIC candles: a seeded walk that opens where it closed; the numbers in `gaps` are missing."""
    return Candles(_walk(start_ms, step_ms, count, seed, price_decimals, frozenset(gaps)), step_ms=step_ms)


def _walk(
    start_ms: int, step_ms: int, count: int, seed: int, price_decimals: int, gaps: frozenset[int]
) -> Iterator[Row]:
    draw = np.random.default_rng(seed)
    one = 10**price_decimals
    base, unit = START_PRICE * one, max(1, one // 4)
    steps = draw.integers(-50, 51, count) * unit
    closes = base // 2 + np.abs((np.cumsum(steps) + base // 2) % (2 * base) - base)  # it turns back before it is zero
    opens = np.concatenate([closes[:1] - steps[:1], closes[:-1]])
    highs = np.maximum(opens, closes) + draw.integers(0, 20, count) * unit
    lows = np.minimum(opens, closes) - draw.integers(0, 20, count) * unit
    volumes = draw.integers(1, 10_000_000, count)
    columns = [(column / one).tolist() for column in (opens, highs, lows, closes)]
    price, amount = f"%.{price_decimals}f".__mod__, "%.5f".__mod__
    texts = [map(price, column) for column in columns] + [map(amount, (volumes / 10**5).tolist())]
    for number, values in enumerate(zip(*texts, strict=True)):
        if number not in gaps:
            yield (start_ms + number * step_ms, *values)


def _padded(text: str) -> str:
    whole, _, part = text.partition(".")
    if len(part) > 8:
        raise ValueError(f"{text}: the exchange writes 8 decimals, and nothing is rounded here")
    return f"{whole}.{part:0<8}"


def _units(text: str) -> int:
    return int(text.replace(".", ""))


def _eight(units: int) -> str:
    return f"{units // 10**8}.{units % 10**8:08}"


def _grid(texts: Iterable[str]) -> int:
    """The largest power of ten that all of them are multiples of, in units."""
    return int(10 ** (8 - max(len(text.partition(".")[2].rstrip("0")) for text in texts)))
