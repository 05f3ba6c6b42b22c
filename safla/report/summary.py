"""What a run came to, as one mapping: the content of summary.json. Figures are those of core/metrics.py."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from safla.core import metrics
from safla.core import values as v
from safla.core.candles import iso
from safla.core.values import Int64
from safla.data.checks import holes
from safla.journal.files import replace
from safla.runtime.outcome import Outcome

# The figures of a summary that are one number or null: what a condition may name.
METRICS = (
    "initial_balance", "final_equity", "net_profit", "total_return", "max_drawdown", "sharpe", "win_rate",
    "profit_factor", "trades", "wins", "losses", "commission_paid", "halts", "ambiguous_exits", "candles", "holes",
    "missing_candles", "candles_without_volume",
)  # fmt: skip


def summarise(outcome: Outcome, *, risk_free_rate: float) -> dict[str, Any]:
    """The summary: numbers with 12 significant digits; null where undefined, with the reason under `undefined`."""
    run = outcome.run
    begin = int(np.searchsorted(outcome.ts, run.plan.rules.start_ts))  # the lookback is only looked at (S16)
    ts, equity = outcome.ts[begin:], outcome.equity[begin:]
    step = run.plan.rules.step_ms
    net = _field(outcome.rows, v.TRADE_CLOSED, "net")
    returns = metrics.daily_returns(ts, equity, run.balance, step)
    figures = {
        "total_return": metrics.total_return(equity, run.balance),
        "max_drawdown": metrics.max_drawdown(equity, run.balance),
        "sharpe": metrics.sharpe(returns, risk_free_rate),
        "win_rate": metrics.win_rate(net),
        "profit_factor": metrics.profit_factor(net),
    }
    return {
        "name": run.name,
        "symbols": list(run.symbols),
        "timeframe": run.timeframe,
        "start": iso(int(ts[0])) if len(ts) else None,
        "end": iso(int(ts[-1]) + step) if len(ts) else None,
        "quote": run.quote,
        "open_halts": _open_halts(outcome),
        **_money(outcome),
        **{key: None if one.value is None else metrics.significant(one.value) for key, one in figures.items()},
        "trades": len(net),
        "wins": int(np.count_nonzero(net > 0)),
        "losses": int(np.count_nonzero(net < 0)),
        "open_positions": _open_positions(outcome),
        **_activity(outcome),
        **_quality(outcome),
        "risk_free_rate": risk_free_rate,
        "undefined": {key: one.reason for key, one in figures.items() if one.value is None},
    }


def write(path: Path, summary: dict[str, Any]) -> None:
    """Write summary.json as a whole (Z8)."""
    replace(path, (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode("ascii"))


def _money(outcome: Outcome) -> dict[str, float]:
    run, account = outcome.run, outcome.state.account
    amounts = {
        "initial_balance": run.balance,
        "final_equity": int(account[v.EQUITY]),
        "net_profit": int(account[v.EQUITY]) - run.balance,
        "commission_paid": int(account[v.FEES]),
    }
    return {key: metrics.significant(units / 10.0**run.money_decimals) for key, units in amounts.items()}


def _activity(outcome: Outcome) -> dict[str, Any]:
    """What the risk rules did, and which exits a candle leaves open to doubt (S12)."""
    refused = outcome.rows[outcome.rows[:, 0] == v.ORDER_REFUSED]
    return {
        "halts": int(outcome.state.account[v.HALTS]),
        "refused_entries": _reasons(refused[refused[:, 4] == v.BUY]),
        "refused_leaves": _reasons(refused[refused[:, 4] == v.SELL]),
        "ambiguous_exits": int(np.count_nonzero(_field(outcome.rows, v.FILLED, "other"))),
    }


def _quality(outcome: Outcome) -> dict[str, int]:
    """How sound the candles are, all symbols together, the lookback included."""
    gaps = [holes(one.columns.ts, outcome.run.plan.rules.step_ms) for one in outcome.series]
    return {
        "candles": sum(len(one.columns.ts) for one in outcome.series),
        "holes": sum(gap.number for gap in gaps),
        "missing_candles": sum(gap.missing for gap in gaps),
        "candles_without_volume": sum(int(np.count_nonzero(one.columns.volume == 0)) for one in outcome.series),
    }


def _field(rows: Int64, kind: int, field: str) -> Int64:
    """One number of all rows of a kind."""
    column: Int64 = rows[rows[:, 0] == kind, 3 + v.ROW_FIELDS[kind].index(field)]
    return column


def _reasons(refused: Int64) -> dict[str, int]:
    counts = Counter(v.REASONS[code] for code in refused[:, 5].tolist())
    return {str(reason): counts[reason] for reason in sorted(counts, key=lambda reason: (-counts[reason], str(reason)))}


def _open_halts(outcome: Outcome) -> list[dict[str, Any]]:
    opened = {int(row[3]): row for row in outcome.rows[outcome.rows[:, 0] == v.HALTED_ROW]}
    still = [(int(outcome.state.account[v.HALT_OF_RULE + rule]), name) for rule, name in enumerate(v.HALT_RULES)]
    return [
        {"halt": number, "rule": name, "since": iso(int(opened[number][1]))}
        for number, name in sorted(still)
        if number > 0
    ]


def _open_positions(outcome: Outcome) -> list[dict[str, Any]]:
    """Open at the end, valued at the last close, with what selling there would cost in commission (S19)."""
    run = outcome.run
    unit = 10.0**run.money_decimals
    positions = []
    for symbol, scale, row, market in zip(run.symbols, run.scales, outcome.state.book, run.plan.markets, strict=True):
        quantity, close = int(row[v.QUANTITY]), int(row[v.CLOSE])
        if quantity == 0:
            continue
        notional = quantity * close * int(market[2])
        cost = quantity * int(row[v.ENTRY]) * int(market[2])
        fee = -(-notional * run.plan.rules.commission_ppm // 1_000_000)
        positions.append(
            {
                "symbol": symbol,
                "quantity": quantity / 10.0**scale.quantity_decimals,
                "value": metrics.significant(notional / unit),
                "profit": metrics.significant((notional - cost - int(row[v.ENTRY_FEE])) / unit),
                "closing_commission": metrics.significant(fee / unit),
            }
        )
    return positions
