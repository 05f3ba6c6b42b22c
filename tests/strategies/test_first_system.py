"""The first system had SMAStrategy in `safla.strategies`, and programs import it from there."""

import pytest

import safla
from safla import strategies


def test_sma_strategy_can_be_imported_from_its_old_path() -> None:
    assert strategies.SMAStrategy is safla.SMAStrategy


def test_other_names_cannot_be_imported() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = strategies.nothing
