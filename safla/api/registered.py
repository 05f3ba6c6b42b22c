"""Strategies from Python: what a caller gives becomes an entry of the register (D5). Nothing is asked for a signal."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from safla.config.loader import Loaded
from safla.core.values import Float64, Int8
from safla.errors import ConfigError, Problem, StrategyError, UsageError
from safla.runs.strategy_calls import plain_parameters
from safla.runs.strategy_candles import Candles
from safla.strategies.register import STRATEGIES, Strategy

MOST_CANDLES = 1_000_000  # of a warm-up: no lookback is longer (market_data.lookback_candles)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)  # as strategy.name
_LOOKBACK = "market_data.lookback_candles"


class StrategyFunction(Protocol):
    """What `strategies={"mine": function}` takes: a function of closed candles that carries how many it needs.

    candles     all candles so far in ascending order, read-only: `ts` (int64, open time in ms UTC), `open`, `high`,
                `low`, `close`, `volume` (float64, natural units: 60000.10), `units` (the same as exact integers),
                `symbol`, `timeframe`, `price_decimals`, `volume_decimals`, `frame()` (polars), `len()` (safla.Candles)
    parameters  `strategy.parameters` of the configuration: a dict of int, float or str
    returns     (signal, strength), two arrays of n numbers: signal +1 enters, -1 exits, 0 does nothing; strength is a
                finite number of at least 0 (with `strategy.entry_threshold_pct` it becomes the confidence), and may be
                NaN where the signal is 0
    warm_up     a number, or a function of the parameters: before so many candles there is no signal
    window      left out, or likewise a number of at least warm_up: the signal depends on so many last candles alone,
                and a paper run asks about no more of them

    A signal may depend on the candles up to its own and on nothing else. Every run asks the function about prefixes of
    the candles too (with `window`, about windows): after changes of signal, and at places that it cannot guess. An
    answer that is not the one over all candles is `safla.Finding`. That finds look-ahead; it does not prove honesty.
    What the function raises, or returns that is no signal, is `safla.StrategyError`.

        class Breakout:
            warm_up = 3

            def __call__(self, candles, parameters):
                signal = np.zeros(len(candles), np.int8)
                signal[2:] = np.sign(candles.close[2:] - candles.close[:-2])
                return signal, np.abs(signal).astype(float)

        safla.run({"strategy": {"name": "breakout"}, ...}, strategies={"breakout": Breakout()})
    """

    def __call__(self, candles: Candles, parameters: Any, /) -> tuple[Int8, Float64]:
        """Signal and strength of every candle."""
        ...

    @property
    def warm_up(self) -> Any:
        """How many candles are needed before the first signal, at least 1: a number, or a function of parameters."""
        ...


def registered(strategies: Mapping[str, StrategyFunction] | None) -> dict[str, Strategy]:
    """Our strategies and the caller's. ConfigError for a name that is ours or none, StrategyError for no function."""
    if strategies is not None and not isinstance(strategies, Mapping):
        raise UsageError(
            f"strategies: {_kind(strategies)}; give a dict of names to functions, such as strategies={{'mine': "
            "function}, and the name in the configuration: strategy.name: mine"
        )
    register = dict(STRATEGIES)
    for name, function in (strategies or {}).items():
        if name in STRATEGIES or not _NAME.fullmatch(str(name)):
            why = "is one of ours" if name in STRATEGIES else "is no name"
            text = f"{why}; name it by a letter and up to 39 letters, digits or _"
            raise ConfigError([Problem("strategies", ascii(name)[1:-1][:80], text)])
        _refuse_no_function(name, function)
        register[name] = Strategy(function, _WarmUp(name, function), dict, _Window(name, function), natural=True)
    return register


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _refuse_no_function(name: str, function: object) -> None:
    if isinstance(function, type):
        raise StrategyError(f"strategy {name}: is the class {function.__name__}; give an object: {function.__name__}()")
    if not callable(function):
        raise StrategyError(f"strategy {name}: it is no function; a strategy is a function of candles and parameters")
    if not hasattr(function, "warm_up"):
        raise StrategyError(
            f"strategy {name}: it says no warm_up; a strategy carries how many candles it needs before its first "
            "signal, as a number or a function of its parameters: function.warm_up = 50"
        )


class _WarmUp:
    """How many candles a strategy says that it needs, checked each time it is asked."""

    _called = "warm_up"

    def __init__(self, name: str, function: StrategyFunction) -> None:
        self._name = name
        self._function = function

    def __call__(self, parameters: Any) -> int:
        return self._number(parameters)

    def _number(self, parameters: Any) -> int:
        said: Any = getattr(self._function, self._called)
        try:
            number = said(plain_parameters(parameters)) if callable(said) else said
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise StrategyError(
                f"strategy {self._name}: {self._called} raised {type(error).__name__}{': ' if text else ''}{text}, "
                "before any candle was looked at"
            ) from error
        whole = self._whole(number)
        if whole is None or not 1 <= whole <= MOST_CANDLES:
            raise StrategyError(
                f"strategy {self._name}: {self._called} gives {ascii(number)[:80]}; expected an integer from 1 to "
                f"{MOST_CANDLES}, before any candle was looked at"
            )
        return whole

    @staticmethod
    def _whole(number: Any) -> int | None:
        """An integer of Python or numpy; no bool and no float."""
        index = getattr(number, "__index__", None)
        return None if isinstance(number, bool) or index is None or not callable(index) else int(index())


class _Window(_WarmUp):
    """About how many candles a strategy says that it is to be asked; None where it says nothing."""

    _called = "window"

    def __call__(self, parameters: Any) -> int | None:  # type: ignore[override]
        if getattr(self._function, "window", None) is None:
            return None
        window, warm_up = self._number(parameters), _WarmUp(self._name, self._function)(parameters)
        if window < warm_up:
            raise StrategyError(
                f"strategy {self._name}: its window of {window} candles is below its warm_up of {warm_up}; a signal "
                "needs them"
            )
        return window


def looked_back(loaded: Loaded, register: Mapping[str, Strategy]) -> Loaded:
    """The configuration with a lookback as long as the strategy's warm-up, where the user names none (CONFIG.md)."""
    config = loaded.config
    strategy = register.get(config.strategy.name)
    if strategy is None or config.strategy.name in STRATEGIES or loaded.origins[_LOOKBACK] != "default":
        return loaded
    candles = max(config.market_data.lookback_candles, strategy.warm_up(dict(config.strategy.parameters)))
    section = config.market_data.model_copy(update={"lookback_candles": candles})
    return loaded._replace(config=config.model_copy(update={"market_data": section}))
