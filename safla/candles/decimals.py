"""Decimal text to integers, exactly, whole columns at a time. No float stands between text and int64 (D1)."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles.bad_rows import BadRows
from safla.core.scale import LIMIT, to_text
from safla.core.values import Float64, Int8, Int64
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

MAX_PLACES = 12  # S3
DUST_PLACES = 8  # what is kept of volumes with the dust of floats (S3)
FLOAT_DIGITS = 15  # a number of so many digits, some of them behind DUST_PLACES, is a float's rounding of a shorter one
SNAP_PLACES = 9  # a price within 10^-9 of its stated grid is meant to be on it
PATTERN = r"^(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:e-[0-9]{1,2})?$"  # Z5; rust's $ is the very end of the text
WIDE = (
    r"^[ \t]*\+?(0|[1-9][0-9]{0,17})?(?:\.([0-9]{0,25}))?(?:[eE]([+-]?[0-9]{1,2}))?[ \t]*$"  # and its other spellings
)
POWERS = 10 ** np.arange(19, dtype=np.int64)
ROOM = LIMIT // POWERS  # the most that a power may be multiplied with

_NONE = np.zeros(0, np.int64)

RowPlace = Callable[[int], str]  # the place of a row in its file, for messages


class Numbers(NamedTuple):
    """A column of decimals: digits / 10**places, both per row; digits are never negative."""

    digits: Int64
    places: Int8


def parse(frame: "pl.DataFrame", where: RowPlace) -> dict[str, Numbers]:
    """Columns of text as numbers. DataError names the first cell that is no decimal (Z5)."""
    import polars as pl

    facts = {
        "fine": pl.all().str.contains(PATTERN).fill_null(False),
        "powers": pl.all().str.contains("e", literal=True),
        "digits": pl.all().str.replace(".", "", literal=True).cast(pl.Int64, strict=False),
        "places": pl.all().str.len_bytes().cast(pl.Int64) - 1 - pl.all().str.find(".", literal=True).cast(pl.Int64),
    }
    # one query, so that all columns are worked on at the same time
    found = frame.select(fact.name.prefix(f"{name} ") for name, fact in facts.items())
    fine = {name: found[f"fine {name}"].all() for name in frame.columns}
    wide = {} if all(fine.values()) else _wide(frame, [name for name in frame.columns if not fine[name]], where=where)
    return {
        name: _numbers(frame[name], found, name=name, where=where) if fine[name] else wide[name]
        for name in frame.columns
    }


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


def units(numbers: Numbers, places: int, *, name: str, where: RowPlace) -> tuple[Int64, Int64]:
    """Integers in units of 10^-places, rounded down, and the rows where that took something away.

    DataError names the first that does not fit below 2**62 (D1).
    """
    shift = places - numbers.places  # int8: places are at most 117
    up = np.clip(shift, 0, 18)
    large = np.flatnonzero(numbers.digits > ROOM[up])
    if len(large):
        raise DataError(
            f"{where(int(large[0]))}: {name} {number_text(numbers, int(large[0]))} is too large for {places} decimals "
            f"(2**62 units){more(len(large))}; markets.<SYMBOL> sets fewer decimals"
        )
    if not shift.any():
        return numbers.digits, _NONE
    result = numbers.digits * POWERS[up]
    fine = np.flatnonzero((shift < 0) & (result > 0))  # these have more places than asked for
    digits, power = numbers.digits[fine], POWERS[np.clip(-shift[fine], 0, 18)]
    whole = np.where(shift[fine] < -18, 0, digits // power)
    result[fine] = whole
    return result, fine[(digits % power > 0) | (whole == 0)]


def number_text(numbers: Numbers, row: int) -> str:
    """A number as it is written out: no exponent."""
    return to_text(int(numbers.digits[row]), int(numbers.places[row]))


def more(count: int) -> str:
    """How many rows share the fault of the first."""
    return f" (and {count - 1} more)" if count > 1 else ""


def snapped(numbers: Numbers, places: int) -> tuple[Numbers, int]:
    """The numbers, those moved to the grid of 10^-places that lie within 10^-9 of it and are not on it; how many.

    On a grid finer than 10^-8 the reach is a ten-thousandth of its step. Nothing is moved to 0.
    """
    reach = SNAP_PLACES if places < SNAP_PLACES else places + 4
    rows = np.flatnonzero((numbers.places > places) & (numbers.places - places <= 18))
    own, digits = numbers.places[rows], numbers.digits[rows]
    step = POWERS[own - places]
    rest = digits % step
    near = np.minimum(rest, step - rest) <= np.where(own >= reach, POWERS[np.clip(own - reach, 0, 18)], 0)
    nearest = digits // step + (rest > step - rest)
    moved = near & (rest > 0) & (nearest > 0)
    if not moved.any():
        return numbers, 0
    all_digits, all_places = numbers.digits.copy(), numbers.places.copy()
    all_digits[rows[moved]], all_places[rows[moved]] = nearest[moved], places
    return Numbers(all_digits, all_places), int(moved.sum())


def finer(numbers: Numbers, places: int) -> Int64:
    """The rows whose numbers need more decimals than that."""
    rows = np.flatnonzero(numbers.places > places)
    spare = np.clip(numbers.places[rows] - places, 0, 19)
    digits = numbers.digits[rows]
    found: Int64 = rows[np.where(spare > 18, digits > 0, digits % POWERS[np.clip(spare, 0, 18)] > 0)]
    return found


def dusty(numbers: Numbers) -> Int64:
    """The rows whose numbers are floats' roundings of shorter ones: as long as a float, and finer than 10^-8."""
    rows = finer(numbers, DUST_PLACES)
    digits = numbers.digits[rows].copy()
    for _ in range(18):
        even = (digits > 0) & (digits % 10 == 0)
        if not even.any():
            break
        digits[even] //= 10
    found: Int64 = rows[digits >= POWERS[FLOAT_DIGITS - 1]]
    return found


def _wide(frame: "pl.DataFrame", names: list[str], *, where: RowPlace) -> dict[str, Numbers]:
    """Columns in which some numbers are written otherwise: +1, .5, 5., 8.380E-06, 3.6e+01, or between spaces."""
    import polars as pl

    groups = {name: frame[name].str.extract_groups(WIDE).struct.unnest() for name in names}
    fine = {}
    for name, (whole, fraction, _) in groups.items():
        fine[name] = whole.is_not_null() | (fraction.is_not_null() & (fraction != ""))
    if not all(one.all() for one in fine.values()):
        raise _refusal(frame, fine, where=where)
    found = {}
    for name, (whole, fraction, power) in groups.items():
        fraction = fraction.fill_null("")
        digits = (whole.fill_null("") + fraction).cast(pl.Int64, strict=False)
        powers = power.str.strip_prefix("+").cast(pl.Int64).fill_null(0)
        places = (fraction.str.len_bytes().cast(pl.Int64) - powers).to_numpy()
        up = np.clip(-places, 0, 18)
        beyond = (digits.fill_null(0).to_numpy() > ROOM[up]) | (places < -18)
        digits = pl.select(pl.when(pl.Series(~beyond)).then(digits * pl.Series(POWERS[up]))).to_series()
        found[name] = _with_long(frame[name], digits, np.clip(places, 0, None), name=name, where=where)
    return found


def _refusal(frame: "pl.DataFrame", fine: "dict[str, pl.Series]", *, where: RowPlace) -> DataError:
    strange = {name: one.not_().arg_true() for name, one in fine.items()}
    order = frame.columns
    row, place = min((int(rows[0]), order.index(name)) for name, rows in strange.items() if len(rows))
    name, cell = order[place], frame[order[place]][row]
    rows = np.unique(np.concatenate([one.to_numpy() for one in strange.values()]))
    if not (cell or "").strip():
        return BadRows(f"{where(row)}: {name} is empty", rows)
    reason = next((f": {text}" for pattern, text in _REASONS if pattern.fullmatch(cell.strip())), "")
    return BadRows(f"{where(row)}: {name} {cell[:40]!r} is no plain decimal number, such as 42283.58{reason}", rows)


_REASONS = (
    (re.compile(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]*|[0-9]{1,3}(,[0-9]{3}){2,}"),
     "commas separate its thousands; export it without them"),
    (re.compile(r"[0-9]{1,3}([ '_\u2019\u00a0\u202f][0-9]{3})+([.,][0-9]*)?|[0-9]{1,3}(\.[0-9]{3})+,[0-9]*"),
     "its thousands are separated; export it without separators, and with a decimal point"),
    (re.compile(r"[0-9]+,[0-9]{3}"), "its comma may separate thousands or decimals; write a decimal point"),
    (re.compile(r"[0-9]*,[0-9]*"), "it has a decimal comma; write a point"),
)  # fmt: skip


def _numbers(cells: "pl.Series", found: "pl.DataFrame", *, name: str, where: RowPlace) -> Numbers:
    if found[f"powers {name}"].any():
        return _with_powers(cells, name, where=where)
    digits, places = found[f"digits {name}"], found[f"places {name}"].fill_null(0).to_numpy()
    if not digits.null_count():
        return Numbers(digits.to_numpy(), places.astype(np.int8))
    return _with_long(cells, digits, places, name=name, where=where)


def _with_powers(cells: "pl.Series", name: str, *, where: RowPlace) -> Numbers:
    """A column in which some numbers are written like 1.234e-05."""
    import polars as pl

    halves = cells.str.splitn("e-", 2).struct.unnest()
    plain, powers = halves["field_0"], halves["field_1"].cast(pl.Int64).fill_null(0)
    after = plain.str.len_bytes().cast(pl.Int64) - 1 - plain.str.find(".", literal=True).cast(pl.Int64)
    digits = plain.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    return _with_long(cells, digits, (after.fill_null(0) + powers).to_numpy(), name=name, where=where)


def _with_long(cells: "pl.Series", digits: "pl.Series", places: Int64, *, name: str, where: RowPlace) -> Numbers:
    """A column in which some numbers have too many digits for 64 bits."""
    columns = digits.fill_null(0).to_numpy().copy(), places.astype(np.int8)
    for row in digits.is_null().arg_true().to_list():
        columns[0][row], columns[1][row] = _long(cells[row], name, at=where(row))
    return Numbers(*columns)


def _long(cell: str, name: str, *, at: str) -> tuple[int, int]:
    """A number of more than 18 digits: most of them are zeros at the end, or the dust of a float.

    Where they do not fit, so many decimals are kept as do, more than DUST_PLACES, and the last of them says alone that
    something stood there or behind it.
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
    raise DataError(f"{at}: {name} {cell[:60]} has more digits than 64 bits hold")
