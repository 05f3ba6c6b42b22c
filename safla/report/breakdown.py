"""The counts, lists and groups of a summary: activity, data quality, trades by group. No ratio is computed here."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from safla.candles.validation import count_gaps
from safla.config.plan import RunPlan
from safla.config.size_text import size_text
from safla.core import values as v
from safla.core.account import market_of
from safla.core.candles import iso
from safla.core.fills import fee, sold_at
from safla.core.machine import MODES, STOP
from safla.core.scale import share_down
from safla.core.values import Int64, Rules
from safla.metrics import activity, growth, trades
from safla.metrics.metric import Metric, significant
from safla.report.figures import Group, HaltNotLifted, Modes, OpenPosition, Year
from safla.report.window import Window
from safla.runs.result import RunResult

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday
HOUR_MS = 3_600_000


def limits_off(rules: Rules) -> list[str]:
    """The loss limits that are switched off (null) although they have a default, in the order of the configuration."""
    limits = {
        "stop_loss": rules.stop_loss_ppm > 0 or rules.stop_distance == 1,
        "daily_loss": rules.max_daily_loss_ppm > 0,
        "drawdown": rules.max_drawdown_ppm > 0,
    }
    return [name for name, is_set in limits.items() if not is_set]


def entry_budget(run: RunPlan) -> Metric:
    """The most that an entry spends, commission included: at full confidence and with no other limit met (S23)."""
    rules = run.plan.rules
    if rules.max_position == 0:
        return Metric(None, "strategy.max_position_size_usd is null")
    units = share_down(share_down(rules.max_position, rules.position_size_ppm), rules.confidence_cap_ppm)
    return Metric(units / 10.0**run.money_decimals)


def entry_size(run: RunPlan) -> str:
    """How an entry is sized, in words."""
    rules, budget = run.plan.rules, entry_budget(run).value
    return size_text(
        "" if budget is None else f"{budget:,.2f} {run.quote}",
        equity_share_ppm=rules.equity_share_ppm,
        risk_ppm=rules.risk_ppm,
        cap_ppm=rules.confidence_cap_ppm,
    )


def trade_counts(window: Window) -> dict[str, int]:
    """Trades, wins, losses, the longest streaks of both, and ambiguous exits."""
    net = window.trades.net
    return {
        "trades": len(net),
        "wins": int(np.count_nonzero(net > 0)),
        "losses": int(np.count_nonzero(net < 0)),
        "max_consecutive_wins": trades.longest_streak((net > 0).tolist()),
        "max_consecutive_losses": trades.longest_streak((net < 0).tolist()),
        "ambiguous_exits": int(np.count_nonzero(window.fills.other)),
    }


def open_halts(outcome: RunResult) -> list[HaltNotLifted]:
    """The halts that are still open, in the order in which they began."""
    opened = {int(row[3]): int(row[1]) for row in outcome.rows[outcome.rows[:, 0] == v.HALTED_ROW]}
    still = [(int(outcome.state.account[v.HALT_OF_RULE + rule]), name) for rule, name in enumerate(v.HALT_RULES)]
    return [HaltNotLifted(halt=n, rule=name, since=iso(opened[n])) for n, name in sorted(still) if n > 0]


def open_positions(outcome: RunResult) -> list[OpenPosition]:
    """The positions open at the end, at the last close, with the costs of a market sell there (S19, S25, S26)."""
    run = outcome.run
    unit, rules = 10.0**run.money_decimals, run.plan.rules
    positions = []
    for place, (symbol, scale, row) in enumerate(
        zip(run.symbols, run.scales, outcome.state.book.tolist(), strict=True)
    ):
        quantity, close = row[v.QUANTITY], row[v.CLOSE]
        if quantity == 0:
            continue
        market = market_of(run.plan.markets, place)
        notional = quantity * close * market.k
        sold = sold_at(rules, market, close, quantity, row[v.VOLUME]) * quantity * market.k
        cost = quantity * row[v.ENTRY] * market.k + row[v.ENTRY_FEE]
        positions.append(
            OpenPosition(
                symbol=symbol,
                quantity=significant(quantity / 10.0**scale.quantity_decimals),
                value=significant(notional / unit),
                profit=significant((notional - cost) / unit),
                closing_commission=significant(fee(sold, rules.commission_ppm) / unit),
                closing_slippage=significant((notional - sold) / unit),
            )
        )
    return positions


def rejections(window: Window, side: int) -> dict[str, int]:
    """How many enter or exit signals were rejected after the lookback, by reason, the most frequent first."""
    rows = window.outcome.rows
    rejected = (rows[:, 0] == v.ORDER_REJECTED) & (rows[:, 4] == side) & (rows[:, 1] >= window.ts[0])
    counts = Counter(str(v.REASONS[code]) for code in rows[rejected, 5].tolist())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def standing(outcome: RunResult, column: int) -> int:
    """How many enter or exit signals stood after the lookback, all symbols together (S28). column: of the book."""
    return int(outcome.state.book[:, column].sum())


def candles_in_mode(window: Window) -> list[Modes]:
    """How many candles of each symbol ended in each mode. The change to idle at the end of a run does not count."""
    outcome = window.outcome
    rows = outcome.rows[(outcome.rows[:, 0] == v.MODE_CHANGED) & (outcome.rows[:, 3] != STOP)]
    modes = []
    for place, series in enumerate(outcome.series):
        changes = rows[rows[:, 2] == place]
        start = outcome.run.plan.rules.start_ts
        counts = activity.candles_in_modes(series.columns.ts, changes[:, 1], changes[:, 5], start)
        modes.append(Modes(symbol=series.symbol, **dict(list(zip(MODES, counts, strict=True))[1:])))  # without idle
    return modes


def quality(outcome: RunResult) -> dict[str, int]:
    """Counts of candles, gaps and candles without volume, all symbols together, the lookback included."""
    gaps = [count_gaps(series.columns.ts, outcome.run.plan.rules.step_ms) for series in outcome.series]
    return {
        "candles": sum(len(series.columns.ts) for series in outcome.series),
        "gaps": sum(gap.number for gap in gaps),
        "missing_candles": sum(gap.missing for gap in gaps),
        "candles_without_volume": sum(int(np.count_nonzero(series.columns.volume == 0)) for series in outcome.series),
    }


def fills_beside_gaps(window: Window) -> int:
    """Fills in the last candle before a gap of their symbol, or in the first after one."""
    step, fills = window.outcome.run.plan.rules.step_ms, window.fills
    return sum(
        activity.fills_beside_gaps(series.columns.ts, fills.ts[fills.symbol == place], step)
        for place, series in enumerate(window.outcome.series)
    )


def by_exit_reason(window: Window) -> list[Group]:
    """Closed trades by the reason of the exit, in the order of the codes; only reasons that occurred."""
    codes = np.unique(window.trades.reason).tolist()
    return list(_groups(window, window.trades.reason, {code: str(v.REASONS[code]) for code in codes}))


def by_weekday(window: Window) -> list[Group]:
    """Closed trades by the weekday of the entry, all seven."""
    days = (window.trades.opened // v.DAY_MS + FIRST_WEEKDAY) % len(WEEKDAYS)
    return list(_groups(window, days, dict(enumerate(WEEKDAYS))))


def by_hour(window: Window) -> list[Group]:
    """Closed trades by the hour of the entry, all twenty-four."""
    hours = window.trades.opened % v.DAY_MS // HOUR_MS
    return list(_groups(window, hours, {hour: f"{hour:02d}" for hour in range(24)}))


def _groups(window: Window, keys: Int64, names: dict[int, str]) -> Iterator[Group]:
    closed, unit = window.trades, 10.0**window.outcome.run.money_decimals
    for key, name in names.items():
        in_group = keys == key
        net = closed.net[in_group]
        mean_pct = trades.expectancy(closed.net_pct[in_group]).value
        yield Group(
            of=name,
            trades=len(net),
            wins=int(np.count_nonzero(net > 0)),
            net_profit=significant(sum(net.tolist()) / unit),
            mean_pct=None if mean_pct is None else significant(mean_pct),
        )


def by_year(window: Window) -> list[Year]:
    """Returns, month by year."""
    run = window.outcome.run
    return [
        Year(year=year, months=list(map(_rounded, months)), total_return=_rounded(whole))
        for year, months, whole in growth.yearly(window.ts, window.equity, run.balance, run.plan.rules.step_ms)
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else significant(value)
