"""The SMA crossover matches averages in fractions, written directly from S20-S22, and the window of D5."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.values import Columns
from safla.strategies.register import STRATEGIES
from safla.strategies.sma_crossover import Crossover, warm_up

sma_crossover = STRATEGIES["sma_crossover"].columns
MANY = st.lists(st.integers(96, 104), min_size=0, max_size=60)  # few values, so that ties are frequent
WIDE = st.lists(st.integers(1, 2**62 // 2**20), min_size=0, max_size=40)


@st.composite
def parameters(draw: st.DrawFn) -> Crossover:
    """Short periods, thresholds that are often met exactly, and some candles to confirm within."""
    slow = draw(st.integers(2, 8))
    return Crossover(
        fast_period=draw(st.integers(1, slow - 1)),
        slow_period=slow,
        entry_threshold_ppm=draw(st.sampled_from([0, 1, 1_000, 5_000, 10_000, 20_000, 1_000_000])),
        exit_threshold_ppm=draw(st.sampled_from([0, 1, 1_000, 5_000, 10_000, 20_000, 1_000_000])),
        confirm_within_candles=draw(st.integers(0, 4)),
    )


@given(st.one_of(MANY, WIDE), parameters())
def test_signals_match_the_averages_in_fractions(closes: list[int], rules: Crossover) -> None:
    signal, strength = sma_crossover(columns(closes), rules)
    expected = by_the_letter(closes, rules)
    assert signal.tolist() == [side for side, _ in expected]
    assert strength.tolist() == [size for _, size in expected]
    assert (signal.dtype.name, strength.dtype.name) == ("int8", "float64")


@given(st.one_of(MANY, WIDE), parameters())
def test_a_signal_depends_only_on_the_window_that_ends_at_it(closes: list[int], rules: Crossover) -> None:
    candles = columns(closes)
    signal, strength = sma_crossover(candles, rules)
    needed = warm_up(rules)
    for end in range(needed, len(closes) + 1):
        signals, strengths = sma_crossover(Columns(*(column[end - needed : end] for column in candles)), rules)
        assert (signals[-1], strengths[-1]) == (signal[end - 1], strength[end - 1])
    assert not signal[: needed - 1].any()


def test_one_candle_less_than_the_warm_up_gives_no_signal() -> None:
    rules = Crossover(1, 2, 0, 0, 1)
    assert warm_up(rules) == 4
    assert signals_of([10, 10, 11], rules) == [0, 0, 0]
    assert signals_of([10, 10, 10, 11], rules) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    ("closes", "signals"),
    [
        ([10, 10, 11, 12], [0, 0, 1, 0]),  # from a tie upwards is a golden cross
        ([10, 10, 9, 8], [0, 0, -1, 0]),  # and downwards a death cross
        ([10, 9, 9, 8], [0, 0, 0, -1]),  # below, a tie, below again: two death crosses
        ([10, 11, 11, 12], [0, 0, 0, 1]),
        ([10, 9, 11, 9], [0, 0, 1, -1]),
        ([9, 11, 12, 13], [0, 0, 0, 0]),  # above at the first average: no cross was seen
        ([11, 9, 8, 7], [0, 0, 0, 0]),
        ([10, 10, 10, 10], [0, 0, 0, 0]),
    ],
)
def test_equal_averages_are_on_neither_side_of_a_cross(closes: list[int], signals: list[int]) -> None:
    assert signals_of(closes, Crossover(1, 2, 0, 0, 0)) == signals


@pytest.mark.parametrize(("last", "signal"), [(102, 1), (101, 0), (98, -1), (99, 0)])
def test_a_threshold_is_met_at_its_exact_value(last: int, signal: int) -> None:
    rules = Crossover(1, 2, 9_900, 10_101, 0)  # 102 is 1 % above 101, its average with 100; 98 is 1 / 99 below 99
    assert signals_of([100, 100, last], rules)[-1] == signal


def test_an_exit_threshold_one_part_higher_is_not_met() -> None:
    assert signals_of([100, 100, 98], Crossover(1, 2, 0, 10_101, 0))[-1] == -1  # 0.010101...
    assert signals_of([100, 100, 98], Crossover(1, 2, 0, 10_102, 0))[-1] == 0


@pytest.mark.parametrize(
    ("confirm", "closes", "signals"),
    [
        (0, [100, 100, 101, 105, 120], [0, 0, 0, 0, 0]),  # the cross itself is too weak
        (1, [100, 100, 100, 101, 105, 120], [0, 0, 0, 0, 1, 0]),  # the candle after it is not; once a cross
        (1, [100, 100, 100, 101, 102, 120], [0, 0, 0, 0, 0, 0]),  # too late
        (2, [100, 100, 100, 100, 101, 102, 120], [0, 0, 0, 0, 0, 0, 1]),
        (2, [100, 100, 100, 100, 101, 101, 120], [0, 0, 0, 0, 0, 0, 1]),  # a tie ends the cross; the next is its own
        (2, [100, 100, 100, 100, 120, 121, 150], [0, 0, 0, 0, 1, 0, 0]),
        (1, [100, 101, 105, 120], [0, 0, 0, 0]),  # a cross that lies before the window is none
    ],
)
def test_a_cross_is_confirmed_within_the_confirmation_window_while_it_lasts(
    confirm: int, closes: list[int], signals: list[int]
) -> None:
    assert signals_of(closes, Crossover(1, 2, 15_000, 1_000_000, confirm)) == signals


def test_an_exit_is_signalled_once_when_the_exit_threshold_is_reached() -> None:
    assert signals_of([100, 100, 99, 95, 90, 89, 80], Crossover(1, 2, 0, 20_000, 0)) == [0, 0, 0, -1, 0, 0, -1]


def test_strength_is_the_distance_over_the_slow_average() -> None:
    signal, strength = sma_crossover(columns([100, 100, 102, 50]), Crossover(1, 2, 0, 0, 0))
    assert signal.tolist() == [0, 0, 1, -1]
    assert strength.tolist() == [0.0, 0.0, 1 / 101, 26 / 76]


def test_the_candle_columns_are_not_modified() -> None:
    whole = columns([100, 101, 99, 104])
    for column in whole:
        column.flags.writeable = False
    assert len(sma_crossover(whole, Crossover(1, 2, 0, 0, 0))[0]) == 4


def by_the_letter(closes: list[int], rules: Crossover) -> list[tuple[int, float]]:
    """S20-S22 as they are written, without running sums."""
    fast, slow, entry_ppm, exit_ppm, confirm = rules

    def averages(k: int) -> tuple[Fraction, Fraction]:
        return Fraction(sum(closes[k - fast + 1 : k + 1]), fast), Fraction(sum(closes[k - slow + 1 : k + 1]), slow)

    def meets(k: int, ppm: int) -> bool:  # in integers, with the products of S20
        a, b = (int(average * fast * slow) for average in averages(k))
        return abs(a - b) >= ceil(Fraction(b * ppm, 1_000_000))

    def above(k: int) -> bool:
        return averages(k)[0] > averages(k)[1]

    def golden(k: int) -> bool:
        return k >= slow and above(k) and not above(k - 1)

    def confirmed(k: int) -> bool:
        """A cross at most `confirm` candles ago, crossed ever since, and strong enough here for the first time."""
        for cross in range(k, max(k - confirm, slow) - 1, -1):
            if not above(cross):
                return False
            if golden(cross):
                return meets(k, entry_ppm) and not any(meets(j, entry_ppm) for j in range(cross, k))
        return False

    def exits(k: int) -> bool:
        return averages(k)[0] < averages(k)[1] and meets(k, exit_ppm)

    answers = []
    for k in range(len(closes)):
        whole = k + 1 >= slow + 1 + confirm
        signal = 1 if whole and confirmed(k) else -1 if whole and exits(k) and not exits(k - 1) else 0
        a, b = (int(average * fast * slow) for average in averages(k)) if signal else (1, 1)
        answers.append((signal, float(abs(a - b)) / float(b)))
    return answers


def columns(closes: list[int]) -> Columns:
    """Candles of which only the closes matter."""
    close = np.array(closes, np.int64)
    return Columns(np.arange(len(close)), close, close, close, close, close)


def signals_of(closes: list[int], rules: Crossover) -> list[int]:
    """The signals, as a list."""
    return [int(signal) for signal in sma_crossover(columns(closes), rules)[0]]


def test_averages_closer_than_float_precision_still_cross() -> None:
    # the fast average rises by a tenth of a unit and the slow one by a thirtieth, where floats are half a unit apart
    price = 2**62 // 1000
    close = np.array([price] * 40 + [price - 1] + [price], np.int64)
    close[:40] -= 1
    signal, _ = sma_crossover(Columns(*[close] * 6), Crossover(10, 30, 0, 0, 0))
    assert signal.tolist() == [0] * 41 + [1]
