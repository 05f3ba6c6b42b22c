"""The register of strategies by name: pure functions of closed candles (D5) that know no cash, fee or mode."""

from collections.abc import Callable
from typing import Any, NamedTuple

from safla.core.values import Float64, Int8
from safla.strategies.sma_crossover import Crossover, sma_crossover
from safla.strategies.sma_crossover import warm_up as crossover_warm_up

SignalFunction = Callable[
    [Any, Any], tuple[Int8, Float64]
]  # (candles, parameters) -> (signal int8[n], strength float64[n])


def all_candles(_parameters: Any) -> int | None:
    """The window of a strategy that is asked about all candles since the first of the run: none."""
    return None


class Strategy(NamedTuple):
    """One strategy: its function, and how many candles it needs for given parameters."""

    columns: SignalFunction
    warm_up: Callable[[Any], int]
    parameters: type[Any]  # what the configuration's numbers become; a NamedTuple of numbers
    window: Callable[[Any], int | None] = all_candles  # it depends on so many candles alone; None: on all so far (C14)
    natural: bool = False  # whether it is given runs/strategy_candles.Candles (floats); else Columns (integers)


STRATEGIES: dict[str, Strategy] = {
    "sma_crossover": Strategy(sma_crossover, crossover_warm_up, Crossover, window=crossover_warm_up),
}
