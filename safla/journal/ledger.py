"""Cash, positions, trades and marks, folded out of the events: B1-B6, and the sums of B9 (J43). No order, no mode."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from safla.core.scale import ratio, to_text, to_units
from safla.journal.amounts import Scale, scales_of
from safla.journal.difference import Difference
from safla.journal.events import Candle, DayStarted, Event, Filled, Halted, Mark, RunEnded, RunStarted, TradeClosed

Differences = Iterator[Difference]


class Position(NamedTuple):
    """What is held of one symbol, and the fill that it comes from."""

    trade: int
    opened: int
    quantity: int
    entry: int
    fee: int


class Ledger:
    """The account of a run. After a difference it goes on from what the line tells, so that each is told once."""

    def __init__(self, started: RunStarted) -> None:
        self._money, self._scales = scales_of(started)
        self._counts_candles = started.detail == "candles"
        self._start = to_units(started.balance, self._money)
        self._cash = self._start
        self._realised = self._fees = 0
        self._trades = self._closed = self._candles = 0
        self._positions: dict[str, Position] = {}
        self._sold: tuple[Filled, Position] | None = None  # a sale whose trade_closed must follow
        self._last_fill: dict[tuple[str, str], int] = {}

    def take(self, n: int, event: Event) -> Differences:
        """Fold one event and yield where it differs."""
        if self._sold is not None and not isinstance(event, TradeClosed):
            yield Difference(n, "B3", "a sale is followed by its trade_closed", type(event).__name__, "TradeClosed")
            self._sold = None
        take = _TAKES.get(type(event))
        if take is not None:
            yield from take(self, n, event)

    def _candle(self, _n: int, _event: Candle) -> Differences:
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
            yield from self._bought(n, event, Position(event.trade, event.ts, quantity, price, fee))
        else:
            yield from self._emptied(n, event, scale)

    def _bought(self, n: int, event: Filled, position: Position) -> Differences:
        held = self._positions.get(event.symbol)
        if held is not None:
            yield Difference(n, "B2", f"a buy of {event.symbol}", f"trade {event.trade}", f"trade {held.trade} is open")
        yield from _same(n, "B7", "the number of the trade", told=event.trade, found=self._trades + 1)
        self._trades = event.trade
        self._positions[event.symbol] = position

    def _emptied(self, n: int, event: Filled, scale: Scale) -> Differences:
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


def _worth(mark: Mark, scale: Scale) -> int:
    return to_units(mark.price, scale.price) * to_units(mark.quantity, scale.quantity) * scale.k


def _same(n: int, rule: str, what: str, *, told: object, found: object) -> Differences:
    if told != found:
        yield Difference(n, rule, what, str(told), str(found))


_TAKES: dict[type, Any] = {
    Candle: Ledger._candle,
    Filled: Ledger._filled,
    TradeClosed: Ledger._trade_closed,
    DayStarted: Ledger._day_started,
    Halted: Ledger._halted,
    RunEnded: Ledger._run_ended,
}
