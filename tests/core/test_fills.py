"""Slippage, commission and rounding (S25, S26), and the bound of an amount (D1)."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.fills import bought_at, fee, fits, slippage_ppm, sold_at, worth
from safla.core.scale import LIMIT
from tests.core.scenario import MARKET, QUIET

RULES = QUIET._replace(base_slippage_ppm=200, impact_ppm=100_000, max_slippage_ppm=5_000)


@pytest.mark.parametrize(
    ("quantity", "volume", "ppm"),
    [
        (0, 0, 5_000),  # no volume yet
        (1, 0, 5_000),
        (0, 1, 200),
        (1, 1_000_000, 201),  # 0.1, rounded up
        (10, 1_000_000, 201),
        (11, 1_000_000, 202),
        (48, 1_000, 5_000),  # 200 + 4800 is the maximum exactly
        (47, 1_000, 4_900),
        (49, 1_000, 5_000),
        (999, 1_000, 5_000),
        (1_000, 1_000, 5_000),
        (LIMIT, LIMIT, 5_000),
    ],
)
def test_slippage_is_base_plus_impact_rounded_up_and_capped(quantity: int, volume: int, ppm: int) -> None:
    assert slippage_ppm(RULES, MARKET, quantity, volume) == ppm


def test_an_order_as_large_as_the_volume_pays_the_maximum_slippage() -> None:
    rules = QUIET._replace(impact_ppm=1, max_slippage_ppm=5_000)
    assert slippage_ppm(rules, MARKET, 99, 100) == 1
    assert slippage_ppm(rules, MARKET, 100, 100) == 5_000


@pytest.mark.parametrize(
    ("quantity_up", "volume_up", "ppm"), [(1, 1, 1_200), (10, 1, 5_000), (1, 10, 300), (10, 10, 1_200)]
)
def test_quantity_and_volume_are_compared_in_the_finer_scale(quantity_up: int, volume_up: int, ppm: int) -> None:
    market = MARKET._replace(quantity_up=quantity_up, volume_up=volume_up)
    assert slippage_ppm(RULES, market, 10, 1_000) == ppm


def test_an_amount_above_the_limit_in_the_finer_scale_is_capped_at_the_limit() -> None:
    finer = MARKET._replace(quantity_up=10**8, volume_up=1)
    assert (
        slippage_ppm(RULES, finer, LIMIT // 10**8 + 1, LIMIT - 1) == 5_000
    )  # the quantity is at the limit, the volume below it
    coarser = MARKET._replace(quantity_up=1, volume_up=10**8)
    assert (
        slippage_ppm(RULES, coarser, 2**31, LIMIT) == 201
    )  # the volume is at the limit: 2**31 of 2**62 is next to nothing


@pytest.mark.parametrize(("volume", "ppm"), [(2**31 - 1, 1), (2**31, 5), (10 * 2**31 - 1, 1), (10 * 2**31, 5)])
def test_quantity_and_volume_are_divided_by_ten_until_the_volume_is_below_its_bound(volume: int, ppm: int) -> None:
    rules = QUIET._replace(impact_ppm=10**9, max_slippage_ppm=5_000)
    assert slippage_ppm(rules, MARKET, 1, volume) == ppm  # the quantity is rounded up to 1 each time


@given(st.integers(0, LIMIT), st.integers(1, LIMIT), st.integers(0, 10**9))
def test_the_impact_of_large_amounts_is_never_below_and_barely_above_the_exact_value(
    ours: int, theirs: int, impact: int
) -> None:
    rules = QUIET._replace(impact_ppm=impact, max_slippage_ppm=2**31)
    exact = Fraction(impact * ours, theirs)
    if ours >= theirs:
        assert slippage_ppm(rules, MARKET, ours, theirs) == 2**31
        return
    got = slippage_ppm(rules, MARKET, ours, theirs)
    assert min(ceil(exact), 2**31) <= got <= exact * Fraction(100_000_001, 100_000_000) + Fraction(impact, 10**8) + 1


@pytest.mark.parametrize(
    ("reference", "ppm", "tick", "bought", "sold"),
    [
        (10_000, 0, 1, 10_000, 10_000),
        (10_000, 1, 1, 10_001, 9_999),
        (10_000, 100, 1, 10_001, 9_999),
        (10_000, 101, 1, 10_002, 9_998),
        (10_000, 0, 10, 10_000, 10_000),
        (10_001, 0, 10, 10_010, 10_000),
        (10_009, 0, 10, 10_010, 10_000),
        (10_000, 1_000, 7, 10_010, 9_989),
        (10_000, 500_000, 1, 15_000, 5_000),
        (1, 200, 1, 2, 1),  # nothing is sold below one tick (S25a)
        (2, 5_000, 1, 3, 1),
        (10, 5_000, 10, 20, 10),
    ],
)
def test_market_orders_pay_slippage_and_round_to_the_worse_tick(
    reference: int, ppm: int, tick: int, bought: int, sold: int
) -> None:
    rules, market = QUIET._replace(base_slippage_ppm=ppm, max_slippage_ppm=ppm), MARKET._replace(tick=tick)
    assert bought_at(rules, market, reference, 1, 1_000) == bought
    assert sold_at(rules, market, reference, 1, 1_000) == sold


@given(st.integers(1, LIMIT // 1_000), st.integers(0, 500_000), st.integers(1, 10_000))
def test_a_fill_price_is_on_the_tick_and_never_better_than_the_reference(reference: int, ppm: int, tick: int) -> None:
    rules, market = QUIET._replace(base_slippage_ppm=ppm, max_slippage_ppm=ppm), MARKET._replace(tick=tick)
    bought, sold = bought_at(rules, market, reference, 1, 2), sold_at(rules, market, reference, 1, 2)
    assert bought % tick == sold % tick == 0
    assert tick <= sold <= max(reference, tick)
    assert reference <= bought
    assert bought >= reference * Fraction(1_000_000 + ppm, 1_000_000) > bought - tick - 1
    if sold > tick:
        assert sold <= reference * Fraction(1_000_000 - ppm, 1_000_000) < sold + tick + 1


@pytest.mark.parametrize(
    ("notional", "rate", "charged"),
    [
        (0, 1_000, 0),
        (1, 1_000, 1),
        (1_000, 1_000, 1),
        (1_001, 1_000, 2),
        (99_099, 5_000, 496),
        (LIMIT, 50_000, 230_584_300_921_369_396),
    ],
)
def test_the_commission_is_rounded_up(notional: int, rate: int, charged: int) -> None:
    assert fee(notional, rate) == charged


@pytest.mark.parametrize(
    ("price", "quantity", "k", "rest", "answer"),
    [
        (LIMIT, 1, 1, 0, True),
        (LIMIT + 1, 1, 1, 0, False),
        (LIMIT, 1, 1, 1, False),
        (LIMIT - 1, 1, 1, 1, True),
        (2**31, 2**30, 2, 0, True),
        (2**31 + 1, 2**30, 2, 0, False),
        (0, 1, 1, LIMIT, True),
        (1, 1, 1, LIMIT, False),
        (0, 1, 1, LIMIT + 1, False),
    ],
)
def test_an_amount_fits_up_to_the_limit(price: int, quantity: int, k: int, rest: int, answer: bool) -> None:
    assert fits(price, quantity, k, rest) is answer


@given(st.integers(0, LIMIT // 1_000), st.integers(1, 2**40), st.sampled_from([1, 10, 10**8]), st.integers(0, LIMIT))
def test_an_amount_is_accepted_exactly_if_it_stays_within_the_limit(
    price: int, quantity: int, k: int, rest: int
) -> None:
    assert fits(price, quantity, k, rest) == (rest + price * quantity * k <= LIMIT)


@given(st.integers(0, LIMIT), st.integers(0, LIMIT), st.sampled_from([1, 10, 10**8]))
def test_the_value_of_a_position_is_capped_at_the_limit(price: int, quantity: int, k: int) -> None:
    assert worth(price, quantity, k) == min(price * quantity * k, LIMIT)
