"""The summary as a person reads it on a terminal: labels, percent signs, order of importance. It computes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

NOTHING = "-"


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """The table behind a run, a line each: open halts first, then what it came to, then what was refused and why."""
    rows = list(_rows(summary))
    width = max(len(label) for label, _ in rows) + 2
    return [f"{label:<{width}}{value}" for label, value in rows]


def beside_lines(before: dict[str, Any], after: dict[str, Any], *, changed: str) -> list[str]:
    """Two runs side by side: trades, net profit, drawdown and what follows from them."""
    rows = [("", "as it was", changed)]
    rows += [(label, told(before), told(after)) for label, told in BESIDE]
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(2)]
    return [f"{label:<{widths[0]}}{one:<{widths[1]}}{other}".rstrip() for label, one, other in rows]


def _rows(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for halt in summary["open_halts"]:
        yield "HALTED", f"{halt['rule']} since {halt['since']}: no entries behind it"
    yield "run", f"{summary['name']}: {' '.join(summary['symbols'])} {summary['timeframe']}"
    yield "candles", f"{summary['candles']:,}, {summary['start']} to {summary['end']}"
    yield "net profit", f"{_money(summary, 'net_profit')} (return {_percent(summary, 'total_return')})"
    yield "final equity", _money(summary, "final_equity")
    yield "max drawdown", _percent(summary, "max_drawdown")
    yield "Sharpe", _number(summary, "sharpe")
    yield "trades", f"{summary['trades']} ({summary['wins']} won, {summary['losses']} lost)"
    yield "win rate", _percent(summary, "win_rate")
    yield "profit factor", _number(summary, "profit_factor")
    yield "commission paid", _money(summary, "commission_paid")
    for position in summary["open_positions"]:
        held = f"{position['quantity']:g} {position['symbol']}, profit so far {position['profit']:,.2f}"
        yield "still open", f"{held}; closing it would cost {position['closing_commission']:,.2f} in commission"
    yield "ambiguous exits", str(summary["ambiguous_exits"])
    yield "halts", str(summary["halts"])
    yield "refused entries", _counts(summary["refused_entries"])
    yield "refused leaves", _counts(summary["refused_leaves"])
    yield "holes", f"{summary['holes']} ({summary['missing_candles']} candles missing)"
    yield "without volume", f"{summary['candles_without_volume']} candles"


def _money(summary: dict[str, Any], key: str) -> str:
    return f"{summary[key]:,.2f} {summary['quote']}"


def _percent(summary: dict[str, Any], key: str) -> str:
    value = summary[key]
    return f"{value:.2%}" if value is not None else f"{NOTHING} ({summary['undefined'][key]})"


def _number(summary: dict[str, Any], key: str) -> str:
    value = summary[key]
    return f"{value:.3f}" if value is not None else f"{NOTHING} ({summary['undefined'][key]})"


def _counts(counts: dict[str, int]) -> str:
    if not counts:
        return "none"
    return f"{sum(counts.values())}: " + ", ".join(f"{reason} {count}" for reason, count in counts.items())


BESIDE: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("trades", lambda summary: str(summary["trades"])),
    ("net profit", lambda summary: _money(summary, "net_profit")),
    ("max drawdown", lambda summary: _percent(summary, "max_drawdown")),
    ("win rate", lambda summary: _percent(summary, "win_rate")),
    ("profit factor", lambda summary: _number(summary, "profit_factor")),
    ("commission paid", lambda summary: _money(summary, "commission_paid")),
)
