"""Rules between keys: what must fit, what deserves a warning, and defaults that follow from other keys. No file."""

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from safla.config import exchanges, paths, patterns
from safla.config.types import plain
from safla.text import quoted

if TYPE_CHECKING:
    from safla.config.model import Config
    from safla.config.trading import MarketSection

CROSSOVER = "sma_crossover"
MAX_PERIOD_PRODUCT = 2**20  # D1: so that the sums of closes times the periods stay within int64
LOOKBACK = 100  # candles, unless the warm-up is longer
MAX_HOLES = 10_000_000  # as many as there may be candles
RECORDED = ("file", "csv", "parquet", "vision")  # sources that are files and need data.path
FAST = ("1m", "3m", "5m")  # below 15m (S22)
LOOPBACK = ("127.0.0.1", "::1")


# From where on a fraction is more likely to have been meant as per cent. All of them are allowed.
IMPLAUSIBLE = {
    "risk.stop_loss_pct": Decimal("0.5"),
    "risk.take_profit_pct": Decimal(1),
    "risk.trailing_stop_pct": Decimal("0.5"),
    "risk.trailing_activation_pct": Decimal(1),
    "risk.max_daily_loss_pct": Decimal("0.5"),
    "risk.max_drawdown_pct": Decimal(1),
    "strategy.entry_threshold_pct": Decimal("0.1"),
    "strategy.exit_threshold_pct": Decimal("0.1"),
    "simulation.commission_rate": Decimal("0.02"),
}
NEVER = {Decimal(1): ("strategy.entry_threshold_pct", "strategy.exit_threshold_pct")}  # 1 is how people write "never"
PER_CENT = ("monitoring.cpu_pct", "monitoring.memory_pct")

OFF = {  # limits that null switches off, and what is missing then
    "risk.stop_loss_pct": "no stop loss",
    "risk.take_profit_pct": "no profit target",
    "risk.max_daily_loss_pct": "no limit to the loss of a day",
    "risk.max_drawdown_pct": "no limit to the drawdown",
    "risk.max_daily_trades": "no limit to the entries of a day",
}


class Violation(NamedTuple):
    """A rule that does not hold: the keys that meet in it, the one to blame first, and what would fit."""

    keys: tuple[str, ...]
    text: str


def broken(config: "Config", *, strategies: Collection[str] = ()) -> list[Violation]:
    """Every rule that the configuration breaks. `strategies` are names that Python has added to the register (D5)."""
    return [*_strategy(config, strategies), *(one for rule in RULES for one in rule(config))]


def notices(config: "Config") -> list[Violation]:
    """What is allowed and yet deserves a warning."""
    fixed = [Violation(keys, text) for keys, text, applies in NOTICES if applies(config)]
    return [*fixed, *_implausible(config), *_perpetuals(config)]


def switched_off(config: "Config", written: Mapping[str, str]) -> list[Violation]:
    """The limits that are off because somebody wrote null. written: dotted keys and where each came from."""
    return [
        Violation((key,), f"null: {what}")
        for key, what in OFF.items()
        if _value(config, key) is None and written[key] != "default"
    ]


def _value(config: "Config", dotted: str) -> Any:
    section, name = dotted.split(".")
    return getattr(getattr(config, section), name)


def _implausible(config: "Config") -> Iterator[Violation]:
    """Fractions so large that per cent may have been meant."""
    for key in IMPLAUSIBLE:
        if text := per_cent_meant(key, _value(config, key)):
            yield Violation((key,), text)
    for key in PER_CENT:
        if _value(config, key) == 1:
            yield Violation((key,), "1 is 1 %, which is always passed; these two are per cent: 80 is 80 %")


def per_cent_meant(key: str, value: Decimal | None) -> str:
    """What to ask about a fraction that is so large that per cent may have been meant, "" where it is plausible."""
    least = IMPLAUSIBLE.get(key)
    if value is None or least is None or value < least or key in NEVER.get(value, ()):
        return ""
    return f"{plain(value)} is {percent(value)}; if {plain(value)} % is meant, write {hundredth(value)}"


def percent(value: Decimal) -> str:
    """A fraction as people say it: 0.02 is 2 %."""
    return f"{plain(value * 100)} %"


def hundredth(value: Decimal) -> str:
    """What is to be written for a number of per cent."""
    return plain(value / 100)


def _perpetuals(config: "Config") -> Iterator[Violation]:
    for name in ("symbols.primary", "symbols.test"):
        contracts = [symbol for symbol in _value(config, name) if ":" in symbol]
        if contracts:
            text = (
                f"{', '.join(contracts)}: a contract is run as spot: long only, without funding, margin or liquidation"
            )
            yield Violation((name,), text)


def resolved(config: "Config") -> dict[str, object]:
    """The sections with the defaults that follow from other keys, where the configuration leaves them open."""
    sections: dict[str, object] = {}
    if "lookback_candles" not in config.market_data.model_fields_set:
        lookback = {"lookback_candles": max(LOOKBACK, crossover_warm_up(config))}
        sections["market_data"] = config.market_data.model_copy(update=lookback)
    if config.mode == "paper" and "detail" not in config.journal.model_fields_set:
        sections["journal"] = config.journal.model_copy(update={"detail": "candles"})
    return sections


def crossover_warm_up(config: "Config") -> int:
    """Candles that the crossover needs (S22); 0 for other strategies, which say it themselves once they are asked."""
    strategy = config.strategy
    return strategy.slow_period + 1 + strategy.confirm_within_candles if strategy.name == CROSSOVER else 0


def _strategy(config: "Config", added: Collection[str]) -> Iterator[Violation]:
    from safla.strategies.register import (
        STRATEGIES,  # it brings numpy, which a file that is no YAML should not wait for
    )

    name = config.strategy.name
    if name not in STRATEGIES and name not in added:
        yield Violation(("strategy.name",), f"{name} is not registered; registered: {', '.join(sorted(STRATEGIES))}")
    if name == CROSSOVER and config.strategy.parameters:
        yield Violation(("strategy.parameters", "strategy.name"), f"{CROSSOVER} takes none; it has keys of its own")


def _exchange(config: "Config") -> Iterator[Violation]:
    name = config.exchange.name
    if not exchanges.known(name):
        near = exchanges.nearest(name)
        hint = f"did you mean {', '.join(near)}?" if near else "it is spelled as in ccxt, such as binance"
        yield Violation(("exchange.name",), f"{name} is no exchange that ccxt knows; {hint}")


def _periods(config: "Config") -> Iterator[Violation]:
    fast, slow = config.strategy.fast_period, config.strategy.slow_period
    keys = ("strategy.fast_period", "strategy.slow_period")
    if fast >= slow:
        yield Violation(keys, f"{fast} must be below slow_period, which is {slow}")
    if fast * slow > MAX_PERIOD_PRODUCT:
        yield Violation(keys, f"{fast} times slow_period {slow} is {fast * slow}, above {MAX_PERIOD_PRODUCT}")


def _lookback(config: "Config") -> Iterator[Violation]:
    lookback, needed = config.market_data.lookback_candles, crossover_warm_up(config)
    if lookback < needed:
        keys = ("market_data.lookback_candles", "strategy.slow_period", "strategy.confirm_within_candles")
        text = f"{lookback} is below the warm-up {needed} (slow_period + 1 + confirm_within_candles); at least {needed}"
        yield Violation(keys, text)


def _slippage(config: "Config") -> Iterator[Violation]:
    low, high = config.simulation.slippage.base_bps, config.simulation.slippage.max_slippage_bps
    if low > high:
        keys = ("simulation.slippage.base_bps", "simulation.slippage.max_slippage_bps")
        yield Violation(keys, f"{low} is above max_slippage_bps, which is {high}")


def _symbols(config: "Config") -> Iterator[Violation]:
    for name, symbols in (("symbols.primary", config.symbols.primary), ("symbols.test", config.symbols.test)):
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            yield Violation((name,), f"{', '.join(twice)} stands there twice; each symbol once")
        quotes = sorted({quote(symbol) for symbol in symbols})
        if len(quotes) > 1:
            yield Violation((name,), f"the quotes {', '.join(quotes)} meet; one quote currency a run")


def quote(symbol: str) -> str:
    """The quote currency of a symbol: USDT of BTC/USDT and of BTC/USDT:USDT."""
    return symbol.partition("/")[2].partition(":")[0]


def _detail(config: "Config") -> Iterator[Violation]:
    if config.mode == "paper" and config.journal.detail != "candles":
        text = f"{config.journal.detail} is too little where mode is paper; candles, or leave it out"
        yield Violation(("journal.detail", "mode"), text)


def _window(config: "Config") -> Iterator[Violation]:
    start, end = config.data.start, config.data.end
    if start is not None and end is not None and start >= end:
        yield Violation(("data.start", "data.end"), "must be before data.end, which is exclusive")


MINUTES = {"m": 1, "h": 60, "d": 1440}  # of the letter behind a timeframe's number


def _minutes(timeframe: str) -> int:
    return int(timeframe[:-1]) * MINUTES[timeframe[-1]]


def _source_timeframe(config: "Config") -> Iterator[Violation]:
    source, market = config.data.timeframe, config.market_data.timeframe
    if source in (None, market):
        return
    keys = ("data.timeframe", "market_data.timeframe")
    if _minutes(market) % _minutes(source):
        yield Violation(keys, f"candles of {market} (market_data.timeframe) cannot be built of candles of {source}")
    elif config.mode == "paper":
        text = f"longer candles are built in backtests alone: paper takes those of {market} as the exchange closes them"
        yield Violation((*keys, "mode"), f"{text}; leave data.timeframe out")


def _path(config: "Config") -> Iterator[Violation]:
    if config.data.source in RECORDED and config.data.path is None:
        yield Violation(("data.path", "data.source"), f"is needed where data.source is {config.data.source}")
    for word in dict.fromkeys(
        word for pattern in config.data.path or () for word in paths.unknown_placeholders(pattern)
    ):
        known = " ".join(f"{{{one}}}" for one in paths.PLACEHOLDERS)
        yield Violation(("data.path",), f"{quoted('{' + word + '}')} stands for nothing; there are {known}")
    for text in dict.fromkeys(patterns.misplaced(pattern) for pattern in config.data.path or ()):
        if text:
            yield Violation(("data.path",), text)


def _holes(config: "Config") -> Iterator[Violation]:
    holes = config.data.synthetic.holes
    if holes > MAX_HOLES:
        yield Violation(("data.synthetic.holes",), f"{holes} is above {MAX_HOLES}")


def _log_files(config: "Config") -> Iterator[Violation]:
    files = config.logging.files.model_dump()
    for name, file in files.items():
        others = [f"logging.files.{other}" for other in files if other > name and files[other] == file]
        if others:
            yield Violation(
                (f"logging.files.{name}", *others), f"{file} stands for {', '.join(others)} too; one file each"
            )


def _grids(config: "Config") -> Iterator[Violation]:
    for symbol, market in config.markets.items():
        money = money_decimals(config)
        for name, step, places, scale in (
            ("tick", market.tick, market.price_decimals, "price_decimals"),
            ("lot", market.lot, market.quantity_decimals, "quantity_decimals"),
            ("min_notional", market.min_notional, money, "price_decimals and quantity_decimals"),
        ):
            if step is not None and places is not None and not is_whole_units(step, places):
                keys = tuple(f"markets.{symbol}.{one}" for one in (name, *scale.split(" and ")))
                yield Violation(keys, f"{step} has more than the {places} decimals of {scale}")


def money_decimals(config: "Config") -> int | None:
    """Decimals of money (D1), where `markets` gives the scales of every symbol; else the candles decide."""
    names = {*config.symbols.primary, *config.symbols.test}
    scales = [_notional_decimals(config.markets[name]) if name in config.markets else None for name in names]
    known = [places for places in scales if places is not None]
    return max(known) if known and len(known) == len(scales) else None


def _notional_decimals(market: "MarketSection") -> int | None:
    if market.price_decimals is None or market.quantity_decimals is None:
        return None
    return market.price_decimals + market.quantity_decimals


def is_whole_units(number: Decimal, places: int) -> bool:
    """Whether a decimal is a whole number of units of 10^-places."""
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
    _periods,
    _lookback,
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
        "test networks are wiped monthly: their history is short and their prices are not the market's",
        lambda config: config.exchange.sandbox,
    ),
    (
        ("strategy.entry_threshold_pct", "market_data.timeframe"),
        "so high a threshold suits 1h and slower: of a year of 5m candles 10 in 2 181 golden crosses pass 0.001",
        _seed_thresholds,
    ),
    (
        ("risk.max_daily_loss_pct", "market_data.timeframe"),
        "on 1d a daily loss can only flatten: the halt is lifted before the next decision",
        lambda config: config.risk.max_daily_loss_pct is not None and config.market_data.timeframe == "1d",
    ),
    (
        ("data.path", "data.source"),
        "is not read: data.source names no file (file, csv, parquet and vision do)",
        lambda config: config.data.path is not None and config.data.source not in RECORDED,
    ),
    (
        ("monitoring.prometheus.bind",),
        "others than this machine can read the metrics there",
        _exposed,
    ),
)
