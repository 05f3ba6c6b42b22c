"""Amounts up to the bounds of D1 are exact, or the run ends and names the symbol that exceeds a bound."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from safla.core import engine
from safla.core.values import Int64, Market
from tests.properties.cases import QUIET, Case, Folded, cases, fold, repriced, story, timeline, with_rules, written
from tests.properties.reference import BOUND, Broken, Reference
from tests.scale import examples

HIGHEST = BOUND // 1_000  # of a price (D1)
PRICES = (12, 10**9, 10**13, HIGHEST // 3)
ALL_IN = {
    "max_gap_candles": 2,
    "confidence_threshold_ppm": 0,
    "equity_share_ppm": 0,
    "risk_ppm": 0,
    "position_size_ppm": 1_000_000,
    "max_exposure_ppm": 1_000_000,
    "take_profit_ppm": 0,
}
BOOM = st.tuples(st.integers(1, 25), st.sampled_from((1, 15, 100, 10_000, 10**9)))
NUMBERS = ("value", "limit")


@examples(gate=100, full=200)
@given(
    case=cases(candles=25, prices=PRICES, most=BOUND // 10, fixed=ALL_IN), booms=st.lists(BOOM, min_size=3, max_size=3)
)
def test_huge_amounts_are_exact_or_the_status_names_the_symbol(
    compiled: engine.Loop, case: Case, booms: list[tuple[int, int]]
) -> None:
    assert_exact_or_named(boomed(case, booms), compiled)


def test_the_status_names_the_first_symbol_that_exceeds_a_bound(compiled: engine.Loop) -> None:
    # the second symbol's sale at the open passes the bound, and then the first one's mark would too
    balance, prices = BOUND // 10, (10**6, 10**6, 25 * 10**6)
    rules = QUIET._replace(max_position=balance // 2)
    market = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)
    assert_exact_or_named(written(rules, market, balance, (prices, (1, 0, 0)), (prices, (1, -1, 0))), compiled)


def assert_exact_or_named(case: Case, compiled: engine.Loop) -> None:
    """Asserts that the interpreted and the compiled run match the reference with integers of any size."""
    reference = Reference(case.rules, case.markets, case.balance, case.target_steps)
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
    columns = tuple(repriced(one, boom(len(one.ts), *drawn)) for one, drawn in zip(case.columns, booms, strict=False))
    everything = case.balance // len(case.columns)
    return with_rules(case, max_position=everything)._replace(columns=columns)


def boom(candles: int, start: int, factor: int) -> Callable[[Int64], Int64]:
    """A change of prices: so many times as high from a candle on."""
    factors = np.where(np.arange(candles) < start, 1, factor)
    return lambda price: np.minimum(price, HIGHEST // factors) * factors


def shown(happening: dict[str, Any]) -> dict[str, Any]:
    """A happening as a row can hold it: the numbers of a rejection stop at the bound, and mean "more" there."""
    if happening["kind"] != "order_rejected":
        return happening
    return happening | {name: number and min(number, BOUND) for name, number in happening.items() if name in NUMBERS}


def assert_nothing_wrapped(folded: Folded) -> None:
    assert all(0 <= equity <= BOUND for equity in folded.equity)
    assert all(abs(value) <= BOUND for row in folded.rows for value in row)
