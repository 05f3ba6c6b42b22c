"""The rows of files and pages, and how they become the candles of a symbol on one scale. No file is opened here."""

from typing import NamedTuple

import numpy as np

from safla.candles import bad_rows, validation
from safla.candles.bad_rows import NOTHING_LEFT, BadRows, DroppedRows, Handling
from safla.candles.decimals import (
    DUST_PLACES,
    MAX_PLACES,
    Numbers,
    dusty,
    finer,
    more,
    most_places,
    number_text,
    snapped,
    units,
)
from safla.candles.validation import Origin
from safla.core.candles import Scale, Series
from safla.core.scale import LIMIT, to_text
from safla.core.values import Columns, Int64
from safla.errors import DataError
from safla.text import printable

PRICES = ("open", "high", "low", "close")
FIELDS = ("ts", *PRICES, "volume")
MAX_ROWS = 12_000_000  # of a symbol: 22 years of minutes

CandleRow = tuple[int, int, int, int, int]  # open, high, low, close, volume in units


class FileRows(NamedTuple):
    """The rows of one file in its order: ms UTC, the five numbers, where they stood, and what there is to say."""

    origin: Origin
    ts: Int64
    numbers: dict[str, Numbers]  # open, high, low, close, volume
    notes: tuple[str, ...]
    closed: bool  # the source itself says that the last candle is complete
    left: DroppedRows = NOTHING_LEFT  # rows of the file that are not among these
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
    snap_decimals: int | None = None  # of a stated price_decimals or tick: prices that miss it by a float's rounding
    bad_rows: Handling = "refuse"


class Counts(NamedTuple):
    """What the summary says of a symbol's candles."""

    symbol: str
    candles: int
    duplicates: int  # the same candle again, unchanged: ignored (S2)
    without_volume: int  # legal (S5)
    gaps: int
    missing: int  # candles in those gaps
    volumes_cut: int  # to volume_decimals, or to 8 (S3)
    bad_rows: int = 0  # left out, since data.bad_rows says so; each is a gap
    without_trade: int = 0  # rows without a price, which are gaps
    incomplete: int = 0  # longer candles that were not built, for one of their parts is missing


class ScaledCandles(NamedTuple):
    """The candles of a page in units."""

    rows: list[tuple[int, CandleRow]]  # by opening time, ms
    cut: int  # volumes that were finer


def of_columns(origin: Origin, columns: Columns, *, price_decimals: int, volume_decimals: int) -> FileRows:
    """Candles that are in units of 10^-decimals already, as the rows of a file would be."""
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    numbers = {
        name: Numbers(getattr(columns, name), np.broadcast_to(np.int8(own), len(columns.ts)))
        for name, own in places.items()
    }
    return FileRows(origin, columns.ts, numbers, (), closed=True)


def file_of_last_candle(files: list[FileRows]) -> FileRows:
    """The file that holds the last candle of a symbol; of several that do, one that says itself that it is closed."""
    return max((one for one in files if len(one.ts)), key=lambda one: (int(one.ts.max()), one.closed))


def assemble(files: list[FileRows], target: Target) -> tuple[Series, Counts, tuple[str, ...]]:
    """The candles of a symbol out of its files, in any order, each checked (S1-S3, D1).

    The same candle in two files, with the same values, is one. DataError where the values differ.
    """
    files = sorted((one for one in files if len(one.ts)), key=lambda one: int(one.ts.min()))
    if not files:
        raise DataError(f"{target.symbol}: the source has no candle")
    if sum(len(one.ts) for one in files) > MAX_ROWS:
        raise DataError(f"{target.symbol}: more than {MAX_ROWS} rows")
    files = [_snapped(one, target) for one in files]
    price_decimals = _price_decimals(files, target)
    seen = max(_volume_decimals(files), target.least_volume_decimals)
    volume_decimals = seen if target.volume_decimals is None else target.volume_decimals
    bounds = validation.Bounds(target.step_ms, target.price_limit, price_decimals, volume_decimals)
    parts: list[validation.Ordered] = []
    notes: list[str] = []
    duplicates, cut = 0, 0
    left: list[DroppedRows] = []
    for one in files:
        columns, rows_cut = _columns(one, price_decimals=price_decimals, volume_decimals=volume_decimals)
        ordered, dropped = _ordered(columns, bounds, one.origin, bad=target.bad_rows)
        left.append(bad_rows.sum_dropped([one.left, dropped]))
        parts.append(ordered)
        notes.extend(_said(one, ordered=ordered, cut=rows_cut, volume_decimals=volume_decimals))
        notes.extend(bad_rows.notes(left[-1], name=printable(one.origin.file), word=one.origin.word))
        duplicates, cut = duplicates + ordered.duplicates, cut + rows_cut
    columns, shared = validation.merged(parts, bounds)
    notes.extend(_shared_note(file, other, count) for (file, other), count in shared.items())
    duplicates += sum(shared.values())
    gaps = validation.count_gaps(columns.ts, target.step_ms)
    without = int(np.count_nonzero(columns.volume == 0))
    counts = Counts(
        target.symbol, len(columns.ts), duplicates, without, gaps.number, gaps.missing, cut,
        bad_rows=sum(one.bad for one in left), without_trade=sum(one.without_trade for one in left),
    )  # fmt: skip
    return Series(target.symbol, price_decimals, volume_decimals, columns), counts, tuple(notes)


def in_units(series: Series, scale: Scale, *, price_limit: int, origin: str) -> ScaledCandles:
    """A page on another scale. DataError names the first price that is off its grid, or what is out of bounds (D1)."""
    rows, cut = [], 0
    for ts, *prices, volume in zip(*(column.tolist() for column in series.columns), strict=True):
        at = f"{origin}: candle {ts}"
        shift = scale.price_decimals - series.price_decimals
        whole = [_moved(price, shift) for price in prices]
        for name, price, (_, rest) in zip(PRICES, prices, whole, strict=True):
            if rest:
                text = to_text(price, series.price_decimals)
                raise DataError(f"{at}: {name} {text} has more decimals than this run's {scale.price_decimals}")
        opened, high, low, close = (price for price, _ in whole)
        amount, dust = _moved(volume, scale.volume_decimals - series.volume_decimals)
        if high > price_limit or amount >= LIMIT:
            text = f"high {to_text(high, scale.price_decimals)}, volume {to_text(amount, scale.volume_decimals)}"
            raise DataError(f"{at}: {text}: above what this run can sum")
        rows.append((ts, (opened, high, low, close, amount)))
        cut += 1 if dust else 0
    return ScaledCandles(rows, cut)


def _ordered(
    columns: Columns, bounds: validation.Bounds, origin: Origin, *, bad: Handling
) -> tuple[validation.Ordered, DroppedRows]:
    """The candles in order, each sound; and what was left out for that, where bad rows may be."""
    reasons: list[str] = []
    dropped = 0
    if bad == "drop":  # first what a row says by itself, for a time that is wrong is out of order too
        try:
            validation.check_candles(columns, bounds, origin=origin)
        except BadRows as error:
            columns, origin = _without(columns, origin, error)
            reasons, dropped = [str(error)], len(error.rows)
    while True:
        try:
            ordered = validation.ascend(columns, bounds, origin=origin)
            validation.check_candles(ordered.columns, bounds, origin=ordered.origin)
            return ordered, DroppedRows(0, dropped, tuple(reasons))
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


def _shared_note(file: str, other: str, count: int) -> str:
    what = "1 candle stands" if count == 1 else f"{count} candles stand"
    return f"{printable(file)}: {what} in {printable(other)} too, with the same values; taken once"


def _snapped(one: FileRows, target: Target) -> FileRows:
    """The rows with prices and volumes on their stated grid, where they miss it by a float's rounding."""
    grids = dict.fromkeys(PRICES, target.snap_decimals) | {"volume": target.volume_decimals}
    stated = {"prices": target.snap_decimals, "volumes": target.volume_decimals}
    numbers, counts = dict(one.numbers), dict.fromkeys(stated, 0)
    for name, places in grids.items():
        if places is not None:
            numbers[name], moved = snapped(one.numbers[name], places)
            counts["prices" if name in PRICES else "volumes"] += moved
    said = [
        f"{printable(one.origin.file)}: {count} {kind if count > 1 else kind[:-1]} taken as the nearest number of "
        f"{stated[kind]} decimals, at most 1e-9 away (a float's rounding)"
        for kind, count in counts.items()
        if count
    ]
    return one._replace(numbers=numbers, notes=(*one.notes, *said)) if said else one


def _price_decimals(files: list[FileRows], target: Target) -> int:
    given = target.price_decimals
    for one in files:
        for name in PRICES:
            numbers = one.numbers[name]
            if given is None and len(rows := dusty(numbers)):
                row = int(rows[0])
                said = f"{number_text(numbers, row)} is a float's rounding of a shorter number{more(len(rows))}"
                raise DataError(f"{one.origin.at(row)}: {name} {said}; {_advice(files, numbers, row, target)}")
            rows = finer(numbers, MAX_PLACES if given is None else given)
            if not len(rows):
                continue
            row = int(rows[0])
            raise DataError(
                f"{one.origin.at(row)}: {name} {number_text(numbers, row)} has more decimals than "
                f"{MAX_PLACES if given is None else f'the {given} that are stated'}{more(len(rows))}; "
                f"{_advice(files, numbers, row, target)}"
            )
    return max(_seen(files, PRICES), target.least_price_decimals) if given is None else given


def _advice(files: list[FileRows], numbers: Numbers, row: int, target: Target) -> str:
    """What to do about a price that is too fine: where a float rounded a shorter one, the scale of those."""
    key = f"markets.{target.symbol}.price_decimals"
    meant = next((places for places in range(DUST_PLACES + 1) if _fits(files, places)), None)
    if meant is not None and meant != target.price_decimals:
        near, _ = snapped(Numbers(numbers.digits[row : row + 1], numbers.places[row : row + 1]), meant)
        return f"{key}: {meant} takes it as {number_text(near, 0)}"
    if target.price_decimals is not None:
        return f"{key} may be up to {MAX_PLACES}"
    return "round them, or take the prices of 1000 coins for those of one"


def _fits(files: list[FileRows], places: int) -> bool:
    """Whether every price is on that grid, or misses it by no more than a float's rounding."""
    prices = (one.numbers[name] for one in files for name in PRICES)
    return not any(len(finer(snapped(own, places)[0], places)) for own in prices)


def _seen(files: list[FileRows], names: tuple[str, ...]) -> int:
    return max(most_places(one.numbers[name]) for one in files for name in names)


def _volume_decimals(files: list[FileRows]) -> int:
    """The most decimals seen. Where one volume is a float's rounding, or they do not fit, a ninth place is dust."""
    places = _seen(files, ("volume",))
    if places <= DUST_PLACES:
        return places
    volumes = [one.numbers["volume"] for one in files]
    most = max(float((one.digits / 10.0**one.places).max()) for one in volumes)
    if places > MAX_PLACES or any(len(dusty(one)) for one in volumes) or most * 10.0**places >= LIMIT:
        return DUST_PLACES
    return places


def _columns(one: FileRows, *, price_decimals: int, volume_decimals: int) -> tuple[Columns, int]:
    at = one.origin.at
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    scaled = {name: units(one.numbers[name], places[name], name=name, where=at) for name in places}
    return Columns(one.ts, **{name: whole for name, (whole, _) in scaled.items()}), len(scaled["volume"][1])


def _said(one: FileRows, *, ordered: validation.Ordered, cut: int, volume_decimals: int) -> list[str]:
    facts = (
        (ordered.turned, "newest first, turned round"),
        (ordered.duplicates, f"{ordered.duplicates} duplicates with the same values ignored"),
        (cut, f"{cut} volumes cut to {volume_decimals} decimals"),
    )
    name = printable(one.origin.file)
    return [*one.notes, *(f"{name}: {fact}" for is_so, fact in facts if is_so)]


def _moved(units: int, shift: int) -> tuple[int, int]:
    """The decimal point moved so many places, rounded down; and what that took away."""
    return (units * 10**shift, 0) if shift >= 0 else divmod(units, 10**-shift)
