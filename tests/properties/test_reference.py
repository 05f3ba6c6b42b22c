"""The engine against an independent reading of SEMANTICS.md: what happens is the same, line by line (S4-S27)."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from safla.core import values as v
from safla.core.strategies import STRATEGIES
from safla.core.strategies.sma_crossover import Crossover
from tests.properties import arithmetic
from tests.properties.folding import Folded, fold, in_words
from tests.properties.market import Case, cases, crossovers, grid_of, history
from tests.properties.reference import Broken, Reference


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


def assert_same_story(case: Case) -> None:
    folded, reference = fold(case), told(case)
    assert folded.status == 0
    assert story(folded) == reference.story
    assert folded.equity == reference.equity


def told(case: Case, closed: bool = True) -> Reference:
    """The reference, run over a case."""
    reference = Reference(case.rules, case.markets, case.balance)
    reference.run(timeline(case), case.wishes, closed)
    return reference


def timeline(case: Case) -> list[tuple[int, dict[int, Any]]]:
    """The candles and signals of all symbols by time, as plain numbers."""
    moments: dict[int, dict[int, Any]] = {}
    for place, (columns, signals) in enumerate(zip(case.columns, case.signals, strict=True)):
        for ts, *row in zip(*(column.tolist() for column in (*columns, *signals)), strict=True):
            moments.setdefault(ts, {})[place] = tuple(row)
    return sorted(moments.items())


def story(folded: Folded) -> list[dict[str, Any]]:
    """The engine's rows in the words of the reference."""
    strengths = iter(folded.strengths)
    return [
        in_words(row) | ({"strength": next(strengths)} if row[0] == v.SIGNAL else {}) for row in folded.rows
    ]
