"""Strategies from Python: what a caller gives becomes an entry of the register (D5). Nothing is asked for a signal."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from safla.config.load import Loaded
from safla.core.strategies import STRATEGIES, Strategy
from safla.core.values import Columns, Float64, Int8
from safla.errors import ConfigError, Problem, StrategyError

MOST_CANDLES = 1_000_000  # of a warm-up: no lookback is longer (market_data.lookback_candles)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)  # as strategy.name
_LOOKBACK = "market_data.lookback_candles"


class StrategyFunction(Protocol):
    """What `strategies={"mine": function}` takes: a function of closed candles that carries how many it needs.

    columns     the candles so far, each int64[n] in ascending order and read-only: `ts` (open time, ms UTC), `open`,
                `high`, `low`, `close` (price units, integers) and `volume` (volume units)
    parameters  `strategy.parameters` of the configuration: a dict of int, Decimal or str
    returns     (signal, strength), two arrays of n numbers: signal +1 enters, -1 leaves, 0 does nothing; strength is a
                finite number of at least 0 (with `strategy.entry_threshold_pct` it becomes the confidence)

    The signal at a candle may depend on the `warm_up(parameters)` candles that end there and on nothing else: every run
    checks it at 32 candles, and a miss is `safla.Finding`. What it raises, or returns amiss, is `safla.StrategyError`.

        class Breakout:
            def warm_up(self, parameters):
                return 3

            def __call__(self, columns, parameters):
                signal = np.zeros(len(columns.close), np.int8)
                signal[2:] = np.sign(columns.close[2:] - columns.close[:-2])
                return signal, np.abs(signal).astype(float)

        safla.run({"strategy": {"name": "breakout"}, ...}, strategies={"breakout": Breakout()})
    """

    def __call__(self, columns: Columns, parameters: Any, /) -> tuple[Int8, Float64]:
        """Signal and strength of every candle."""
        ...

    def warm_up(self, parameters: Any, /) -> int:
        """How many candles decide one signal, at least 1."""
        ...


def registered(strategies: Mapping[str, StrategyFunction] | None) -> dict[str, Strategy]:
    """Our strategies and the caller's. ConfigError for a name that is ours or none, StrategyError for no function."""
    register = dict(STRATEGIES)
    for name, function in (strategies or {}).items():
        if name in STRATEGIES or not _NAME.fullmatch(str(name)):
            why = "is one of ours" if name in STRATEGIES else "is no name"
            text = f"{why}; name it by a letter and up to 39 letters, digits or _"
            raise ConfigError([Problem("strategies", ascii(name)[1:-1][:80], text)])
        register[name] = Strategy(function, _Needed(name, function), dict)
    return register


class _Needed:
    """How many candles a strategy says that it needs, checked each time it is asked."""

    def __init__(self, name: str, function: StrategyFunction) -> None:
        self._name = name
        self._function = function
        for label, one in (("it", function), ("its warm_up", getattr(function, "warm_up", None))):
            if not callable(one):
                raise StrategyError(f"strategy {name}: {label} is no function; a strategy carries warm_up(parameters)")

    def __call__(self, parameters: Any) -> int:
        try:
            needed = self._function.warm_up(parameters)
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise StrategyError(
                f"strategy {self._name}: warm_up raised {type(error).__name__}{': ' if text else ''}{text}, before any "
                "candle was looked at"
            ) from error
        if type(needed) is not int or not 1 <= needed <= MOST_CANDLES:
            shown = ascii(needed)[:80]
            raise StrategyError(
                f"strategy {self._name}: warm_up gives {shown}; a number from 1 to {MOST_CANDLES} is due, before any "
                "candle is looked at"
            )
        return needed


def looked_back(loaded: Loaded, register: Mapping[str, Strategy]) -> Loaded:
    """The configuration with a lookback as long as the strategy's warm-up, where the user names none (CONFIG.md)."""
    config = loaded.config
    strategy = register.get(config.strategy.name)
    if strategy is None or config.strategy.name in STRATEGIES or loaded.origins[_LOOKBACK] != "default":
        return loaded
    candles = max(config.market_data.lookback_candles, strategy.warm_up(dict(config.strategy.parameters)))
    section = config.market_data.model_copy(update={"lookback_candles": candles})
    return loaded._replace(config=config.model_copy(update={"market_data": section}))
