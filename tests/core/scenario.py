"""Scenario tables: their text format and reader, and what a run of one came to, in its words. Nothing is asserted here.

    # S9: an opening gap through the stop                 the title names the rules
    stop_loss 5 %, take_profit 10 %                       settings that differ from QUIET; settle is that of warm_up
      10000 10100  9900 10000 +1 | -              | flat  open high low close, signal | happened | mode
      10000 10400  9600 10300 .  | buy 10000      | long  further words: v0 volume, s0.5 strength,
                                                                   d5 u5 t5 distances: stop, target, trail
       9400  9600  9000  9200 .  | stop_loss 9400 | flat
  +2h  9300  9300  9300  9300 .  | -              | flat  two hours after the row before, so one candle is missing
    > halt operator              | halted         | halted    an input between candles: halt RULE, resume RULE, end

Several symbols have a cell each, `-` where one has no candle. `happened` names what came out, in order. Fills,
rejections, expiries, halts and resumes must always be named; of the other words (placed, day, closed, and the triggers
of the machine) all or none in one scenario. An event may be named by its first words only.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.machine import MODES, TRIGGERS
from safla.core.values import Grid, Market, Plan, Rules, Signals

HOUR = 3_600_000
MONDAY = 1_704_067_200_000  # 2024-01-01T00:00Z
QUIET = Rules(
    step_ms=HOUR, start_ts=0, warm_up=1, settle=1, max_gap_candles=0, sell_on_gap=0, max_fill_delay_candles=1,
    optimistic=0, touch=0, target_improvement=0, commission_ppm=0, maker_commission_ppm=0,
    base_slippage_ppm=0, impact_ppm=0, max_slippage_ppm=0,
    confidence_cap_ppm=900_000, confidence_threshold_ppm=0, max_position=112_000,  # 10 units at a price of 10 000
    position_size_ppm=1_000_000, equity_share_ppm=0, risk_ppm=0, max_exposure_ppm=1_000_000,
    stop_loss_ppm=0, take_profit_ppm=0, trailing_stop_ppm=0, trailing_activation_ppm=0,
    stop_distance=0, target_distance=0, trail_distance=0,
    break_even_after_ppm=0, break_even_offset_ppm=0, max_held_candles=0, max_open_positions=9,
    max_daily_loss_ppm=0, max_drawdown_ppm=0, drawdown_pause_days=0, max_daily_trades=0, cooldown_candles=0, flatten=1,
)  # fmt: skip
MARKET = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)
BALANCE = 1_000_000
VOLUME = 1_000_000
DISTANCES = {"d": "stop", "u": "target", "t": "trail"}
UNITS = {"%": 10_000, "bps": 100}  # in parts per million

Words = list[str]


class Bar(NamedTuple):
    """One cell: a candle (all 0 where there is none) with its signal."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    signal: int
    strength: float
    stop: int  # distances, NONE: not known
    target: int
    trail: int


class Row(NamedTuple):
    """One line of a table, with its number in the file."""

    line: int
    ts: int
    command: Words  # from outside, empty for candles
    bars: list[Bar]
    happened: list[Words]
    modes: Words


class Scenario(NamedTuple):
    """One table."""

    name: str  # file:line and title
    rules: tuple[str, ...]  # the rules that the title names
    plan: Plan
    balance: int
    symbols: Words
    rows: list[Row]


def read(path: Path) -> Iterator[Scenario]:
    """The scenarios of one file. Text before the first title is a comment."""
    lines = list(enumerate(path.read_text("ascii").splitlines(), 1))
    starts = [place for place, (_, line) in enumerate(lines) if re.match(r"# S\d", line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        number, title = lines[start]
        body = [(n, text) for n, line in lines[start + 1 : end] if (text := line.partition("#")[0].strip())]
        yield _scenario(f"{path.name}:{number} {title[2:]}", body)


def _scenario(name: str, body: list[tuple[int, str]]) -> Scenario:
    rules, market, other = (
        QUIET._asdict() | {"settle": 0},
        MARKET._asdict(),
        {"balance": BALANCE, "begin": MONDAY, "start": 0},
    )
    symbols, steps = ["A"], list[tuple[int, int]]()
    for word, *value in (item.split() for _, line in body if "|" not in line for item in line.split(",")):
        if word == "symbols":
            symbols = value
            continue
        if word == "target_step":
            steps.append((int(value[0]), _number(value[1:])))
            continue
        field = f"{word}_ppm" if f"{word}_ppm" in rules else word
        table = next((table for table in (rules, market, other) if field in table), None)
        assert table is not None, f"{name}: no such setting: {word}"
        table[field] = _number(value)
    rules["start_ts"] = other["begin"] + other["start"]
    rules["settle"] = rules["settle"] or rules["warm_up"]
    markets = np.array([Market(**market)] * len(symbols), np.int64)
    plan = Plan(Rules(**rules), markets, np.array(steps, np.int64).reshape(-1, 2))
    rows = list(_rows([(n, line) for n, line in body if "|" in line], other["begin"]))
    return Scenario(name, tuple(re.findall(r"S\d+", name.partition(": ")[0])), plan, other["balance"], symbols, rows)


def _number(words: Words) -> int:
    """A setting's value: a number, a share (`5 %`), an hour of the first day (`22:00`) or hours (`+3h`); none is 1."""
    if not words:
        return 1
    if words[0].endswith(":00"):
        return MONDAY + int(words[0].removesuffix(":00")) * HOUR
    if words[0].endswith("h"):
        return int(words[0].strip("+h")) * HOUR
    return int(Decimal(words[0].replace("_", "")) * (UNITS[words[1]] if len(words) > 1 else 1))


def _rows(lines: list[tuple[int, str]], begin: int) -> Iterator[Row]:
    ts = begin - HOUR
    for number, line in lines:
        *cells, happened, modes = (cell.strip() for cell in line.split("|"))
        events = [] if happened == "-" else [event.split() for event in happened.split(",")]
        if line.startswith(">"):
            yield Row(number, ts, cells[0].strip("> ").split(), [], events, modes.split())
            continue
        later = re.match(r"\+(\d+)h\s+", cells[0])
        ts += int(later[1]) * HOUR if later else HOUR
        cells[0] = cells[0][later.end() :] if later else cells[0]
        yield Row(number, ts, [], [_bar(cell.split()) for cell in cells], events, modes.split())


def _bar(words: Words) -> Bar:
    if words == ["-"]:
        return Bar(0, 0, 0, 0, 0, 0, 0.0, v.NONE, v.NONE, v.NONE)
    first, high, low, last = map(int, words[:4])
    bar = Bar(first, high, low, last, VOLUME, 0, 0.01, v.NONE, v.NONE, v.NONE)
    for word in words[4:]:
        if word.startswith("v"):
            bar = bar._replace(volume=int(word[1:]))
        elif word.startswith("s"):
            bar = bar._replace(strength=float(word[1:]))
        elif word[0] in DISTANCES:
            bar = bar._replace(**{DISTANCES[word[0]]: int(word[1:])})
        elif word != ".":
            bar = bar._replace(signal=int(word))
    return bar


def block(rows: list[Row]) -> tuple[Grid, Signals]:
    """The candles and signals of some rows, as one block."""
    table = np.array([row.bars for row in rows])  # rows, symbols, fields of Bar
    *columns, signal, strength, stop, target, trail = (table[:, :, field].T for field in range(len(Bar._fields)))
    ts = np.array([row.ts for row in rows], np.int64)
    distances = (column.astype(np.int64) for column in (stop, target, trail))
    grid = Grid(ts, *(column.astype(np.int64) for column in columns))
    return grid, Signals(signal.astype(np.int8), strength, *distances)


Rows = npt.NDArray[np.int64]
Story = list[tuple[int, str, str]]  # line, happened, modes

ALWAYS = {
    "buy", "sell", "ambiguous", "target_step", "stop_loss", "break_even", "trailing_stop", "take_profit",
    "rejected", "expired", "halted", "resumed",
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
SALES[v.TIME_STOP] = ["sell", "time_stop"]
WORDS: dict[int, Callable[[dict[str, int]], list[Any]]] = {
    v.MARK: lambda n: [],
    v.SIGNAL: lambda n: [],
    v.DAY_STARTED: lambda n: ["day", n["equity"]],
    v.MODE_CHANGED: lambda n: [TRIGGERS[n["trigger"]]],
    v.ORDER_PLACED: lambda n: [
        "placed",
        v.SIDES[n["side"]],
        v.REASONS[n["reason"]],
        n["confidence"],
        n["stop"],
        n["target"],
        n["trail"],
    ],
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
