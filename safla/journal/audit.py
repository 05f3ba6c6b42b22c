"""The audit of a journal: its events alone, folded and compared with `==` (J43, B1-B9). No engine, no file."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from safla.core.machine import TABLE
from safla.core.scale import ratio, to_text, to_units
from safla.journal.amounts import AmountPlaces, amount_places
from safla.journal.events import (
    CandleEvent,
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

MOST_DIFFERENCES = 100  # that are listed; all are counted

LEFT_OUT = {  # what the lines of a detail do not tell, and so was not checked
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
_PROTECTIVE = ("stop_loss", "trailing_stop", "take_profit")
_NO_ENTRY = ("idle", "warming", "halted")


class Difference(NamedTuple):
    """What one line tells, beside what the events before it come to."""

    n: int  # line
    rule: str  # B1 to B9
    what: str
    told: str  # by the line
    found: str  # by the fold


Differences = Iterator[Difference]


class Books(NamedTuple):
    """What the events came to. They hold if `differing` is 0."""

    differing: int  # how many differences there are
    differences: tuple[Difference, ...]  # the first MOST_DIFFERENCES of them
    counts: dict[str, int]  # how many events of each type
    left_out: tuple[str, ...]
    ended: bool  # there is a run_ended; without it the run is unfinished, which is no difference


def audit_events(events: Iterable[Event]) -> Books:
    """Fold all events of a journal, the first line included. Their amounts and symbols were checked by the reader."""
    numbered = enumerate(events, start=1)
    _, started = next(numbered)
    assert isinstance(started, RunStarted), "the reader lets no other event be the first"
    account, orders = AccountAudit(started), OrderAudit(started)
    counts = Counter({"run_started": 1})
    listed: list[Difference] = []
    differing, ended = 0, False
    for n, event in numbered:
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
    """What is held of one symbol, and the fill that it comes from."""

    trade: int
    opened: int
    quantity: int
    entry: int
    fee: int


class AccountAudit:
    """The account of a run. After a difference it goes on from what the line tells, so that each is told once."""

    def __init__(self, started: RunStarted) -> None:
        self._money, self._scales = amount_places(started)
        self._counts_candles = started.detail == "candles"
        self._start = to_units(started.balance, self._money)
        self._cash = self._start
        self._realised = self._fees = 0
        self._trades = self._closed = self._candles = 0
        self._positions: dict[str, LedgerPosition] = {}
        self._sold: tuple[Filled, LedgerPosition] | None = None  # a sale whose trade_closed must follow
        self._last_fill: dict[tuple[str, str], int] = {}

    def take(self, n: int, event: Event) -> Differences:
        """Fold one event and yield where it differs."""
        if self._sold is not None and not isinstance(event, TradeClosed):
            yield Difference(n, "B3", "a sale is followed by its trade_closed", _name(event), "trade_closed")
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
        yield from self._amount(n, "B1", "cash after the fill", told=event.cash, found=cash)
        self._cash = to_units(event.cash, self._money)
        self._fees += fee
        if self._last_fill.get((event.symbol, event.side)) == event.ts:
            yield Difference(n, "B8", f"fills of {event.symbol} on this side at {event.ts}", "a second one", "one")
        self._last_fill[event.symbol, event.side] = event.ts
        if event.side == "buy":
            yield from self._bought(n, event, LedgerPosition(event.trade, event.ts, quantity, price, fee))
        else:
            yield from self._emptied(n, event, scale)

    def _bought(self, n: int, event: Filled, position: LedgerPosition) -> Differences:
        held = self._positions.get(event.symbol)
        if held is not None:
            yield Difference(n, "B2", f"a buy of {event.symbol}", f"trade {event.trade}", f"trade {held.trade} is open")
        yield from _same(n, "B7", "the number of the trade", told=event.trade, found=self._trades + 1)
        self._trades = event.trade
        self._positions[event.symbol] = position

    def _emptied(self, n: int, event: Filled, scale: AmountPlaces) -> Differences:
        held = self._positions.pop(event.symbol, None)
        if held is None:
            yield Difference(n, "B2", f"a sell of {event.symbol}", f"trade {event.trade}", "nothing is held")
            return
        text = to_text(held.quantity, scale.quantity)
        yield from _same(n, "B2", "the quantity sold is that held", told=event.quantity, found=text)
        yield from _same(n, "B2", "the trade sold is that held", told=event.trade, found=held.trade)
        self._sold = event, held

    def _trade_closed(self, n: int, event: TradeClosed) -> Differences:
        self._closed += 1
        net = to_units(event.net, self._money)
        self._realised += net
        if self._sold is None:
            yield Difference(n, "B3", "a trade_closed behind its sale", f"trade {event.trade}", "no sale before it")
            return
        fill, held = self._sold
        self._sold = None
        scale = self._scales[fill.symbol]
        for what, told, found in (
            ("symbol", event.symbol, fill.symbol),
            ("trade", event.trade, held.trade),
            ("opened", event.opened, held.opened),
            ("quantity", event.quantity, fill.quantity),
            ("entry", event.entry, to_text(held.entry, scale.price)),
            ("exit", event.exit, fill.price),
            ("reason", event.reason, fill.reason),
        ):
            yield from _same(n, "B3", f"{what} of the trade", told=told, found=found)
        price, quantity = to_units(fill.price, scale.price), to_units(fill.quantity, scale.quantity)
        gross = (price - held.entry) * quantity * scale.k
        fees = held.fee + to_units(fill.fee, self._money)
        yield from self._amount(n, "B3", "gross of the trade", told=event.gross, found=gross)
        yield from self._amount(n, "B3", "fees of the trade", told=event.fees, found=fees)
        told_net = to_units(event.gross, self._money) - to_units(event.fees, self._money)
        yield from self._amount(n, "B3", "net of the trade", told=event.net, found=told_net)
        yield from self._balanced(n)

    def _balanced(self, n: int) -> Differences:
        """B5: what is there, with positions at cost, is what there was and what was earned."""
        there = self._cash + sum(
            held.entry * held.quantity * self._scales[symbol].k + held.fee for symbol, held in self._positions.items()
        )
        due = self._start + self._realised
        if there != due:
            what = "cash, positions at cost and their fees are the balance and the sum of net"
            yield Difference(n, "B5", what, to_text(there, self._money), to_text(due, self._money))
            self._start += there - due

    def _day_started(self, n: int, event: DayStarted) -> Differences:
        yield from self._amount(n, "B4", "cash", told=event.cash, found=self._cash)
        yield from self._marked(n, event)

    def _halted(self, n: int, event: Halted) -> Differences:
        yield from self._marked(n, event)
        equity = to_units(event.equity, self._money)
        reference = 0 if event.reference is None else to_units(event.reference, self._money)
        value = ratio(reference - equity, reference) if reference else None
        yield from _same(n, "B6", "the loss as a share of its reference", told=event.value, found=value)

    def _run_ended(self, n: int, event: RunEnded) -> Differences:
        yield from self._marked(n, event)
        yield from self._amount(n, "B9", "cash", told=event.cash, found=self._cash)
        yield from self._amount(n, "B9", "the sum of net", told=event.realised, found=self._realised)
        yield from self._amount(n, "B9", "the sum of fees", told=event.fees, found=self._fees)
        yield from _same(n, "B9", "closed trades", told=event.trades, found=self._closed)
        if self._counts_candles:
            yield from _same(n, "B9", "candles", told=event.candles, found=self._candles)

    def _marked(self, n: int, event: DayStarted | Halted | RunEnded) -> Differences:
        """B4: equity is cash and marks, and the marks are the open positions."""
        marks = [(mark.symbol, mark.quantity) for mark in event.marks]
        held = [
            (symbol, to_text(self._positions[symbol].quantity, scale.quantity))
            for symbol, scale in self._scales.items()
            if symbol in self._positions
        ]
        yield from _same(n, "B4", "the marks are the open positions", told=marks, found=held)
        worth = sum(_worth(mark, self._scales[mark.symbol]) for mark in event.marks)
        yield from self._amount(n, "B4", "equity is cash and marks", told=event.equity, found=self._cash + worth)

    def _amount(self, n: int, rule: str, what: str, *, told: str, found: int) -> Differences:
        if to_units(told, self._money) != found:
            yield Difference(n, rule, what, told, to_text(found, self._money))


def _worth(mark: Mark, scale: AmountPlaces) -> int:
    return to_units(mark.price, scale.price) * to_units(mark.quantity, scale.quantity) * scale.k


def _same(n: int, rule: str, what: str, *, told: object, found: object) -> Differences:
    if told != found:
        yield Difference(n, rule, what, str(told), str(found))


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
    """Whether all was done in its order. In a journal without orders and modes it sees the halts alone."""

    def __init__(self, started: RunStarted) -> None:
        self._sees_all = started.detail != "trades"
        self._modes = {one.symbol: "idle" for one in started.symbols}
        self._orders = 0
        self._waiting: dict[int, OrderPlaced] = {}
        self._asked: tuple[int, SignalEvent] | None = None  # a signal without its answer
        self._halts = 0
        self._open: dict[int, str] = {}  # number of a halt: its rule

    def take(self, n: int, event: Event) -> Differences:
        """Fold one event and yield where it differs."""
        yield from self._answered(n, event)
        take = _ORDER_EVENTS.get(type(event))
        if take is not None:
            yield from take(self, n, event)

    def _answered(self, n: int, event: Event) -> Differences:
        """J16: behind a signal comes its answer, and only the expiry of a waiting entry may stand between."""
        answer = (isinstance(event, OrderPlaced) and event.reason == "signal") or (
            isinstance(event, OrderRejected) and event.order == 0
        )
        if self._asked is None:
            if answer:
                yield Difference(n, "B7", "an answer behind its signal", _name(event), "no signal before it")
            return
        asked_at, signal = self._asked
        about = (signal.ts, signal.symbol)
        if isinstance(event, OrderExpired) and event.reason == "signal" and (event.ts, event.symbol) == about:
            return
        self._asked = None
        side = _SIDES[signal.signal]
        if not answer or (event.ts, getattr(event, "symbol", None), getattr(event, "side", None)) != (*about, side):
            what = f"the signal of line {asked_at} is answered"
            yield Difference(n, "B7", what, _name(event), f"a {side} of {signal.symbol} at {signal.ts}")

    def _signal(self, n: int, event: SignalEvent) -> Differences:
        self._asked = n, event
        yield from ()

    def _order_placed(self, n: int, event: OrderPlaced) -> Differences:
        if event.order != self._orders + 1:
            yield Difference(n, "B7", "the number of the order", str(event.order), str(self._orders + 1))
        self._orders = event.order
        self._waiting[event.order] = event

    def _order_rejected(self, n: int, event: OrderRejected) -> Differences:
        if event.order > 0:
            yield from self._over(n, event)

    def _order_expired(self, n: int, event: OrderExpired) -> Differences:
        yield from self._over(n, event)

    def _filled(self, n: int, event: Filled) -> Differences:
        if event.side == "buy" and self._open:
            yield Difference(n, "B8", "a buy while halted", event.symbol, f"open: {', '.join(self._open.values())}")
        if not self._sees_all:
            return
        mode = self._modes[event.symbol]
        if event.side == "buy" and not self._open and mode in _NO_ENTRY:
            yield Difference(n, "B8", f"a buy while {mode}", event.symbol, "flat")
        if event.order > 0:
            yield from self._over(n, event)
        elif event.side == "buy" or event.reason not in _PROTECTIVE:
            what = "a fill without an order is a protective sell"
            yield Difference(n, "B7", what, f"{event.side}, {event.reason}", f"sell, {' or '.join(_PROTECTIVE)}")

    def _over(self, n: int, event: OrderRejected | OrderExpired | Filled) -> Differences:
        placed = self._waiting.pop(event.order, None)
        if placed is None:
            yield Difference(n, "B7", "an order ends once", f"order {event.order}", "it does not wait")
        elif (placed.symbol, placed.side) != (event.symbol, event.side):
            told, found = f"{event.side} {event.symbol}", f"{placed.side} {placed.symbol}"
            yield Difference(n, "B7", f"order {event.order}", told, found)
        elif isinstance(event, Filled) and event.reason != placed.reason:
            yield Difference(n, "B7", f"the reason of order {event.order}", event.reason, placed.reason)

    def _mode_changed(self, n: int, event: ModeChanged) -> Differences:
        told = f"{event.trigger}: {event.source} to {event.target}"
        if (event.trigger, event.source, event.target) not in _MOVES:
            yield Difference(n, "B7", "a move of the machine", told, "no such row")
        if event.source != self._modes[event.symbol]:
            yield Difference(n, "B7", f"the mode of {event.symbol}", event.source, self._modes[event.symbol])
        self._modes[event.symbol] = event.target

    def _halted(self, n: int, event: Halted) -> Differences:
        if event.halt != self._halts + 1:
            yield Difference(n, "B7", "the number of the halt", str(event.halt), str(self._halts + 1))
        if event.rule in self._open.values():
            yield Difference(n, "B7", "a halt of a rule that is not open", event.rule, "it is open already")
        yield from _commanded(n, event, by_operator=event.rule == "operator")
        self._halts = event.halt
        self._open[event.halt] = event.rule

    def _resumed(self, n: int, event: Resumed) -> Differences:
        if self._open.pop(event.halt, None) is None:
            yield Difference(n, "B7", "a halt is lifted once", f"halt {event.halt}", "it is not open")
        yield from _commanded(n, event, by_operator=event.by == "operator")


def _commanded(n: int, event: Halted | Resumed, *, by_operator: bool) -> Differences:
    """S15a: what an operator did, and nothing else, carries the id of a command and the time it was given."""
    told = [name for name in ("given", "id") if getattr(event, name) is not None]
    if told != (["given", "id"] if by_operator else []):
        what = "given and id are those of an operator's command"
        yield Difference(n, "B7", what, " and ".join(told) or "none", "both" if by_operator else "none")


def _name(event: Event) -> str:
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
