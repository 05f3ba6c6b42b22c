"""How candles are cut, how many follow, and which form of the code runs: none of it changes what happens (D1-D5)."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from safla.core import engine
from safla.core.account import blank_out, new_state
from safla.core.values import Columns, Float64, Int8, State
from safla.strategies import sma_crossover
from safla.strategies.register import STRATEGIES, FeedFunction
from safla.strategies.sma_crossover import Crossover
from tests.compiled_engine import compiled_entry
from tests.properties.cases import EPOCH, HOUR, Case, Folded, cases, crossovers, fold, grid_of, history, plan_of
from tests.scale import examples

CUTS = st.lists(st.integers(1, 80), max_size=12)
crossover = STRATEGIES["sma_crossover"].columns


def as_bytes(signals: tuple[Int8, Float64]) -> tuple[bytes, bytes]:
    """Both columns as bytes."""
    return signals[0].tobytes(), signals[1].tobytes()


def in_blocks(feed: FeedFunction, columns: Columns, parameters: Crossover, *, cuts: list[int]) -> tuple[bytes, bytes]:
    """The signals of candles that are fed in blocks of these lengths, with no more rows before each than it needs."""
    state, done, parts = sma_crossover.begin(parameters), 0, []
    for size in (*cuts, len(columns.ts)):
        first = max(0, done - sma_crossover.rows_before(parameters))
        block = Columns(*(column[first : done + size] for column in columns))
        signal, strength = np.zeros(len(block.ts) - done + first, np.int8), np.zeros(len(block.ts) - done + first)
        state = feed(state, block, done - first, parameters, signal, strength)
        parts.append((signal, strength))
        done += len(signal)
    return as_bytes((np.concatenate([signal for signal, _ in parts]), np.concatenate([power for _, power in parts])))


@examples(gate=50, full=100)
@given(cases(candles=25, commands=True), CUTS, st.integers(0, 40))
def test_any_cutting_and_any_room_give_the_same_run(case: Case, cuts: list[int], room: int) -> None:
    assert same(fold(case, cuts=cuts, room=room), fold(case))


@examples(gate=20, full=40)
@given(cases(candles=25, commands=True))
def test_blocks_of_one_give_the_same_run(case: Case) -> None:
    assert same(fold(case, cuts=range(1, 200), room=0), fold(case))


@examples(gate=50, full=100)
@given(cases(candles=30), st.integers(1, 60))
def test_the_rows_of_fewer_candles_are_a_prefix_of_all(case: Case, first: int) -> None:
    whole, part = fold(case, closed=False), fold(until(case, first), closed=False)
    assert whole.rows[: len(part.rows)] == part.rows
    assert whole.equity[: len(part.equity)] == part.equity
    assert whole.strengths[: len(part.strengths)] == part.strengths


@examples(gate=50, full=100)
@given(history(candles=60, price=300, step_ms=HOUR, threshold_ppm=0), crossovers(1_000), st.integers(1, 60))
def test_the_crossover_of_fewer_candles_is_a_prefix_of_that_of_all(
    drawn: tuple[Columns, Int8, Float64], parameters: Crossover, first: int
) -> None:
    whole = crossover(drawn[0], parameters)
    part = crossover(Columns(*(column[:first] for column in drawn[0])), parameters)
    assert whole[0][:first].tolist() == part[0].tolist()
    assert whole[1][:first].tolist() == part[1].tolist()


@examples(gate=50, full=100)
@given(history(candles=60, price=300, step_ms=HOUR, threshold_ppm=0), crossovers(1_000), CUTS)
def test_any_cutting_gives_the_same_crossover(
    drawn: tuple[Columns, Int8, Float64], parameters: Crossover, cuts: list[int]
) -> None:
    assert in_blocks(sma_crossover.feed, drawn[0], parameters, cuts=cuts) == as_bytes(crossover(drawn[0], parameters))


@examples(gate=100, full=200)
@given(case=cases(candles=30, commands=True))
def test_compiled_and_interpreted_give_the_same_run(compiled: engine.Loop, case: Case) -> None:
    assert same(fold(case, loop=compiled), fold(case))


@examples(gate=50, full=100)
@given(history(candles=60, price=12, step_ms=HOUR, threshold_ppm=0), crossovers(10_000), CUTS)
def test_compiled_and_interpreted_crossovers_are_the_same(
    drawn: tuple[Columns, Int8, Float64], parameters: Crossover, cuts: list[int]
) -> None:
    compiled = compiled_entry(sma_crossover.feed)
    assert in_blocks(compiled, drawn[0], parameters, cuts=cuts) == as_bytes(crossover(drawn[0], parameters))


@examples(gate=20, full=40)
@given(case=cases(candles=20, crossover=True))
def test_the_state_and_the_inputs_of_a_run_are_not_written_to(case: Case) -> None:
    plan, (grid, signals) = plan_of(case), grid_of(case)
    begun = new_state(case.balance, len(case.columns))
    out = blank_out(len(case.columns), len(grid.ts), 2_000)
    for array in (plan.markets, *grid, *signals, *begun):
        array.flags.writeable = False  # a write would raise
    state = frozen(engine.begin(begun, out, EPOCH))
    state = frozen(engine.advance(plan, state, grid, signals, out)[0])
    state = frozen(engine.halt(plan, state, out, 2))
    state = frozen(engine.resume(state, out, 2))
    assert engine.finish(state, out) is not state


@examples(gate=20, full=40)
@given(case=cases(candles=20, crossover=True))
def test_compiled_code_leaves_state_and_inputs_as_they_were(compiled: engine.Loop, case: Case) -> None:
    plan, (grid, signals) = plan_of(case), grid_of(case)
    out = blank_out(len(case.columns), len(grid.ts), 2_000)
    state = engine.begin(new_state(case.balance, len(case.columns)), out, EPOCH)
    before = [array.tobytes() for array in (plan.markets, *grid, *signals, *state)]
    engine.advance(plan, state, grid, signals, out, compiled)
    assert [array.tobytes() for array in (plan.markets, *grid, *signals, *state)] == before


def frozen(state: State) -> State:
    """The same state, to which a write would raise."""
    for array in state:
        array.flags.writeable = False
    return state


def same(one: Folded, other: Folded) -> bool:
    """Rows, strengths, marks, state and status are equal to the last bit."""
    return one[:3] == other[:3] and one.status == other.status and all(map(np.array_equal, one.state, other.state))


def until(case: Case, timestamps: int) -> Case:
    """The first timestamps of a run. A crossover's columns must be cut too: they may not have looked ahead."""
    moments = np.unique(np.concatenate([one.ts for one in case.columns]))
    if timestamps >= len(moments):
        return case
    counts = [int(np.searchsorted(one.ts, moments[timestamps])) for one in case.columns]
    return case._replace(
        columns=tuple(Columns(*(c[:n] for c in one)) for one, n in zip(case.columns, counts, strict=True)),
        distances=tuple(one[:n] for one, n in zip(case.distances, counts, strict=True)),
        signals=tuple((one[:n], power[:n]) for (one, power), n in zip(case.signals, counts, strict=True)),
    )
