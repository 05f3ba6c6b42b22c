"""Convert opening times, as text or numbers, to ms UTC. Units are told by size; time zones are never guessed."""

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles.bad_rows import BadRows
from safla.candles.decimals import RowPlace, more
from safla.candles.validation import EveryRow
from safla.core.values import Float64, Int8, Int64
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

INTEGER = r"^[1-9][0-9]{8,18}$"
WHOLE = r"^\+?([1-9][0-9]{8,18})\.0*$"  # 1704067200.0: pandas writes integers so if the column has an empty cell
SCIENTIFIC = r"^\+?([1-9])\.?([0-9]{0,30})[eE]\+?([0-9]{1,2})$"  # 1.704067200000000000e+12, as numpy writes them
DATE = (
    r"^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
    r"(?:[Tt ] *([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(?:(Z|z|UTC|GMT)|([+-][0-9]{2}):?([0-9]{2})?)?)?$"
)
_COMPACT = (
    (r"^([0-9]{4})([0-9]{2})([0-9]{2})$", "$1-$2-$3"),
    (r"^([0-9]{4})([0-9]{2})([0-9]{2})[Tt ]([0-9]{2}):?([0-9]{2})(Z?)$", "$1-$2-$3 $4:$5$6"),
    (r"^([0-9]{4})([0-9]{2})([0-9]{2})[Tt ]([0-9]{2}):?([0-9]{2}):?([0-9]{2})(Z?)$", "$1-$2-$3 $4:$5:$6$7"),
)
_DAY_FIRST = re.compile(r"[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}([^0-9].*)?", re.ASCII)
_LOST = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,2}", re.ASCII)
_FRACTION = re.compile(r"[0-9]{9,19}\.[0-9]+", re.ASCII)
_NO_TIME = "is neither an integer since 1970 nor a date such as 2024-01-31T13:00:00Z"
_HINTS = (
    (_DAY_FIRST, "may begin with a day or a month; write the year first, 2024-01-31"),
    (_LOST, "is rounded, so its last digits are lost (spreadsheets do that); export the times again as integers"),
    (_FRACTION, "is no integer since 1970; write whole milliseconds"),
)
ZONE_KEY = "data.time_zone (safla data import: --time-zone) says which, such as UTC or Europe/Berlin"


class Unit(NamedTuple):
    """A unit of integer times: the first value that is too large for it, units per ms, and ms per unit."""

    name: str
    below: int
    per_ms: int
    ms: int


UNITS = (
    Unit("seconds", 10**11, 1, 1000),
    Unit("milliseconds", 10**14, 1, 1),
    Unit("microseconds", 10**17, 1000, 1),  # Binance spot archives from 2025 on
    Unit("nanoseconds", 2**63 - 1, 1_000_000, 1),
)  # told by size, never by the date of the file
KINDS = (*(unit.name for unit in UNITS), "ISO dates", "dates without a zone")
MILLISECONDS, DATES, NAIVE = 1, 4, 5  # indices into KINDS
MOST_STRETCHES = 4  # that a note lists


class Times(NamedTuple):
    """Opening times in ms UTC, and for each row how it was written: an index into KINDS."""

    ms: Int64
    kinds: Int8


def parse(cells: "pl.Series", where: RowPlace, *, zone: str | None = None) -> Times:
    """Times as ms UTC, and how they were written. BadRows names the first cell that is no time.

    zone  the time zone of dates that name none
    """
    if cells.str.contains(INTEGER).fill_null(False).all():
        return _from_texts(cells, where)
    if cells.str.contains(DATE).fill_null(False).all():
        return _dates(cells, where, zone)
    cells = cells.fill_null("").str.strip_chars(" \t")
    whole = _whole(cells)
    texts = cells
    for pattern, written in _COMPACT:
        texts = texts.str.replace(pattern, written)
    dated = texts.str.contains(DATE)
    _refuse_others(cells, whole.is_not_null() | dated, where=where)
    ms, kinds = np.zeros(len(cells), np.int64), np.zeros(len(cells), np.int8)
    for own, rows, read in (
        (whole, whole.is_not_null(), _from_texts),
        (texts, whole.is_null(), lambda some, at: _dates(some, at, zone)),
    ):
        places = rows.arg_true().to_numpy()
        if len(places):
            try:
                ms[places], kinds[places] = read(own.filter(rows), _at(where, places))
            except BadRows as error:
                raise BadRows(str(error), places[error.rows], code=error.code, of=len(cells)) from error
    return Times(ms, kinds)


def from_integers(values: Int64, where: RowPlace) -> Times:
    """Integer times as ms UTC, in the unit that its size tells. BadRows for other sizes and for fractions of a ms."""
    codes = np.searchsorted([unit.below for unit in UNITS], values, side="right").astype(np.int8)
    invalid = np.flatnonzero((codes == len(UNITS)) | (values < 10**8))
    if len(invalid):
        row = int(invalid[0])
        fault = f"time {values[row]} is in no unit from seconds to nanoseconds since 1970"
        raise _bad_times(invalid, where, fault, of=len(values))
    first = UNITS[int(codes[0])] if len(codes) else UNITS[0]
    if (codes == codes[:1]).all() and first.per_ms == 1:  # the common case: one unit, seconds or ms
        return Times(values * first.ms if first.ms > 1 else values, codes)
    per_ms = np.array([unit.per_ms for unit in UNITS])[codes]
    uneven = np.flatnonzero(values % per_ms)
    if len(uneven):
        fault = f"time {values[uneven[0]]} is not a whole number of milliseconds"
        raise _bad_times(uneven, where, fault, of=len(values))
    return Times(values // per_ms * np.array([unit.ms for unit in UNITS])[codes], codes)


def from_floats(values: Float64, where: RowPlace) -> Times:
    """Float times as ms UTC. BadRows for a value that is no integer."""
    uneven = np.flatnonzero(~((np.floor(values) == values) & (np.abs(values) < 2.0**62)))
    if len(uneven):
        raise _bad_times(uneven, where, f"time {float(values[uneven[0]])!r} is no integer", of=len(values))
    return from_integers(values.astype(np.int64), where)


def in_zone(moments: "pl.Series", where: RowPlace, *, zone: str | None) -> Int64:
    """Naive datetimes as ms UTC. DataError without a zone, and for times that a clock change skips or repeats."""
    import polars as pl

    if zone is None:
        raise DataError(f"{where(0)}: time {moments[0]} has no time zone; {ZONE_KEY}", code="time_zone_unclear")
    try:
        placed = moments.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"data.time_zone: {zone[:40]!a} is no time zone such as UTC or Europe/Berlin", code="time_zone_unclear"
        ) from error
    lost = (placed.is_null() & moments.is_not_null()).arg_true()
    if len(lost):
        row = int(lost[0])
        earliest = moments[row : row + 1].dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")[0]
        what = "occurs twice" if earliest is not None else "does not exist"
        raise DataError(
            f"{where(row)}: time {moments[row]} {what} in {zone}, where the clock changes{more(len(lost))}; "
            "write the offset (2024-10-27T02:00:00+01:00) or UTC",
            code="time_zone_unclear",
        )
    return placed.dt.epoch("ms").to_numpy()


def note(kinds: Int8, numbers: Int64 | EveryRow, *, word: str, zone: str | None) -> str | None:
    """A note on how the times were written; None where all are milliseconds.

    numbers  the row numbers, as the file counts them; word: line or row
    """
    seen = [kind for kind in range(len(KINDS)) if (kinds == kind).any()]
    names = {kind: KINDS[kind] for kind in seen} | ({NAIVE: f"dates of {zone} (data.time_zone)"} if zone else {})
    if seen in ([], [MILLISECONDS]):
        return None
    if len(seen) == 1:
        return f"times are {names[seen[0]]}"
    starts = np.flatnonzero(np.diff(kinds, prepend=kinds[0] + 1))
    if len(starts) > MOST_STRETCHES:
        counted = " and ".join(f"{names[kind]} ({int((kinds == kind).sum())})" for kind in seen)
        return f"times are {counted}, mixed; the first change is in {word} {numbers[starts[1]]}"
    ends = [*(starts[1:] - 1).tolist(), len(kinds) - 1]
    parts = [
        f"{names[int(kinds[start])]} in "
        + (f"{word} {numbers[start]}" if start == end else f"{word}s {numbers[start]} to {numbers[end]}")
        for start, end in zip(starts.tolist()[:-1], ends, strict=False)
    ]
    last = f"{names[int(kinds[-1])]} from {word} {numbers[starts[-1]]}"
    return f"times are {', '.join([*parts, last])}"


def _at(where: RowPlace, rows: Int64) -> RowPlace:
    return lambda row: where(int(rows[row]))


def _from_texts(cells: "pl.Series", where: RowPlace) -> Times:
    import polars as pl

    values = cells.cast(pl.Int64, strict=False)
    large = values.is_null().arg_true()
    if len(large):
        rows = large.to_numpy().astype(np.int64)
        fault = f"time {cells[int(rows[0])]} is in no unit from seconds to nanoseconds since 1970"
        raise _bad_times(rows, where, fault, of=len(cells))
    return from_integers(values.to_numpy(), where)


def _whole(cells: "pl.Series") -> "pl.Series":
    """The integers that the cells hold, as text; null for a cell that holds none."""
    import polars as pl

    integers = cells.to_frame("cell").select(
        pl.when(pl.col("cell").str.contains(INTEGER))
        .then(pl.col("cell"))
        .otherwise(pl.col("cell").str.extract(WHOLE, 1))
        .alias("whole")
    )["whole"]
    powers = integers.is_null() & cells.str.contains(SCIENTIFIC)
    if not powers.any():
        return integers
    texts = integers.to_list()
    for row in powers.arg_true().to_list():
        first_digit, digits, power = re.fullmatch(SCIENTIFIC, cells[row]).groups()  # type: ignore[union-attr]
        kept_digits, lost_digits = digits[: int(power)], digits[int(power) :]
        if len(kept_digits) == int(power) and not lost_digits.strip("0") and 9 <= len(first_digit + kept_digits) <= 19:
            texts[row] = first_digit + kept_digits
    return pl.Series("whole", texts, pl.String)


def _dates(cells: "pl.Series", where: RowPlace, zone: str | None) -> Times:
    import polars as pl

    groups = cells.str.extract_groups(DATE).struct.unnest()
    years, months, days, hours, minutes, seconds, fraction, utc, east_hours, east_minutes = groups
    moments = (
        years + "-" + months.str.zfill(2) + "-" + days.str.zfill(2) + " "
        + hours.fill_null("0").str.zfill(2) + ":" + minutes.fill_null("00") + ":" + seconds.fill_null("00")
    ).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False)  # fmt: skip
    _refuse_others(cells, moments.is_not_null(), where=where)
    parts = fraction.fill_null("0").str.pad_end(9, "0").cast(pl.Int64).to_numpy()
    uneven = np.flatnonzero(parts % 1_000_000)
    if len(uneven):
        fault = f"time {cells[int(uneven[0])]} is not a whole number of milliseconds"
        raise _bad_times(uneven, where, fault, of=len(cells))
    naive = (utc.is_null() & east_hours.is_null()).to_numpy()
    ms = moments.cast(pl.Int64).to_numpy().copy()
    rows = np.flatnonzero(naive)
    if len(rows):
        if zone is None:
            text = cells[int(rows[0])]
            raise DataError(
                f"{where(int(rows[0]))}: time {text[:40]!r} has no time zone; {ZONE_KEY}", code="time_zone_unclear"
            )
        ms[rows] = in_zone(moments.filter(pl.Series(naive)), _at(where, rows), zone=zone)
    sign = np.where(east_hours.fill_null("+").str.starts_with("-").to_numpy(), -1, 1)
    east = east_hours.str.slice(1).cast(pl.Int64).fill_null(0).to_numpy() * 60
    east = sign * (east + east_minutes.cast(pl.Int64).fill_null(0).to_numpy())
    return Times(ms + parts // 1_000_000 - east * 60_000, np.where(naive, NAIVE, DATES).astype(np.int8))


def _refuse_others(cells: "pl.Series", fine: "pl.Series", *, where: RowPlace) -> None:
    invalid = fine.fill_null(False).not_().arg_true()
    if not len(invalid):
        return
    rows = invalid.to_numpy().astype(np.int64)
    cell = cells[int(rows[0])] or ""
    hint = next((text for pattern, text in _HINTS if pattern.fullmatch(cell)), _NO_TIME)
    raise _bad_times(rows, where, f"time {cell[:40]!r} {hint}", of=len(cells))


def _bad_times(rows: Int64, where: RowPlace, fault: str, *, of: int) -> BadRows:
    """The error for rows whose time cannot be read. fault: of the first row; of: how many rows there are in all."""
    return BadRows(f"{where(int(rows[0]))}: {fault}", rows, code="invalid_time", of=of)
