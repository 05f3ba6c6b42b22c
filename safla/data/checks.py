"""Which candles are sound: S1-S4 and the bounds of D1. Nothing is mended here, and no file is opened."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core.candles import iso
from safla.core.scale import LIMIT, to_text
from safla.core.values import Columns, Int64
from safla.data.bad_rows import BadRows
from safla.data.decimals import more
from safla.data.files.bounded import shown
from safla.errors import DataError

LAST_MS = 4_102_444_800_000  # 2100-01-01


class Origin(NamedTuple):
    """Where rows stood: a file, what its rows are called there, and the number of each."""

    file: str
    word: str  # "line" of a text, "row" of a table
    numbers: Int64

    def at(self, row: int) -> str:
        """The place of a row, as messages begin with it."""
        return f"{shown(self.file)}: {self.word} {self.numbers[row]}"


class Bounds(NamedTuple):
    """What candles must keep to: the time grid (S1), the highest price (D1); and the decimals in messages."""

    step_ms: int
    price_limit: int
    price_decimals: int
    volume_decimals: int


class Ordered(NamedTuple):
    """Candles in strictly ascending order, and what was done for it."""

    columns: Columns
    origin: Origin
    duplicates: int
    turned: bool


class Holes(NamedTuple):
    """How many holes there are (S4), and how many candles are missing in them."""

    number: int
    missing: int


Rule = tuple[Callable[[Columns, Bounds], npt.NDArray[Any]], str]

RULES: tuple[Rule, ...] = (
    (lambda c, b: c.ts % b.step_ms != 0, "time {ts} is not on the grid of {step_ms} ms"),
    (lambda c, b: (c.ts < 0) | (c.ts > LAST_MS), "time {ts} is outside 1970 to 2100"),
    (lambda c, b: c.low <= 0, "low {low} is not above 0"),
    (lambda c, b: c.high < c.open, "high {high} is below open {open}"),
    (lambda c, b: c.high < c.close, "high {high} is below close {close}"),
    (lambda c, b: c.low > c.open, "low {low} is above open {open}"),
    (lambda c, b: c.low > c.close, "low {low} is above close {close}"),
    (
        lambda c, b: c.high > b.price_limit,
        "high {high} is above {price_limit}, the most that can be summed",
    ),
    (lambda c, b: c.volume < 0, "volume {volume} is below 0"),
    (lambda c, b: c.volume >= LIMIT, "volume {volume} is not below 2**62 units; set fewer volume_decimals"),
)


def check(columns: Columns, bounds: Bounds, *, origin: Origin) -> None:
    """Refuse candles that break S1, S3 or D1: BadRows names the first row, its values, and how many more."""
    broken = [(rule(columns, bounds), text) for rule, text in RULES]
    if not any(mask.any() for mask, _ in broken):
        return
    rows = np.flatnonzero(np.logical_or.reduce([mask for mask, _ in broken]))
    row = int(rows[0])
    template = next(text for mask, text in broken if mask[row])
    said = template.format(**_texts(columns, bounds, row=row))
    raise BadRows(f"{origin.at(row)}: {said}{more(len(rows))}", rows)


def ascend(columns: Columns, *, origin: Origin, bounds: Bounds | None = None) -> Ordered:
    """Candles in ascending order: newest first is turned round, the same candle again is ignored (S2).

    At least one candle. BadRows for those that come again with other values, DataError for one that is out of order.
    bounds: the decimals in which messages tell values.
    """
    rows = np.arange(len(columns.ts))
    turned = bool(columns.ts[0] > columns.ts[-1])
    if turned:
        columns, origin = Columns(*(column[::-1] for column in columns)), origin._replace(numbers=origin.numbers[::-1])
        rows = rows[::-1]
    late = np.zeros(len(columns.ts), bool)
    late[1:] = columns.ts[1:] <= np.maximum.accumulate(columns.ts)[:-1]
    if not late.any():
        return Ordered(_solid(columns), origin, duplicates=0, turned=turned)
    kept = Columns(*(column[~late] for column in columns))
    again = Columns(*(column[late] for column in columns))
    _refuse_revised(kept, again, origin=origin, late=late, rows=rows, bounds=bounds)
    rest = origin._replace(numbers=origin.numbers[~late])
    return Ordered(kept, rest, duplicates=int(late.sum()), turned=turned)


def holes(ts: Int64, step_ms: int) -> Holes:
    """How many holes ascending times have, and how many candles are missing in them."""
    missing = np.diff(ts) // step_ms - 1
    return Holes(int(np.count_nonzero(missing)), int(missing.sum()))


def _refuse_revised(
    kept: Columns, again: Columns, *, origin: Origin, late: npt.NDArray[Any], rows: Int64, bounds: Bounds | None
) -> None:
    place = np.minimum(np.searchsorted(kept.ts, again.ts), len(kept.ts) - 1)
    unknown = kept.ts[place] != again.ts
    other = np.logical_or.reduce([mine[place] != theirs for mine, theirs in zip(kept, again, strict=True)])
    if not other.any():
        return
    row = int(np.argmax(other))
    at = origin._replace(numbers=origin.numbers[late]).at(row)
    if unknown[row]:
        raise DataError(f"{at}: time {again.ts[row]} is out of order; rows must ascend")
    first = origin.numbers[~late][place[row]]
    said = _difference(kept, again, mine=int(place[row]), theirs=row, bounds=bounds)
    revised = other & ~unknown
    raise BadRows(
        f"{at}: candle_revised: {iso(int(again.ts[row]))} comes again with other values than in {origin.word} "
        f"{first}: {said}{more(int(np.count_nonzero(revised)))}",
        rows[late][revised],
    )


def _difference(kept: Columns, again: Columns, *, mine: int, theirs: int, bounds: Bounds | None) -> str:
    """The values that differ between a candle and the one that came first."""
    places = dict.fromkeys(kept._fields[1:5], bounds.price_decimals if bounds else 0)
    places["volume"] = bounds.volume_decimals if bounds else 0
    pairs = {name: (int(getattr(kept, name)[mine]), int(getattr(again, name)[theirs])) for name in places}
    return ", ".join(
        f"{name} {to_text(now, places[name])}, was {to_text(was, places[name])}"
        for name, (was, now) in pairs.items()
        if was != now
    )


def _solid(columns: Columns) -> Columns:
    return Columns(*(np.ascontiguousarray(column) for column in columns))


def _texts(columns: Columns, bounds: Bounds, *, row: int) -> dict[str, str | int]:
    prices = {name: to_text(int(getattr(columns, name)[row]), bounds.price_decimals) for name in columns._fields[1:5]}
    return {
        **prices,
        "ts": int(columns.ts[row]),
        "volume": to_text(int(columns.volume[row]), bounds.volume_decimals),
        "step_ms": bounds.step_ms,
        "price_limit": to_text(bounds.price_limit, bounds.price_decimals),
    }
