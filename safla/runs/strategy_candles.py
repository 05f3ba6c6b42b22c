"""The candles that a strategy from Python receives: floats in natural units, and the same values as exact integers."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles.normalise import CandleRow
from safla.core.candles import Series, iso
from safla.core.values import Columns, Float64, Int64

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
EXACT = 2**53  # a smaller integer is an exact float, so that one division gives the float nearest to the decimal text
NO_OTHERS: "Mapping[str, Candle | None]" = MappingProxyType({})
LEAST_ROOM = 1_024  # candles for which a growing column has room at first


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Candles:
    """The closed candles of one symbol so far, in ascending order of time. All arrays are read-only.

    symbol, timeframe                 such as "BTC/USDT" and "1h"
    price_decimals, volume_decimals   of the integers in `units`
    ts                                int64[n], open time in ms UTC
    open, high, low, close            float64[n] in the quote currency: 60000.10
    volume                            float64[n] in the base currency
    units                             the same as exact integers (Columns): 6000010 where price_decimals is 2

        candles.close[-1], len(candles), candles.units.close[-1], candles.frame()
    """

    symbol: str
    timeframe: str
    price_decimals: int
    volume_decimals: int
    ts: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    units: Columns

    def __len__(self) -> int:
        """How many candles there are."""
        return len(self.ts)

    def frame(self) -> "pl.DataFrame":
        """The candles as a polars frame: ts (Datetime, UTC), open, high, low, close and volume (Float64)."""
        import polars as pl

        floats = {name: getattr(self, name) for name in (*PRICES, "volume")}
        return pl.DataFrame({"ts": self.ts, **floats}).with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC")))

    def __repr__(self) -> str:
        ends = f", {iso(int(self.ts[0]))} to {iso(int(self.ts[-1]))}" if len(self.ts) else ""
        return f"<safla.Candles {self.symbol} {self.timeframe}: {len(self.ts):,} candles{ends}>"


class CandleUnits(NamedTuple):
    """The prices of a candle in units of 10^-price_decimals, its volume in units of 10^-volume_decimals."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class Candle(NamedTuple):
    """One closed candle of a symbol, as `on_candle` receives it.

    ts                       open time in ms UTC
    open, high, low, close   in the quote currency: 60000.10
    volume                   in the base currency
    units                    the same as exact integers
    together                 the candles of all symbols of the run at this time, by symbol; see `of`
    """

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    units: CandleUnits
    symbol: str
    timeframe: str
    price_decimals: int
    volume_decimals: int
    together: "Mapping[str, Candle | None]"

    def of(self, symbol: str) -> "Candle | None":
        """The candle of another symbol of the run at the same time; None where it has none. KeyError for no symbol."""
        return self if symbol == self.symbol else self.together[symbol]

    def __repr__(self) -> str:
        return f"<safla.Candle {self.symbol} {self.timeframe} {iso(self.ts)}: close {self.close}>"


class CandleMaker:
    """Makes the candles of a symbol from their integers."""

    def __init__(self, symbol: str, timeframe: str, price_decimals: int, volume_decimals: int) -> None:
        self._facts = symbol, timeframe, price_decimals, volume_decimals

    def candle(self, ts: int, row: CandleRow) -> Candle:
        """A candle with the same numbers as a row of `candles_of`."""
        symbol, timeframe, price_decimals, volume_decimals = self._facts
        opened, high, low, close = (_natural_number(units, price_decimals) for units in row[:-1])
        volume = _natural_number(row[-1], volume_decimals)
        return Candle(
            ts, opened, high, low, close, volume, CandleUnits(*row), symbol, timeframe, price_decimals,
            volume_decimals, NO_OTHERS,
        )  # fmt: skip


def _natural_number(units: int, decimals: int) -> float:
    return units / 10**decimals if units < EXACT else float(f"{units}e-{decimals}")


def candles_of(series: Series, timeframe: str) -> Candles:
    """The candles of a symbol in the form for strategies from Python."""
    return _candles(series, timeframe, units=series.columns, floats=_floats(series, series.columns))


def rows_between(candles: Candles, *, first: int, end: int) -> Candles:
    """The candles of the rows first to end - 1, as views."""
    return Candles(
        candles.symbol, candles.timeframe, candles.price_decimals, candles.volume_decimals, candles.ts[first:end],
        candles.open[first:end], candles.high[first:end], candles.low[first:end], candles.close[first:end],
        candles.volume[first:end], Columns(*(column[first:end] for column in candles.units)),
    )  # fmt: skip


def read_only(columns: Columns) -> Columns:
    """The same candles as read-only views, which a strategy cannot make writable again."""
    return Columns(*(np.asarray(column.data.toreadonly()) for column in columns))


def natural(units: Int64, decimals: int) -> Float64:
    """Integers in units of 10^-decimals as the floats nearest to their decimal texts."""
    floats: Float64 = units / float(10**decimals)
    large = units >= EXACT
    if large.any():
        floats[large] = [float(f"{number}e-{decimals}") for number in units[large].tolist()]
    return floats


class GrowingColumns:
    """All candles of a symbol in a paper run so far. The columns double their size when they are full."""

    def __init__(self, series: Series, timeframe: str) -> None:
        """series: the symbol, with its candles so far."""
        self._series, self._timeframe = series, timeframe
        self._units: Int64 = np.zeros((len(Columns._fields), LEAST_ROOM), np.int64)
        self._floats: Float64 = np.zeros((len(PRICES) + 1, LEAST_ROOM), np.float64)
        self._size = 0
        self._extend(series.columns)

    def __len__(self) -> int:
        return self._size

    def add(self, ts: int, row: CandleRow) -> None:
        """Add a candle."""
        self._extend(Columns(*np.array((ts, *row), np.int64).reshape(-1, 1)))

    def candles(self) -> Candles:
        """The candles so far, as views whose values do not change when later candles are added."""
        units = Columns(*self._units[:, : self._size])
        return _candles(self._series, self._timeframe, units=units, floats=self._floats[:, : self._size])

    def _extend(self, columns: Columns) -> None:
        end = self._size + len(columns.ts)
        if end > self._units.shape[1]:
            room = max(end, 2 * self._units.shape[1]) - self._size
            self._units = np.pad(self._units[:, : self._size], ((0, 0), (0, room)))
            self._floats = np.pad(self._floats[:, : self._size], ((0, 0), (0, room)))
        self._units[:, self._size : end] = columns
        self._floats[:, self._size : end] = _floats(self._series, columns)
        self._size = end


class CandleWindow:
    """The last candles of one symbol: as many as the strategy needs.

    The buffer has room for twice as many, so that the candles are moved to its start only once every `size` candles and
    the columns are always contiguous views.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._cells: Int64 = np.zeros((len(Columns._fields), 2 * size), np.int64)
        self._end = 0

    def add(self, ts: int, row: CandleRow) -> None:
        """Add a candle; the oldest one drops out."""
        if self._end == self._cells.shape[1]:
            self._cells[:, : self._size] = self._cells[:, -self._size :]
            self._end = self._size
        self._cells[:, self._end] = (ts, *row)
        self._end += 1

    def fill(self, columns: Columns) -> None:
        """Start with the last candles of the columns."""
        kept = min(self._size, len(columns.ts))
        for cells, column in zip(self._cells, columns, strict=True):
            cells[:kept] = column[len(column) - kept :]
        self._end = kept

    def columns(self) -> Columns:
        """The candles in the window, as views that are valid until the next `add`."""
        first = max(0, self._end - self._size)
        return Columns(*(cells[first : self._end] for cells in self._cells))


def _floats(series: Series, columns: Columns) -> Float64:
    """Open, high, low, close and volume, [5, n]."""
    prices = [natural(getattr(columns, name), series.price_decimals) for name in PRICES]
    return np.stack([*prices, natural(columns.volume, series.volume_decimals)])


def _candles(series: Series, timeframe: str, *, units: Columns, floats: Float64) -> Candles:
    exact = read_only(units)
    opened, high, low, close, volume = (np.asarray(column.data.toreadonly()) for column in floats)
    return Candles(
        series.symbol, timeframe, series.price_decimals, series.volume_decimals, exact.ts, opened, high, low, close,
        volume, exact,
    )  # fmt: skip
