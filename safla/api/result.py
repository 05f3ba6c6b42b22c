"""What a run and a replay come to, for callers from Python: values, and frames made when asked for. It runs nothing."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from safla.api import frames
from safla.core.values import Int64
from safla.journal.audit import Books
from safla.journal.files import JOURNAL
from safla.journal.reader import Tail
from safla.report.tables import SHORT, figure_of
from safla.report.trades import Trades
from safla.runs.replay import Decisions
from safla.text import counted, printable

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """A run that reached its last candle. Its frames are made when they are first asked for, out of the journal.

    summary       the content of summary.json: figures as numbers, None where undefined, the reason under "undefined"
    folder        the run folder
    same_journal  the journal was there already, and every byte of it came out again
    lines         of the journal
    last_hash     of its last line: what identifies the run
    notes         what the command would have said on stderr: warnings, what was mended, what nothing proves
    """

    summary: dict[str, Any]
    folder: Path
    same_journal: bool
    lines: int
    last_hash: str
    notes: tuple[str, ...]
    _measured: Trades
    _ts: Int64
    _equity: Int64
    _balance: int
    _money_decimals: int

    @property
    def journal(self) -> Path:
        """The journal file, one JSON object a line."""
        return self.folder / JOURNAL

    @cached_property
    def trades(self) -> "pl.DataFrame":
        """A row a closed trade: when, how much, at what prices, what it brought, why it ended.

        symbol, trade, opened, closed, duration_seconds, quantity, entry, exit, gross, fees, net, reason, ambiguous,
        net_pct, r, mae, mfe. Prices, quantities and money are exact decimals (pl.Decimal), times UTC
        (pl.Datetime("ms", "UTC")), duration_seconds an integer: all of it can be written as CSV. `closed` is the open
        time of the candle in which the trade was closed. net_pct is net over the entry's notional, r net over what the
        first stop put at risk (null without a stop), mae and mfe how far prices went against the trade and for it, over
        the entry price: ratios (float64). JournalError where the journal is gone or damaged.

            result.trades.group_by("reason").agg(pl.col("net").sum())
            result.trades.write_csv("trades.csv")
        """
        return frames.measured(frames.trades(self.journal), self._measured)

    @cached_property
    def events(self) -> "pl.DataFrame":
        """A row an event: n, ts, type, symbol (null for the account), and the event as JSON, as it is written.

        `events_of` gives the fields of one type as columns. JournalError where the journal is gone or damaged.

            result.events.filter(pl.col("type") == "order_rejected")
        """
        return frames.events(self.journal)

    def events_of(self, kind: str) -> "pl.DataFrame":
        """The events of one type, such as "filled" or "order_rejected": n, and each of its fields as a column.

        Amounts are exact decimals; a field that has parts of its own (`marks`, `symbols`, `plan`) is JSON. UsageError
        for a type that there is not, JournalError where the journal is gone or damaged.
        """
        return frames.events_of(self.journal, kind)

    @cached_property
    def equity(self) -> "pl.DataFrame":
        """A row a timestamp, the lookback left out: ts (open time of the candle), equity at its close, drawdown.

        Equity is an exact decimal in the quote currency, drawdown the fall from the highest equity so far as a positive
        ratio (float64).
        """
        return frames.equity(self._ts, self._equity, balance=self._balance, places=self._money_decimals)

    def __repr__(self) -> str:
        told = self.summary
        figures = ", ".join(" ".join(figure_of(key, told)) for key in SHORT if told[key] is not None)
        limits = f"; {figure_of('limits_off', told)[1]}" if told["limits_off"] else ""
        halts = f"; halted by {' '.join(one['rule'] for one in told['open_halts'])}" if told["open_halts"] else ""
        text = (
            f"<safla.Result {told['name']}: {' '.join(told['symbols'])} {told['timeframe']}, {told['start']} to "
            f"{told['end']}: {figures}{limits}{halts}; journal {self.journal}, {counted(self.lines, 'line')}>"
        )
        return printable(text)

    def _repr_html_(self) -> str:
        told = self.summary
        head = f"{told['name']}: {' '.join(told['symbols'])} {told['timeframe']}, {told['start']} to {told['end']}"
        halts = [("halted by", " ".join(one["rule"] for one in told["open_halts"]))] if told["open_halts"] else []
        first = [figure_of(key, told) for key in ("source", "limits_off") if told[key]]
        rows = [*first, *(figure_of(key, told) for key in SHORT), *halts, ("run folder", str(self.folder))]
        cells = "".join(f"<tr><th>{_html(label)}</th><td>{_html(value)}</td></tr>" for label, value in rows)
        return f"<table><caption>{_html(head)}</caption>{cells}</table>"


def _html(text: str) -> str:
    return escape(printable(text), quote=True)


class Verdict(NamedTuple):
    """What a replay found; it is true where nothing differs.

    chain      the journal's lines, the hash of the last, and how many bytes of a torn line stand behind them
    books      cash, positions, orders and halts, folded out of the events alone and compared with `==`
    decisions  every line again, out of the candles and the plan: the first that differs, if any

        assert safla.replay("logs/btc-0123abcd").holds
    """

    chain: Tail
    books: Books
    decisions: Decisions

    @property
    def holds(self) -> bool:
        """Whether books and decisions came out as they are written. A broken chain is a JournalError, no verdict."""
        return self.books.differing == 0 and self.decisions.difference is None

    def __bool__(self) -> bool:
        return self.holds
