"""The audit finds no difference in an unchanged run, and finds every planted difference under its rule (J43)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from safla.core.scale import to_text, to_units
from safla.journal.audit import MOST_DIFFERENCES, audit_events
from safla.journal.events import (
    DETAILS,
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
    PlacedReason,
    RejectedReason,
    Resumed,
    RunEnded,
    Side,
    SignalEvent,
    TradeClosed,
)
from safla.journal.reader import read
from tests.journal.sample import first_event, small_events
from tests.paper.paper_runs import SMALL, backtest_journal

Where = Callable[[Any], bool]
Edit = Callable[[list[Event]], int]  # changes a list of events and returns the line


def change(kind: type[Event], where: Where = lambda _event: True, **fields: Any) -> Edit:
    """Changes fields of the first event of a kind; a function takes the old value."""

    def edit(events: list[Event]) -> int:
        at = place_of(events, kind, where)
        new = {name: one(getattr(events[at], name)) if callable(one) else one for name, one in fields.items()}
        events[at] = msgspec.structs.replace(events[at], **new)
        return at + 1

    return edit


def drop(kind: type[Event], where: Where = lambda _event: True, *, seen: int = 0) -> Edit:
    """Leaves out the first event of a kind; the difference shows so many lines later."""

    def edit(events: list[Event]) -> int:
        at = place_of(events, kind, where)
        del events[at]
        return at + 1 + seen

    return edit


def double(kind: type[Event], where: Where = lambda _event: True) -> Edit:
    """Repeats the first event of a kind."""

    def edit(events: list[Event]) -> int:
        at = place_of(events, kind, where)
        events.insert(at, events[at])
        return at + 2

    return edit


def insert(event: Event, before: type[Event], where: Where = lambda _event: True, *, seen: int = 0) -> Edit:
    """Inserts an event before the first of a kind; the difference shows so many lines later."""

    def edit(events: list[Event]) -> int:
        at = place_of(events, before, where)
        events.insert(at, event)
        return at + 1 + seen

    return edit


def append(event: Event) -> Edit:
    """Appends an event after all others."""

    def edit(events: list[Event]) -> int:
        events.append(event)
        return len(events)

    return edit


def place_of(events: list[Event], kind: type[Event], where: Where) -> int:
    return next(i for i, event in enumerate(events) if isinstance(event, kind) and where(event))


def up(text: str) -> str:
    """An amount with one unit more."""
    places = len(text.partition(".")[2])
    return to_text(to_units(text, places) + 1, places)


def bought(event: Any) -> bool:
    return bool(event.side == "buy")


def sold(event: Any) -> bool:
    return bool(event.side == "sell")


def marked(event: Any) -> bool:
    return len(event.marks) > 0


def lost(event: Any) -> bool:
    return event.value is not None


def at_decision(event: Any) -> bool:
    return bool(event.order == 0)


def from_warming(event: Any) -> bool:
    return bool(event.trigger == "warm")


def more(marks: list[Mark]) -> list[Mark]:
    """Marks with one unit more of the first quantity."""
    return [msgspec.structs.replace(marks[0], quantity=up(marks[0].quantity)), *marks[1:]]


CANDLE = next(event for event in small_events() if isinstance(event, CandleEvent))
HALT = Halted(
    ts=0, halt=1, rule="strategy_error", value=None, limit=None, equity="100000.0000000", reference=None, marks=[],
    note=None, given=None, id=None,
)  # fmt: skip
RESUMED = Resumed(ts=0, by="operator", halt=77, peak="1.0000000", note=None, given=1, id="x")


class Planted(NamedTuple):
    """A difference: the rule under which it must be found, its name, and how it comes about."""

    rule: str
    what: str
    edit: Edit


PLANTED = (
    Planted("B1", "cash after a buy", change(Filled, bought, cash=up)),
    Planted("B1", "cash after a sell", change(Filled, sold, cash=up)),
    Planted("B1", "the fee of a buy", change(Filled, bought, fee=up)),
    Planted("B1", "the fee of a sell", change(Filled, sold, fee=up)),
    Planted("B1", "the price of a buy", change(Filled, bought, price=up)),
    Planted("B1", "the price of a sell", change(Filled, sold, price=up)),
    Planted("B1", "the quantity of a buy", change(Filled, bought, quantity=up)),
    Planted("B1", "the balance", change(type(small_events()[0]), balance=up)),
    Planted("B2", "the quantity of a sell", change(Filled, sold, quantity=up)),
    Planted("B2", "the trade of a sell", change(Filled, sold, trade=99)),
    Planted("B2", "a sell of nothing", drop(Filled, bought)),
    Planted("B2", "a buy of what is held", double(Filled, bought)),
    Planted("B2", "a sell of another symbol", change(Filled, sold, symbol=lambda one: _other(one))),
    Planted("B3", "gross", change(TradeClosed, gross=up)),
    Planted("B3", "fees", change(TradeClosed, fees=up)),
    Planted("B3", "net", change(TradeClosed, net=up)),
    Planted("B3", "entry", change(TradeClosed, entry=up)),
    Planted("B3", "exit", change(TradeClosed, exit=up)),
    Planted("B3", "quantity", change(TradeClosed, quantity=up)),
    Planted("B3", "opened", change(TradeClosed, opened=1)),
    Planted("B3", "trade", change(TradeClosed, trade=99)),
    Planted("B3", "symbol", change(TradeClosed, symbol=lambda one: _other(one))),
    Planted("B3", "reason", change(TradeClosed, reason="trailing_stop")),
    Planted("B3", "a sale without its trade", drop(TradeClosed)),
    Planted("B3", "a trade without its sale", double(TradeClosed)),
    Planted("B4", "equity at a day's start", change(DayStarted, equity=up)),
    Planted("B4", "cash at a day's start", change(DayStarted, cash=up)),
    Planted("B4", "equity at a halt", change(Halted, equity=up)),
    Planted("B4", "equity at the end", change(RunEnded, equity=up)),
    Planted("B4", "a mark left out", change(DayStarted, marked, marks=[])),
    Planted("B4", "a mark of another quantity", change(RunEnded, marked, marks=more)),
    Planted("B4", "a mark of nothing", change(DayStarted, marks=[Mark("BTC/USDT", "0.00000", "1.00")])),
    Planted("B5", "net", change(TradeClosed, net=up)),
    Planted("B5", "cash after a sell", change(Filled, sold, cash=up)),
    Planted("B6", "value", change(Halted, lost, value="0.999999")),
    Planted("B6", "no value", change(Halted, lost, value=None)),
    Planted("B6", "reference", change(Halted, lost, reference="500000.0000000")),
    Planted("B6", "a value without a reference", change(Halted, lost, reference=None)),
    Planted("B7", "a gap in the orders", change(OrderPlaced, order=2)),
    Planted("B7", "an order left out", drop(OrderPlaced, sold)),
    Planted("B7", "an order that ends twice", double(OrderExpired)),
    Planted("B7", "a fill of another's order", change(Filled, bought, order=999)),
    Planted("B7", "a fill for another reason", change(Filled, lambda one: one.reason == "halt", reason="signal")),
    Planted("B7", "an order of another side", change(OrderExpired, side="sell")),
    Planted("B7", "a buy without an order", change(Filled, bought, order=0)),
    Planted("B7", "a signal's sell without an order", change(Filled, lambda one: one.reason == "halt", order=0)),
    Planted("B7", "a gap in the trades", change(Filled, bought, trade=2)),
    Planted("B7", "a gap in the halts", change(Halted, halt=2)),
    Planted("B7", "a halt of a rule that is open", double(Halted)),
    Planted("B7", "a halt lifted twice", double(Resumed)),
    Planted("B7", "a halt lifted that never was", insert(RESUMED, TradeClosed)),
    Planted("B7", "a move that the machine has not", change(ModeChanged, from_warming, target="long")),
    Planted("B7", "a move left out", drop(ModeChanged, from_warming)),
    Planted("B7", "a signal without its answer", drop(OrderRejected, at_decision)),
    Planted("B7", "an answer without its signal", drop(SignalEvent)),
    Planted("B7", "an answer on the other side", change(OrderRejected, at_decision, side="sell")),
    Planted("B7", "an answer at another time", change(OrderRejected, at_decision, ts=1)),
    Planted("B7", "an answer of another symbol", change(OrderRejected, at_decision, symbol=lambda one: _other(one))),
    Planted("B8", "a buy while halted", insert(HALT, Filled, bought, seen=1)),
    Planted("B8", "a buy while warming", change(ModeChanged, from_warming, target="warming")),
    Planted("B8", "a second fill at once", double(Filled, bought)),
    Planted("B9", "cash", change(RunEnded, cash=up)),
    Planted("B9", "realised", change(RunEnded, realised=up)),
    Planted("B9", "fees", change(RunEnded, fees=up)),
    Planted("B9", "trades", change(RunEnded, trades=lambda one: one + 1)),
    Planted("B9", "candles", change(RunEnded, candles=lambda one: one + 1)),
    Planted("B9", "a candle left out", drop(CandleEvent)),
    Planted("B9", "a line behind the end", append(CANDLE)),
)
EXACT = {"B1", "B2", "B3", "B4", "B6"}  # found at the very line; the others where a sum or an order shows it
LATER = {"the balance", "a sell of nothing"}  # something is missing, and the first that needs it shows that


def _other(symbol: str) -> str:
    return "ETH/USDT" if symbol == "BTC/USDT" else "BTC/USDT"


@pytest.mark.parametrize("detail", DETAILS)
def test_the_audit_of_an_unchanged_run_finds_no_difference(detail: Any) -> None:
    books = audit_events(small_events(detail))
    assert (books.differing, books.differences, books.ended) == (0, (), True)
    assert sum(books.counts.values()) == len(small_events(detail))


def test_the_audit_holds_for_symbols_with_different_decimals(tmp_path: Path) -> None:
    """Money has the decimals of the finest product of price and quantity; other products are scaled to it (D1)."""
    markets = {"ETH/USDT": {"price_decimals": 4, "quantity_decimals": 2}}
    backtest_journal(tmp_path, config={**SMALL, "markets": markets, "risk": {}})
    journal = read(tmp_path)
    events = [line.event for line in journal]
    places = {one.symbol: one.price_decimals + one.quantity_decimals for one in journal.started.symbols}
    assert journal.started.money_decimals == max(places.values()) > places["ETH/USDT"] == 6
    assert {one.symbol for one in events if isinstance(one, TradeClosed)} == places.keys()
    books = audit_events(events)
    assert (books.differing, books.differences, books.ended) == (0, (), True)


def test_checks_that_a_lower_detail_does_not_allow_are_skipped_and_reported() -> None:
    assert audit_events(small_events("candles")).left_out == ()
    assert [one[:2] for one in audit_events(small_events("decisions")).left_out] == ["B9"]
    assert [one[:2] for one in audit_events(small_events("trades")).left_out] == ["B7", "B8", "B9"]


@pytest.mark.parametrize("planted", PLANTED, ids=[f"{one.rule} {one.what}" for one in PLANTED])
def test_a_planted_difference_is_reported_under_its_rule(planted: Planted) -> None:
    events = list(small_events())
    line = planted.edit(events)
    books = audit_events(events)
    found = [difference for difference in books.differences if difference.rule == planted.rule]
    assert found, books.differences
    assert found[0].n >= line
    assert found[0].n == line or planted.rule not in EXACT or planted.what in LATER
    assert all(difference.recorded != difference.found for difference in found)


@pytest.mark.parametrize("rule", [f"B{number}" for number in range(1, 10)])
def test_every_rule_has_a_planted_difference(rule: str) -> None:
    assert any(planted.rule == rule for planted in PLANTED)


AMOUNTS = {
    DayStarted: ("cash", "equity"),
    Filled: ("price", "quantity", "fee", "cash"),
    TradeClosed: ("quantity", "entry", "exit", "gross", "fees", "net"),
    Halted: ("equity",),
    RunEnded: ("cash", "equity", "realised", "fees"),
}


@pytest.mark.parametrize("detail", ["trades", "decisions"])
def test_changing_any_amount_of_money_by_one_unit_is_detected(detail: Any) -> None:
    events = list(small_events(detail))
    for i, event in enumerate(events):
        for name in AMOUNTS.get(type(event), ()):
            edited = [*events[:i], msgspec.structs.replace(event, **{name: up(getattr(event, name))}), *events[i + 1 :]]
            found = audit_events(edited)
            assert found.differing > 0, (i + 1, name)
            assert found.differences[0].n >= i + 1


def test_a_difference_is_reported_once_and_the_audit_continues_from_the_recorded_value() -> None:
    events = list(small_events())
    line = change(Filled, bought, cash=up)(events)
    books = audit_events(events)
    assert [(one.rule, one.n == line) for one in books.differences[:2]] == [("B1", True), ("B1", False)]
    assert {one.rule for one in books.differences} == {"B1"}


def test_a_trade_that_does_not_add_up_is_reported_once_and_the_balance_continues_from_it() -> None:
    events = list(small_events())
    at = place_of(events, TradeClosed, lambda _event: True)
    fields = {name: up(getattr(events[at], name)) for name in ("gross", "net")}
    events[at] = msgspec.structs.replace(events[at], **fields)
    found = [(one.rule, one.n == at + 1) for one in audit_events(events).differences]
    assert [rule for rule, here in found if here] == ["B3", "B5"]
    assert [rule for rule, here in found if not here] == ["B9"]


def placed(order: int, side: Side, reason: PlacedReason = "signal") -> Event:
    return OrderPlaced(
        ts=0,
        symbol="BTC/USDT",
        order=order,
        side=side,
        reason=reason,
        confidence=None,
        stop=None,
        target=None,
        trail=None,
    )


def signalled(signal: Literal["enter", "exit"]) -> Event:
    return SignalEvent(ts=0, symbol="BTC/USDT", signal=signal, strength="0.000000")


def refused(order: int, side: Side, reason: RejectedReason) -> Event:
    return OrderRejected(ts=0, symbol="BTC/USDT", order=order, side=side, reason=reason, value=None, limit=None)


EXPIRED = OrderExpired(ts=0, symbol="BTC/USDT", order=1, side="buy", reason="signal")
NOT_LONG = refused(0, "sell", "not_long")
ANSWERS: dict[str, tuple[list[Event], list[str]]] = {
    "an order refused at the open": ([refused(1, "buy", "below_lot")], []),
    "an order refused twice": ([refused(1, "buy", "below_lot"), refused(1, "buy", "below_lot")], ["B7"]),
    "an exit that takes back a waiting entry": ([signalled("exit"), EXPIRED, NOT_LONG], []),
    "a waiting entry taken back without an answer": ([signalled("exit"), EXPIRED, signalled("enter")], ["B7"]),
    "two answers to one signal": ([signalled("exit"), NOT_LONG, NOT_LONG], ["B7"]),
    "a halt's exit between a signal and its answer": ([signalled("exit"), placed(2, "sell", "halt")], ["B7"]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_signal_has_one_response_and_an_order_one_final_event(name: str) -> None:
    others, rules = ANSWERS[name]
    begun = [*small_events()[:1], signalled("enter"), placed(1, "buy")]
    assert [difference.rule for difference in audit_events([*begun, *others]).differences] == rules


@pytest.mark.parametrize("lines", [1, 2, 5, 50, 300])
def test_an_unfinished_run_has_no_differences(lines: int) -> None:
    books = audit_events(small_events()[:lines])
    assert (books.differing, books.ended) == (0, False)


def test_the_list_of_differences_is_capped_and_all_are_counted() -> None:
    books = audit_events([*small_events(), *[CANDLE] * 250])
    assert (books.differing, len(books.differences)) == (250, MOST_DIFFERENCES)


def test_a_gap_in_the_order_numbers_reports_both_numbers() -> None:
    events = list(small_events())
    line = change(OrderPlaced, order=7)(events)
    assert audit_events(events).differences[0] == (line, "B7", "the number of the order", "7", "1")


def test_a_difference_reports_both_values() -> None:
    events = list(small_events())
    line = change(RunEnded, trades=lambda one: one + 3)(events)
    (difference,) = audit_events(events).differences
    closed = sum(isinstance(event, TradeClosed) for event in events)
    assert difference == (line, "B9", "closed trades", str(closed + 3), str(closed))


def test_a_sell_with_a_distance_and_a_distance_of_zero_are_differences() -> None:
    def differing(event: Event) -> list[str]:
        return [one.what for one in audit_events([first_event("decisions"), event]).differences if one.rule == "B7"]

    bought = msgspec.structs.replace(placed(1, "buy", "halt"), confidence="0.900000")
    assert differing(msgspec.structs.replace(bought, stop="5.00", trail="0.01")) == []
    assert differing(msgspec.structs.replace(bought, target="0.00")) == ["target of an entry"]
    sold = placed(1, "sell", "halt")
    assert differing(sold) == []
    assert differing(msgspec.structs.replace(sold, stop="5.00")) == ["stop of a sell"]
    assert differing(msgspec.structs.replace(sold, confidence="0.900000")) == ["confidence of a sell"]
