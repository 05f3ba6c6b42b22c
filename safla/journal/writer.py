"""Make the lines of a run in their order (J18): rows of the engine in, bytes out. No files, and no decisions."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from safla.core import values as v
from safla.core.machine import MODES, START, TRIGGERS, next_mode
from safla.core.values import Detail, Float64, Grid, Int64, Int64Table, State
from safla.errors import IllegalMove
from safla.journal.chain import ORIGIN, Chain, EventComparison, encoded
from safla.journal.encode import (
    CANDLE,
    CANDLE_MISSING,
    EVENT_TYPES,
    KINDS,
    NO_INPUT,
    PLAIN,
    EngineRows,
    Input,
    Make,
    RunDecimals,
    maker,
    run_decimals,
    run_ended,
)
from safla.journal.event_texts import WriteFunction, event_texts, templates_of
from safla.journal.events import DETAILS, LEVELS, CandleEvent, Fact, RunStarted

FEW = 32  # rows; fewer are encoded one by one, which is quicker than a call of compiled code
_SLICE = 1_024  # rows that are converted at a time


class LineEncoder:
    """Turns the rows of one run into its lines. The bytes do not depend on how the rows are cut into calls (J4)."""

    def __init__(self, started: RunStarted, *, check_moves: bool = False, write: WriteFunction | None = None) -> None:
        """
        started      the first line; its detail decides which events are written (J15)
        check_moves  compare every mode_changed with the state machine (D4): about 6 us for each move
        write        the compiled form of `write_events`; None: each event is encoded by itself
        """
        self.chain = Chain(0, ORIGIN)
        self._comparison = EventComparison(())
        self._started = started
        self._places = run_decimals(started)
        self._write = write
        self._check_moves = check_moves
        self._choose(started.detail)

    def _choose(self, detail: Detail) -> None:
        """Choose the events that are written."""
        self._table = _table(self._places, detail)
        self._with_candles = is_written(CandleEvent, detail)
        written = [kind for kind in PLAIN if self._table[kind] is not None]
        self._templates = templates_of(self._places, written)

    def block(self, candles: Grid, count: int, *, rows: Int64Table, strengths: Float64) -> bytes:
        """The lines of the first timestamps of a block.

        count      how many timestamps
        rows       int64[m, ROW_WIDTH], what the engine wrote for them; in the first block of a run, preceded by the
                   rows of `begin`
        strengths  float64[m], by row: the strength of a signal
        """
        first_line = self.chain.line(self._started) if self.chain.n == 0 else b""
        # The rows of `begin` have the ts of the first candle, but their lines come before it (J18).
        starts = _count_starts(rows) if first_line else 0
        if count == len(candles.ts) == 1:  # live
            return first_line + self._lines_of_one(candles, rows=rows, strengths=strengths, starts=starts)
        if self._with_candles:
            rows, strengths = with_candles(candles, count, rows=rows, strengths=strengths, starts=starts)
        return first_line + self._lines(rows, strengths, given=NO_INPUT)

    def compare(self, read: Iterable[bytes]) -> None:
        """Compare events with the bytes of those that were read, from the first line on, instead of making lines.

        `read` has no candles: they are inputs, so a comparison would prove nothing. From now on the methods that make
        lines return no bytes, and raise Unequal at the first event that differs.
        """
        self.chain = self._comparison = EventComparison(read)
        self._choose(min(self._started.detail, "decisions", key=DETAILS.index))

    def go_on(self, n: int, p: str) -> None:
        """Make lines again, after n lines, the last of which has the hash p. Raises Unequal if events are left over."""
        self._comparison.finish()
        self.chain = Chain(n, p.encode("ascii"))
        self._choose(self._started.detail)

    def outside(self, rows: Int64, given: Input) -> bytes:
        """The lines of an input from outside and of what follows from it, after those of its timestamp (J17)."""
        return self._lines(rows, np.zeros(len(rows)), given=given)

    def closing(self, rows: Int64, state: State, *, digest: str, stop: Input) -> bytes:
        """The lines after the last candle (J3).

        rows, state  of the engine's `finish`
        digest       of all candles (J7)
        stop         the command that ended the run, or NO_INPUT
        """
        ended = run_ended(self._places, state, digest=digest, stop=stop)
        return self.outside(rows, NO_INPUT) + self.chain.line(ended)

    def _lines(self, rows: Int64Table, strengths: Float64, *, given: Input) -> bytes:
        """The lines of rows in their order."""
        if self._check_moves:
            _refuse_illegal_moves(rows[rows[:, 0] == v.MODE_CHANGED].tolist())
        if self._write is not None and len(rows) >= FEW:
            lists = EngineRows(_Lists(rows, 1), _Lists(strengths, 1), given)
            return self.chain.texts(
                *event_texts(
                    self._write, self._templates, rows=rows, strengths=strengths,
                    encode=lambda i: self._encoded(lists, i),
                )
            )  # fmt: skip
        lists = EngineRows(_Lists(rows, _SLICE), _Lists(strengths, _SLICE), given)
        return self._one_by_one(rows[:, 0].tolist(), lists)

    def _lines_of_one(self, candles: Grid, *, rows: Int64Table, strengths: Float64, starts: int) -> bytes:
        """The lines of a block of one timestamp, in plain lists: arrays take longer for so few rows."""
        lists, powers = rows.tolist(), strengths.tolist()
        if self._check_moves:
            _refuse_illegal_moves(lists)
        if self._with_candles:
            ts, columns = candles.ts.item(), [column.tolist() for column in candles[1:]]
            events = [
                [CANDLE if opened[0] > 0 else CANDLE_MISSING, ts, s, *opened, *high, *low, *close, *volume]
                for s, (opened, high, low, close, volume) in enumerate(zip(*columns, strict=True))
            ]
            lists[starts:starts], powers[starts:starts] = events, [0.0] * len(events)
        return self._one_by_one([row[0] for row in lists], EngineRows(lists, powers, NO_INPUT))

    def _one_by_one(self, kinds: Sequence[int], rows: EngineRows) -> bytes:
        line, table = self.chain.line, self._table
        return b"".join([line(make(rows, i)) for i, kind in enumerate(kinds) if (make := table[kind]) is not None])

    def _encoded(self, rows: EngineRows, i: int) -> bytes:
        """The event of a row that has no template; an empty text if it has no line."""
        make = self._table[rows.rows[i][0]]
        return b"" if make is None else encoded(make(rows, i))


class _Lists(Sequence[Any]):
    """An array as plain numbers and lists of them, of which some rows are converted at a time."""

    def __init__(self, array: Int64Table | Float64, size: int) -> None:
        """size: how many rows are converted when one of them is read; all at once would take much memory."""
        self._array, self._size = array, size
        self._part, self._items = -1, list[Any]()

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, i: Any) -> Any:
        part, place = divmod(i, self._size)
        if part != self._part:
            self._part, self._items = part, self._array[part * self._size : (part + 1) * self._size].tolist()
        return self._items[place]


def with_candles(
    grid: Grid, count: int, *, rows: Int64Table, strengths: Float64, starts: int
) -> tuple[Int64Table, Float64]:
    """The rows with one for each candle of the first timestamps; those of a timestamp come before its outcomes (J18).

    count   how many timestamps
    starts  how many rows at the beginning come before the first candle
    """
    symbols, size = len(grid.open), count * len(grid.open)
    candles = np.zeros((size, v.ROW_WIDTH), np.int64)
    candles[:, 1] = np.repeat(grid.ts[:count], symbols)
    candles[:, 2] = np.tile(np.arange(symbols), count)
    for column, prices in enumerate(grid[1:], 3):
        candles[:, column] = prices[:, :count].T.reshape(-1)
    candles[:, 0] = np.where(candles[:, 3] == 0, CANDLE_MISSING, CANDLE)  # a price is never 0
    after = np.searchsorted(candles[:, 1], rows[:, 1], "right")  # the candles before each row
    after[:starts] = 0
    places = after + np.arange(len(rows))
    whole = np.empty((size + len(rows), v.ROW_WIDTH), np.int64)
    is_candle = np.ones(len(whole), np.bool_)
    is_candle[places] = False
    whole[is_candle], whole[places] = candles, rows
    powers = np.zeros(len(whole))
    powers[places] = strengths
    return whole, powers


def is_written(event: type[Fact], detail: Detail) -> bool:
    """Whether a journal with this detail has the event (J15)."""
    return DETAILS.index(LEVELS[event]) <= DETAILS.index(detail)


def _table(places: RunDecimals, detail: Detail) -> list[Make | None]:
    """By kind of row: the function that makes its event; None if a journal with this detail has no line for it."""
    written = {kind for kind, event in EVENT_TYPES.items() if is_written(event, detail)}
    return [maker(places, kind) if kind in written else None for kind in range(KINDS)]


def _count_starts(rows: Int64Table) -> int:
    """How many rows at the beginning are the `start` of a symbol, which comes before the first candles (J18)."""
    is_start = (rows[:, 0] == v.MODE_CHANGED) & (rows[:, 3] == START)
    return len(rows) if is_start.all() else int(np.argmin(is_start))


def _refuse_illegal_moves(rows: Sequence[list[int]]) -> None:
    for kind, _, _, move, before, after, *_ in rows:
        if kind != v.MODE_CHANGED:
            continue
        trigger, source, target = TRIGGERS[move], MODES[before], MODES[after]
        if next_mode(source, trigger) != target:
            raise IllegalMove(
                f"{trigger} from {source} to {target}: core/machine.py has no such row", code="illegal_move"
            )
