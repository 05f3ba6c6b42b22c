"""The candles that a strategy from Python is given: floats in natural units, and the exact integers beside them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from safla.candles.normalise import CandleRow
from safla.core.candles import Series, iso
from safla.core.values import Columns, Float64, Int64

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close")
EXACT = 2**53  # below it an integer is a float exactly, and one division gives the float that the decimal text means
LEAST_ROOM = 1_024  # candles that a growing column has room for at first


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Candles:
    """The closed candles of one symbol so far, in ascending order of time; nothing in them can be written to.

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


def candles_of(series: Series, timeframe: str) -> Candles:
    """The candles of a symbol as a strategy sees them."""
    return _candles(series, timeframe, units=series.columns, floats=_floats(series, series.columns))


def rows_between(candles: Candles, *, first: int, end: int) -> Candles:
    """The candles of the rows first to end, end left out: views."""
    return Candles(
        candles.symbol, candles.timeframe, candles.price_decimals, candles.volume_decimals, candles.ts[first:end],
        candles.open[first:end], candles.high[first:end], candles.low[first:end], candles.close[first:end],
        candles.volume[first:end], Columns(*(column[first:end] for column in candles.units)),
    )  # fmt: skip


def read_only(columns: Columns) -> Columns:
    """The same candles, to which a strategy cannot write, nor ask numpy to let it."""
    return Columns(*(np.asarray(column.data.toreadonly()) for column in columns))


def natural(units: Int64, decimals: int) -> Float64:
    """Integers in units of 10^-decimals as the floats that their decimal texts mean."""
    floats: Float64 = units / float(10**decimals)
    odd = units >= EXACT
    if odd.any():
        floats[odd] = [float(f"{one}e-{decimals}") for one in units[odd].tolist()]
    return floats


class GrowingColumns:
    """The candles of a live symbol since the first one of the run; its columns double when they are full."""

    def __init__(self, series: Series, timeframe: str) -> None:
        """series: the symbol, and the candles that it has so far."""
        self._series, self._timeframe = series, timeframe
        self._units: Int64 = np.zeros((len(Columns._fields), LEAST_ROOM), np.int64)
        self._floats: Float64 = np.zeros((len(PRICES) + 1, LEAST_ROOM), np.float64)
        self._size = 0
        self._extend(series.columns)

    def __len__(self) -> int:
        return self._size

    def add(self, ts: int, row: CandleRow) -> None:
        """One candle more."""
        self._extend(Columns(*np.array((ts, *row), np.int64).reshape(-1, 1)))

    def candles(self) -> Candles:
        """What there is: views, of which a later candle changes no value."""
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
