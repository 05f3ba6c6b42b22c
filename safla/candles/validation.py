"""Which candles are valid: S1-S4 and the bounds of D1. Nothing is repaired here, and no file is opened."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from safla.candles.bad_rows import BadRows
from safla.candles.decimals import more
from safla.core.candles import iso, rows_before_gaps
from safla.core.scale import LIMIT, to_text
from safla.core.timeframes import LAST_MS, TIMEFRAMES
from safla.core.values import Columns, Int64
from safla.errors import DataError
from safla.text import printable

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


class EveryRow:
    """The numbers of rows of which none is left out. They take no memory until some of them are picked."""

    def __init__(self, first: int, count: int) -> None:
        self._numbers = range(first, first + count)

    def __getitem__(self, index: Any) -> Any:
        """One number, or the int64 array of those that a slice, a mask or an array of indexes picks."""
        if isinstance(index, int | np.integer):
            return self._numbers[int(index)]
        return np.arange(self._numbers.start, self._numbers.stop)[index]


class Origin(NamedTuple):
    """Where rows come from: a file, what its rows are called, and the number of each row."""

    file: str
    word: str  # "line" of a text, "row" of a table
    numbers: Int64 | EveryRow

    def at(self, row: int) -> str:
        """The place of a row, with which messages begin."""
        return f"{printable(self.file)}: {self.word} {self.numbers[row]}"


class Bounds(NamedTuple):
    """What candles must satisfy: the time grid (S1) and the highest price (D1); and the decimals for messages."""

    step_ms: int
    price_limit: int
    price_decimals: int
    volume_decimals: int


class Ordered(NamedTuple):
    """Candles in strictly ascending order, and what was done to get there."""

    columns: Columns
    origin: Origin
    duplicates: int
    turned: bool  # they were newest first, and their order was reversed


class GapCount(NamedTuple):
    """How many gaps there are (S4), and how many candles are missing in them."""

    number: int
    missing: int


Rule = tuple[Callable[[Columns, Bounds], npt.NDArray[Any]], str, str]  # whom it breaks, the text, the code

RULES: tuple[Rule, ...] = (
    (lambda c, b: (c.ts < 0) | (c.ts > LAST_MS), "time {ts} is outside 1970 to 2100", "invalid_time"),
    (lambda c, b: c.ts % b.step_ms != 0, "{grid}", "invalid_time"),
    (lambda c, b: c.low <= 0, "low {low} is not above 0", "price_out_of_range"),
    (lambda c, b: c.high < c.open, "high {high} is below open {open}", "invalid_candle"),
    (lambda c, b: c.high < c.close, "high {high} is below close {close}", "invalid_candle"),
    (lambda c, b: c.low > c.open, "low {low} is above open {open}", "invalid_candle"),
    (lambda c, b: c.low > c.close, "low {low} is above close {close}", "invalid_candle"),
    (
        lambda c, b: c.high > b.price_limit,
        "high {high} is above {price_limit}, the highest price that 64-bit sums allow",
        "price_out_of_range",
    ),
    (lambda c, b: c.volume < 0, "volume {volume} is below 0", "invalid_candle"),
    (
        lambda c, b: c.volume >= LIMIT,
        "volume {volume} is not below 2**62 units; set fewer volume_decimals",
        "number_too_large",
    ),
)


def check_candles(columns: Columns, bounds: Bounds, *, origin: Origin) -> None:
    """Raise BadRows for candles that break S1, S3 or D1; it names the first row, its values, and how many more."""
    broken = [(rule(columns, bounds), text, code) for rule, text, code in RULES]
    if not any(mask.any() for mask, _, _ in broken):
        return
    rows = np.flatnonzero(np.logical_or.reduce([mask for mask, _, _ in broken]))
    row = int(rows[0])
    template, code = next((text, code) for mask, text, code in broken if mask[row])
    fault = template.format(**_texts(columns, bounds, row=row))
    raise BadRows(f"{origin.at(row)}: {fault}{more(len(rows))}", rows, code=code, of=len(columns.ts))


def ascend(columns: Columns, bounds: Bounds, *, origin: Origin) -> Ordered:
    """Candles in ascending order: an order of newest first is reversed, a repeated equal candle is ignored (S2).

    At least one candle. BadRows for a candle that is repeated with other values, DataError for one out of order.
    """
    turned = bool(columns.ts[0] > columns.ts[-1])
    if turned:
        columns, origin = Columns(*(column[::-1] for column in columns)), origin._replace(numbers=origin.numbers[::-1])
    late = np.zeros(len(columns.ts), bool)
    late[1:] = columns.ts[1:] <= np.maximum.accumulate(columns.ts)[:-1]
    if not late.any():
        return Ordered(_contiguous(columns), origin, duplicates=0, turned=turned)
    kept = Columns(*(column[~late] for column in columns))
    again = Columns(*(column[late] for column in columns))
    rest = origin._replace(numbers=origin.numbers[~late])
    rows = np.flatnonzero(late) if not turned else len(late) - 1 - np.flatnonzero(late)
    others = origin._replace(numbers=origin.numbers[late])
    _check_repeated(kept, again, bounds, origins=(rest, others), rows=rows)
    return Ordered(kept, rest, duplicates=int(late.sum()), turned=turned)


def count_gaps(ts: Int64, step_ms: int) -> GapCount:
    """How many gaps ascending times on the grid have, and how many candles are missing in them."""
    if not len(ts):
        return GapCount(0, 0)
    return GapCount(len(rows_before_gaps(ts, step_ms)), (int(ts[-1]) - int(ts[0])) // step_ms + 1 - len(ts))


def merged(parts: list[Ordered], bounds: Bounds) -> tuple[Columns, dict[tuple[str, str], int]]:
    """The candles of several files as one series; and for pairs of files, how many candles both have.

    parts  in the order of their first candles. DataError where two files have a candle with different values, naming
    both places and the values
    """
    if len(parts) == 1:
        return parts[0].columns, {}
    joined = Columns(*(np.concatenate(columns) for columns in zip(*(part.columns for part in parts), strict=True)))
    if (np.diff(joined.ts) > 0).all():
        return joined, {}
    owner = np.repeat(np.arange(len(parts)), [len(part.columns.ts) for part in parts])
    numbers = np.concatenate([part.origin.numbers[:] for part in parts])
    order = np.argsort(joined.ts, kind="stable")
    joined, owner, numbers = Columns(*(column[order] for column in joined)), owner[order], numbers[order]
    again = np.zeros(len(order), bool)
    again[1:] = np.diff(joined.ts) == 0
    # For each row the index at which its candle occurs first: the sort is stable, so that is in the earliest part.
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
    other = again & np.logical_or.reduce([column != column[first] for column in joined])
    if other.any():
        row = int(np.argmax(other))
        place = int(first[row])
        earlier, later = (parts[owner[at]].origin._replace(numbers=numbers[at : at + 1]) for at in (place, row))
        values = _differing(joined, place, joined, row, bounds)
        raise DataError(
            f"{later.at(0)}: candle_revised: {iso(int(joined.ts[row]))} is also in {earlier.at(0)} with other values: "
            f"{values}{more(int(np.count_nonzero(other)))}; leave one of the files out",
            code="candle_revised",
        )
    pairs, counts = np.unique(np.stack([owner[again], owner[first[again]]]), axis=1, return_counts=True)
    files = [part.origin.file for part in parts]
    shared = {(files[a], files[b]): int(count) for (a, b), count in zip(pairs.T.tolist(), counts, strict=True)}
    return _contiguous(Columns(*(column[~again] for column in joined))), shared


def _differing(first: Columns, row: int, second: Columns, other: int, bounds: Bounds) -> str:
    """Which values of two candles differ: for each that of the second candle, then that of the first."""
    places = dict.fromkeys(Columns._fields[1:5], bounds.price_decimals) | {"volume": bounds.volume_decimals}
    pairs = {name: (int(getattr(first, name)[row]), int(getattr(second, name)[other])) for name in places}
    texts = [
        f"{name} {to_text(here, places[name])} instead of {to_text(there, places[name])}"
        for name, (there, here) in pairs.items()
        if there != here
    ]
    return ", ".join(texts)


def _check_repeated(
    kept: Columns, again: Columns, bounds: Bounds, *, origins: tuple[Origin, Origin], rows: Int64
) -> None:
    """Raise an error unless each candle of `again` is in `kept` with the same values."""
    first, origin = origins
    place = np.minimum(np.searchsorted(kept.ts, again.ts), len(kept.ts) - 1)
    unknown = kept.ts[place] != again.ts
    other = np.logical_or.reduce([before[place] != after for before, after in zip(kept, again, strict=True)])
    if not other.any():
        return
    row = int(np.argmax(other))
    time = iso(int(again.ts[row]))
    if unknown[row]:
        raise DataError(f"{origin.at(row)}: {time} is out of order; sort the file by time", code="candles_out_of_order")
    values = _differing(kept, int(place[row]), again, row, bounds)
    revised = other & ~unknown
    raise BadRows(
        f"{origin.at(row)}: candle_revised: {time} is also in {first.word} {first.numbers[place[row]]} with other "
        f"values: {values}{more(int(np.count_nonzero(revised)))}",
        rows[revised],
        of=len(kept.ts) + len(again.ts),
        code="candle_revised",
    )


def _off_grid(ts: Int64, row: int, step_ms: int) -> str:
    """What is wrong with the time of a row; if most rows are shifted alike, by how much and to which time zone."""
    name = next((name for name, ms in TIMEFRAMES.items() if ms == step_ms), f"{step_ms} ms")
    off_grid = f"time {iso(int(ts[row]))} is not on the grid of {name} candles"
    shifts, counts = np.unique(ts % step_ms, return_counts=True)
    shift = int(shifts[np.argmax(counts)])
    if not shift or shift % MINUTE_MS or 2 * counts.max() <= len(ts) or len(ts) < 2:
        return off_grid
    opens = f"{shift // HOUR_MS:02}:{shift % HOUR_MS // MINUTE_MS:02}"
    if name == "1d":
        east = DAY_MS - shift if 2 * shift > DAY_MS else -shift
        zone = f"UTC{'+' if east > 0 else '-'}{abs(east) // HOUR_MS}"
        zone += f":{abs(east) % HOUR_MS // MINUTE_MS:02}" if east % HOUR_MS else ""
        return f"1d candles that open at {opens} UTC (the day of {zone}); safla needs days that open at 00:00 UTC"
    if step_ms <= HOUR_MS:
        return f"{name} candles that open {shift // MINUTE_MS} min after the UTC grid, such as {iso(int(ts[row]))}"
    following = f"{step_ms // HOUR_MS:02}:00"
    return (
        f"{name} candles that open at {opens} UTC and every {step_ms // HOUR_MS} h from then on; safla needs candles "
        f"that open at 00:00, {following}, ... UTC"
    )


def _contiguous(columns: Columns) -> Columns:
    return Columns(*(np.ascontiguousarray(column) for column in columns))


def _texts(columns: Columns, bounds: Bounds, *, row: int) -> dict[str, str | int]:
    prices = {name: to_text(int(getattr(columns, name)[row]), bounds.price_decimals) for name in columns._fields[1:5]}
    return {
        **prices,
        "ts": iso(int(columns.ts[row])) if 0 <= columns.ts[row] <= LAST_MS else f"{columns.ts[row]} ms",
        "grid": _off_grid(columns.ts, row, bounds.step_ms),
        "volume": to_text(int(columns.volume[row]), bounds.volume_decimals),
        "price_limit": to_text(bounds.price_limit, bounds.price_decimals),
    }
