"""The register of strategies by name: pure functions of closed candles (D5), without cash, fees or modes.

A strategy of ours is one file beside this one, one row of STRATEGIES, and one test.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from safla.core.scale import MILLION
from safla.core.sizing import Confidence
from safla.core.values import NOT_GIVEN, Columns, Float64, Int8, Int64
from safla.section import Section
from safla.strategies import rsi, sma_crossover

# (candles, parameters) -> (signal int8[n], strength float64[n])
SignalFunction = Callable[[Any, Any], tuple[Int8, Float64]]
# (state, columns, first row of the block, parameters, signal int8[n], strength float64[n]) -> state after the block;
# signal and strength are zeros, into which it writes; the columns of live candles are lists of integers
FeedFunction = Callable[[Any, Columns, int, Any, Int8, Float64], Any]
# names of the keys that do not fit together, what is wrong, and in a sentence also where
Violations = Iterator[tuple[Any, ...]]


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


class TimedKeys(NamedTuple):
    """The section `strategy` of a configuration, and the length of a candle, ms."""

    section: Any
    step_ms: int


class SymbolSignals(NamedTuple):
    """The signals of one symbol, by candle; NOT_GIVEN in place of a distance that the strategy does not give (S30)."""

    signal: Int8
    strength: Float64
    stop: Int64 = NOT_GIVEN
    target: Int64 = NOT_GIVEN
    trail: Int64 = NOT_GIVEN


class SymbolSource(Protocol):
    """The signals of one symbol, block after block."""

    def feed(self, candles: Columns) -> SymbolSignals:
        """The signals of the candles of the next block. StrategyError if the strategy fails."""


class Code(NamedTuple):
    """The code of a strategy from Python (C5)."""

    identity: str  # a hash of its files; NO_FILE for code without one
    files: tuple[tuple[str, bytes], ...] = ()  # by relative name, such as mine.py or helpers/__init__.py


NO_FILE = "none"  # the identity of code that is in no file, as in a notebook


class Strategy(NamedTuple):
    """A strategy: its function, its keys, and how many candles it needs.

    `keys` in `resolve` and `check` is an instance of `section`; without a section it is the section `strategy` itself,
    or TimedKeys for a strategy with `by_symbol`.
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
    # (parameters, price decimals, volume decimals, step ms, form of folds) -> the source of a symbol, in place of both
    by_symbol: Callable[..., SymbolSource] | None = None
    per_candle: Callable[[Any, Any], Any] | None = None  # (parameters, market) -> object with on_candle(candle)
    code: Code | None = None  # of a strategy from Python; None: it comes with safla


def in_one_block(fold: Fold) -> SignalFunction:
    """The array function of a fold: all candles as one block."""

    def columns(candles: Columns, parameters: Any) -> tuple[Int8, Float64]:
        import numpy as np  # only here: a configuration is checked without it

        signal, strength = np.zeros(len(candles.ts), np.int8), np.zeros(len(candles.ts))
        fold.feed(fold.begin(parameters), candles, 0, parameters, signal, strength)
        return signal, strength

    return columns


# The language of rules and its indicators take long to import, and most runs have none.


def _no_array_function(_candles: Any, _parameters: Any) -> tuple[Int8, Float64]:
    raise AssertionError("rules are evaluated symbol by symbol")


def _rule_set(keys: TimedKeys) -> Any:
    from safla.strategies.rules import rule_keys

    return rule_keys.rule_set(keys)


def _rule_problems(keys: TimedKeys) -> Violations:
    from safla.strategies.rules import rule_keys

    for problem in rule_keys.rule_problems(keys):
        yield (".".join(problem.key), *problem.unless), problem.text, tuple(problem.place)


def _symbol_rules(parameters: Any, price_decimals: int, volume_decimals: int, step_ms: int, compiled: Any) -> Any:
    from safla.strategies.rules.symbol_rules import SymbolRules, SymbolScales

    return SymbolRules(parameters, SymbolScales(price_decimals, volume_decimals), step_ms=step_ms, compiled=compiled)


RSI = Fold(rsi.begin, rsi.feed, rsi.rows_before)
CROSSOVER = Fold(sma_crossover.begin, sma_crossover.feed, sma_crossover.rows_before)

STRATEGIES: dict[str, Strategy] = {
    "rsi": Strategy(
        in_one_block(RSI), rsi.warm_up, section=rsi.RsiSection, resolve=rsi.resolve, check=rsi.check,
        price_factor=rsi.price_factor, fold=RSI,
    ),
    "rules": Strategy(
        _no_array_function, warm_up=lambda rules: int(rules.warm_up), resolve=_rule_set, check=_rule_problems,
        price_factor=lambda rules: int(rules.price_factor), settle=lambda rules: int(rules.settle),
        distances=lambda rules: GivenDistances(*(one is not None for one in (rules.stop, rules.target, rules.trail))),
        by_symbol=_symbol_rules,
    ),
    "sma_crossover": Strategy(
        in_one_block(CROSSOVER), sma_crossover.warm_up, resolve=sma_crossover.resolve, check=sma_crossover.check,
        price_factor=sma_crossover.price_factor, confidence=sma_crossover.confidence, fold=CROSSOVER,
    ),
}  # fmt: skip


def keys_of(strategy: Strategy, section: Any, step_ms: int) -> Any:
    """What `resolve` and `check` of a strategy take. pydantic's ValidationError for parameters that do not fit.

    section  the section `strategy` of a configuration
    step_ms  the length of a candle
    """
    if strategy.by_symbol is not None:
        return TimedKeys(section, step_ms)
    return section if strategy.section is None else strategy.section.model_validate(dict(section.parameters))
