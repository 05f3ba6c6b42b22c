"""How the rows of files and pages become the candles of a symbol on one scale. No file is opened here."""

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
MAX_ROWS = 12_000_000  # for one symbol: 22 years of minutes

CandleRow = tuple[int, int, int, int, int]  # open, high, low, close, volume in units


class FileRows(NamedTuple):
    """The rows of one file in its order: times in ms UTC, the five numbers, their places, and notes for the user."""

    origin: Origin
    ts: Int64
    numbers: dict[str, Numbers]  # open, high, low, close, volume
    notes: tuple[str, ...]
    closed: bool  # the source itself says that the last candle is complete
    left: DroppedRows = NOTHING_LEFT  # rows of the file that were left out
    timeframe: str | None = None  # if the source itself states it


class Target(NamedTuple):
    """What the candles of a symbol must match: name, time grid, decimals (None: as the candles have), bound of D1."""

    symbol: str
    step_ms: int
    price_decimals: int | None
    volume_decimals: int | None
    price_limit: int
    least_price_decimals: int = 0  # where price_decimals is None: those of the tick of an exchange
    least_volume_decimals: int = 0
    snap_decimals: int | None = None  # of a configured price_decimals or tick: nearly equal prices are rounded to it
    bad_rows: Handling = "refuse"


class Counts(NamedTuple):
    """The counts of a symbol's candles for the summary."""

    symbol: str
    candles: int
    duplicates: int  # the same candle again, unchanged: ignored (S2)
    without_volume: int  # legal (S5)
    gaps: int
    missing: int  # candles in those gaps
    volumes_cut: int  # to volume_decimals, or to 8 (S3)
    bad_rows: int = 0  # left out by data.bad_rows: drop; each is a gap
    without_trade: int = 0  # rows without a price, which are gaps
    incomplete: int = 0  # longer candles that were not built because a part of them is missing


class ScaledCandles(NamedTuple):
    """The candles of a page, in units of the run."""

    rows: list[tuple[int, CandleRow]]  # by opening time, ms
    cut: int  # how many volumes had more decimals and were cut


def of_columns(origin: Origin, columns: Columns, *, price_decimals: int, volume_decimals: int) -> FileRows:
    """FileRows of candles that are in units of 10^-decimals already."""
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    numbers = {
        name: Numbers(getattr(columns, name), np.broadcast_to(np.int8(decimals), len(columns.ts)))
        for name, decimals in places.items()
    }
    return FileRows(origin, columns.ts, numbers, (), closed=True)


class End(NamedTuple):
    """Where the candles of a file end. The greatest of the files of a symbol is the end of its series.

    Only the last candle of the series may be unfinished: it is proven if that end is closed. The last candle of a file
    with a smaller end is followed by one of another file, or is in a file that says that it is closed.
    """

    ts: int  # of the last candle, ms
    closed: bool  # the file itself says that this candle is complete


def end_of(rows: FileRows) -> End:
    """Where the candles of a file end, whatever their order. There must be one."""
    return End(int(rows.ts.max()), rows.closed)


def file_of_last_candle(files: list[FileRows]) -> FileRows:
    """The file with the last candle of a symbol; of several, preferably one that states that the candle is closed."""
    return max((rows for rows in files if len(rows.ts)), key=end_of)


def assemble(files: list[FileRows], target: Target) -> tuple[Series, Counts, tuple[str, ...]]:
    """Check and join the candles of a symbol from its files, which may come in any order (S1-S3, D1).

    A candle that two files have with the same values is used once. DataError where the values differ.
    """
    files = sorted((rows for rows in files if len(rows.ts)), key=lambda rows: int(rows.ts.min()))
    if not files:
        raise DataError(f"{target.symbol}: the source has no candles", code="no_candles")
    if sum(len(rows.ts) for rows in files) > MAX_ROWS:
        raise DataError(
            f"{target.symbol}: more than {MAX_ROWS} rows; use longer candles or fewer files", code="file_too_large"
        )
    files = [_snapped(rows, target) for rows in files]
    price_decimals = _price_decimals(files, target)
    needed = max(_volume_decimals(files), target.least_volume_decimals)
    volume_decimals = needed if target.volume_decimals is None else target.volume_decimals
    bounds = validation.Bounds(target.step_ms, target.price_limit, price_decimals, volume_decimals)
    parts: list[validation.Ordered] = []
    notes: list[str] = []
    duplicates, cut = 0, 0
    left: list[DroppedRows] = []
    for rows in files:
        columns, rows_cut = _columns(rows, price_decimals=price_decimals, volume_decimals=volume_decimals)
        ordered, dropped = _ordered(columns, bounds, rows.origin, bad=target.bad_rows)
        left.append(bad_rows.sum_dropped([rows.left, dropped]))
        parts.append(ordered)
        notes.extend(_notes(rows, ordered=ordered, cut=rows_cut, volume_decimals=volume_decimals))
        notes.extend(bad_rows.notes(left[-1], name=printable(rows.origin.file), word=rows.origin.word))
        duplicates, cut = duplicates + ordered.duplicates, cut + rows_cut
    columns, shared = validation.merged(parts, bounds)
    notes.extend(_shared_note(file, other, count) for (file, other), count in shared.items())
    duplicates += sum(shared.values())
    gaps = validation.count_gaps(columns.ts, target.step_ms)
    without = int(np.count_nonzero(columns.volume == 0))
    counts = Counts(
        target.symbol, len(columns.ts), duplicates, without, gaps.number, gaps.missing, cut,
        bad_rows=sum(part.bad for part in left), without_trade=sum(part.without_trade for part in left),
    )  # fmt: skip
    return Series(target.symbol, price_decimals, volume_decimals, columns), counts, tuple(notes)


def in_units(series: Series, scale: Scale, *, price_limit: int, origin: str) -> ScaledCandles:
    """Convert a page to the scale of a run. DataError for a price that is too fine or an amount out of bounds (D1)."""
    rows, cut = [], 0
    for ts, *prices, volume in zip(*(column.tolist() for column in series.columns), strict=True):
        at = f"{origin}: candle {ts}"
        shift = scale.price_decimals - series.price_decimals
        whole = [_shifted(price, shift) for price in prices]
        for name, price, (_, rest) in zip(PRICES, prices, whole, strict=True):
            if rest:
                text = to_text(price, series.price_decimals)
                raise DataError(
                    f"{at}: {name} {text} has more decimals than this run's {scale.price_decimals}",
                    code="too_many_decimals",
                )
        opened, high, low, close = (price for price, _ in whole)
        amount, dust = _shifted(volume, scale.volume_decimals - series.volume_decimals)
        if high > price_limit or amount >= LIMIT:
            text = f"high {to_text(high, scale.price_decimals)}, volume {to_text(amount, scale.volume_decimals)}"
            raise DataError(f"{at}: {text}: too large for the scale of this run", code="number_too_large")
        rows.append((ts, (opened, high, low, close, amount)))
        cut += 1 if dust else 0
    return ScaledCandles(rows, cut)


def _ordered(
    columns: Columns, bounds: validation.Bounds, origin: Origin, *, bad: Handling
) -> tuple[validation.Ordered, DroppedRows]:
    """The candles in order, each of them valid; and what was left out, where bad rows may be left out."""
    reasons: list[str] = []
    dropped = 0
    if bad == "drop":  # check each row by itself first, because a row with a wrong time would also break the order
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
    """The candles without the rows of an error."""
    kept = np.ones(len(columns.ts), bool)
    kept[error.rows] = False
    if not kept.any():
        raise DataError(f"{error}; no valid row is left", code="no_candles") from error
    return Columns(*(column[kept] for column in columns)), origin._replace(numbers=origin.numbers[kept])


def _shared_note(file: str, other: str, count: int) -> str:
    candles = "1 candle is" if count == 1 else f"{count} candles are"
    return f"{printable(file)}: {candles} also in {printable(other)} with the same values; used once"


def _snapped(rows: FileRows, target: Target) -> FileRows:
    """The rows with prices and volumes rounded to their configured grid, where a float's rounding error misses it."""
    grids = dict.fromkeys(PRICES, target.snap_decimals) | {"volume": target.volume_decimals}
    decimals = {"prices": target.snap_decimals, "volumes": target.volume_decimals}
    numbers, counts = dict(rows.numbers), dict.fromkeys(decimals, 0)
    for name, places in grids.items():
        if places is not None:
            numbers[name], moved = snapped(rows.numbers[name], places)
            counts["prices" if name in PRICES else "volumes"] += moved
    notes = [
        f"{printable(rows.origin.file)}: {count} {kind if count > 1 else kind[:-1]} rounded to {decimals[kind]} "
        f"decimals, by at most 1e-9 (rounding errors of floats)"
        for kind, count in counts.items()
        if count
    ]
    return rows._replace(numbers=numbers, notes=(*rows.notes, *notes)) if notes else rows


def _price_decimals(files: list[FileRows], target: Target) -> int:
    """The configured decimals of the prices, or those that they need. DataError names the first price that is finer."""
    configured = target.price_decimals
    for file in files:
        for name in PRICES:
            numbers = file.numbers[name]
            if configured is None and len(rows := dusty(numbers)):
                row = int(rows[0])
                fault = f"{number_text(numbers, row)} has the rounding error of a float{more(len(rows))}"
                raise DataError(
                    f"{file.origin.at(row)}: {name} {fault}; {_advice(files, numbers, row, target)}",
                    code="too_many_decimals",
                )
            rows = finer(numbers, MAX_PLACES if configured is None else configured)
            if not len(rows):
                continue
            row = int(rows[0])
            raise DataError(
                f"{file.origin.at(row)}: {name} {number_text(numbers, row)} has more decimals than "
                f"{MAX_PLACES if configured is None else f'the {configured} that are configured'}{more(len(rows))}; "
                f"{_advice(files, numbers, row, target)}",
                code="too_many_decimals",
            )
    return max(_most_places(files, PRICES), target.least_price_decimals) if configured is None else configured


def _advice(files: list[FileRows], numbers: Numbers, row: int, target: Target) -> str:
    """What to do about a price with too many decimals: round to the grid that all prices are near, if there is one."""
    key = f"markets.{target.symbol}.price_decimals"
    intended = next((places for places in range(DUST_PLACES + 1) if _fits(files, places)), None)
    if intended is not None and intended != target.price_decimals:
        near, _ = snapped(Numbers(numbers.digits[row : row + 1], numbers.places[row : row + 1]), intended)
        return f"set {key}: {intended} to read it as {number_text(near, 0)}"
    if target.price_decimals is not None:
        return f"{key} may be up to {MAX_PLACES}"
    return "round the prices, or use the price of 1000 coins instead of one"


def _fits(files: list[FileRows], places: int) -> bool:
    """Whether every price is on the grid of 10^-places, or misses it only by a float's rounding error."""
    prices = (rows.numbers[name] for rows in files for name in PRICES)
    return not any(len(finer(snapped(numbers, places)[0], places)) for numbers in prices)


def _most_places(files: list[FileRows], names: tuple[str, ...]) -> int:
    return max(most_places(rows.numbers[name]) for rows in files for name in names)


def _volume_decimals(files: list[FileRows]) -> int:
    """The decimals that the volumes need; DUST_PLACES if they do not fit, or have rounding errors of floats."""
    places = _most_places(files, ("volume",))
    if places <= DUST_PLACES:
        return places
    volumes = [rows.numbers["volume"] for rows in files]
    most = max(float((numbers.digits / 10.0**numbers.places).max()) for numbers in volumes)
    if places > MAX_PLACES or any(len(dusty(numbers)) for numbers in volumes) or most * 10.0**places >= LIMIT:
        return DUST_PLACES
    return places


def _columns(rows: FileRows, *, price_decimals: int, volume_decimals: int) -> tuple[Columns, int]:
    """The rows as integer columns, and how many volumes were cut."""
    at = rows.origin.at
    places = dict.fromkeys(PRICES, price_decimals) | {"volume": volume_decimals}
    scaled = {name: units(rows.numbers[name], places[name], name=name, where=at) for name in places}
    return Columns(rows.ts, **{name: whole for name, (whole, _) in scaled.items()}), len(scaled["volume"][1])


def _notes(rows: FileRows, *, ordered: validation.Ordered, cut: int, volume_decimals: int) -> list[str]:
    facts = (
        (ordered.turned, "newest first; the order was reversed"),
        (ordered.duplicates, f"repeated candles with the same values, ignored: {ordered.duplicates}"),
        (cut, f"{cut} volumes cut to {volume_decimals} decimals"),
    )
    name = printable(rows.origin.file)
    return [*rows.notes, *(f"{name}: {fact}" for holds, fact in facts if holds)]


def _shifted(units: int, shift: int) -> tuple[int, int]:
    """Move the decimal point by so many places: the result, rounded down, and the remainder."""
    return (units * 10**shift, 0) if shift >= 0 else divmod(units, 10**-shift)
