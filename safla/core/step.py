"""The phases (a) to (i) of one candle, as docs/semantics.md lists them; `engine.fold` calls them in order.

Each function does a phase, or a part of one, for one symbol or once for the account.
"""

from typing import NamedTuple

from safla.core import exits, risk, sizing
from safla.core import values as v
from safla.core.account import (
    buy,
    emit,
    emit_marks,
    expire,
    is_warm,
    known_candles,
    levels_of,
    market_of,
    move,
    place,
    place_exit,
    reject,
    sell,
    set_levels,
)  # fmt: skip
from safla.core.fills import sold_at, worth
from safla.core.halts import is_open, lift, open_halt, resume_modes
from safla.core.machine import FLAT, REWARM, WARM, WARMING
from safla.core.pure import pure
from safla.core.scale import LIMIT, share_down
from safla.core.values import Grid, Int64, Int64Table, Out, Rules, Signals


@pure
def open_of_day(rules: Rules, account: Int64, book: Int64Table, out: Out, ts: int) -> None:
    """(a) A UTC day begins: its counters restart, and halts that end with a day are lifted (S7)."""
    day = ts // v.DAY_MS
    account[v.DAY_END] = (day + 1) * v.DAY_MS
    account[v.DAY_START] = int(account[v.EQUITY])  # the last mark, so a jump at this open counts for the new day
    account[v.DAY_ENTRIES] = 0
    emit(out, v.DAY_STARTED, ts, v.NONE, (int(account[v.CASH]), int(account[v.EQUITY]), int(account[v.PEAK])))
    emit_marks(book, out, ts)
    if int(account[v.OPEN_HALTS]) == 0:
        return
    if is_open(account, v.DAILY_LOSS):
        lift(account, out, ts, v.DAILY_LOSS, v.NEW_DAY)
    paused = rules.drawdown_pause_days > 0 and day - int(account[v.DRAWDOWN_DAY]) >= rules.drawdown_pause_days
    if paused and is_open(account, v.DRAWDOWN):
        lift(account, out, ts, v.DRAWDOWN, v.PAUSE)
    resume_modes(account, book, out, ts)


@pure
def meet_gap(rules: Rules, account: Int64, book: Int64Table, out: Out, s: int, ts: int) -> None:
    """(b) Candles are missing before this one: a flat symbol settles again; sell_on_gap also sells the position (S4).

    A position keeps its mode and its levels, because only an entry needs a whole window. Once the position is closed,
    `account.sell` sends the symbol back to warming where the window is not whole yet.
    """
    book[s, v.GAP] = int(book[s, v.SEEN])
    if rules.sell_on_gap == 1 and int(book[s, v.ORDER_SIDE]) == v.BUY:
        expire(account, book, out, s, ts, v.DATA_GAP)
    if int(book[s, v.MODE]) == FLAT:
        move(book, out, s, ts, REWARM)
    if rules.sell_on_gap == 1 and int(book[s, v.QUANTITY]) > 0 and int(book[s, v.ORDER]) == 0:
        place_exit(account, book, out, s, ts, v.DATA_GAP)


@pure
def sell_waiting(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int, price: int
) -> None:
    """(c) A waiting exit order fills at the first open of a candle that has volume (S5, S8).

    price  of that open, price units
    """
    reason, order = int(book[s, v.ORDER_REASON]), int(book[s, v.ORDER])
    sell_market(rules, markets, account, book, out, s, ts, price, reason, order, 0)


@pure
def sell_at_open(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int, price: int
) -> None:
    """(d) A candle with volume opens at or beyond a level of a position that was open before it (S9).

    price  of that open, price units
    """
    sell_hit(rules, markets, account, book, out, s, ts, exits.exit_at_open(rules, levels_of(book, s), price))


@pure
def lower_target(
    rules: Rules, markets: Int64Table, steps: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int,
    price: int, volume: int,
) -> None:  # fmt: skip
    """(d) The target that begins with this candle replaces the one before; an open above it is sold there (S40).

    Nothing rested at that level yet, so this fill is a market order; it is not filled below the level. An open at or
    below the stop is left to S9.

    price, volume  of the open, price units, and of the candle, volume units
    """
    held = int(book[s, v.SEEN]) - int(book[s, v.ENTRY_SEEN])
    for i in range(len(steps)):
        if int(steps[i, 0]) == held:
            market = market_of(markets, s)
            target = exits.step_target(int(book[s, v.ENTRY]), int(steps[i, 1]), market.tick)
            book[s, v.TARGET_LEVEL] = target
            if volume > 0 and price > max(target, int(book[s, v.STOP_LEVEL]), int(book[s, v.TRAIL_LEVEL])):
                quantity, before = int(book[s, v.QUANTITY]), int(book[s, v.VOLUME])
                sold = max(target, sold_at(rules, market, price, quantity, before))
                sell(rules, market, account, book, out, s, ts, price, sold, v.TARGET_STEP, 0, 0)
            return


@pure
def sell_inside(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int, low: int, high: int
) -> None:
    """(f) A level is hit inside a candle that has volume, also inside the candle of the entry (S11, S12)."""
    sell_hit(rules, markets, account, book, out, s, ts, exits.exit_inside(rules, levels_of(book, s), low, high))


@pure
def sell_hit(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int, hit: exits.Hit
) -> None:
    """Fill a protective exit, if any: a target is a limit order at its price, a stop is a market order (S25)."""
    if hit.reason == v.NO_REASON:
        return
    if hit.reason == v.TAKE_PROFIT:
        market = market_of(markets, s)
        sell(rules, market, account, book, out, s, ts, hit.price, hit.price, hit.reason, 0, hit.other)
    else:
        sell_market(rules, markets, account, book, out, s, ts, hit.price, hit.reason, 0, hit.other)


@pure
def sell_market(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int,
    reference: int, reason: int, order: int, other: int,
) -> None:  # fmt: skip
    """Fill an exit that is a market order: it pays slippage. reference  price before slippage, price units."""
    market = market_of(markets, s)
    price = sold_at(rules, market, reference, int(book[s, v.QUANTITY]), int(book[s, v.VOLUME]))
    sell(rules, market, account, book, out, s, ts, reference, price, reason, order, other)


@pure
def buy_waiting(
    rules: Rules, markets: Int64Table, candles: Grid, t: int, account: Int64, book: Int64Table, out: Out, s: int
) -> None:
    """(e) A waiting entry is checked against the account as it is now, then filled or rejected (S10, S24).

    candles, t  the block, and the index of the timestamp that opens
    """
    ts = int(candles.ts[t])
    if known_candles(book, s) == 0:  # a gap came between the decision and this open (S4)
        reject(account, book, out, s, ts, v.WHILE_WARMING, 0, rules.settle)
        return
    if int(candles.volume[s, t]) == 0:  # nothing trades: wait, but not for long, as signals age (S5)
        book[s, v.BLOCKED] += 1
        if int(book[s, v.BLOCKED]) > rules.max_fill_delay_candles:
            expire(account, book, out, s, ts, v.NO_VOLUME)
        return
    exposed = worth_at_open(markets, candles, t, book)
    reference, entries = int(candles.open[s, t]), int(account[v.DAY_ENTRIES])
    distances = exits.Distances(
        int(book[s, v.ORDER_STOP]), int(book[s, v.ORDER_TARGET]), int(book[s, v.ORDER_TRAIL])
    )  # fmt: skip
    confidence = int(book[s, v.CONFIDENCE])
    entry = entry_at(rules, markets, account, book, s, reference, exposed, entries, confidence, distances)
    if entry.rejection.reason != v.NO_REASON:
        reject(account, book, out, s, ts, entry.rejection.reason, entry.rejection.value, entry.rejection.limit)
        return
    market = market_of(markets, s)
    buy(rules, market, account, book, out, s, ts, reference, entry.price, entry.quantity, entry.levels)


class SizedEntry(NamedTuple):
    """An entry that is checked and sized: why it is rejected, or what it buys, at which price, with which levels."""

    rejection: risk.Rejection
    quantity: int
    price: int
    levels: exits.Levels


@pure
def entry_at(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, s: int, reference: int, exposed: int,
    entries: int, confidence: int, distances: exits.Distances,
) -> SizedEntry:  # fmt: skip
    """The entry at a price, or why it is rejected: limit of the day, room, cash, size (S23, S24). Changes nothing.

    reference   before slippage: the open, or the close where S28 asks what the next open would say; price units
    exposed     notional of the open positions, money units: the limit is a share of it plus the cash
    entries     filled on the UTC day of that open. Only fills count, so this is no check of the decision: an order that
                waits may never fill
    confidence  parts per million
    """
    cash = int(account[v.CASH])
    # The sum of cash and positions is capped at LIMIT, so that it cannot wrap in int64.
    allowed = share_down(cash + min(exposed, LIMIT - cash), rules.max_exposure_ppm)
    amount = sizing.budget(rules, confidence, int(account[v.EQUITY]), cash, allowed - exposed)
    loss = share_down(share_down(int(account[v.EQUITY]), rules.risk_ppm), confidence)
    market = market_of(markets, s)
    quantity, price = sizing.sized(rules, market, amount, loss, distances, reference, int(book[s, v.VOLUME]))
    levels = exits.levels_from(rules, market.tick, price, distances)
    rejection = risk.rejected_for_day(rules, entries)
    if rejection.reason == v.NO_REASON:
        rejection = risk.rejected_for_cash(exposed, allowed, amount, cash)
    if rejection.reason == v.NO_REASON:
        stop = exits.stop_in_force(rules, levels)
        rejection = risk.rejected_for_size(market, amount, price, quantity, stop, distances)
    if rejection.reason == v.BELOW_LOT and sizing.affordable(amount, price, market, rules.commission_ppm) > 0:
        # The budget buys a lot, but the loss at its stop would be too large (S31).
        limit = sizing.loss_at(rules, market, price, max(exits.stop_in_force(rules, levels), 0), market.lot)
        rejection = risk.Rejection(v.BELOW_LOT, loss, limit)
    return SizedEntry(rejection, quantity, price, levels)


@pure
def worth_at_open(markets: Int64Table, candles: Grid, t: int, book: Int64Table) -> int:
    """Notional of the open positions at an open, money units, at most LIMIT (S23a).

    A position that was bought at this open counts at its fill price. A position whose symbol does not trade here counts
    at its last close.
    """
    total = 0
    for s in range(len(book)):
        quantity = int(book[s, v.QUANTITY])
        if quantity > 0:
            price = int(book[s, v.CLOSE])
            if int(book[s, v.OPENED]) == int(candles.ts[t]):
                price = int(book[s, v.ENTRY])
            elif int(candles.volume[s, t]) > 0:
                price = int(candles.open[s, t])
            total += min(LIMIT - total, worth(price, quantity, int(markets[s, 2])))
    return total


@pure
def raise_stops(rules: Rules, markets: Int64Table, book: Int64Table, s: int, high: int, distance: int) -> None:
    """(g) Trail and break-even follow the high of a candle that has closed (S14, S43).

    distance  of the trail, where the strategy gives it (S30)

    This comes after (f): a trail that knew the high of its own candle would look ahead.
    """
    tick, entry = int(markets[s, 0]), int(book[s, v.ENTRY])
    set_levels(book, s, exits.raise_stops(rules, tick, entry, levels_of(book, s), high, distance))


@pure
def guard(rules: Rules, account: Int64, book: Int64Table, out: Out, ts: int, met_day: bool, met_peak: bool) -> None:
    """(h) Daily loss, then drawdown: each opens a halt of its own, also while another halt is open (S15).

    met_day, met_peak  whether the loss since the start of the day, or since the peak, has reached its limit
    """
    day_start, peak = int(account[v.DAY_START]), int(account[v.PEAK])
    if met_day and not is_open(account, v.DAILY_LOSS):
        open_halt(rules, account, book, out, ts, v.DAILY_LOSS, rules.max_daily_loss_ppm, day_start)
    if met_peak and not is_open(account, v.DRAWDOWN):
        open_halt(rules, account, book, out, ts, v.DRAWDOWN, rules.max_drawdown_ppm, peak)


@pure
def decide(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, out: Out, s: int, ts: int, signals: Signals,
    t: int,
) -> None:  # fmt: skip
    """(i) A symbol whose warm-up is over becomes flat; its signal becomes an order or a rejection (S16, S24).

    A signal that stands is only counted (S28).

    signals, t  of the block, and the index of the timestamp
    """
    signal = int(signals.signal[s, t])
    if signal == v.UNASKED:
        return
    if int(book[s, v.MODE]) == WARMING and is_warm(rules, book, s) and ts >= rules.start_ts:
        move(book, out, s, ts, WARM)
    if signal == 0:
        return
    strength = float(signals.strength[s, t])
    confidence = sizing.confidence_ppm(strength, rules.confidence_cap_ppm, rules.confidence_threshold_ppm)
    distances = distances_at(rules, signals, s, t)
    rejection = rejected_signal(rules, account, book, s, signal)
    if signal == v.ENTER_SIGNAL and rejection.reason == v.NO_REASON:
        rejection = risk.rejected_for_distances(rules, int(markets[s, 0]), int(book[s, v.CLOSE]), distances)
    standing = stands(rules, markets, account, book, s, ts, signal, rejection.reason, confidence, distances)
    book[s, v.STOOD_SEEN] = int(book[s, v.SEEN])
    if standing:
        if ts >= rules.start_ts:
            book[s, v.STOOD_ENTERS if signal == v.ENTER_SIGNAL else v.STOOD_EXITS] += 1
        return
    book[s, v.STOOD_SIGNAL] = signal
    book[s, v.STOOD_REASON] = rejection.reason
    out.strength[int(out.used[0])] = strength  # a float, so it cannot stand in the row of integers
    emit(out, v.SIGNAL, ts, s, (signal,))
    side = v.BUY if signal == v.ENTER_SIGNAL else v.SELL
    if side == v.SELL and int(book[s, v.ORDER_SIDE]) == v.BUY:
        expire(account, book, out, s, ts, v.BY_SIGNAL)  # S5
    if rejection.reason == v.NO_REASON and side == v.BUY:
        place(account, book, out, s, ts, v.BUY, v.BY_SIGNAL, confidence, distances)
    elif rejection.reason == v.NO_REASON:
        place_exit(account, book, out, s, ts, v.BY_SIGNAL)
    else:
        emit(out, v.ORDER_REJECTED, ts, s, (0, side, rejection.reason, rejection.value, rejection.limit))


@pure
def distances_at(rules: Rules, signals: Signals, s: int, t: int) -> exits.Distances:
    """The distances that the strategy gives at a timestamp (S30)."""
    stop = target = trail = v.NONE
    if rules.stop_distance == 1:
        stop = int(signals.stop[s, t])
    if rules.target_distance == 1:
        target = int(signals.target[s, t])
    if rules.trail_distance == 1:
        trail = int(signals.trail[s, t])
    return exits.Distances(stop, target, trail)


@pure
def rejected_signal(rules: Rules, account: Int64, book: Int64Table, s: int, signal: int) -> risk.Rejection:
    """Whether a signal is rejected at its decision (S24)."""
    if signal == v.EXIT_SIGNAL:
        return risk.rejected_exit(int(book[s, v.QUANTITY]), int(book[s, v.ORDER]))
    cooling = int(book[s, v.COOLING])
    request = risk.EntryRequest(
        mode=int(book[s, v.MODE]),
        quantity=int(book[s, v.QUANTITY]),
        order=int(book[s, v.ORDER]),
        seen=int(book[s, v.SEEN]),
        since_gap=known_candles(book, s),
        since_loss=int(book[s, v.SEEN]) - cooling if cooling > 0 else v.NONE,
        taken=int(account[v.POSITIONS]) + int(account[v.WAITING_ENTRIES]),
    )
    return risk.rejected_entry(rules, request)


@pure
def stands(
    rules: Rules, markets: Int64Table, account: Int64, book: Int64Table, s: int, ts: int, signal: int, reason: int,
    confidence: int, distances: exits.Distances,
) -> bool:  # fmt: skip
    """Whether a signal is that of the candle before, and would be rejected for the reason for which that was (S28).

    While an entry waits, that was an enter signal, so an exit signal that takes the entry back (S5) never stands.

    reason  of its rejection at the decision. An entry that has none there, and was rejected at the open, is checked as
            at the next open, with this close in its place
    """
    if int(book[s, v.STOOD_SIGNAL]) != signal or int(book[s, v.STOOD_SEEN]) != int(book[s, v.SEEN]) - 1:
        return False
    stood = int(book[s, v.STOOD_REASON])
    if reason == v.NO_REASON and v.MAX_DAILY_TRADES <= stood <= v.BELOW_MIN_NOTIONAL:
        entries = int(account[v.DAY_ENTRIES]) if ts + rules.step_ms < int(account[v.DAY_END]) else 0
        exposed = int(account[v.EQUITY]) - int(account[v.CASH])  # of the mark of this candle
        close = int(book[s, v.CLOSE])
        entry = entry_at(rules, markets, account, book, s, close, exposed, entries, confidence, distances)
        reason = entry.rejection.reason
    return reason != v.NO_REASON and reason == stood


@pure
def stop_in_time(rules: Rules, account: Int64, book: Int64Table, out: Out, ts: int) -> None:
    """(i) A position that has seen as many candles as it may gets an exit order, unless one waits (S32).

    It counts candles of its symbol that are there, that of the entry included.
    """
    for s in range(len(book)):
        held = int(book[s, v.SEEN]) - int(book[s, v.ENTRY_SEEN])
        if int(book[s, v.QUANTITY]) > 0 and held >= rules.max_held_candles and int(book[s, v.ORDER]) == 0:
            place_exit(account, book, out, s, ts, v.TIME_STOP)
