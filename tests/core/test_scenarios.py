"""Every scenario of tests/scenarios, interpreted. test_compile.py runs them once more, compiled."""

from pathlib import Path

import pytest

from safla.core import values as v
from safla.core.account import blank_out, marked, opened
from safla.core.engine import advance, begin
from tests.core.scenario import Scenario, block, read, run, told

SCENARIOS = [one for path in sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt")) for one in read(path)]
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_what_happens_is_what_the_table_says(scenario: Scenario) -> None:
    expected, actual = told(scenario)
    assert actual == expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_equity_is_cash_and_positions_at_their_last_closes(scenario: Scenario) -> None:
    for row, state, _ in run(scenario):
        assert state.account[v.EQUITY] == marked(scenario.plan, state), f"line {row.line}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_every_signal_is_answered_by_one_order_or_one_refusal(scenario: Scenario) -> None:
    for row, _, rows in run(scenario):
        kinds = rows[:, 0]
        placed = (kinds == v.ORDER_PLACED) & (rows[:, 5] == v.BY_SIGNAL)
        refused = (kinds == v.ORDER_REFUSED) & (rows[:, 3] == 0)  # order 0: at the decision (J15)
        assert (placed | refused).sum() == (kinds == v.SIGNAL).sum(), f"line {row.line}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_one_block_tells_the_same_as_blocks_of_one_candle(scenario: Scenario) -> None:
    if any(row.wish for row in scenario.rows):
        return  # an input from outside cuts the block
    symbols = len(scenario.symbols)
    out = blank_out(symbols, len(scenario.rows), 1000)
    state = begin(opened(scenario.balance, symbols), out, scenario.rows[0].ts)
    state, folded, broken = advance(scenario.plan, state, *block(scenario.rows), out)
    steps = list(run(scenario))
    assert (folded, broken) == (len(scenario.rows), 0)
    assert out.rows[: int(out.used[0])].tolist() == [row for _, _, rows in steps for row in rows.tolist()]
    assert [column.tolist() for column in state] == [column.tolist() for column in steps[-1][1]]


def test_every_rule_of_the_core_is_named_by_a_scenario() -> None:
    named = {rule for scenario in SCENARIOS for rule in scenario.rules}
    assert named >= {f"S{n}" for n in [*range(4, 20), *range(23, 28)]}
