"""The life of one candle, phase by phase (SEMANTICS 2): each phase for one symbol, or once for the account."""

from safla.core import exits, risk, sizing
from safla.core import values as v
from safla.core.account import (
    buy,
    emit,
    emit_marks,
    expire,
    known_candles,
    levels_of,
    market_of,
    move,
    place,
    reject,
    sell,
    set_levels,
)  # fmt: skip
from safla.core.fills import sold_at, worth
from safla.core.halts import is_open, lift, open_halt, resume_modes
from safla.core.machine import FLAT, REWARM, WARM, WARMING
from safla.core.pure import pure
from safla.core.scale import LIMIT, share_down
from safla.core.values import Grid, Int64, Out, Rules


@pure
def open_of_day(rules: Rules, account: Int64, book: Int64, out: Out, ts: int) -> None:
    """(a) A new UTC day: counters start anew; a daily halt is lifted, and a drawdown halt whose pause is over (S7)."""
    day = ts // v.DAY_MS
    account[v.DAY_END] = (day + 1) * v.DAY_MS
    account[v.DAY_START] = int(account[v.EQUITY])
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
def meet_gap(rules: Rules, account: Int64, book: Int64, out: Out, s: int, ts: int) -> None:
    """(b) Candles are missing before this one: the window is broken, and with sell_on_gap the position goes (S4)."""
    book[s, v.GAP] = int(book[s, v.SEEN])
    if rules.sell_on_gap == 1 and int(book[s, v.ORDER_SIDE]) == v.BUY:
        expire(account, book, out, s, ts, v.DATA_GAP)
    if int(book[s, v.MODE]) == FLAT:
        move(book, out, s, ts, REWARM)
    if rules.sell_on_gap == 1 and int(book[s, v.QUANTITY]) > 0 and int(book[s, v.ORDER]) == 0:
        place(account, book, out, s, ts, v.SELL, v.DATA_GAP, v.NONE)


@pure
def sell_waiting(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int, price: int
) -> None:
    """(c) A waiting exit fills at the first open of a candle with volume (S5, S8). price of that open."""
    reason, order = int(book[s, v.ORDER_REASON]), int(book[s, v.ORDER])
    sell_market(rules, markets, account, book, out, s, ts, price, reason, order, 0)


@pure
def sell_at_open(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int, price: int
) -> None:
    """(d) A candle with volume opens beyond a level of a position held before it (S9). price of that open."""
    sell_hit(rules, markets, account, book, out, s, ts, exits.exit_at_open(rules, levels_of(book, s), price))


@pure
def sell_inside(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int, low: int, high: int
) -> None:
    """(f) A level is hit inside a candle with volume, that of the entry included (S11, S12)."""
    sell_hit(rules, markets, account, book, out, s, ts, exits.exit_inside(rules, levels_of(book, s), low, high))


@pure
def sell_hit(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int, hit: exits.Hit
) -> None:
    """Fill a protective exit: a target rests at its price, a stop is a market order (S25)."""
    if hit.reason == v.NO_REASON:
        return
    if hit.reason == v.TAKE_PROFIT:
        market = market_of(markets, s)
        sell(rules, market, account, book, out, s, ts, hit.price, hit.price, hit.reason, 0, hit.other)
    else:
        sell_market(rules, markets, account, book, out, s, ts, hit.price, hit.reason, 0, hit.other)


@pure
def sell_market(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int,
    reference: int, reason: int, order: int, other: int,
) -> None:  # fmt: skip
    """Fill an exit that pays slippage."""
    market = market_of(markets, s)
    price = sold_at(rules, market, reference, int(book[s, v.QUANTITY]), int(book[s, v.VOLUME]))
    sell(rules, market, account, book, out, s, ts, reference, price, reason, order, other)


@pure
def buy_waiting(
    rules: Rules, markets: Int64, candles: Grid, t: int, account: Int64, book: Int64, out: Out, s: int
) -> None:
    """(e) A waiting entry is checked with the values of this moment, then filled or rejected (S10, S24).

    candles, t  the block, and its timestamp that opens
    """
    ts = int(candles.ts[t])
    if known_candles(book, s) == 0:  # a gap lies between the decision and this open (S4)
        reject(account, book, out, s, ts, v.WHILE_WARMING, 0, rules.warm_up)
        return
    if int(candles.volume[s, t]) == 0:
        book[s, v.BLOCKED] += 1
        if int(book[s, v.BLOCKED]) > rules.max_fill_delay_candles:
            expire(account, book, out, s, ts, v.NO_VOLUME)
        return
    entries = int(account[v.DAY_ENTRIES])
    if rules.max_daily_trades > 0 and entries >= rules.max_daily_trades:
        reject(account, book, out, s, ts, v.MAX_DAILY_TRADES, entries, rules.max_daily_trades)
        return
    exposed = worth_at_open(markets, candles, t, book)
    buy_sized(rules, markets, account, book, out, s, ts, int(candles.open[s, t]), exposed)


@pure
def buy_sized(
    rules: Rules, markets: Int64, account: Int64, book: Int64, out: Out, s: int, ts: int, reference: int, exposed: int
) -> None:
    """(e) The entry finds room, money and a quantity, or is rejected for want of one (S23, S24).

    reference  the open, price units
    exposed    what the open positions are worth at this open, money units: the limit is a share of that and the cash
    """
    cash = int(account[v.CASH])
    allowed = share_down(cash + min(exposed, LIMIT - cash), rules.max_exposure_ppm)
    amount = sizing.budget(rules, int(book[s, v.CONFIDENCE]), cash, allowed - exposed)
    rejection = risk.rejected_for_cash(exposed, allowed, amount, cash)
    if rejection.reason != v.NO_REASON:
        reject(account, book, out, s, ts, rejection.reason, rejection.value, rejection.limit)
        return
    market = market_of(markets, s)
    quantity, price = sizing.sized(rules, market, amount, reference, int(book[s, v.VOLUME]))
    levels = exits.levels_from(rules, market.tick, price)
    rejection = risk.rejected_for_size(market, amount, price, quantity, exits.stop_in_force(rules, levels))
    if rejection.reason != v.NO_REASON:
        reject(account, book, out, s, ts, rejection.reason, rejection.value, rejection.limit)
        return
    buy(rules, market, account, book, out, s, ts, reference, price, quantity, levels)


@pure
def worth_at_open(markets: Int64, candles: Grid, t: int, book: Int64) -> int:
    """Notional of the open positions at an open, money units; LIMIT where it would pass that (S23a).

    What was bought at this open counts at its fill price; without a candle that trades a position counts at its last
    close.
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
def raise_trail(rules: Rules, markets: Int64, book: Int64, s: int, high: int) -> None:
    """(g) The trail follows the candle's high, once the candle has closed (S14)."""
    set_levels(book, s, exits.raise_trail(rules, int(markets[s, 0]), levels_of(book, s), high))


@pure
def guard(rules: Rules, account: Int64, book: Int64, out: Out, ts: int, met_day: bool, met_peak: bool) -> None:
    """(h) Daily loss, then drawdown: each opens its own halt, also while another is open (S15)."""
    day_start, peak = int(account[v.DAY_START]), int(account[v.PEAK])
    if met_day and not is_open(account, v.DAILY_LOSS):
        open_halt(rules, account, book, out, ts, v.DAILY_LOSS, rules.max_daily_loss_ppm, day_start)
    if met_peak and not is_open(account, v.DRAWDOWN):
        open_halt(rules, account, book, out, ts, v.DRAWDOWN, rules.max_drawdown_ppm, peak)


@pure
def decide(rules: Rules, account: Int64, book: Int64, out: Out, s: int, ts: int, signal: int, strength: float) -> None:
    """(i) A warm symbol becomes flat; a signal becomes an order, or a rejection with its reason (S16, S24)."""
    if signal == v.UNASKED:
        return
    if int(book[s, v.MODE]) == WARMING and known_candles(book, s) >= rules.warm_up and ts >= rules.start_ts:
        move(book, out, s, ts, WARM)
    if signal == 0:
        return
    out.strength[int(out.used[0])] = strength
    emit(out, v.SIGNAL, ts, s, (signal,))
    if signal == v.ENTER_SIGNAL:
        decide_entry(rules, account, book, out, s, ts, strength)
    else:
        decide_exit(account, book, out, s, ts)


@pure
def decide_entry(rules: Rules, account: Int64, book: Int64, out: Out, s: int, ts: int, strength: float) -> None:
    """An enter signal waits for the next open, or is rejected."""
    cooling = int(book[s, v.COOLING])
    wish = risk.Wish(
        mode=int(book[s, v.MODE]),
        quantity=int(book[s, v.QUANTITY]),
        order=int(book[s, v.ORDER]),
        seen=known_candles(book, s),
        since_loss=int(book[s, v.SEEN]) - cooling if cooling > 0 else v.NONE,
        taken=int(account[v.POSITIONS]) + int(account[v.WAITING_ENTRIES]),
    )
    rejection = risk.rejected_entry(rules, wish)
    if rejection.reason != v.NO_REASON:
        emit(out, v.ORDER_REJECTED, ts, s, (0, v.BUY, rejection.reason, rejection.value, rejection.limit))
        return
    confidence = sizing.confidence_ppm(strength, rules.entry_threshold_ppm)
    place(account, book, out, s, ts, v.BUY, v.BY_SIGNAL, confidence)


@pure
def decide_exit(account: Int64, book: Int64, out: Out, s: int, ts: int) -> None:
    """An exit signal sells at the next open; it takes back an entry that still waits (S5)."""
    if int(book[s, v.ORDER_SIDE]) == v.BUY:
        expire(account, book, out, s, ts, v.BY_SIGNAL)
    rejection = risk.rejected_exit(int(book[s, v.QUANTITY]), int(book[s, v.ORDER]))
    if rejection.reason != v.NO_REASON:
        emit(out, v.ORDER_REJECTED, ts, s, (0, v.SELL, rejection.reason, rejection.value, rejection.limit))
        return
    place(account, book, out, s, ts, v.SELL, v.BY_SIGNAL, v.NONE)
