"""The one way through a run: blocks of candles into the engine, rows out, lines of the journal behind them.

A backtest appends the lines, a replay compares them; neither knows more than this (D3, promise 1).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from safla.config.plan import RunPlan
from safla.core import engine
from safla.core.account import blank_out, opened
from safla.core.candles import Scale, Series, align, digest, iso
from safla.core.scale import to_text
from safla.core.values import Grid, Int64, Signals, State
from safla.errors import DataError
from safla.journal.events import RULES, SCHEMA, RunStarted, SymbolScale
from safla.journal.writer import Lines
from safla.runtime.forms import Forms, keep
from safla.runtime.signals import signals_of

ROWS_A_CALL = 16_384  # of the engine's answer, beyond what one timestamp may need


class Block(NamedTuple):
    """What one call of the engine came to."""

    lines: bytes
    rows: Int64  # [rows, values.ROW_WIDTH], a copy
    ts: Int64  # [timestamps]
    equity: Int64  # [timestamps]
    trough: Int64  # [timestamps], the same at the worst price that the stops leave
    state: State


def fold(
    run: RunPlan,
    series: Sequence[Series],
    *,
    forms: Forms,
    timestamps: int = engine.MAX_BLOCK,
    known: str | None = None,
) -> Iterator[Block]:
    """Fold all candles; the last block holds the closing lines alone. DataError where a bound of D1 would break.

    timestamps  at most so many in a block; it changes no byte (D3)
    known       the digest of the candles (J7), where the caller has it
    """
    grid = align([one.columns for one in series])
    signals = signals_of(run, series, columns=forms.columns, grid_ts=grid.ts)
    size = max(1, min(timestamps, engine.MAX_BLOCK // len(series)))
    out = blank_out(len(series), size, ROWS_A_CALL)
    lines = Lines(started(run, first_ts=int(grid.ts[0])))
    state = engine.begin(opened(run.balance, len(series)), out, int(grid.ts[0]))
    done = 0
    while done < len(grid.ts):
        end = min(done + size, len(grid.ts))
        block = _cut(grid, done, end)
        wishes = Signals(signals.signal[:, done:end], signals.strength[:, done:end])
        state, folded, broken = engine.advance(run.plan, state, block, wishes, out, forms.loop)
        if done == 0:
            keep(forms)
        used = int(out.used[0])
        rows = out.rows[:used].copy()
        text = lines.block(grid, done, last=done + folded, rows=rows, strengths=out.strength[:used])
        yield Block(
            text, rows, grid.ts[done : done + folded], out.equity[:folded].copy(), out.trough[:folded].copy(), state
        )
        if broken:
            raise _broken(run, symbol=broken - 1, ts=int(grid.ts[done + folded]))
        out.used[0] = 0
        done += folded
    state = engine.finish(state, out)
    rows = out.rows[: int(out.used[0])].copy()
    text = lines.closing(rows, state, digest=known or digest(series, run.timeframe))
    yield Block(text, rows, grid.ts[done:], np.zeros(0, np.int64), np.zeros(0, np.int64), state)


def started(run: RunPlan, *, first_ts: int) -> RunStarted:
    """The first line of the journal: all that the plan can be made of again (J15)."""
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


def _broken(run: RunPlan, *, symbol: int, ts: int) -> DataError:
    return DataError(
        f"{run.symbols[symbol]}: at {iso(ts)} an amount of money would pass 2**62 units of 10^-{run.money_decimals} "
        "(D1); nothing was rounded: name fewer decimals in markets, or a smaller balance"
    )
