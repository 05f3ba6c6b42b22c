"""Snapshots and events as lines of printable ASCII for a person. Nothing is computed here but ages."""

from collections.abc import Callable
from typing import Any

from safla.core.candles import iso
from safla.journal import events as e
from safla.journal.events import Event
from safla.observe.snapshot import AccountSnapshot, Position, SymbolSnapshot
from safla.text import counted, printable

FEWEST_PLACES = 2  # decimal places that a shortened amount keeps
SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"))  # units of an age: seconds, and the name


def account_lines(account: AccountSnapshot, *, now: float | None) -> list[str]:
    """The account, then a line for each symbol. now: seconds of the wall clock, for the age; None: no age is shown."""
    halts = ", ".join(f"{halt.rule} (halt {halt.halt})" for halt in account.open_halts)
    quote = account.quote
    entries = _of(str(account.day_entries), account.day_entries_limit)
    paid = f"commission paid {short(account.fees)}"
    noun = "entry" if entries == "1" else "entries"
    today = f"{entries} {noun}, profit {short(account.day_profit)} {quote}"
    width = max(len(state.symbol) for state in account.symbols)
    return [
        f"candle     {_last_candle(account, now=now)}",
        f"equity     {short(account.equity)} {quote}, cash {short(account.cash)}, peak {short(account.peak)}",
        f"drawdown   {_share_of(account.drawdown, account.drawdown_limit, name='drawdown')}",
        f"today      {today}, loss {_share_of(account.day_loss, account.day_loss_limit, name='daily loss')}",
        f"trades     {account.trades_closed} closed, net profit {short(account.realised)} {quote}, {paid}",
        f"halts      {halts or 'none open'}",
        *(_symbol_line(state, account=account, width=width) for state in account.symbols),
    ]


def account_line(account: AccountSnapshot) -> str:
    """The account and its symbols in one line, for output that is not drawn in place."""
    symbols = ", ".join(f"{one.symbol} {short(one.close or 'no candle yet')} {one.mode}" for one in account.symbols)
    halts = "".join(f", halted by {halt.rule}" for halt in account.open_halts)
    equity = f"equity {short(account.equity)} {account.quote}, drawdown {_percent(account.drawdown)}"
    return f"{iso(account.ts) if account.ts is not None else 'no candle yet'}  {symbols}, {equity}{halts}"


def event_line(event: Event) -> str:
    """An event in one line, after its time."""
    return f"{iso(event.ts)}  {ascii_only(WORDS[type(event)](event))}"


def short(amount: str) -> str:
    """An amount without the zeros at its end, but with at least two of its decimal places. Nothing is rounded."""
    whole, point, places = amount.partition(".")
    return f"{whole}{point}{places.rstrip('0').ljust(min(FEWEST_PLACES, len(places)), '0')}" if point else amount


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits and the unit below it: "2 h 5 min ago"."""
    if seconds < 0:
        return "ahead of this clock"
    rest = int(seconds)
    for index, (size, name) in enumerate(SPANS):
        if rest >= size:
            smaller, smaller_name = SPANS[index + 1] if index + 1 < len(SPANS) else (1, "s")
            fraction = rest % size // smaller
            return f"{rest // size} {name}{f' {fraction} {smaller_name}' if fraction else ''} ago"
    return f"{rest} s ago"


def ascii_only(text: str) -> str:
    """Text from outside, escaped so that every terminal can show it (Z13)."""
    return printable(text).encode("ascii", "backslashreplace").decode("ascii")


def _last_candle(account: AccountSnapshot, *, now: float | None) -> str:
    if account.ts is None or account.closed is None:
        return "none yet"
    closed = "" if now is None else f", closed {age(now - account.closed / 1000)}"
    return f"{iso(account.ts)} {account.timeframe}{closed}"


def _of(value: str, limit: object) -> str:
    return value if limit is None else f"{value} of {limit}"


def _percent(share: str | None) -> str:
    """A ratio with six decimal places as a percentage. It moves the point by two places, so nothing is rounded."""
    if share is None:
        return "undefined"
    digits = share.replace(".", "")
    return f"{short(f'{int(digits[:-4])}.{digits[-4:]}')} %"


def _share_of(share: str | None, limit: str | None, *, name: str) -> str:
    return f"{_percent(share)} (no {name} limit)" if limit is None else _of(_percent(share), _percent(limit))


def _symbol_line(state: SymbolSnapshot, *, account: AccountSnapshot, width: int) -> str:
    text = f"{state.symbol:<{width}}  {state.mode:<7}  {short(state.close) if state.close else 'no candle yet'}"
    if state.ts is not None and state.ts != account.ts:
        text += f" (at {iso(state.ts)})"
    if state.position:
        text += f", {_position(state.position, quote=account.quote)}"
    if state.waiting:
        text += f", order {state.waiting.order} waits to {state.waiting.side} ({state.waiting.reason})"
    return text


def _position(held: Position, *, quote: str) -> str:
    stop = f"stop {short(held.stop)} ({held.stop_is})" if held.stop else "no stop"
    target = f"target {short(held.target)}" if held.target else "no target"
    profit = f"unrealised {short(held.unrealised)} {quote}"
    return f"{held.quantity} at {short(held.entry)}, {stop}, {target}, {profit}"


def _halted(event: e.Halted) -> str:
    value = f" at {_percent(event.value)}" if event.value is not None else ""
    limit = f" of {_percent(event.limit)}" if event.limit is not None else ""
    return f"halted by {event.rule} (halt {event.halt}){value}{limit}{_note(event.note)}"


def _rejected(event: e.OrderRejected) -> str:
    numbers = " / ".join(short(text) for text in (event.value, event.limit) if text is not None)
    return f"{event.side} of {event.symbol} rejected: {event.reason}{f' ({numbers})' if numbers else ''}"


def _note(note: str | None) -> str:
    return f": {note}" if note else ""


# The text of each type of event.
WORDS: dict[type[e.Fact], Callable[[Any], str]] = {
    e.RunStarted: lambda event: f"run started: {event.name}",
    e.CandleEvent: lambda event: f"{event.symbol} closed at {short(event.close)}",
    e.CandleMissing: lambda event: f"{event.symbol} has no candle",
    e.DayStarted: lambda event: f"a new day, equity {short(event.equity)}",
    e.ModeChanged: lambda event: f"{event.symbol} {event.source} -> {event.target} ({event.trigger})",
    e.SignalEvent: lambda event: f"{event.symbol} {event.signal} signal, strength {event.strength}",
    e.OrderPlaced: lambda event: f"order {event.order} to {event.side} {event.symbol} waits ({event.reason})",
    e.OrderRejected: _rejected,
    e.OrderExpired: lambda event: f"order {event.order} to {event.side} {event.symbol} expired ({event.reason})",
    e.Filled: lambda event: (
        f"{'bought' if event.side == 'buy' else 'sold'} {event.quantity} {event.symbol} at {short(event.price)} "
        f"({event.reason}), fee {short(event.fee)}"
    ),
    e.TradeClosed: lambda event: (
        f"trade {event.trade} of {event.symbol} closed: net {short(event.net)} ({event.reason})"
    ),
    e.Halted: _halted,
    e.Resumed: lambda event: f"halt {event.halt} lifted by {event.by}{_note(event.note)}",
    e.RunEnded: lambda event: f"run ended: {counted(event.trades, 'trade')}, equity {short(event.equity)}",
}
