"""Rules between keys: errors, warnings, and defaults that depend on other keys. This module opens no files."""

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import ROUND_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from safla.config import exchanges, paths, patterns
from safla.config.replay_time import HOUR_SECONDS, duration_text, replay_seconds
from safla.config.types import plain
from safla.core.timeframes import TIMEFRAMES
from safla.section import Section, number_range
from safla.text import counted, quoted

if TYPE_CHECKING:
    from safla.config.model import Config
    from safla.config.trading import MarketSection
    from safla.strategies.register import Strategy

CROSSOVER, RULES_STRATEGY = "sma_crossover", "rules"
CROSSOVER_KEYS = (
    "fast_period", "slow_period", "entry_threshold_pct", "exit_threshold_pct", "confirm_within_candles",
)  # fmt: skip
RULE_KEYS = (
    "indicators", "entry", "exit", "strength", "stop_distance", "target_distance", "trail_distance", "warm_up",
)  # fmt: skip
LOOKBACK = 100  # candles, unless the warm-up is longer
MAX_HOLES = 10_000_000  # the highest number of synthetic candles
RECORDED = ("file", "csv", "parquet", "vision")  # sources that read files and need data.path
FAST = ("1m", "3m", "5m")  # timeframes below 15m (S22)
LOOPBACK = ("127.0.0.1", "::1")


# Fractions from which on the user probably meant per cent. They are allowed, with a warning.
IMPLAUSIBLE = {
    "risk.stop_loss_pct": Decimal("0.5"),
    "risk.take_profit_pct": Decimal(1),
    "risk.trailing_stop_pct": Decimal("0.5"),
    "risk.trailing_activation_pct": Decimal(1),
    "risk.break_even_after_pct": Decimal(1),
    "risk.break_even_offset_pct": Decimal(1),
    "risk.max_daily_loss_pct": Decimal("0.5"),
    "risk.max_drawdown_pct": Decimal(1),
    "strategy.entry_threshold_pct": Decimal("0.1"),
    "strategy.exit_threshold_pct": Decimal("0.1"),
    "simulation.commission_rate": Decimal("0.02"),
}
NEVER = {Decimal(1): ("strategy.entry_threshold_pct", "strategy.exit_threshold_pct")}  # a threshold of 1 means "never"
PER_CENT = ("monitoring.cpu_pct", "monitoring.memory_pct")

OFF = {  # limits that null switches off
    "risk.stop_loss_pct": "no stop loss",
    "risk.take_profit_pct": "no profit target",
    "risk.max_daily_loss_pct": "no daily loss limit",
    "risk.max_drawdown_pct": "no drawdown limit",
    "risk.max_daily_trades": "no limit on entries per day",
}


RISK = "strategy.risk_per_trade_pct"
NO_STOP = "needs a stop from the fill on; set risk.stop_loss_pct, or a trailing stop without trailing_activation_pct"
SHARES = {  # keys of `risk`, and the distance that a strategy may give instead (S30)
    "stop_loss_pct": "stop_distance",
    "take_profit_pct": "target_distance",
    "trailing_stop_pct": "trail_distance",
}


class Violation(NamedTuple):
    """A rule that is broken: the keys that it compares, the one to change first, and the text for the user."""

    keys: tuple[str, ...]
    text: str
    place: tuple[tuple[str | int, ...], int] | None = None  # in a sentence, or a map of them: which, and where in it


def broken(config: "Config", *, strategies: Collection[str] = ()) -> list[Violation]:
    """Return every rule that the configuration breaks. strategies: names that Python has added to the register (D5)."""
    return [*_strategy(config, strategies), *(violation for rule in RULES for violation in rule(config))]


def notices(config: "Config") -> list[Violation]:
    """Return a warning for every setting that is allowed but probably not intended."""
    fixed = [Violation(keys, text) for keys, text, applies in NOTICES if applies(config)]
    return [
        *fixed, *_implausible(config), *_costly_break_even(config), *_perpetuals(config), *_slow_replay(config),
    ]  # fmt: skip


def switched_off(config: "Config", written: Mapping[str, str]) -> list[Violation]:
    """Return the limits that an explicit null switches off. written: the origin of every dotted key."""
    return [
        Violation((key,), f"null: {what}")
        for key, what in OFF.items()
        if _value(config, key) is None and written[key] != "default"
    ]


def _value(config: "Config", dotted: str) -> Any:
    section, name = dotted.split(".")
    return getattr(getattr(config, section), name)


def _implausible(config: "Config") -> Iterator[Violation]:
    """Yield a warning for each fraction so large that the user may have meant per cent."""
    for key in IMPLAUSIBLE:
        if text := per_cent_meant(key, _value(config, key)):
            yield Violation((key,), text)
    for key in PER_CENT:
        if _value(config, key) == 1:
            yield Violation((key,), "1 is 1 %, so the alert is always on; this key is in per cent: 80 is 80 %")


def per_cent_meant(key: str, value: Decimal | None) -> str:
    """Return the warning for a fraction so large that the user may have meant per cent, "" if it is plausible."""
    threshold = IMPLAUSIBLE.get(key)
    if value is None or threshold is None or value < threshold or key in NEVER.get(value, ()):
        return ""
    return f"{plain(value)} is {percent(value)}; if you mean {plain(value)} %, write {hundredth(value)}"


def percent(value: Decimal) -> str:
    """Format a fraction in per cent: 0.02 is 2 %."""
    return f"{plain(value * 100)} %"


def hundredth(value: Decimal) -> str:
    """Format the fraction that equals a number of per cent: 2 is 0.02."""
    return plain(value / 100)


def _costly_break_even(config: "Config") -> Iterator[Violation]:
    """Yield a warning where an exit at break-even loses: (1 + x) (1 - c) is 1 + c at x = 2 c / (1 - c)."""
    risk, rate = config.risk, config.simulation.commission_rate
    covering = (2 * rate / (1 - rate)).quantize(Decimal("0.000001"), ROUND_UP)
    if risk.break_even_after_pct is not None and risk.break_even_offset_pct < covering:
        text = f"an exit there loses commissions: {plain(covering)} covers those of entry and exit"
        yield Violation(("risk.break_even_offset_pct", "simulation.commission_rate"), text)


def _perpetuals(config: "Config") -> Iterator[Violation]:
    for name in ("symbols.primary", "symbols.test"):
        contracts = [symbol for symbol in _value(config, name) if ":" in symbol]
        if contracts:
            text = "contracts are traded as spot: long only, without funding, margin or liquidation"
            yield Violation((name,), f"{', '.join(contracts)}: {text}")


def _slow_replay(config: "Config") -> Iterator[Violation]:
    seconds = replay_seconds(config)
    if seconds is not None and seconds > HOUR_SECONDS:
        text = f"{config.paper.speed}: the replay of the candles of `data` takes about {duration_text(seconds)}"
        yield Violation(("paper.speed",), f"{text}; a higher speed or max is quicker")


def resolved(config: "Config") -> dict[str, object]:
    """Return the sections whose defaults depend on other keys, with those defaults filled in where no value is set."""
    sections: dict[str, object] = {}
    strategy: dict[str, object] = {}
    found = _built_in(config)
    if found is not None and found[0].section is not None:
        strategy["parameters"] = found[1].model_dump()
    if "max_position_size_usd" not in config.strategy.model_fields_set and _sized_by_equity(config):
        strategy["max_position_size_usd"] = None
    if left_out := {
        key: None for key, given in _distances(config).items() if given and key not in config.risk.model_fields_set
    }:
        sections["risk"] = config.risk.model_copy(update=left_out)
    if strategy:
        sections["strategy"] = config.strategy.model_copy(update=strategy)
    if "lookback_candles" not in config.market_data.model_fields_set:
        lookback = {"lookback_candles": max(LOOKBACK, _warm_up(config))}
        sections["market_data"] = config.market_data.model_copy(update=lookback)
    if config.mode == "paper" and "detail" not in config.journal.model_fields_set:
        sections["journal"] = config.journal.model_copy(update={"detail": "candles"})
    return sections


def _distances(config: "Config") -> dict[str, bool]:
    """Return the keys of `risk` in place of which the strategy may give a distance (S30), and whether it does."""
    found = _built_in(config)
    given = (False,) * len(SHARES) if found is None else found[0].distances(found[0].resolve(found[1]))
    return dict(zip(SHARES, given, strict=True))


def _levels(config: "Config") -> Iterator[Violation]:
    for key, given in _distances(config).items():
        if given and getattr(config.risk, key) is not None:
            own = f"strategy.{SHARES[key]}"
            yield Violation((f"risk.{key}", own), f"{config.strategy.name} gives {own}; set one of them")


def _sized_by_equity(config: "Config") -> bool:
    """Return whether a key of the strategy sizes entries in place of max_position_size_usd."""
    return config.strategy.equity_share_pct is not None or config.strategy.risk_per_trade_pct is not None


def _risk(config: "Config") -> Iterator[Violation]:
    risk, given = config.risk, _distances(config)
    trails = risk.trailing_stop_pct is not None or given["trailing_stop_pct"]
    stops = risk.stop_loss_pct is not None or given["stop_loss_pct"]
    built_in = _built_in(config) is not None  # the plan knows what strategies from Python give
    if config.strategy.risk_per_trade_pct and built_in and not (stops or (trails and not risk.trailing_activation_pct)):
        yield Violation((RISK, "risk.stop_loss_pct"), NO_STOP)


def _built_in(config: "Config") -> tuple["Strategy", Any] | None:
    """Return the strategy if it is one of ours, with its keys; None otherwise, and if its parameters do not fit."""
    # Imports numpy, which is slow; a file that is not even YAML fails before this.
    from safla.strategies.register import STRATEGIES, keys_of

    strategy = STRATEGIES.get(config.strategy.name)
    if strategy is None:
        return None
    try:
        return strategy, keys_of(strategy, config.strategy, TIMEFRAMES[config.market_data.timeframe])
    except ValidationError:
        return None


def _warm_up(config: "Config") -> int:
    """Return the warm-up of the strategy in candles; 0 for strategies from Python, which compute it themselves."""
    found = _built_in(config)
    if found is None or (config.strategy.name == RULES_STRATEGY and any(found[0].check(found[1]))):
        return 0
    return found[0].warm_up(found[0].resolve(found[1]))


def _strategy(config: "Config", added: Collection[str]) -> Iterator[Violation]:
    from safla.strategies.register import STRATEGIES

    name = config.strategy.name
    if name not in STRATEGIES:
        if name not in added and config.strategy.file is None:
            text = f"{name} is not registered; available: {', '.join(sorted(STRATEGIES))}"
            text += f"; code of your own is named with --strategy {name}=FILE.py"
            yield Violation(("strategy.name",), text)
        return
    if config.strategy.file is not None:
        text = f"is not used, for {name} comes with safla; give your strategy a name of its own: strategy.name: mine"
        yield Violation(("strategy.file", "strategy.name"), text)
    section = STRATEGIES[name].section
    if section is not None:
        yield from _parameters(config, section)
    yield from _keys_of_others(config)
    found = _built_in(config)
    if found is not None:
        prefix = "strategy." if section is None else "strategy.parameters."
        for keys, text, *place in found[0].check(found[1]):
            yield Violation(tuple(prefix + key for key in keys), text, *place)


def _keys_of_others(config: "Config") -> Iterator[Violation]:
    """Yield the keys that are written though the strategy has no use for them."""
    name, written = config.strategy.name, config.strategy.model_fields_set
    for key in sorted(written & set(not_of(name))):
        owner = CROSSOVER if key in CROSSOVER_KEYS else RULES_STRATEGY
        if getattr(config.strategy, key) != type(config.strategy).model_fields[key].default:
            yield Violation(
                (f"strategy.{key}", "strategy.name"), f"is a key of {owner}; remove it, {name} has no such key"
            )


def not_of(strategy: str) -> tuple[str, ...]:
    """Return the keys of the section `strategy` that this strategy does not have."""
    return CROSSOVER_KEYS if strategy == RULES_STRATEGY else RULE_KEYS


def _parameters(config: "Config", section: type[Section]) -> Iterator[Violation]:
    """Yield what is wrong with the parameters of a strategy of ours, one by one."""
    for name, value in config.strategy.parameters.items():
        field = section.model_fields.get(name)
        key = f"strategy.parameters.{name}"
        if field is None:
            yield Violation(
                (key,), f"unknown parameter of {config.strategy.name}; known here: {', '.join(section.model_fields)}"
            )
            continue
        try:
            section.model_validate({name: value})
        except ValidationError:
            kind = int if field.annotation is int else Decimal
            yield Violation((key,), f"expected {number_range(kind, field.metadata)}, got {value}")


def _exchange(config: "Config") -> Iterator[Violation]:
    name = config.exchange.name
    if not exchanges.known(name):
        near = exchanges.nearest(name)
        hint = f"did you mean {', '.join(near)}?" if near else "write the name as in ccxt, such as binance"
        yield Violation(("exchange.name",), f"{name} is not an exchange that ccxt knows; {hint}")


def _lookback(config: "Config") -> Iterator[Violation]:
    lookback, needed = config.market_data.lookback_candles, _warm_up(config)
    if lookback < needed:
        text = f"expected at least {needed} candles, the warm-up of {config.strategy.name}, got {lookback}"
        yield Violation(("market_data.lookback_candles", "strategy.name"), text)


def _size(config: "Config") -> Iterator[Violation]:
    if config.strategy.max_position_size_usd is None and not _sized_by_equity(config):
        text = "expected a number, got null: nothing says how large a position is"
        text += "; set it, or strategy.equity_share_pct or risk_per_trade_pct"
        yield Violation(("strategy.max_position_size_usd", "strategy.equity_share_pct", RISK), text)


def _target_steps(config: "Config") -> Iterator[Violation]:
    candles = [target.after_candles for target in config.risk.target_steps]
    for before, after in pairwise(candles):
        if after <= before:
            text = f"expected after_candles in ascending order, got {after} after {before}"
            yield Violation(("risk.target_steps",), text)


def _break_even(config: "Config") -> Iterator[Violation]:
    after, offset = config.risk.break_even_after_pct, config.risk.break_even_offset_pct
    if after is not None and offset >= after:
        keys = ("risk.break_even_offset_pct", "risk.break_even_after_pct")
        yield Violation(keys, f"expected a number < break_even_after_pct ({plain(after)}), got {plain(offset)}")


def _slippage(config: "Config") -> Iterator[Violation]:
    low, high = config.simulation.slippage.base_bps, config.simulation.slippage.max_slippage_bps
    if low > high:
        keys = ("simulation.slippage.base_bps", "simulation.slippage.max_slippage_bps")
        yield Violation(keys, f"expected a number <= max_slippage_bps ({high}), got {low}")


def _symbols(config: "Config") -> Iterator[Violation]:
    for name, symbols in (("symbols.primary", config.symbols.primary), ("symbols.test", config.symbols.test)):
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            yield Violation((name,), f"listed more than once: {', '.join(twice)}; list each symbol once")
        quotes = sorted({quote(symbol) for symbol in symbols})
        if len(quotes) > 1:
            yield Violation((name,), f"different quote currencies: {', '.join(quotes)}; use one quote currency per run")


def quote(symbol: str) -> str:
    """Return the quote currency of a symbol: USDT for BTC/USDT and for BTC/USDT:USDT."""
    return symbol.partition("/")[2].partition(":")[0]


def _detail(config: "Config") -> Iterator[Violation]:
    if config.mode == "paper" and config.journal.detail != "candles":
        text = f"expected candles when mode is paper, got {config.journal.detail}; write candles or leave the key out"
        yield Violation(("journal.detail", "mode"), text)


def _window(config: "Config") -> Iterator[Violation]:
    start, end = config.data.start, config.data.end
    if start is not None and end is not None and start >= end:
        yield Violation(("data.start", "data.end"), "expected a time before data.end, which is exclusive")


MINUTES = {"m": 1, "h": 60, "d": 1440}  # by the letter that ends a timeframe


def _minutes(timeframe: str) -> int:
    return int(timeframe[:-1]) * MINUTES[timeframe[-1]]


def _source_timeframe(config: "Config") -> Iterator[Violation]:
    source, market = config.data.timeframe, config.market_data.timeframe
    if source in (None, market):
        return
    keys = ("data.timeframe", "market_data.timeframe")
    if _minutes(market) % _minutes(source):
        text = f"{market} candles (market_data.timeframe) cannot be built from {source} candles"
        yield Violation(keys, f"{text}; choose a length that divides {market}")
    elif config.mode == "paper":
        text = f"only backtests build longer candles; paper trading takes {market} candles from the exchange"
        yield Violation((*keys, "mode"), f"{text}; leave data.timeframe out")


def _path(config: "Config") -> Iterator[Violation]:
    if config.data.source in RECORDED and config.data.path is None:
        text = f"is required when data.source is {config.data.source}; name a file, a list of files or a pattern"
        yield Violation(("data.path", "data.source"), text)
    for word in dict.fromkeys(
        word for pattern in config.data.path or () for word in paths.unknown_placeholders(pattern)
    ):
        known = " ".join(f"{{{placeholder}}}" for placeholder in paths.PLACEHOLDERS)
        yield Violation(("data.path",), f"unknown placeholder {quoted('{' + word + '}')}; available: {known}")
    for text in dict.fromkeys(patterns.misplaced(pattern) for pattern in config.data.path or ()):
        if text:
            yield Violation(("data.path",), text)


def _holes(config: "Config") -> Iterator[Violation]:
    holes = config.data.synthetic.holes
    if holes > MAX_HOLES:
        yield Violation(("data.synthetic.holes",), f"expected an integer from 0 to {MAX_HOLES}, got {holes}")


def _log_files(config: "Config") -> Iterator[Violation]:
    files = config.logging.files.model_dump()
    for name, file in files.items():
        others = [f"logging.files.{other}" for other in files if other > name and files[other] == file]
        if others:
            text = f"{file} is also the name of {', '.join(others)}; give each log its own file"
            yield Violation((f"logging.files.{name}", *others), text)


def _grids(config: "Config") -> Iterator[Violation]:
    for symbol, market in config.markets.items():
        money = money_decimals(config)
        for name, step, places, scale in (
            ("tick", market.tick, market.price_decimals, "price_decimals"),
            ("lot", market.lot, market.quantity_decimals, "quantity_decimals"),
            ("min_notional", market.min_notional, money, "price_decimals and quantity_decimals"),
        ):
            if step is not None and places is not None and not is_whole_units(step, places):
                keys = tuple(f"markets.{symbol}.{member}" for member in (name, *scale.split(" and ")))
                yield Violation(keys, f"expected at most {counted(places, 'decimal')} ({scale}), got {step}")


def money_decimals(config: "Config") -> int | None:
    """Return the decimals of money (D1) if `markets` gives the scales of every symbol; None if the candles decide."""
    names = {*config.symbols.primary, *config.symbols.test}
    scales = [_notional_decimals(config.markets[name]) if name in config.markets else None for name in names]
    known = [places for places in scales if places is not None]
    return max(known) if known and len(known) == len(scales) else None


def _notional_decimals(market: "MarketSection") -> int | None:
    if market.price_decimals is None or market.quantity_decimals is None:
        return None
    return market.price_decimals + market.quantity_decimals


def is_whole_units(number: Decimal, places: int) -> bool:
    """Return whether a decimal is a multiple of 10^-places."""
    return number.scaleb(places) == number.scaleb(places).to_integral_value()


def _seed_thresholds(config: "Config") -> bool:
    strategy = config.strategy
    return (
        strategy.name == CROSSOVER
        and config.market_data.timeframe in FAST
        and strategy.entry_threshold_pct >= Decimal("0.001")
    )


def _exposed(config: "Config") -> bool:
    prometheus = config.monitoring.prometheus
    return prometheus is not None and prometheus.bind not in LOOPBACK


RULES: tuple[Callable[["Config"], Iterator[Violation]], ...] = (
    _exchange,
    _lookback,
    _size,
    _levels,
    _risk,
    _target_steps,
    _break_even,
    _slippage,
    _symbols,
    _detail,
    _window,
    _source_timeframe,
    _path,
    _holes,
    _log_files,
    _grids,
)

NOTICES: tuple[tuple[tuple[str, ...], str, Callable[["Config"], bool]], ...] = (
    (
        ("exchange.sandbox",),
        "test networks are wiped monthly: their history is short, and their prices are not those of the market",
        lambda config: config.exchange.sandbox,
    ),
    (
        ("strategy.entry_threshold_pct", "market_data.timeframe"),
        "high for this timeframe, it suits 1h and slower: in a year of 5m candles 10 of 2181 golden crosses pass 0.001",
        _seed_thresholds,
    ),
    (
        ("risk.max_daily_loss_pct", "market_data.timeframe"),
        "on 1d this limit can only flatten positions: its halt is lifted before the next decision",
        lambda config: config.risk.max_daily_loss_pct is not None and config.market_data.timeframe == "1d",
    ),
    (
        ("data.path", "data.source"),
        "is ignored: only the sources file, csv, parquet and vision read files (data.source)",
        lambda config: config.data.path is not None and config.data.source not in RECORDED,
    ),
    (
        ("monitoring.prometheus.bind",),
        "other machines can read the metrics at this address",
        _exposed,
    ),
)
