"""Turn a configuration into the plan of a run: scales, rules and texts as plain values. No files, no YAML."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from safla.config.constraints import NO_STOP, RISK
from safla.config.model import Config
from safla.config.plan_text import plan_texts, with_code
from safla.config.types import plain
from safla.core.candles import Scale, Series
from safla.core.exits import Distances, levels_from, stop_in_force
from safla.core.scale import LIMIT, MILLION
from safla.core.sizing import Confidence
from safla.core.timeframes import TIMEFRAMES, Timeframe
from safla.core.values import NONE, Detail, Plan, Rules
from safla.errors import ConfigError, Problem
from safla.strategies.register import STRATEGIES, GivenDistances, Strategy, keys_of
from safla.text import counted

LEAST_PRICE_FACTOR = 1000  # D1: prices stay below 2**62 / max(this, fast_period * slow_period)


class OrderRules(NamedTuple):
    """The current rules of an exchange for orders, as decimals (S3); None: it has no such rule."""

    tick: Decimal | None  # grid of prices
    lot: Decimal | None  # grid of quantities
    min_notional: Decimal | None  # in quote currency


NO_RULES = OrderRules(None, None, None)


class RunPlan(NamedTuple):
    """Everything that determines a run except its candles. Made from a configuration or from a journal's first line."""

    plan: Plan
    strategy: Strategy
    strategy_name: str
    parameters: Any  # of the type that the strategy takes
    name: str
    timeframe: Timeframe
    symbols: tuple[str, ...]
    scales: tuple[Scale, ...]
    quote: str
    money_decimals: int
    balance: int  # money units
    detail: Detail
    texts: dict[str, str]  # the plan as it is written in the journal (J15)


def source_timeframe(config: Config) -> Timeframe:
    """Return the length of the candles in the source, from which those of market_data.timeframe are built."""
    return config.data.timeframe or config.market_data.timeframe


def price_limit(config: Config) -> int:
    """Return the highest price that the core accepts, in price units (D1)."""
    strategy = STRATEGIES.get(config.strategy.name)
    factor = 1 if strategy is None else strategy.price_factor(_parameters(config, strategy))
    return LIMIT // max(LEAST_PRICE_FACTOR, factor)


def scales(config: Config, series: Sequence[Series], *, rules: Sequence[OrderRules] = ()) -> tuple[Scale, ...]:
    """Return the scale of each symbol: from `markets`, else from the rules of the exchange, else from the candles (S3).

    rules  one per symbol; empty if no exchange was asked
    Raise ConfigError if a tick, lot or minimum notional does not fit its scale.
    """
    rules = rules or [NO_RULES] * len(series)
    balance = config.simulation.initial_balance_usd
    # The most decimals of money at which ten times the balance still fits (S3).
    money_most = max((places for places in range(19) if balance * 10**places * 10 <= LIMIT), default=0)
    quantity_places = []
    for candles, order_rules in zip(series, rules, strict=True):
        market = config.markets.get(candles.symbol)
        configured = market.quantity_decimals if market else None
        usual = min(5, 11 - candles.price_decimals) if order_rules.lot is None else decimals(order_rules.lot)
        derived = max(0, min(usual, money_most - candles.price_decimals))
        quantity_places.append(derived if configured is None else configured)
    money = max(candles.price_decimals + places for candles, places in zip(series, quantity_places, strict=True))
    problems: list[Problem] = []
    result = tuple(
        _scale(config, candles, order_rules, quantity=places, money=money, problems=problems)
        for candles, order_rules, places in zip(series, rules, quantity_places, strict=True)
    )
    if problems:
        raise ConfigError(problems)
    return result


def decimals(amount: Decimal) -> int:
    """Return how many decimals a number needs, without trailing zeros."""
    return len(plain(amount).partition(".")[2])


def _scale(
    config: Config, series: Series, rules: OrderRules, *, quantity: int, money: int, problems: list[Problem]
) -> Scale:
    market = config.markets.get(series.symbol)

    def units(name: str, places: int, default: int) -> int:
        value = getattr(market, name) if market else None
        key = f"markets.{series.symbol}.{name}"
        if value is not None:
            return _units(key, value, places, problems)
        rule = getattr(rules, name)
        return default if rule is None else _rule_units(key, rule, places, problems)

    return Scale(
        price_decimals=series.price_decimals,
        quantity_decimals=quantity,
        volume_decimals=series.volume_decimals,
        tick=units("tick", series.price_decimals, 1),
        lot=units("lot", quantity, 1),
        min_notional=units("min_notional", money, 0),
    )


def _rule_units(key: str, amount: Decimal, places: int, problems: list[Problem]) -> int:
    """Convert a rule of the exchange to units of 10^-places: 1 if a unit is a multiple of the rule."""
    if amount and (Decimal(1).scaleb(-places) / amount) % 1 == 0:
        return 1
    if decimals(amount) > places:
        text = f"the exchange gives {amount}, the scale has {counted(places, 'decimal')}; set a value that fits"
        problems.append(Problem("", key, text, code="does_not_fit_scale"))
    return min(int(amount.scaleb(places)), LIMIT)


def make_plan(
    config: Config,
    symbols: tuple[str, ...],
    *,
    scales: tuple[Scale, ...],
    start: int,
    register: Mapping[str, Strategy] = STRATEGIES,
) -> RunPlan:
    """Return the plan of a run. Raise ConfigError if a value exceeds the bounds of D1 or the strategy is unknown.

    start     opening time of the first candle after the lookback, ms (S16)
    register  the strategies by name, including those from Python (D5)
    """
    strategy = _strategy(config, register)
    money = max(scale.price_decimals + scale.quantity_decimals for scale in scales)
    problems: list[Problem] = []
    balance = _units("simulation.initial_balance_usd", config.simulation.initial_balance_usd, money, problems)
    if balance * 10 > LIMIT:
        text = (
            f"expected a number <= {LIMIT // 10 // 10**money} for money with {money} decimals (price plus quantity "
            f"decimals), got {config.simulation.initial_balance_usd}; set fewer decimals in markets"
        )
        problems.append(Problem("", "simulation.initial_balance_usd", text, code="does_not_fit_scale"))
    parameters = _parameters(config, strategy)
    needs = _numbers_of(strategy, parameters)
    lookback = config.market_data.lookback_candles
    if lookback < needs.warm_up:
        text = f"expected at least the warm-up of {needs.warm_up} candles, got {lookback}"
        problems.append(Problem("", "market_data.lookback_candles", text, code="keys_do_not_fit"))
    rules = _rules(config, money, problems, start=start, needs=needs)
    if rules.risk_ppm > 0 and stop_in_force(rules, levels_from(rules, 1, LIMIT // 1000, Distances(1, 1, 1))) == NONE:
        problems.append(Problem("", RISK, NO_STOP, code="keys_do_not_fit"))
    if problems:
        raise ConfigError(problems)
    return RunPlan(
        plan=Plan(rules, _markets(scales, money), _target_steps(config)),
        strategy=strategy,
        strategy_name=config.strategy.name,
        parameters=parameters,
        name=config.system.name,
        timeframe=config.market_data.timeframe,
        symbols=symbols,
        scales=scales,
        quote=symbols[0].partition("/")[2].partition(":")[0],
        money_decimals=money,
        balance=balance,
        detail=config.journal.detail,
        texts=with_code(plan_texts(config), None if strategy.code is None else strategy.code.identity),
    )


def _strategy(config: Config, register: Mapping[str, Strategy]) -> Strategy:
    name = config.strategy.name
    if name not in register:
        text = f"{name} is not registered; available: {', '.join(sorted(register))}"
        text += f"; name the code of a strategy from Python with --strategy {name}=FILE.py, or pass it to the call as "
        text += f"strategies={{'{name}': function}}"
        raise ConfigError([Problem("", "strategy.name", text, code="strategy_unknown")])
    return register[name]


class _StrategyNumbers(NamedTuple):
    """What the rules take from the strategy."""

    warm_up: int
    settle: int
    confidence: Confidence
    distances: GivenDistances


def _numbers_of(strategy: Strategy, parameters: Any) -> _StrategyNumbers:
    warm_up = strategy.warm_up(parameters)
    settle = warm_up if strategy.settle is None else strategy.settle(parameters)
    return _StrategyNumbers(warm_up, settle, strategy.confidence(parameters), strategy.distances(parameters))


def _rules(config: Config, money: int, problems: list[Problem], *, start: int, needs: _StrategyNumbers) -> Rules:
    risk, simulation, execution = config.risk, config.simulation, config.execution
    strategy = config.strategy
    commission = _ppm(simulation.commission_rate)
    maker = simulation.maker_commission_rate
    size = _units("strategy.max_position_size_usd", strategy.max_position_size_usd, money, problems)
    return Rules(
        step_ms=TIMEFRAMES[config.market_data.timeframe],
        start_ts=start,
        warm_up=needs.warm_up,
        settle=needs.settle,
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
        confidence_cap_ppm=needs.confidence.cap_ppm,
        confidence_threshold_ppm=needs.confidence.threshold_ppm,
        max_position=size,
        position_size_ppm=_ppm(strategy.position_size_pct),
        equity_share_ppm=_ppm(strategy.equity_share_pct),
        risk_ppm=_ppm(strategy.risk_per_trade_pct),
        max_exposure_ppm=_ppm(risk.max_portfolio_exposure_pct),
        stop_loss_ppm=_ppm(risk.stop_loss_pct),
        take_profit_ppm=_ppm(risk.take_profit_pct),
        trailing_stop_ppm=_ppm(risk.trailing_stop_pct),
        trailing_activation_ppm=_ppm(risk.trailing_activation_pct),
        stop_distance=int(needs.distances.stop),
        target_distance=int(needs.distances.target),
        trail_distance=int(needs.distances.trail),
        break_even_after_ppm=_ppm(risk.break_even_after_pct),
        break_even_offset_ppm=_ppm(risk.break_even_offset_pct),
        max_held_candles=risk.max_candles_held or 0,
        max_open_positions=risk.max_open_positions,
        max_daily_loss_ppm=_ppm(risk.max_daily_loss_pct),
        max_drawdown_ppm=_ppm(risk.max_drawdown_pct),
        drawdown_pause_days=risk.drawdown_pause_days or 0,
        max_daily_trades=risk.max_daily_trades or 0,
        cooldown_candles=risk.cooldown_candles,
        flatten=int(risk.on_halt == "flatten"),
    )


def _parameters(config: Config, strategy: Strategy) -> Any:
    return strategy.resolve(keys_of(strategy, config.strategy, TIMEFRAMES[config.market_data.timeframe]))


def _markets(scales: Sequence[Scale], money: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    rows = []
    for scale in scales:
        finer = max(scale.quantity_decimals, scale.volume_decimals)  # common scale of quantities and volumes
        k = 10 ** (money - scale.price_decimals - scale.quantity_decimals)  # money units per price times quantity
        quantity_up = 10 ** (finer - scale.quantity_decimals)
        volume_up = 10 ** (finer - scale.volume_decimals)
        rows.append((scale.tick, scale.lot, k, scale.min_notional, quantity_up, volume_up))
    return np.array(rows, np.int64)


def _target_steps(config: Config) -> "np.ndarray[Any, np.dtype[np.int64]]":
    rows = [(target.after_candles, _ppm(target.gain_pct)) for target in config.risk.target_steps]
    return np.array(rows, np.int64).reshape(-1, 2)


def _ppm(share: Decimal | None) -> int:
    return 0 if share is None else int(share * MILLION)  # exact: the model allows no more than 6 decimals


def _units(key: str, amount: Decimal | None, places: int, problems: list[Problem]) -> int:
    if amount is None:
        return 0
    units = amount.scaleb(places)
    if units != units.to_integral_value():
        problems.append(
            Problem("", key, f"expected at most {counted(places, 'decimal')}, got {amount}", code="does_not_fit_scale")
        )
    elif units > LIMIT:
        text = f"expected at most 2**62 units, got {amount} with {counted(places, 'decimal')}; set fewer in markets"
        problems.append(Problem("", key, text, code="does_not_fit_scale"))
    return min(int(units), LIMIT)
