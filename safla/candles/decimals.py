"""Decimal text to integers, exactly, a whole column at a time, without a float in between (D1)."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles.bad_rows import BadRows
from safla.core.scale import LIMIT, to_text
from safla.core.values import Float64, Int8, Int64
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAX_PLACES = 12  # S3
DUST_PLACES = 8  # decimals that are kept of volumes with rounding errors of floats (S3)
# A number of so many digits, finer than DUST_PLACES, is taken for a shorter number with the rounding error of a float.
FLOAT_DIGITS = 15
SNAP_PLACES = 9  # a price within 10^-9 of its configured grid is taken to be on it
PATTERN = r"^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:e-[0-9]{1,2})?$"  # Z5; in polars $ is the very end of the text
# Other spellings of such numbers: +1, .5, 5., 8.380E-06, 3.6e+01, or between spaces.
WIDE = r"^[ \t]*\+?(0|[1-9][0-9]{0,17})?(?:\.([0-9]{0,25}))?(?:[eE]([+-]?[0-9]{1,2}))?[ \t]*$"
POWERS = 10 ** np.arange(19, dtype=np.int64)
ROOM = LIMIT // POWERS  # the largest factor for each power, so that the product is at most LIMIT

_AT_ONCE = 65_536  # floats: a part that stays in the processor's cache, and takes no further memory
_NO_ROWS = np.zeros(0, np.int64)

RowPlace = Callable[[int], str]  # the place of a row in its file, for messages


class Numbers(NamedTuple):
    """A column of decimals, digits / 10**places for each row; digits are never negative."""

    digits: Int64
    places: Int8


def parse(frame: "pl.DataFrame", where: RowPlace) -> dict[str, Numbers]:
    """Parse columns of text to numbers. DataError names the first cell that is not a decimal (Z5)."""
    import polars as pl

    facts = {
        "fine": pl.all().str.contains(PATTERN).fill_null(False),
        "powers": pl.all().str.contains("e", literal=True),
        "digits": pl.all().str.replace(".", "", literal=True).cast(pl.Int64, strict=False),
        "places": pl.all().str.len_bytes().cast(pl.Int64) - 1 - pl.all().str.find(".", literal=True).cast(pl.Int64),
    }
    # One query, so that polars works on all columns in parallel.
    checked = frame.select(fact.name.prefix(f"{name} ") for name, fact in facts.items())
    fine = {name: checked[f"fine {name}"].all() for name in frame.columns}
    wide = {} if all(fine.values()) else _wide(frame, [name for name in frame.columns if not fine[name]], where=where)
    return {
        name: _numbers(frame[name], checked, name=name, where=where) if fine[name] else wide[name]
        for name in frame.columns
    }


def of_floats(parts: Sequence[Float64]) -> Numbers | None:
    """The numbers that the shortest texts of floats say, if 15 digits and MAX_PLACES are enough for all; else None.

    parts  a column, as one array or as the parts in which a file holds it

    digits / 10**places of two exact floats is rounded once, so if it equals the float, the decimal stands for that
    float; and there is only one such decimal of at most 15 digits (IEEE 754). This is ten times as fast as texts.
    """
    sample = [part[:1000] for part in parts[:1]]
    few = next((places for places in range(MAX_PLACES) if _exact(sample, places) is not None), MAX_PLACES)
    for places in range(few, MAX_PLACES + 1):
        digits = _exact(parts, places)
        if digits is not None:
            return Numbers(digits, np.broadcast_to(np.int8(places), len(digits)))
    return None


def _exact(parts: Sequence[Float64], places: int) -> Int64 | None:
    """The digits of all floats, where each has exactly so many decimals; else None."""
    digits = np.empty(sum(map(len, parts)), np.int64)
    done = 0
    for part in parts:
        for first in range(0, len(part), _AT_ONCE):
            values = part[first : first + _AT_ONCE]
            # A NaN fails too: it is below nothing.
            if np.signbit(values).any() or not (values < 10.0 ** (15 - places)).all():
                return None
            rounded = np.rint(values * 10.0**places)
            if not (rounded / 10.0**places == values).all():
                return None
            digits[done : done + len(values)] = rounded
            done += len(values)
    return digits


def most_places(numbers: Numbers) -> int:
    """The most decimals that any of the numbers needs, without zeros at the end."""
    need = 0
    for places in range(int(numbers.places.max(initial=0)), 0, -1):
        if places <= need:
            break
        digits = numbers.digits[numbers.places == places]
        common = int(np.gcd.reduce(digits)) if len(digits) else 0  # 0: all numbers are zero and need no decimals
        while common and common % 10 == 0 and places > need:
            common, places = common // 10, places - 1
        need = max(need, places if common else 0)
    return need


def units(numbers: Numbers, places: int, *, name: str, where: RowPlace) -> tuple[Int64, Int64]:
    """Integers in units of 10^-places, rounded down, and the rows where rounding changed the number.

    DataError names the first number that is more than 2**62 units (D1).
    """
    shift = places - numbers.places  # int8: places are at most 117
    up = np.clip(shift, 0, 18)
    large = np.flatnonzero(numbers.digits > ROOM[up])
    if len(large):
        raise DataError(
            f"{where(int(large[0]))}: {name} {number_text(numbers, int(large[0]))} is too large for {places} decimals "
            f"(2**62 units){more(len(large))}; set fewer decimals in markets.<SYMBOL>",
            code="number_too_large",
        )
    if not shift.any():
        return numbers.digits, _NO_ROWS
    result = numbers.digits * POWERS[up]
    longer = np.flatnonzero((shift < 0) & (result > 0))  # rows with more decimals than places
    digits, power = numbers.digits[longer], POWERS[np.clip(-shift[longer], 0, 18)]
    whole = np.where(shift[longer] < -18, 0, digits // power)
    result[longer] = whole
    return result, longer[(digits % power > 0) | (whole == 0)]


def number_text(numbers: Numbers, row: int) -> str:
    """A number as text, without an exponent."""
    return to_text(int(numbers.digits[row]), int(numbers.places[row]))


def more(count: int) -> str:
    """For messages: how many more rows have the same fault as the first."""
    return f" (and {count - 1} more)" if count > 1 else ""


def snapped(numbers: Numbers, places: int) -> tuple[Numbers, int]:
    """The numbers, rounded to the grid of 10^-places where they miss it by at most 10^-9; and how many were rounded.

    On a grid finer than 10^-8 the tolerance is a ten-thousandth of its step. No number is rounded to 0.
    """
    reach = SNAP_PLACES if places < SNAP_PLACES else places + 4
    rows = np.flatnonzero((numbers.places > places) & (numbers.places - places <= 18))
    row_places, digits = numbers.places[rows], numbers.digits[rows]
    step = POWERS[row_places - places]
    rest = digits % step
    tolerance = np.where(row_places >= reach, POWERS[np.clip(row_places - reach, 0, 18)], 0)
    near = np.minimum(rest, step - rest) <= tolerance
    nearest = digits // step + (rest > step - rest)
    moved = near & (rest > 0) & (nearest > 0)
    if not moved.any():
        return numbers, 0
    all_digits, all_places = numbers.digits.copy(), numbers.places.copy()
    all_digits[rows[moved]], all_places[rows[moved]] = nearest[moved], places
    return Numbers(all_digits, all_places), int(moved.sum())


def finer(numbers: Numbers, places: int) -> Int64:
    """The rows whose numbers need more than so many decimals."""
    rows = np.flatnonzero(numbers.places > places)
    spare = np.clip(numbers.places[rows] - places, 0, 19)
    digits = numbers.digits[rows]
    too_fine: Int64 = rows[np.where(spare > 18, digits > 0, digits % POWERS[np.clip(spare, 0, 18)] > 0)]
    return too_fine


def dusty(numbers: Numbers) -> Int64:
    """The rows with the rounding error of a float: numbers of 15 digits or more that are finer than 10^-8."""
    rows = finer(numbers, DUST_PLACES)
    digits = numbers.digits[rows].copy()
    while (padded := (digits > 0) & (digits % 10 == 0)).any():
        digits[padded] //= 10
    rounded: Int64 = rows[digits >= POWERS[FLOAT_DIGITS - 1]]
    return rounded


def _wide(frame: "pl.DataFrame", names: list[str], *, where: RowPlace) -> dict[str, Numbers]:
    """Parse columns in which some numbers match WIDE only."""
    import polars as pl

    groups = {name: frame[name].str.extract_groups(WIDE).struct.unnest() for name in names}
    fine = {}
    for name, (whole, fraction, _) in groups.items():
        fine[name] = whole.is_not_null() | (fraction.is_not_null() & (fraction != ""))
    if not all(matches.all() for matches in fine.values()):
        raise _not_decimal(frame, fine, where=where)
    columns = {}
    for name, (whole, fraction, power) in groups.items():
        fraction = fraction.fill_null("")
        digits = (whole.fill_null("") + fraction).cast(pl.Int64, strict=False)
        powers = power.str.strip_prefix("+").cast(pl.Int64).fill_null(0)
        places = (fraction.str.len_bytes().cast(pl.Int64) - powers).to_numpy()
        up = np.clip(-places, 0, 18)
        beyond = (digits.fill_null(0).to_numpy() > ROOM[up]) | (places < -18)
        digits = pl.select(pl.when(pl.Series(~beyond)).then(digits * pl.Series(POWERS[up]))).to_series()
        columns[name] = _with_long(frame[name], digits, np.clip(places, 0, None), name=name, where=where)
    return columns


def _not_decimal(frame: "pl.DataFrame", fine: "dict[str, pl.Series]", *, where: RowPlace) -> DataError:
    """The error for the first cell, by row and then by column, that is not a decimal."""
    bad = {name: matches.not_().arg_true() for name, matches in fine.items()}
    order = frame.columns
    row, place = min((int(rows[0]), order.index(name)) for name, rows in bad.items() if len(rows))
    name, cell = order[place], frame[order[place]][row]
    rows = np.unique(np.concatenate([bad_cells.to_numpy() for bad_cells in bad.values()]))
    if not (cell or "").strip():
        return BadRows(f"{where(row)}: {name} is empty", rows, code="not_a_number")
    reason = next((f": {text}" for pattern, text in _REASONS if pattern.fullmatch(cell.strip())), "")
    return BadRows(
        f"{where(row)}: {name} {cell[:40]!r} is not a plain decimal number such as 42283.58{reason}",
        rows,
        code="not_a_number",
    )


_REASONS = (
    (re.compile(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]*|[0-9]{1,3}(,[0-9]{3}){2,}"),
     "it has commas between thousands; export it without them"),
    (re.compile(r"[0-9]{1,3}([ '_\u2019\u00a0\u202f][0-9]{3})+([.,][0-9]*)?|[0-9]{1,3}(\.[0-9]{3})+,[0-9]*"),
     "it has separators between thousands; export it without them, and with a decimal point"),
    (re.compile(r"[0-9]+,[0-9]{3}"), "its comma may separate thousands or decimals; export it with a decimal point"),
    (re.compile(r"[0-9]*,[0-9]*"), "it has a decimal comma; export it with a decimal point"),
)  # fmt: skip


def _numbers(cells: "pl.Series", checked: "pl.DataFrame", *, name: str, where: RowPlace) -> Numbers:
    """The numbers of a column whose cells all match PATTERN; checked has the facts that `parse` computed."""
    if checked[f"powers {name}"].any():
        return _with_powers(cells, name, where=where)
    digits, places = checked[f"digits {name}"], checked[f"places {name}"].fill_null(0).to_numpy()
    if not digits.null_count():
        return Numbers(digits.to_numpy(), places.astype(np.int8))
    return _with_long(cells, digits, places, name=name, where=where)


def _with_powers(cells: "pl.Series", name: str, *, where: RowPlace) -> Numbers:
    """Parse a column in which some numbers have an exponent, such as 1.234e-05."""
    import polars as pl

    halves = cells.str.splitn("e-", 2).struct.unnest()
    plain, powers = halves["field_0"], halves["field_1"].cast(pl.Int64).fill_null(0)
    after = plain.str.len_bytes().cast(pl.Int64) - 1 - plain.str.find(".", literal=True).cast(pl.Int64)
    digits = plain.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    return _with_long(cells, digits, (after.fill_null(0) + powers).to_numpy(), name=name, where=where)


def _with_long(cells: "pl.Series", digits: "pl.Series", places: Int64, *, name: str, where: RowPlace) -> Numbers:
    """Complete a column in which some numbers have too many digits for 64 bits: their digits are null."""
    columns = digits.fill_null(0).to_numpy().copy(), places.astype(np.int8)
    for row in digits.is_null().arg_true().to_list():
        columns[0][row], columns[1][row] = _long(cells[row], name, at=where(row))
    return Numbers(*columns)


def _long(cell: str, name: str, *, at: str) -> tuple[int, int]:
    """Digits and places of a number of more than 18 digits, which end in zeros or in the rounding error of a float.

    If it does not fit in 64 bits, as many decimals are kept as do fit, more than DUST_PLACES. The last of them is 1 if
    anything was cut off, else 0. DataError if not even that fits.
    """
    mantissa, _, exponent = cell.strip(" \t+").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits, places = int(whole + fraction or "0"), len(fraction) - int(exponent or 0)
    if places < 0:
        digits, places = digits * 10**-places, 0
    if digits < 2**63:
        return digits, places
    for kept in range(min(places - 1, MAX_PLACES), DUST_PLACES - 1, -1):
        shorter, dust = divmod(digits, 10 ** (places - kept))
        if shorter * 10 + 1 < 2**63:
            return shorter * 10 + (1 if dust else 0), kept + 1
    raise DataError(f"{at}: {name} {cell[:60]} has more digits than fit in 64 bits", code="number_too_large")
