"""Amounts up to the bounds of D1: they fold exactly, or the run ends with the symbol at which one would break."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.core import engine
from safla.core.values import Columns
from tests.properties.folding import Folded, fold
from tests.properties.market import Case, cases, with_rules
from tests.properties.reference import Broken, Reference
from tests.properties.telling import story, timeline

BOUND = 2**62
HIGHEST = BOUND // 1_000  # of a price (D1)
HUGE = {
    "prices": (12, 10**9, 10**13, HIGHEST // 3),
    "most": BOUND // 10,
    "max_gap_candles": 2,
    "entry_threshold_ppm": 0,
    "position_size_ppm": 1_000_000,
    "max_exposure_ppm": 1_000_000,
    "take_profit_ppm": 0,
}
BOOM = st.tuples(st.integers(1, 25), st.sampled_from((1, 15, 100, 10_000, 10**9)))
NUMBERS = ("value", "limit")


@settings(max_examples=200, deadline=None)
@given(case=cases(candles=25, **HUGE), booms=st.lists(BOOM, min_size=3, max_size=3))
def test_huge_amounts_fold_exactly_or_the_status_names_the_symbol(
    compiled: engine.Loop, case: Case, booms: list[tuple[int, int]]
) -> None:
    case = boomed(case, booms)
    reference = Reference(case.rules, case.markets, case.balance)
    try:
        reference.run(timeline(case), (), closed=False)
        status = 0
    except Broken as broken:
        status = 1 + broken.args[0]
    for folded in (fold(case, closed=False), fold(case, closed=False, loop=compiled)):
        assert folded.status == status
        assert folded.equity == reference.equity
        assert story(folded) == list(map(shown, reference.story[: reference.whole if status else None]))
        assert_nothing_wrapped(folded)


def boomed(case: Case, booms: list[tuple[int, int]]) -> Case:
    """The same run with prices that are multiplied from a candle on, up to the bound that the candles' checks hold."""
    columns = []
    for one, (start, factor) in zip(case.columns, booms, strict=False):
        factors = np.where(np.arange(len(one.ts)) < start, 1, factor)
        prices = (np.minimum(column, HIGHEST // factors) * factors for column in one[1:5])
        columns.append(Columns(one.ts, *prices, one.volume))
    everything = case.balance // len(case.columns)
    return with_rules(case, max_position=everything)._replace(columns=tuple(columns))


def shown(happening: dict[str, Any]) -> dict[str, Any]:
    """A happening as a row can hold it: the numbers of a refusal stop at the bound, and mean "more" there."""
    if happening["kind"] != "order_refused":
        return happening
    return happening | {name: number and min(number, BOUND) for name, number in happening.items() if name in NUMBERS}


def assert_nothing_wrapped(folded: Folded) -> None:
    assert all(0 <= equity <= BOUND for equity in folded.equity)
    assert all(abs(value) <= BOUND for row in folded.rows for value in row)
