"""Polars frames of a run, exactly as its journal says: amounts become decimals from their text, never by floats."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from safla.core import values as v
from safla.core.values import Int64
from safla.errors import UsageError
from safla.journal import reader
from safla.journal.chain import event_bytes
from safla.journal.encode import NO_INPUT, EngineRows, maker, run_decimals
from safla.journal.events import LEVELS, Event, Fact, RunStarted, TradeClosed
from safla.journal.reader import JournalLine
from safla.report.trades import Trades
from safla.runs.result import RunResult
from safla.runs.runner import started

if TYPE_CHECKING:
    import polars as pl

DIGITS = 38  # the most digits that a decimal of polars has
RATIO_PLACES = 6  # J14

KINDS: dict[str, type[Fact]] = {str(kind.__struct_config__.tag): kind for kind in LEVELS}


class FrameDecimals(NamedTuple):
    """The decimals of the columns: the most of all symbols of the run, so that every amount fits exactly."""

    price: int
    quantity: int
    volume: int
    money: int


def events(journal: Path) -> "pl.DataFrame":
    """One row for each event: n, ts, type, symbol (null for the account), and the event as the JSON of its line."""
    import polars as pl

    lines = list(reader.read(journal))
    return pl.DataFrame(
        {
            "n": [line.n for line in lines],
            "ts": [line.event.ts for line in lines],
            "type": [str(line.event.__struct_config__.tag) for line in lines],
            "symbol": [getattr(line.event, "symbol", None) for line in lines],
            "event": [event_bytes(line.raw, line.n).decode("ascii") for line in lines],
        },
        schema={"n": pl.Int64, "ts": pl.Int64, "type": pl.String, "symbol": pl.String, "event": pl.String},
    ).with_columns(_moment("ts"))


def events_of(journal: Path, kind: str) -> "pl.DataFrame":
    """The events of one type: n, and their fields as columns. UsageError for an unknown type."""
    if kind not in KINDS:
        raise UsageError(
            f"{ascii(kind)[:60]} is not a type of event; expected one of {', '.join(KINDS)}", code="invalid_argument"
        )
    lines = reader.read(journal)
    return _typed(
        [line for line in lines if type(line.event) is KINDS[kind]], KINDS[kind], frame_decimals(lines.started)
    )


def trades(outcome: RunResult) -> "pl.DataFrame":
    """One row for each closed trade, in the order of closing, with the amounts as the journal writes them.

    symbol, trade, opened, closed, duration_seconds, quantity, entry, exit, gross, fees, net, reason, ambiguous (S12)
    """
    import polars as pl

    first = started(outcome.run, first_ts=0)
    make = maker(run_decimals(first), v.TRADE_CLOSED)
    rows = EngineRows(outcome.rows.tolist(), (), NO_INPUT)
    is_closed = outcome.rows[:, 0] == v.TRADE_CLOSED
    closed = [make(rows, place) for place in np.flatnonzero(is_closed).tolist()]
    # The row before that of a closed trade is the fill that closed it (J18).
    other = 3 + v.ROW_FIELDS[v.FILLED].index("other")
    ambiguous = outcome.rows[np.flatnonzero(is_closed) - 1, other] > 0
    frame = pl.DataFrame(_columns(closed, TradeClosed, frame_decimals(first))).rename({"ts": "closed"})
    return frame.with_columns(
        duration_seconds=(pl.col("closed") - pl.col("opened")).dt.total_seconds(),  # CSV cannot hold a Duration
        ambiguous=pl.Series(ambiguous, dtype=pl.Boolean),
    ).select(
        "symbol", "trade", "opened", "closed", "duration_seconds", "quantity", "entry", "exit", "gross", "fees", "net",
        "reason", "ambiguous",
    )  # fmt: skip


def measured(frame: "pl.DataFrame", trades: Trades) -> "pl.DataFrame":
    """The frame of closed trades with the ratios of each: net_pct, r, mae, mfe (report/trades.py)."""
    import polars as pl

    names = ("net_pct", "r", "mae", "mfe")
    ratios = {name: pl.Series(name, list(getattr(trades, name)), dtype=pl.Float64) for name in names}
    return frame.join(
        pl.DataFrame({"trade": pl.Series(trades.trade, dtype=pl.Int64), **ratios}), on="trade", how="left",
        maintain_order="left",
    )  # fmt: skip


def equity(ts: Int64, units: Int64, *, balance: int, places: int) -> "pl.DataFrame":
    """One row for each timestamp: ts (the candle's open time), equity at its close, drawdown from the peak (a ratio).

    ts       int64[n], ms
    units    int64[n], equity in money units
    places   decimals of a money unit
    balance  money units, the first peak
    """
    import polars as pl

    peaks = np.maximum(np.maximum.accumulate(units), balance) if len(units) else units
    drawdown = (peaks - units) / peaks  # only for display: no decision depends on this float
    frame = pl.DataFrame({"ts": ts, "equity": _decimals(units, places), "drawdown": drawdown})
    return frame.with_columns(_moment("ts"))


def frame_decimals(started: RunStarted) -> FrameDecimals:
    """The decimals that the first line of a journal declares."""
    return FrameDecimals(
        price=max(one.price_decimals for one in started.symbols),
        quantity=max(one.quantity_decimals for one in started.symbols),
        volume=max(one.volume_decimals for one in started.symbols),
        money=started.money_decimals,
    )


def _decimals(units: Int64, places: int) -> "pl.Series":
    """Integers as decimals: exact, for 2**62 times 10**18 has 37 digits."""
    import polars as pl

    exact = pl.Decimal(DIGITS, places)
    power = pl.Series([10**places], dtype=pl.Int64).cast(pl.Decimal(DIGITS, 0))
    return (pl.Series(units, dtype=pl.Int64).cast(exact) / power).cast(exact)


def _typed(lines: Sequence[JournalLine], kind: type[Fact], places: FrameDecimals) -> "pl.DataFrame":
    import polars as pl

    numbers = pl.Series("n", [line.n for line in lines], dtype=pl.Int64)
    return pl.DataFrame([numbers, *_columns([line.event for line in lines], kind, places)])


def _columns(events: Sequence[Event], kind: type[Fact], places: FrameDecimals) -> list["pl.Series"]:
    """The fields of events of one kind."""
    return [
        _column(field.name, [getattr(event, field.name) for event in events], annotation=field.type, places=places)
        for field in msgspec.structs.fields(kind)
    ]


def _column(name: str, values: Iterable[Any], *, annotation: Any, places: FrameDecimals) -> "pl.Series":
    """One field of many events as a time, decimal, integer, bool or text; fields with parts of their own are JSON."""
    import polars as pl

    title = _title(annotation)
    if title == "ms UTC":
        return pl.Series(name, values, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC"))
    if title in _PLACES_BY_TITLE:
        return pl.Series(name, values, dtype=pl.String).cast(pl.Decimal(DIGITS, _PLACES_BY_TITLE[title](places)))
    if title in ("count", "number", "decimal places"):
        return pl.Series(name, values, dtype=pl.Int64)
    if annotation is bool:
        return pl.Series(name, values, dtype=pl.Boolean)
    texts = [text if text is None or isinstance(text, str) else _json(text) for text in values]
    return pl.Series(name, texts, dtype=pl.String)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("ascii")


def _title(annotation: Any) -> str | None:
    """The title that journal/events.py gives the type of a field, optional or not; None without one."""
    inner = msgspec.inspect.type_info(annotation)
    while isinstance(inner, msgspec.inspect.UnionType):
        inner = next(kind for kind in inner.types if not isinstance(kind, msgspec.inspect.NoneType))
    return (inner.extra_json_schema or {}).get("title") if isinstance(inner, msgspec.inspect.Metadata) else None


_PLACES_BY_TITLE: dict[str | None, Any] = {
    "price": lambda places: places.price,
    "quantity": lambda places: places.quantity,
    "volume": lambda places: places.volume,
    "money": lambda places: places.money,
    "count or money": lambda places: places.money,
    "ratio": lambda places: RATIO_PLACES,
}


def _moment(name: str) -> "pl.Expr":
    import polars as pl

    return pl.col(name).cast(pl.Datetime("ms", "UTC"))
