"""Strategies from Python: functions of a caller become entries of the register (D5). No signal is computed here."""

import re
from collections.abc import Callable, Mapping
from types import FunctionType, MappingProxyType
from typing import Any, Protocol

from safla.config.loader import Loaded
from safla.errors import ConfigError, Problem, StrategyError, UsageError
from safla.runs.strategy_calls import plain_parameters
from safla.runs.strategy_candles import Candle, Candles
from safla.runs.strategy_code.chosen import loaded_strategy
from safla.runs.strategy_code.consent import consented
from safla.runs.strategy_code.identity import code_from_object
from safla.runs.strategy_code.place import CodePlace
from safla.strategies.register import STRATEGIES, Code, Strategy

MOST_CANDLES = 1_000_000  # the longest warm-up: the limit of market_data.lookback_candles

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)  # the pattern of strategy.name
_LOOKBACK = "market_data.lookback_candles"


class StrategyFunction(Protocol):
    """A strategy as in `strategies={"mine": function}`: a function of closed candles with an attribute `warm_up`.

    candles     all closed candles in ascending order, read-only: `ts` (int64, open time in ms UTC), `open`, `high`,
                `low`, `close`, `volume` (float64, as quoted: 60000.10), `units` (the same as exact integers),
                `symbol`, `timeframe`, `price_decimals`, `volume_decimals`, `frame()` (polars), `len()` (safla.Candles)
    parameters  `strategy.parameters` of the configuration: a dict of int, float or str
    returns     (signal, strength), two arrays of n numbers: signal +1 enters, -1 exits, 0 does nothing; strength is a
                finite number of at least 0 (the confidence of an entry, at most 1), and may be NaN where the signal
                is 0. Also a dict of these arrays by name, or the array signal alone: then the strength is 1
    warm_up     an integer, or a function of the parameters: the number of candles before the first signal
    settle      optional, as warm_up and not more: how many candles after a gap are needed before an entry
    window      optional, as warm_up and not less: the number of last candles on which a signal depends. A paper run
                passes no more than these, so that it stays fast

    A signal may depend only on the candles up to its own. To find look-ahead, every run also calls the function with
    prefixes of the candles (with `window`: with windows), after changes of the signal and at unpredictable places. A
    signal that differs from the one over all candles raises `safla.Finding`. The check cannot prove that there is no
    look-ahead. Exceptions of the function, and invalid results, raise `safla.StrategyError`.

        class Breakout:
            warm_up = 3

            def __call__(self, candles, parameters):
                signal = np.zeros(len(candles), np.int8)
                signal[2:] = np.sign(candles.close[2:] - candles.close[:-2])
                return signal, np.abs(signal).astype(float)

        safla.run({"strategy": {"name": "breakout"}, ...}, strategies={"breakout": Breakout()})
    """

    def __call__(self, candles: Candles, parameters: Any, /) -> Any:
        """Signal and strength of every candle."""
        ...

    @property
    def warm_up(self) -> Any:
        """How many candles are needed before the first signal: an integer >= 1, or a function of the parameters."""
        ...


class CandleStrategy(Protocol):
    """A strategy that is asked candle by candle, as in `strategies={"mine": Class}`: a class, not an object of it.

    `Class(parameters, market)` is called once for each symbol: `parameters` as for a StrategyFunction, `market` with
    `symbol`, `timeframe`, `price_decimals`, `quantity_decimals`, `volume_decimals`, `tick` and `lot`. `on_candle` then
    gets every closed candle once, in order, in history as in a paper run, so that it cannot look ahead. What it keeps
    in its object must follow from these candles: after a restart it is asked about all of them again.

        class Turtle:
            warm_up = 20

            def __init__(self, parameters, market):
                self.highs = collections.deque(maxlen=20)

            def on_candle(self, candle):
                signal = int(len(self.highs) == 20 and candle.close > max(self.highs))
                self.highs.append(candle.high)
                return signal  # or safla.Answer(signal, strength=0.5)

        safla.run({"strategy": {"name": "turtle"}, ...}, strategies={"turtle": Turtle})
    """

    def on_candle(self, candle: Candle, /) -> Any:
        """The signal at a candle: 1, -1, 0, or an Answer."""
        ...


GivenStrategy = StrategyFunction | Callable[[Any, Any], CandleStrategy]


def register_for(
    loaded: Loaded, strategies: Mapping[str, GivenStrategy] | None, *, environment: Mapping[str, str]
) -> Mapping[str, Strategy]:
    """The built-in strategies, the caller's, and else that of the configuration's trusted file or an entry point.

    Errors as in `registered`, `consented` and `loaded_strategy`.
    """
    register, name = registered(strategies), loaded.config.strategy.name
    if name in register:
        return register
    return {**register, **register_with(name, consented(loaded, {}, environment=environment))}


def register_with(name: str, given: Mapping[str, CodePlace]) -> Mapping[str, Strategy]:
    """The built-in strategies, and that of a name, whose code is executed (C1). given: where the code of which name is.

    Errors as in `registered` and `loaded_strategy`.
    """
    loaded = loaded_strategy(name, given)
    return STRATEGIES if loaded is None else registered({name: loaded.strategy}, codes={name: loaded.code})


def registered(
    strategies: Mapping[str, GivenStrategy] | None, *, codes: Mapping[str, Code] = MappingProxyType({})
) -> dict[str, Strategy]:
    """The built-in strategies and the caller's. codes: of the strategies; else that of an object's module (C5).

    ConfigError for a name that is taken or invalid, StrategyError for a value that is not a strategy.
    """
    if strategies is not None and not isinstance(strategies, Mapping):
        raise UsageError(
            f"strategies: expected a dict of names to functions, got {_kind(strategies)}; pass strategies={{'mine': "
            "function}, and name it in the configuration: strategy.name: mine",
            code="invalid_argument",
        )
    register = dict(STRATEGIES)
    for name, function in (strategies or {}).items():
        if name in STRATEGIES or not _NAME.fullmatch(str(name)):
            why = "is the name of a built-in strategy" if name in STRATEGIES else "is not a valid name"
            text = f"{why}; use a letter and up to 39 letters, digits or _"
            raise ConfigError([Problem("strategies", ascii(name)[1:-1][:80], text, code="invalid_value")])
        code = codes.get(name) or code_from_object(function)
        register[name] = _strategy(name, function)._replace(code=code)
    return register


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _strategy(name: str, given: Any) -> Strategy:
    """The entry of the register for a function, or for a class with `on_candle`."""
    warm_up, settle = _WarmUp(name, given), _Settle(name, given)
    if hasattr(given, "on_candle"):
        _check_class(name, given)
        return Strategy(given, warm_up, settle=settle, natural=True, per_candle=given)
    _check_function(name, given)
    return Strategy(given, warm_up, settle=settle, window=_Window(name, given), natural=True)


def _check_class(name: str, given: Any) -> None:
    if not isinstance(given, type):
        kind = type(given).__name__
        raise StrategyError(
            f"strategy {name}: is an object of {kind}; pass the class {kind}: each symbol gets an object of its own",
            code="invalid_strategy",
        )
    if getattr(given, "window", None) is not None:
        text = "has on_candle and a window; remove the window: it keeps what it needs itself"
        raise StrategyError(f"strategy {name}: {text}", code="invalid_strategy")
    _check_warm_up(name, given)
    on_candle: Any = vars(given).get("on_candle")
    positional = on_candle.__code__.co_argcount if isinstance(on_candle, FunctionType) else 2
    if positional != 2:
        text = f"on_candle takes {positional - 1} arguments, expected one: on_candle(self, candle)"
        raise StrategyError(f"strategy {name}: {text}; positions are no part of this release", code="invalid_strategy")


def _check_function(name: str, function: object) -> None:
    if isinstance(function, type):
        raise StrategyError(
            f"strategy {name}: is the class {function.__name__}; pass an object: {function.__name__}()",
            code="invalid_strategy",
        )
    if not callable(function):
        raise StrategyError(
            f"strategy {name}: is not callable; pass a function of candles and parameters", code="invalid_strategy"
        )
    _check_warm_up(name, function)


def _check_warm_up(name: str, function: object) -> None:
    if not hasattr(function, "warm_up"):
        raise StrategyError(
            f"strategy {name}: has no warm_up; set the number of candles that it needs before its first signal, or a "
            "function of its parameters: function.warm_up = 50",
            code="invalid_strategy",
        )


class _WarmUp:
    """The warm_up of a strategy, checked whenever it is read."""

    _called = "warm_up"

    def __init__(self, name: str, function: Any) -> None:
        self._name = name
        self._function = function

    def __call__(self, parameters: Any) -> int:
        return self._number(parameters)

    def _number(self, parameters: Any) -> int:
        value: Any = getattr(self._function, self._called)
        try:
            number = value(plain_parameters(parameters)) if callable(value) else value
        except Exception as error:
            text = " ".join(str(error).split())[:200]
            raise StrategyError(
                f"strategy {self._name}: {self._called} raised {type(error).__name__}{': ' if text else ''}{text}, "
                "before the first candle",
                code="strategy_raised",
            ) from error
        whole = self._whole(number)
        if whole is None or not 1 <= whole <= MOST_CANDLES:
            raise StrategyError(
                f"strategy {self._name}: {self._called} gives {ascii(number)[:80]}; expected an integer from 1 to "
                f"{MOST_CANDLES}",
                code="invalid_strategy",
            )
        return whole

    @staticmethod
    def _whole(number: Any) -> int | None:
        """An integer of Python or numpy; None for a bool, a float and others."""
        index = getattr(number, "__index__", None)
        return None if isinstance(number, bool) or index is None or not callable(index) else int(index())


class _Settle(_WarmUp):
    """The settle of a strategy, checked whenever it is read; its warm-up where it has none (S29)."""

    _called = "settle"

    def __call__(self, parameters: Any) -> int:
        warm_up = _WarmUp(self._name, self._function)(parameters)
        if getattr(self._function, "settle", None) is None:
            return warm_up
        settle = self._number(parameters)
        if settle > warm_up:
            raise StrategyError(
                f"strategy {self._name}: its settle of {settle} candles is longer than its warm_up of {warm_up}; "
                "after a gap it needs no more than at the start",
                code="invalid_strategy",
            )
        return settle


class _Window(_WarmUp):
    """The window of a strategy, checked whenever it is read; None where it has none."""

    _called = "window"

    def __call__(self, parameters: Any) -> int | None:  # type: ignore[override]
        if getattr(self._function, "window", None) is None:
            return None
        window, warm_up = self._number(parameters), _WarmUp(self._name, self._function)(parameters)
        if window < warm_up:
            raise StrategyError(
                f"strategy {self._name}: its window of {window} candles is shorter than its warm_up of {warm_up}; make "
                "it at least as long",
                code="invalid_strategy",
            )
        return window


def looked_back(loaded: Loaded, register: Mapping[str, Strategy]) -> Loaded:
    """The configuration with a lookback as long as the strategy's warm-up, where the user sets none."""
    config = loaded.config
    strategy = register.get(config.strategy.name)
    if strategy is None or config.strategy.name in STRATEGIES or loaded.origins[_LOOKBACK] != "default":
        return loaded
    candles = max(config.market_data.lookback_candles, strategy.warm_up(dict(config.strategy.parameters)))
    section = config.market_data.model_copy(update={"lookback_candles": candles})
    return loaded._replace(config=config.model_copy(update={"market_data": section}))
