"""The loop over a block of timestamps, and the inputs from outside that come between two timestamps (D3)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from safla.core import exits, halts, risk, step
from safla.core import values as v
from safla.core.account import expire, move, room_for
from safla.core.fills import fits
from safla.core.machine import START, STOP, WARMING
from safla.core.pure import entry_point
from safla.core.quiet import fold_quiet
from safla.core.values import Grid, Int64Table, Out, Plan, Rules, Signals, State

Loop = Callable[..., int]

NO_ROWS = np.zeros((0, 2), np.int64)
MAX_BLOCK = 65_536  # candles in one call of advance, all symbols together


def begin(state: State, out: Out, ts: int) -> State:
    """Start every symbol, from idle to warming, before the rows of the first candle (J18). ts  of that candle, ms."""
    state = _copy(state)
    for s in range(len(state.book)):
        move(state.book, out, s, ts, START)
    return state


def advance(
    plan: Plan, state: State, candles: Grid, signals: Signals, out: Out, loop: Loop | None = None
) -> tuple[State, int, int]:
    """Fold a block of timestamps; return the state after them, how many were folded, and the status.

    candles, signals  one block, at most MAX_BLOCK candles over all symbols
    out               rows are appended; the fold stops before a timestamp that might not fit
    loop              `fold` or its compiled form (compiled/library.py); interpreted if None
    status            0, or 1 + the index of the symbol that would pass a bound of D1: then its timestamp is not folded,
                      out has the rows of the timestamps before it, and the state must not be used
    """
    assert candles.open.size <= MAX_BLOCK, "a block is at most MAX_BLOCK candles"
    assert min(len(out.equity), len(out.trough)) >= len(candles.ts), "out has no room for the block"
    state = _copy(state)
    rules = plan.rules
    if signals.stop is v.NOT_GIVEN or signals.target is v.NOT_GIVEN or signals.trail is v.NOT_GIVEN:
        distances = [NO_ROWS if column is v.NOT_GIVEN else column for column in signals[2:]]
        signals = Signals(signals.signal, signals.strength, *distances)
    shape = signals.signal.shape
    assert not rules.stop_distance or signals.stop.shape == shape, "a stop distance that is given has its column"
    assert not rules.target_distance or signals.target.shape == shape, "a target distance that is given has its column"
    assert not rules.trail_distance or signals.trail.shape == shape, "a trail distance that is given has its column"
    if plan.target_steps is v.NOT_GIVEN:
        plan = plan._replace(target_steps=NO_ROWS)
    if loop is None:
        # The interpreter reads and writes the numbers of a memoryview faster than those of an array.
        views: Any = [column.data for column in state]
        folded = fold(*plan, candles, signals, State(*views), out)
    else:  # compiled code takes contiguous arrays alone
        block, block_signals = Grid(*map(np.ascontiguousarray, candles)), Signals(*map(np.ascontiguousarray, signals))
        folded = int(loop(*plan, block, block_signals, state, out))
    return state, folded, int(state.account[v.BROKEN])


def halt(plan: Plan, state: State, out: Out, rule: int) -> State:
    """A halt from outside, after the last timestamp (J17): OPERATOR or STRATEGY_ERROR. No change if it is open."""
    state = _copy(state)
    if not halts.is_open(state.account, rule):
        ts = int(state.account[v.LAST_TS])
        halts.open_halt(plan.rules, state.account, state.book, out, ts, rule, v.NONE, v.NONE)
    return state


def resume(state: State, out: Out, rule: int) -> State:
    """A person lifts the halt of a rule, after the last timestamp (J17, J45). No change if it is not open."""
    state = _copy(state)
    if halts.is_open(state.account, rule):
        ts = int(state.account[v.LAST_TS])
        halts.lift(state.account, out, ts, rule, v.BY_OPERATOR)
        halts.resume_modes(state.account, state.book, out, ts)
    return state


def finish(state: State, out: Out) -> State:
    """There is no next candle: waiting orders expire, then every symbol stops (S17, J3)."""
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


@entry_point
def fold(
    rules: Rules, markets: Int64Table, target_steps: Int64Table, candles: Grid, block_signals: Signals, state: State,
    out: Out,
) -> int:  # fmt: skip
    """The loop: for each timestamp the phases (a) to (i), each over all symbols (S6). Returns how many were folded.

    Most candles are quiet, and `fold_quiet` folds them. The phases are for the others: a call that takes an array costs
    more than the rest of a candle, so every such call stands behind an `if` that is rarely true (D2).
    """
    ts, opens, highs, lows, closes, volumes = candles
    signals, trails = block_signals.signal, block_signals.trail
    account, book = state
    symbols = len(book)
    need = room_for(symbols)
    widest = (rules.max_gap_candles + 1) * rules.step_ms  # the widest step between two candles that is no gap (S4)
    stepped = len(target_steps) > 0
    follows = rules.trail_distance == 1
    rises = follows or rules.trailing_stop_ppm > 0 or rules.break_even_after_ppm > 0
    # Whether a position can change at a candle that meets no level and makes no new high.
    ages = stepped or follows or rules.max_held_candles > 0
    t = 0
    while t < len(ts):
        if not ages or int(account[v.POSITIONS]) == 0:
            t = fold_quiet(rules, markets, candles, block_signals, account, book, out, t)
            if t == len(ts):
                break
        before = int(out.used[0])  # rows of the timestamps before this one
        if before + need > len(out.rows):
            return t
        now = int(ts[t])
        # (a) New day. First, so that nothing at this open meets yesterday's counters and halts.
        if now >= int(account[v.DAY_END]):
            step.open_of_day(rules, account, book, out, now)
        # (b) Gap. Before any fill, so that an entry order from before the gap is not filled on an old signal.
        for s in range(symbols):
            last = int(book[s, v.TS])
            if now - last > widest and last != v.NONE and int(opens[s, t]) > 0:
                step.meet_gap(rules, account, book, out, s, now)
        # (c) Waiting exits. All exits at the open come before the entries of (e), which may need their cash and places.
        if int(account[v.WAITING]) > int(account[v.WAITING_ENTRIES]):
            for s in range(symbols):
                if int(book[s, v.ORDER_SIDE]) == v.SELL and int(volumes[s, t]) > 0:
                    step.sell_waiting(rules, markets, account, book, out, s, now, int(opens[s, t]))
        # (d) Opening gaps. Before (e), so only positions from before this candle are tested against its open.
        if int(account[v.POSITIONS]) > 0:
            for s in range(symbols):
                if stepped and int(book[s, v.QUANTITY]) > 0 and int(opens[s, t]) > 0:
                    price, volume = int(opens[s, t]), int(volumes[s, t])
                    step.lower_target(rules, markets, target_steps, account, book, out, s, now, price, volume)
                if int(book[s, v.QUANTITY]) > 0 and int(volumes[s, t]) > 0:
                    price = int(opens[s, t])
                    stop, trail = int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL])
                    if exits.reached(stop, trail, int(book[s, v.TARGET_LEVEL]), price, price):
                        step.sell_at_open(rules, markets, account, book, out, s, now, price)
        # (e) Waiting entries, with the cash and the positions that (c) and (d) left.
        if int(account[v.WAITING_ENTRIES]) > 0:
            for s in range(symbols):
                if int(book[s, v.ORDER_SIDE]) == v.BUY and int(opens[s, t]) > 0:
                    step.buy_waiting(rules, markets, candles, t, account, book, out, s)
        # (f) Levels inside the candle, for positions of (e) too: they are open from the open on. What a sale brings
        # here cannot pay for an entry at this open, because (e) is over.
        if int(account[v.POSITIONS]) > 0:
            for s in range(symbols):
                if int(book[s, v.QUANTITY]) > 0 and int(volumes[s, t]) > 0:
                    low, high = int(lows[s, t]), int(highs[s, t])
                    stop, trail = int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL])
                    if exits.reached(stop, trail, int(book[s, v.TARGET_LEVEL]), low, high):
                        step.sell_inside(rules, markets, account, book, out, s, now, low, high)
        if int(account[v.BROKEN]) > 0:  # a sale would have passed a bound of D1: drop the rows of this timestamp
            out.used[0] = before
            return t
        # (g) Mark at the close, then raise stops. Only now: no level tested above may know the high of this candle.
        equity = trough = int(account[v.CASH])
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
                worst = close  # for trough: the low, or the stop where it is higher, as the position was sold there
                if int(opens[s, t]) > 0:
                    stop = max(int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL]))
                    worst = min(close, max(int(lows[s, t]), stop))
                trough += worst * quantity * k
                if rises and int(volumes[s, t]) > 0:
                    if int(highs[s, t]) > int(book[s, v.HIGHEST]) or follows:
                        distance = int(trails[s, t]) if follows else v.NONE
                        step.raise_stops(rules, markets, book, s, int(highs[s, t]), distance)
        if int(account[v.BROKEN]) > 0:
            out.used[0] = before
            return t
        out.equity[t] = equity
        out.trough[t] = trough
        account[v.EQUITY] = equity
        account[v.LAST_TS] = now
        if equity > int(account[v.PEAK]):
            account[v.PEAK] = equity
        # (h) Guard, by the mark of (g). Without a loss there is nothing to test, with one exception: at an equity of 0
        # the references may be 0 as well, and then a loss of 0 reaches its limit, which is 0.
        if equity < max(int(account[v.DAY_START]), int(account[v.PEAK])) or equity == 0:
            met_day = risk.loss_met(int(account[v.DAY_START]), equity, rules.max_daily_loss_ppm)
            met_peak = risk.loss_met(int(account[v.PEAK]), equity, rules.max_drawdown_ppm)
            if met_day or met_peak:
                step.guard(rules, account, book, out, now, met_day, met_peak)
        # (i) Decide. Last, so that a signal sees the levels and halts of its own candle; its order waits for the next
        # open. A warming symbol may become flat without a signal. A strategy that failed is not asked (J17).
        if int(account[v.HALT_OF_RULE + v.STRATEGY_ERROR]) == 0:
            for s in range(symbols):
                signal = int(signals[s, t])
                if (signal != 0 or int(book[s, v.MODE]) == WARMING) and int(opens[s, t]) > 0:
                    step.decide(rules, markets, account, book, out, s, now, block_signals, t)
        # Time stops. After the signals, and also while the strategy failed.
        if rules.max_held_candles > 0 and int(account[v.POSITIONS]) > 0:
            step.stop_in_time(rules, account, book, out, now)
        t += 1
    return t
