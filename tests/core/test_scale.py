"""Decimals and integers, and shares of amounts, against Python's own integers and fractions (D1, J13, J14)."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from safla.core.scale import LIMIT, float_text, mul_div, ratio, share_down, share_up, times, to_price, to_text, to_units
from safla.core.values import NONE

AMOUNTS = st.integers(0, LIMIT)
RATES = st.integers(0, 2**31 - 1)


@pytest.mark.parametrize(
    ("units", "places", "text"),
    [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (5, 0, "5"),
        (-5, 0, "-5"),
        (1, 8, "0.00000001"),
        (-1, 8, "-0.00000001"),
        (9, 1, "0.9"),
        (10, 1, "1.0"),
        (-1_250, 2, "-12.50"),
        (6_000_010, 2, "60000.10"),
        (123, 3, "0.123"),
        (2**62, 18, "4.611686018427387904"),
        (-(2**62), 0, "-4611686018427387904"),
    ],
)
def test_integers_and_their_decimal_texts_correspond_one_to_one(units: int, places: int, text: str) -> None:
    assert to_text(units, places) == text
    assert to_units(text, places) == units


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
def test_a_text_survives_the_round_trip(units: int, places: int) -> None:
    text = to_text(units, places)
    assert to_units(text, places) == units
    assert Fraction(text) == Fraction(units, 10**places)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", ".", "-", "1", "1.", ".50", "1.0", "1.000", "01.00", "00.00", "+1.00", "-0.00", "--1.00", " 1.00",
        "1.00 ", "1.00\n", "1,00", "1e2", "1.0e1", "1_0.00", "0x1.00", "NaN", "inf", "1.-1", "1.0.0", "\u0661.00",
        "1.\u0660\u0660", "1.00" + "0" * 50,
    ],
)  # fmt: skip
def test_a_non_canonical_text_with_two_decimals_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        to_units(text, 2)


@pytest.mark.parametrize("text", ["", "-0", "00", "05", "1.", "1.0", "+1"])
def test_a_non_canonical_text_without_decimals_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        to_units(text, 0)


@given(st.text(st.sampled_from("0123456789.-+e_ "), max_size=12), st.integers(0, 8))
def test_only_canonical_texts_are_accepted(text: str, places: int) -> None:
    try:
        units = to_units(text, places)
    except ValueError:
        return
    assert to_text(units, places) == text


@given(st.integers(0, 2**63 - 1), RATES, st.integers(1, 2**31 - 1))
def test_mul_div_is_the_exact_quotient_rounded_down(amount: int, num: int, den: int) -> None:
    exact = Fraction(amount * num, den)
    assume(exact < 2**63)
    assert mul_div(amount, num, den) == floor(exact)


@given(AMOUNTS, RATES)
def test_shares_rounded_down_and_up_enclose_the_exact_share(amount: int, ppm: int) -> None:
    exact = Fraction(amount * ppm, 1_000_000)
    assert share_down(amount, ppm) == floor(exact)
    assert share_up(amount, ppm) == ceil(exact)


@pytest.mark.parametrize(
    ("amount", "ppm", "down", "up"),
    [
        (0, 999_999, 0, 0),
        (1, 0, 0, 0),
        (1, 1, 0, 1),
        (1, 999_999, 0, 1),
        (1, 1_000_000, 1, 1),
        (1_000_000, 1, 1, 1),
        (1_000_001, 1, 1, 2),
        (999_999, 1, 0, 1),
        (2**62, 1_000_000, 2**62, 2**62),
        (2**62, 999_999, 4_611_681_406_741_369_476, 4_611_681_406_741_369_477),
    ],
)
def test_a_share_at_its_bounds(amount: int, ppm: int, down: int, up: int) -> None:
    assert (share_down(amount, ppm), share_up(amount, ppm)) == (down, up)


@given(AMOUNTS, st.integers(1, LIMIT))
def test_a_product_is_capped_at_the_limit(amount: int, factor: int) -> None:
    assert times(amount, factor) == min(amount * factor, LIMIT)


@pytest.mark.parametrize(
    ("amount", "factor", "product"),
    [
        (2**31, 2**31, LIMIT),
        (2**31 + 1, 2**31, LIMIT),
        (2**31 - 1, 2**31, 2**62 - 2**31),
        (LIMIT // 3, 3, LIMIT - 1),
        (LIMIT // 3 + 1, 3, LIMIT),
        (LIMIT, 1, LIMIT),
        (LIMIT, 2, LIMIT),
        (0, LIMIT, 0),
    ],
)
def test_a_product_at_the_limit(amount: int, factor: int, product: int) -> None:
    assert times(amount, factor) == product


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [(1, 2, "0.500000"), (0, 7, "0.000000"), (2, 3, "0.666667"), (-1, 4, "-0.250000"), (2**62, 2**62, "1.000000")],
)
def test_a_ratio_is_shown_with_six_decimals(numerator: int, denominator: int, text: str) -> None:
    assert ratio(numerator, denominator) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0.000000"), (-0.0, "0.000000"), (0.0000005, "0.000000"), (1.5, "1.500000")]
)
def test_a_float_is_shown_with_six_decimals(value: float, text: str) -> None:
    assert float_text(value) == text


def test_a_negative_value_that_rounds_to_zero_is_shown_without_a_sign() -> None:
    assert float_text(-0.0000001) == "0.000000"


@pytest.mark.parametrize(
    ("value", "units"),
    [
        (0.0, 0), (0.5, 0), (1.5, 2), (2.5, 2), (2.4999999999999996, 2), (2.5000000000000004, 3), (6000010.0, 6000010),
        (2.0**53 - 1, 2**53 - 1), (2.0**61, 2**61), (2.0**62, LIMIT), (1e300, LIMIT), (float("inf"), LIMIT),
        (float("nan"), NONE), (-0.0, 0), (-1e-9, NONE), (-7.0, NONE), (-float("inf"), NONE),
    ],
)  # fmt: skip
def test_a_computed_price_is_rounded_to_the_nearest_unit_half_to_even(value: float, units: int) -> None:
    assert to_price(value) == units


@given(st.floats(0, 2.0**60))
def test_a_computed_price_is_rounded_as_python_rounds(value: float) -> None:
    assert to_price(value) == round(value)
