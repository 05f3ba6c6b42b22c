"""The figures of a summary that may be undefined: each formula of metrics with the arrays of the run."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from safla.core import values as v
from safla.core.account import market_of
from safla.core.values import Float64
from safla.metrics import benchmark, costs, days, drawdown, exposure, growth, significance, trades
from safla.metrics.drawdown import NEVER_FELL
from safla.metrics.metric import Metric
from safla.metrics.sums import mean, median
from safla.report.window import Window

HOUR_MS = 3_600_000

Figures = dict[str, Metric]


def measures(window: Window, *, risk_free_rate: float, names: Iterable[str] | None = None) -> Figures:
    """Figures that may be undefined, by their name in the summary.

    names  only those: what they do not need is not computed; None: all of FIGURES. KeyError for an unknown name
    """
    wanted = list(FIGURES) if names is None else list(names)
    found: Figures = {}
    for name in wanted:
        if name not in found:
            found |= FIGURES[name](window, risk_free_rate)
    return {name: found[name] for name in wanted}


def _whole(window: Window, _risk_free_rate: float) -> Figures:
    balance = window.outcome.run.balance
    last = growth.final_equity(window.equity, balance)
    return {
        "initial_balance": _money(window, balance),
        "final_equity": _money(window, last),
        "net_profit": _money(window, last - balance),
        "total_return": growth.total_return(window.equity, balance),
        "cagr": growth.cagr(window.equity, balance, window.ms),
    }


def _money(window: Window, units: float) -> Metric:
    return Metric(units / 10.0**window.outcome.run.money_decimals)


def _market(window: Window, risk_free_rate: float) -> Figures:
    rules = window.outcome.run.plan.rules
    markets = [benchmark.market(series.columns, rules.start_ts) for series in window.outcome.series]
    midnights = growth.midnights(window.ts, rules.step_ms)
    held = benchmark.held_returns(markets, rules.commission_ppm, midnights, rules.step_ms)[: len(window.returns)]
    beta = benchmark.beta(window.returns, held)
    return {
        "buy_and_hold_return": benchmark.held_return(markets, rules.commission_ppm),
        "alpha": benchmark.alpha(window.returns, held, beta, risk_free_rate),
        "beta": beta,
        "correlation": benchmark.correlation(window.returns, held),
    }


def _daily(window: Window, risk_free_rate: float) -> Figures:
    returns = window.returns
    statistic = significance.t_statistic(returns)
    return {
        "volatility": days.volatility(returns),
        "sharpe": days.sharpe(returns, risk_free_rate),
        "sortino": days.sortino(returns, risk_free_rate),
        "omega": days.omega(returns),
        "ulcer_index": days.ulcer_index(returns),
        "var_95": days.value_at_risk(returns),
        "cvar_95": days.tail_loss(returns),
        "t_statistic": statistic,
        "p_value": significance.p_value(statistic, len(returns)),
        "probabilistic_sharpe": significance.probabilistic_sharpe(returns, risk_free_rate),
    }


def _falls(window: Window, _risk_free_rate: float) -> Figures:
    falls = window.falls
    step = window.outcome.run.plan.rules.step_ms
    start, _, end = fall_times(window)
    until = int(window.ts[-1]) + step if end is None else end  # a drawdown that is not over lasts to the end
    growth_a_year = growth.cagr(window.equity, window.outcome.run.balance, window.ms)
    return {
        "calmar": drawdown.calmar(growth_a_year, falls.deepest.share),
        "max_drawdown": Metric(falls.deepest.share),
        "intrabar_drawdown": Metric(falls.inside),
        "max_drawdown_hours": Metric(None, NEVER_FELL) if start is None else Metric((until - start) / HOUR_MS),
        "under_water_share": Metric(falls.under_share),
        "longest_under_water_hours": Metric(falls.longest_ms / HOUR_MS),
    }


def fall_times(window: Window) -> tuple[int | None, int | None, int | None]:
    """Start, trough and end of the max drawdown, ms; None for those that do not exist."""
    fall, step = window.falls.deepest, window.outcome.run.plan.rules.step_ms
    if fall.trough == v.NONE:
        return None, None, None
    start = int(window.ts[fall.peak]) + step if fall.peak != v.NONE else int(window.ts[0])
    end = int(window.ts[fall.end]) + step if fall.end != v.NONE else None
    return start, int(window.ts[fall.trough]) + step, end


def _exposure(window: Window, _risk_free_rate: float) -> Figures:
    fills = window.fills
    cash = exposure.cash_at(window.ts, fills.ts, fills.cash, window.outcome.run.balance)
    exposures = exposure.exposure(window.equity, cash)
    return {
        "exposure_time": Metric(exposures.time),
        "average_exposure": Metric(exposures.average),
        "largest_exposure": Metric(exposures.largest),
        "turnover": exposure.turnover(window.notional, window.equity, window.ms),
    }


def _trades(window: Window, _risk_free_rate: float) -> Figures:
    closed = window.trades
    net, unit = closed.net, 10.0**window.outcome.run.money_decimals
    multiples = np.array([multiple for multiple in closed.r if multiple is not None])
    no_stop = Metric(None, trades.NO_STOP) if len(multiples) < len(net) else None
    return {
        "win_rate": trades.win_rate(net),
        "payoff": trades.payoff(net),
        "profit_factor": trades.profit_factor(net),
        "expectancy": trades.expectancy(net / unit),
        "expectancy_pct": trades.expectancy(closed.net_pct),
        "expectancy_r": no_stop or trades.expectancy(multiples),
        "sqn": no_stop or trades.sqn(multiples),
        "kelly": trades.kelly(net),
        **_spread(net / unit, {"best_trade": np.max, "worst_trade": np.min, "median_trade": median}),
    }


def _spread(values: Float64, wanted: dict[str, Callable[[Float64], Any]]) -> Figures:
    """Figures that are defined from one trade on."""
    return {name: Metric(float(pick(values))) if len(values) else trades.NO_TRADE for name, pick in wanted.items()}


def _hours(window: Window, _risk_free_rate: float) -> Figures:
    hours = (window.trades.closed - window.trades.opened) / HOUR_MS
    picks: tuple[Callable[[Float64], Any], ...] = (mean, median, np.min, np.max)
    names = (f"{which}_holding_hours" for which in ("mean", "median", "shortest", "longest"))
    return _spread(hours, dict(zip(names, picks, strict=True)))


def _excursions(window: Window, _risk_free_rate: float) -> Figures:
    return {
        **_spread(window.trades.mae, {"median_mae": median, "worst_mae": np.max}),
        **_spread(window.trades.mfe, {"median_mfe": median, "best_mfe": np.max}),
    }


def _costs(window: Window, _risk_free_rate: float) -> Figures:
    fills, gross = window.fills, window.trades.gross
    commission = int(window.outcome.state.account[v.FEES])
    slippage = costs.slippage_paid(fills.reference, fills.price, fills.quantity, fills.k)
    net = growth.final_equity(window.equity, window.outcome.run.balance) - window.outcome.run.balance
    return {
        "commission_paid": _money(window, commission),
        "commission_share": costs.share_of_gross(commission, gross),
        "slippage_paid": _money(window, slippage),
        "slippage_share": costs.share_of_gross(slippage, gross),
        "break_even_cost_bps": costs.break_even_bps(net, window.notional, len(gross)),
    }


def _doubts(window: Window, _risk_free_rate: float) -> Figures:
    """The return if each ambiguous exit had met its target first, and if its stop (S12), with all else unchanged."""
    outcome, fills = window.outcome, window.fills
    rules, markets = outcome.run.plan.rules, outcome.run.plan.markets
    if_targets = if_stops = growth.final_equity(window.equity, outcome.run.balance)
    for row in np.flatnonzero(fills.other).tolist():
        place, quantity = int(fills.symbol[row]), int(fills.quantity[row])
        proceeds = int(fills.price[row]) * quantity * int(fills.k[row]) - int(fills.fee[row])
        volume = costs.volume_before(outcome.series[place].columns, int(fills.ts[row]))
        reason, other = int(fills.reason[row]), int(fills.other[row])
        changes = costs.if_otherwise(rules, market_of(markets, place), reason, other, quantity, proceeds, volume)
        if_targets, if_stops = if_targets + changes[0], if_stops + changes[1]
    return {
        "return_if_targets": growth.change(outcome.run.balance, if_targets),
        "return_if_stops": growth.change(outcome.run.balance, if_stops),
    }


# Figures that share their sums are computed together.
_TOGETHER: tuple[tuple[Callable[[Window, float], Figures], str], ...] = (
    (_whole, "initial_balance final_equity net_profit total_return cagr"),
    (
        _falls,
        "calmar max_drawdown intrabar_drawdown max_drawdown_hours under_water_share longest_under_water_hours",
    ),
    (_exposure, "exposure_time average_exposure largest_exposure turnover"),
    (
        _trades,
        (
            "win_rate payoff profit_factor expectancy expectancy_pct expectancy_r sqn kelly "
            "best_trade worst_trade median_trade"
        ),
    ),
    (_hours, "mean_holding_hours median_holding_hours shortest_holding_hours longest_holding_hours"),
    (_excursions, "median_mae worst_mae median_mfe best_mfe"),
    (_costs, "commission_paid commission_share slippage_paid slippage_share break_even_cost_bps"),
    (_doubts, "return_if_targets return_if_stops"),
    (_market, "buy_and_hold_return alpha beta correlation"),
    (
        _daily,
        "volatility sharpe sortino omega ulcer_index var_95 cvar_95 t_statistic p_value probabilistic_sharpe",
    ),
)
FIGURES = {name: compute for compute, names in _TOGETHER for name in names.split()}
