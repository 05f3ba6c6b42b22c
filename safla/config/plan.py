"""From the model to plain values: scales, rules, and the plan that the journal's first line tells. No file, no YAML."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from safla.config.model import Config
from safla.config.plan_text import plan_texts
from safla.config.types import plain
from safla.core.candles import Scale, Series
from safla.core.scale import LIMIT, MILLION
from safla.core.timeframes import TIMEFRAMES, Timeframe
from safla.core.values import Detail, Plan, Rules
from safla.errors import ConfigError, Problem
from safla.strategies.register import STRATEGIES, Strategy
from safla.strategies.sma_crossover import Crossover

LEAST_PRICE_FACTOR = 1000  # D1: prices stay below 2**62 over this, or over fast * slow if that is more


class OrderRules(NamedTuple):
    """What an exchange asks of an order today, in decimals (S3); None: it has no such rule."""

    tick: Decimal | None  # grid of prices
    lot: Decimal | None  # grid of quantities
    min_notional: Decimal | None  # in quote currency


NO_RULES = OrderRules(None, None, None)


class RunPlan(NamedTuple):
    """Everything that decides about a run but its candles. Made of the configuration, or of a journal's first line."""

    plan: Plan
    strategy: Strategy
    strategy_name: str
    parameters: Any  # what the strategy takes
    name: str
    timeframe: Timeframe
    symbols: tuple[str, ...]
    scales: tuple[Scale, ...]
    quote: str
    money_decimals: int
    balance: int  # money units
    detail: Detail
    texts: dict[str, str]  # the plan as the journal tells it (J15)


def source_timeframe(config: Config) -> Timeframe:
    """The length of the candles that the source holds; those of market_data.timeframe are built of them."""
    return config.data.timeframe or config.market_data.timeframe


def price_limit(config: Config) -> int:
    """The highest price that the core takes, price units (D1)."""
    factor = LEAST_PRICE_FACTOR
    if config.strategy.name == "sma_crossover":
        factor = max(factor, config.strategy.fast_period * config.strategy.slow_period)
    return LIMIT // factor


def scales(config: Config, series: Sequence[Series], *, rules: Sequence[OrderRules] = ()) -> tuple[Scale, ...]:
    """The scale of each symbol: what `markets` names, else the exchange's rules, else what the candles show (S3).

    rules  one a symbol; none where no exchange was asked. Raises ConfigError.
    """
    rules = rules or [NO_RULES] * len(series)
    balance = config.simulation.initial_balance_usd
    most = max((m for m in range(19) if balance * 10**m * 10 <= LIMIT), default=0)
    places = []
    for one, own in zip(series, rules, strict=True):
        market = config.markets.get(one.symbol)
        wanted = market.quantity_decimals if market else None
        usual = min(5, 11 - one.price_decimals) if own.lot is None else decimals(own.lot)
        read = max(0, min(usual, most - one.price_decimals))
        places.append(read if wanted is None else wanted)
    money = max(one.price_decimals + quantity for one, quantity in zip(series, places, strict=True))
    problems: list[Problem] = []
    found = tuple(
        _scale(config, one, own, quantity=quantity, money=money, problems=problems)
        for one, own, quantity in zip(series, rules, places, strict=True)
    )
    if problems:
        raise ConfigError(problems)
    return found


def decimals(amount: Decimal) -> int:
    """How many decimals a number needs, zeros at the end not counted."""
    return len(plain(amount).partition(".")[2])


def _scale(
    config: Config, series: Series, own: OrderRules, *, quantity: int, money: int, problems: list[Problem]
) -> Scale:
    market = config.markets.get(series.symbol)

    def units(name: str, places: int, default: int) -> int:
        value = getattr(market, name) if market else None
        key = f"markets.{series.symbol}.{name}"
        if value is not None:
            return _units(key, value, places, problems)
        ruled = getattr(own, name)
        return default if ruled is None else _ruled(key, ruled, places, problems)

    return Scale(
        price_decimals=series.price_decimals,
        quantity_decimals=quantity,
        volume_decimals=series.volume_decimals,
        tick=units("tick", series.price_decimals, 1),
        lot=units("lot", quantity, 1),
        min_notional=units("min_notional", money, 0),
    )


def _ruled(key: str, amount: Decimal, places: int, problems: list[Problem]) -> int:
    """A rule of the exchange in units of 10^-places. One unit, where that is a multiple of what the exchange asks."""
    if amount and (Decimal(1).scaleb(-places) / amount) % 1 == 0:
        return 1
    if decimals(amount) > places:
        text = f"the exchange's {amount} has more than the {places} decimals of its scale; name one that fits"
        problems.append(Problem("", key, text))
    return min(int(amount.scaleb(places)), LIMIT)


def make_plan(
    config: Config,
    symbols: tuple[str, ...],
    *,
    scales: tuple[Scale, ...],
    start: int,
    register: Mapping[str, Strategy] = STRATEGIES,
) -> RunPlan:
    """The plan of a run. Raises ConfigError for the bounds of D1, and for a strategy that the register has not.

    start     the first candle behind the lookback, ms (S16)
    register  the strategies by name, those from Python among them (D5)
    """
    strategy = _strategy(config, register)
    money = max(scale.price_decimals + scale.quantity_decimals for scale in scales)
    problems: list[Problem] = []
    balance = _units("simulation.initial_balance_usd", config.simulation.initial_balance_usd, money, problems)
    if balance * 10 > LIMIT:
        text = (
            f"{config.simulation.initial_balance_usd} with {money} decimals of money (price and quantity decimals "
            f"together) does not fit: at most {LIMIT // 10 // 10**money}; name fewer decimals in markets"
        )
        problems.append(Problem("", "simulation.initial_balance_usd", text))
    warm_up = strategy.warm_up(_parameters(config))
    if config.market_data.lookback_candles < warm_up:
        text = f"{config.market_data.lookback_candles} is below the {warm_up} candles that the strategy needs"
        problems.append(Problem("", "market_data.lookback_candles", text))
    rules = _rules(config, money, start, warm_up, problems)
    if problems:
        raise ConfigError(problems)
    return RunPlan(
        plan=Plan(rules, _markets(scales, money)),
        strategy=strategy,
        strategy_name=config.strategy.name,
        parameters=_parameters(config),
        name=config.system.name,
        timeframe=config.market_data.timeframe,
        symbols=symbols,
        scales=scales,
        quote=symbols[0].partition("/")[2].partition(":")[0],
        money_decimals=money,
        balance=balance,
        detail=config.journal.detail,
        texts=plan_texts(config),
    )


def _strategy(config: Config, register: Mapping[str, Strategy]) -> Strategy:
    name = config.strategy.name
    if name not in register:
        text = f"{name} is not registered here; registered: {', '.join(sorted(register))}; one from Python is given "
        text += f"to the call, as strategies={{'{name}': function}}"
        raise ConfigError([Problem("", "strategy.name", text)])
    return register[name]


def _rules(config: Config, money: int, start: int, warm_up: int, problems: list[Problem]) -> Rules:
    risk, simulation, execution = config.risk, config.simulation, config.execution
    strategy = config.strategy
    commission = _ppm(simulation.commission_rate)
    maker = simulation.maker_commission_rate
    size = _units("strategy.max_position_size_usd", strategy.max_position_size_usd, money, problems)
    return Rules(
        step_ms=TIMEFRAMES[config.market_data.timeframe],
        start_ts=start,
        warm_up=warm_up,
        max_gap_candles=config.market_data.max_gap_candles,
        sell_on_gap=int(execution.on_gap == "sell"),
        max_fill_delay_candles=execution.max_fill_delay_candles,
        optimistic=int(execution.intrabar == "optimistic"),
        touch=int(execution.target_fill == "touch"),
        target_improvement=int(execution.target_price_improvement),
        commission_ppm=commission,
        maker_commission_ppm=commission if maker is None else _ppm(maker),
        base_slippage_ppm=_ppm(simulation.slippage.base_bps / 10_000),
        impact_ppm=_ppm(simulation.slippage.impact_coefficient),
        max_slippage_ppm=_ppm(simulation.slippage.max_slippage_bps / 10_000),
        entry_threshold_ppm=_ppm(strategy.entry_threshold_pct),
        max_position=size,
        position_size_ppm=_ppm(strategy.position_size_pct),
        max_exposure_ppm=_ppm(risk.max_portfolio_exposure_pct),
        stop_loss_ppm=_ppm(risk.stop_loss_pct),
        take_profit_ppm=_ppm(risk.take_profit_pct),
        trailing_stop_ppm=_ppm(risk.trailing_stop_pct),
        trailing_activation_ppm=_ppm(risk.trailing_activation_pct),
        max_open_positions=risk.max_open_positions,
        max_daily_loss_ppm=_ppm(risk.max_daily_loss_pct),
        max_drawdown_ppm=_ppm(risk.max_drawdown_pct),
        drawdown_pause_days=risk.drawdown_pause_days or 0,
        max_daily_trades=risk.max_daily_trades or 0,
        cooldown_candles=risk.cooldown_candles,
        flatten=int(risk.on_halt == "flatten"),
    )


def _parameters(config: Config) -> Any:
    strategy = config.strategy
    if strategy.name != "sma_crossover":
        return dict(strategy.parameters)
    return Crossover(
        fast_period=strategy.fast_period,
        slow_period=strategy.slow_period,
        entry_threshold_ppm=_ppm(strategy.entry_threshold_pct),
        exit_threshold_ppm=_ppm(strategy.exit_threshold_pct),
        confirm_within_candles=strategy.confirm_within_candles,
    )


def _markets(scales: Sequence[Scale], money: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    rows = []
    for scale in scales:
        finer = max(scale.quantity_decimals, scale.volume_decimals)
        k = 10 ** (money - scale.price_decimals - scale.quantity_decimals)
        quantity_up = 10 ** (finer - scale.quantity_decimals)
        volume_up = 10 ** (finer - scale.volume_decimals)
        rows.append((scale.tick, scale.lot, k, scale.min_notional, quantity_up, volume_up))
    return np.array(rows, np.int64)


def _ppm(share: Decimal | None) -> int:
    return 0 if share is None else int(share * MILLION)  # exact: the model allows no more than 6 decimals


def _units(key: str, amount: Decimal, places: int, problems: list[Problem]) -> int:
    units = amount.scaleb(places)
    if units != units.to_integral_value():
        problems.append(Problem("", key, f"{amount} has more than the {places} decimals of its scale"))
    elif units > LIMIT:
        problems.append(Problem("", key, f"{amount} with {places} decimals is above 2**62 units"))
    return min(int(units), LIMIT)
