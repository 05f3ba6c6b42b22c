"""The engine against an independent reading of SEMANTICS.md: what happens is the same, line by line (S4-S27)."""

from hypothesis import given, settings

from safla.core.strategies import STRATEGIES
from safla.core.strategies.sma_crossover import Crossover
from safla.core.values import Columns, Float64, Int8
from tests.properties import arithmetic
from tests.properties.folding import fold
from tests.properties.market import HOUR, Case, cases, crossovers, history
from tests.properties.telling import story, told


@settings(max_examples=150, deadline=None)
@given(cases(symbols=1, candles=40, wishes=True))
def test_one_symbol_happens_as_the_text_says(case: Case) -> None:
    assert_same_story(case)


@settings(max_examples=200, deadline=None)
@given(cases(symbols=3, candles=25, wishes=True))
def test_several_symbols_happen_as_the_text_says(case: Case) -> None:
    assert_same_story(case)


@settings(max_examples=60, deadline=None)
@given(cases(symbols=2, candles=40, crossover=True))
def test_a_crossover_happens_as_the_text_says(case: Case) -> None:
    assert_same_story(case)


@settings(max_examples=100, deadline=None)
@given(history(candles=40, price=12, step_ms=HOUR, threshold_ppm=0, lowest=1), crossovers(1_000))
def test_a_cross_is_what_fractions_say_ties_included(
    drawn: tuple[Columns, Int8, Float64], parameters: Crossover
) -> None:
    closes = drawn[0].close
    signal, strength = STRATEGIES["sma_crossover"].columns(drawn[0], parameters)
    assert signal.tolist() == arithmetic.crossover(closes.tolist(), parameters)
    assert [bool(one) for one in strength] == [bool(one) for one in signal]


def assert_same_story(case: Case) -> None:
    folded, reference = fold(case), told(case)
    assert folded.status == 0
    assert story(folded) == reference.story
    assert folded.equity == reference.equity
