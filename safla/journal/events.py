"""The events of a journal: one struct for each type, its fields in the order of the journal (J11, J15). No files."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from safla.core.timeframes import LAST_MS, Timeframe
from safla.core.values import Detail

SCHEMA = 3  # version of the fields of the events (J49)
RULES = 3  # version of the rules of docs/semantics.md (J50)

MOST_PLACES = 18  # decimal places of an amount, at most

# For the JSON Schema, which other programs use. Our reader is stricter: it knows the places of each amount (J13).
_DECIMAL = {"pattern": r"^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?$"}

Price = Annotated[str, Meta(title="price", extra_json_schema=_DECIMAL)]
Quantity = Annotated[str, Meta(title="quantity", extra_json_schema=_DECIMAL)]
Volume = Annotated[str, Meta(title="volume", extra_json_schema=_DECIMAL)]
Money = Annotated[str, Meta(title="money", extra_json_schema=_DECIMAL)]
Ratio = Annotated[str, Meta(title="ratio", extra_json_schema={"pattern": r"^-?[0-9]+\.[0-9]{6}$"})]
# A count, money or a price: the reason of the rejection decides (J16). safla/api/frames.py looks up this title.
Measure = Annotated[str, Meta(title="count or money", extra_json_schema=_DECIMAL)]

# `(?!\n)`: `$` alone also matches before a newline at the end.
ShortText = Annotated[str, Meta(title="text", pattern=r"^[ -~]{0,200}$(?!\n)")]
PlanText = Annotated[str, Meta(pattern=r"^[ -~]*$(?!\n)")]
_SYMBOL = r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$(?!\n)"
SymbolName = Annotated[str, Meta(title="symbol", pattern=_SYMBOL)]
# The pattern is for the JSON Schema alone: our reader checks that the first line has the symbol, which is stricter.
JournalSymbol = Annotated[str, Meta(title="symbol", extra_json_schema={"pattern": _SYMBOL})]
Currency = Annotated[str, Meta(title="currency", pattern=r"^[A-Z0-9]{1,20}$(?!\n)")]
Hex = Annotated[str, Meta(title="BLAKE2b-128", pattern=r"^[0-9a-f]{32}$(?!\n)")]

Time = Annotated[int, Meta(title="ms UTC", ge=0, le=LAST_MS)]
Count = Annotated[int, Meta(title="count", ge=0, le=2**63 - 1)]
Ordinal = Annotated[int, Meta(title="number", ge=1, le=2**63 - 1)]
DecimalPlaces = Annotated[int, Meta(title="decimal places", ge=0, le=MOST_PLACES)]

Side = Literal["buy", "sell"]
Mode = Literal["idle", "warming", "flat", "long", "halted"]
Trigger = Literal["start", "warm", "rewarm", "enter", "exit", "halt", "resume", "resume_long", "stop"]
PlacedReason = Literal["signal", "halt", "data_gap", "time_stop"]
RejectedReason = Literal[
    "halted",
    "already_long",
    "warming",
    "order_waiting",
    "cooldown",
    "max_open_positions",
    "max_daily_trades",
    "max_exposure",
    "insufficient_cash",
    "below_lot",
    "no_level",
    "below_min_notional",
    "not_long",
]
ExpiredReason = Literal["no_volume", "signal", "halt", "data_gap", "end_of_data"]
FilledReason = Literal[
    "signal", "stop_loss", "break_even", "trailing_stop", "take_profit", "target_step", "halt", "data_gap", "time_stop"
]
HaltRule = Literal["daily_loss", "drawdown", "operator", "strategy_error"]
Resumer = Literal["new_day", "pause", "operator"]


class SymbolScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The decimal places of one symbol's amounts, and tick, lot and minimum notional of its orders (S3)."""

    symbol: SymbolName
    price_decimals: DecimalPlaces
    quantity_decimals: DecimalPlaces
    volume_decimals: DecimalPlaces
    tick: Price
    lot: Quantity
    min_notional: Money


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One open position, valued at its last close."""

    symbol: JournalSymbol
    quantity: Quantity
    price: Price


def _tag(name: str) -> str:
    """The type of an event: its class name in lower case with underscores, without "Event"."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name.removesuffix("Event"))
    return words.removeprefix("_")


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, tag_field="type", tag=_tag):
    """Every event has a type, and the open time of the candle in whose processing it happened."""

    ts: Time


class RunStarted(Fact, frozen=True):
    """The first line: everything that determines the run, except its candles. Its ts is that of the first candle."""

    schema: Ordinal
    rules: Ordinal
    name: ShortText
    detail: Detail
    timeframe: Timeframe
    start: Time
    quote: Currency
    money_decimals: DecimalPlaces
    balance: Money
    symbols: list[SymbolScale]
    plan: dict[PlanText, PlanText]


class CandleEvent(Fact, frozen=True):
    """A closed candle, an input. All symbols in configuration order, before the outcomes of the timestamp."""

    symbol: JournalSymbol
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume


class CandleMissing(Fact, frozen=True):
    """An input: a symbol has no candle where another symbol has one, or was not waited for any longer (S6a)."""

    symbol: JournalSymbol


class DayStarted(Fact, frozen=True):
    """A UTC day begins, at its first timestamp (S7). equity is the last one that was marked."""

    cash: Money
    equity: Money
    peak: Money
    marks: list[Mark]


class ModeChanged(Fact, frozen=True):
    """The mode of a symbol changed from source to target. A move to the same mode is not written."""

    symbol: JournalSymbol
    trigger: Trigger
    source: Mode
    target: Mode


class SignalEvent(Fact, frozen=True):
    """The strategy signals to enter or to exit, with a strength (S22)."""

    symbol: JournalSymbol
    signal: Literal["enter", "exit"]
    strength: Ratio


class OrderPlaced(Fact, frozen=True):
    """An order was placed and waits for the next open (with data_gap: for this open, S4).

    confidence is that of a buy (S23), and null for a sell. stop, target and trail are the distances of a buy from its
    fill price, where the strategy gives them (S30).
    """

    symbol: JournalSymbol
    order: Ordinal
    side: Side
    reason: PlacedReason
    confidence: Ratio | None
    stop: Price | None
    target: Price | None
    trail: Price | None


class OrderRejected(Fact, frozen=True):
    """A signal was rejected at the decision (order 0), or a waiting order at the open.

    value is what the rule found, limit what it allows; null where the reason has no such number (J16).
    """

    symbol: JournalSymbol
    order: Count
    side: Side
    reason: RejectedReason
    value: Measure | None
    limit: Measure | None


class OrderExpired(Fact, frozen=True):
    """A waiting order was cancelled before any fill (S4, S5, S15, S17)."""

    symbol: JournalSymbol
    order: Ordinal
    side: Side
    reason: ExpiredReason


class Filled(Fact, frozen=True):
    """A fill. reference is the price before slippage (S25), cash is the cash after the fill.

    order is 0 for a protective exit: stop-loss, trailing stop or take-profit. ambiguous: the candle reached both a
    stop and the take-profit, and execution.intrabar decided (S12).
    """

    symbol: JournalSymbol
    order: Count
    trade: Ordinal
    side: Side
    reason: FilledReason
    reference: Price
    price: Price
    quantity: Quantity
    fee: Money
    cash: Money
    ambiguous: bool


class TradeClosed(Fact, frozen=True):
    """The result of a trade, right after the fill that closed the position."""

    symbol: JournalSymbol
    trade: Ordinal
    opened: Time
    quantity: Quantity
    entry: Price
    exit: Price
    gross: Money
    fees: Money
    net: Money
    reason: FilledReason


class Halted(Fact, frozen=True):
    """A rule halted the account (S15). value is the loss as a ratio of reference: equity at the day's start, or peak.

    given and id are those of an operator's command: the time at which it was given, and its id (S15a); else null.
    """

    halt: Ordinal
    rule: HaltRule
    value: Ratio | None
    limit: Ratio | None
    equity: Money
    reference: Money | None
    marks: list[Mark]
    note: ShortText | None
    given: Time | None
    id: ShortText | None


class Resumed(Fact, frozen=True):
    """One halt was lifted. peak is the peak after that (S15).

    given and id are those of an operator's command (S15a); else null.
    """

    by: Resumer
    halt: Ordinal
    peak: Money
    note: ShortText | None
    given: Time | None
    id: ShortText | None


class RunEnded(Fact, frozen=True):
    """The last line: number of candles, their digest (J7), and the totals. fees include those of open positions.

    given and id are those of the command that stopped the run (S15a); null where its candles ended.
    """

    candles: Count
    digest: Hex
    cash: Money
    equity: Money
    peak: Money
    realised: Money
    fees: Money
    trades: Count
    marks: list[Mark]
    given: Time | None
    id: ShortText | None


Event = (
    RunStarted
    | CandleEvent
    | CandleMissing
    | DayStarted
    | ModeChanged
    | SignalEvent
    | OrderPlaced
    | OrderRejected
    | OrderExpired
    | Filled
    | TradeClosed
    | Halted
    | Resumed
    | RunEnded
)

# The lowest journal.detail that writes the event (J15).
LEVELS: dict[type[Fact], Detail] = {
    RunStarted: "trades",
    CandleEvent: "candles",
    CandleMissing: "candles",
    DayStarted: "trades",
    ModeChanged: "decisions",
    SignalEvent: "decisions",
    OrderPlaced: "decisions",
    OrderRejected: "decisions",
    OrderExpired: "decisions",
    Filled: "trades",
    TradeClosed: "trades",
    Halted: "trades",
    Resumed: "trades",
    RunEnded: "trades",
}
DETAILS: tuple[Detail, ...] = ("trades", "decisions", "candles")  # each includes the events of those before it


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: number n, hash p of the line before, event e, and hash h of all bytes before it in the line (J10)."""

    n: Ordinal
    p: Hex
    e: Event
    h: Hex


def journal_schema() -> dict[str, Any]:
    """The JSON Schema of one line, generated from the structs above."""
    (line,), parts = msgspec.json.schema_components((Envelope,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a safla journal, schema {SCHEMA}",
        **line,
        "$defs": dict(sorted(parts.items())),
    }
