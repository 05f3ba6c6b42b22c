"""The summary as a person reads it on a terminal: labels, percent signs, order of importance. It computes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

NOTHING = "-"
WIDTH = 17  # of the labels, with the space behind them

Told = dict[str, Any]
Row = tuple[str, str]


def summary_lines(summary: Told) -> list[str]:
    """The table behind a run, a line each: open halts first, then groups with an empty line between them."""
    lines = [f"{label:<{WIDTH}}{value}" for label, value in _halts(summary)]
    for place, group in enumerate((_run, _growth, _risk, _trades, _costs, _activity, _quality)):
        lines += [""] * (place > 0) + [f"{label:<{WIDTH}}{value}" for label, value in group(summary)]
    return lines


def beside_lines(before: Told, after: Told, *, changed: str) -> list[str]:
    """Two runs side by side: trades, net profit, drawdown and what follows from them."""
    rows = [("", "as it was", changed)]
    rows += [(label, told(before), told(after)) for label, told in BESIDE]
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(2)]
    return [f"{label:<{widths[0]}}{one:<{widths[1]}}{other}".rstrip() for label, one, other in rows]


def _halts(summary: Told) -> Iterator[Row]:
    for halt in summary["open_halts"]:
        yield "HALTED", f"{halt['rule']} since {halt['since']}: no entries behind it"


def _run(summary: Told) -> Iterator[Row]:
    yield "run", f"{summary['name']}: {' '.join(summary['symbols'])} {summary['timeframe']}"
    yield "candles", f"{summary['candles']:,}, {summary['start']} to {summary['end']}"


def _growth(summary: Told) -> Iterator[Row]:
    held = f" (alpha {_short(summary, 'alpha', '.2%')}, beta {_short(summary, 'beta')})"
    yield "net profit", f"{_money(summary, 'net_profit')} (return {_percent(summary, 'total_return')})"
    yield "final equity", _money(summary, "final_equity")
    yield "return a year", _percent(summary, "cagr")
    yield "buy and hold", _percent(summary, "buy_and_hold_return", then=held)


def _risk(summary: Told) -> Iterator[Row]:
    fall, hours = summary["drawdown"], _short(summary, "max_drawdown_hours", ",.0f")
    inside = f" (inside candles {_short(summary, 'max_drawdown_inside', '.2%')})"
    lasted = f"{hours} hours since {fall['start']}, {'until ' + fall['end'] if fall['end'] else 'not over'}"
    others = f" (Sortino {_short(summary, 'sortino')}, Calmar {_short(summary, 'calmar')})"
    tail = f" at 95 % (mean of what is worse {_short(summary, 'cvar_95', '.2%')})"
    yield "max drawdown", _percent(summary, "max_drawdown", then=inside)
    yield "under water", _percent(summary, "under_water_share") + (f", deepest {lasted}" if fall["start"] else "")
    yield "volatility", _percent(summary, "volatility")
    yield "Sharpe", _number(summary, "sharpe", then=others)
    yield "p of chance", _number(summary, "p_value", then=f" (t {_short(summary, 't_statistic')})")
    yield "loss of a day", _percent(summary, "var_95", then=tail)


def _trades(summary: Told) -> Iterator[Row]:
    payoff = f" (payoff {_short(summary, 'payoff')})"
    each = f" ({_short(summary, 'expectancy_pct', '.2%')}, {_short(summary, 'expectancy_r', '.2f')} R)"
    extremes = f", {_short(summary, 'worst_trade', ',.2f')} {summary['quote']}"
    longest = f" in the middle, {_short(summary, 'longest_trade_hours', ',.1f')} at most"
    average, largest = (_short(summary, f"{which}_exposure", ".2%") for which in ("average", "largest"))
    yield "trades", f"{summary['trades']} ({summary['wins']} won, {summary['losses']} lost)"
    yield "win rate", _percent(summary, "win_rate")
    yield "profit factor", _number(summary, "profit_factor", then=payoff)
    yield "expectancy", _figure(summary, "expectancy", ",.2f", then=f" {summary['quote']}{each}")
    yield "best, worst", _figure(summary, "best_trade", ",.2f", then=extremes)
    yield "hours held", _figure(summary, "median_trade_hours", ",.1f", then=longest)
    yield "in a row", f"{summary['longest_win_streak']} won, {summary['longest_loss_streak']} lost"
    yield "exposure", f"{_percent(summary, 'exposure_time')} of the time; of equity {average}, {largest} at most"


def _costs(summary: Told) -> Iterator[Row]:
    for label, key in (("commission paid", "commission"), ("slippage paid", "slippage")):
        share = _percent(summary, f"{key}_share", then=" of the gross profit")
        yield label, f"{_money(summary, f'{key}_paid')}, {share}"
    yield "break-even", _figure(summary, "break_even_cost_bps", ".2f", then=" bps more on every fill")
    for position in summary["open_positions"]:
        held = f"{position['quantity']:g} {position['symbol']}, profit so far {position['profit']:,.2f}"
        closing = (
            f"{position['closing_commission']:,.2f} in commission, {position['closing_slippage']:,.2f} in slippage"
        )
        yield "still open", f"{held}; closing it would cost {closing}"


def _activity(summary: Told) -> Iterator[Row]:
    stops, targets = (_percent(summary, f"return_if_{which}") for which in ("stops", "targets"))
    doubt = f" (return {stops} if the stops came first, {targets} if the targets did)"
    yield "ambiguous exits", f"{summary['ambiguous_exits']}{doubt if summary['ambiguous_exits'] else ''}"
    yield "halts", f"{summary['halts']} ({_percent(summary, 'halted_share')} of the candles)"
    yield "refused entries", _counts(summary["refused_entries"])
    yield "refused leaves", _counts(summary["refused_leaves"])


def _quality(summary: Told) -> Iterator[Row]:
    missing = f"{summary['missing_candles']} candles missing, {summary['fills_beside_holes']} fills beside them"
    yield "holes", f"{summary['holes']} ({missing})"
    yield from _coverage(summary)
    yield "without volume", f"{summary['candles_without_volume']} candles"


def _coverage(summary: Told) -> Iterator[Row]:
    """What is not there of the time that was asked for, and what was left out; nothing where all is there."""
    if summary["coverage"] is not None and summary["coverage"] < 1:
        ends = f" ({summary['uncovered_candles']:,} candles missing at its ends)" * (summary["uncovered_candles"] > 0)
        yield "coverage", f"{summary['coverage']:.2%} of the time asked for{ends}"
    if summary["price_jumps"]:
        places = [jump["after"] for one in summary["symbol_coverage"] for jump in one["price_jumps"]]
        yield "price jumps", f"{summary['price_jumps']}, the first at {places[0]}"
    for label, key in LEFT_OUT:
        if summary[key]:
            yield label, f"{summary[key]:,} left out"


def _money(summary: Told, key: str) -> str:
    return f"{summary[key]:,.2f} {summary['quote']}"


def _percent(summary: Told, key: str, *, then: str = "") -> str:
    return _figure(summary, key, ".2%", then=then)


def _number(summary: Told, key: str, *, then: str = "") -> str:
    return _figure(summary, key, ".3f", then=then)


def _figure(summary: Told, key: str, form: str, *, then: str = "") -> str:
    """A figure and what stands behind it, or the reason why there is none."""
    value = summary[key]
    return f"{value:{form}}{then}" if value is not None else f"{NOTHING} ({summary['undefined'][key]})"


def _short(summary: Told, key: str, form: str = ".3f") -> str:
    """A figure, or a sign that there is none."""
    value = summary[key]
    return f"{value:{form}}" if value is not None else NOTHING


def _counts(counts: dict[str, int]) -> str:
    if not counts:
        return "none"
    return f"{sum(counts.values())}: " + ", ".join(f"{reason} {count}" for reason, count in counts.items())


LEFT_OUT = (("bad rows", "bad_rows"), ("no trade", "rows_without_trade"), ("incomplete", "incomplete_candles"))

BESIDE: tuple[tuple[str, Callable[[Told], str]], ...] = (
    ("trades", lambda summary: str(summary["trades"])),
    ("net profit", lambda summary: _money(summary, "net_profit")),
    ("max drawdown", lambda summary: _percent(summary, "max_drawdown")),
    ("win rate", lambda summary: _percent(summary, "win_rate")),
    ("profit factor", lambda summary: _number(summary, "profit_factor")),
    ("commission paid", lambda summary: _money(summary, "commission_paid")),
)
