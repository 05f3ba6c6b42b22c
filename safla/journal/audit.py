"""The audit of a journal: add up its events without the engine, and compare every sum exactly (J43, B1-B9)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from safla.core.machine import TABLE
from safla.core.scale import ratio, to_text, to_units
from safla.journal.amounts import AmountPlaces, amount_places
from safla.journal.events import (
    CandleEvent,
    CandleMissing,
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

NOTHING: Mapping[str, int] = {}
MOST_DIFFERENCES = 100  # how many are listed; all are counted

LEFT_OUT = {  # by journal.detail: what cannot be checked, because the journal does not have the events
    "trades": (
        "B7: orders, modes and the answers to signals",
        "B8: entries while warming",
        "B9: the count of candles",
    ),
    "decisions": ("B9: the count of candles",),
    "candles": (),
}

_MOVES = frozenset(TABLE)
_SIDES = {"enter": "buy", "exit": "sell"}
_PROTECTIVE = ("stop_loss", "break_even", "trailing_stop", "take_profit", "target_step")
_DISTANCES = ("stop", "target", "trail")
_NO_ENTRY = ("idle", "warming", "halted")


class Difference(NamedTuple):
    """A value of one line that does not follow from the lines before it."""

    n: int  # number of the line
    rule: str  # B1 to B9
    what: str  # the value, or the condition that fails
    recorded: str  # what the line says
    found: str  # what the audit computes from the lines before it


Differences = Iterator[Difference]


class Books(NamedTuple):
    """The result of the audit. The journal passes if `differing` is 0."""

    differing: int  # number of differences
    differences: tuple[Difference, ...]  # the first MOST_DIFFERENCES of them
    counts: dict[str, int]  # number of events by type
    left_out: tuple[str, ...]  # what was not checked, see LEFT_OUT
    ended: bool  # whether there is a run_ended; a run without it is unfinished, which is no difference


def audit_events(events: Iterable[Event]) -> Books:
    """Audit all events of a journal, run_started included. The reader must have checked their amounts and symbols."""
    return audit_lines(enumerate(events, start=1))


def audit_lines(numbered: Iterator[tuple[int, Event]], *, left_out: Mapping[str, int] = NOTHING) -> Books:
    """Audit events, given with the numbers of their lines.

    left_out  how many lines of each type of candle event are not given; wherever there are such lines, one
              CandleMissing stands for all of them
    """
    _, started = next(numbered)
    assert isinstance(started, RunStarted), "the reader rejects any other first event"
    account, orders = AccountAudit(started, candles=left_out.get("candle", 0)), OrderAudit(started)
    counts = Counter({"run_started": 1, **{kind: number for kind, number in left_out.items() if number}})
    listed: list[Difference] = []
    differing, ended = 0, False
    for n, event in numbered:
        if not left_out or not isinstance(event, CandleMissing):
            counts[str(event.__struct_config__.tag)] += 1
        late = [Difference(n, "B9", "run_ended is the last line", "another line", "no more")] if ended else []
        for difference in chain(late, account.take(n, event), orders.take(n, event)):
            differing += 1
            if len(listed) < MOST_DIFFERENCES:
                listed.append(difference)
        ended = ended or isinstance(event, RunEnded)
    return Books(differing, tuple(listed), dict(sorted(counts.items())), LEFT_OUT[started.detail], ended)


# --- Cash, positions, trades and marks: B1-B6, and the sums of B9 ----------------------------------------------------


class LedgerPosition(NamedTuple):
    """The open position of one symbol, from the fill that opened it."""

    trade: int  # number of the trade
    opened: int  # ms
    quantity: int  # quantity units
    entry: int  # price units
    fee: int  # money units


class AccountAudit:
    """Cash, positions and trades of a run (B1-B6, B9).

    After a difference the audit goes on from the value in the line, so that one error is reported once, and not again
    in every line after it.
    """

    def __init__(self, started: RunStarted, *, candles: int = 0) -> None:
        """candles: how many candle events are not given."""
        self._money, self._scales = amount_places(started)
        self._counts_candles = started.detail == "candles"
        self._start = to_units(started.balance, self._money)
        self._cash = self._start
        self._realised = self._fees = 0
        self._trades = self._closed = 0
        self._candles = candles
        self._positions: dict[str, LedgerPosition] = {}
        self._sold: tuple[Filled, LedgerPosition] | None = None  # a sale whose trade_closed must be the next event
        self._last_fill: dict[tuple[str, str], int] = {}  # by symbol and side: ts, ms

    def take(self, n: int, event: Event) -> Differences:
        """Add the event of line n, and yield each difference."""
        if self._sold is not None and not isinstance(event, TradeClosed):
            yield Difference(n, "B3", "a sale is followed by its trade_closed", _type_of(event), "trade_closed")
            self._sold = None
        take = _ACCOUNT_EVENTS.get(type(event))
        if take is not None:
            yield from take(self, n, event)

    def _candle(self, _n: int, _event: CandleEvent) -> Differences:
        self._candles += 1
        yield from ()

    def _filled(self, n: int, event: Filled) -> Differences:
        scale = self._scales[event.symbol]
        price, quantity = to_units(event.price, scale.price), to_units(event.quantity, scale.quantity)
        fee, notional = to_units(event.fee, self._money), price * quantity * scale.k
        cash = self._cash + (-notional if event.side == "buy" else notional) - fee
        yield from self._amount(n, "B1", "cash after the fill", written=event.cash, computed=cash)
        self._cash = to_units(event.cash, self._money)
        self._fees += fee
        if self._last_fill.get((event.symbol, event.side)) == event.ts:
            yield Difference(n, "B8", f"fills of {event.symbol} on this side at {event.ts}", "two", "one")
        self._last_fill[event.symbol, event.side] = event.ts
        if event.side == "buy":
            yield from self._bought(n, event, LedgerPosition(event.trade, event.ts, quantity, price, fee))
        else:
            yield from self._sold_out(n, event, scale)

    def _bought(self, n: int, event: Filled, position: LedgerPosition) -> Differences:
        held = self._positions.get(event.symbol)
        if held is not None:
            yield Difference(n, "B2", f"a buy of {event.symbol}", f"trade {event.trade}", f"trade {held.trade} is open")
        yield from _same(n, "B7", "the number of the trade", written=event.trade, computed=self._trades + 1)
        self._trades = event.trade
        self._positions[event.symbol] = position

    def _sold_out(self, n: int, event: Filled, scale: AmountPlaces) -> Differences:
        held = self._positions.pop(event.symbol, None)
        if held is None:
            yield Difference(n, "B2", f"a sell of {event.symbol}", f"trade {event.trade}", "nothing is held")
            return
        text = to_text(held.quantity, scale.quantity)
        yield from _same(n, "B2", "a sell empties the position", written=event.quantity, computed=text)
        yield from _same(n, "B2", "a sell closes the open trade", written=event.trade, computed=held.trade)
        self._sold = event, held

    def _trade_closed(self, n: int, event: TradeClosed) -> Differences:
        self._closed += 1
        net = to_units(event.net, self._money)
        self._realised += net
        if self._sold is None:
            yield Difference(n, "B3", "a trade_closed after its sale", f"trade {event.trade}", "no sale before it")
            return
        fill, held = self._sold
        self._sold = None
        scale = self._scales[fill.symbol]
        for field, written, computed in (
            ("symbol", event.symbol, fill.symbol),
            ("trade", event.trade, held.trade),
            ("opened", event.opened, held.opened),
            ("quantity", event.quantity, fill.quantity),
            ("entry", event.entry, to_text(held.entry, scale.price)),
            ("exit", event.exit, fill.price),
            ("reason", event.reason, fill.reason),
        ):
            yield from _same(n, "B3", f"{field} of the trade", written=written, computed=computed)
        price, quantity = to_units(fill.price, scale.price), to_units(fill.quantity, scale.quantity)
        gross = (price - held.entry) * quantity * scale.k
        fees = held.fee + to_units(fill.fee, self._money)
        yield from self._amount(n, "B3", "gross of the trade", written=event.gross, computed=gross)
        yield from self._amount(n, "B3", "fees of the trade", written=event.fees, computed=fees)
        # From the gross and fees of this line: a wrong gross is one difference, not two.
        net_of_line = to_units(event.gross, self._money) - to_units(event.fees, self._money)
        yield from self._amount(n, "B3", "net of the trade", written=event.net, computed=net_of_line)
        yield from self._check_balance(n)

    def _check_balance(self, n: int) -> Differences:
        """B5: cash, open positions at cost and their fees are the initial balance and the net profits."""
        at_cost = self._cash + sum(
            held.entry * held.quantity * self._scales[symbol].k + held.fee for symbol, held in self._positions.items()
        )
        expected = self._start + self._realised
        if at_cost != expected:
            what = "cash, positions at cost and their fees are the balance and the sum of net"
            yield Difference(n, "B5", what, to_text(at_cost, self._money), to_text(expected, self._money))
            self._start += at_cost - expected  # so that later trades do not report the same difference

    def _day_started(self, n: int, event: DayStarted) -> Differences:
        yield from self._amount(n, "B4", "cash", written=event.cash, computed=self._cash)
        yield from self._check_marks(n, event)

    def _halted(self, n: int, event: Halted) -> Differences:
        yield from self._check_marks(n, event)
        equity = to_units(event.equity, self._money)
        reference = 0 if event.reference is None else to_units(event.reference, self._money)
        value = ratio(reference - equity, reference) if reference else None
        yield from _same(n, "B6", "the loss as a share of its reference", written=event.value, computed=value)

    def _run_ended(self, n: int, event: RunEnded) -> Differences:
        yield from self._check_marks(n, event)
        yield from self._amount(n, "B9", "cash", written=event.cash, computed=self._cash)
        yield from self._amount(n, "B9", "the sum of net", written=event.realised, computed=self._realised)
        yield from self._amount(n, "B9", "the sum of fees", written=event.fees, computed=self._fees)
        yield from _same(n, "B9", "closed trades", written=event.trades, computed=self._closed)
        if self._counts_candles:
            yield from _same(n, "B9", "candles", written=event.candles, computed=self._candles)

    def _check_marks(self, n: int, event: DayStarted | Halted | RunEnded) -> Differences:
        """B4: the marks are the open positions, and equity is cash and marks."""
        marks = [(mark.symbol, mark.quantity) for mark in event.marks]
        held = [
            (symbol, to_text(self._positions[symbol].quantity, scale.quantity))
            for symbol, scale in self._scales.items()
            if symbol in self._positions
        ]
        yield from _same(n, "B4", "the marks are the open positions", written=marks, computed=held)
        marked = sum(_mark_value(mark, self._scales[mark.symbol]) for mark in event.marks)
        yield from self._amount(n, "B4", "equity is cash and marks", written=event.equity, computed=self._cash + marked)

    def _amount(self, n: int, rule: str, what: str, *, written: str, computed: int) -> Differences:
        if to_units(written, self._money) != computed:
            yield Difference(n, rule, what, written, to_text(computed, self._money))


def _mark_value(mark: Mark, scale: AmountPlaces) -> int:
    return to_units(mark.price, scale.price) * to_units(mark.quantity, scale.quantity) * scale.k


def _same(n: int, rule: str, what: str, *, written: object, computed: object) -> Differences:
    if written != computed:
        yield Difference(n, rule, what, str(written), str(computed))


_ACCOUNT_EVENTS: dict[type, Any] = {
    CandleEvent: AccountAudit._candle,
    Filled: AccountAudit._filled,
    TradeClosed: AccountAudit._trade_closed,
    DayStarted: AccountAudit._day_started,
    Halted: AccountAudit._halted,
    RunEnded: AccountAudit._run_ended,
}


# --- Orders, answers, modes and halts: B7 and B8 ---------------------------------------------------------------------


class OrderAudit:
    """Orders, signals, modes and halts of a run (B7, B8). With detail `trades` only the halts can be checked."""

    def __init__(self, started: RunStarted) -> None:
        self._has_orders = started.detail != "trades"
        self._modes = {scale.symbol: "idle" for scale in started.symbols}
        self._orders = 0  # number of the last order
        self._waiting: dict[int, OrderPlaced] = {}
        self._unanswered: tuple[int, SignalEvent] | None = None  # a signal that has no answer yet, and its line
        self._halts = 0  # number of the last halt
        self._open: dict[int, str] = {}  # number of a halt: its rule

    def take(self, n: int, event: Event) -> Differences:
        """Add the event of line n, and yield each difference."""
        yield from self._check_answer(n, event)
        take = _ORDER_EVENTS.get(type(event))
        if take is not None:
            yield from take(self, n, event)

    def _check_answer(self, n: int, event: Event) -> Differences:
        """J16: after a signal comes its answer, and only the expiry of a waiting entry may come in between."""
        is_answer = (isinstance(event, OrderPlaced) and event.reason == "signal") or (
            isinstance(event, OrderRejected) and event.order == 0
        )
        if self._unanswered is None:
            if is_answer:
                yield Difference(n, "B7", "an answer after its signal", _type_of(event), "no signal before it")
            return
        signal_line, signal = self._unanswered
        when = (signal.ts, signal.symbol)
        if isinstance(event, OrderExpired) and event.reason == "signal" and (event.ts, event.symbol) == when:
            return
        self._unanswered = None
        side = _SIDES[signal.signal]
        if not is_answer or (event.ts, getattr(event, "symbol", None), getattr(event, "side", None)) != (*when, side):
            what = f"the signal of line {signal_line} is answered"
            yield Difference(n, "B7", what, _type_of(event), f"a {side} of {signal.symbol} at {signal.ts}")

    def _signal(self, n: int, event: SignalEvent) -> Differences:
        self._unanswered = n, event
        yield from ()

    def _order_placed(self, n: int, event: OrderPlaced) -> Differences:
        if event.order != self._orders + 1:
            yield Difference(n, "B7", "the number of the order", str(event.order), str(self._orders + 1))
        self._orders = event.order
        self._waiting[event.order] = event
        for name, value in (("confidence", event.confidence), *((name, getattr(event, name)) for name in _DISTANCES)):
            if event.side == "sell" and value is not None:
                yield Difference(n, "B7", f"{name} of a sell", value, "null")
            elif name in _DISTANCES and value is not None and not value.strip("-0."):
                yield Difference(n, "B7", f"{name} of an entry", value, "a distance above 0")

    def _order_rejected(self, n: int, event: OrderRejected) -> Differences:
        if event.order > 0:
            yield from self._end_order(n, event)

    def _order_expired(self, n: int, event: OrderExpired) -> Differences:
        yield from self._end_order(n, event)

    def _filled(self, n: int, event: Filled) -> Differences:
        if event.side == "buy" and self._open:
            yield Difference(n, "B8", "a buy while halted", event.symbol, f"open: {', '.join(self._open.values())}")
        if not self._has_orders:
            return
        mode = self._modes[event.symbol]
        if event.side == "buy" and not self._open and mode in _NO_ENTRY:
            yield Difference(n, "B8", f"a buy while {mode}", event.symbol, "flat")
        if event.order > 0:
            yield from self._end_order(n, event)
        elif event.side == "buy" or event.reason not in _PROTECTIVE:
            what = "a fill without an order is a protective sell"
            yield Difference(n, "B7", what, f"{event.side}, {event.reason}", f"sell, {' or '.join(_PROTECTIVE)}")

    def _end_order(self, n: int, event: OrderRejected | OrderExpired | Filled) -> Differences:
        placed = self._waiting.pop(event.order, None)
        if placed is None:
            yield Difference(n, "B7", "an order ends once", f"order {event.order}", "it does not wait")
        elif (placed.symbol, placed.side) != (event.symbol, event.side):
            ended, expected = f"{event.side} {event.symbol}", f"{placed.side} {placed.symbol}"
            yield Difference(n, "B7", f"order {event.order}", ended, expected)
        elif isinstance(event, Filled) and event.reason != placed.reason:
            yield Difference(n, "B7", f"the reason of order {event.order}", event.reason, placed.reason)

    def _mode_changed(self, n: int, event: ModeChanged) -> Differences:
        move = f"{event.trigger}: {event.source} to {event.target}"
        if (event.trigger, event.source, event.target) not in _MOVES:
            yield Difference(n, "B7", "a move of the mode table", move, "no such row")
        if event.source != self._modes[event.symbol]:
            yield Difference(n, "B7", f"the mode of {event.symbol}", event.source, self._modes[event.symbol])
        self._modes[event.symbol] = event.target

    def _halted(self, n: int, event: Halted) -> Differences:
        if event.halt != self._halts + 1:
            yield Difference(n, "B7", "the number of the halt", str(event.halt), str(self._halts + 1))
        if event.rule in self._open.values():
            yield Difference(n, "B7", "a halt of a rule that is not open", event.rule, "it is open already")
        yield from _check_command(n, event, by_operator=event.rule == "operator")
        self._halts = event.halt
        self._open[event.halt] = event.rule

    def _resumed(self, n: int, event: Resumed) -> Differences:
        if self._open.pop(event.halt, None) is None:
            yield Difference(n, "B7", "a halt is lifted once", f"halt {event.halt}", "it is not open")
        yield from _check_command(n, event, by_operator=event.by == "operator")


def _check_command(n: int, event: Halted | Resumed, *, by_operator: bool) -> Differences:
    """S15a: an event by an operator, and no other, carries the id of the command and the time at which it was given."""
    present = [name for name in ("given", "id") if getattr(event, name) is not None]
    if present != (["given", "id"] if by_operator else []):
        what = "given and id are those of an operator's command"
        yield Difference(n, "B7", what, " and ".join(present) or "none", "both" if by_operator else "none")


def _type_of(event: Event) -> str:
    return str(event.__struct_config__.tag)


_ORDER_EVENTS: dict[type, Any] = {
    SignalEvent: OrderAudit._signal,
    OrderPlaced: OrderAudit._order_placed,
    OrderRejected: OrderAudit._order_rejected,
    OrderExpired: OrderAudit._order_expired,
    Filled: OrderAudit._filled,
    ModeChanged: OrderAudit._mode_changed,
    Halted: OrderAudit._halted,
    Resumed: OrderAudit._resumed,
}
