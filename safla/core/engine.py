"""advance(): the loop over a block of timestamps, and the inputs that enter between two of them (D3)."""

from collections.abc import Callable

import numpy as np

from safla.core import exits, halts, risk, step
from safla.core import values as v
from safla.core.account import expire, move, room_for
from safla.core.fills import fits
from safla.core.machine import START, STOP, WARMING
from safla.core.pure import pure
from safla.core.values import Grid, Int64, Out, Plan, Rules, Signals, State

Loop = Callable[..., int]

MAX_BLOCK = 65_536  # candles of one call, all symbols together


def begin(state: State, out: Out, ts: int) -> State:
    """Every symbol starts: idle to warming, before the lines of the first candle (J18). ts of that candle."""
    state = _copy(state)
    for s in range(len(state.book)):
        move(state.book, out, s, ts, START)
    return state


def advance(
    plan: Plan, state: State, candles: Grid, signals: Signals, out: Out, loop: Loop | None = None
) -> tuple[State, int, int]:
    """Fold a block of timestamps: the state after them, how many were folded, and the status.

    candles, signals  one block, at most MAX_BLOCK candles over all symbols
    out               rows are appended; the fold stops before a timestamp for which it might lack room
    loop              `fold` or its compiled form (core/compile.py); interpreted if None
    status            0, or 1 + the symbol at which a bound of D1 would break; its timestamp is then not folded, the
                      state is of no use, and the rows stand as they were before it
    """
    assert candles.open.size <= MAX_BLOCK, "a block is at most MAX_BLOCK candles"
    assert min(len(out.equity), len(out.trough)) >= len(candles.ts), "out has no room for the block"
    state = _copy(state)
    block = Grid(*map(np.ascontiguousarray, candles))  # one layout, so that many symbols compile to what one does
    wishes = Signals(*map(np.ascontiguousarray, signals))
    folded = int((loop or fold)(plan.rules, plan.markets, block, wishes, state, out))
    return state, folded, int(state.account[v.BROKEN])


def halt(plan: Plan, state: State, out: Out, rule: int) -> State:
    """A halt from outside, behind the last timestamp (J17): OPERATOR or STRATEGY_ERROR. Open already: nothing."""
    state = _copy(state)
    if not halts.is_open(state.account, rule):
        ts = int(state.account[v.LAST_TS])
        halts.open_halt(plan.rules, state.account, state.book, out, ts, rule, v.NONE, v.NONE)
    return state


def resume(state: State, out: Out, rule: int) -> State:
    """A person lifts the open halt of a rule, behind the last timestamp (J17, J45). Not open: nothing."""
    state = _copy(state)
    if halts.is_open(state.account, rule):
        ts = int(state.account[v.LAST_TS])
        halts.lift(state.account, out, ts, rule, v.BY_OPERATOR)
        halts.resume_modes(state.account, state.book, out, ts)
    return state


def finish(state: State, out: Out) -> State:
    """There is no next candle: what waits expires, and every symbol stops (S17, J3)."""
    state = _copy(state)
    ts = int(state.account[v.LAST_TS])
    for s in range(len(state.book)):
        if int(state.book[s, v.ORDER]) > 0:
            expire(state.account, state.book, out, s, ts, v.END_OF_DATA)
    for s in range(len(state.book)):
        move(state.book, out, s, ts, STOP)
    return state


def _copy(state: State) -> State:
    return State(state.account.copy(), state.book.copy())


@pure
def fold(rules: Rules, markets: Int64, candles: Grid, wishes: Signals, state: State, out: Out) -> int:
    """The loop: for each timestamp the phases of S6, each over all symbols. Returns how many timestamps were folded.

    A call that takes an array costs more than a whole candle does, so every such call stands behind an `if` that is
    rarely true, and what is done on each candle is done here (D2).
    """
    ts, opens, highs, lows, closes, volumes = candles
    signals, strengths = wishes
    account, book = state
    symbols = len(book)
    need = room_for(symbols)
    widest = (rules.max_gap_candles + 1) * rules.step_ms  # the widest step between two candles that is no gap (S4)
    for t in range(len(ts)):
        before = int(out.used[0])
        if before + need > len(out.rows):
            return t
        now = int(ts[t])
        if now >= int(account[v.DAY_END]):  # (a)
            step.open_of_day(rules, account, book, out, now)
        for s in range(symbols):  # (b)
            last = int(book[s, v.TS])
            if now - last > widest and last != v.NONE and int(opens[s, t]) > 0:
                step.meet_gap(rules, account, book, out, s, now)
        if int(account[v.WAITING]) > int(account[v.WAITING_ENTRIES]):  # (c)
            for s in range(symbols):
                if int(book[s, v.ORDER_SIDE]) == v.SELL and int(volumes[s, t]) > 0:
                    step.sell_waiting(rules, markets, account, book, out, s, now, int(opens[s, t]))
        if int(account[v.POSITIONS]) > 0:  # (d)
            for s in range(symbols):
                if int(book[s, v.QUANTITY]) > 0 and int(volumes[s, t]) > 0:
                    price = int(opens[s, t])
                    stop, trail = int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL])
                    if exits.reached(stop, trail, int(book[s, v.TARGET_LEVEL]), price, price):
                        step.sell_at_open(rules, markets, account, book, out, s, now, price)
        if int(account[v.WAITING_ENTRIES]) > 0:  # (e)
            for s in range(symbols):
                if int(book[s, v.ORDER_SIDE]) == v.BUY and int(opens[s, t]) > 0:
                    step.buy_waiting(rules, markets, candles, t, account, book, out, s)
        if int(account[v.POSITIONS]) > 0:  # (f)
            for s in range(symbols):
                if int(book[s, v.QUANTITY]) > 0 and int(volumes[s, t]) > 0:
                    low, high = int(lows[s, t]), int(highs[s, t])
                    stop, trail = int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL])
                    if exits.reached(stop, trail, int(book[s, v.TARGET_LEVEL]), low, high):
                        step.sell_inside(rules, markets, account, book, out, s, now, low, high)
        if int(account[v.BROKEN]) > 0:
            out.used[0] = before
            return t
        equity = trough = int(account[v.CASH])  # (g)
        for s in range(symbols):
            if int(opens[s, t]) > 0:
                book[s, v.TS] = now
                book[s, v.CLOSE] = int(closes[s, t])
                book[s, v.SEEN] += 1
                account[v.ROWS_FOLDED] += 1
                if int(volumes[s, t]) > 0:
                    book[s, v.VOLUME] = int(volumes[s, t])
            quantity = int(book[s, v.QUANTITY])
            if quantity > 0:
                close, k = int(book[s, v.CLOSE]), int(markets[s, 2])
                if not fits(close, quantity, k, equity):
                    account[v.BROKEN] = 1 + s
                    break
                equity += close * quantity * k
                worst = close
                if int(opens[s, t]) > 0:
                    stop = max(int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL]))
                    worst = min(close, max(int(lows[s, t]), stop))
                trough += worst * quantity * k
                if rules.trailing_stop_ppm > 0 and int(volumes[s, t]) > 0:
                    if int(highs[s, t]) > int(book[s, v.HIGHEST]):
                        step.raise_trail(rules, markets, book, s, int(highs[s, t]))
        if int(account[v.BROKEN]) > 0:
            out.used[0] = before
            return t
        out.equity[t] = equity
        out.trough[t] = trough
        account[v.EQUITY] = equity
        account[v.LAST_TS] = now
        if equity > int(account[v.PEAK]):
            account[v.PEAK] = equity
        if equity < max(int(account[v.DAY_START]), int(account[v.PEAK])) or equity == 0:  # (h), and to the letter at 0
            met_day = risk.loss_met(int(account[v.DAY_START]), equity, rules.max_daily_loss_ppm)
            met_peak = risk.loss_met(int(account[v.PEAK]), equity, rules.max_drawdown_ppm)
            if met_day or met_peak:
                step.guard(rules, account, book, out, now, met_day, met_peak)
        if int(account[v.HALT_OF_RULE + v.STRATEGY_ERROR]) == 0:  # (i) J17: a failed strategy is not asked
            for s in range(symbols):
                signal = int(signals[s, t])
                if (signal != 0 or int(book[s, v.MODE]) == WARMING) and int(opens[s, t]) > 0:
                    step.decide(rules, account, book, out, s, now, signal, float(strengths[s, t]))
    return len(ts)
