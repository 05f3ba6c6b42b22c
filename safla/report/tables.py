"""The summary as lines of a terminal: tables of labels, keys of summary.json and formats."""

from collections.abc import Iterator
from typing import NamedTuple

from safla.report import formats as f
from safla.report.formats import Format, SummaryDict

UNDEFINED = "-"
WIDTH = 23  # of the labels, with the space after them
BETWEEN = ""  # an empty line, from the next group on


class Figure(NamedTuple):
    """One value of a line. Its label resembles its key, so that a reader finds the name for --fail-on."""

    label: str  # before the value; "": only the line has a label
    key: str  # of summary.json
    format: Format


class TableRow(NamedTuple):
    """One line: a label, the first figure and the others in parentheses; in a row if the first has its own label."""

    label: str
    figures: tuple[Figure, ...]
    each: bool = False  # a line for each item of a list, and none where it is empty
    unless: str = ""  # no line where the value of this key is null, 0 or empty; "": always a line


def _line(label: str, *figures: tuple[str, str, Format], each: bool = False, unless: str = "") -> TableRow:
    return TableRow(label, tuple(Figure(*figure) for figure in figures), each, unless)


FIRST = (  # what a reader must know before any figure
    _line("HALTED", ("", "open_halts", f.halt_text), each=True),
    _line("source", ("", "source", f.text), unless="source"),
    _line("limits off", ("", "limits_off", f.limits), unless="limits_off"),
    _line("run", ("", "name", f.named)),
    _line("candles", ("", "candles", f.candles)),
    _line("entry size", ("", "entry_size", f.text)),
)
GROWTH = (
    _line("net profit", ("", "net_profit", f.money)),
    _line("total return", ("", "total_return", f.percent)),
    _line("final equity", ("", "final_equity", f.money)),
    _line("CAGR", ("", "cagr", f.percent)),
    _line(
        "buy and hold return",
        ("", "buy_and_hold_return", f.percent),
        ("alpha", "alpha", f.percent),
        ("beta", "beta", f.number),
    ),
)
RISK = (
    _line("max drawdown", ("", "max_drawdown", f.percent), ("intrabar drawdown", "intrabar_drawdown", f.percent)),
    _line("max drawdown time", ("", "max_drawdown_hours", f.drawdown_hours)),
    _line("time under water", ("", "under_water_share", f.percent), ("longest", "longest_under_water_hours", f.hours)),
    _line("volatility", ("", "volatility", f.percent)),
    _line("Sharpe", ("", "sharpe", f.number), ("Sortino", "sortino", f.number), ("Calmar", "calmar", f.number)),
    _line("p-value", ("", "p_value", f.number), ("t-statistic", "t_statistic", f.number)),
    _line("VaR 95 %", ("", "var_95", f.percent), ("CVaR 95 %", "cvar_95", f.percent)),
)
TRADES = (
    _line("trades", ("", "trades", f.count), ("wins", "wins", f.count), ("losses", "losses", f.count)),
    _line("win rate", ("", "win_rate", f.percent)),
    _line("profit factor", ("", "profit_factor", f.number), ("payoff", "payoff", f.number)),
    _line(
        "expectancy",
        ("", "expectancy", f.money),
        ("", "expectancy_pct", f.percent),
        ("", "expectancy_r", f.multiple),
    ),
    _line("best trade", ("", "best_trade", f.money), ("worst trade", "worst_trade", f.money)),
    _line("holding time", ("median", "median_holding_hours", f.hours), ("longest", "longest_holding_hours", f.hours)),
    _line("max consecutive", ("wins", "max_consecutive_wins", f.count), ("losses", "max_consecutive_losses", f.count)),
    _line(
        "exposure time",
        ("", "exposure_time", f.percent),
        ("average exposure", "average_exposure", f.percent),
        ("largest exposure", "largest_exposure", f.percent),
    ),
)
COSTS = (
    _line("commission paid", ("", "commission_paid", f.money), ("", "commission_share", f.of_gross)),
    _line("slippage paid", ("", "slippage_paid", f.money), ("", "slippage_share", f.of_gross)),
    _line("break-even cost", ("", "break_even_cost_bps", f.bps)),
    _line("open position", ("", "open_positions", f.position), each=True),
)
ACTIVITY = (
    _line("ambiguous exits", ("", "ambiguous_exits", f.count)),
    _line(
        "return if stops",
        ("", "return_if_stops", f.percent),
        ("return if targets", "return_if_targets", f.percent),
        unless="ambiguous_exits",
    ),
    _line("halts", ("", "halts", f.count), ("halted", "halted_share", f.of_candles)),
    _line("warming", ("", "warming_share", f.of_candles)),
    _line("rejected entries", ("", "rejected_entries", f.reasons)),
    _line("rejected exits", ("", "rejected_exits", f.reasons)),
    _line("standing entries", ("", "standing_entries", f.count), unless="standing_entries"),
    _line("standing exits", ("", "standing_exits", f.count), unless="standing_exits"),
)
QUALITY = (
    _line(
        "gaps",
        ("", "gaps", f.count),
        ("missing candles", "missing_candles", f.count),
        ("fills beside gaps", "fills_beside_gaps", f.count),
    ),
    _line(
        "uncovered candles",
        ("", "uncovered_candles", f.count),
        ("coverage", "coverage", f.percent),
        unless="uncovered_candles",
    ),
    _line("price jumps", ("", "price_jumps", f.count), unless="price_jumps"),
    _line("bad rows", ("", "bad_rows", f.count), unless="bad_rows"),
    _line("rows without trade", ("", "rows_without_trade", f.count), unless="rows_without_trade"),
    _line("incomplete candles", ("", "incomplete_candles", f.count), unless="incomplete_candles"),
    _line("candles without volume", ("", "candles_without_volume", f.count)),
)
GROUPS = (FIRST, GROWTH, RISK, TRADES, COSTS, ACTIVITY, QUALITY)

COMPARED = "limits_off trades net_profit max_drawdown win_rate profit_factor commission_paid".split()
SHORT = "net_profit total_return max_drawdown sharpe win_rate profit_factor trades commission_paid".split()


def summary_lines(summary: SummaryDict) -> list[str]:
    """The table after a run: open halts and switched off limits come first, an empty line between the groups."""
    lines: list[str] = []
    for group in GROUPS:
        shown = [f"{label:<{WIDTH}}{value}" for line in group for label, value in _rows(line, summary)]
        lines += [BETWEEN] * bool(lines and shown) + shown
    return lines


def figure_of(key: str, summary: SummaryDict) -> tuple[str, str]:
    """Label and value of the line that begins with a key, as in the table; an undefined one with its reason."""
    line = LINES[key]
    return line.label, _whole(line.figures[0], summary)


def beside_lines(before: SummaryDict, after: SummaryDict, *, changed: str) -> list[str]:
    """A table that compares two runs: trades, net profit, drawdown and others; limits where any is switched off."""
    keys = [key for key in COMPARED if LINES[key].unless != key or before[key] or after[key]]
    rows = [("", "before", changed)]
    for key in keys:
        was, would_be = (figure_of(key, summary)[1] or "none" for summary in (before, after))
        rows.append((LINES[key].label, was, would_be))
    rows.append(("open halts", _open_halts(before), _open_halts(after)))
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(2)]
    return [f"{label:<{widths[0]}}{left:<{widths[1]}}{right}".rstrip() for label, left, right in rows]


def _open_halts(summary: SummaryDict) -> str:
    return ", ".join(f"{halt['rule']} since {halt['since']}" for halt in summary["open_halts"]) or "none"


def _rows(line: TableRow, summary: SummaryDict) -> Iterator[tuple[str, str]]:
    first = line.figures[0]
    if line.each:
        yield from ((line.label, first.format(item, summary)) for item in summary[first.key])
    elif not line.unless or summary[line.unless]:
        yield line.label, _values(line, summary)


def _values(line: TableRow, summary: SummaryDict) -> str:
    """The figures of a line; only the reason where the first one is undefined."""
    first, *others = line.figures
    whole = _whole(first, summary)
    if summary[first.key] is None:
        return whole
    rest = ", ".join(_labelled(figure, summary) for figure in others)
    if first.label:
        return f"{first.label} {whole}, {rest}"
    return f"{whole} ({rest})" if rest else whole


def _whole(figure: Figure, summary: SummaryDict) -> str:
    """A value, or the reason why it is undefined."""
    value = summary[figure.key]
    return f"{UNDEFINED} ({summary['undefined'][figure.key]})" if value is None else figure.format(value, summary)


def _labelled(figure: Figure, summary: SummaryDict) -> str:
    value = summary[figure.key]
    return f"{figure.label} {UNDEFINED if value is None else figure.format(value, summary)}".strip()


LINES = {line.figures[0].key: line for group in GROUPS for line in group}
LABELS = [  # every label of the table with its key
    (label, figure.key)
    for line in LINES.values()
    for figure in line.figures
    for label in dict.fromkeys(filter(None, (f"{line.label} {figure.label}".strip(), figure.label)))
]
