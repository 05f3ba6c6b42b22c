"""Every @pure function of numbers: its results fit in int64, and compiled alone it gives the same.

Compiling each of them alone takes numba, which the environment of `make bench` and `make soak` has. What the engine
library holds is compared in tests/compiled and tests/properties.
"""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.core import exits, fills, machine, risk, scale, sizing
from safla.core.account import room_for
from safla.core.engine import fold  # imports every module of the core that marks a function
from safla.core.pure import PURE
from safla.core.scale import LIMIT
from safla.core.values import Market
from tests.core.scenario import QUIET

Strategy = st.SearchStrategy[Any]
NUMBERS = (int, float, bool)


def ints(least: int, most: int) -> Strategy:
    """Integers of every size between two bounds: small ones, and those at the bounds."""
    return st.one_of(
        st.integers(least, min(most, least + 20)), st.integers(least, most), st.integers(max(least, most - 20), most)
    )


AMOUNT = ints(0, LIMIT)
PRICE = ints(1, LIMIT // 1_000)  # D1
SHARE = ints(0, 1_000_000)
RATE = ints(0, 2**31 - 1)
TICK = ints(1, 10**6)
POWER = st.sampled_from([10**n for n in range(19)])
MARKETS = st.builds(Market, TICK, ints(1, 10**9), POWER, AMOUNT, POWER, POWER)
RULES = st.builds(
    QUIET._replace,
    optimistic=st.integers(0, 1),
    touch=st.integers(0, 1),
    target_improvement=st.integers(0, 1),
    commission_ppm=ints(0, 50_000),
    base_slippage_ppm=ints(0, 100_000),
    impact_ppm=ints(0, 10**9),
    max_slippage_ppm=ints(0, 500_000),
    max_position=AMOUNT,
    position_size_ppm=SHARE,
    equity_share_ppm=SHARE,
    risk_ppm=SHARE,
    max_exposure_ppm=SHARE,
    stop_loss_ppm=ints(0, 999_999),
    take_profit_ppm=ints(0, 100_000_000),
    trailing_stop_ppm=ints(0, 999_999),
    trailing_activation_ppm=ints(0, 100_000_000),
    stop_distance=st.integers(0, 1),
    target_distance=st.integers(0, 1),
    trail_distance=st.integers(0, 1),
    break_even_after_ppm=ints(0, 100_000_000),
    break_even_offset_ppm=ints(0, 100_000_000),
    max_open_positions=ints(1, 50),
    max_daily_trades=ints(0, 50),
    cooldown_candles=ints(0, 100),
)
DISTANCE = ints(-1, LIMIT)
DISTANCES = st.builds(exits.Distances, DISTANCE, DISTANCE, DISTANCE)
LEVEL = ints(0, LIMIT // 10)
LEVELS = st.builds(exits.Levels, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL, LEVEL)
REQUESTS = st.builds(
    risk.EntryRequest,
    st.integers(0, 4),
    AMOUNT,
    ints(0, 99),
    ints(0, 10**6),
    ints(0, 10**6),
    ints(-1, 200),
    ints(0, 60),
)
LEGAL = [(machine.MODES.index(m), machine.TRIGGERS.index(t)) for t, m, _ in machine.TABLE]


def at_most(limit: int, *arguments: Strategy, product: Callable[..., int]) -> Strategy:
    """Arguments whose product stays within a limit, as the docstring of the function asks."""
    return st.tuples(*arguments).filter(lambda drawn: abs(product(*drawn)) <= limit)


NET = at_most(LIMIT, PRICE, PRICE, ints(1, 10**12), POWER, product=lambda a, b, quantity, k: max(a, b) * quantity * k)

ARGUMENTS: dict[Callable[..., Any], Strategy] = {
    scale.mul_div: at_most(2**63 - 1, ints(0, 2**63 - 1), RATE, ints(1, 2**31 - 1), product=lambda a, n, d: a * n // d),
    scale.share_down: at_most(2**63 - 1, AMOUNT, RATE, product=lambda a, ppm: a * ppm // 10**6),
    scale.share_up: at_most(2**63 - 2, AMOUNT, RATE, product=lambda a, ppm: a * ppm // 10**6),
    scale.to_price: st.tuples(st.floats()),
    scale.times: st.tuples(AMOUNT, ints(1, LIMIT)),
    fills.bought_at: st.tuples(RULES, MARKETS, PRICE, AMOUNT, AMOUNT),
    fills.sold_at: st.tuples(RULES, MARKETS, PRICE, AMOUNT, AMOUNT),
    fills.slippage_ppm: st.tuples(RULES, MARKETS, AMOUNT, AMOUNT),
    fills.fee: st.tuples(AMOUNT, ints(0, 50_000)),
    fills.fits: st.tuples(ints(0, LIMIT), ints(1, 2**31), st.sampled_from([1, 10, 10**6]), ints(0, LIMIT + 1)),
    fills.worth: st.tuples(AMOUNT, AMOUNT, POWER),
    machine.moved: st.sampled_from(LEGAL),
    exits.levels_from: st.tuples(RULES, TICK, PRICE, DISTANCES),
    exits.level_below: st.tuples(PRICE, ints(0, LIMIT), TICK),
    exits.level_above: st.tuples(PRICE, ints(0, LIMIT), TICK),
    exits.step_target: st.tuples(PRICE, ints(-990_000, 100_000_000), TICK),
    exits.stop_below: st.tuples(PRICE, ints(0, 999_999), TICK),
    exits.target_above: st.tuples(PRICE, ints(0, 100_000_000), TICK),
    exits.short_stop_above: st.tuples(PRICE, ints(0, 999_999), TICK),
    exits.short_target_below: st.tuples(PRICE, ints(0, 100_000_000), TICK),
    exits.gross_of_long: NET,
    exits.gross_of_short: NET,
    exits.raise_stops: st.tuples(RULES, TICK, PRICE, LEVELS, PRICE, DISTANCE),
    exits.reached: st.tuples(LEVEL, LEVEL, LEVEL, PRICE, PRICE),
    exits.exit_at_open: st.tuples(RULES, LEVELS, PRICE),
    exits.exit_inside: st.tuples(RULES, LEVELS, PRICE, PRICE),
    exits.stop_reason: st.tuples(LEVELS),
    exits.stop_in_force: st.tuples(RULES, LEVELS),
    risk.rejected_entry: st.tuples(RULES, REQUESTS),
    risk.rejected_exit: st.tuples(ints(0, LIMIT), ints(0, 99)),
    risk.rejected_for_day: st.tuples(RULES, ints(0, 100)),
    risk.rejected_for_cash: st.tuples(AMOUNT, AMOUNT, AMOUNT, AMOUNT),
    risk.rejected_for_size: st.tuples(MARKETS, AMOUNT, PRICE, AMOUNT, ints(-1, LIMIT // 1_000), DISTANCES),
    risk.rejected_for_distances: st.tuples(RULES, TICK, PRICE, DISTANCES),
    risk.loss_met: st.tuples(AMOUNT, AMOUNT, SHARE),
    sizing.confidence_ppm: st.tuples(st.floats(0.0, 1e6), SHARE, SHARE),
    sizing.budget: st.tuples(RULES, SHARE, AMOUNT, AMOUNT, ints(-LIMIT, LIMIT)),
    sizing.affordable: st.tuples(AMOUNT, PRICE, MARKETS, ints(0, 50_000)),
    sizing.loss_at: st.tuples(RULES, MARKETS, PRICE, PRICE, AMOUNT).filter(
        lambda drawn: max(drawn[2:4]) * drawn[4] * drawn[1].k <= LIMIT
    ),
    sizing.within_loss: st.tuples(RULES, MARKETS, PRICE, PRICE, AMOUNT, AMOUNT).filter(
        lambda drawn: drawn[3] < drawn[2] and drawn[2] * drawn[5] * drawn[1].k <= LIMIT
    ),
    sizing.quantity_at: st.tuples(RULES, MARKETS, AMOUNT, AMOUNT, DISTANCES, PRICE),
    sizing.sized: st.tuples(RULES, MARKETS, AMOUNT, AMOUNT, DISTANCES, PRICE, AMOUNT),
    room_for: st.tuples(ints(1, 50)),
}


def takes_numbers(function: Callable[..., Any]) -> bool:
    """Whether every argument is a number or a NamedTuple of numbers."""
    kinds = [parameter.annotation for parameter in inspect.signature(function).parameters.values()]
    return all(
        kind in NUMBERS or set(getattr(kind, "__annotations__", {None: None}).values()) <= set(NUMBERS)
        for kind in kinds
    )


def test_every_pure_function_of_numbers_is_covered_by_this_file() -> None:
    assert fold in PURE
    ours = [f for f in PURE if f.__module__.startswith("safla.core.") and f.__module__ != "safla.core.frames"]
    assert [f.__name__ for f in ours if takes_numbers(f) and f not in ARGUMENTS] == []
    assert set(ARGUMENTS) <= set(PURE)


@pytest.fixture(scope="module")
def numba() -> Any:
    """numba, with every pure function registered, so that one can call another."""
    module = pytest.importorskip("numba", reason="numba is not installed: make soak installs it")
    extending = pytest.importorskip("numba.extending")
    for function in PURE:
        extending.register_jitable(function)
    return module


@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_the_result_of_a_pure_function_fits_in_int64(function: Callable[..., Any]) -> None:
    @settings(max_examples=50)
    @given(ARGUMENTS[function])
    def fits(drawn: tuple[Any, ...]) -> None:
        answer = function(*drawn)
        numbers = answer if isinstance(answer, tuple) else (answer,)
        assert all(abs(int(number)) < 2**63 for number in numbers)

    fits()


@pytest.mark.soak
@pytest.mark.parametrize("function", ARGUMENTS, ids=lambda function: function.__name__)
def test_a_pure_function_gives_the_same_interpreted_and_compiled(numba: Any, function: Callable[..., Any]) -> None:
    compiled = numba.njit(function)

    @settings(max_examples=50)
    @given(ARGUMENTS[function])
    def compare(drawn: tuple[Any, ...]) -> None:
        assert compiled(*drawn) == function(*drawn)

    compare()


class Wrapping(NamedTuple):
    """A product that passes int64."""

    amount: int


@pytest.mark.soak
def test_the_comparison_detects_an_integer_overflow(numba: Any) -> None:
    wraps = numba.njit(lambda wrapping: wrapping.amount * 4)
    assert wraps(Wrapping(LIMIT)) != Wrapping(LIMIT).amount * 4


@pytest.mark.soak
def test_an_illegal_transition_also_raises_when_compiled(numba: Any) -> None:
    compiled = numba.njit(machine.moved)
    with pytest.raises(AssertionError):
        compiled(machine.FLAT, machine.EXIT)
