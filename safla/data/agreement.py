"""Whether the rows of a file are the requested candles: one check for runs and for imports.

Real gaps pass. The check fails where the file name, a column or the distance between candles contradicts the request.
"""

from collections.abc import Callable

import numpy as np

from safla.candles.normalise import FileRows
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Int64
from safla.data import market_names
from safla.errors import DataError
from safla.text import printable

FEWEST_DISTANCES = 2  # one distance alone may be a gap
UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))

Advice = Callable[[str | None], str]  # what to do about candles of another timeframe; None: that timeframe is unknown


def agreed(rows: FileRows, symbol: str, *, timeframe: str, advice: Advice) -> FileRows:
    """The same rows with notes. DataError where the file says that they belong to another market or timeframe."""
    path = rows.origin.file
    notes = market_names.refuse_name(path, symbol, timeframe=timeframe, advice=advice)
    if rows.timeframe not in (None, timeframe):
        raise DataError(
            f"{printable(path)}: its metadata says that its candles are {rows.timeframe}, {advice(rows.timeframe)}",
            code="wrong_timeframe",
        )
    refuse_distance(rows.ts, timeframe, path=path, advice=advice)
    return rows._replace(notes=(*notes, *rows.notes))


def refuse_distance(ts: Int64, timeframe: str, *, path: str, advice: Advice) -> None:
    """Raise DataError where the distance between most candles is that of another timeframe. ts: ms, in any order."""
    step = TIMEFRAMES[timeframe]
    distances = np.abs(np.diff(ts))
    if len(distances) < FEWEST_DISTANCES or 2 * np.count_nonzero(distances == step) >= len(distances):
        return
    unique_distances, counts = np.unique(distances[distances > 0], return_counts=True)
    if not len(unique_distances):
        return
    commonest = int(unique_distances[np.argmax(counts)])
    if commonest == step or (commonest > step and 2 * int(counts.max()) <= len(distances)):
        return  # longer distances without a majority: a market that seldom trades
    other = next((name for name, ms in TIMEFRAMES.items() if ms == commonest), None)
    raise DataError(
        f"{printable(path)}: its candles are {other or _length(commonest)} apart, {advice(other)}",
        code="wrong_timeframe",
    )


def for_run(market: str, source: str | None) -> Advice:
    """Advice in terms of the configuration. market, source: market_data.timeframe and data.timeframe."""
    key, timeframe = ("market_data.timeframe", market) if source is None else ("data.timeframe", source)

    def advice(other: str | None) -> str:
        says = f"{key} says {timeframe}"
        if other is None:
            return f"{says}; give a file of {timeframe} candles"
        if TIMEFRAMES[market] % TIMEFRAMES[other] == 0 and other != market:
            return f"{says}; set data.timeframe: {other}, and candles of {market} are built from them"
        return f"{says}; set {key}: {other}, or give a file of {timeframe} candles"

    return advice


def for_import(timeframe: str) -> Advice:
    """Advice in terms of the command line of an import."""

    def advice(other: str | None) -> str:
        if other is None:
            return f"and would be kept as {timeframe}; give a file of {timeframe} candles"
        return f"and would be kept as {timeframe}; use --timeframe {other} instead"

    return advice


def _length(ms: int) -> str:
    return next((f"{ms // unit} {name}" for name, unit in UNITS if ms % unit == 0), f"{ms} ms")
