"""What the events of a run come to as log lines: in which file, how loud, with which fields. No file is opened."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from safla.journal import events as e
from safla.observe.format import WORDS
from safla.observe.update import Update

NOT_TOLD = {"type", "plan", "symbols", "marks"}  # fields that are the line's event, or too long for it


class LogLine(NamedTuple):
    """One line, before it has a time."""

    file: str  # of logging.files
    level: str
    text: str
    fields: dict[str, Any]


# All events; the journal has them too, and there they are complete.
TABLE: dict[type[e.Fact], tuple[str, str]] = {
    e.Filled: ("trades", "INFO"),
    e.TradeClosed: ("trades", "INFO"),
    e.CandleEvent: ("market_data", "INFO"),
    e.CandleMissing: ("market_data", "WARNING"),
    e.RunStarted: ("decisions", "INFO"),
    e.DayStarted: ("decisions", "INFO"),
    e.ModeChanged: ("decisions", "INFO"),
    e.SignalEvent: ("decisions", "INFO"),
    e.OrderPlaced: ("decisions", "INFO"),
    e.OrderRejected: ("decisions", "INFO"),
    e.OrderExpired: ("decisions", "INFO"),
    e.Halted: ("decisions", "WARNING"),
    e.Resumed: ("decisions", "WARNING"),
    e.RunEnded: ("decisions", "INFO"),
}


def lines_of(told: Update, *, late: float | None) -> Iterator[LogLine]:
    """The lines of what was told, in order. late: seconds from the close of its candles until they came, if known."""
    for event in told.events:
        file, level = TABLE[type(event)]
        plain = msgspec.to_builtins(event)
        fields = {"event": plain["type"], **{name: plain[name] for name in plain.keys() - NOT_TOLD}}
        if isinstance(event, e.CandleEvent):
            fields["lag_seconds"] = None if late is None else round(late, 3)
            fields["latency_ms"] = round((told.synced - told.came) * 1000, 3)
        yield LogLine(file, level, WORDS[type(event)](event), dict(sorted(fields.items())))
