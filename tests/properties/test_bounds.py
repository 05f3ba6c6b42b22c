"""Amounts up to the bounds of D1: they fold exactly, or the run ends with the symbol at which one would break."""

import numpy as np
from hypothesis import given, settings

from safla.core import engine
from safla.core.values import Columns
from tests.properties.folding import Folded, fold
from tests.properties.market import Case, cases
from tests.properties.reference import Broken, Reference
from tests.properties.telling import story, timeline

BOUND = 2**62
HIGHEST = BOUND // 1_000  # of a price (D1)
HUGE = {"prices": (12, 10**9, 10**13, HIGHEST // 3), "most": BOUND // 10}


@settings(max_examples=200, deadline=None)
@given(cases(candles=25, **HUGE))
def test_huge_amounts_fold_exactly_or_the_status_names_the_symbol(compiled: engine.Loop, case: Case) -> None:
    case = capped(case)
    reference = Reference(case.rules, case.markets, case.balance)
    try:
        reference.run(timeline(case), (), closed=False)
        status = 0
    except Broken as broken:
        status = 1 + broken.args[0]
    for folded in (fold(case, closed=False), fold(case, closed=False, loop=compiled)):
        assert folded.status == status
        assert folded.equity == reference.equity
        assert story(folded) == reference.story[: reference.whole if status else None]
        assert_nothing_wrapped(folded)


def capped(case: Case) -> Case:
    """The same run with no price above its bound, which the candles' own checks hold."""
    return case._replace(
        columns=tuple(
            Columns(one.ts, *(np.minimum(column, HIGHEST) for column in one[1:5]), one.volume) for one in case.columns
        )
    )


def assert_nothing_wrapped(folded: Folded) -> None:
    assert all(0 <= equity <= BOUND for equity in folded.equity)
    assert all(abs(value) <= BOUND for row in folded.rows for value in row)
