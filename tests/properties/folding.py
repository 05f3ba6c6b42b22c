"""The engine run over a case: whole, in pieces, with inputs from outside; and its rows in words. No assertion."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.machine import MODES, TRIGGERS
from safla.core.values import Grid, Out, Signals, State
from tests.properties.market import Case, grid_of, plan_of

Row = tuple[int, ...]


class Folded(NamedTuple):
    """What a run came to: its rows cut to their fields, strengths of its signals, a mark a timestamp, the end.

    after  for each block: how many timestamps and rows there were behind it, and the state
    """

    rows: list[Row]
    strengths: list[float]
    equity: list[int]
    trough: list[int]
    state: State
    status: int
    after: list[tuple[int, int, State]]


def fold(
    case: Case, *, cuts: Sequence[int] = (), room: int = 2_000, loop: engine.Loop | None = None, closed: bool = True
) -> Folded:
    """Begin, advance from cut to cut, finish if `closed`; `room` is what `out` holds beyond one timestamp's need."""
    plan, (grid, signals) = plan_of(case), grid_of(case)
    size, symbols = len(grid.ts), len(case.columns)
    out = blank_out(symbols, size, room)
    state = engine.begin(new_state(case.balance, symbols), out, int(grid.ts[0]))
    rows: list[Row] = []
    strengths: list[float] = []
    equity: list[int] = []
    trough: list[int] = []
    after: list[tuple[int, int, State]] = []
    commanded = {command.place + 1 for command in case.commands}
    done = 0
    for end in sorted({*cuts, *commanded, size} & set(range(1, size + 1))):
        while done < end:
            block, block_signals = cut(grid, signals, done, end)
            state, folded, status = engine.advance(plan, state, block, block_signals, out, loop)
            take(out, rows, strengths)
            equity += out.equity[:folded].tolist()
            trough += out.trough[:folded].tolist()
            done += folded
            if status:
                return Folded(rows, strengths, equity, trough, state, status, after)
        state = outside(case, state, out, end - 1)
        take(out, rows, strengths)
        after.append((end, len(rows), state))
    if closed:
        state = engine.finish(state, out)
        take(out, rows, strengths)
    return Folded(rows, strengths, equity, trough, state, 0, after)


def cut(grid: Grid, signals: Signals, first: int, end: int) -> tuple[Grid, Signals]:
    """A block of timestamps."""
    block = Grid(grid.ts[first:end], *(column[:, first:end] for column in grid[1:]))
    return block, Signals(signals.signal[:, first:end], signals.strength[:, first:end])


def outside(case: Case, state: State, out: Out, place: int) -> State:
    """The commands behind one timestamp, in order."""
    plan = plan_of(case)
    for command in case.commands:
        if command.place == place:
            halting = command.word == "halt"
            state = engine.halt(plan, state, out, command.rule) if halting else engine.resume(state, out, command.rule)
    return state


def take(out: Out, rows: list[Row], strengths: list[float]) -> None:
    """Move what `out` holds to the end of the lists, and empty it."""
    used = int(out.used[0])
    for row, strength in zip(out.rows[:used].tolist(), out.strength[:used].tolist(), strict=True):
        rows.append(tuple(row[: 3 + len(v.ROW_FIELDS[row[0]])]))
        if row[0] == v.SIGNAL:
            strengths.append(strength)
    out.used[0] = 0


def named(row: Row) -> dict[str, Any]:
    """A row by the names of its numbers."""
    return dict(zip(("kind", "ts", "symbol", *v.ROW_FIELDS[row[0]]), row, strict=True))


CODES: dict[str, Sequence[str | None]] = {
    "kind": v.KINDS,
    "trigger": TRIGGERS,
    "source": MODES,
    "target": MODES,
    "side": v.SIDES,
    "reason": v.REASONS,
    "rule": v.HALT_RULES,
    "by": v.RESUMERS,
}


def in_words(row: Row) -> dict[str, Any]:
    """A row by names, its codes as words and its nulls as None."""
    return {name: CODES[name][value] if name in CODES else word(name, value) for name, value in named(row).items()}


def word(name: str, value: int) -> int | None:
    """NONE is null wherever a number is never negative."""
    return None if value == v.NONE and name not in ("signal", "gross", "net") else value


def of_kind(rows: Sequence[Row], kind: int) -> list[dict[str, Any]]:
    """The rows of one kind, by names."""
    return [named(row) for row in rows if row[0] == kind]
