"""Behind its warm-up an indicator decides as one that saw every candle: on real hours, from many starts (V16)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from safla.compiled.library import fastest
from safla.strategies.indicators.kind import settle_rows
from safla.strategies.indicators.register import KINDS
from tests.strategies.indicators.chains import STEP, Array, keys_of, values
from tests.strategies.indicators.real import BTC, hours

STARTS, BEHIND = 120, 1_000
Columns = dict[str, Array]


class Case(NamedTuple):
    """A kind with its parameters, and what may differ behind its warm-up.

    sides   outputs -> columns of which each change of side (above 0 or not) is a decision
    others  decisions that differ, as a share of all, as it was measured from 800 starts; twice as many may from fewer
    output  whose residue is measured; of the value, or in points
    """

    kind: str
    sets: list[dict[str, Any]]
    sides: Callable[[Columns], list[Array]]
    others: float
    output: str = "value"
    residue: float = np.inf
    in_points: bool = False


# By kind: rows until the first value, until the seed no longer decides, and after a gap (V16, V18).
ROWS = {
    "ema": (20, 100, 20), "rma": (20, 180, 20), "zlema": (29, 109, 20), "dema": (39, 120, 20), "tema": (58, 140, 20),
    "t3": (115, 160, 20), "trix": (59, 141, 20), "kama": (11, 190, 30), "rsi": (15, 127, 14),
    "stoch_rsi": (32, 144, 14), "macd": (34, 139, 26), "ppo": (34, 139, 26), "atr": (15, 127, 14),
    "adx": (28, 169, 14), "keltner": (20, 100, 20), "supertrend": (11, 121, 10), "psar": (2, 200, 1),
    "chandelier": (23, 199, 22),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROWS)
def test_the_rows_that_a_recursive_kind_waits_for_are_those_of_its_formula(kind: str) -> None:
    section, first, auto = KINDS[kind].section, KINDS[kind].first, KINDS[kind].auto
    asked = [name for name, field in section.model_fields.items() if field.is_required()]
    keys = section(**dict.fromkeys(asked, 20))
    assert auto is not None
    assert (first(keys, STEP), auto(keys, STEP), settle_rows(keys)) == ROWS[kind]


def test_the_seed_of_a_supertrend_with_far_bands_decides_for_longer() -> None:
    auto = KINDS["supertrend"].auto
    assert auto is not None
    assert [auto(keys_of("supertrend", multiplier=k), STEP) for k in (4.0, 4.01)] == [121, 301]


def levels(name: str, *at: float) -> Callable[[Columns], list[Array]]:
    """The sides of levels."""
    return lambda made: [made[name] - level for level in at]


CASES = [
    Case("ema", [{"period": n} for n in (12, 26, 50, 100, 200)], levels("beside", 0), 24 / 144_698, residue=2.7e-5),
    Case(
        "rsi", [{"period": n} for n in (7, 14, 21, 28)], levels("value", *range(25, 80, 5)), 18 / 1_592_399,
        residue=0.04, in_points=True,
    ),
    Case("atr", [{"period": n} for n in (7, 14, 28)], lambda made: [], 0, residue=4e-4),
    Case("adx", [{"period": n} for n in (7, 14, 28)], levels("adx", 15, 20, 25, 30, 40), 8 / 328_784, "adx"),
    Case("macd", [{}], levels("histogram", 0), 4 / 61_485, "line"),
    Case(
        "supertrend", [{"period": n, "multiplier": k} for n in (7, 10, 20) for k in (1.5, 3.0, 4.0)],
        levels("direction", 0), 2 / 152_611, "line",
    ),
    Case("supertrend", [{"period": 10, "multiplier": 6.0}], levels("direction", 0), 0, "line"),
    Case("psar", [{}], levels("direction", 0), 0, "line"),
    Case("tema", [{"period": n} for n in (9, 20, 50)], levels("beside", 0), 0),
    *(Case(kind, [{"period": 20}], lambda made: [], 0, residue=2e-5) for kind in ("dema", "t3", "zlema")),
    Case("kama", [{}], lambda made: [], 0, residue=2e-5),
]  # fmt: skip


def made_from(case: Case, parameters: dict[str, Any], columns: Columns) -> Columns:
    """The outputs, and `beside`: the distance from one of half the period."""
    made = values(case.kind, keys_of(case.kind, **parameters), columns, form=fastest)
    if "period" in parameters and case.kind in {"ema", "tema"}:
        half = values(case.kind, keys_of(case.kind, period=parameters["period"] // 2), columns, form=fastest)
        made["beside"] = half["value"] - made["value"]
    return made


def decisions(sides: list[Array]) -> Array:
    """Where a side changes: bool[sides, rows - 1]."""
    above = np.array(sides) > 0
    return above[..., 1:] != above[..., :-1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_behind_its_warm_up_an_indicator_decides_as_one_that_saw_every_candle(case: Case, real_data: Path) -> None:
    columns = {name: rows[:40_000] for name, rows in hours(real_data, BTC).items()}
    others = total = 0
    worst = 0.0
    for parameters in case.sets:
        whole = made_from(case, parameters, columns)
        auto = KINDS[case.kind].auto
        assert auto is not None
        warm_up = auto(keys_of(case.kind, **parameters), STEP)
        for start in np.random.default_rng(1).integers(5_000, 40_000 - BEHIND - warm_up, STARTS):
            there = slice(start + warm_up - 1, start + warm_up - 1 + BEHIND)
            begun = {name: rows[start : there.stop] for name, rows in columns.items()}
            late = {name: rows[warm_up - 1 :] for name, rows in made_from(case, parameters, begun).items()}
            true = {name: rows[there] for name, rows in whole.items()}
            sure, seen = decisions(case.sides(true)), decisions(case.sides(late))
            total, others = total + int(sure.sum()), others + int((sure != seen).sum())
            apart = abs(late[case.output] - true[case.output])
            worst = max(worst, float(np.max(apart if case.in_points else apart / true[case.output])))
    assert others <= 2 * np.ceil(case.others * total)
    assert worst <= case.residue
