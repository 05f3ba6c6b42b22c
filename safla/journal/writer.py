"""Make the lines of a run in their order (J18): rows of the engine in, bytes out. No files, and no decisions."""

from collections.abc import Callable, Iterable

from safla.core import values as v
from safla.core.machine import MODES, START, TRIGGERS, next_mode
from safla.core.scale import to_text
from safla.core.values import Detail, Float64, Grid, Int64, State
from safla.errors import IllegalMove
from safla.journal.chain import ORIGIN, Chain, EventComparison
from safla.journal.encode import EVENTS, NO_INPUT, EngineRows, Input, RunDecimals, run_decimals, run_ended
from safla.journal.events import DETAILS, LEVELS, CandleEvent, CandleMissing, Event, Fact, RunStarted

Make = Callable[[RunDecimals, EngineRows, int], Event]

_SLICE = 1_024  # timestamps whose candles are turned into Python integers at a time: larger slices are slower


class LineEncoder:
    """Turns the rows of one run into its lines. The bytes do not depend on how the rows are cut into calls (J4)."""

    def __init__(self, started: RunStarted, *, check_moves: bool = False) -> None:
        """
        started      the first line; its detail decides which events are written (J15)
        check_moves  compare every mode_changed with the state machine (D4): about 6 us for each move
        """
        self.chain = Chain(0, ORIGIN)
        self._comparison = EventComparison(())
        self._started = started
        self._places = run_decimals(started)
        self._table = _table(started.detail)
        self._with_candles = is_written(CandleEvent, started.detail)
        self._check_moves = check_moves

    def block(self, grid: Grid, first: int, *, last: int, rows: Int64, strengths: Float64) -> bytes:
        """The lines of the timestamps grid.ts[first:last].

        grid       all candles of the run, or any part that holds these timestamps
        rows       int64[m, ROW_WIDTH], what the engine wrote for them; in the first block of a run, preceded by the
                   rows of `begin`
        strengths  float64[m], by row: the strength of a signal
        """
        engine_rows = self._checked(rows, strengths, given=NO_INPUT)
        lines: list[bytes] = []
        done = 0  # rows that have their line
        if self.chain.n == 0:
            lines.append(self.chain.line(self._started))
            # These rows have the ts of the first candle, but their lines come before it (J18).
            done = _count_starts(engine_rows)
            self._add_outcomes(engine_rows, 0, done, lines)
        if self._with_candles:
            for begin in range(first, last, _SLICE):
                done = self._add_candles(grid, begin, min(begin + _SLICE, last), engine_rows, done, lines)
        self._add_outcomes(engine_rows, done, len(engine_rows.rows), lines)
        return b"".join(lines)

    def compare(self, read: Iterable[bytes]) -> None:
        """Compare events with the bytes of those that were read, from the first line on, instead of making lines.

        `read` has no candles: they are inputs, so a comparison would prove nothing. From now on the methods that make
        lines return no bytes, and raise Unequal at the first event that differs.
        """
        self.chain = self._comparison = EventComparison(read)
        self._with_candles = False

    def go_on(self, n: int, p: str) -> None:
        """Make lines again, after n lines, the last of which has the hash p. Raises Unequal if events are left over."""
        self._comparison.finish()
        self.chain = Chain(n, p.encode("ascii"))
        self._with_candles = is_written(CandleEvent, self._started.detail)

    def outside(self, rows: Int64, given: Input) -> bytes:
        """The lines of an input from outside and of what follows from it, after those of its timestamp (J17)."""
        engine_rows = self._checked(rows, None, given=given)
        lines: list[bytes] = []
        self._add_outcomes(engine_rows, 0, len(engine_rows.rows), lines)
        return b"".join(lines)

    def closing(self, rows: Int64, state: State, *, digest: str, stop: Input) -> bytes:
        """The lines after the last candle (J3).

        rows, state  of the engine's `finish`
        digest       of all candles (J7)
        stop         the command that ended the run, or NO_INPUT
        """
        ended = run_ended(self._places, state, digest=digest, stop=stop)
        return self.outside(rows, NO_INPUT) + self.chain.line(ended)

    def _checked(self, rows: Int64, strengths: Float64 | None, *, given: Input) -> EngineRows:
        if self._check_moves:
            _refuse_illegal_moves(rows)
        return EngineRows(rows.tolist(), [] if strengths is None else strengths.tolist(), given)

    def _add_candles(self, grid: Grid, first: int, last: int, rows: EngineRows, done: int, lines: list[bytes]) -> int:
        """Add the candles of each timestamp, then its outcomes (J18). Returns how many rows are done now."""
        times = grid.ts[first:last].tolist()
        columns = [column[:, first:last].T.tolist() for column in grid[1:]]
        for ts, *fields in zip(times, *columns, strict=True):
            for s, numbers in enumerate(zip(*fields, strict=True)):
                lines.append(self.chain.line(_candle(self._places, s, ts, numbers)))
            begin = done
            while done < len(rows.rows) and rows.rows[done][1] == ts:
                done += 1
            self._add_outcomes(rows, begin, done, lines)
        return done

    def _add_outcomes(self, rows: EngineRows, first: int, last: int, lines: list[bytes]) -> None:
        table, places, line = self._table, self._places, self.chain.line
        for i in range(first, last):
            make = table[rows.rows[i][0]]
            if make is not None:
                lines.append(line(make(places, rows, i)))


def is_written(event: type[Fact], detail: Detail) -> bool:
    """Whether a journal with this detail has the event (J15)."""
    return DETAILS.index(LEVELS[event]) <= DETAILS.index(detail)


def _table(detail: Detail) -> list[Make | None]:
    """By kind of row: the function that makes its event; None if a journal with this detail has no line for it."""
    written = {event.__struct_config__.tag for event in LEVELS if is_written(event, detail)}
    return [EVENTS[kind] if name in written else None for kind, name in enumerate(v.KINDS)]


def _candle(places: RunDecimals, s: int, ts: int, numbers: tuple[int, ...]) -> CandleEvent | CandleMissing:
    opened, high, low, close, volume = numbers
    if opened == 0:  # a price is never 0: in the grid, zeros stand for a missing candle
        return CandleMissing(ts=ts, symbol=places.symbols[s])
    decimals = places.price[s]
    return CandleEvent(
        ts=ts,
        symbol=places.symbols[s],
        open=to_text(opened, decimals),
        high=to_text(high, decimals),
        low=to_text(low, decimals),
        close=to_text(close, decimals),
        volume=to_text(volume, places.volume[s]),
    )


def _count_starts(rows: EngineRows) -> int:
    """How many rows at the beginning are the `start` of a symbol, which comes before the first candles (J18)."""
    done = 0
    while done < len(rows.rows) and rows.rows[done][0] == v.MODE_CHANGED and rows.rows[done][3] == START:
        done += 1
    return done


def _refuse_illegal_moves(rows: Int64) -> None:
    for row in rows[rows[:, 0] == v.MODE_CHANGED].tolist():
        trigger, source, target = TRIGGERS[row[3]], MODES[row[4]], MODES[row[5]]
        if next_mode(source, trigger) != target:
            raise IllegalMove(
                f"{trigger} from {source} to {target}: core/machine.py has no such row", code="illegal_move"
            )
