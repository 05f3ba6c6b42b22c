"""Turn the events of a run into log lines: the file, the level, the text and the fields. No file is opened."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from safla.journal import events as e
from safla.observe.format import WORDS
from safla.observe.update import Update

NOT_TOLD = {"type", "plan", "symbols", "marks"}  # left out: the type is `event`, the others are too long for a line


class LogLine(NamedTuple):
    """A log line without its time."""

    file: str  # a key of logging.files
    level: str  # a level of loguru
    text: str
    fields: dict[str, Any]


# The file and the level of each event. The journal has the same events with all their fields.
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


def lines_of(update: Update, *, late: float | None) -> Iterator[LogLine]:
    """The log lines of an update, in order. late: seconds from the close of its candles until they came, if known."""
    for event in update.events:
        file, level = TABLE[type(event)]
        plain = msgspec.to_builtins(event)
        fields = {"event": plain["type"], **{name: plain[name] for name in plain.keys() - NOT_TOLD}}
        if isinstance(event, e.CandleEvent):
            fields["lag_seconds"] = None if late is None else round(late, 3)
            fields["latency_ms"] = round((update.synced - update.came) * 1000, 3)
        yield LogLine(file, level, WORDS[type(event)](event), dict(sorted(fields.items())))
