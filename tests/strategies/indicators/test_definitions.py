"""Each kind is what its definition says, written plainly and apart from it: on drawn, unknown, dead and real rows."""

import numpy as np
import pytest

from safla.strategies.indicators.register import KINDS
from tests.strategies.indicators import definitions, recursive_definitions
from tests.strategies.indicators.chains import Array, candles, dead, drawn_keys, values, with_unknown

DEFINITIONS = {**definitions.DEFINITIONS, **recursive_definitions.DEFINITIONS}
ROWS = 420  # two weeks and a half


def tables(seed: int) -> list[dict[str, Array]]:
    drawn = candles(seed, ROWS)
    sleepy = {name: np.where(drawn["ts"] // 36_000_000 % 3 == 0, dead(ROWS)[name], drawn[name]) for name in drawn}
    sleepy["ts"] = drawn["ts"]
    return [drawn, with_unknown(drawn, seed), dead(ROWS), sleepy, with_unknown(sleepy, seed)]


def test_every_kind_has_a_definition() -> None:
    assert DEFINITIONS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", DEFINITIONS)
@pytest.mark.parametrize("seed", range(2))
def test_a_kind_is_what_its_definition_says(kind: str, seed: int) -> None:
    keys = drawn_keys(kind, seed)
    for columns in tables(seed):
        made, expected = values(kind, keys, columns), DEFINITIONS[kind](keys, columns)
        assert expected.keys() == KINDS[kind].outputs.keys()
        for name, column in expected.items():
            np.testing.assert_allclose(made[name], column, rtol=1e-9, atol=1e-7, err_msg=f"{name} of {keys}")
