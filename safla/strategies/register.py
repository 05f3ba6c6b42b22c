"""The register of strategies by name: pure functions of closed candles (D5), without cash, fees or modes.

A strategy of ours is one file beside this one, one row of STRATEGIES, and one test.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from safla.core.scale import MILLION
from safla.core.sizing import Confidence
from safla.core.values import Columns, Float64, Int8
from safla.section import Section
from safla.strategies import rsi, sma_crossover

# (candles, parameters) -> (signal int8[n], strength float64[n])
SignalFunction = Callable[[Any, Any], tuple[Int8, Float64]]
# (state, columns, first row of the block, parameters, signal int8[n], strength float64[n]) -> state after the block;
# signal and strength are zeros, into which it writes
FeedFunction = Callable[[Any, Columns, int, Any, Int8, Float64], Any]
Violations = Iterator[tuple[tuple[str, ...], str]]  # (names of the keys that do not fit together, what is wrong)


def all_candles(_parameters: Any) -> int | None:
    """The window of a strategy that depends on all candles since the start of the run: None."""
    return None


def given_parameters(strategy: Any) -> dict[str, Any]:
    """The parameters of a strategy from Python: `strategy.parameters` as they stand."""
    return dict(strategy.parameters)


def no_problems(_keys: Any) -> Violations:
    """The rules between the keys of a strategy that has none."""
    yield from ()


def no_products(_parameters: Any) -> int:
    """The factor of a strategy that multiplies no price: 1."""
    return 1


def strength_itself(_parameters: Any) -> Confidence:
    """The confidence of a strategy that says no other: its strength, at most 1."""
    return Confidence(MILLION, MILLION)


class GivenDistances(NamedTuple):
    """Which distances a strategy gives beside its signals (S30)."""

    stop: bool
    target: bool
    trail: bool


def gives_none(_parameters: Any) -> GivenDistances:
    """No distance: the levels are shares of the fill price."""
    return GivenDistances(False, False, False)


class Fold(NamedTuple):
    """A strategy that carries a state from one block of candles to the next, so that each candle is read once.

    The state is a NamedTuple of int and float, and is never changed in place. However the candles are cut into blocks,
    the signals are the same.
    """

    begin: Callable[[Any], Any]  # parameters -> the state before the first candle
    feed: FeedFunction
    rows_before: Callable[[Any], int]  # parameters -> how many candles before the block `feed` reads, at most


class Strategy(NamedTuple):
    """A strategy: its function, its keys, and how many candles it needs.

    `keys` in `resolve` and `check` is an instance of `section`; without a section it is the section `strategy` itself.
    """

    columns: SignalFunction
    warm_up: Callable[[Any], int]  # parameters -> candles before the first signal
    settle: Callable[[Any], int] | None = None  # parameters -> candles after a gap (S29); None: as warm_up
    section: type[Section] | None = None  # the keys of `strategy.parameters`
    resolve: Callable[[Any], Any] = given_parameters  # keys -> parameters; numbers in a NamedTuple can be compiled
    check: Callable[[Any], Violations] = no_problems  # the rules between the keys
    window: Callable[[Any], int | None] = all_candles  # how many last candles it depends on; None: all (C14)
    price_factor: Callable[[Any], int] = no_products  # a price times this is the largest number that it makes (D1)
    confidence: Callable[[Any], Confidence] = strength_itself  # parameters -> what a strength is worth (S23)
    distances: Callable[[Any], GivenDistances] = gives_none  # parameters -> the columns of Signals that it fills
    natural: bool = False  # True: it gets Candles of runs/strategy_candles.py (floats); else Columns (integers)
    fold: Fold | None = None  # the same signals as those of `columns`; where there is one, runs use it


STRATEGIES: dict[str, Strategy] = {
    "rsi": Strategy(
        rsi.rsi, rsi.warm_up, section=rsi.RsiSection, resolve=rsi.resolve, check=rsi.check,
        price_factor=rsi.price_factor, fold=Fold(rsi.begin, rsi.feed, rsi.rows_before),
    ),
    "sma_crossover": Strategy(
        sma_crossover.sma_crossover, sma_crossover.warm_up, resolve=sma_crossover.resolve, check=sma_crossover.check,
        price_factor=sma_crossover.price_factor,
        confidence=sma_crossover.confidence,
        fold=Fold(sma_crossover.begin, sma_crossover.feed, sma_crossover.rows_before),
    ),
}  # fmt: skip


def keys_of(strategy: Strategy, section: Any) -> Any:
    """What `resolve` and `check` of a strategy take. pydantic's ValidationError for parameters that do not fit.

    section  the section `strategy` of a configuration
    """
    return section if strategy.section is None else strategy.section.model_validate(dict(section.parameters))
