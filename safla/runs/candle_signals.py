"""The signals of a strategy that is asked candle by candle: an object for each symbol, in history and live (C8, C12).

Such a strategy never sees a later candle, so that it cannot look ahead, and recovery asks it about the recorded candles
again. After a failure its objects are made again. They begin with the candle after the one that failed, and their
signals are 0 until they have seen as many candles as the strategy needs.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from safla.candles.normalise import CandleRow
from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Series, align, iso
from safla.core.scale import to_text
from safla.core.values import Grid, Mask, Signals
from safla.errors import StrategyError
from safla.runs.strategy_answers import NOTHING, CandleAnswer, checked_candle
from safla.runs.strategy_calls import plain_parameters
from safla.runs.strategy_candles import Candle, CandleMaker
from safla.runs.strategy_code.loading import error_text

ROWS_AT_ONCE = 65_536  # timestamps whose candles are Python objects at once


class StrategyMarket(NamedTuple):
    """What a strategy may know of the symbol that it is made for. tick, lot: the steps of a price and of a quantity."""

    symbol: str
    timeframe: str
    price_decimals: int
    quantity_decimals: int
    volume_decimals: int
    tick: float
    lot: float


class _Timestamp(NamedTuple):
    """The candles of all symbols at a timestamp; None where a symbol has none."""

    ts: int
    candles: list[Candle | None]


class CandleSignals:
    """The signal source of such a strategy, which is asked about the recorded candles when the source is made."""

    def __init__(
        self, run: RunPlan, series: Sequence[Series], *, unasked: Mask | None = None, failed: Collection[int] = ()
    ) -> None:
        """
        unasked  the recorded timestamps at which the strategy is not called: it failed there, or its halt is open (J17)
        failed   those at which it failed

        StrategyError if it fails at a recorded candle.
        """
        self._run = run
        self._makers = [
            CandleMaker(symbol, run.timeframe, scale.price_decimals, scale.volume_decimals)
            for symbol, scale in zip(run.symbols, run.scales, strict=True)
        ]
        self._objects: list[Any] = []  # of the symbols; none before the first candle, and after a failure
        self._seen = [0] * len(run.symbols)  # candles that each object has seen
        self._missed: list[_Timestamp] = []  # since a failure: the new objects see them first
        grid = align([one.columns for one in series])
        self._recorded = Signals(np.zeros(grid.open.shape, np.int8), np.zeros(grid.open.shape))
        self._done = 0
        for first in range(0, len(grid.ts), ROWS_AT_ONCE):
            self._fill(grid, first, unasked=unasked, failed=failed)

    def feed(self, block: Grid) -> Signals:
        """The signals of the next block, which is a single timestamp where it is live."""
        if self._done < len(self._recorded.signal[0]):
            first, self._done = self._done, self._done + len(block.ts)
            return self._recorded.part(first, self._done)
        answers = self._answers(self._live(block))
        return Signals(
            np.array([[answer.signal] for answer in answers], np.int8),
            np.array([[answer.strength] for answer in answers]),
        )

    def skip(self, block: Grid, *, failed: bool) -> Signals:
        """Take the next block, a single live timestamp, without calling the strategy. failed: it failed there."""
        self._skip(self._live(block), failed=failed)
        return Signals(np.full(block.open.shape, v.UNASKED, np.int8), np.zeros(block.open.shape))

    def _fill(self, grid: Grid, first: int, *, unasked: Mask | None, failed: Collection[int]) -> None:
        """Ask about a part of the recorded candles."""
        signal, strength = self._recorded.signal, self._recorded.strength
        for place, timestamp in enumerate(self._timestamps(grid, first), first):
            if unasked is not None and unasked[place]:
                self._skip(timestamp, failed=timestamp.ts in failed)
                signal[:, place] = v.UNASKED
                continue
            for row, answer in enumerate(self._answers(timestamp)):
                if answer.signal:
                    signal[row, place], strength[row, place] = answer

    def _live(self, block: Grid) -> _Timestamp:
        assert len(block.ts) == 1, "live candles come one timestamp at a time"
        return self._timestamps(block, 0)[0]

    def _timestamps(self, grid: Grid, first: int) -> list[_Timestamp]:
        """The candles of the next timestamps of a grid, from the first one of them on."""
        end = min(first + ROWS_AT_ONCE, len(grid.ts))
        times = grid.ts[first:end].tolist()
        symbols = []
        for row, maker in enumerate(self._makers):
            cells: list[CandleRow] = list(zip(*(column[row, first:end].tolist() for column in grid[1:]), strict=True))
            symbols.append([maker.candle(ts, cell) if cell[0] else None for ts, cell in zip(times, cells, strict=True)])
        timestamps = [_Timestamp(ts, list(candles)) for ts, *candles in zip(times, *symbols, strict=True)]
        for timestamp in timestamps if len(symbols) > 1 else ():
            together = dict(zip(self._run.symbols, timestamp.candles, strict=True))
            timestamp.candles[:] = [candle and candle._replace(together=together) for candle in timestamp.candles]
        return timestamps

    def _skip(self, timestamp: _Timestamp, *, failed: bool) -> None:
        if failed or self._objects:
            self._objects, self._missed = [], []
        else:
            self._missed.append(timestamp)

    def _answers(self, timestamp: _Timestamp) -> list[CandleAnswer]:
        """The answers for the candles of a timestamp. After an exception the next candle begins with new objects."""
        missed, self._missed = self._missed, []
        try:
            if not self._objects:
                self._make()
            for earlier in missed:
                self._ask(earlier)
            return self._ask(timestamp)
        except StrategyError:
            self._objects = []
            raise

    def _make(self) -> None:
        run, self._seen = self._run, [0] * len(self._makers)
        make = run.strategy.per_candle
        assert make is not None, "the strategy is asked candle by candle"
        objects = []
        for symbol, scale in zip(run.symbols, run.scales, strict=True):
            market = StrategyMarket(
                symbol, run.timeframe, scale.price_decimals, scale.quantity_decimals, scale.volume_decimals,
                float(to_text(scale.tick, scale.price_decimals)), float(to_text(scale.lot, scale.quantity_decimals)),
            )  # fmt: skip
            try:
                objects.append(make(plain_parameters(run.parameters), market))
            except (Exception, SystemExit) as error:  # user code may raise anything
                raise StrategyError(
                    f"strategy {run.strategy_name}: {error_text(error)}, while it was made for {symbol}",
                    code="strategy_raised",
                ) from error
        self._objects = objects

    def _ask(self, timestamp: _Timestamp) -> list[CandleAnswer]:
        name, warm_up = self._run.strategy_name, self._run.plan.rules.warm_up
        answers = [NOTHING] * len(self._objects)
        for row, candle in enumerate(timestamp.candles):
            if candle is None:
                continue
            try:
                answer = self._objects[row].on_candle(candle)
            except (Exception, SystemExit) as error:  # user code may raise anything
                where = f"for {candle.symbol} at the candle {iso(timestamp.ts)}"
                raise StrategyError(f"strategy {name}: {error_text(error)}, {where}", code="strategy_raised") from error
            try:
                checked = checked_candle(name, answer)
            except StrategyError as error:
                where = f"for {candle.symbol} at the candle {iso(timestamp.ts)}"
                raise StrategyError(f"{error}, {where}", code="invalid_signals") from error
            self._seen[row] += 1
            if self._seen[row] >= warm_up:
                answers[row] = checked
        return answers
