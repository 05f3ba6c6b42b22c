"""The look-ahead check of array functions: an answer over the first k candles is the first k rows of that over all.

Where the candles are cut decides what is found: after changes of signal, above all after those by which looking ahead
would pay, and at places that no strategy can guess (C15). A function that says `window` is asked about windows (C14).
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
from safla.core.sizing import MAX_CONFIDENCE_PPM
from safla.core.values import Float64, Int8, Int64, Mask
from safla.errors import Finding, StrategyError

MOST_CUTS, LEAST_CUTS = 1_024, 96  # over all symbols
LEAST_CUTS_OF_A_SYMBOL = 48
ROWS_ASKED = 40_000_000  # twice what all cuts together ask for: no more cuts than that allows
SPREAD = 32  # cuts of a symbol that are spread over time, at least
NEAR = 24  # candles within which a move in the signal's favour makes its change worth a cut
PATIENT_SECONDS = 2.0  # from there on a person is told what takes so long

Int32 = npt.NDArray[np.int32]


class StrategyAnswer(NamedTuple):
    """What a strategy says about the candles of one symbol."""

    signal: Int8
    strength: Float64


AskStrategy = Callable[[int, int], StrategyAnswer]  # (first, end) -> its answer about those candles alone


class CutCheck(NamedTuple):
    """What a check of a strategy has looked at, over all symbols."""

    cuts: int
    changes: int  # of signal
    changes_cut: int


class SlowNotice:
    """Tells a person once that a check takes long."""

    def __init__(self, say: Callable[[str], None], *, cuts: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._cuts, self._done, self._told = cuts, 0, False
        self._began = clock()

    def step(self) -> None:
        """One cut more is done."""
        self._done += 1
        took = self._clock() - self._began
        if self._told or took < PATIENT_SECONDS:
            return
        self._told = True
        left = took / self._done * max(0, self._cuts - self._done)
        self._say(f"look-ahead check: {self._done} of {self._cuts} cuts done, about {left:.0f} s left")


def engine_values(answer: StrategyAnswer, *, threshold_ppm: int) -> Int32:
    """What the engine takes of an answer, one number a candle: -1 exit, 0, or 1 + confidence in ppm for an entry."""
    signal, strength = answer
    found = signal.astype(np.int32)
    entries = np.flatnonzero(signal == v.ENTER_SIGNAL)
    confidence = np.full(len(entries), MAX_CONFIDENCE_PPM, np.int32)
    if threshold_ppm:  # as core.sizing.confidence_ppm, over a column
        with np.errstate(over="ignore"):
            scaled = strength[entries] / (float(threshold_ppm) / 1e6) * 1e6
        confidence = np.minimum(scaled, float(MAX_CONFIDENCE_PPM)).astype(np.int32)
    found[entries] += confidence
    return found


def answer_text(answer: int) -> str:
    """What the engine takes of one candle, in words."""
    return f"1 (confidence {(answer - 1) / MILLION:.6f})" if answer > 0 else str(answer)


def budgets(sizes: Sequence[int]) -> list[int]:
    """How many cuts each symbol gets, by its candles."""
    longest = max(sizes, default=0)
    total = max(LEAST_CUTS, min(MOST_CUTS, ROWS_ASKED // max(longest, 1)))
    return [max(LEAST_CUTS_OF_A_SYMBOL, total * size // max(sum(sizes), 1)) for size in sizes]


def check_look_ahead(
    series: Series, ask: AskStrategy, *, name: str, threshold_ppm: int, warm_up: int, window: int | None, budget: int,
    seed: str, asked: Mask, notice: SlowNotice,
) -> tuple[StrategyAnswer, CutCheck]:  # fmt: skip
    """Ask a strategy about all candles of a symbol, and about cuts of them. Finding where the answers differ.

    name           of the strategy
    threshold_ppm  the strength that is full confidence (S23): it decides what the engine takes of an answer
    budget         how many cuts there may be
    seed           decides the places that no signal chooses: the same candles, the same places
    asked          bool[n]: whether the strategy is asked at a candle; elsewhere it may fail, and no cut ends there
    returns        the answer about all candles, and what was looked at
    """

    def part(end: int) -> Int32:
        first = 0 if window is None else max(0, end - window)
        found = engine_values(ask(first, end), threshold_ppm=threshold_ppm)
        notice.step()
        return found

    size = len(series.columns.ts)
    ends = np.arange(warm_up, size)
    ends = ends[asked[ends - 1]]
    within = ends if len(ends) <= budget else _unguessable(ends, series.columns.close, budget=budget, seed=seed)
    early = _early(part, within.tolist(), whole=lambda: ask(0, size))
    answer, again = ask(0, size), ask(0, size)
    whole = engine_values(answer, threshold_ppm=threshold_ppm)
    _refuse_chance(name, series, whole, engine_values(again, threshold_ppm=threshold_ppm))
    whole[: warm_up - 1] = 0  # there the engine takes nothing
    changes = ends[_changed(whole)[ends - 1]]
    cuts = _cuts(within, changes, whole, series.columns.close, ends=ends, room=budget - len(within), seed=seed)
    for number, end in enumerate(cuts, 1):
        found = early.pop(end) if end in early else part(end)
        _refuse_miss(name, series, whole, found, end=end, warm_up=warm_up, window=window, place=(number, len(cuts)))
    return answer, CutCheck(len(cuts), len(changes), len(set(cuts).intersection(changes.tolist())))


def _early(part: Callable[[int], Int32], ends: list[int], *, whole: Callable[[], object]) -> dict[int, Int32]:
    """The answers at the spread cuts, asked for before the strategy has seen all candles and could remember them."""
    try:
        return {end: part(end) for end in ends}
    except StrategyError:
        whole()  # where it fails on all candles as well, that is what its author should read
        raise


def _changed(whole: Int32) -> Mask:
    """The rows with a signal that is not that of the row before."""
    sign = np.sign(whole)
    return np.asarray((sign != 0) & (sign != np.concatenate([[0], sign[:-1]])))


def _unguessable(ends: Int64, close: Int64, *, budget: int, seed: str) -> Int64:
    """A third of the cuts, at drawn places: spread over time, and where the next close moves most.

    A strategy that keeps entries back because of what comes shows at no change of its signals, but there.
    """
    count = max(SPREAD, -(-budget // 3))
    cuts = _Cuts(ends, room=count)
    cuts.take(_spread(ends, max(SPREAD, count // 2), seed=seed))
    rest = cuts.left_of(ends)
    moves = np.abs(close[rest] - close[rest - 1]) / close[rest - 1]
    cuts.take(_spread(np.sort(_largest(rest, moves, 2 * cuts.room)), cuts.room, seed=f"{seed} moves"))
    return np.sort(np.array(cuts.chosen, np.int64))


def _spread(ends: Int64, count: int, *, seed: str) -> Int64:
    """So many of the ends, one at a drawn place in each of as many equal parts: no grid that a strategy could know."""
    count = min(count, len(ends))
    edges = np.arange(count + 1) * len(ends) // max(count, 1)
    drawn = np.frombuffer(hashlib.shake_256(seed.encode("ascii")).digest(8 * count), "<u8")
    return ends[edges[:-1] + (drawn % np.diff(edges).astype(np.uint64)).astype(np.int64)]


def _cuts(within: Int64, changes: Int64, whole: Int32, close: Int64, *, ends: Int64, room: int, seed: str) -> list[int]:
    """All cuts in the order in which they are looked at: changes of signal first, those that would pay before others.

    within  the cuts at drawn places; they are there in any case, and room is how many more there may be
    """
    cuts = _Cuts(ends, room=room, known=within)
    changes = cuts.left_of(changes)
    if len(changes) <= room:
        cuts.take(changes)
    else:
        side = np.sign(whole[changes - 1]).astype(np.int64)
        for ahead in (1, NEAR):
            cuts.take(_largest(changes, _move(close, changes, side, ahead=ahead), room), room // 3)
        cuts.take(_evenly(cuts.left_of(changes), cuts.room))
    standing = cuts.left_of(ends[whole[ends - 1] != 0])
    cuts.take(_evenly(standing, cuts.room))
    cuts.take(_spread(cuts.left_of(ends), cuts.room, seed=f"{seed} again"))
    return [*cuts.chosen, *within.tolist()]


class _Cuts:
    """Cuts as they are chosen: none twice, and no more than there is room for."""

    def __init__(self, ends: Int64, *, room: int, known: Int64 | None = None) -> None:
        """ends: where a cut may be; known: where there is one already."""
        self.chosen: list[int] = []
        self.room = room
        self._known = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, bool)
        if known is not None:
            self._known[known] = True

    def left_of(self, ends: Int64) -> Int64:
        """Those that are not cut yet."""
        return ends[~self._known[ends]]

    def take(self, ends: Int64, most: int | None = None) -> None:
        """The first of the ends that are not cut yet."""
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
    """So many of the ends, spread evenly over them."""
    count = min(count, len(ends))
    return ends[np.arange(count) * len(ends) // max(count, 1)]


def _move(close: Int64, ends: Int64, side: Int64, *, ahead: int) -> Float64:
    """The largest move in favour of a side (1, -1) from the last close before each cut to one of the next closes."""
    here, last = close[ends - 1], len(close) - 1
    best = side * (close[ends] - here)
    for step in range(2, ahead + 1):
        best = np.maximum(best, side * (close[np.minimum(ends - 1 + step, last)] - here))
    return np.asarray(best / here, np.float64)


def _refuse_chance(name: str, series: Series, whole: Int32, again: Int32) -> None:
    if np.array_equal(whole, again):
        return
    at = int(np.flatnonzero(whole != again)[0])
    raise Finding(
        f"strategy {name} is not deterministic: asked twice about the same {len(whole):,} candles of {series.symbol}, "
        f"at {iso(int(series.columns.ts[at]))} it gives signal {answer_text(int(whole[at]))}, and then "
        f"{answer_text(int(again[at]))}; let it depend on candles and parameters alone"
    )


def _refuse_miss(
    name: str, series: Series, whole: Int32, part: Int32, *, end: int, warm_up: int, window: int | None,
    place: tuple[int, int],
) -> None:  # fmt: skip
    """Finding where a part answers otherwise than the whole; with a window its last candle alone counts."""
    first = (warm_up if window is None else end) - 1
    parts, wholes = part[first - end :], whole[first:end]
    if np.array_equal(parts, wholes):
        return
    at = int(np.flatnonzero(parts != wholes)[0])
    ts = series.columns.ts
    what = "looks ahead" if window is None else f"looks ahead, or needs more than its window of {window:,} candles"
    raise Finding(
        f"strategy {name} {what}: {series.symbol} at {iso(int(ts[first + at]))} gives signal "
        f"{answer_text(int(wholes[at]))} on all {len(whole):,} candles, and {answer_text(int(parts[at]))} on the "
        f"{len(part):,} that end at {iso(int(ts[end - 1]))} (cut {place[0]:,} of {place[1]:,}); a signal may depend on "
        "candles up to its own alone"
    )
