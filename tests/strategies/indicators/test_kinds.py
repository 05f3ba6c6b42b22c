"""What holds for every kind of indicator: a new row of KINDS is tested by its being there."""

import numpy as np
import pytest

from safla.strategies.indicators.kind import settle_rows
from safla.strategies.indicators.register import KINDS
from tests.compiled_engine import compiled_entry, needs_library
from tests.strategies.indicators.chains import (
    STEP,
    Array,
    behind,
    candles,
    dead,
    drawn_keys,
    is_same,
    keys_of,
    values,
    with_unknown,
)

ROWS = 240
SEEDS = range(2)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
TURNS = {"swing_high": -1, "swing_low": 1}


def tables(seed: int) -> list[dict[str, Array]]:
    """Drawn candles, the same with rows that are not known, a dead market, and one that dies and lives again."""
    drawn = candles(seed, ROWS)
    middle = slice(ROWS // 3, 2 * ROWS // 3)
    dies = {name: column.copy() for name, column in drawn.items()}
    for name, column in dead(ROWS).items():
        if name != "ts":
            dies[name][middle] = column[middle]
    return [drawn, with_unknown(drawn, seed), dead(ROWS), dies, with_unknown(dies, seed)]


def cuts(seed: int) -> list[int]:
    """Ragged blocks."""
    chance = np.random.default_rng(seed)
    return sorted({int(row) for row in chance.integers(0, ROWS, 12)})


def are_same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    """Whether all columns are."""
    return all(is_same(column, other[name]) for name, column in one.items())


@EVERY_KIND
@pytest.mark.parametrize("seed", SEEDS)
def test_however_the_rows_are_cut_the_values_are_the_same_bit_for_bit(kind: str, seed: int) -> None:
    keys = drawn_keys(kind, seed)
    for columns in tables(seed):
        whole = values(kind, keys, columns)
        assert are_same(whole, values(kind, keys, columns, cuts(seed)))
        assert are_same(whole, values(kind, keys, columns, range(1, ROWS)))


@EVERY_KIND
@pytest.mark.parametrize("seed", SEEDS)
def test_compiled_the_values_are_the_same_bit_for_bit(kind: str, seed: int) -> None:
    needs_library()
    keys = drawn_keys(kind, seed)
    for columns in tables(seed):
        interpreted = values(kind, keys, columns)
        assert are_same(interpreted, values(kind, keys, columns, form=compiled_entry))
        assert are_same(interpreted, values(kind, keys, columns, cuts(seed), compiled_entry))


@EVERY_KIND
def test_no_row_after_a_row_changes_its_value(kind: str) -> None:
    keys, columns, other = drawn_keys(kind, 7), candles(7, ROWS), candles(8, ROWS)
    whole = values(kind, keys, columns)
    for cut in (1, 20, 57, ROWS - 1):
        changed = {name: np.r_[column[:cut], other[name][cut:]] for name, column in columns.items()}
        after = values(kind, keys, changed)
        assert all(is_same(column[:cut], after[name][:cut]) for name, column in whole.items())


@EVERY_KIND
def test_first_is_the_row_of_the_first_value_of_all_outputs(kind: str) -> None:
    for seed in range(8):
        keys = drawn_keys(kind, seed)
        first = KINDS[kind].first(keys, STEP)
        columns = candles(seed, first + 80)
        columns["volume"] += 1  # none is without volume
        if kind in TURNS:  # there is a swing only where the market turned, and that as early as can be
            columns["source"] = 100_000 + TURNS[kind] * abs(np.arange(first + 80.0) - keys.left)
        chain = values(kind, keys, columns)
        known = ~np.any([np.isnan(chain[name]) for name in KINDS[kind].outputs], axis=0)
        assert int(np.argmax(known)) + 1 == first, keys
        assert known[first - 1 :].all(), "once known, a value is known"


@EVERY_KIND
def test_the_rows_until_the_seed_no_longer_decides_are_at_least_those_until_the_first_value(kind: str) -> None:
    for seed in range(20):
        keys = drawn_keys(kind, seed)
        first, auto = KINDS[kind].first, KINDS[kind].auto
        assert auto is None or auto(keys, STEP) >= first(keys, STEP) >= 1


@EVERY_KIND
def test_a_dead_market_has_values_that_are_finite_or_not_known(kind: str) -> None:
    columns = dead(ROWS)
    chain = values(kind, drawn_keys(kind, 1), columns)
    assert not any(np.isinf(chain[name]).any() for name in KINDS[kind].outputs)


@EVERY_KIND
def test_a_row_that_is_not_known_has_no_value_from_its_source(kind: str) -> None:
    keys, columns, row = drawn_keys(kind, 3), candles(3, 600), 400  # in the third week
    for name in {name for node in KINDS[kind].nodes for name in node.inputs} & columns.keys() - {"ts"}:
        columns[name][row] = np.nan
    chain = values(kind, keys, columns)
    here = [np.isnan(chain[name][row]) for name in KINDS[kind].outputs]
    assert all(here) or kind in {"pivots", "ichimoku"}  # what they show here was known before
    assert not any(np.isnan(chain[name][-1]) for name in KINDS[kind].outputs), "later it is known again"


@EVERY_KIND
def test_an_output_is_one_of_the_chain_and_the_main_one_among_them(kind: str) -> None:
    row = KINDS[kind]
    made = [name for node in row.nodes for name in node.outputs]
    assert len(made) == len(set(made)), "a name of the chain means one column"
    assert row.outputs.keys() <= set(made)
    assert row.main is None or row.main in row.outputs
    assert row.meaning
    assert (row.source is None) == all("source" not in node.inputs for node in row.nodes)


def test_the_longest_plain_period_is_waited_for_after_a_gap() -> None:
    assert settle_rows(keys_of("sma", period=7)) == 7
    assert settle_rows(keys_of("bollinger", period=20, sample=True)) == 20
    assert settle_rows(keys_of("ichimoku")) == 52
    assert settle_rows(keys_of("heikin_ashi")) == 1


def test_a_window_is_known_again_once_all_of_its_rows_are() -> None:
    columns = candles(1, 60)
    columns["source"][30] = np.nan
    mean = values("sma", keys_of("sma", period=5), columns)["value"]
    assert np.flatnonzero(np.isnan(mean)).tolist() == [0, 1, 2, 3, 30, 31, 32, 33, 34]
    average = values("ema", keys_of("ema", period=5), columns)["value"]
    assert np.flatnonzero(np.isnan(average)).tolist() == [0, 1, 2, 3, 30], "a recursion passes over it"


def test_a_value_over_a_window_is_the_same_from_any_start() -> None:
    columns = candles(2, 120)
    for kind in ("wma", "bollinger", "linear", "donchian", "percent_rank", "cci", "mfi", "choppiness"):
        whole, later = (values(kind, drawn_keys(kind, 4), one) for one in (columns, behind(columns, 40)))
        assert all(is_same(whole[name][80:], later[name][40:]) for name in KINDS[kind].outputs)
