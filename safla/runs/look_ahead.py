"""The look-ahead check: a strategy's answer for the first k candles must equal the first k rows of its answer for all.

A cut is such a prefix of the candles, or the window that ends there if the strategy declares a window (C14). All cuts
would cost too much for long series, so the places decide what is found (C15): where the strategy answers otherwise if
later candles are altered, after changes of signal, above all after those where looking ahead would earn most, and at
places that no strategy can guess. A strategy that reads later candles cannot answer the same on a cut, where these
candles do not exist.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core import values as v
from safla.core.candles import Series, iso
from safla.core.scale import MILLION
from safla.core.values import Columns, Float64, Int8, Int64, Mask, Rules
from safla.errors import Finding, StrategyError
from safla.runs.altered_candles import NO_SUSPECTS, suspects

MOST_CUTS, LEAST_CUTS = 1_024, 96  # of all symbols together
LEAST_CUTS_OF_A_SYMBOL = 48
ROWS_ASKED = 40_000_000  # bounds the number of cuts; a cut has half of the candles on average, so half of this is read
SPREAD = 32  # the least number of cuts of a symbol that are spread over time
NEAR = 24  # a change of signal is rated by the best move in its favour within so many candles
PATIENT_SECONDS = 2.0  # after so long the user hears why the run waits

Int32 = npt.NDArray[np.int32]


class StrategyAnswer(NamedTuple):
    """The answer of a strategy for the candles of one symbol: one row for each candle."""

    signal: Int8
    strength: Float64


AskStrategy = Callable[[int, int], StrategyAnswer]  # (first, end) -> the answer for candles first to end - 1 alone
AskAbout = Callable[[Columns], StrategyAnswer]  # other candles of the symbol -> the answer for them


class CutCheck(NamedTuple):
    """How much a check of a strategy covered, over all symbols."""

    cuts: int
    changes: int  # of signal
    changes_cut: int  # those with a cut right after them


class SlowNotice:
    """Tells the user, once, that a check takes long."""

    def __init__(self, say: Callable[[str], None], *, cuts: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._cuts, self._done, self._notified = cuts, 0, False
        self._began = clock()

    def step(self) -> None:
        """Count a cut that is done."""
        self._done += 1
        took = self._clock() - self._began
        if self._notified or took < PATIENT_SECONDS:
            return
        self._notified = True
        left = took / self._done * max(0, self._cuts - self._done)
        self._say(f"look-ahead check: {self._done} of {self._cuts} cuts done, about {left:.0f} s left")


def engine_values(answer: StrategyAnswer, *, rules: Rules) -> Int32:
    """An answer as the engine uses it, one number a candle: -1 for an exit, 0, or 1 + confidence (ppm) for an entry.

    Answers are compared in this form, so that a difference of strength that changes no decision is no difference.
    """
    signal, strength = answer
    values = signal.astype(np.int32)
    entries = np.flatnonzero(signal == v.ENTER_SIGNAL)
    cap_ppm, threshold_ppm = rules.confidence_cap_ppm, rules.confidence_threshold_ppm
    confidence = np.full(len(entries), cap_ppm, np.int32)
    if threshold_ppm:  # the formula of core.sizing.confidence_ppm, for a column
        with np.errstate(over="ignore"):
            scaled = strength[entries] / (float(threshold_ppm) / 1e6) * 1e6
        confidence = np.minimum(scaled, float(cap_ppm)).astype(np.int32)
    values[entries] += confidence
    return values


def answer_text(answer: int) -> str:
    """An engine value of one candle, as text for a message."""
    return f"1 (confidence {(answer - 1) / MILLION:.6f})" if answer > 0 else str(answer)


def budgets(sizes: Sequence[int]) -> list[int]:
    """How many cuts each symbol gets, in proportion to its candles."""
    longest = max(sizes, default=0)
    total = max(LEAST_CUTS, min(MOST_CUTS, ROWS_ASKED // max(longest, 1)))
    return [max(LEAST_CUTS_OF_A_SYMBOL, total * size // max(sum(sizes), 1)) for size in sizes]


def check_look_ahead(
    series: Series, ask: AskStrategy, *, ask_about: AskAbout, name: str, rules: Rules, window: int | None, budget: int,
    seed: str, asked: Mask, notice: SlowNotice,
) -> tuple[StrategyAnswer, CutCheck]:  # fmt: skip
    """Call a strategy with all candles of a symbol, and with cuts of them. Finding where the answers differ.

    ask_about      calls the strategy with altered candles
    name           of the strategy
    rules          of the run: warm-up and confidence (S23), which is part of an engine value
    budget         the largest number of cuts
    seed           draws the places that do not depend on signals: the same candles give the same places
    asked          bool[n]: whether the strategy is called at a candle; elsewhere it may fail, and no cut ends there
    returns        the answer for all candles, and what was checked
    """

    def part(end: int) -> Int32:
        first = 0 if window is None else max(0, end - window)
        values = engine_values(ask(first, end), rules=rules)
        notice.step()
        return values

    def values_of(columns: Columns) -> Int32 | None:
        try:
            values = engine_values(ask_about(columns), rules=rules)
        except StrategyError:  # no fault of a strategy: these candles never were
            return None
        values[: warm_up - 1] = 0
        return values

    size, warm_up = len(series.columns.ts), rules.warm_up
    ends = np.arange(warm_up, size)
    ends = ends[asked[ends - 1]]
    drawn = ends if len(ends) <= budget else _drawn_cuts(ends, series.columns.close, budget=budget, seed=seed)
    early = _early_answers(part, drawn.tolist(), whole=lambda: ask(0, size))
    answer, again = ask(0, size), ask(0, size)
    whole = engine_values(answer, rules=rules)
    _check_deterministic(name, series, whole, engine_values(again, rules=rules))
    whole[: warm_up - 1] = 0  # the engine uses no signal before the warm-up
    changes = ends[_changed(whole)[ends - 1]]
    found = suspects(series.columns, values_of, whole=whole, seed=seed) if len(ends) > budget else NO_SUSPECTS
    suspected = found.places if window is None else found.rows + 1  # with a window only the last row is compared
    cuts = _all_cuts(
        drawn, suspected[np.isin(suspected, ends)], changes, whole, series.columns.close, ends=ends,
        room=budget - len(drawn), seed=seed,
    )  # fmt: skip
    for number, end in enumerate(cuts, 1):
        values = early.pop(end) if end in early else part(end)
        _check_cut(name, series, whole, values, end=end, warm_up=warm_up, window=window, place=(number, len(cuts)))
    return answer, CutCheck(len(cuts), len(changes), len(set(cuts).intersection(changes.tolist())))


def _early_answers(part: Callable[[int], Int32], ends: list[int], *, whole: Callable[[], object]) -> dict[int, Int32]:
    """The answers at the drawn cuts, before the strategy has seen all candles: until then it cannot remember them."""
    try:
        return {end: part(end) for end in ends}
    except StrategyError:
        whole()  # if it fails on all candles too, that error is the clearer one for its author
        raise


def _changed(whole: Int32) -> Mask:
    """bool[n]: the rows with a signal (-1 or 1) that differs from the row before."""
    sign = np.sign(whole)
    return np.asarray((sign != 0) & (sign != np.concatenate([[0], sign[:-1]])))


def _drawn_cuts(ends: Int64, close: Int64, *, budget: int, seed: str) -> Int64:
    """A third of the cuts, at drawn places: spread over time, and where the next close moves most.

    A strategy may look ahead to suppress entries before a loss. Then nothing changes in its signals at that place, but
    a large move follows.
    """
    count = max(SPREAD, -(-budget // 3))
    cuts = _Cuts(ends, room=count)
    cuts.take(_spread(ends, max(SPREAD, count // 2), seed=seed))
    rest = cuts.left_of(ends)
    moves = np.abs(close[rest] - close[rest - 1]) / close[rest - 1]
    cuts.take(_spread(np.sort(_largest(rest, moves, 2 * cuts.room)), cuts.room, seed=f"{seed} moves"))
    return np.sort(np.array(cuts.chosen, np.int64))


def _spread(ends: Int64, count: int, *, seed: str) -> Int64:
    """`count` of the ends: one drawn from each of as many equal parts, so that a strategy cannot guess them."""
    count = min(count, len(ends))
    edges = np.arange(count + 1) * len(ends) // max(count, 1)
    drawn = np.frombuffer(hashlib.shake_256(seed.encode("ascii")).digest(8 * count), "<u8")
    return ends[edges[:-1] + (drawn % np.diff(edges).astype(np.uint64)).astype(np.int64)]


def _all_cuts(
    drawn: Int64, suspected: Int64, changes: Int64, whole: Int32, close: Int64, *, ends: Int64, room: int, seed: str
) -> list[int]:
    """All cuts in the order of the check: suspected ones, then after changes of signal, the most profitable first.

    drawn      the cuts at drawn places, which are always part of the result
    suspected  the cuts before candles that seem to decide about earlier signals: they get a third of the room
    room       how many cuts there may be besides the drawn ones
    """
    cuts = _Cuts(ends, room=room, known=drawn)
    cuts.take(suspected, room // 3)
    room = cuts.room
    changes = cuts.left_of(changes)
    if len(changes) <= room:
        cuts.take(changes)
    else:
        # Not all changes fit. A third of the room each goes to those before the best move of the next candle and of
        # the next NEAR candles, for there looking ahead would earn most; the rest is spread over the other changes.
        side = np.sign(whole[changes - 1]).astype(np.int64)
        for ahead in (1, NEAR):
            cuts.take(_largest(changes, _move(close, changes, side, ahead=ahead), room), room // 3)
        cuts.take(_evenly(cuts.left_of(changes), cuts.room))
    signalled = cuts.left_of(ends[whole[ends - 1] != 0])
    cuts.take(_evenly(signalled, cuts.room))
    cuts.take(_spread(cuts.left_of(ends), cuts.room, seed=f"{seed} again"))
    return [*cuts.chosen, *drawn.tolist()]


class _Cuts:
    """The cuts that are chosen so far: none twice, and no more than there is room for."""

    def __init__(self, ends: Int64, *, room: int, known: Int64 | None = None) -> None:
        """ends: where a cut may be; known: where there is a cut already."""
        self.chosen: list[int] = []
        self.room = room
        self._known = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, bool)
        if known is not None:
            self._known[known] = True

    def left_of(self, ends: Int64) -> Int64:
        """The ends that are not chosen yet."""
        return ends[~self._known[ends]]

    def take(self, ends: Int64, most: int | None = None) -> None:
        """Choose the first of the ends that are not chosen yet, at most `most` of them."""
        new = self.left_of(ends)[: self.room if most is None else min(most, self.room)]
        self.chosen += new.tolist()
        self._known[new] = True
        self.room -= len(new)


def _largest(ends: Int64, values: Float64, count: int) -> Int64:
    """The ends with the largest values, the largest first; of equal ones the earliest."""
    count = min(count, len(ends))
    if count == 0:
        return ends[:0]
    least = np.partition(values, len(values) - count)[len(values) - count]
    among = np.flatnonzero(values >= least)
    return ends[among[np.argsort(-values[among], kind="stable")][:count]]


def _evenly(ends: Int64, count: int) -> Int64:
    """`count` of the ends, spread evenly over them."""
    count = min(count, len(ends))
    return ends[np.arange(count) * len(ends) // max(count, 1)]


def _move(close: Int64, ends: Int64, side: Int64, *, ahead: int) -> Float64:
    """The largest relative move in favour of a side (1 or -1) from each cut to one of the next `ahead` closes."""
    here, last = close[ends - 1], len(close) - 1
    best = side * (close[ends] - here)
    for step in range(2, ahead + 1):
        best = np.maximum(best, side * (close[np.minimum(ends - 1 + step, last)] - here))
    return np.asarray(best / here, np.float64)


def _check_deterministic(name: str, series: Series, whole: Int32, again: Int32) -> None:
    """Raise Finding unless two answers for all candles are equal."""
    if np.array_equal(whole, again):
        return
    at = int(np.flatnonzero(whole != again)[0])
    raise Finding(
        f"strategy {name} is not deterministic: called twice with the same {len(whole):,} candles of {series.symbol}, "
        f"it returns signal {answer_text(int(whole[at]))} for {iso(int(series.columns.ts[at]))} the first time, and "
        f"{answer_text(int(again[at]))} the second time; let it depend only on the candles and the parameters",
        code="not_deterministic",
    )


def _check_cut(
    name: str, series: Series, whole: Int32, part: Int32, *, end: int, warm_up: int, window: int | None,
    place: tuple[int, int],
) -> None:  # fmt: skip
    """Raise Finding if the answer for a cut differs from that for all candles. With a window, only the last row counts.

    place  (number of this cut, number of all cuts), for the message
    """
    first = (warm_up if window is None else end) - 1
    parts, wholes = part[first - end :], whole[first:end]
    if np.array_equal(parts, wholes):
        return
    at = int(np.flatnonzero(parts != wholes)[0])
    ts = series.columns.ts
    what = "looks ahead" if window is None else f"looks ahead, or needs more than its window of {window:,} candles"
    raise Finding(
        f"strategy {name} {what}: {series.symbol} at {iso(int(ts[first + at]))} has signal "
        f"{answer_text(int(wholes[at]))} on all {len(whole):,} candles, but {answer_text(int(parts[at]))} on the "
        f"{len(part):,} that end at {iso(int(ts[end - 1]))} (cut {place[0]:,} of {place[1]:,}); a signal may only "
        "depend on candles up to its own",
        code="look_ahead",
    )
