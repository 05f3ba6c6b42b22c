"""The loop of every run: blocks of candles go into the engine, rows and journal lines come out.

A backtest appends the lines, a replay compares them, a parameter search makes none (D3, promise 1). All modes share
this code, so that they give the same bytes.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from safla.config.plan import RunPlan
from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.candles import Scale, Series, align, digest, iso
from safla.core.scale import to_text
from safla.core.values import Grid, Int64, Mask, Signals, State
from safla.errors import DataError
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import RULES, SCHEMA, RunStarted, SymbolScale
from safla.journal.writer import LineEncoder
from safla.runs.engine_choice import EngineForms
from safla.runs.signal_sources import SignalSource, signal_source

ROWS_A_CALL = 16_384  # room for the engine's rows of one call, besides what a single timestamp may need


class Block(NamedTuple):
    """The results of some timestamps, including the inputs from outside after the last of them."""

    lines: bytes  # of the journal; empty if none are made
    rows: Int64  # [rows, values.ROW_WIDTH], a copy
    ts: Int64  # [timestamps]
    equity: Int64  # [timestamps]
    trough: Int64  # [timestamps], equity at the worst price inside the candle, with stops applied
    state: State


class Outside(NamedTuple):
    """An input from outside the candles (a halt or its end), applied after all other lines of a timestamp (J17)."""

    ts: int
    rule: int  # index into values.HALT_RULES: the rule that halts, or whose halt is lifted
    lifts: bool
    input: Input


class Folding:
    """A run in progress: the state of the engine, and the encoder of its journal lines. It opens no file."""

    def __init__(
        self, run: RunPlan, *, first_ts: int, forms: EngineForms, timestamps: int, check_moves: bool = False,
        with_lines: bool = True,
    ) -> None:  # fmt: skip
        """
        first_ts     the first candle of all symbols, ms
        timestamps   the largest number of them in a call
        check_moves  whether the state machine checks every change of mode (D4)
        with_lines   whether journal lines are made, which takes ten times as long as the engine
        """
        self.run = run
        self.out = blank_out(len(run.symbols), timestamps, ROWS_A_CALL)
        self._encoder = (
            LineEncoder(started(run, first_ts=first_ts), check_moves=check_moves, write=forms.write)
            if with_lines
            else None
        )
        self.state = engine.begin(new_state(run.balance, len(run.symbols)), self.out, first_ts)
        self._loop = forms.loop

    @property
    def lines(self) -> LineEncoder:
        """The encoder of the journal lines."""
        assert self._encoder is not None, "a run without lines has no journal"
        return self._encoder

    def advance(self, block: Grid, signals: Signals) -> Block:
        """Process the timestamps of a block, or fewer of them if the room for rows is full.

        raises  AmountOverflow if an amount would exceed the bounds of D1; it carries the block of what came before
        """
        self.state, folded, broken = engine.advance(self.run.plan, self.state, block, signals, self.out, self._loop)
        used = int(self.out.used[0])
        rows = self.out.rows[:used].copy()
        lines = b""
        if self._encoder is not None:
            lines = self._encoder.block(block, folded, rows=rows, strengths=self.out.strength[:used])
        self.out.used[0] = 0
        result = Block(
            lines, rows, block.ts[:folded], self.out.equity[:folded].copy(), self.out.trough[:folded].copy(), self.state
        )
        if broken:
            raise AmountOverflow(self.run, result, symbol=broken - 1, ts=int(block.ts[folded]))
        return result

    def outside(self, given: Outside) -> tuple[bytes, Int64]:
        """Apply an input from outside. Returns its lines and rows; none if it changes nothing."""
        if given.lifts:
            self.state = engine.resume(self.state, self.out, given.rule)
        else:
            self.state = engine.halt(self.run.plan, self.state, self.out, given.rule)
        rows = self._rows()
        return b"" if self._encoder is None else self._encoder.outside(rows, given.input), rows

    def finish(self, known: str, stop: Input = NO_INPUT) -> Block:
        """The closing lines (J3). known: the digest of all candles (J7); stop: the command that ended it (S15a)."""
        self.state = engine.finish(self.state, self.out)
        rows = self._rows()
        nothing = np.zeros(0, np.int64)
        lines = b"" if self._encoder is None else self._encoder.closing(rows, self.state, digest=known, stop=stop)
        return Block(lines, rows, nothing, nothing, nothing, self.state)

    def interpret(self) -> None:
        """Use the interpreted engine from now on: for single timestamps, calls of compiled code cost more."""
        self._loop = None

    def _rows(self) -> Int64:
        rows: Int64 = self.out.rows[: int(self.out.used[0])].copy()
        self.out.used[0] = 0
        return rows


class AmountOverflow(DataError):
    """An amount would exceed the bounds of D1 at a timestamp. `block` holds the results before it."""

    def __init__(self, run: RunPlan, block: Block, *, symbol: int, ts: int) -> None:
        super().__init__(
            f"{run.symbols[symbol]}: at {iso(ts)} an amount of money would exceed 2**62 units of "
            f"10^-{run.money_decimals}; set fewer decimals in markets, or a smaller balance",
            code="amount_overflow",
        )
        self.block = block


def fold_blocks(
    run: RunPlan,
    series: Sequence[Series],
    *,
    forms: EngineForms,
    timestamps: int = engine.MAX_BLOCK,
    known: str | None = None,
    outside: Sequence[Outside] = (),
    stop: Input = NO_INPUT,
    source: SignalSource | None = None,
    with_lines: bool = True,
) -> Iterator[Block]:
    """Process all candles. The last block holds only the closing lines. DataError if an amount passes the bounds of D1.

    timestamps  the largest number of them in a block; it changes no byte of the journal (D3)
    known       the digest of the candles (J7), if the caller has it
    outside     inputs from outside, ordered by ts
    stop        the command that ended the run, if there was one
    source      of the signals; None: it is begun here, and an array function is checked for looking ahead
    with_lines  whether journal lines are made
    """
    grid = align([one.columns for one in series])
    size = max(1, min(timestamps, engine.MAX_BLOCK // len(series)))
    if source is None:
        source = signal_source(
            run, series, forms=forms, unasked=unasked_at(outside, grid.ts), known=known, failed=failures(outside)
        )
    folding = Folding(run, first_ts=int(grid.ts[0]), forms=forms, timestamps=size, with_lines=with_lines)
    yield from folded(folding, source, outside=outside, grid=grid, size=size)
    yield folding.finish(known or (digest(series, run.timeframe) if with_lines else ""), stop)


def folded(
    folding: Folding, source: SignalSource, *, outside: Sequence[Outside], grid: Grid, size: int
) -> Iterator[Block]:
    """The blocks of the candles of a grid, without closing lines."""
    # A block ends at each timestamp that has an input from outside, for the input is applied after that timestamp.
    inputs: dict[int, list[Outside]] = {}
    for entry in outside:
        inputs.setdefault(int(np.searchsorted(grid.ts, entry.ts)) + 1, []).append(entry)
    stops = sorted({*inputs, len(grid.ts)})
    unasked = unasked_at(outside, grid.ts)
    is_always_asked = not unasked.any()
    done = 0
    while done < len(grid.ts):
        first, end = done, min(done + size, stops[bisect_right(stops, done)])
        candles = _cut(grid, first, end)
        signals = source.feed(candles)
        if not is_always_asked:
            signals.signal[:, unasked[first:end]] = v.UNASKED
            if signals.trail is not v.NOT_GIVEN:
                signals.trail[:, unasked[first:end]] = v.NONE  # as while the strategy failed: that raises no trail
        while done < end:  # the engine stops where its room for rows is full
            if done > first:
                candles = _cut(grid, done, end)
            try:
                block = folding.advance(candles, signals.part(done - first) if done > first else signals)
            except AmountOverflow as error:
                yield error.block
                raise
            done += len(block.ts)
            for entry in inputs.get(done, ()):
                lines, rows = folding.outside(entry)
                block = block._replace(
                    lines=block.lines + lines, rows=np.concatenate([block.rows, rows]), state=folding.state
                )
            yield block


def unasked_at(outside: Sequence[Outside], grid_ts: Int64) -> Mask:
    """bool[timestamps]: whether the strategy failed there, or was not called because of an earlier failure (J17)."""
    mask = np.zeros(len(grid_ts), bool)
    since = None
    for entry in outside:
        if entry.rule != v.STRATEGY_ERROR:
            continue
        if entry.lifts and since is not None:
            mask |= (grid_ts >= since) & (grid_ts <= entry.ts)
            since = None
        elif not entry.lifts and since is None:
            since = entry.ts
    if since is not None:
        mask |= grid_ts >= since
    return mask


def failures(outside: Sequence[Outside]) -> set[int]:
    """The timestamps at which the strategy failed (J17)."""
    return {entry.ts for entry in outside if entry.rule == v.STRATEGY_ERROR and not entry.lifts}


def started(run: RunPlan, *, first_ts: int) -> RunStarted:
    """The first line of the journal, which holds all that is needed to make the plan again (J15)."""
    return RunStarted(
        ts=first_ts,
        schema=SCHEMA,
        rules=RULES,
        name=run.name,
        detail=run.detail,
        timeframe=run.timeframe,
        start=run.plan.rules.start_ts,
        quote=run.quote,
        money_decimals=run.money_decimals,
        balance=to_text(run.balance, run.money_decimals),
        symbols=[
            _symbol(symbol, scale, run.money_decimals) for symbol, scale in zip(run.symbols, run.scales, strict=True)
        ],
        plan=run.texts,
    )


def _symbol(symbol: str, scale: Scale, money_decimals: int) -> SymbolScale:
    return SymbolScale(
        symbol=symbol,
        price_decimals=scale.price_decimals,
        quantity_decimals=scale.quantity_decimals,
        volume_decimals=scale.volume_decimals,
        tick=to_text(scale.tick, scale.price_decimals),
        lot=to_text(scale.lot, scale.quantity_decimals),
        min_notional=to_text(scale.min_notional, money_decimals),
    )


def _cut(grid: Grid, first: int, end: int) -> Grid:
    return Grid(grid.ts[first:end], *(column[:, first:end] for column in grid[1:]))
