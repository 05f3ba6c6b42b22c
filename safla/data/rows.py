"""The rows of files, and how they become the candles of a symbol on one scale. No file is opened here."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from safla.core.candles import Series
from safla.core.values import Columns, Int64
from safla.data import bad_rows, checks
from safla.data.bad_rows import NOTHING_LEFT, BadRows, Handling, Left
from safla.data.checks import Origin
from safla.data.decimals import MAX_PLACES, Numbers, most_places, text, units
from safla.data.files.bounded import shown
from safla.errors import DataError

PRICES = ("open", "high", "low", "close")
FIELDS = ("ts", *PRICES, "volume")
MAX_ROWS = 12_000_000  # of a symbol: 22 years of minutes


class Rows(NamedTuple):
    """The rows of one file in its order: ms UTC, the five numbers, where they stood, and what there is to say."""

    origin: Origin
    ts: Int64
    numbers: dict[str, Numbers]  # open, high, low, close, volume
    notes: tuple[str, ...]
    closed: bool  # the source itself says that the last candle is complete
    left: Left = NOTHING_LEFT  # rows of the file that are not among these
    timeframe: str | None = None  # where the source itself says it


class Target(NamedTuple):
    """What the candles of a symbol must be: name, time grid, decimals (None: read off them), bound of D1."""

    symbol: str
    step_ms: int
    price_decimals: int | None
    volume_decimals: int | None
    price_limit: int
    least_price_decimals: int = 0  # where they are read off: an exchange writes its candles on the grid of its tick
    least_volume_decimals: int = 0
    bad_rows: Handling = "refuse"


class Counts(NamedTuple):
    """What the summary says of a symbol's candles."""

    symbol: str
    candles: int
    duplicates: int  # the same candle again, unchanged: ignored (S2)
    without_volume: int  # legal (S5)
    holes: int
    missing: int  # candles in those holes
    volumes_cut: int  # to volume_decimals, or to 8 (S3)
    bad_rows: int = 0  # left out, since data.bad_rows says so; each is a gap
    without_trade: int = 0  # rows without a price, which are gaps
    incomplete: int = 0  # longer candles that were not built, for one of their parts is missing


def of_columns(origin: Origin, columns: Columns, *, price_decimals: int, volume_decimals: int) -> Rows:
    """Candles that are in units of 10^-decimals already, as the rows of a file would be."""
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    count = len(columns.ts)
    numbers = {name: Numbers(getattr(columns, name), np.full(count, own, np.int8)) for name, own in places.items()}
    return Rows(origin, columns.ts, numbers, (), closed=True)


def assemble(files: list[Rows], target: Target) -> tuple[Series, Counts, tuple[str, ...]]:
    """The candles of a symbol out of its files, each checked (S1-S3, D1), which must ascend without overlap."""
    files = [one for one in files if len(one.ts)]
    if not files:
        raise DataError(f"{target.symbol}: the source has no candle")
    if sum(len(one.ts) for one in files) > MAX_ROWS:
        raise DataError(f"{target.symbol}: more than {MAX_ROWS} rows")
    scale = target.price_decimals, target.volume_decimals
    price_decimals = _price_decimals(files, given=scale[0], least=target.least_price_decimals)
    seen = max(_seen(files, ("volume",)), target.least_volume_decimals)
    volume_decimals = seen if scale[1] is None else scale[1]
    parts: list[tuple[Rows, checks.Ordered]] = []
    notes: list[str] = []
    duplicates, cut = 0, 0
    left: list[Left] = []
    for one in files:
        columns, rows_cut = _columns(one, price_decimals=price_decimals, volume_decimals=volume_decimals)
        bounds = checks.Bounds(target.step_ms, target.price_limit, price_decimals, volume_decimals)
        ordered, dropped = _ordered(columns, bounds, one.origin, bad=target.bad_rows)
        left.append(bad_rows.together([one.left, dropped]))
        parts.append((one, ordered))
        notes.extend(_said(one, ordered=ordered, cut=rows_cut, volume_decimals=volume_decimals))
        notes.extend(bad_rows.notes(left[-1], name=shown(one.origin.file), word=one.origin.word))
        duplicates, cut = duplicates + ordered.duplicates, cut + rows_cut
    _refuse_overlap(parts)
    columns = parts[0][1].columns if len(parts) == 1 else _joined([ordered.columns for _, ordered in parts])
    holes = checks.holes(columns.ts, target.step_ms)
    without = int(np.count_nonzero(columns.volume == 0))
    counts = Counts(
        target.symbol, len(columns.ts), duplicates, without, holes.number, holes.missing, cut,
        bad_rows=sum(one.bad for one in left), without_trade=sum(one.without_trade for one in left),
    )  # fmt: skip
    return Series(target.symbol, price_decimals, volume_decimals, columns), counts, tuple(notes)


def _ordered(columns: Columns, bounds: checks.Bounds, origin: Origin, *, bad: Handling) -> tuple[checks.Ordered, Left]:
    """The candles in order, each sound; and what was left out for that, where bad rows may be."""
    reasons: list[str] = []
    dropped = 0
    if bad == "drop":  # first what a row says by itself, for a time that is wrong is out of order too
        try:
            checks.check(columns, bounds, origin=origin)
        except BadRows as error:
            columns, origin = _without(columns, origin, error)
            reasons, dropped = [str(error)], len(error.rows)
    while True:
        try:
            ordered = checks.ascend(columns, origin=origin, bounds=bounds)
            checks.check(ordered.columns, bounds, origin=ordered.origin)
            return ordered, Left(0, dropped, tuple(reasons))
        except BadRows as error:
            if bad == "refuse":
                raise
            columns, origin = _without(columns, origin, error)
            reasons, dropped = [*reasons, str(error)], dropped + len(error.rows)


def _without(columns: Columns, origin: Origin, error: BadRows) -> tuple[Columns, Origin]:
    kept = np.ones(len(columns.ts), bool)
    kept[error.rows] = False
    if not kept.any():
        raise DataError(f"{error}; no sound row is left") from error
    return Columns(*(column[kept] for column in columns)), origin._replace(numbers=origin.numbers[kept])


def _price_decimals(files: list[Rows], *, given: int | None, least: int) -> int:
    places = max(_seen(files, PRICES), least) if given is None else given
    for one in files:
        for name in PRICES:
            numbers = one.numbers[name]
            if most_places(numbers) <= places:
                continue
            row = next(row for row in range(len(numbers.digits)) if most_places(_at(numbers, row)) > places)
            allowed = "at most 8 are read" if given is None else f"markets.<SYMBOL>.price_decimals says {given}"
            raise DataError(f"{one.origin.at(row)}: {name} {text(numbers, row)} has more decimals; {allowed}")
    return places


def _seen(files: list[Rows], names: tuple[str, ...]) -> int:
    return min(MAX_PLACES, max(most_places(one.numbers[name]) for one in files for name in names))


def _at(numbers: Numbers, row: int) -> Numbers:
    return Numbers(numbers.digits[row : row + 1], numbers.places[row : row + 1])


def _columns(one: Rows, *, price_decimals: int, volume_decimals: int) -> tuple[Columns, int]:
    at = one.origin.at
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    scaled = {name: units(one.numbers[name], places[name], name=name, where=at) for name in places}
    return Columns(one.ts, **{name: whole for name, (whole, _) in scaled.items()}), len(scaled["volume"][1])


def _said(one: Rows, *, ordered: checks.Ordered, cut: int, volume_decimals: int) -> list[str]:
    facts = (
        (ordered.turned, "newest first, turned round"),
        (ordered.duplicates, f"{ordered.duplicates} duplicates with the same values ignored"),
        (cut, f"{cut} volumes cut to {volume_decimals} decimals"),
    )
    name = shown(one.origin.file)
    return [*one.notes, *(f"{name}: {fact}" for is_so, fact in facts if is_so)]


def _refuse_overlap(parts: list[tuple[Rows, checks.Ordered]]) -> None:
    for (_, before), (_, after) in pairwise(parts):
        if after.columns.ts[0] <= before.columns.ts[-1]:
            raise DataError(
                f"{after.origin.at(0)}: time {after.columns.ts[0]} is not after {before.columns.ts[-1]}, the last of "
                f"{shown(before.origin.file)}; several files must ascend without overlap"
            )


def _joined(parts: list[Columns]) -> Columns:
    return Columns(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
