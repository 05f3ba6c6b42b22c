"""The format of summary.json: every figure with its unit and meaning, and the schema. Nothing is computed here."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

# A figure is a number, or null with the reason in `undefined`; the title is its unit.
MoneyFigure = Annotated[float | None, Meta(title="quote currency")]
RatioFigure = Annotated[float | None, Meta(title="ratio")]
NumberFigure = Annotated[float | None, Meta(title="number")]
HoursFigure = Annotated[float | None, Meta(title="hours")]
Bps = Annotated[float | None, Meta(title="bps")]
CountFigure = Annotated[int, Meta(title="count", ge=0)]
TimeFigure = Annotated[str | None, Meta(title="time, UTC")]


class SummaryPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a summary: every field is always there, in this order."""


class HaltNotLifted(SummaryPart, frozen=True, kw_only=True):
    """A halt that was not lifted: there are no entries after it."""

    halt: Annotated[CountFigure, Meta(description="its number in the run")]
    rule: Annotated[str, Meta(description="daily_loss, drawdown, operator or strategy_error")]
    since: Annotated[TimeFigure, Meta(description="the candle that opened it")]


class OpenPosition(SummaryPart, frozen=True, kw_only=True):
    """A position at the end of the run, valued at the last close, and what selling it there would cost (S19)."""

    symbol: Annotated[str, Meta(description="the symbol")]
    quantity: Annotated[float, Meta(title="base currency", description="the quantity held")]
    value: Annotated[MoneyFigure, Meta(description="quantity times the last close")]
    profit: Annotated[MoneyFigure, Meta(description="value less the entry's notional and commission")]
    closing_commission: Annotated[MoneyFigure, Meta(description="commission of a market sell")]
    closing_slippage: Annotated[MoneyFigure, Meta(description="slippage of a market sell")]


class Drawdown(SummaryPart, frozen=True, kw_only=True):
    """When the max drawdown was; all null where the equity never fell."""

    start: Annotated[TimeFigure, Meta(description="close of the last candle at the peak, or the start of the run")]
    trough: Annotated[TimeFigure, Meta(description="close of the lowest candle")]
    end: Annotated[TimeFigure, Meta(description="close that reached the peak again; null: none did")]


class Modes(SummaryPart, frozen=True, kw_only=True):
    """How many candles of a symbol ended in each mode, the lookback left out."""

    symbol: Annotated[str, Meta(description="whose candles")]
    warming: Annotated[CountFigure, Meta(description="candles")]
    flat: Annotated[CountFigure, Meta(description="candles")]
    long: Annotated[CountFigure, Meta(description="candles")]
    halted: Annotated[CountFigure, Meta(description="candles")]


class Group(SummaryPart, frozen=True, kw_only=True):
    """A group of closed trades."""

    of: Annotated[str, Meta(description="exit reason, weekday or hour (UTC)")]
    trades: Annotated[CountFigure, Meta(description="closed trades")]
    wins: Annotated[CountFigure, Meta(description="trades with a profit after all costs")]
    net_profit: Annotated[MoneyFigure, Meta(description="their profit after all costs")]
    mean_pct: Annotated[RatioFigure, Meta(description="their mean profit over the entry's notional; null: no trade")]


class Year(SummaryPart, frozen=True, kw_only=True):
    """Returns of a calendar year (UTC), of the part of it that the run covers."""

    year: Annotated[int, Meta(description="the year")]
    months: Annotated[list[RatioFigure], Meta(description="January to December; null for months outside the run")]
    total_return: Annotated[RatioFigure, Meta(description="of the whole year")]


class PriceJump(SummaryPart, frozen=True, kw_only=True):
    """Two candles, a gap between them or not: the open of the second is twice the close of the first, or half."""

    before: Annotated[TimeFigure, Meta(description="open time of the first")]
    after: Annotated[TimeFigure, Meta(description="open time of the second")]
    close: Annotated[MoneyFigure, Meta(description="close of the first")]
    open: Annotated[MoneyFigure, Meta(description="open of the second")]
    factor: Annotated[NumberFigure, Meta(description="open over close")]


class SymbolCoverage(SummaryPart, frozen=True, kw_only=True):
    """What the candles of one symbol cover of the requested period, data.start to data.end."""

    symbol: Annotated[str, Meta(description="whose candles")]
    first: Annotated[TimeFigure, Meta(description="open time of the first candle in the period; null: there is none")]
    last: Annotated[TimeFigure, Meta(description="open time of the last candle in the period")]
    coverage: Annotated[RatioFigure, Meta(description="candles over those that the period has room for")]
    candles: Annotated[CountFigure, Meta(description="candles in the period")]
    missing_before: Annotated[
        CountFigure, Meta(description="candles missing before the first: not listed yet, or not in the data")
    ]
    missing_after: Annotated[
        CountFigure, Meta(description="candles missing after the last: delisted, or not in the data")
    ]
    missing_in_gaps: Annotated[CountFigure, Meta(description="candles missing between candles, lookback included")]
    largest_gap_candles: Annotated[CountFigure, Meta(description="candles missing in the largest gap")]
    largest_gap_start: Annotated[TimeFigure, Meta(description="the first of them; null: there is no gap")]
    lookback_candles: Annotated[
        CountFigure, Meta(description="candles before the period, used only to warm up the strategy")
    ]
    bad_rows: Annotated[CountFigure, Meta(description="rows of its files left out (data.bad_rows: drop)")]
    rows_without_trade: Annotated[CountFigure, Meta(description="rows of its files without a price, left out")]
    incomplete_candles: Annotated[
        CountFigure, Meta(description="longer candles that were not built because a part is missing")
    ]
    price_jumps: Annotated[list[PriceJump], Meta(description="where the price jumps, the first 100")]


class Summary(SummaryPart, frozen=True, kw_only=True):
    """The result of a run. The lookback counts only in data quality; an exit counts in the candle of its fill."""

    name: Annotated[str, Meta(description="system.name")]
    symbols: Annotated[list[str], Meta(description="in the order of the configuration")]
    timeframe: Annotated[str, Meta(description="length of a candle")]
    start: Annotated[TimeFigure, Meta(description="first open after the lookback")]
    end: Annotated[TimeFigure, Meta(description="last close")]
    quote: Annotated[str, Meta(description="the currency of all money")]
    source: Annotated[
        str | None, Meta(description="where the candles are from; null: unknown, for a journal does not say")
    ]
    limits_off: Annotated[
        list[str], Meta(description="limits that are switched off (null): stop_loss, daily_loss, drawdown (risk.*_pct)")
    ]
    entry_size: Annotated[str, Meta(description="how an entry is sized, in words")]
    entry_budget: Annotated[
        MoneyFigure,
        Meta(
            description="the most that an entry spends, commission included: max_position_size_usd * "
            "position_size_pct * the most confidence of the strategy"
        ),
    ]
    risk_free_rate: Annotated[float, Meta(title="ratio a year", description="report.risk_free_rate")]
    days: Annotated[float, Meta(title="days", ge=0, description="from start to end")]
    daily_returns: Annotated[
        CountFigure,
        Meta(description="number of returns from midnight to midnight UTC, from which the risk figures are computed"),
    ]

    open_halts: Annotated[list[HaltNotLifted], Meta(description="halts that were not lifted")]
    halted_since: Annotated[TimeFigure, Meta(description="when the first of them began; null: none is open")]

    initial_balance: Annotated[MoneyFigure, Meta(description="simulation.initial_balance_usd")]
    final_equity: Annotated[MoneyFigure, Meta(description="cash and positions at their last close")]
    net_profit: Annotated[MoneyFigure, Meta(description="final equity less initial balance")]
    total_return: Annotated[RatioFigure, Meta(description="final equity over initial balance, less 1")]
    cagr: Annotated[RatioFigure, Meta(description="compound annual growth rate; from 30 days")]
    buy_and_hold_return: Annotated[
        RatioFigure,
        Meta(description="the balance in equal parts, first tradable open to last close, commission at both ends"),
    ]
    alpha: Annotated[RatioFigure, Meta(description="Jensen's alpha against buy and hold, annualised")]
    beta: Annotated[NumberFigure, Meta(description="slope of the daily returns over those of buy and hold")]
    correlation: Annotated[
        NumberFigure, Meta(description="Pearson correlation of the daily returns with those of buy and hold")
    ]

    volatility: Annotated[
        RatioFigure, Meta(description="standard deviation of the daily returns, annualised: 365 days")
    ]
    sharpe: Annotated[NumberFigure, Meta(description="Sharpe ratio of the daily returns, annualised")]
    sortino: Annotated[
        NumberFigure,
        Meta(description="Sortino ratio: as sharpe, over the deviation below the risk-free rate, all days counted"),
    ]
    calmar: Annotated[NumberFigure, Meta(description="cagr over max_drawdown")]
    omega: Annotated[NumberFigure, Meta(description="sum of the daily gains over the sum of the daily losses")]
    ulcer_index: Annotated[RatioFigure, Meta(description="root mean square of the daily drawdowns")]
    var_95: Annotated[
        RatioFigure,
        Meta(description="value at risk: the daily loss that 95 % of the days stay within; negative: a gain"),
    ]
    cvar_95: Annotated[
        RatioFigure,
        Meta(description="conditional value at risk, expected shortfall: mean loss of the worst 5 % of the days"),
    ]
    t_statistic: Annotated[NumberFigure, Meta(description="t-statistic of the mean daily return")]
    p_value: Annotated[
        NumberFigure,
        Meta(description="two-sided p-value of the t-statistic: how often chance alone gives one as far from 0"),
    ]
    probabilistic_sharpe: Annotated[NumberFigure, Meta(description="probability that the true Sharpe ratio is above 0")]

    max_drawdown: Annotated[RatioFigure, Meta(description="largest fall from a peak, on candle closes")]
    intrabar_drawdown: Annotated[
        RatioFigure, Meta(description="max drawdown down to each low, or to the stop in force where that is higher")
    ]
    max_drawdown_hours: Annotated[
        HoursFigure,
        Meta(description="duration of the max drawdown: from its peak to the close that regains it, or to the end"),
    ]
    drawdown: Annotated[Drawdown, Meta(description="when the max drawdown was")]
    under_water_share: Annotated[
        RatioFigure, Meta(description="time under water: share of the candles that closed below the peak so far")
    ]
    longest_under_water_hours: Annotated[
        HoursFigure, Meta(description="longest time from a peak to the close that regained it")
    ]

    exposure_time: Annotated[RatioFigure, Meta(description="share of the candles with an open position at their close")]
    average_exposure: Annotated[
        RatioFigure, Meta(description="positions over equity at each close, mean of all candles")
    ]
    largest_exposure: Annotated[RatioFigure, Meta(description="the largest of them")]
    turnover: Annotated[
        NumberFigure, Meta(description="sum of the notionals of all fills over mean equity, annualised")
    ]

    trades: Annotated[CountFigure, Meta(description="closed trades")]
    wins: Annotated[CountFigure, Meta(description="trades with a profit after all costs")]
    losses: Annotated[CountFigure, Meta(description="trades with a loss after all costs")]
    win_rate: Annotated[RatioFigure, Meta(description="wins over trades")]
    payoff: Annotated[NumberFigure, Meta(description="mean win over mean loss")]
    profit_factor: Annotated[NumberFigure, Meta(description="sum of the wins over sum of the losses")]
    expectancy: Annotated[MoneyFigure, Meta(description="mean net profit of a trade")]
    expectancy_pct: Annotated[RatioFigure, Meta(description="mean net profit over the entry's notional")]
    expectancy_r: Annotated[
        NumberFigure, Meta(description="mean net profit over the amount at risk with the first stop (R)")
    ]
    sqn: Annotated[
        NumberFigure, Meta(description="system quality number: root of trades times mean over deviation of R")
    ]
    kelly: Annotated[RatioFigure, Meta(description="Kelly fraction of win rate and payoff")]
    best_trade: Annotated[MoneyFigure, Meta(description="largest net profit")]
    worst_trade: Annotated[MoneyFigure, Meta(description="smallest net profit")]
    median_trade: Annotated[MoneyFigure, Meta(description="median net profit")]
    max_consecutive_wins: Annotated[CountFigure, Meta(description="consecutive wins, in the order of closing")]
    max_consecutive_losses: Annotated[CountFigure, Meta(description="consecutive losses")]
    mean_holding_hours: Annotated[
        HoursFigure,
        Meta(description="mean holding time, from the open of the entry's candle to that of the exit's"),
    ]
    median_holding_hours: Annotated[HoursFigure, Meta(description="median holding time")]
    shortest_holding_hours: Annotated[HoursFigure, Meta(description="shortest holding time; 0 within one candle")]
    longest_holding_hours: Annotated[HoursFigure, Meta(description="longest holding time")]
    median_mae: Annotated[
        RatioFigure,
        Meta(description="median adverse excursion: how far prices went against a trade, over the entry price"),
    ]
    worst_mae: Annotated[RatioFigure, Meta(description="largest adverse excursion")]
    median_mfe: Annotated[
        RatioFigure,
        Meta(description="median favourable excursion: how far prices went for a trade, over the entry price"),
    ]
    best_mfe: Annotated[RatioFigure, Meta(description="largest favourable excursion")]

    commission_paid: Annotated[MoneyFigure, Meta(description="commission of all fills")]
    commission_share: Annotated[
        RatioFigure, Meta(description="commission over the gross profit of the trades that gained before fees")
    ]
    slippage_paid: Annotated[MoneyFigure, Meta(description="distance of all fills from their prices before slippage")]
    slippage_share: Annotated[RatioFigure, Meta(description="slippage over the same gross profit")]
    break_even_cost_bps: Annotated[Bps, Meta(description="what each fill could cost more until the net profit is 0")]

    open_positions: Annotated[list[OpenPosition], Meta(description="positions at the end of the run")]

    ambiguous_exits: Annotated[CountFigure, Meta(description="exits in candles that span stop and target")]
    return_if_targets: Annotated[
        RatioFigure, Meta(description="total return if every ambiguous exit had met its target first")
    ]
    return_if_stops: Annotated[
        RatioFigure, Meta(description="total return if every ambiguous exit had met its stop first")
    ]

    halts: Annotated[CountFigure, Meta(description="halts of the whole run")]
    halted_share: Annotated[
        RatioFigure, Meta(description="share of the candles that ended halted, all symbols together")
    ]
    warming_share: Annotated[
        RatioFigure,
        Meta(description="share of the candles that ended warming: the strategy had too few candles for a signal"),
    ]
    rejected_entries: Annotated[dict[str, int], Meta(description="rejected enter signals and orders by reason")]
    rejected_exits: Annotated[dict[str, int], Meta(description="rejected exit signals by reason")]
    standing_entries: Annotated[
        CountFigure,
        Meta(description="enter signals that repeated the one before, rejected for the same reason; unwritten"),
    ]
    standing_exits: Annotated[CountFigure, Meta(description="exit signals that did so")]
    candles_in_mode: Annotated[list[Modes], Meta(description="time spent in each mode")]

    candles: Annotated[CountFigure, Meta(description="candles of all symbols, the lookback included")]
    gaps: Annotated[CountFigure, Meta(description="places where candles are missing")]
    missing_candles: Annotated[CountFigure, Meta(description="candles missing in gaps")]
    missing_share: Annotated[RatioFigure, Meta(description="missing candles over missing and present ones")]
    candles_without_volume: Annotated[CountFigure, Meta(description="candles in which nothing was traded")]
    fills_beside_gaps: Annotated[CountFigure, Meta(description="fills in the candle before or after a gap")]

    coverage: Annotated[
        RatioFigure,
        Meta(description="candles over those that data.start to data.end have room for; the lowest of all symbols"),
    ]
    uncovered_candles: Annotated[
        CountFigure,
        Meta(description="candles missing before the first or after the last of a symbol, all symbols together"),
    ]
    largest_gap_candles: Annotated[CountFigure, Meta(description="candles missing in the largest gap")]
    price_jumps: Annotated[
        CountFigure,
        Meta(description="opens of at least twice the close before, or at most half; the first 100 of a symbol"),
    ]
    bad_rows: Annotated[CountFigure, Meta(description="rows of files left out (data.bad_rows: drop)")]
    rows_without_trade: Annotated[CountFigure, Meta(description="rows of files without a price, left out")]
    incomplete_candles: Annotated[
        CountFigure, Meta(description="longer candles that were not built (data.timeframe) because a part is missing")
    ]
    symbol_coverage: Annotated[list[SymbolCoverage], Meta(description="coverage of each symbol")]

    exit_reasons: Annotated[list[Group], Meta(description="closed trades by the reason of the exit")]
    weekdays: Annotated[list[Group], Meta(description="closed trades by the weekday of the entry")]
    hours: Annotated[list[Group], Meta(description="closed trades by the hour of the entry")]
    years: Annotated[list[Year], Meta(description="returns, month by year")]

    undefined: Annotated[dict[str, str], Meta(description="the reason why a figure is null, by its name")]


def _is_number(kind: Any) -> bool:
    inner = kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind
    parts = inner.types if isinstance(inner, msgspec.inspect.UnionType) else (inner,)
    return isinstance(parts[0], msgspec.inspect.FloatType | msgspec.inspect.IntType)


_SHAPE = msgspec.inspect.type_info(Summary)
assert isinstance(_SHAPE, msgspec.inspect.StructType), "a summary is a struct"

METRICS = tuple(field.name for field in _SHAPE.fields if _is_number(field.type))  # what --fail-on may name


def summary_schema() -> dict[str, Any]:
    """The JSON Schema of summary.json, made from the structs above."""
    (whole,), parts = msgspec.json.schema_components((Summary,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The summary of a safla run",
        **whole,
        "$defs": dict(sorted(parts.items())),
    }
