"""The first system had SMAStrategy in `safla.strategies`, and programs import it from there."""

import pytest

import safla
from safla import strategies


def test_sma_strategy_is_where_the_first_system_had_it() -> None:
    assert strategies.SMAStrategy is safla.SMAStrategy


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = strategies.nothing
