"""Decimal text to integers, exactly, whole columns at a time. No float stands between text and int64 (D1)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.core.scale import LIMIT, to_text
from safla.core.values import Float64, Int8, Int64
from safla.data.bad_rows import BadRows
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAX_PLACES = 8  # S3
PATTERN = r"^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:e-[0-9]{1,2})?$"  # Z5; rust's $ is the very end of the text
POWERS = 10 ** np.arange(19, dtype=np.int64)
ROOM = LIMIT // POWERS  # the most that a power may be multiplied with

_NONE = np.zeros(0, np.int64)

Where = Callable[[int], str]  # the place of a row in its file, for messages


class Numbers(NamedTuple):
    """A column of decimals: digits / 10**places, both per row; digits are never negative."""

    digits: Int64
    places: Int8


def parse(frame: "pl.DataFrame", where: Where) -> dict[str, Numbers]:
    """Columns of text as numbers. DataError names the first cell that is no plain decimal (Z5)."""
    import polars as pl

    facts = {
        "fine": pl.all().str.contains(PATTERN).fill_null(False),
        "powers": pl.all().str.contains("e", literal=True),
        "digits": pl.all().str.replace(".", "", literal=True).cast(pl.Int64, strict=False),
        "places": pl.all().str.len_bytes().cast(pl.Int64) - 1 - pl.all().str.find(".", literal=True).cast(pl.Int64),
    }
    # one query, so that all columns are worked on at the same time
    found = frame.select(fact.name.prefix(f"{name} ") for name, fact in facts.items())
    if not all(found[f"fine {name}"].all() for name in frame.columns):
        raise _refusal(frame, found, where=where)
    return {name: _numbers(frame[name], found, name=name, where=where) for name in frame.columns}


def of_floats(values: Float64) -> Numbers | None:
    """The numbers whose shortest texts the floats have, if 15 digits and MAX_PLACES suffice; None where they do not.

    A quotient of two exact floats is rounded once, so one that gives the float back is a decimal that means it; and of
    at most 15 digits there is only one (IEEE 754). It takes a tenth of the time that texts take.
    """
    few = next((places for places in range(MAX_PLACES) if _exact(values[:1000], places) is not None), MAX_PLACES)
    for places in range(few, MAX_PLACES + 1):
        digits = _exact(values, places)
        if digits is not None:
            return Numbers(digits, np.full(len(values), places, np.int8))
    return None


def _exact(values: Float64, places: int) -> Int64 | None:
    if np.signbit(values).any() or not (values < 10.0 ** (15 - places)).all():  # neither is a NaN below anything
        return None
    digits = np.rint(values * 10.0**places)
    return digits.astype(np.int64) if (digits / 10.0**places == values).all() else None


def most_places(numbers: Numbers) -> int:
    """The most decimals that one of them needs, zeros at the end not counted."""
    need = 0
    for places in range(int(numbers.places.max(initial=0)), 0, -1):
        if places <= need:
            break
        digits = numbers.digits[numbers.places == places]
        common = int(np.gcd.reduce(digits)) if len(digits) else 0  # 0: they are all zero, and need no decimals
        while common and common % 10 == 0 and places > need:
            common, places = common // 10, places - 1
        need = max(need, places if common else 0)
    return need


def units(numbers: Numbers, places: int, *, name: str, where: Where) -> tuple[Int64, Int64]:
    """Integers in units of 10^-places, rounded down, and the rows where that took something away.

    DataError names the first that does not fit below 2**62 (D1).
    """
    shift = places - numbers.places  # int8: places are at most 117
    up = np.clip(shift, 0, 18)
    large = np.flatnonzero(numbers.digits > ROOM[up])
    if len(large):
        raise DataError(
            f"{where(int(large[0]))}: {name} {text(numbers, int(large[0]))} is too large for {places} decimals "
            f"(2**62 units, D1){more(len(large))}; markets.<SYMBOL> sets fewer decimals"
        )
    if not shift.any():
        return numbers.digits, _NONE
    result = numbers.digits * POWERS[up]
    fine = np.flatnonzero((shift < 0) & (result > 0))  # these have more places than asked for
    digits, power = numbers.digits[fine], POWERS[np.clip(-shift[fine], 0, 18)]
    whole = np.where(shift[fine] < -18, 0, digits // power)
    result[fine] = whole
    return result, fine[(digits % power > 0) | (whole == 0)]


def text(numbers: Numbers, row: int) -> str:
    """A number as it is written out: no exponent."""
    return to_text(int(numbers.digits[row]), int(numbers.places[row]))


def more(count: int) -> str:
    """How many rows share the fault of the first."""
    return f" (and {count - 1} more)" if count > 1 else ""


def _refusal(frame: "pl.DataFrame", found: "pl.DataFrame", *, where: Where) -> DataError:
    strange = {name: found[f"fine {name}"].not_().arg_true() for name in frame.columns}
    row, name = min((int(rows[0]), name) for name, rows in strange.items() if len(rows))
    cell = frame[name][row]
    rows = np.unique(np.concatenate([found.to_numpy() for found in strange.values()]))
    if not cell:
        return BadRows(f"{where(row)}: {name} is empty", rows)
    return BadRows(f"{where(row)}: {name} {cell[:40]!r} is no plain decimal number, such as 42283.58 (Z5)", rows)


def _numbers(cells: "pl.Series", found: "pl.DataFrame", *, name: str, where: Where) -> Numbers:
    if found[f"powers {name}"].any():
        return _with_powers(cells, name, where=where)
    digits, places = found[f"digits {name}"], found[f"places {name}"].fill_null(0).to_numpy()
    if not digits.null_count():
        return Numbers(digits.to_numpy(), places.astype(np.int8))
    return _with_long(cells, digits, places, name=name, where=where)


def _with_powers(cells: "pl.Series", name: str, *, where: Where) -> Numbers:
    """A column in which some numbers are written like 1.234e-05."""
    import polars as pl

    halves = cells.str.splitn("e-", 2).struct.unnest()
    plain, powers = halves["field_0"], halves["field_1"].cast(pl.Int64).fill_null(0)
    after = plain.str.len_bytes().cast(pl.Int64) - 1 - plain.str.find(".", literal=True).cast(pl.Int64)
    digits = plain.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    return _with_long(cells, digits, (after.fill_null(0) + powers).to_numpy(), name=name, where=where)


def _with_long(cells: "pl.Series", digits: "pl.Series", places: Int64, *, name: str, where: Where) -> Numbers:
    """A column in which some numbers have too many digits for 64 bits."""
    columns = digits.fill_null(0).to_numpy().copy(), places.astype(np.int8)
    for row in digits.is_null().arg_true().to_list():
        columns[0][row], columns[1][row] = _long(cells[row], name, at=where(row))
    return Numbers(*columns)


def _long(cell: str, name: str, *, at: str) -> tuple[int, int]:
    """A number of more than 18 digits: most of them are zeros at the end, or the dust of a volume."""
    mantissa, _, exponent = cell.partition("e-")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    digits, places = int(whole + fraction), len(fraction) + int(exponent or 0)
    if name != "volume" and places > MAX_PLACES:
        raise DataError(f"{at}: {name} {cell} has more than {MAX_PLACES} decimals")
    if places > MAX_PLACES:  # a ninth place says that something stood behind the eighth, so that it is cut and said
        kept, dust = divmod(digits, 10 ** (places - MAX_PLACES))
        digits, places = kept * 10 + (1 if dust else 0), MAX_PLACES + 1
    if digits >= 2**63:
        raise DataError(f"{at}: {name} {cell} has more digits than 64 bits hold")
    return digits, places
