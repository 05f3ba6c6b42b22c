"""Exit levels of a position, and which of them a candle hits (S9, S11, S12, S14, S27)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.exits import (
    Distances,
    Hit,
    Levels,
    exit_at_open,
    exit_inside,
    gross_of_long,
    gross_of_short,
    levels_from,
    raise_stops,
    reached,
    short_stop_above,
    short_target_below,
    stop_below,
    stop_reason,
    target_above,
)
from safla.core.values import NO_REASON, NONE, STOP_LOSS, TAKE_PROFIT, TRAILING_STOP, Rules
from tests.core.scenario import QUIET

PRICES = st.integers(1, 2**62 // 1_000)
NOTHING = Hit(NO_REASON, 0, 0)
NONE_GIVEN = Distances(NONE, NONE, NONE)
HELD = Levels(stop=9_500, target=11_000, trail=0, arm=10_000, highest=10_000, even=0)
TRAILED = HELD._replace(trail=9_800)


@pytest.mark.parametrize(
    ("price", "ppm", "tick", "stop", "target"),
    [
        (10_000, 50_000, 1, 9_500, 10_500),
        (10_001, 50_000, 1, 9_501, 10_502),  # 500.05: the stop is nearer, the target farther
        (10_000, 50_300, 10, 9_500, 10_510),  # 503: both are rounded up to the tick
        (10_000, 1, 1, 9_999, 10_001),  # 0.01: one tick at least
        (10_000, 1, 100, 9_900, 10_100),
        (10_000, 20_000, 100, 9_800, 10_200),
        (10_000, 20_001, 100, 9_800, 10_300),
        (10_000, 999_999, 1, 1, 20_000),
        (1, 500_000, 1, 0, 2),  # no stop fits below a price of one tick
        (10_000, 100_000_000, 1, 0, 1_010_000),
    ],
)
def test_stop_and_target_prices_of_a_long_position(price: int, ppm: int, tick: int, stop: int, target: int) -> None:
    assert stop_below(price, ppm, tick) == stop
    assert target_above(price, ppm, tick) == target


@pytest.mark.parametrize(
    ("price", "ppm", "tick", "stop", "target"),
    [
        (10_000, 50_000, 1, 10_500, 9_500),
        (10_001, 50_000, 1, 10_501, 9_500),  # 500.05: the stop is nearer, the target farther
        (10_000, 50_300, 10, 10_500, 9_490),
        (10_000, 1, 1, 10_001, 9_999),
        (10_000, 1, 100, 10_100, 9_900),
        (10_000, 20_001, 100, 10_200, 9_700),
    ],
)
def test_stop_and_target_of_a_short_mirror_those_of_a_long_position(
    price: int, ppm: int, tick: int, stop: int, target: int
) -> None:
    assert short_stop_above(price, ppm, tick) == stop
    assert short_target_below(price, ppm, tick) == target


@given(st.integers(1, 10**9), st.integers(1, 999_999), st.integers(1, 1_000))
def test_a_level_is_a_rounded_share_away_on_the_tick_and_at_least_one_tick(ticks: int, ppm: int, tick: int) -> None:
    price = ticks * tick
    share = Fraction(price * ppm, 1_000_000)
    stop, target = stop_below(price, ppm, tick), target_above(price, ppm, tick)
    assert stop % tick == target % tick == 0
    assert stop == price - tick or price - share <= stop < price - share + 1 + tick
    assert target == price + tick or price + share <= target < price + share + 1 + tick
    assert stop <= price - tick
    assert target >= price + tick
    mirror = 2 * price  # a multiple of the tick, so mirroring keeps the grid
    assert short_stop_above(price, ppm, tick) == mirror - stop
    assert short_target_below(price, ppm, tick) == mirror - target


def test_a_trailing_stop_is_on_the_tick_even_if_the_highest_price_is_not() -> None:
    assert stop_below(105, 10_000, 10) == 90


@pytest.mark.parametrize(
    ("changes", "levels"),
    [
        ({}, Levels(0, 0, 0, 10_000, 10_000, 0)),
        ({"stop_loss_ppm": 50_000}, Levels(9_500, 0, 0, 10_000, 10_000, 0)),
        ({"take_profit_ppm": 100_000}, Levels(0, 11_000, 0, 10_000, 10_000, 0)),
        ({"trailing_stop_ppm": 20_000}, Levels(0, 0, 9_800, 10_000, 10_000, 0)),
        ({"trailing_stop_ppm": 20_000, "trailing_activation_ppm": 1}, Levels(0, 0, 0, 10_001, 10_000, 0)),
        ({"trailing_activation_ppm": 100_000}, Levels(0, 0, 0, 11_000, 10_000, 0)),
        (
            {"stop_loss_ppm": 50_000, "take_profit_ppm": 100_000, "trailing_stop_ppm": 20_000},
            Levels(9_500, 11_000, 9_800, 10_000, 10_000, 0),
        ),
    ],
)
def test_each_level_may_be_null(changes: dict[str, int], levels: Levels) -> None:
    assert levels_from(QUIET._replace(**changes), 1, 10_000, NONE_GIVEN) == levels


@pytest.mark.parametrize(
    ("trail", "arm", "highest", "high", "raised"),
    [
        (0, 10_000, 10_000, 10_000, 9_800),
        (9_800, 10_000, 10_000, 9_000, 9_800),  # a lower high changes nothing
        (9_800, 10_000, 10_000, 10_001, 9_801),  # 200.02 below
        (9_800, 10_000, 10_000, 12_000, 11_760),
        (0, 12_000, 10_000, 11_999, 0),  # one below: not armed
        (0, 12_000, 10_000, 12_000, 11_760),
        (0, 12_000, 12_000, 11_000, 11_760),  # armed by a high before
        (11_900, 10_000, 12_000, 12_000, 11_900),  # it never falls
    ],
)
def test_an_armed_trailing_stop_follows_the_highest_price(
    trail: int, arm: int, highest: int, high: int, raised: int
) -> None:
    rules = QUIET._replace(trailing_stop_ppm=20_000)
    before = Levels(9_500, 11_000, trail, arm, highest, 0)
    after = raise_stops(rules, 1, 10_000, before, high, NONE)
    assert after == Levels(9_500, 11_000, raised, arm, max(highest, high), 0)


def test_without_a_trailing_stop_only_the_highest_price_is_updated() -> None:
    assert raise_stops(QUIET, 1, 10_000, HELD, 12_000, NONE) == HELD._replace(highest=12_000)


@given(st.lists(PRICES, min_size=1, max_size=20), PRICES, st.integers(0, 500_000), st.integers(1, 999_999))
def test_a_trailing_stop_never_falls_and_depends_only_on_the_highest_high(
    highs: list[int], price: int, activation: int, ppm: int
) -> None:
    rules = QUIET._replace(trailing_stop_ppm=ppm, trailing_activation_ppm=activation)
    start = levels = levels_from(rules, 1, price, NONE_GIVEN)
    trails = [levels.trail]
    for high in highs:
        levels = raise_stops(rules, 1, 10_000, levels, high, NONE)
        trails.append(levels.trail)
    assert trails == sorted(trails)
    assert levels == raise_stops(rules, 1, 10_000, start, max(highs), NONE)


@pytest.mark.parametrize(
    ("levels", "rules", "price", "hit"),
    [
        (HELD, QUIET, 9_501, NOTHING),
        (HELD, QUIET, 9_500, Hit(STOP_LOSS, 9_500, 0)),
        (HELD, QUIET, 9_400, Hit(STOP_LOSS, 9_400, 0)),
        (TRAILED, QUIET, 9_801, NOTHING),
        (TRAILED, QUIET, 9_800, Hit(TRAILING_STOP, 9_800, 0)),
        (TRAILED, QUIET, 9_000, Hit(TRAILING_STOP, 9_000, 0)),
        (HELD, QUIET, 11_000, NOTHING),
        (HELD, QUIET, 11_001, Hit(TAKE_PROFIT, 11_000, 0)),
        (HELD, QUIET._replace(target_improvement=1), 11_001, Hit(TAKE_PROFIT, 11_001, 0)),
        (HELD, QUIET._replace(touch=1), 10_999, NOTHING),
        (HELD, QUIET._replace(touch=1), 11_000, Hit(TAKE_PROFIT, 11_000, 0)),
        (Levels(0, 0, 0, 1, 1, 0), QUIET._replace(touch=1), 1, NOTHING),
        (Levels(0, 0, 0, 1, 1, 0), QUIET, 2**60, NOTHING),
    ],
)
def test_an_opening_gap_beyond_a_level_exits_at_the_open(levels: Levels, rules: Rules, price: int, hit: Hit) -> None:
    assert exit_at_open(rules, levels, price) == hit


@pytest.mark.parametrize(
    ("levels", "low", "high", "pessimistic", "optimistic"),
    [
        (HELD, 9_501, 11_000, NOTHING, NOTHING),
        (HELD, 9_500, 11_000, Hit(STOP_LOSS, 9_500, 0), Hit(STOP_LOSS, 9_500, 0)),
        (HELD, 9_000, 11_000, Hit(STOP_LOSS, 9_500, 0), Hit(STOP_LOSS, 9_500, 0)),
        (HELD, 9_501, 11_001, Hit(TAKE_PROFIT, 11_000, 0), Hit(TAKE_PROFIT, 11_000, 0)),
        (HELD, 9_500, 11_001, Hit(STOP_LOSS, 9_500, 11_000), Hit(TAKE_PROFIT, 11_000, 9_500)),
        (TRAILED, 9_801, 11_000, NOTHING, NOTHING),
        (TRAILED, 9_800, 11_000, Hit(TRAILING_STOP, 9_800, 0), Hit(TRAILING_STOP, 9_800, 0)),
        (TRAILED, 9_400, 11_001, Hit(TRAILING_STOP, 9_800, 11_000), Hit(TAKE_PROFIT, 11_000, 9_800)),
        (Levels(0, 0, 0, 1, 1, 0), 1, 2**60, NOTHING, NOTHING),
    ],
)
def test_a_level_inside_a_candle_exits_at_the_level(
    levels: Levels, low: int, high: int, pessimistic: Hit, optimistic: Hit
) -> None:
    assert exit_inside(QUIET, levels, low, high) == pessimistic
    assert exit_inside(QUIET._replace(optimistic=1), levels, low, high) == optimistic


@pytest.mark.parametrize(
    ("high", "hit"), [(10_999, NOTHING), (11_000, Hit(TAKE_PROFIT, 11_000, 0)), (11_001, Hit(TAKE_PROFIT, 11_000, 0))]
)
def test_a_touched_target_fills_if_the_rules_allow_it(high: int, hit: Hit) -> None:
    assert exit_inside(QUIET._replace(touch=1), HELD, 9_600, high) == hit


@pytest.mark.parametrize(
    ("stop", "trail", "reason"),
    [(9_500, 9_499, STOP_LOSS), (9_500, 9_500, STOP_LOSS), (9_500, 9_501, TRAILING_STOP), (0, 1, TRAILING_STOP)],
)
def test_the_higher_of_stop_and_trailing_stop_names_the_exit(stop: int, trail: int, reason: int) -> None:
    assert stop_reason(HELD._replace(stop=stop, trail=trail)) == reason


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(9_801, 10_999, False), (9_800, 10_999, True), (9_801, 11_000, True), (1, 99_999, True)],
)
def test_a_touch_of_any_level_is_detected(low: int, high: int, answer: bool) -> None:
    assert reached(9_500, 9_800, 11_000, low, high) is answer
    assert reached(9_800, 9_500, 11_000, low, high) is answer
    assert reached(9_800, 0, 11_000, low, high) is answer


def test_a_level_that_is_not_set_is_not_reached() -> None:
    assert not reached(0, 0, 0, 1, 2**60)


SMALL = st.integers(0, 30)


@given(SMALL, SMALL, SMALL, SMALL, SMALL, SMALL, st.booleans(), st.booleans())
def test_a_skipped_candle_hits_no_level(
    stop: int, trail: int, target: int, low: int, first: int, high: int, touch: bool, optimistic: bool
) -> None:
    rules = QUIET._replace(touch=int(touch), optimistic=int(optimistic))
    low, first, high = sorted((low + 1, first + 1, high + 1))
    levels = Levels(stop, target, trail, 1, 1, 0)
    if not reached(stop, trail, target, low, high):
        assert exit_inside(rules, levels, low, high) == NOTHING
        assert exit_at_open(rules, levels, first) == NOTHING
    if not reached(stop, trail, target, first, first):
        assert exit_at_open(rules, levels, first) == NOTHING


@pytest.mark.parametrize(("entry", "exit_price", "gross"), [(100, 110, 60), (100, 90, -60), (100, 100, 0)])
def test_the_profit_of_a_short_is_the_negated_profit_of_a_long(entry: int, exit_price: int, gross: int) -> None:
    assert gross_of_long(entry, exit_price, 3, 2) == gross
    assert gross_of_short(entry, exit_price, 3, 2) == -gross
