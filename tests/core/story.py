"""Run a scenario, and describe what happened in the words of its table. Nothing is asserted here."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.machine import MODES, TRIGGERS
from tests.core.scenario import Row, Scenario, Words, block

Rows = npt.NDArray[np.int64]
Story = list[tuple[int, str, str]]  # line, happened, modes

ALWAYS = {
    "buy", "sell", "ambiguous", "stop_loss", "trailing_stop", "take_profit", "rejected", "expired", "halted", "resumed",
}  # fmt: skip


def expected_and_actual(scenario: Scenario, loop: engine.Loop | None = None) -> tuple[Story, Story]:
    """What should happen and what did, line by line; each event with as many words as the table has for it."""
    words = {*ALWAYS, *(_name(event, scenario.symbols) for row in scenario.rows for event in row.happened)}
    expected, actual = [], []
    for row, state, rows in run(scenario, loop):
        events = [event for event in _events(rows, scenario.symbols) if _name(event, scenario.symbols) in words]
        lengths = [len(event) for event in row.happened] + [99] * len(events)
        short = [" ".join(event[:length]) for event, length in zip(events, lengths, strict=False)]
        expected.append((row.line, ", ".join(map(" ".join, row.happened)), " ".join(row.modes)))
        actual.append((row.line, ", ".join(short), " ".join(MODES[mode] for mode in state.book[:, v.MODE])))
    return expected, actual


def run(scenario: Scenario, loop: engine.Loop | None = None) -> Iterator[tuple[Row, v.State, Rows]]:
    """Run row by row, in blocks of one timestamp; yield the state after each, and the engine's rows of numbers."""
    symbols = len(scenario.symbols)
    out = blank_out(symbols, 1, symbols)  # with room for the rows of begin
    state = engine.begin(new_state(scenario.balance, symbols), out, scenario.rows[0].ts)
    for row in scenario.rows:
        state = _after(scenario.plan, state, row, out, loop)
        yield row, state, out.rows[: int(out.used[0])].copy()
        out.rows[:] = out.used[0] = 0


def _after(plan: v.Plan, state: v.State, row: Row, out: v.Out, loop: engine.Loop | None) -> v.State:
    match row.command:
        case []:
            return engine.advance(plan, state, *block([row]), out, loop)[0]
        case ["halt", rule]:
            return engine.halt(plan, state, out, v.HALT_RULES.index(rule))
        case ["resume", rule]:
            return engine.resume(state, out, v.HALT_RULES.index(rule))
        case ["end"]:
            return engine.finish(state, out)
    raise ValueError(f"line {row.line}: no such input: {row.command}")


def _events(rows: Rows, symbols: Words) -> Iterator[Words]:
    """The engine's rows in words; those of a symbol begin with its name if there are several."""
    for row in rows:
        kind, _, symbol, *numbers = row.tolist()
        words = WORDS[kind](dict(zip(v.ROW_FIELDS[kind], numbers, strict=False)))
        if words:
            whose = [symbols[symbol]] if symbol != v.NONE and len(symbols) > 1 else []
            yield whose + [str(word) for word in words]


def _name(event: Words, symbols: Words) -> str:
    return event[1] if event[0] in symbols else event[0]


def _fill(n: dict[str, int]) -> list[Any]:
    name = ["buy"] if n["side"] == v.BUY else SALES.get(n["reason"], [v.REASONS[n["reason"]]])
    return ["ambiguous"] * (n["other"] > 0) + [
        *name,
        n["price"],
        f"x{n['quantity']}",
        "fee",
        n["fee"],
        "cash",
        n["cash"],
    ]


def _met(n: dict[str, int]) -> str:
    return "/".join("-" if n[name] == v.NONE else str(n[name]) for name in ("value", "limit"))


SALES: dict[int, list[Any]] = {v.BY_SIGNAL: ["sell"], v.BY_HALT: ["sell", "halt"], v.DATA_GAP: ["sell", "data_gap"]}
WORDS: dict[int, Callable[[dict[str, int]], list[Any]]] = {
    v.MARK: lambda n: [],
    v.SIGNAL: lambda n: [],
    v.DAY_STARTED: lambda n: ["day", n["equity"]],
    v.MODE_CHANGED: lambda n: [TRIGGERS[n["trigger"]]],
    v.ORDER_PLACED: lambda n: ["placed", v.SIDES[n["side"]], v.REASONS[n["reason"]], n["confidence"]],
    v.ORDER_REJECTED: lambda n: ["rejected", v.REASONS[n["reason"]], _met(n)],
    v.ORDER_EXPIRED: lambda n: ["expired", v.REASONS[n["reason"]], v.SIDES[n["side"]]],
    v.FILLED: _fill,
    v.TRADE_CLOSED: lambda n: ["closed", n["net"]],
    v.HALTED_ROW: lambda n: ["halted", v.HALT_RULES[n["rule"]], n["equity"], n["reference"]],
    v.RESUMED: lambda n: ["resumed", v.RESUMERS[n["by"]], n["halt"], n["peak"]],
}


def marked(plan: v.Plan, state: v.State) -> int:
    """Cash and positions at their last closes, money units: what equity must be."""
    worth = sum(
        int(row[v.QUANTITY]) * int(row[v.CLOSE]) * int(market[2])
        for row, market in zip(state.book, plan.markets, strict=True)
    )
    return int(state.account[v.CASH]) + worth
