"""Runs every scenario of tests/scenarios in interpreted mode (test_compile.py runs them compiled)."""

from pathlib import Path

import pytest

from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.engine import advance, begin
from tests.core.scenario import Scenario, block, expected_and_actual, marked, read, run

SCENARIOS = [one for path in sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt")) for one in read(path)]
EACH = pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])


@EACH
def test_the_events_of_a_scenario_match_its_table(scenario: Scenario) -> None:
    expected, actual = expected_and_actual(scenario)
    assert actual == expected


@EACH
def test_equity_is_cash_plus_positions_at_their_last_closes(scenario: Scenario) -> None:
    for row, state, _ in run(scenario):
        assert state.account[v.EQUITY] == marked(scenario.plan, state), f"line {row.line}"


@EACH
def test_every_signal_leads_to_exactly_one_order_or_rejection(scenario: Scenario) -> None:
    for row, _, rows in run(scenario):
        kinds = rows[:, 0]
        placed = (kinds == v.ORDER_PLACED) & (rows[:, 5] == v.BY_SIGNAL)
        rejected = (kinds == v.ORDER_REJECTED) & (rows[:, 3] == 0)  # order 0: at the decision (J15)
        assert (placed | rejected).sum() == (kinds == v.SIGNAL).sum(), f"line {row.line}"


@pytest.mark.parametrize(
    "scenario", [pytest.param(one, id=one.name) for one in SCENARIOS if not any(row.command for row in one.rows)]
)
def test_one_block_gives_the_same_result_as_blocks_of_one_timestamp(scenario: Scenario) -> None:
    symbols, size = len(scenario.symbols), len(scenario.rows)
    out = blank_out(symbols, size, 1_000)
    state = begin(new_state(scenario.balance, symbols), out, scenario.rows[0].ts)
    state, folded, broken = advance(scenario.plan, state, *block(scenario.rows), out)
    steps = list(run(scenario))
    assert (folded, broken) == (size, 0)
    assert out.rows[: int(out.used[0])].tolist() == [row for _, _, rows in steps for row in rows.tolist()]
    assert [array.tolist() for array in state] == [array.tolist() for array in steps[-1][1]]


def test_every_rule_of_the_core_is_covered_by_a_scenario() -> None:
    named = {rule for scenario in SCENARIOS for rule in scenario.rules}
    assert named >= {
        f"S{n}" for n in [*range(4, 20), *range(23, 28)]
    }  # S1-S3 belong to the data, S20-S22 to the strategy
