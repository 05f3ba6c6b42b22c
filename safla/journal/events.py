"""The events of a journal: one struct a type, its fields as they are written. No file, no chain (J11, J15)."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from safla.core.timeframes import LAST_MS, Timeframe
from safla.core.values import Detail

SCHEMA = 2  # the shape of the events (J49)
RULES = 2  # the rules by which outcomes are made (J50)

MOST_PLACES = 18  # of an amount

# For other readers; ours knows the places of each amount and is stricter (J13).
_DECIMAL = {"pattern": r"^-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?$"}

Price = Annotated[str, Meta(title="price", extra_json_schema=_DECIMAL)]
Quantity = Annotated[str, Meta(title="quantity", extra_json_schema=_DECIMAL)]
Volume = Annotated[str, Meta(title="volume", extra_json_schema=_DECIMAL)]
Money = Annotated[str, Meta(title="money", extra_json_schema=_DECIMAL)]
Ratio = Annotated[str, Meta(title="ratio", extra_json_schema={"pattern": r"^-?[0-9]+\.[0-9]{6}$"})]
Measure = Annotated[str, Meta(title="count or money", extra_json_schema=_DECIMAL)]  # the reason says which (J16)

# A `$` alone would let a newline through at the end.
ShortText = Annotated[str, Meta(title="text", pattern=r"^[ -~]{0,200}$(?!\n)")]
PlanText = Annotated[str, Meta(pattern=r"^[ -~]*$(?!\n)")]
_SYMBOL = r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$(?!\n)"
SymbolName = Annotated[str, Meta(title="symbol", pattern=_SYMBOL)]
JournalSymbol = Annotated[
    str, Meta(title="symbol", extra_json_schema={"pattern": _SYMBOL})
]  # one that the first line names
Currency = Annotated[str, Meta(title="currency", pattern=r"^[A-Z0-9]{1,20}$(?!\n)")]
Hex = Annotated[str, Meta(title="BLAKE2b-128", pattern=r"^[0-9a-f]{32}$(?!\n)")]

Time = Annotated[int, Meta(title="ms UTC", ge=0, le=LAST_MS)]
Count = Annotated[int, Meta(title="count", ge=0, le=2**63 - 1)]
Ordinal = Annotated[int, Meta(title="number", ge=1, le=2**63 - 1)]
DecimalPlaces = Annotated[int, Meta(title="decimal places", ge=0, le=MOST_PLACES)]

Side = Literal["buy", "sell"]
Mode = Literal["idle", "warming", "flat", "long", "halted"]
Trigger = Literal["start", "warm", "rewarm", "enter", "exit", "halt", "resume", "resume_long", "stop"]
PlacedReason = Literal["signal", "halt", "data_gap"]
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
FilledReason = Literal["signal", "stop_loss", "trailing_stop", "take_profit", "halt", "data_gap"]
HaltRule = Literal["daily_loss", "drawdown", "operator", "strategy_error"]
Resumer = Literal["new_day", "pause", "operator"]


class SymbolScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """How the amounts of one symbol are written, and the grid of our orders there (S3)."""

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
    """What all events have: a type, and the open time of the candle in whose processing it happened."""

    ts: Time


class RunStarted(Fact, frozen=True):
    """The first line: all that decides about the run but its candles. Its ts is that of the first candle."""

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
    """A closed candle, an input: before the outcomes of its timestamp, all symbols in configuration order."""

    symbol: JournalSymbol
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume


class CandleMissing(Fact, frozen=True):
    """An input: a symbol has no candle at a timestamp at which another one has, or was passed over there (S6a)."""

    symbol: JournalSymbol


class DayStarted(Fact, frozen=True):
    """The first timestamp of a UTC day (S7); equity is the last marked one."""

    cash: Money
    equity: Money
    peak: Money
    marks: list[Mark]


class ModeChanged(Fact, frozen=True):
    """A symbol's mode moved, from source to target; self-moves are not written."""

    symbol: JournalSymbol
    trigger: Trigger
    source: Mode
    target: Mode


class SignalEvent(Fact, frozen=True):
    """The strategy wishes to enter or to exit, and how strongly (S22)."""

    symbol: JournalSymbol
    signal: Literal["enter", "exit"]
    strength: Ratio


class OrderPlaced(Fact, frozen=True):
    """An order begins to wait for the next open (with data_gap: for this one, S4); confidence of buys only (S23)."""

    symbol: JournalSymbol
    order: Ordinal
    side: Side
    reason: PlacedReason
    confidence: Ratio | None


class OrderRejected(Fact, frozen=True):
    """A wish is refused at the decision (order 0), or a waiting order at the open, with the numbers that met (J16)."""

    symbol: JournalSymbol
    order: Count
    side: Side
    reason: RejectedReason
    value: Measure | None
    limit: Measure | None


class OrderExpired(Fact, frozen=True):
    """A waiting order is given up (S5, S15, S17)."""

    symbol: JournalSymbol
    order: Ordinal
    side: Side
    reason: ExpiredReason


class Filled(Fact, frozen=True):
    """A fill: reference is the price before slippage (S25), cash that after it; order 0 is a protective exit."""

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
    """Right after the fill that brought a position to zero: what the trade came to."""

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
    """A rule halts the account (S15); value is the loss as a share of reference, the day's start or the peak.

    A halt by an operator carries the time at which the command was given, and its id (S15a); else they are null.
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
    """One halt is lifted; peak is that after it (S15). given and id are those of the operator's command (S15a)."""

    by: Resumer
    halt: Ordinal
    peak: Money
    note: ShortText | None
    given: Time | None
    id: ShortText | None


class RunEnded(Fact, frozen=True):
    """The last line: how many candles, their digest (J7), and the sums; fees include those of open positions.

    given and id are those of the command that stopped it (S15a), null where the candles ended.
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

# The lowest detail of a journal that has the event (J15).
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
DETAILS: tuple[Detail, ...] = ("trades", "decisions", "candles")  # each has all of those before it


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: its number, the hash of the line before, the event, and the hash of all that stands before it (J10)."""

    n: Ordinal
    p: Hex
    e: Event
    h: Hex


def journal_schema() -> dict[str, Any]:
    """The JSON Schema of one line, made of the structs above."""
    (line,), parts = msgspec.json.schema_components((Envelope,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a safla journal, schema {SCHEMA}",
        **line,
        "$defs": dict(sorted(parts.items())),
    }
