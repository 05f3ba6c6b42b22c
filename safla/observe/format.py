"""A standing and an event in words: lines of printable ASCII for a person. It computes nothing but ages."""

from collections.abc import Callable
from typing import Any

from safla.core.candles import iso
from safla.journal import events as e
from safla.journal.events import Event
from safla.observe.snapshot import AccountSnapshot, Position, SymbolStanding
from safla.text import counted, printable

FEWEST_PLACES = 2  # of an amount that is shown short
SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))  # seconds, and how so many are called


def standing_lines(told: AccountSnapshot, *, now: float | None) -> list[str]:
    """The account, then a line for each symbol. now: seconds of the wall clock, for the age; None: no age is told."""
    halts = ", ".join(f"{one.rule} (halt {one.halt})" for one in told.open_halts)
    quote = told.quote
    entries = _of(str(told.day_entries), told.day_entries_limit)
    paid = f"commission paid {short(told.fees)}"
    noun = "entry" if entries == "1" else "entries"
    today = f"{entries} {noun}, profit {short(told.day_profit)} {quote}"
    width = max(len(one.symbol) for one in told.symbols)
    return [
        f"candle     {_last_candle(told, now=now)}",
        f"equity     {short(told.equity)} {quote}, cash {short(told.cash)}, peak {short(told.peak)}",
        f"drawdown   {_share_of(told.drawdown, told.drawdown_limit, called='drawdown')}",
        f"today      {today}, loss {_share_of(told.day_loss, told.day_loss_limit, called='daily loss')}",
        f"trades     {told.trades_closed} closed, net profit {short(told.realised)} {quote}, {paid}",
        f"halts      {halts or 'none open'}",
        *(_symbol_line(one, run=told, width=width) for one in told.symbols),
    ]


def standing_line(told: AccountSnapshot) -> str:
    """The same in one line, where one a minute is enough."""
    symbols = ", ".join(f"{one.symbol} {short(one.close or 'no candle yet')} {one.mode}" for one in told.symbols)
    halts = "".join(f", halted by {one.rule}" for one in told.open_halts)
    equity = f"equity {short(told.equity)} {told.quote}, drawdown {_percent(told.drawdown)}"
    return f"{iso(told.ts) if told.ts is not None else 'no candle yet'}  {symbols}, {equity}{halts}"


def event_line(event: Event) -> str:
    """When it happened, and what."""
    return f"{iso(event.ts)}  {ascii_only(WORDS[type(event)](event))}"


def short(amount: str) -> str:
    """An amount without the zeros at its end; two places stay where it has so many. Nothing is rounded."""
    whole, point, places = amount.partition(".")
    return f"{whole}{point}{places.rstrip('0').ljust(min(FEWEST_PLACES, len(places)), '0')}" if point else amount


def age(seconds: float) -> str:
    """How long ago, in the two largest measures that are not zero."""
    if seconds < 0:
        return "ahead of this clock"
    rest = int(seconds)
    for index, (size, name) in enumerate(SPANS):
        if rest >= size:
            below, below_name = SPANS[index + 1] if index + 1 < len(SPANS) else (1, "s")
            fraction = rest % size // below
            return f"{rest // size} {name}{f' {fraction} {below_name}' if fraction else ''} ago"
    return f"{rest} s ago"


def ascii_only(text: str) -> str:
    """Text from outside as every terminal can show it (Z13)."""
    return printable(text).encode("ascii", "backslashreplace").decode("ascii")


def _last_candle(told: AccountSnapshot, *, now: float | None) -> str:
    if told.ts is None or told.closed is None:
        return "none yet"
    closed = "" if now is None else f", closed {age(now - told.closed / 1000)}"
    return f"{iso(told.ts)} {told.timeframe}{closed}"


def _of(value: str, limit: object) -> str:
    return value if limit is None else f"{value} of {limit}"


def _percent(share: str | None) -> str:
    """A share of six places as per cent, exactly: the point moves by two."""
    if share is None:
        return "undefined"
    digits = share.replace(".", "")
    return f"{short(f'{int(digits[:-4])}.{digits[-4:]}')} %"


def _share_of(share: str | None, limit: str | None, *, called: str) -> str:
    return f"{_percent(share)} (no {called} limit)" if limit is None else _of(_percent(share), _percent(limit))


def _symbol_line(told: SymbolStanding, *, run: AccountSnapshot, width: int) -> str:
    text = f"{told.symbol:<{width}}  {told.mode:<7}  {short(told.close) if told.close else 'no candle yet'}"
    if told.ts is not None and told.ts != run.ts:
        text += f" (at {iso(told.ts)})"
    if told.position:
        text += f", {_position(told.position, quote=run.quote)}"
    if told.waiting:
        text += f", order {told.waiting.order} waits to {told.waiting.side} ({told.waiting.reason})"
    return text


def _position(held: Position, *, quote: str) -> str:
    stop = f"stop {short(held.stop)} ({held.stop_is})" if held.stop else "no stop"
    target = f"target {short(held.target)}" if held.target else "no target"
    profit = f"unrealised {short(held.unrealised)} {quote}"
    return f"{held.quantity} at {short(held.entry)}, {stop}, {target}, {profit}"


def _halted(one: e.Halted) -> str:
    met = f" at {_percent(one.value)}" if one.value is not None else ""
    limit = f" of {_percent(one.limit)}" if one.limit is not None else ""
    return f"halted by {one.rule} (halt {one.halt}){met}{limit}{_note(one.note)}"


def _refused(one: e.OrderRejected) -> str:
    met = " / ".join(short(text) for text in (one.value, one.limit) if text is not None)
    return f"{one.side} of {one.symbol} rejected: {one.reason}{f' ({met})' if met else ''}"


def _note(note: str | None) -> str:
    return f": {note}" if note else ""


# One row an event; those that a person need not read are short.
WORDS: dict[type[e.Fact], Callable[[Any], str]] = {
    e.RunStarted: lambda one: f"run started: {one.name}",
    e.CandleEvent: lambda one: f"{one.symbol} closed at {short(one.close)}",
    e.CandleMissing: lambda one: f"{one.symbol} has no candle",
    e.DayStarted: lambda one: f"a new day, equity {short(one.equity)}",
    e.ModeChanged: lambda one: f"{one.symbol} {one.source} -> {one.target} ({one.trigger})",
    e.SignalEvent: lambda one: f"{one.symbol} {one.signal} signal, strength {one.strength}",
    e.OrderPlaced: lambda one: f"order {one.order} to {one.side} {one.symbol} waits ({one.reason})",
    e.OrderRejected: _refused,
    e.OrderExpired: lambda one: f"order {one.order} to {one.side} {one.symbol} expired ({one.reason})",
    e.Filled: lambda one: (
        f"{'bought' if one.side == 'buy' else 'sold'} {one.quantity} {one.symbol} at {short(one.price)} "
        f"({one.reason}), fee {short(one.fee)}"
    ),
    e.TradeClosed: lambda one: f"trade {one.trade} of {one.symbol} closed: net {short(one.net)} ({one.reason})",
    e.Halted: _halted,
    e.Resumed: lambda one: f"halt {one.halt} lifted by {one.by}{_note(one.note)}",
    e.RunEnded: lambda one: f"run ended: {counted(one.trades, 'trade')}, equity {short(one.equity)}",
}
