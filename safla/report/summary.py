"""The summary of a run as one mapping: the content of summary.json. The formulas are those of metrics."""

import json
from pathlib import Path
from typing import Any

import msgspec

from safla.core import values as v
from safla.core.candles import iso
from safla.core.values import DAY_MS
from safla.errors import HostError
from safla.fs import read_own
from safla.journal.files import journal_of, replace
from safla.metrics.metric import Metric, significant
from safla.report import breakdown, coverage
from safla.report.figures import METRICS, Drawdown, Modes, Summary
from safla.report.measures import fall_times, measures
from safla.report.window import Window
from safla.runs.folder import SUMMARY
from safla.runs.result import RunResult

MOST_BYTES = 2**22  # of a summary.json

__all__ = ["METRICS", "read_summary", "summarise", "summary_of", "write_summary"]


def summarise(outcome: RunResult, *, risk_free_rate: float, source: str | None = None) -> dict[str, Any]:
    """The content of summary.json: numbers have 12 significant digits, null is undefined (figures.Summary)."""
    summary = summary_of(outcome, risk_free_rate=risk_free_rate, source=source)
    values: dict[str, Any] = msgspec.to_builtins(summary)
    return values


def summary_of(outcome: RunResult, *, risk_free_rate: float, source: str | None = None) -> Summary:
    """Every figure of a run; `undefined` has the reason of each that is null.

    risk_free_rate  a year
    source          where the candles are from (data.origin.origin); None where only the journal is known
    """
    window = Window(outcome)
    modes = breakdown.candles_in_mode(window)
    quality = breakdown.quality(outcome)
    figures = measures(window, risk_free_rate=risk_free_rate)
    covered = coverage.of_symbols(window)
    figures |= {f"{mode}_share": _share_in_mode(modes, mode) for mode in ("halted", "warming")}
    figures |= {"missing_share": _missing(quality), "entry_budget": breakdown.entry_budget(outcome.run)}
    figures |= {"coverage": Metric(min(symbol.coverage or 0.0 for symbol in covered))}
    return msgspec.convert(
        {
            **_identity(window),
            **{name: None if one.value is None else significant(one.value) for name, one in figures.items()},
            **breakdown.trade_counts(window),
            **quality,
            "source": source,
            "entry_size": breakdown.entry_size(outcome.run),
            "limits_off": breakdown.limits_off(outcome.run.plan.rules),
            **coverage.counts(covered),
            "symbol_coverage": covered,
            "risk_free_rate": risk_free_rate,
            "drawdown": Drawdown(**dict(zip(("start", "trough", "end"), map(_time, fall_times(window)), strict=True))),
            "open_positions": breakdown.open_positions(outcome),
            "halts": int(outcome.state.account[v.HALTS]),
            "rejected_entries": breakdown.rejections(window, v.BUY),
            "rejected_exits": breakdown.rejections(window, v.SELL),
            "standing_entries": breakdown.standing(outcome, v.STOOD_ENTERS),
            "standing_exits": breakdown.standing(outcome, v.STOOD_EXITS),
            "candles_in_mode": modes,
            "fills_beside_gaps": breakdown.fills_beside_gaps(window),
            "exit_reasons": breakdown.by_exit_reason(window),
            "weekdays": breakdown.by_weekday(window),
            "hours": breakdown.by_hour(window),
            "years": breakdown.by_year(window),
            "undefined": {name: figures[name].reason for name in METRICS if name in figures and figures[name].reason},
        },
        Summary,
    )


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write summary.json, the whole file or nothing (Z8)."""
    replace(path, (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode("ascii"))


def read_summary(run: Path) -> dict[str, Any] | None:
    """What the summary.json of a run folder says; None where there is none of this version of safla."""
    try:
        content = read_own(journal_of(run).with_name(SUMMARY), most=MOST_BYTES)
        summary = msgspec.json.decode(content or b"", type=Summary)
    except (HostError, ValueError, msgspec.MsgspecError):
        return None
    values: dict[str, Any] = msgspec.to_builtins(summary)
    return values


def _identity(window: Window) -> dict[str, Any]:
    """What was run, its period, and its open halts."""
    run, first = window.outcome.run, int(window.ts[0])
    halts = breakdown.open_halts(window.outcome)
    return {
        "name": run.name,
        "symbols": list(run.symbols),
        "timeframe": run.timeframe,
        "start": iso(first),
        "end": iso(first + window.ms),
        "quote": run.quote,
        "days": significant(window.ms / DAY_MS),
        "daily_returns": len(window.returns),
        "open_halts": halts,
        "halted_since": halts[0].since if halts else None,
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)


def _share_in_mode(modes: list[Modes], mode: str) -> Metric:
    """The share of the candles that ended in a mode, all symbols together."""
    whole = sum(row.warming + row.flat + row.long + row.halted for row in modes)
    return Metric(sum(getattr(row, mode) for row in modes) / whole)


def _missing(quality: dict[str, int]) -> Metric:
    return Metric(quality["missing_candles"] / (quality["missing_candles"] + quality["candles"]))
