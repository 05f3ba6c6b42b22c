"""Turn the rows of the engine into events: codes become words, integers become text. The hash chain is in chain.py."""

from collections.abc import Callable
from typing import Any, NamedTuple

from safla.core import values as v
from safla.core.machine import MODES, TRIGGERS
from safla.core.scale import MILLION, float_text, ratio, to_text
from safla.core.values import State
from safla.journal.amounts import COUNT, MEASURES, MONEY, PRICE, amount_places
from safla.journal.events import (
    DayStarted,
    Event,
    Filled,
    Halted,
    Mark,
    ModeChanged,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    Resumed,
    RunEnded,
    RunStarted,
    SignalEvent,
    TradeClosed,
)

# Any: these tuples are plain str to a type checker, the fields of the events are Literals. A test compares the two.
_MODES: tuple[Any, ...] = MODES
_TRIGGERS: tuple[Any, ...] = TRIGGERS
_SIDES: tuple[Any, ...] = v.SIDES
_REASONS: tuple[Any, ...] = v.REASONS
_HALT_RULES: tuple[Any, ...] = v.HALT_RULES
_RESUMERS: tuple[Any, ...] = v.RESUMERS


class RunDecimals(NamedTuple):
    """The decimal places of a run; each tuple has one entry for each symbol, in configuration order."""

    symbols: tuple[str, ...]
    price: tuple[int, ...]
    quantity: tuple[int, ...]
    volume: tuple[int, ...]
    money: int


class Input(NamedTuple):
    """What comes with an input from outside (J17); given and id are those of an operator's command (S15a)."""

    note: str | None = None
    given: int | None = None  # ms
    id: str | None = None


NO_INPUT = Input()


class EngineRows(NamedTuple):
    """The rows that one call of the engine wrote, as plain lists."""

    rows: list[list[int]]
    strengths: list[float]  # by row; only rows of signals have one
    input: Input  # the outside input that the rows follow from, or NO_INPUT


def run_decimals(started: RunStarted) -> RunDecimals:
    """The decimal places that a first line declares."""
    money, symbols = amount_places(started)
    price, quantity, volume, _ = zip(*symbols.values(), strict=True)
    return RunDecimals(tuple(symbols), price, quantity, volume, money)


def _day_started(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, _, cash, equity, peak, *_ = rows.rows[i]
    return DayStarted(
        ts=ts,
        cash=to_text(cash, places.money),
        equity=to_text(equity, places.money),
        peak=to_text(peak, places.money),
        marks=_marks(places, rows.rows, i + 1),
    )


def _mode_changed(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, trigger, source, target, *_ = rows.rows[i]
    return ModeChanged(
        ts=ts, symbol=places.symbols[s], trigger=_TRIGGERS[trigger], source=_MODES[source], target=_MODES[target]
    )


def _signal(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, signal, *_ = rows.rows[i]
    return SignalEvent(
        ts=ts,
        symbol=places.symbols[s],
        signal="enter" if signal == v.ENTER_SIGNAL else "exit",
        strength=float_text(rows.strengths[i]),
    )


def _order_placed(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, order, side, reason, confidence, *_ = rows.rows[i]
    return OrderPlaced(
        ts=ts,
        symbol=places.symbols[s],
        order=order,
        side=_SIDES[side],
        reason=_REASONS[reason],
        confidence=None if confidence == v.NONE else ratio(confidence, MILLION),
    )


def _order_rejected(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, order, side, reason, value, limit, *_ = rows.rows[i]
    name = _REASONS[reason]
    decimals = {MONEY: places.money, PRICE: places.price[s]}.get(MEASURES.get(name, COUNT), 0)
    return OrderRejected(
        ts=ts,
        symbol=places.symbols[s],
        order=order,
        side=_SIDES[side],
        reason=name,
        value=None if value == v.NONE else to_text(value, decimals),
        limit=None if limit == v.NONE else to_text(limit, decimals),
    )


def _order_expired(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, order, side, reason, *_ = rows.rows[i]
    return OrderExpired(ts=ts, symbol=places.symbols[s], order=order, side=_SIDES[side], reason=_REASONS[reason])


def _filled(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, order, trade, side, reason, reference, price, quantity, fee, cash, other, *_ = rows.rows[i]
    decimals = places.price[s]
    return Filled(
        ts=ts,
        symbol=places.symbols[s],
        order=order,
        trade=trade,
        side=_SIDES[side],
        reason=_REASONS[reason],
        reference=to_text(reference, decimals),
        price=to_text(price, decimals),
        quantity=to_text(quantity, places.quantity[s]),
        fee=to_text(fee, places.money),
        cash=to_text(cash, places.money),
        ambiguous=other > 0,
    )


def _trade_closed(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, trade, opened, quantity, entry, exit_price, gross, fees, net, reason, *_ = rows.rows[i]
    decimals = places.price[s]
    return TradeClosed(
        ts=ts,
        symbol=places.symbols[s],
        trade=trade,
        opened=opened,
        quantity=to_text(quantity, places.quantity[s]),
        entry=to_text(entry, decimals),
        exit=to_text(exit_price, decimals),
        gross=to_text(gross, places.money),
        fees=to_text(fees, places.money),
        net=to_text(net, places.money),
        reason=_REASONS[reason],
    )


def _halted(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, _, number, rule, limit, equity, reference, *_ = rows.rows[i]
    return Halted(
        ts=ts,
        halt=number,
        rule=_HALT_RULES[rule],
        value=ratio(reference - equity, reference) if reference > 0 else None,
        limit=None if limit == v.NONE else ratio(limit, MILLION),
        equity=to_text(equity, places.money),
        reference=None if reference == v.NONE else to_text(reference, places.money),
        marks=_marks(places, rows.rows, i + 1),
        note=rows.input.note,
        given=rows.input.given,
        id=rows.input.id,
    )


def _resumed(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, _, by, number, peak, *_ = rows.rows[i]
    return Resumed(
        ts=ts,
        by=_RESUMERS[by],
        halt=number,
        peak=to_text(peak, places.money),
        note=rows.input.note,
        given=rows.input.given,
        id=rows.input.id,
    )


def _marks(places: RunDecimals, rows: list[list[int]], i: int) -> list[Mark]:
    marks = []
    while i < len(rows) and rows[i][0] == v.MARK:
        _, _, s, quantity, price, *_ = rows[i]
        marks.append(mark_of(places, s, quantity=quantity, price=price))
        i += 1
    return marks


def mark_of(places: RunDecimals, s: int, *, quantity: int, price: int) -> Mark:
    """An open position as the journal writes it. Integers in units of the symbol's scale."""
    return Mark(
        symbol=places.symbols[s],
        quantity=to_text(quantity, places.quantity[s]),
        price=to_text(price, places.price[s]),
    )


def run_ended(places: RunDecimals, state: State, *, digest: str, stop: Input) -> RunEnded:
    """The last event of a run, from its state. Only closed trades are counted.

    stop  the command that ended the run, or NO_INPUT
    """
    account = [int(value) for value in state.account]
    return RunEnded(
        ts=account[v.LAST_TS],
        candles=account[v.ROWS_FOLDED],
        digest=digest,
        cash=to_text(account[v.CASH], places.money),
        equity=to_text(account[v.EQUITY], places.money),
        peak=to_text(account[v.PEAK], places.money),
        realised=to_text(account[v.REALISED], places.money),
        fees=to_text(account[v.FEES], places.money),
        trades=account[v.TRADES] - account[v.POSITIONS],
        marks=[
            mark_of(places, s, quantity=int(row[v.QUANTITY]), price=int(row[v.CLOSE]))
            for s, row in enumerate(state.book)
            if int(row[v.QUANTITY]) > 0
        ],
        given=stop.given,
        id=stop.id,
    )


# The function that makes the event of a row, by kind of row. A mark belongs to the row before it and has no line.
EVENTS: dict[int, Callable[[RunDecimals, EngineRows, int], Event]] = {
    v.DAY_STARTED: _day_started,
    v.MODE_CHANGED: _mode_changed,
    v.SIGNAL: _signal,
    v.ORDER_PLACED: _order_placed,
    v.ORDER_REJECTED: _order_rejected,
    v.ORDER_EXPIRED: _order_expired,
    v.FILLED: _filled,
    v.TRADE_CLOSED: _trade_closed,
    v.HALTED_ROW: _halted,
    v.RESUMED: _resumed,
}
