"""Decimal text to integers: exact, and an error for every text that is not a plain decimal (Z5)."""

import re
import time
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.candles import decimals
from safla.candles.decimals import Numbers, most_places, of_floats, parse, snapped, units
from safla.errors import DataError
from tests.errors import raises_code


def where(row: int) -> str:
    return f"file: line {row + 2}"


def parsed(cells: list[str], name: str = "close") -> Numbers:
    return parse(pl.DataFrame({name: cells}), where)[name]


def fractions(numbers: Numbers) -> list[Fraction]:
    pairs = zip(numbers.digits.tolist(), numbers.places.tolist(), strict=True)
    return [Fraction(digits) / 10**places for digits, places in pairs]


@st.composite
def texts(draw: st.DrawFn) -> str:
    whole = draw(st.one_of(st.just("0"), st.from_regex(r"[1-9][0-9]{0,17}", fullmatch=True)))
    fraction = draw(st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,18}", fullmatch=True)))
    power = draw(st.one_of(st.just(""), st.just(""), st.from_regex(r"e-[0-9]{1,2}", fullmatch=True)))
    return (whole + fraction + power).translate({ord(digit): str(int(digit)) for digit in "0123456789"})


@given(st.lists(texts().filter(lambda text: len(text.replace(".", "").partition("e")[0]) <= 18), min_size=1))
def test_text_of_up_to_18_digits_is_parsed_exactly(cells: list[str]) -> None:
    with localcontext(prec=200):
        assert fractions(parsed(cells)) == [Fraction(Decimal(cell)) for cell in cells]


@given(st.lists(texts(), min_size=1))
def test_a_long_volume_is_rounded_down_to_8_decimals_or_rejected(cells: list[str]) -> None:
    exact = [Fraction(Decimal(cell)) * 10**8 // 1 for cell in cells]
    try:
        found, cut = units(parsed(cells, "volume"), 8, name="volume", where=where)
    except DataError:
        assert max(exact) >= 2**62 or any(len(cell.partition("e")[0]) > 19 for cell in cells)
        return
    assert found.tolist() == exact
    assert cut.tolist() == [row for row, cell in enumerate(cells) if Fraction(Decimal(cell)) * 10**8 % 1]


@given(st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 8)), min_size=1))
def test_most_places_counts_the_decimals_without_trailing_zeros(
    pairs: list[tuple[int, int]],
) -> None:
    numbers = Numbers(np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs], np.int8))
    needed = next(places for places in range(9) if all(d * 10**places % 10**p == 0 for d, p in pairs))
    assert most_places(numbers) == needed


@pytest.mark.parametrize(
    "cell",
    [
        "1_000", "٣٤", "+-1", "0x10", "NaN", "nan", "inf", "Infinity", "-1", "-0", "", " ", "1 5", "1,5", ".", "+",
        "e5", "01", "1e+123", "1E-123", "1e-123", "1e", "1e999999999",
        "1E+1000000", "1e400", "1.2.3", "e-5", "n/a", "null",
        "9" * 19, "0." + "1" * 26,
        "7" * 400, "1\n", "\uff11", "1\u202e",
    ],
)  # fmt: skip
def test_a_text_that_is_not_a_plain_decimal_is_rejected_with_row_and_value(cell: str) -> None:
    with pytest.raises(DataError, match=r"^file: line 3: close ") as refused:
        parsed(["1.5", cell, "2"])
    assert (repr(cell[:20])[1:-1] if cell.strip() else "is empty") in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_hostile_number_is_rejected_quickly() -> None:
    cells = ["1E+1000000", "9" * 400] * 5000
    begin = time.process_time()
    with raises_code(DataError, "not_a_number"):
        parsed(cells)
    assert time.process_time() - begin < 1  # 10 us each would be 0.1 s


@pytest.mark.parametrize(
    ("cell", "digits", "places"),
    [
        ("42283.58", 4228358, 2),
        ("1.234e-05", 1234, 8),
        ("0", 0, 0),
        ("0.00000000", 0, 8),
        ("5e-1", 5, 1),
        ("42283.580000000000000000", 4228358, 2),  # 23 digits, 16 of them zeros at the end
    ],
)
def test_a_number_is_stored_as_digits_and_decimals(cell: str, digits: int, places: int) -> None:
    numbers = parsed([cell])
    assert (numbers.digits.tolist(), numbers.places.tolist()) == ([digits], [places])


@pytest.mark.parametrize(
    ("name", "cell", "text"),
    [
        ("close", "1e19", "more digits than fit in 64 bits"),
        ("close", "9.9e99", "more digits than fit in 64 bits"),
        ("volume", "123456789012345678.12345678", "more digits than fit in 64 bits"),
    ],
)
def test_a_number_beyond_int64_is_rejected(name: str, cell: str, text: str) -> None:
    with pytest.raises(DataError, match=rf"^file: line 2: {name} {re.escape(cell)} .*{text}"):
        parsed([cell], name)


def test_a_volume_below_the_smallest_unit_is_zero_and_counts_as_truncated() -> None:
    found, cut = units(parsed(["1e-12", "0", "1e-40"], "volume"), 8, name="volume", where=where)
    assert (found.tolist(), cut.tolist()) == ([0, 0, 0], [0, 2])


def test_amounts_up_to_2_to_the_62_are_accepted_and_one_more_is_rejected() -> None:
    fits = parsed(["46116860184.27387904"])
    assert units(fits, 8, name="close", where=where)[0].tolist() == [2**62]
    with pytest.raises(DataError, match=r"close 46116860184\.27387905 is too large for 8 decimals"):
        units(parsed(["46116860184.27387905"]), 8, name="close", where=where)


def test_an_empty_column_has_no_decimals() -> None:
    assert decimals.most_places(Numbers(np.zeros(0, np.int64), np.zeros(0, np.int8))) == 0


@given(st.lists(st.floats(0, 10**9) | st.builds(lambda n, p: n / 10**p, st.integers(0, 10**16), st.integers(0, 12))))
def test_floats_are_read_by_their_shortest_decimal_text(values: list[float]) -> None:
    found = of_floats([np.array(values, np.float64)])
    if found is not None:
        assert fractions(found) == [Fraction(repr(value)) for value in values]


@pytest.mark.parametrize("values", [[0.1, 23456.78], [1e-8], [42283.58, 0.00000001], [0.0], []])
def test_floats_of_few_digits_are_converted_without_text(values: list[float]) -> None:
    found = of_floats([np.array(values, np.float64)])
    assert found is not None
    assert fractions(found) == [Fraction(repr(value)) for value in values]


@pytest.mark.parametrize(
    "value", [-0.0, -1.0, float("nan"), float("inf"), 1e15, 1e300, 0.1 + 0.2, 1 / 3, 1e-13, 5e-324, 123456789.12345678]
)
def test_a_float_without_a_short_decimal_is_converted_by_its_text(value: float) -> None:
    assert of_floats([np.array([1.5, value])]) is None


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("8.380E-06", "0.00000838"),
        ("1E+1", "10"),
        ("3.686321000e+01", "36.86321"),
        ("4.241853000000000065e+04", "42418.53000000000065"),
        (".5", "0.5"),
        ("5.", "5"),
        ("5.e2", "500"),
        (" 1.5 ", "1.5"),
        ("\t1.5", "1.5"),
        ("+1.5", "1.5"),
        ("0.000000000001", "0.000000000001"),
    ],
)
def test_number_formats_of_other_programs_are_parsed_exactly(cell: str, value: str) -> None:
    for cells in ([cell], [cell, "2.5"], ["2.5", cell]):
        assert fractions(parsed(cells))[cells.index(cell)] == Fraction(value)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("42,418.53", "it has commas between thousands; export it without them"),
        ("1,042,418", "it has commas between thousands"),
        ("42418,53", "it has a decimal comma; export it with a decimal point"),
        ("42,418", "its comma may separate thousands or decimals"),
        ("42.418,53", "it has separators between thousands"),
        ("42'418.53", "it has separators between thousands"),
        ("42 418.53", "it has separators between thousands"),
    ],
)
def test_separators_are_rejected_and_named(cell: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"is not a plain decimal number such as 42283.58: {reason}"):
        parsed([cell])


@pytest.mark.parametrize(
    ("cell", "places", "value", "moved"),
    [
        ("32760.559999999998", 2, "32760.56", 1),
        ("32760.560000000001", 2, "32760.56", 1),
        ("32760.56", 2, "32760.56", 0),
        ("32760.561", 2, "32760.561", 0),
        ("32760.560000001", 2, "32760.56", 1),
        ("32760.560000002", 2, "32760.560000002", 0),
        ("8.123000000000001e-06", 9, "0.000008123", 1),
        ("0.0000081231", 9, "0.0000081231", 0),
        ("0.00000000001", 2, "0.00000000001", 0),
    ],
)
def test_a_number_within_a_billionth_of_the_stated_grid_is_rounded_to_it(
    cell: str, places: int, value: str, moved: int
) -> None:
    found, count = snapped(parsed([cell]), places)
    assert (fractions(found), count) == ([Fraction(value)], moved)


def test_float_rounding_is_distinguished_from_a_number_with_many_zeros() -> None:
    digits = np.array([10**17, 100_500_000_000_000_01, 100_500_000_000_000_010, 50, 5], np.int64)
    numbers = decimals.Numbers(digits, np.array([16, 14, 15, 10, 9], np.int8))
    assert decimals.dusty(numbers).tolist() == [1, 2]
