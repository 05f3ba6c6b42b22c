"""The keys that can change a trading decision: symbols, timeframe, sizes, costs. Nearly all are part of the plan."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from safla.config.types import (
    Amount,
    CodeFileName,
    ConditionText,
    Fraction,
    IndicatorKey,
    Name,
    Number,
    OpenShare,
    Parameter,
    ParameterName,
    PriceDecimals,
    QuantityDecimals,
    Rate,
    SentenceValue,
    Share,
    SignedNumber,
    StrategyName,
    Symbol,
    Version,
    Word,
)
from safla.core.timeframes import Timeframe
from safla.section import Section, key, section


class SystemSection(Section):
    """Name and version of the run."""

    name: Name = key("safla", "name of the run in all output", plan=True)
    version: Version = key("1", "your own version of this configuration", plan=True)
    random_seed: Annotated[int, Field(ge=0)] = key(0, "the only source of randomness", plan=True)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = key("INFO", "lowest level that is logged")


class SymbolsSection(Section):
    """What is traded. In each list the symbols are unique and have one quote currency (S6)."""

    primary: Annotated[tuple[Symbol, ...], Field(max_length=50)] = key(("BTC/USDT",), "traded symbols, in this order")
    test: Annotated[tuple[Symbol, ...], Field(max_length=50)] = key((), "used instead of primary with --symbols test")


class MarketSection(Section):
    """Scales and order grid of one symbol; null: taken from the source (S3)."""

    price_decimals: PriceDecimals | None = key(None, "decimals of a price", plan=True)
    quantity_decimals: QuantityDecimals | None = key(None, "decimals of a quantity", plan=True)
    volume_decimals: PriceDecimals | None = key(None, "decimals of a volume", plan=True)
    tick: Annotated[Number, Field(gt=0, decimal_places=8)] | None = key(None, "smallest step of a price", plan=True)
    lot: Annotated[Number, Field(gt=0, decimal_places=8)] | None = key(None, "smallest step of a quantity", plan=True)
    min_notional: Annotated[Number, Field(ge=0, decimal_places=12)] | None = key(
        None, "smallest notional of an order, in quote currency", plan=True
    )


class MarketDataSection(Section):
    """The candles that the strategy trades on."""

    timeframe: Timeframe = key("1h", "length of a candle", plan=True)
    lookback_candles: Annotated[int, Field(ge=0, le=1_000_000)] = key(
        100, "candles before the start, without trading; at least the warm-up of the strategy", plan=True
    )
    fetch_limit: Annotated[int, Field(ge=1, le=1000)] = key(1000, "candles per request")
    max_gap_candles: Annotated[int, Field(ge=0)] = key(
        0, "a longer gap, in candles, makes a symbol without position warm up again", plan=True
    )


class SlippageSection(Section):
    """How much worse than their reference price market orders and stops are filled (S25)."""

    base_bps: Annotated[Number, Field(ge=0, le=1000, decimal_places=2)] = key(
        Decimal(2), "constant part, in 1/10 000", plan=True
    )
    impact_coefficient: Annotated[Number, Field(ge=0, le=1000, decimal_places=6)] = key(
        Decimal("0.1"), "factor of the order's share of the last volume", plan=True
    )
    max_slippage_bps: Annotated[Number, Field(ge=0, le=5000, decimal_places=2)] = key(
        Decimal(50), "upper limit, in 1/10 000", plan=True
    )


class SimulationSection(Section):
    """The account and the trading costs."""

    initial_balance_usd: Amount = key(Decimal(100000), "starting cash, in quote currency even if not USD", plan=True)
    commission_rate: Rate = key(Decimal("0.001"), "taker rate: market orders and stops", plan=True)
    maker_commission_rate: Rate | None = key(
        None, "maker rate: take-profit orders; null: the same as commission_rate", plan=True
    )
    slippage: SlippageSection = section(SlippageSection, "slippage of market orders and stops")


class StrategySection(Section):
    """When to enter and exit, and the size of positions."""

    name: StrategyName = key("sma_crossover", "the strategy that gives the signals", plan=True)
    preset: Word | None = key(
        None, "a strategy of rules that comes with safla, below all that is written; safla schema presets lists them"
    )
    file: CodeFileName | None = key(
        None, "file of Python with the code of the strategy; `safla trust` allows its folder once"
    )
    fast_period: Annotated[int, Field(ge=1, le=5000)] = key(10, "candles of the fast average", plan=True)
    slow_period: Annotated[int, Field(ge=1, le=5000)] = key(30, "candles of the slow average", plan=True)
    entry_threshold_pct: Fraction = key(Decimal("0.001"), "lowest strength of an entry signal", plan=True)
    exit_threshold_pct: Fraction = key(Decimal("0.0005"), "lowest strength of an exit signal", plan=True)
    confirm_within_candles: Annotated[int, Field(ge=0, le=100)] = key(
        0, "candles after a cross that may still confirm it", plan=True
    )
    parameters: Annotated[dict[ParameterName, Parameter], Field(max_length=50)] = key(
        {}, "parameters of strategies other than sma_crossover: name to number or word", plan=True
    )
    indicators: Annotated[
        dict[ParameterName, Annotated[dict[ParameterName, IndicatorKey], Field(max_length=20)]], Field(max_length=50)
    ] = key({}, "of rules: indicators by name, each with its type, source, timeframe and parameters", plan=True)
    entry: ConditionText | None = key(None, "of rules: when to enter", plan=True)
    exit: ConditionText | None = key(None, "of rules: when to exit; exit wins over entry", plan=True)
    strength: SentenceValue | None = key(
        None, "of rules: how strong an entry is, a value >= 0; confidence is at most 1; null: 1", plan=True
    )
    stop_distance: SentenceValue | None = key(
        None, "of rules: how far below its fill an entry has its stop, in price; null: risk.stop_loss_pct", plan=True
    )
    target_distance: SentenceValue | None = key(
        None, "of rules: how far above its fill the target is, in price; null: risk.take_profit_pct", plan=True
    )
    trail_distance: SentenceValue | None = key(
        None,
        "of rules: how far below the highest price since the fill the trail is, in price, anew at each candle; "
        "null: risk.trailing_stop_pct",
        plan=True,
    )
    warm_up: Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)] = key(
        "auto",
        "of rules: candles before the first signal; auto: until the seeds of averages no longer decide",
        plan=True,
    )
    max_position_size_usd: Amount | None = key(
        Decimal(10000),
        "largest position; an entry spends it times confidence, commission included; null with the two below",
        plan=True,
    )
    position_size_pct: Share = key(Decimal(1), "share of max_position_size_usd that an entry takes", plan=True)
    equity_share_pct: Share | None = key(
        None, "share of the equity that an entry spends, times confidence, commission included", plan=True
    )
    risk_per_trade_pct: Share | None = key(
        None,
        "share of the equity that an entry loses at most at its stop, times confidence, commissions included",
        plan=True,
    )


class TargetStep(Section):
    """A profit target that holds from some candle on (S40)."""

    after_candles: Annotated[int, Field(ge=1, le=100_000)] = key(..., "candles after that of the entry", plan=True)
    gain_pct: Annotated[SignedNumber, Field(ge=Decimal("-0.99"), le=100, decimal_places=6)] = key(
        ..., "gain over the fill price; below 0 a loss", plan=True
    )


class RiskSection(Section):
    """Limits of losses and positions."""

    stop_loss_pct: OpenShare | None = key(Decimal("0.02"), "stop-loss, below the fill price", plan=True)
    take_profit_pct: Annotated[Number, Field(gt=0, le=100, decimal_places=6)] | None = key(
        Decimal("0.05"), "take-profit, above the fill price", plan=True
    )
    target_steps: Annotated[tuple[TargetStep, ...], Field(max_length=20)] = key(
        (), "targets that replace take_profit_pct as a position ages, in the order of after_candles", plan=True
    )
    trailing_stop_pct: OpenShare | None = key(None, "trailing stop, below the highest price since the fill", plan=True)
    trailing_activation_pct: Annotated[Number, Field(ge=0, le=100, decimal_places=6)] = key(
        Decimal(0), "gain that activates the trailing stop", plan=True
    )
    break_even_after_pct: Annotated[Number, Field(gt=0, le=100, decimal_places=6)] | None = key(
        None, "gain after which the stop is at least break_even_offset_pct above the fill price", plan=True
    )
    break_even_offset_pct: Annotated[Number, Field(ge=0, le=100, decimal_places=6)] = key(
        Decimal(0), "where that stop is, above the fill price", plan=True
    )
    max_candles_held: Annotated[int, Field(ge=1, le=100_000)] | None = key(
        None, "candles after which a position is sold, that of its entry included", plan=True
    )
    max_open_positions: Annotated[int, Field(ge=1)] = key(3, "open positions and waiting entries", plan=True)
    max_portfolio_exposure_pct: Share = key(Decimal("0.6"), "highest open notional over equity", plan=True)
    max_daily_loss_pct: Share | None = key(
        Decimal("0.05"), "daily loss that halts trading until the next UTC day", plan=True
    )
    max_drawdown_pct: Share | None = key(
        Decimal("0.1"), "drawdown that halts trading until `safla resume` or the end of drawdown_pause_days", plan=True
    )
    drawdown_pause_days: Annotated[int, Field(ge=1)] | None = key(
        None, "UTC days after which a drawdown halt ends by itself; null: never", plan=True
    )
    max_daily_trades: Annotated[int, Field(ge=1)] | None = key(10, "filled entries per UTC day", plan=True)
    cooldown_candles: Annotated[int, Field(ge=0)] = key(
        0, "candles without entries after a losing exit, per symbol", plan=True
    )
    on_halt: Literal["flatten", "block_entries"] = key(
        "flatten", "flatten: a halt closes all positions; block_entries: it keeps them", plan=True
    )


class ExecutionSection(Section):
    """How candles fill orders."""

    intrabar: Literal["pessimistic", "optimistic"] = key(
        "pessimistic",
        "if a candle reaches both levels; pessimistic: stop first, optimistic: take-profit first",
        plan=True,
    )
    target_fill: Literal["through", "touch"] = key(
        "through", "a take-profit fills when the price goes through its level, or when it touches it", plan=True
    )
    target_price_improvement: bool = key(
        False, "fill a take-profit at the open if the price opens beyond its level", plan=True
    )
    max_fill_delay_candles: Annotated[int, Field(ge=0, le=100)] = key(
        1, "candles without volume for which an entry waits", plan=True
    )
    on_gap: Literal["hold", "sell"] = key("hold", "what happens to an open position after a gap", plan=True)


class JournalSection(Section):
    """How detailed the journal is."""

    detail: Literal["trades", "decisions", "candles"] = key(
        "decisions", "events that the journal holds; paper trading always uses candles", plan=True
    )
