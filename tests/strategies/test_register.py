"""The register of strategies: the defaults of a row."""

from safla.strategies.register import STRATEGIES, Strategy
from safla.strategies.sma_crossover import Crossover, sma_crossover, warm_up


def test_a_strategy_depends_on_all_candles_unless_it_has_a_window() -> None:
    mine = Strategy(sma_crossover, warm_up)
    assert mine.window(None) is None
    assert not mine.natural


def test_the_crossover_depends_on_as_many_candles_as_it_needs_to_warm_up() -> None:
    crossover = STRATEGIES["sma_crossover"]
    parameters = Crossover(3, 8, 0, 0, 1)
    assert crossover.window(parameters) == crossover.warm_up(parameters) == 10
