"""The register of strategies: the defaults of a row, and the rows that come with safla."""

import pytest

from safla.config.trading import StrategySection
from safla.strategies.register import STRATEGIES, Strategy, keys_of
from safla.strategies.sma_crossover import Crossover, check, resolve, warm_up


def test_a_minimal_strategy_depends_on_all_candles_and_keeps_its_parameters_unchanged() -> None:
    mine, section = Strategy(STRATEGIES["sma_crossover"].columns, warm_up), StrategySection(parameters={"hours": 24})
    keys = keys_of(mine, section, 3_600_000)
    assert mine.resolve(keys) == {"hours": 24}
    assert list(mine.check(keys)) == []
    assert (mine.window(None), mine.price_factor(None), mine.natural) == (None, 1, False)


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_built_in_strategy_is_incremental(name: str) -> None:
    assert STRATEGIES[name].fold is not None or STRATEGIES[name].by_symbol is not None


def test_rules_are_evaluated_symbol_by_symbol() -> None:
    section = StrategySection.model_validate({"name": "rules", "entry": "close > open"})
    strategy = STRATEGIES["rules"]
    parameters = strategy.resolve(keys_of(strategy, section, 3_600_000))
    assert strategy.by_symbol is not None
    assert strategy.by_symbol(parameters, 2, 5, 3_600_000, lambda function: function) is not None
    assert (strategy.warm_up(parameters), strategy.distances(parameters)) == (1, (False, False, False))
    with pytest.raises(AssertionError, match="symbol by symbol"):
        strategy.columns(None, parameters)


def test_the_warm_up_of_the_crossover_is_slow_window_plus_cross_plus_confirmation() -> None:
    assert STRATEGIES["sma_crossover"].warm_up(Crossover(3, 8, 0, 0, 1)) == 10


def test_the_keys_of_the_crossover_become_integer_parameters() -> None:
    assert resolve(StrategySection()) == Crossover(10, 30, 1_000, 500, 0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, []),
        ({"fast_period": 30}, ["expected an integer < slow_period (30), got 30"]),
        (
            {"fast_period": 1025, "slow_period": 1024},
            [
                "expected an integer < slow_period (1024), got 1025",
                "expected fast_period * slow_period <= 1048576, got 1025 * 1024 = 1049600",
            ],
        ),
        (
            {"parameters": {"hours": 1}},
            ["sma_crossover takes no parameters; set its own keys, such as strategy.fast_period"],
        ),
    ],
)
def test_the_keys_of_the_crossover_must_be_consistent(keys: dict, said: list[str]) -> None:
    assert [text for _, text in check(StrategySection(**keys))] == said
