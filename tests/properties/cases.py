"""Small drawn markets (jumps, gaps, no volume, signals, rules over their ranges), and the engine run over a case.

It runs whole, in pieces, with inputs from outside; its rows are told in the words of the reference. No assertion.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.candles import align, spread
from safla.core.machine import MODES, TRIGGERS
from safla.core.values import (
    DAILY_LOSS,
    DRAWDOWN,
    OPERATOR,
    STRATEGY_ERROR,
    Columns,
    Float64,
    Grid,
    Int8,
    Int64,
    Int64Table,
    Market,
    Out,
    Plan,
    Rules,
    Signals,
    State,
)
from safla.strategies.register import STRATEGIES
from safla.strategies.sma_crossover import Crossover
from tests.properties.reference import Reference

HOUR = 3_600_000
MOST = 10**15  # balance: prices may rise a thousandfold and stay within the bounds of D1
EPOCH = 1_700_006_400_000  # a Wednesday, 00:00 UTC: on the grid of every timeframe


class Command(NamedTuple):
    """An input from outside, behind the timestamp with that place in the run."""

    place: int
    word: str  # halt or resume
    rule: int


class Case(NamedTuple):
    """All that decides a run; signals hold a column and strengths for each symbol's own rows."""

    rules: Rules
    markets: tuple[Market, ...]
    balance: int
    columns: tuple[Columns, ...]
    signals: tuple[tuple[Int8, Float64], ...]
    commands: tuple[Command, ...]
    target_steps: tuple[tuple[int, int], ...] = ()  # candles and gain
    distances: tuple[Int64Table, ...] = ()  # [rows, 3] of each symbol: stop, target, trail; none: not read


RULES: dict[
    str, tuple[int, ...]
] = {  # every rule over its range, the rare made frequent; 0 switches an optional one off
    "step_ms": (HOUR, 8 * HOUR, 12 * HOUR, 24 * HOUR),
    "warm_up": (1, 2, 4),
    "settle": (1, 1, 2, 4),
    "max_gap_candles": (0, 1, 2),
    "sell_on_gap": (0, 1),
    "max_fill_delay_candles": (1, 0, 2),
    "optimistic": (0, 1),
    "touch": (0, 1),
    "target_improvement": (0, 1),
    "commission_ppm": (0, 1, 750, 1_000, 50_000),
    "maker_commission_ppm": (0, 200, 1_000, 50_000),
    "base_slippage_ppm": (0, 1, 200, 10_000),
    "impact_ppm": (0, 100_000, 1_000_000, 1_000_000_000),
    "max_slippage_ppm": (10_000, 50_000, 500_000),
    "confidence_cap_ppm": (900_000, 900_000, 1_000_000),
    "confidence_threshold_ppm": (0, 0, 1, 1_000, 1_000_000),
    "position_size_ppm": (*(1_000_000,) * 8, 333_333, 1),
    "equity_share_ppm": (*(0,) * 6, 1, 200_000, 1_000_000),
    "risk_ppm": (*(0,) * 5, 1, 100, 10_000, 1_000_000),
    "max_exposure_ppm": (1_000_000, *(600_000,) * 6, 50_000, 1),
    "stop_loss_ppm": (0, 0, 1, 5_000, 20_000, 100_000, 999_999),
    "take_profit_ppm": (0, 0, 1, 5_000, 20_000, 100_000_000),
    "trailing_stop_ppm": (0, 0, 0, 1, 5_000, 20_000, 999_999),
    "trailing_activation_ppm": (0, 1, 10_000, 30_000, 100_000_000),
    "stop_distance": (0, 0, 1),
    "target_distance": (0, 0, 1),
    "trail_distance": (0, 0, 1),
    "break_even_after_ppm": (0, 0, 0, 1, 5_000, 20_000),
    "break_even_offset_ppm": (0, 0, 1, 4_999, 15_000),
    "max_held_candles": (0, 0, 0, 1, 2, 5),
    "max_open_positions": (3, 3, 1, 2),
    "max_daily_loss_ppm": (0, 0, 0, 1, 5_000, 50_000, 1_000_000),
    "max_drawdown_ppm": (0, 0, 0, 1, 5_000, 50_000, 1_000_000),
    "drawdown_pause_days": (0, 1, 2),
    "max_daily_trades": (0, 0, 1, 2),
    "cooldown_candles": (0, 0, 1, 2, 5),
    "flatten": (1, 0),
}
LIMITS_OFF = {
    "max_open_positions": 9,
    "max_exposure_ppm": 1_000_000,
    "max_daily_loss_ppm": 0,
    "max_drawdown_ppm": 0,
    "max_daily_trades": 0,
}

GAINS = (0, 1, 5_000, 30_000, 100_000_000, -1, -10_000, -990_000)  # of the steps of a target (S40)
SIGNALS = (0, 1, 0, -1, 1, 0)
LEVELS = 150  # a higher byte repeats the signal of the candle before, so that signals stand (S28)
NO_RULES: Mapping[str, int] = MappingProxyType({})
BYTES = 8  # of noise a candle
HOLES = {
    248: 1,
    249: 1,
    250: 1,
    251: 1,
    252: 2,
    253: 3,
    254: 4,
    255: 30,
}  # a byte: so many candles are missing before this one


@st.composite
def cases(
    draw: st.DrawFn,
    /,
    symbols: int = 3,
    candles: int = 30,
    crossover: bool = False,
    commands: bool = False,
    prices: tuple[int, ...] = (12, 300, 10_000, 1_000_000),
    most: int = MOST,
    fixed: Mapping[str, int] = NO_RULES,
) -> Case:
    """A run of up to so many symbols and candles, from these prices on; `fixed` rules keep their value."""
    count = draw(st.integers(1, symbols))
    chosen = {name: fixed[name] if name in fixed else draw(st.sampled_from(range_)) for name, range_ in RULES.items()}
    markets = tuple(draw(market()) for _ in range(count))
    starts = [draw(st.sampled_from(prices)) for _ in range(count)]
    lot_cost = max(price * one.lot * one.k for price, one in zip(starts, markets, strict=True))
    balance = min(lot_cost * draw(st.sampled_from((50, 50, 1_000, 1_000_000, 2))), most)
    step_ms, threshold = chosen["step_ms"], chosen["confidence_threshold_ppm"]
    drawn = [draw(history(candles, price, step_ms, threshold)) for price in starts]
    signals = tuple((signal, strength) for _, signal, strength in drawn)
    columns = tuple(one for one, _, _ in drawn)
    if crossover:
        parameters = draw(crossovers(threshold))
        chosen["warm_up"] = chosen["settle"] = STRATEGIES["sma_crossover"].warm_up(parameters)
        signals = tuple(STRATEGIES["sma_crossover"].columns(one, parameters) for one in columns)
    chosen["settle"] = min(chosen["settle"], chosen["warm_up"])
    start_ts = EPOCH + step_ms * draw(st.sampled_from((0, 0, 3, 9)))
    max_position = max(1, balance * draw(st.sampled_from((100, 33, 20, 1, 500))) // 100)
    if chosen["equity_share_ppm"] + chosen["risk_ppm"] > 0:
        max_position *= draw(st.integers(0, 1))
    rules = Rules(start_ts=start_ts, max_position=max_position, **chosen)
    asked = tuple(sorted(draw(st.lists(command(candles), max_size=3)))) if commands else ()
    gains = draw(st.lists(st.sampled_from(GAINS), max_size=3)) if draw(st.integers(0, 2)) == 0 else []
    steps = tuple((1 + 2 * place, gain) for place, gain in enumerate(gains))
    distances = tuple(draw(distances_of(one)) for one in columns)
    return Case(rules, markets, balance, columns, signals, asked, steps, distances)


@st.composite
def market(draw: st.DrawFn) -> Market:
    """The grid of one symbol's orders, and the scales of its amounts."""
    up = draw(st.sampled_from((0, 3, -2)))
    return Market(
        tick=draw(st.sampled_from((1, 5, 25))),
        lot=draw(st.sampled_from((1, 10, 1_000))),
        k=draw(st.sampled_from((1, 10, 1_000))),
        min_notional=draw(st.sampled_from((0, 0, 500, 10_000_000))),
        quantity_up=10 ** max(up, 0),
        volume_up=10 ** max(-up, 0),
    )


@st.composite
def history(
    draw: st.DrawFn, candles: int, price: int, step_ms: int, threshold_ppm: int
) -> tuple[Columns, Int8, Float64]:
    """One symbol's candles, signals and strengths, out of one string of noise (quick to draw, and it shrinks)."""
    count = draw(st.integers(1, candles))
    noise = draw(st.binary(min_size=BYTES * count, max_size=BYTES * count))
    traded = draw(st.sampled_from((1, 1_000, 1_000_000_000, 2**54 - 1)))
    ts = EPOCH + step_ms * (draw(st.integers(0, 3)) - 1)
    rows: list[tuple[int, ...]] = []
    signals: list[int] = []
    strengths: list[float] = []
    for i in range(0, len(noise), BYTES):
        gap, jump, body, up, down, busy, wanted, power = noise[i : i + BYTES]
        ts += step_ms * (1 + HOLES.get(gap, 0))
        open_ = moved(price, jump)
        close = moved(open_, body)
        high = max(open_, close, moved(open_, up))
        low = min(open_, close, moved(open_, down))
        rows.append((ts, open_, high, low, close, 0 if busy % 16 == 15 else (1 + busy) * traded))
        signals.append(signals[-1] if signals and wanted > LEVELS else SIGNALS[wanted % len(SIGNALS)])
        strengths.append(power / 200 * max(threshold_ppm, 1_000) / 1_000_000)
        price = close
    columns = Columns(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))
    return columns, np.array(signals, np.int8), np.array(strengths, np.float64)


@st.composite
def distances_of(draw: st.DrawFn, columns: Columns) -> Int64Table:
    """Distances at each candle: shares of its close, few of them unknown, or too small or large to make a level."""
    count = len(columns.close)
    noise = np.frombuffer(draw(st.binary(min_size=3 * count, max_size=3 * count)), np.uint8).reshape(-1, 3)
    special = {0: v.NONE, 1: 0, 2: 1, 3: 10**15}
    far = columns.close[:, None] * (1 + noise.astype(np.int64) % 50) // 400
    for byte, distance in special.items():
        far[noise == byte] = distance
    return far


def moved(price: int, byte: int) -> int:
    """A price after a step: none for 0, then up and down by turns, small for most bytes, up to a third for the rest."""
    size = (byte + 1) // 2
    step = price * size // (5_000 if size <= 120 else 400) + size % 3
    return max(1, price + step if byte % 2 else price - step)


@st.composite
def crossovers(draw: st.DrawFn, threshold_ppm: int) -> Crossover:
    """Parameters of the crossover that a short history can warm up."""
    slow = draw(st.integers(2, 5))
    exit_ppm, confirm = draw(st.sampled_from((0, 1, 1_000, 10_000))), draw(st.sampled_from((0, 1, 3)))
    return Crossover(draw(st.integers(1, slow - 1)), slow, min(threshold_ppm, 10_000), exit_ppm, confirm)


@st.composite
def command(draw: st.DrawFn, candles: int) -> Command:
    """A person halts or resumes, or a strategy fails."""
    word, rule = draw(st.sampled_from(COMMANDS))
    return Command(draw(st.integers(0, candles - 1)), word, rule)


COMMANDS = (
    ("halt", OPERATOR),
    ("halt", STRATEGY_ERROR),
    ("resume", OPERATOR),
    ("resume", STRATEGY_ERROR),
    ("resume", DRAWDOWN),
    ("resume", DAILY_LOSS),
)


QUIET = Rules(**dict.fromkeys(Rules._fields, 0))._replace(
    step_ms=HOUR,
    warm_up=1,
    settle=1,
    position_size_ppm=1_000_000,
    max_exposure_ppm=1_000_000,
    max_open_positions=9,
    flatten=1,
)


def written(rules: Rules, market: Market, balance: int, *symbols: tuple[Sequence[int], Sequence[int]]) -> Case:
    """A run by hand: for each symbol its prices, at each of which one candle stands still, and its signals."""
    columns, signals = [], []
    for prices, wanted in symbols:
        price = np.array(prices, np.int64)
        ts = EPOCH + rules.step_ms * np.arange(len(price))
        columns.append(Columns(ts, price, price, price, price, np.full_like(price, 1_000_000)))
        signals.append((np.array(wanted, np.int8), np.zeros(len(price))))
    return Case(rules, (market,) * len(symbols), balance, tuple(columns), tuple(signals), ())


def plan_of(case: Case) -> Plan:
    """What the engine is told once."""
    steps = np.array(case.target_steps, np.int64).reshape(-1, 2)
    return Plan(case.rules, np.array(case.markets, np.int64), steps)


def grid_of(case: Case) -> tuple[Grid, Signals]:
    """Candles and signals of all symbols on one time grid."""
    grid = align(case.columns)
    signal, strength = (
        np.stack([spread(grid.ts, one.ts, pair[i]) for one, pair in zip(case.columns, case.signals, strict=True)])
        for i in (0, 1)
    )
    if not case.distances:
        return grid, Signals(signal, strength)
    pairs = list(zip(case.columns, case.distances, strict=True))
    distances = (np.stack([spread(grid.ts, one.ts, given[:, i]) for one, given in pairs]) for i in range(3))
    return grid, Signals(signal, strength, *distances)


def repriced(one: Columns, change: Callable[[Int64], Int64]) -> Columns:
    """The same candles at other prices."""
    return Columns(one.ts, change(one.open), change(one.high), change(one.low), change(one.close), one.volume)


def with_rules(case: Case, **changed: Any) -> Case:
    """The same run under other rules."""
    return case._replace(rules=case.rules._replace(**changed))


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
    return block, signals.part(first, end)


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
    codes = {name: words for name, words in CODES.items() if name != "target" or row[0] == v.MODE_CHANGED}
    return {name: codes[name][value] if name in codes else word(name, value) for name, value in named(row).items()}


def word(name: str, value: int) -> int | None:
    """NONE is null wherever a number is never negative."""
    return None if value == v.NONE and name not in ("signal", "gross", "net") else value


def of_kind(rows: Sequence[Row], kind: int) -> list[dict[str, Any]]:
    """The rows of one kind, by names."""
    return [named(row) for row in rows if row[0] == kind]


def reference_of(case: Case, closed: bool = True) -> Reference:
    """The reference, run over a case."""
    reference = Reference(case.rules, case.markets, case.balance, case.target_steps)
    reference.run(timeline(case), case.commands, closed)
    return reference


def timeline(case: Case) -> list[tuple[int, dict[int, Any]]]:
    """The candles and signals of all symbols by time, as plain numbers."""
    moments: dict[int, dict[int, Any]] = {}
    for place, (columns, signals) in enumerate(zip(case.columns, case.signals, strict=True)):
        extra = case.distances[place] if case.distances else np.full((len(columns.ts), 3), v.NONE)
        for ts, *row in zip(*(column.tolist() for column in (*columns, *signals, extra)), strict=True):
            moments.setdefault(ts, {})[place] = tuple(row)
    return sorted(moments.items())


def story(folded: Folded) -> list[dict[str, Any]]:
    """The engine's rows in the words of the reference."""
    strengths = iter(folded.strengths)
    return [in_words(row) | ({"strength": next(strengths)} if row[0] == v.SIGNAL else {}) for row in folded.rows]
