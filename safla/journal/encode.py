"""Turn the rows of the engine into events: codes become words, integers become text. The hash chain is in chain.py."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, get_type_hints

from safla.core import values as v
from safla.core.machine import MODES, TRIGGERS
from safla.core.scale import MILLION, float_text, ratio, to_text
from safla.core.values import State
from safla.journal import amounts
from safla.journal.amounts import COUNT, MEASURES, amount_places
from safla.journal.event_bytes import (
    FLAG,
    INTEGER,
    MONEY,
    PRICE,
    PRICE_OR_NULL,
    QUANTITY,
    RATIO,
    STRENGTH,
    VOLUME,
    WORD,
)
from safla.journal.events import (
    CandleEvent,
    CandleMissing,
    Count,
    DayStarted,
    Event,
    Fact,
    Filled,
    Halted,
    Mark,
    ModeChanged,
    Money,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    Ordinal,
    Price,
    Quantity,
    Ratio,
    Resumed,
    RunEnded,
    RunStarted,
    SignalEvent,
    Time,
    TradeClosed,
    Volume,
)

# Any: these tuples are plain str to a type checker, the fields of the events are Literals. A test compares the two.
_SIDES: tuple[Any, ...] = v.SIDES
_REASONS: tuple[Any, ...] = v.REASONS
_HALT_RULES: tuple[Any, ...] = v.HALT_RULES
_RESUMERS: tuple[Any, ...] = v.RESUMERS
_SIGNALS: tuple[Any, ...] = (None, "enter", "exit")  # exit is -1, the last word

# Kinds of rows that the engine does not write: the candles, which a journal of the detail `candles` has as lines.
CANDLE, CANDLE_MISSING = len(v.KINDS), len(v.KINDS) + 1
KINDS = len(v.KINDS) + 2


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
    """Rows in the order of their lines, as plain lists."""

    rows: Sequence[list[int]]
    strengths: Sequence[float]  # by row; only rows of signals have one
    input: Input  # the outside input that the rows follow from, or NO_INPUT


Make = Callable[[EngineRows, int], Event]


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


def _order_rejected(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, order, side, reason, value, limit, *_ = rows.rows[i]
    name = _REASONS[reason]
    decimals = {amounts.MONEY: places.money, amounts.PRICE: places.price[s]}.get(MEASURES.get(name, COUNT), 0)
    return OrderRejected(
        ts=ts,
        symbol=places.symbols[s],
        order=order,
        side=_SIDES[side],
        reason=name,
        value=None if value == v.NONE else to_text(value, decimals),
        limit=None if limit == v.NONE else to_text(limit, decimals),
    )


def _signal(places: RunDecimals, rows: EngineRows, i: int) -> Event:
    _, ts, s, signal, *_ = rows.rows[i]
    return SignalEvent(ts=ts, symbol=places.symbols[s], signal=_SIGNALS[signal], strength=float_text(rows.strengths[i]))


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


def _marks(places: RunDecimals, rows: Sequence[list[int]], i: int) -> list[Mark]:
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


# --- Events of which each field is one column of the row -------------------------------------------------------------

PLAIN: dict[int, type[Fact]] = {
    v.MODE_CHANGED: ModeChanged,
    v.SIGNAL: SignalEvent,
    v.ORDER_PLACED: OrderPlaced,
    v.ORDER_EXPIRED: OrderExpired,
    v.FILLED: Filled,
    v.TRADE_CLOSED: TradeClosed,
    CANDLE: CandleEvent,
    CANDLE_MISSING: CandleMissing,
}
_COLUMNS = {**v.ROW_FIELDS, CANDLE: ("open", "high", "low", "close", "volume"), CANDLE_MISSING: ()}
_NAMED = {"ambiguous": "other", "strength": "signal"}  # fields whose column has another name; strengths are apart
WORDS: dict[str, tuple[str | None, ...]] = {
    "trigger": TRIGGERS,
    "source": MODES,
    "target": MODES,
    "side": v.SIDES,
    "reason": v.REASONS,
    "signal": _SIGNALS,
}


class EventField(NamedTuple):
    """A field of a plain event: its name, the column of the row, how it is written, and the words for the numbers."""

    name: str
    column: int
    form: int  # one of event_bytes.py
    words: tuple[str | None, ...] = ()


_FORMS = {
    Price: PRICE, Quantity: QUANTITY, Volume: VOLUME, Money: MONEY, bool: FLAG,
    Ordinal: INTEGER, Count: INTEGER, Time: INTEGER, Ratio: STRENGTH, Ratio | None: RATIO,
    Price | None: PRICE_OR_NULL,
}  # fmt: skip


@cache
def fields_of(kind: int) -> tuple[EventField, ...]:
    """The fields of a plain event after ts and symbol, in their order; their forms follow from their types."""
    hints = get_type_hints(PLAIN[kind], include_extras=True)
    fields = []
    for name in PLAIN[kind].__struct_fields__[2:]:
        column = 3 + _COLUMNS[kind].index(_NAMED.get(name, name))
        fields.append(EventField(name, column, _FORMS.get(hints[name], WORD), WORDS.get(name, ())))
    return tuple(fields)


def _plain(places: RunDecimals, kind: int) -> Make:
    """The function that makes a plain event of a row."""
    cls, symbols = PLAIN[kind], places.symbols
    forms = [[(field.column, *_form(field, places, s)) for field in fields_of(kind)] for s in range(len(symbols))]

    def make(rows: EngineRows, i: int) -> Event:
        row = rows.rows[i]
        s = row[2]
        values = [form(row[column], argument) for column, form, argument in forms[s]]
        event: Any = cls(row[1], symbols[s], *values)  # type: ignore[call-arg]
        return event  # type: ignore[no-any-return]

    return make


def _form(field: EventField, places: RunDecimals, s: int) -> tuple[Callable[[int, Any], Any], Any]:
    """What makes the value of a field, for one symbol: a function of the row's number, and its second argument."""
    if field.form == WORD:
        return (lambda number, words: words[number]), field.words
    if field.form == INTEGER:
        return (lambda number, _: number), None
    if field.form == FLAG:
        return (lambda number, _: number > 0), None
    if field.form == RATIO:
        return (lambda number, _: None if number == v.NONE else ratio(number, MILLION)), None
    if field.form == PRICE_OR_NULL:
        return (lambda number, decimals: None if number == v.NONE else to_text(number, decimals)), places.price[s]
    return to_text, amount_decimals(places, form=field.form, s=s)


def amount_decimals(places: RunDecimals, *, form: int, s: int) -> int:
    """The decimals of an amount of a symbol."""
    if form == MONEY:
        return places.money
    return {PRICE: places.price, QUANTITY: places.quantity, VOLUME: places.volume}[form][s]


EVENT_TYPES: dict[int, type[Fact]] = {
    **PLAIN,
    v.DAY_STARTED: DayStarted,
    v.ORDER_REJECTED: OrderRejected,
    v.HALTED_ROW: Halted,
    v.RESUMED: Resumed,
}


_SPECIAL: dict[int, Callable[[RunDecimals, EngineRows, int], Event]] = {
    v.DAY_STARTED: _day_started,
    v.ORDER_REJECTED: _order_rejected,
    v.HALTED_ROW: _halted,
    v.RESUMED: _resumed,
    v.SIGNAL: _signal,
}


def maker(places: RunDecimals, kind: int) -> Make:
    """The function that makes the events of a kind of rows of a run. A mark belongs to the row before it."""
    return partial(_SPECIAL[kind], places) if kind in _SPECIAL else _plain(places, kind)
