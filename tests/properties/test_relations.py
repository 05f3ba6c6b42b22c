"""Metamorphic tests: a change of the input has a known effect, so that no oracle is needed (CONTRIBUTING.md)."""

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from safla.core import values as v
from safla.core.values import Columns
from tests.properties.cases import (
    EPOCH,
    HOUR,
    LIMITS_OFF,
    Case,
    Row,
    cases,
    fold,
    history,
    of_kind,
    repriced,
    with_rules,
)
from tests.scale import examples

WEEK_MS = 7 * v.DAY_MS
PLAIN = LIMITS_OFF | {
    "max_slippage_ppm": 10_000,
    "cooldown_candles": 0,
    "confidence_threshold_ppm": 0,
    "equity_share_ppm": 0,
    "risk_ppm": 0,
}


@examples(gate=50, full=100)
@given(cases(candles=25, crossover=True, most=10**13, fixed={"position_size_ppm": 1_000_000}))
def test_one_more_decimal_of_prices_changes_no_signal_and_no_fill(case: Case) -> None:
    # k of a million makes every fee exact, so that no unit is left to round in either scale
    case = case._replace(markets=tuple(one._replace(k=1_000_000) for one in case.markets))
    finer = with_rules(case, max_position=10 * case.rules.max_position)._replace(
        balance=10 * case.balance,
        markets=tuple(one._replace(tick=10 * one.tick, min_notional=10 * one.min_notional) for one in case.markets),
        columns=tuple(repriced(one, lambda price: 10 * price) for one in case.columns),
        distances=tuple(np.where(one > 0, 10 * one, one) for one in case.distances),
    )
    coarse, fine = fold(case), fold(finer)
    assert [row[1:] for row in coarse.rows if row[0] == v.SIGNAL] == [
        row[1:] for row in fine.rows if row[0] == v.SIGNAL
    ]
    assert [times_ten(row) for row in of_kind(coarse.rows, v.FILLED)] == of_kind(fine.rows, v.FILLED)
    assert [10 * equity for equity in coarse.equity] == fine.equity


def times_ten(fill: dict[str, Any]) -> dict[str, Any]:
    """A fill in a scale of prices and money that is ten times as fine."""
    return fill | {name: 10 * fill[name] for name in ("reference", "price", "fee", "cash", "other")}


@examples(gate=50, full=100)
@given(cases(candles=25, commands=True), st.sampled_from((-52, 1, 520)))
def test_shifting_candles_by_whole_weeks_shifts_the_events(case: Case, weeks: int) -> None:
    shift = weeks * WEEK_MS
    moved = with_rules(case, start_ts=case.rules.start_ts + shift)._replace(
        columns=tuple(one._replace(ts=one.ts + shift) for one in case.columns)
    )
    assert [later(row, shift) for row in fold(case).rows] == fold(moved).rows


def later(row: Row, shift: int) -> Row:
    """A row with its times moved."""
    times = {1, 4} if row[0] == v.TRADE_CLOSED else {1}
    return tuple(value + shift if i in times else value for i, value in enumerate(row))


@examples(gate=50, full=100)
@given(cases(candles=20, fixed=LIMITS_OFF), st.randoms(use_true_random=False))
def test_the_order_of_symbols_does_not_change_fills_if_no_account_limit_binds(case: Case, random: Any) -> None:
    case = with_rules(case, max_position=max(1, case.balance // 100))
    order = random.sample(range(len(case.columns)), len(case.columns))
    other = case._replace(
        columns=tuple(case.columns[s] for s in order),
        distances=tuple(case.distances[s] for s in order),
        signals=tuple(case.signals[s] for s in order),
        markets=tuple(case.markets[s] for s in order),
    )
    fills, permuted = of_kind(fold(case).rows, v.FILLED), of_kind(fold(other).rows, v.FILLED)
    for s, place in enumerate(order):
        assert [alone(fill) for fill in fills if fill["symbol"] == place] == [
            alone(fill) for fill in permuted if fill["symbol"] == s
        ]


def alone(fill: dict[str, Any]) -> dict[str, Any]:
    """A fill without what counts over all symbols."""
    return {name: value for name, value in fill.items() if name not in ("symbol", "order", "trade", "cash")}


@examples(gate=50, full=100)
@given(cases(candles=20, symbols=2), history(candles=20, price=300, step_ms=HOUR, threshold_ppm=0), st.data())
def test_a_symbol_without_signals_does_not_change_the_fills_of_other_symbols(
    case: Case, drawn: tuple[Columns, Any, Any], data: st.DataObject
) -> None:
    columns, signal, strength = drawn
    columns = columns._replace(ts=EPOCH + (columns.ts - EPOCH) * (case.rules.step_ms // HOUR))
    silent = case._replace(
        columns=(*case.columns, columns),
        distances=(*case.distances, np.full((len(columns.ts), 3), v.NONE)),
        signals=(*case.signals, (np.zeros_like(signal), strength)),
        markets=(*case.markets, case.markets[0]),
    )
    kinds = (v.FILLED, v.TRADE_CLOSED, v.ORDER_PLACED, v.SIGNAL)
    for kind in kinds:
        assert of_kind(fold(silent).rows, kind) == of_kind(fold(case).rows, kind)


@examples(gate=50, full=100)
@given(
    cases(candles=25, fixed=LIMITS_OFF), st.sampled_from(("max_daily_loss_ppm", "max_drawdown_ppm", "max_daily_trades"))
)
def test_a_limit_that_is_not_reached_changes_nothing(case: Case, limit: str) -> None:
    free = fold(case)
    assume(min(free.equity) > 0)  # a loss of all, at a tick wider than the price, does reach 100 %
    assert fold(with_rules(case, **{limit: 1_000_000})).rows == free.rows


@examples(gate=50, full=100)
@given(
    cases(candles=25, fixed=PLAIN),
    st.integers(0, 50_000),
    st.integers(0, 50_000),
)
def test_a_higher_fee_never_leaves_more_cash_for_a_fixed_quantity(case: Case, less: int, more: int) -> None:
    less, more = sorted((less, more))
    case = one_lot(case)
    cheap, dear = (
        fold(with_rules(case, commission_ppm=ppm, maker_commission_ppm=ppm), cuts=range(1, 200)) for ppm in (less, more)
    )
    for (_, _, before), (_, _, after) in zip(cheap.after, dear.after, strict=True):
        assert np.array_equal(before.book[:, v.QUANTITY], after.book[:, v.QUANTITY])
        assert before.account[v.CASH] >= after.account[v.CASH]


def one_lot(case: Case) -> Case:
    """The same run at prices from 1 000 to 1 800: each entry buys one lot whatever the fee, with cash to spare."""
    market = case.markets[0]._replace(min_notional=0)
    lots = market.lot * market.k
    columns = (repriced(one, lambda price: np.clip(price, 1_000, 1_800)) for one in case.columns)
    fixed = case._replace(columns=tuple(columns), markets=(market,) * len(case.columns), balance=1_000_000 * lots)
    return with_rules(fixed, max_position=1_950 * lots * 10 // 9 + 1, position_size_ppm=1_000_000)
