"""The register of strategies by name: pure functions of closed candles (D5) that know no cash, fee or mode."""

from collections.abc import Callable
from typing import Any, NamedTuple

from safla.core.strategies.sma_crossover import Crossover, sma_crossover
from safla.core.strategies.sma_crossover import warm_up as crossover_warm_up
from safla.core.values import Columns, Float64, Int8

Function = Callable[[Columns, Any], tuple[Int8, Float64]]


class Strategy(NamedTuple):
    """One strategy: its function, and how many candles it needs for given parameters."""

    columns: Function  # (columns, parameters) -> (signal int8[n], strength float64[n])
    warm_up: Callable[[Any], int]
    parameters: type[Any]  # what the configuration's numbers become; a NamedTuple of numbers


STRATEGIES: dict[str, Strategy] = {
    "sma_crossover": Strategy(sma_crossover, crossover_warm_up, Crossover),
}
