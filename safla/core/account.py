"""How changes of mode, orders and fills change the state, and the row that each emits. Nothing is decided here."""

import numpy as np

from safla.core import values as v
from safla.core.exits import Distances, Levels, gross_of_long
from safla.core.fills import fee, fits
from safla.core.machine import ENTER, EXIT, FLAT, IDLE, REWARM, moved
from safla.core.pure import pure
from safla.core.values import Int64, Int64Table, Market, Out, Rules, State


def new_state(balance: int, symbols: int) -> State:
    """The state before the first candle: all cash, every symbol idle. balance in money units."""
    account = np.zeros(v.ACCOUNT_FIELDS, np.int64)
    account[[v.CASH, v.EQUITY, v.PEAK, v.DAY_START]] = balance
    account[v.LAST_TS] = v.NONE
    book = np.zeros((symbols, v.SYMBOL_FIELDS), np.int64)
    book[:, v.MODE] = IDLE
    book[:, v.TS] = v.NONE
    return State(account, book)


@pure
def room_for(symbols: int) -> int:
    """The most rows that one timestamp can need (see the phases in step.py)."""
    return 24 * symbols + 8


def blank_out(symbols: int, timestamps: int, rows: int) -> Out:
    """An empty Out for blocks of up to so many timestamps. rows  room beyond what one timestamp can need."""
    size = rows + room_for(symbols)
    return Out(
        np.zeros((size, v.ROW_WIDTH), np.int64), np.zeros(size), np.zeros(1, np.int64),
        np.zeros(timestamps, np.int64), np.zeros(timestamps, np.int64),
    )  # fmt: skip


@pure
def market_of(markets: Int64Table, s: int) -> Market:
    """The numbers of one symbol's market."""
    return Market(
        int(markets[s, 0]), int(markets[s, 1]), int(markets[s, 2]),
        int(markets[s, 3]), int(markets[s, 4]), int(markets[s, 5]),
    )  # fmt: skip


@pure
def levels_of(book: Int64Table, s: int) -> Levels:
    """The levels of one symbol's position."""
    return Levels(
        int(book[s, v.STOP_LEVEL]), int(book[s, v.TARGET_LEVEL]), int(book[s, v.TRAIL_LEVEL]),
        int(book[s, v.ARM_LEVEL]), int(book[s, v.HIGHEST]), int(book[s, v.EVEN_LEVEL]),
    )  # fmt: skip


@pure
def set_levels(book: Int64Table, s: int, levels: Levels) -> None:
    """Write the levels of one symbol's position."""
    book[s, v.STOP_LEVEL] = levels.stop
    book[s, v.TARGET_LEVEL] = levels.target
    book[s, v.TRAIL_LEVEL] = levels.trail
    book[s, v.ARM_LEVEL] = levels.arm
    book[s, v.HIGHEST] = levels.highest
    book[s, v.EVEN_LEVEL] = levels.even


@pure
def emit(out: Out, kind: int, ts: int, symbol: int, numbers: tuple[int, ...]) -> None:
    """Append a row: its kind, and the numbers that values.ROW_FIELDS lists for that kind."""
    row = int(out.used[0])
    out.rows[row, 0] = kind
    out.rows[row, 1] = ts
    out.rows[row, 2] = symbol
    for i in range(len(numbers)):
        out.rows[row, 3 + i] = numbers[i]
    out.used[0] = row + 1


@pure
def emit_marks(book: Int64Table, out: Out, ts: int) -> None:
    """Emit the open positions at their last close, after a day_started or halted row (docs/journal.md)."""
    for s in range(len(book)):
        if int(book[s, v.QUANTITY]) > 0:
            emit(out, v.MARK, ts, s, (int(book[s, v.QUANTITY]), int(book[s, v.CLOSE])))


@pure
def move(book: Int64Table, out: Out, s: int, ts: int, trigger: int) -> None:
    """Change the mode of a symbol as the machine says; a move to the same mode emits no row (docs/journal.md)."""
    source = int(book[s, v.MODE])
    target = moved(source, trigger)
    book[s, v.MODE] = target
    if target != source:
        emit(out, v.MODE_CHANGED, ts, s, (trigger, source, target))


@pure
def place_exit(account: Int64, book: Int64Table, out: Out, s: int, ts: int, reason: int) -> None:
    """Place a sell of the whole position."""
    place(account, book, out, s, ts, v.SELL, reason, v.NONE, Distances(v.NONE, v.NONE, v.NONE))


@pure
def place(
    account: Int64, book: Int64Table, out: Out, s: int, ts: int, side: int, reason: int, confidence: int,
    distances: Distances,
) -> None:  # fmt: skip
    """Place an order, which waits for an open.

    confidence  parts per million, NONE for a sell
    distances   of a buy (S30), all NONE for a sell
    """
    order = int(account[v.ORDERS]) + 1
    account[v.ORDERS] = order
    account[v.WAITING] += 1
    if side == v.BUY:
        account[v.WAITING_ENTRIES] += 1
    book[s, v.ORDER] = order
    book[s, v.ORDER_SIDE] = side
    book[s, v.ORDER_REASON] = reason
    book[s, v.CONFIDENCE] = confidence
    book[s, v.ORDER_STOP] = distances.stop
    book[s, v.ORDER_TARGET] = distances.target
    book[s, v.ORDER_TRAIL] = distances.trail
    book[s, v.BLOCKED] = 0
    numbers = (order, side, reason, confidence, distances.stop, distances.target, distances.trail)
    emit(out, v.ORDER_PLACED, ts, s, numbers)


@pure
def unplace(account: Int64, book: Int64Table, s: int) -> None:
    """Remove the waiting order of a symbol, filled or not."""
    account[v.WAITING] -= 1
    if int(book[s, v.ORDER_SIDE]) == v.BUY:
        account[v.WAITING_ENTRIES] -= 1
    book[s, v.ORDER] = 0
    book[s, v.ORDER_SIDE] = 0


@pure
def expire(account: Int64, book: Int64Table, out: Out, s: int, ts: int, reason: int) -> None:
    """Give up the waiting order of a symbol."""
    emit(out, v.ORDER_EXPIRED, ts, s, (int(book[s, v.ORDER]), int(book[s, v.ORDER_SIDE]), reason))
    unplace(account, book, s)


@pure
def reject(account: Int64, book: Int64Table, out: Out, s: int, ts: int, reason: int, value: int, limit: int) -> None:
    """Reject a waiting entry at the open, with the two numbers that were compared."""
    book[s, v.STOOD_REASON] = reason  # of the signal that it came from (S28)
    emit(out, v.ORDER_REJECTED, ts, s, (int(book[s, v.ORDER]), v.BUY, reason, value, limit))
    unplace(account, book, s)


@pure
def buy(
    rules: Rules, market: Market, account: Int64, book: Int64Table, out: Out, s: int, ts: int,
    reference: int, price: int, quantity: int, levels: Levels,
) -> None:  # fmt: skip
    """Fill the waiting entry: pay for it, open the position with its levels, move from flat to long (S10, S26)."""
    notional = price * quantity * market.k
    paid = fee(notional, rules.commission_ppm)
    cash = int(account[v.CASH]) - notional - paid
    assert cash >= 0, "an entry cost more than there was"
    trade = int(account[v.TRADES]) + 1
    account[v.CASH] = cash
    account[v.TRADES] = trade
    account[v.FEES] += paid
    account[v.POSITIONS] += 1
    account[v.DAY_ENTRIES] += 1
    book[s, v.QUANTITY] = quantity
    book[s, v.ENTRY] = price
    book[s, v.ENTRY_FEE] = paid
    book[s, v.ENTRY_SEEN] = int(book[s, v.SEEN])
    book[s, v.OPENED] = ts
    book[s, v.TRADE] = trade
    set_levels(book, s, levels)
    order = int(book[s, v.ORDER])
    emit(out, v.FILLED, ts, s, (order, trade, v.BUY, v.BY_SIGNAL, reference, price, quantity, paid, cash, 0))
    unplace(account, book, s)
    move(book, out, s, ts, ENTER)


@pure
def sell(
    rules: Rules, market: Market, account: Int64, book: Int64Table, out: Out, s: int, ts: int,
    reference: int, price: int, reason: int, order: int, other: int,
) -> None:  # fmt: skip
    """Fill an exit: sell the whole position and close the trade (S9, S11, S26).

    A sale that would pass a bound of D1 changes nothing but BROKEN, which names the first such symbol.

    order  its number, 0 for a protective exit
    other  the other level that the same candle reached (S12), price units, 0 for none
    """
    quantity = int(book[s, v.QUANTITY])
    if not fits(price, quantity, market.k, int(account[v.CASH])):
        if int(account[v.BROKEN]) == 0:
            account[v.BROKEN] = 1 + s
        return
    notional = price * quantity * market.k
    paid = fee(notional, rules.maker_commission_ppm if reason == v.TAKE_PROFIT else rules.commission_ppm)
    cash = int(account[v.CASH]) + notional - paid
    entry = int(book[s, v.ENTRY])
    gross = gross_of_long(entry, price, quantity, market.k)
    fees = int(book[s, v.ENTRY_FEE]) + paid
    trade = int(book[s, v.TRADE])
    account[v.CASH] = cash
    account[v.FEES] += paid
    account[v.REALISED] += gross - fees
    account[v.POSITIONS] -= 1
    emit(out, v.FILLED, ts, s, (order, trade, v.SELL, reason, reference, price, quantity, paid, cash, other))
    closed = (trade, int(book[s, v.OPENED]), quantity, entry, price, gross, fees, gross - fees, reason)
    emit(out, v.TRADE_CLOSED, ts, s, closed)
    if order > 0:
        unplace(account, book, s)
    book[s, v.QUANTITY] = 0
    if gross - fees < 0:
        book[s, v.COOLING] = 1 + int(book[s, v.SEEN])  # plus 1, because 0 means that there was no losing exit
    move(book, out, s, ts, EXIT)
    if int(book[s, v.MODE]) == FLAT and not is_warm(rules, book, s):
        move(book, out, s, ts, REWARM)  # S4: fewer candles than the strategy needs since the last gap


@pure
def is_warm(rules: Rules, book: Int64Table, s: int) -> bool:
    """Whether enough candles of a symbol are known, since the first one of the run and since the last gap (S29)."""
    return int(book[s, v.SEEN]) >= rules.warm_up and known_candles(book, s) >= rules.settle


@pure
def known_candles(book: Int64Table, s: int) -> int:
    """How many candles of a symbol are known since its last gap."""
    return int(book[s, v.SEEN]) - int(book[s, v.GAP])
