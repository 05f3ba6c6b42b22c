"""Orders, answers, modes and halts, folded out of the events alone: B7 and B8 (J43). No amount of money."""

from collections.abc import Iterator
from typing import Any

from safla.core.machine import TABLE
from safla.journal.difference import Difference
from safla.journal.events import (
    Event,
    Filled,
    Halted,
    ModeChanged,
    OrderExpired,
    OrderPlaced,
    OrderRefused,
    Resumed,
    RunStarted,
    Signal,
)

Differences = Iterator[Difference]

_MOVES = frozenset(TABLE)
_SIDES = {"enter": "buy", "leave": "sell"}
_PROTECTIVE = ("stop_loss", "trailing_stop", "take_profit")
_NO_ENTRY = ("idle", "warming", "halted")


class Conduct:
    """Whether all was done in its order. In a journal without orders and modes it sees the halts alone."""

    def __init__(self, started: RunStarted) -> None:
        self._sees_all = started.detail != "trades"
        self._modes = {one.symbol: "idle" for one in started.symbols}
        self._orders = 0
        self._waiting: dict[int, OrderPlaced] = {}
        self._asked: tuple[int, Signal] | None = None  # a signal without its answer
        self._halts = 0
        self._open: dict[int, str] = {}  # number of a halt: its rule

    def take(self, n: int, event: Event) -> Differences:
        """Fold one event and yield where it differs."""
        yield from self._answered(n, event)
        take = _TAKES.get(type(event))
        if take is not None:
            yield from take(self, n, event)

    def _answered(self, n: int, event: Event) -> Differences:
        """J16: behind a signal comes its answer, and only the expiry of a waiting entry may stand between."""
        answer = (isinstance(event, OrderPlaced) and event.reason == "signal") or (
            isinstance(event, OrderRefused) and event.order == 0
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

    def _signal(self, n: int, event: Signal) -> Differences:
        self._asked = n, event
        yield from ()

    def _order_placed(self, n: int, event: OrderPlaced) -> Differences:
        if event.order != self._orders + 1:
            yield Difference(n, "B7", "the number of the order", str(event.order), str(self._orders + 1))
        self._orders = event.order
        self._waiting[event.order] = event

    def _order_refused(self, n: int, event: OrderRefused) -> Differences:
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

    def _over(self, n: int, event: OrderRefused | OrderExpired | Filled) -> Differences:
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


_TAKES: dict[type, Any] = {
    Signal: Conduct._signal,
    OrderPlaced: Conduct._order_placed,
    OrderRefused: Conduct._order_refused,
    OrderExpired: Conduct._order_expired,
    Filled: Conduct._filled,
    ModeChanged: Conduct._mode_changed,
    Halted: Conduct._halted,
    Resumed: Conduct._resumed,
}
