"""What run and replay return: values, and frames that are made on first use. Nothing is run here."""

from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from safla.api import frames
from safla.journal.audit import Books
from safla.journal.files import JOURNAL
from safla.journal.reader import Tail
from safla.report.tables import SHORT, figure_of
from safla.report.trades import fills_of, trades_of
from safla.runs.replay import Decisions
from safla.runs.result import RunResult
from safla.text import counted, printable

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Simulation:
    """A backtest that reached its last candle. Its frames are made when they are first used.

    summary  the content of summary.json: figures as numbers, None where undefined, the reason in "undefined"
    notes    what the command would print on stderr: warnings, and what recovery has repaired
    """

    summary: dict[str, Any]
    notes: tuple[str, ...]
    _outcome: RunResult

    @cached_property
    def trades(self) -> "pl.DataFrame":
        """One row for each closed trade: times, quantity, prices, profit, reason of the exit.

        symbol, trade, opened, closed, duration_seconds, quantity, entry, exit, gross, fees, net, reason, ambiguous,
        net_pct, r, mae, mfe. Prices, quantities and money are exact decimals (pl.Decimal), times UTC
        (pl.Datetime("ms", "UTC")), duration_seconds an integer: all of it can be written as CSV. `closed` is the open
        time of the candle in which the trade was closed. net_pct is net over the entry's notional, r net over the
        amount at risk with the first stop (null without a stop), mae and mfe how far prices went against the trade and
        for it, over the entry price: ratios (float64).

            result.trades.group_by("reason").agg(pl.col("net").sum())
            result.trades.write_csv("trades.csv")
        """
        outcome = self._outcome
        return frames.measured(frames.trades(outcome), trades_of(outcome, fills_of(outcome)))

    @cached_property
    def equity(self) -> "pl.DataFrame":
        """One row for each timestamp after the lookback: ts (open time of the candle), equity at its close, drawdown.

        Equity is an exact decimal in the quote currency, drawdown the fall from the highest equity so far as a positive
        ratio (float64).
        """
        outcome, run = self._outcome, self._outcome.run
        begin = int(np.searchsorted(outcome.ts, run.plan.rules.start_ts))  # nothing is traded in the lookback (S16)
        return frames.equity(outcome.ts[begin:], outcome.equity[begin:], balance=run.balance, places=run.money_decimals)

    def __repr__(self) -> str:
        summary = self.summary
        figures = ", ".join(" ".join(figure_of(key, summary)) for key in SHORT if summary[key] is not None)
        limits = f"; {figure_of('limits_off', summary)[1]}" if summary["limits_off"] else ""
        rules = " ".join(halt["rule"] for halt in summary["open_halts"])
        halts = f"; halted by {rules}" if rules else ""
        text = (
            f"<safla.{type(self).__name__} {summary['name']}: {' '.join(summary['symbols'])} {summary['timeframe']}, "
            f"{summary['start']} to {summary['end']}: {figures}{limits}{halts}; {self._written()}>"
        )
        return printable(text)

    def _repr_html_(self) -> str:
        summary = self.summary
        period = f"{summary['start']} to {summary['end']}"
        head = f"{summary['name']}: {' '.join(summary['symbols'])} {summary['timeframe']}, {period}"
        rules = " ".join(halt["rule"] for halt in summary["open_halts"])
        halts = [("halted by", rules)] if rules else []
        first = [figure_of(key, summary) for key in ("source", "limits_off") if summary[key]]
        rows = [*first, *(figure_of(key, summary) for key in SHORT), *halts, *self._places()]
        cells = "".join(f"<tr><th>{_html(label)}</th><td>{_html(value)}</td></tr>" for label, value in rows)
        return f"<table><caption>{_html(head)}</caption>{cells}</table>"

    def _written(self) -> str:
        return "nothing was written"

    def _places(self) -> list[tuple[str, str]]:
        return []


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result(Simulation):
    """A run that reached its last candle, with its journal.

    folder        the run folder
    same_journal  the journal existed already, and this run gave the same bytes
    lines         the number of lines of the journal
    last_hash     the hash of its last line, which identifies the run
    """

    folder: Path
    same_journal: bool
    lines: int
    last_hash: str

    @property
    def journal(self) -> Path:
        """The journal file, one JSON object a line."""
        return self.folder / JOURNAL

    @cached_property
    def events(self) -> "pl.DataFrame":
        """One row for each event: n, ts, type, symbol (null for the account), and the event as the JSON of its line.

        `events_of` has the fields of one type as columns. JournalError where the journal is missing or damaged.

            result.events.filter(pl.col("type") == "order_rejected")
        """
        return frames.events(self.journal)

    def events_of(self, kind: str) -> "pl.DataFrame":
        """The events of one type, such as "filled" or "order_rejected": n, and each of its fields as a column.

        Amounts are exact decimals; a field with parts of its own (`marks`, `symbols`, `plan`) is JSON. UsageError for
        an unknown type, JournalError where the journal is missing or damaged.
        """
        return frames.events_of(self.journal, kind)

    def _written(self) -> str:
        return f"journal {self.journal}, {counted(self.lines, 'line')}"

    def _places(self) -> list[tuple[str, str]]:
        return [("run folder", str(self.folder))]


def _html(text: str) -> str:
    return escape(printable(text), quote=True)


class Verdict(NamedTuple):
    """The result of a replay; it is true where nothing differs.

    chain      the journal's lines, the hash of the last, and how many bytes of a torn line come after them
    books      cash, positions, orders and halts, computed only from the events, and where they differ
    decisions  every line again, computed from the candles and the plan: the first that differs, if any

        assert safla.replay("logs/btc-0123abcd").holds
    """

    chain: Tail
    books: Books
    decisions: Decisions

    @property
    def holds(self) -> bool:
        """Whether books and decisions are as the journal says. A broken chain raises JournalError instead."""
        return self.books.differing == 0 and self.decisions.difference is None

    def __bool__(self) -> bool:
        return self.holds
