"""The keys that can change a decision: what is traded, when, how much, at what cost. Nearly all are of the plan."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from safla.config.section import Section, key, section
from safla.config.types import (
    Amount,
    Fraction,
    Name,
    Number,
    OpenShare,
    Parameter,
    ParameterName,
    PriceDecimals,
    QuantityDecimals,
    Rate,
    Share,
    StrategyName,
    Symbol,
    Version,
)
from safla.core.timeframes import Timeframe


class SystemSection(Section):
    """Who the run is."""

    name: Name = key("safla", "shown everywhere", plan=True)
    version: Version = key("1", "the user's own version of this configuration", plan=True)
    random_seed: Annotated[int, Field(ge=0)] = key(0, "the only source of chance", plan=True)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = key("INFO", "the least that is logged")


class SymbolsSection(Section):
    """What is traded; each list is unique and has one quote currency (S6)."""

    primary: Annotated[tuple[Symbol, ...], Field(max_length=50)] = key(("BTC/USDT",), "traded, in this order")
    test: Annotated[tuple[Symbol, ...], Field(max_length=50)] = key((), "used instead of primary with --symbols test")


class MarketSection(Section):
    """Scales and the grid of our orders for one symbol; null: read off the source (S3)."""

    price_decimals: PriceDecimals | None = key(None, "decimals of a price", plan=True)
    quantity_decimals: QuantityDecimals | None = key(None, "decimals of a quantity", plan=True)
    volume_decimals: PriceDecimals | None = key(None, "decimals of a volume", plan=True)
    tick: Annotated[Number, Field(gt=0, decimal_places=8)] | None = key(None, "smallest step of a price", plan=True)
    lot: Annotated[Number, Field(gt=0, decimal_places=8)] | None = key(None, "smallest step of a quantity", plan=True)
    min_notional: Annotated[Number, Field(ge=0, decimal_places=12)] | None = key(
        None, "smallest notional of an order, in quote currency", plan=True
    )


class MarketDataSection(Section):
    """Which candles are decided on."""

    timeframe: Timeframe = key("1h", "the length of a candle", plan=True)
    lookback_candles: Annotated[int, Field(ge=0, le=1_000_000)] = key(
        100, "candles before the start that are only looked at; at least the warm-up", plan=True
    )
    fetch_limit: Annotated[int, Field(ge=1, le=1000)] = key(1000, "candles a request")
    max_gap_candles: Annotated[int, Field(ge=0)] = key(
        0, "a gap of more candles sends a flat symbol back to warming", plan=True
    )


class SlippageSection(Section):
    """Adverse distance of market orders and stops from their reference (S25)."""

    base_bps: Annotated[Number, Field(ge=0, le=1000, decimal_places=2)] = key(
        Decimal(2), "always, in 1/10 000", plan=True
    )
    impact_coefficient: Annotated[Number, Field(ge=0, le=1000, decimal_places=6)] = key(
        Decimal("0.1"), "times our share of the last volume", plan=True
    )
    max_slippage_bps: Annotated[Number, Field(ge=0, le=5000, decimal_places=2)] = key(
        Decimal(50), "at most, in 1/10 000", plan=True
    )


class SimulationSection(Section):
    """The account and what trading costs."""

    initial_balance_usd: Amount = key(Decimal(100000), "quote currency, whatever it is", plan=True)
    commission_rate: Rate = key(Decimal("0.001"), "taker: market orders and stops", plan=True)
    maker_commission_rate: Rate | None = key(None, "targets; null: the same", plan=True)
    slippage: SlippageSection = section(SlippageSection, "adverse distance of market orders and stops")


class StrategySection(Section):
    """When to enter and exit, and how large."""

    name: StrategyName = key("sma_crossover", "which strategy decides", plan=True)
    fast_period: Annotated[int, Field(ge=1, le=5000)] = key(10, "candles of the fast average", plan=True)
    slow_period: Annotated[int, Field(ge=1, le=5000)] = key(30, "candles of the slow average", plan=True)
    entry_threshold_pct: Fraction = key(Decimal("0.001"), "least strength of an entry", plan=True)
    exit_threshold_pct: Fraction = key(Decimal("0.0005"), "least strength of an exit", plan=True)
    confirm_within_candles: Annotated[int, Field(ge=0, le=100)] = key(
        0, "candles after a cross that may still confirm it", plan=True
    )
    parameters: Annotated[dict[ParameterName, Parameter], Field(max_length=50)] = key(
        {}, "of strategies other than sma_crossover: name to number or word", plan=True
    )
    max_position_size_usd: Amount = key(
        Decimal(10000),
        "largest position; an entry spends it times confidence (0.9 at most), commission included",
        plan=True,
    )
    position_size_pct: Share = key(Decimal(1), "share of it that an entry takes", plan=True)


class RiskSection(Section):
    """What limits a loss."""

    stop_loss_pct: OpenShare | None = key(Decimal("0.02"), "stop below the fill price", plan=True)
    take_profit_pct: Annotated[Number, Field(gt=0, le=100, decimal_places=6)] | None = key(
        Decimal("0.05"), "target above the fill price", plan=True
    )
    trailing_stop_pct: OpenShare | None = key(None, "stop below the highest price since the fill", plan=True)
    trailing_activation_pct: Annotated[Number, Field(ge=0, le=100, decimal_places=6)] = key(
        Decimal(0), "gain that arms the trailing stop", plan=True
    )
    max_open_positions: Annotated[int, Field(ge=1)] = key(3, "positions and waiting entries", plan=True)
    max_portfolio_exposure_pct: Share = key(Decimal("0.6"), "open notional over equity", plan=True)
    max_daily_loss_pct: Share | None = key(Decimal("0.05"), "halts until the next UTC day", plan=True)
    max_drawdown_pct: Share | None = key(Decimal("0.1"), "halts until `safla resume` or the pause", plan=True)
    drawdown_pause_days: Annotated[int, Field(ge=1)] | None = key(
        None, "UTC days until a drawdown halt lifts itself; null: never", plan=True
    )
    max_daily_trades: Annotated[int, Field(ge=1)] | None = key(10, "entries filled in a UTC day", plan=True)
    cooldown_candles: Annotated[int, Field(ge=0)] = key(
        0, "candles without entry after a losing exit, per symbol", plan=True
    )
    on_halt: Literal["flatten", "block_entries"] = key("flatten", "what a halt does with positions", plan=True)


class ExecutionSection(Section):
    """How a candle fills an order."""

    intrabar: Literal["pessimistic", "optimistic"] = key(
        "pessimistic", "stop or target first in a candle that spans both", plan=True
    )
    target_fill: Literal["through", "touch"] = key("through", "what fills a target", plan=True)
    target_price_improvement: bool = key(False, "a target that was jumped over fills at the open", plan=True)
    max_fill_delay_candles: Annotated[int, Field(ge=0, le=100)] = key(
        1, "candles without volume that an entry waits", plan=True
    )
    on_gap: Literal["hold", "sell"] = key("hold", "what a gap does with a position", plan=True)


class JournalSection(Section):
    """How much is written."""

    detail: Literal["trades", "decisions", "candles"] = key(
        "decisions", "events in the journal; paper has candles, nothing less", plan=True
    )
