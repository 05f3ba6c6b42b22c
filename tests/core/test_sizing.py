"""Confidence, budget and quantity (S23)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.exits import Distances, levels_from, stop_in_force
from safla.core.fills import fee
from safla.core.scale import LIMIT
from safla.core.sizing import affordable, budget, confidence_ppm, loss_at, quantity_at, sized, within_loss
from safla.core.values import NONE
from tests.core.scenario import MARKET, QUIET

NONE_GIVEN = Distances(NONE, NONE, NONE)


@pytest.mark.parametrize(
    ("strength", "cap", "threshold", "ppm"),
    [
        (0.0, 900_000, 10_000, 0),
        (0.0075, 900_000, 10_000, 750_000),
        (0.009, 900_000, 10_000, 899_999),  # the one place of a float: 0.009 / 0.01 is a little less than 0.9
        (0.4375, 900_000, 500_000, 875_000),
        (0.45, 900_000, 500_000, 900_000),
        (0.01, 900_000, 10_000, 900_000),
        (5.0, 900_000, 10_000, 900_000),
        (float("inf"), 900_000, 10_000, 900_000),
        (0.0, 900_000, 0, 900_000),
        (0.5, 900_000, 1_000_000, 500_000),
        (1e-9, 900_000, 1, 1_000),
        (0.999999, 1_000_000, 1_000_000, 999_999),
        (1.0, 1_000_000, 1_000_000, 1_000_000),
        (7.0, 1_000_000, 1_000_000, 1_000_000),
        (0.0, 1_000_000, 0, 1_000_000),
    ],
)
def test_confidence_is_signal_strength_over_threshold_and_at_most_the_cap(
    strength: float, cap: int, threshold: int, ppm: int
) -> None:
    assert confidence_ppm(strength, cap, threshold) == ppm


@pytest.mark.parametrize(
    ("confidence", "cash", "room", "amount"),
    [
        (900_000, 10**9, 10**9, 45_000),  # half of 100 000, and nine tenths of that
        (450_000, 10**9, 10**9, 22_500),
        (0, 10**9, 10**9, 0),
        (900_000, 75_000, 10**9, 45_000),  # 60 % of the cash
        (900_000, 74_999, 10**9, 44_999),
        (900_000, 0, 10**9, 0),
        (900_000, 1, 10**9, 0),
        (900_000, 10**9, 45_001, 45_000),
        (900_000, 10**9, 44_999, 44_999),
        (900_000, 10**9, 0, 0),
        (900_000, 10**9, -1, 0),
        (900_000, LIMIT, -LIMIT, 0),
    ],
)
def test_the_budget_is_the_minimum_of_position_size_cash_and_remaining_exposure(
    confidence: int, cash: int, room: int, amount: int
) -> None:
    rules = QUIET._replace(max_position=100_000, position_size_ppm=500_000, max_exposure_ppm=600_000)
    assert budget(rules, confidence, 10**9, cash, room) == amount


@pytest.mark.parametrize(
    ("largest", "share", "equity", "amount"),
    [
        (0, 200_000, 1_000_000, 180_000),  # a fifth of the equity, and nine tenths of that
        (0, 200_000, 1_000_009, 180_000),  # rounded down twice
        (0, 200_000, 1_000_010, 180_001),
        (100_000, 200_000, 1_000_000, 90_000),  # the least of both
        (100_000, 50_000, 1_000_000, 45_000),
        (0, 1, 999_999, 0),
        (0, 1_000_000, LIMIT, 10**15),  # cash and room hold as without a share
    ],
)
def test_an_entry_spends_a_share_of_the_equity_and_no_more_than_the_largest_position(
    largest: int, share: int, equity: int, amount: int
) -> None:
    rules = QUIET._replace(max_position=largest, equity_share_ppm=share)
    assert budget(rules, 900_000, equity, 10**15, 10**16) == amount


@pytest.mark.parametrize(
    ("amount", "price", "lot", "k", "rate", "quantity"),
    [
        (100_000, 10_000, 1, 1, 0, 10),
        (99_999, 10_000, 1, 1, 0, 9),
        (101_000, 10_000, 1, 1, 10_000, 10),
        (100_999, 10_000, 1, 1, 10_000, 9),
        (100_000, 10_000, 4, 1, 0, 8),
        (100_000, 10_000, 11, 1, 0, 0),
        (100_000, 10, 1, 1_000, 0, 10),
        (99_999, 10, 1, 1_000, 0, 9),
        (0, 1, 1, 1, 0, 0),
        (LIMIT, 1, 1, 1, 0, LIMIT),
        (LIMIT, LIMIT, 1, 10**18, 0, 0),
    ],
)
def test_an_amount_buys_whole_lots_including_the_fee(
    amount: int, price: int, lot: int, k: int, rate: int, quantity: int
) -> None:
    assert affordable(amount, price, MARKET._replace(lot=lot, k=k), rate) == quantity


@given(
    st.integers(0, LIMIT), st.integers(1, LIMIT // 1_000), st.integers(1, 10**6), st.sampled_from([1, 10, 1_000]),
    st.integers(0, 50_000),
)  # fmt: skip
def test_a_quantity_fits_its_budget_and_one_more_lot_does_not(
    amount: int, price: int, lot: int, k: int, rate: int
) -> None:
    quantity = affordable(amount, price, MARKET._replace(lot=lot, k=k), rate)
    notional, larger = price * quantity * k, price * (quantity + lot) * k
    assert quantity % lot == 0
    assert notional + fee(notional, rate) <= amount < larger + fee(larger, rate)


@pytest.mark.parametrize(
    ("amount", "volume", "answer"),
    [
        (100_000, 100, (9, 11_000)),  # 10 of 100 move the price by a tenth; there it is 9
        (100_000, 1_000_000_000, (9, 10_001)),  # one unit of price is enough
        (100_010, 1_000_000_000, (10, 10_001)),
        (99_999, 100, (9, 10_900)),
        (9_999, 100, (0, 10_100)),  # not one lot: the price is that of one
        (100_000, 10, (6, 15_000)),
        (100_000, 0, (6, 15_000)),
    ],
)
def test_an_entry_is_sized_at_the_open_and_again_at_its_fill_price(
    amount: int, volume: int, answer: tuple[int, int]
) -> None:
    rules = QUIET._replace(impact_ppm=1_000_000, max_slippage_ppm=500_000)
    assert sized(rules, MARKET, amount, 0, NONE_GIVEN, 10_000, volume) == answer


@given(
    st.integers(0, 10**15), st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 50_000), st.integers(1, 100)
)
def test_slippage_never_raises_the_size_of_an_entry_or_its_cost_above_the_budget(
    amount: int, reference: int, volume: int, rate: int, lot: int
) -> None:
    rules = QUIET._replace(commission_ppm=rate, base_slippage_ppm=200, impact_ppm=100_000, max_slippage_ppm=5_000)
    market = MARKET._replace(lot=lot)
    quantity, price = sized(rules, market, amount, 0, NONE_GIVEN, reference, volume)
    assert price >= reference
    assert quantity <= affordable(amount, reference, market, rate)
    assert price * quantity + fee(price * quantity, rate) <= amount


@pytest.mark.parametrize(
    ("stop", "loss", "rate", "lot", "quantity"),
    [
        (9_500, 5_000, 0, 1, 10),
        (9_500, 5_499, 0, 1, 10),
        (9_500, 4_999, 0, 1, 9),
        (9_500, 499, 0, 1, 0),
        (9_500, 5_000, 1_000, 1, 9),  # 500 and fees of 10 and 9.5 each
        (9_500, 5_195, 1_000, 1, 10),
        (9_500, 5_194, 1_000, 1, 9),
        (9_500, 5_000, 0, 4, 8),
        (9_999, 5, 1_000, 1, 0),  # the fees are more than the distance
        (0, 10**9, 0, 1, 100_000),
        (9_500, 10**12, 0, 1, 1_000_000),  # no more than the most
    ],
)
def test_a_quantity_is_the_largest_that_loses_no_more_than_the_loss_at_its_stop(
    stop: int, loss: int, rate: int, lot: int, quantity: int
) -> None:
    rules, market = QUIET._replace(commission_ppm=rate), MARKET._replace(lot=lot)
    assert within_loss(rules, market, 10_000, stop, loss, 1_000_000) == quantity


@given(
    st.integers(0, LIMIT), st.integers(0, LIMIT), st.integers(2, LIMIT // 1_000), st.integers(1, 999_999),
    st.integers(0, 50_000), st.integers(1, 10**6), st.sampled_from([1, 10, 1_000]), st.integers(1, 100),
)  # fmt: skip
def test_an_entry_by_risk_never_loses_more_at_its_stop_and_one_more_lot_would(
    amount: int, loss: int, price: int, stop_ppm: int, rate: int, lot: int, k: int, tick: int
) -> None:
    rules = QUIET._replace(commission_ppm=rate, stop_loss_ppm=stop_ppm, risk_ppm=1)
    market = MARKET._replace(lot=lot, k=k, tick=tick)
    quantity = quantity_at(rules, market, amount, loss, NONE_GIVEN, price)
    stop = max(stop_in_force(rules, levels_from(rules, tick, price, NONE_GIVEN)), 0)
    most = affordable(amount, price, market, rate)
    assert quantity % lot == 0
    assert quantity <= most
    assert quantity == 0 or loss_at(rules, market, price, stop, quantity) <= loss
    assert quantity + lot > most or loss_at(rules, market, price, stop, quantity + lot) > loss


@given(
    st.integers(1, 10**15), st.integers(0, 10**15), st.integers(2, 10**9), st.integers(1, 10**9), st.integers(0, 10**9),
    st.integers(0, 50_000), st.integers(1, 100),
)  # fmt: skip
def test_slippage_never_raises_the_loss_of_an_entry_above_its_risk(
    amount: int, loss: int, reference: int, distance: int, volume: int, rate: int, tick: int
) -> None:
    rules = QUIET._replace(
        commission_ppm=rate, base_slippage_ppm=200, impact_ppm=100_000, max_slippage_ppm=5_000, risk_ppm=1,
        stop_distance=1,
    )  # fmt: skip
    market, distances = MARKET._replace(tick=tick), Distances(distance, NONE, NONE)
    quantity, price = sized(rules, market, amount, loss, distances, reference, volume)
    stop = stop_in_force(rules, levels_from(rules, tick, price, distances))
    assert loss_at(rules, market, price, stop, quantity) <= loss
    assert quantity <= quantity_at(rules, market, amount, loss, distances, reference)
