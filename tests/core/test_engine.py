"""advance() and external commands take values and return values within the bounds of D1 and D3 (rest: scenarios)."""

from typing import Any

import numpy as np
import pytest

from safla.core import values as v
from safla.core.account import blank_out, new_state, room_for, sell
from safla.core.engine import MAX_BLOCK, advance, begin, finish, fold, halt, resume
from safla.core.machine import FLAT, IDLE, LONG, MODES, WARMING
from safla.core.scale import LIMIT
from safla.core.values import Grid, Int64, Out, Plan, Signals, State
from tests.core.scenario import HOUR, MARKET, MONDAY, QUIET, marked

PLAN = Plan(QUIET, np.array([MARKET], np.int64))
BALANCE = 1_000_000


def block(*prices: int, enter: int | None = 0, exit_at: int | None = None, volume: int = 10**6) -> tuple[Grid, Signals]:
    """Candles of one symbol with four equal prices each; one may have an enter signal, another an exit signal."""
    ts = MONDAY + HOUR * np.arange(len(prices), dtype=np.int64)
    price = np.array([prices], np.int64)
    signal = np.zeros((1, len(prices)), np.int8)
    if enter is not None:
        signal[0, enter] = 1
    if exit_at is not None:
        signal[0, exit_at] = -1
    return Grid(ts, price, price, price, price, np.full_like(price, volume)), Signals(
        signal, np.full(signal.shape, 0.01)
    )


def cut(grid: Grid, signals: Signals, first: int, end: int) -> tuple[Grid, Signals]:
    """Some of the timestamps."""
    columns = (column[:, first:end] for column in grid[1:])
    block_signals = signals.part(first, end)
    return Grid(grid.ts[first:end], *columns), block_signals


def started(balance: int = BALANCE, symbols: int = 1) -> State:
    """The state before the first candle."""
    return begin(new_state(balance, symbols), blank_out(symbols, 1, symbols), MONDAY)


def kinds(out: Out) -> list[str]:
    """The rows of an Out, by kind."""
    return [v.KINDS[row[0]] for row in out.rows[: int(out.used[0])]]


def frozen(state: State) -> State:
    """A copy that cannot be written to."""
    copy = State(*(array.copy() for array in state))
    for array in copy:
        array.flags.writeable = False
    return copy


def test_a_run_begins_with_all_cash_and_every_symbol_idle() -> None:
    state = new_state(BALANCE, 2)
    assert [state.account[field] for field in (v.CASH, v.EQUITY, v.PEAK, v.DAY_START)] == [BALANCE] * 4
    assert state.account.sum() == 4 * BALANCE + v.NONE
    assert state.account[v.LAST_TS] == v.NONE
    assert state.book[:, v.MODE].tolist() == [IDLE, IDLE]
    assert state.book[:, v.TS].tolist() == [v.NONE, v.NONE]


def test_the_column_names_match_the_width_of_the_arrays() -> None:
    assert max(v.BROKEN, v.LAST_TS) == v.ACCOUNT_FIELDS - 1
    assert v.STOOD_EXITS == v.SYMBOL_FIELDS - 1
    assert v.HALT_OF_RULE + len(v.HALT_RULES) == v.DRAWDOWN_DAY


def test_begin_moves_every_symbol_to_warming_up() -> None:
    out = blank_out(2, 1, 0)
    state = begin(frozen(new_state(BALANCE, 2)), out, MONDAY)
    assert state.book[:, v.MODE].tolist() == [WARMING, WARMING]
    assert kinds(out) == ["mode_changed", "mode_changed"]
    assert out.rows[:2, 1:3].tolist() == [[MONDAY, 0], [MONDAY, 1]]


def test_no_engine_function_writes_to_its_arguments() -> None:
    grid, signals = block(10_000, 10_000, 10_100, exit_at=2)
    for column in (*grid, signals.signal, signals.strength):
        column.flags.writeable = False
    state = frozen(started())
    after, folded, broken = advance(PLAN, state, grid, signals, blank_out(1, 3, 100))
    assert (folded, broken) == (3, 0)
    assert after.book[0, v.MODE] == LONG
    held = frozen(after)
    halted = frozen(halt(PLAN, held, blank_out(1, 1, 0), v.OPERATOR))
    assert MODES[halted.book[0, v.MODE]] == "halted"
    assert resume(halted, blank_out(1, 1, 0), v.OPERATOR).book[0, v.MODE] == LONG
    assert finish(held, blank_out(1, 1, 0)).book[0, v.MODE] == IDLE
    assert np.array_equal(state.account, started().account)


def test_a_loop_that_is_given_takes_contiguous_arrays_and_gives_the_same() -> None:
    grid, signals = block(10_000, 10_000, 10_100, exit_at=2)
    strided = Grid(grid.ts, *(np.repeat(column, 2, axis=1)[:, ::2] for column in grid[1:]))
    given: list[bool] = []

    def loop(*arguments: Any) -> int:
        given.extend(column.flags.c_contiguous for column in (*arguments[3], *arguments[4]))
        return fold(*arguments)

    after = advance(PLAN, started(), strided, signals, blank_out(1, 3, 100), loop)
    without = advance(PLAN, started(), grid, signals, blank_out(1, 3, 100))
    assert given
    assert all(given)
    assert after[1:] == without[1:]
    assert np.array_equal(after[0].book, without[0].book)


def test_timestamps_without_a_strategy_call_decide_nothing_and_do_not_end_the_warm_up() -> None:
    """The strategy failed there (J17)."""
    grid, signals = block(10_000, 10_000, 10_000, enter=2)
    signals.signal[0, :2] = v.UNASKED
    out = blank_out(1, 3, 100)
    unasked, _, _ = advance(PLAN, started(), *cut(grid, signals, 0, 2), out)
    assert (kinds(out), unasked.book[0, v.MODE]) == (["day_started"], WARMING)
    out = blank_out(1, 1, 100)
    advance(PLAN, unasked, *cut(grid, signals, 2, 3), out)
    assert kinds(out) == ["mode_changed", "signal", "order_placed"]


def test_the_equity_is_marked_at_each_timestamp() -> None:
    out = blank_out(1, 4, 100)
    state, _, _ = advance(PLAN, started(), *block(10_000, 10_000, 10_100, 9_000), out)
    assert out.equity.tolist() == [BALANCE, BALANCE, BALANCE + 1_000, BALANCE - 10_000]
    assert marked(PLAN, state) == state.account[v.EQUITY] == BALANCE - 10_000
    assert state.account[v.PEAK] == BALANCE + 1_000
    assert (state.account[v.ROWS_FOLDED], state.account[v.LAST_TS]) == (4, MONDAY + 3 * HOUR)


def test_the_engine_stops_before_a_timestamp_that_may_overflow_the_output_and_continues_there() -> None:
    grid, signals = block(10_000, 10_000, 10_000, 10_000, exit_at=2)
    whole = blank_out(1, 4, 100)
    expected, _, _ = advance(PLAN, started(), grid, signals, whole)
    small, rows, state, done = blank_out(1, 4, 0), [], started(), 0
    while done < 4:
        state, folded, broken = advance(PLAN, state, *cut(grid, signals, done, 4), small)
        assert folded > 0
        assert broken == 0
        rows += small.rows[: int(small.used[0])].tolist()
        small.rows[:] = small.used[0] = 0
        done += folded
    assert rows == whole.rows[: int(whole.used[0])].tolist()
    assert all(np.array_equal(one, other) for one, other in zip(state, expected, strict=True))


def test_an_output_buffer_without_room_processes_no_timestamp() -> None:
    out = Out(
        np.zeros((room_for(1) - 1, v.ROW_WIDTH), np.int64), np.zeros(99), np.zeros(1, np.int64),
        np.zeros(9, np.int64), np.zeros(9, np.int64),
    )  # fmt: skip
    state, folded, broken = advance(PLAN, started(), *block(10_000), out)
    assert (folded, broken) == (0, 0)
    assert np.array_equal(state.account, started().account)


def test_an_empty_block_changes_nothing() -> None:
    grid, signals = block(10_000)
    state, folded, broken = advance(PLAN, started(), *cut(grid, signals, 0, 0), blank_out(1, 1, 0))
    assert (folded, broken) == (0, 0)
    assert np.array_equal(state.book, started().book)


def test_a_block_larger_than_the_bound_is_an_internal_error() -> None:
    grid, signals = block(*[10_000] * (MAX_BLOCK + 1), enter=None)
    with pytest.raises(AssertionError, match="at most MAX_BLOCK"):
        advance(PLAN, started(), grid, signals, blank_out(1, MAX_BLOCK + 1, 0))


def test_a_block_without_room_for_its_marks_is_an_internal_error() -> None:
    with pytest.raises(AssertionError, match="no room for the block"):
        advance(PLAN, started(), *block(10_000, 10_000), blank_out(1, 1, 100))


ONE_UNIT = Plan(QUIET._replace(max_position=12), PLAN.markets)  # buys 10 at a price of 1


@pytest.mark.parametrize(("price", "folded", "status"), [((LIMIT - 90) // 10, 3, 0), ((LIMIT - 90) // 10 + 1, 2, 1)])
def test_a_mark_beyond_the_bound_stops_the_engine_before_its_timestamp(price: int, folded: int, status: int) -> None:
    out = blank_out(1, 3, 100)
    answer = advance(ONE_UNIT, started(balance=100), *block(1, 1, price), out)
    assert answer[1:] == (folded, status)
    assert "filled" in kinds(out)
    if status:
        assert out.rows[int(out.used[0]) - 1, 1] == MONDAY + HOUR  # out has the rows of the timestamps before it


@pytest.mark.parametrize(("price", "folded", "status"), [((LIMIT - 90) // 10, 3, 0), ((LIMIT - 90) // 10 + 1, 2, 1)])
def test_a_sale_beyond_the_bound_stops_the_engine_before_its_timestamp(price: int, folded: int, status: int) -> None:
    out = blank_out(1, 3, 100)
    grid, signals = block(1, 1, price, exit_at=1)
    low = grid._replace(close=np.array([[1, 1, 1]]), low=np.array([[1, 1, 1]]))  # the close alone would fit
    answer = advance(ONE_UNIT, started(balance=100), low, signals, out)
    assert answer[1:] == (folded, status)
    assert kinds(out).count("trade_closed") == 1 - status


def test_the_status_names_the_symbol_whose_mark_exceeds_the_bound() -> None:
    plan = Plan(ONE_UNIT.rules, np.array([MARKET] * 3, np.int64))
    prices = np.array([[1, 1, LIMIT // 40], [1, 1, LIMIT // 20], [1, 1, LIMIT // 20]], np.int64)
    grid = Grid(MONDAY + HOUR * np.arange(3), prices, prices, prices, prices, np.full_like(prices, 10**6))
    signal = np.array([[1, 0, 0]] * 3, np.int8)
    _, folded, broken = advance(
        plan, started(100, 3), grid, Signals(signal, np.full(signal.shape, 0.01)), blank_out(3, 3, 200)
    )
    assert (folded, broken) == (2, 3)  # 1/4 and 1/2 of the bound fit together, the third does not


def test_halting_a_finished_run_is_an_internal_error() -> None:
    state = finish(started(), blank_out(1, 1, 0))
    with pytest.raises(AssertionError, match="no such move"):
        halt(PLAN, state, blank_out(1, 1, 0), v.OPERATOR)


@pytest.mark.parametrize("rule", [v.OPERATOR, v.STRATEGY_ERROR])
def test_an_external_halt_names_no_limit_and_follows_the_last_timestamp(rule: int) -> None:
    state, _, _ = advance(PLAN, started(), *block(10_000, enter=None), blank_out(1, 1, 0))
    out = blank_out(1, 1, 0)
    state = halt(PLAN, state, out, rule)
    assert named(out.rows[0]) == {"halt": 1, "rule": rule, "limit": v.NONE, "equity": BALANCE, "reference": v.NONE}
    assert out.rows[0, 1:3].tolist() == [MONDAY, v.NONE]
    again = blank_out(1, 1, 0)
    assert np.array_equal(halt(PLAN, state, again, rule).account, state.account)
    assert kinds(again) == []


def test_only_open_positions_are_marked_after_a_day_and_a_halt() -> None:
    plan = Plan(QUIET, np.array([MARKET] * 2, np.int64))
    grid, signals = block(*[10_000] * 24, 10_500)
    pair = Grid(grid.ts, *(np.repeat(column, 2, axis=0) for column in grid[1:]))
    # the second symbol enters
    block_signals = Signals(np.pad(signals.signal, ((1, 0), (0, 0))), np.full((2, 25), 0.01))
    out = blank_out(2, 25, 200)
    state, _, _ = advance(plan, started(symbols=2), pair, block_signals, out)
    assert kinds(out)[0] == "day_started"
    assert kinds(out)[-2:] == ["day_started", "mark"]
    assert kinds(out).count("mark") == 1
    halt(plan, state, out, v.OPERATOR)
    assert kinds(out)[-5:] == ["halted", "mark", "mode_changed", "mode_changed", "order_placed"]
    mark = out.rows[int(out.used[0]) - 4]
    assert (mark[2], named(mark)) == (1, {"quantity": 10, "price": 10_500})


def test_the_limit_of_a_halt_is_its_configured_rate() -> None:
    plan = Plan(QUIET._replace(max_daily_loss_ppm=10_000), PLAN.markets)
    out = blank_out(1, 3, 100)
    advance(plan, started(), *block(10_000, 10_000, 9_000), out)
    row = next(row for row in out.rows if row[0] == v.HALTED_ROW)
    assert named(row) == {"halt": 1, "rule": v.DAILY_LOSS, "limit": 10_000, "equity": 990_000, "reference": BALANCE}


def test_a_fill_and_a_closed_trade_hold_all_fields_of_the_journal() -> None:
    plan = Plan(QUIET._replace(commission_ppm=1_000, base_slippage_ppm=100, max_slippage_ppm=100), PLAN.markets)
    out = blank_out(1, 4, 100)
    state, _, _ = advance(plan, started(), *block(10_000, 10_000, 10_100, 10_200, exit_at=2), out)
    rows = [named(row) for row in out.rows[: int(out.used[0])] if row[0] in {v.FILLED, v.TRADE_CLOSED}]
    assert rows == [
        {"order": 1, "trade": 1, "side": v.BUY, "reason": v.BY_SIGNAL, "reference": 10_000, "price": 10_001,
         "quantity": 10, "fee": 101, "cash": 899_889, "other": 0},
        {"order": 2, "trade": 1, "side": v.SELL, "reason": v.BY_SIGNAL, "reference": 10_200, "price": 10_198,
         "quantity": 10, "fee": 102, "cash": 1_001_767, "other": 0},
        {"trade": 1, "opened": MONDAY + HOUR, "quantity": 10, "entry": 10_001, "exit": 10_198, "gross": 1_970,
         "fees": 203, "net": 1_767, "reason": v.BY_SIGNAL},
    ]  # fmt: skip
    assert (state.account[v.REALISED], state.account[v.FEES]) == (1_767, 203)
    assert state.book[0, v.MODE] == FLAT


def named(row: Int64) -> dict[str, int]:
    """The numbers of a row by their names."""
    fields = v.ROW_FIELDS[int(row[0])]
    return dict(zip(fields, row[3 : 3 + len(fields)].tolist(), strict=True))


def test_the_first_sale_that_exceeds_a_bound_is_named() -> None:
    # given two positions whose sale would pass the largest amount of money
    state, out = new_state(10, 2), blank_out(2, 1, 10)
    state.book[:, v.QUANTITY] = 2**40
    # when both are sold
    for s in (1, 0):
        sell(QUIET, MARKET, state.account, state.book, out, s, 0, 2**40, 2**40, v.STOP_LOSS, 0, 0)
    # then nothing was sold, and the first symbol is named
    assert int(state.account[v.BROKEN]) == 1 + 1
    assert int(out.used[0]) == 0
