"""Values since a UTC day or ISO week began, or of the one before: vwap, session, pivots."""

import math
from typing import Any, Literal, NamedTuple

from safla.core.frames import FRAMES
from safla.core.pure import entry_point, pure
from safla.core.values import Float64, Int64
from safla.section import Section, key
from safla.strategies.indicators.division import quotient
from safla.strategies.indicators.kind import FoldNode, Kind
from safla.strategies.indicators.parameters import Period, no_rows
from safla.strategies.indicators.volume import weighted_mean

Anchor = Literal["day", "week"]

ANCHORS = {"day": FRAMES["1d"], "week": FRAMES["1w"]}
NOT_BEGUN = -1


# --- Nodes -----------------------------------------------------------------------------------------------------------


@pure
def is_whole(ts: int, anchor: int, before: int, length: int, shift: int, whole: int) -> int:
    """Whether the day or week of a row is known from its start, 0 or 1.

    anchor, before  numbers of the anchor of this row, and of that of the row before; NOT_BEGUN: this is the first row,
                    and its anchor counts only if the row opens it
    whole           the answer at the row before
    """
    if before == NOT_BEGUN:
        return 1 if ts + shift == anchor * length else 0
    return whole if anchor == before else 1


class VwapState(NamedTuple):
    """The anchor of the last row, whether it is known from its start, and the sums since then."""

    anchor: int
    whole: int
    money: float
    volume: float


def _begin_vwap(_length: int, _shift: int, _period: int) -> VwapState:
    return VwapState(NOT_BEGUN, 0, 0.0, 0.0)


@entry_point
def vwap(
    state: VwapState, ts: Int64, typical: Float64, volume: Float64, first: int,
    length: int, shift: int, period: int, out: Float64,
) -> VwapState:  # fmt: skip
    """The mean of the typical price, weighted by volume: since the anchor began, or of the last `period` rows.

    length, shift  ms, of the anchor
    period         0: anchored

    A row that is not known is passed over. Not known where there is no volume yet.
    """
    anchor, whole, money, weight = state
    for i in range(len(out)):
        at = first + i
        out[i] = math.nan
        if period > 0:
            out[i] = weighted_mean(typical, volume, at + 1, period) if at + 1 >= period else math.nan
            continue
        time = int(ts[at])
        before = anchor
        anchor = (time + shift) // length
        whole = is_whole(time, anchor, before, length, shift, whole)
        if anchor != before:
            money = 0.0
            weight = 0.0
        amount = float(typical[at]) * float(volume[at])
        if not math.isnan(amount):
            money += amount
            weight += float(volume[at])
            out[i] = quotient(money, weight, math.nan) if whole == 1 else math.nan
    return VwapState(anchor, whole, money, weight)


class SessionState(NamedTuple):
    """The anchor of the last row, whether it is known from its start, and its open, high, low and close so far.

    The prices are NaN before the first row of it that is known.
    """

    anchor: int
    whole: int
    open: float
    high: float
    low: float
    close: float


def _begin_session(_length: int, _shift: int) -> SessionState:
    return SessionState(NOT_BEGUN, 0, math.nan, math.nan, math.nan, math.nan)


@pure
def session_step(
    state: SessionState, ts: int, opened: float, high: float, low: float, close: float, length: int, shift: int
) -> SessionState:
    """One candle into the session of its anchor. A candle that is not known is passed over."""
    anchor = (ts + shift) // length
    whole = is_whole(ts, anchor, state.anchor, length, shift, state.whole)
    if math.isnan(opened + high + low + close):
        if anchor == state.anchor:
            return state
        return SessionState(anchor, whole, math.nan, math.nan, math.nan, math.nan)
    if anchor != state.anchor or math.isnan(state.open):
        return SessionState(anchor, whole, opened, high, low, close)
    highest = max(state.high, high)
    lowest = min(state.low, low)
    return SessionState(anchor, whole, state.open, highest, lowest, close)


@entry_point
def session(
    state: SessionState, ts: Int64, opened: Float64, high: Float64, low: Float64, close: Float64, first: int,
    length: int, shift: int, out_open: Float64, out_high: Float64, out_low: Float64,
) -> SessionState:  # fmt: skip
    """Open, highest high and lowest low since the anchor began.

    ts             int64[first + rows], ms
    length, shift  ms, of the anchor
    """
    for i in range(len(out_open)):
        at = first + i
        state = session_step(
            state, int(ts[at]), float(opened[at]), float(high[at]), float(low[at]), float(close[at]), length, shift
        )
        known = state.whole == 1 and not math.isnan(opened[at] + high[at] + low[at] + close[at])
        out_open[i] = state.open if known else math.nan
        out_high[i] = state.high if known else math.nan
        out_low[i] = state.low if known else math.nan
    return state


class PivotState(NamedTuple):
    """The session so far, and high, low and close of the one before; NaN where it is not known from its start."""

    anchor: int
    whole: int
    open: float
    high: float
    low: float
    close: float
    high_before: float
    low_before: float
    close_before: float


def _begin_pivots(_length: int, _shift: int) -> PivotState:
    return PivotState(NOT_BEGUN, 0, *[math.nan] * 7)


@pure
def pivot_step(
    state: PivotState, ts: int, opened: float, high: float, low: float, close: float, length: int, shift: int
) -> PivotState:
    """One candle into the session of its anchor; where an anchor begins, the last session becomes the one before."""
    now = SessionState(state.anchor, state.whole, state.open, state.high, state.low, state.close)
    now = session_step(now, ts, opened, high, low, close, length, shift)
    if now.anchor == state.anchor:
        high_before, low_before, close_before = state.high_before, state.low_before, state.close_before
    elif state.whole == 1:
        high_before, low_before, close_before = state.high, state.low, state.close
    else:
        high_before, low_before, close_before = math.nan, math.nan, math.nan
    return PivotState(
        now.anchor, now.whole, now.open, now.high, now.low, now.close, high_before, low_before, close_before
    )


@entry_point
def pivots(
    state: PivotState, ts: Int64, opened: Float64, high: Float64, low: Float64, close: Float64, first: int,
    length: int, shift: int,
    p: Float64, r1: Float64, s1: Float64, r2: Float64, s2: Float64, r3: Float64, s3: Float64,
) -> PivotState:  # fmt: skip
    """The pivots of the anchor before: p = (H + L + C) / 3; r1 = 2 p - L, r2 = p + (H - L), r3 = H + 2 (p - L).

    s1, s2 and s3 are the same below p, with H and L exchanged.
    """
    for i in range(len(p)):
        at = first + i
        state = pivot_step(
            state, int(ts[at]), float(opened[at]), float(high[at]), float(low[at]), float(close[at]), length, shift
        )
        top, bottom = state.high_before, state.low_before
        center = (top + bottom + state.close_before) / 3
        p[i] = center
        r1[i] = 2 * center - bottom
        s1[i] = 2 * center - top
        r2[i] = center + (top - bottom)
        s2[i] = center - (top - bottom)
        r3[i] = top + 2 * (center - bottom)
        s3[i] = bottom - 2 * (top - center)
    return state


# --- Kinds -----------------------------------------------------------------------------------------------------------


class AnchorSection(Section):
    """The parameters of a kind with an anchor."""

    anchor: Anchor = key("day", "where it begins: the UTC day, or the ISO week", plan=True)


class VwapSection(Section):
    """The parameters of `vwap`."""

    anchor: Anchor = key("day", "where it begins: the UTC day, or the ISO week", plan=True)
    period: Period | None = key(None, "over so many rows, in place of an anchor", plan=True)


def _anchor(keys: Any) -> tuple[int, int]:
    return ANCHORS[keys.anchor]


def _anchor_or_period(keys: Any) -> tuple[int, int, int]:
    return (*ANCHORS[keys.anchor], keys.period or 0)


def _vwap_rows(_length: int, _shift: int, period: int) -> int:
    return max(0, period - 1)


def _first_of_anchor(keys: Any, step_ms: int) -> int:
    return max(1, ANCHORS[keys.anchor].length // step_ms)


CANDLES = ("ts", "open", "high", "low", "close")
PIVOTS = ("p", "r1", "s1", "r2", "s2", "r3", "s3")

KINDS = {
    "vwap": Kind(
        VwapSection,
        (FoldNode(("ts", "hlc3", "volume"), ("value",), vwap, _anchor_or_period, _vwap_rows, _begin_vwap),),
        {"value": "price"}, "value",
        lambda keys, step_ms: keys.period or _first_of_anchor(keys, step_ms),
        "the mean of hlc3, weighted by volume, since the UTC day or ISO week began, or of the last `period` rows",
        source=None,
    ),
    "session": Kind(
        AnchorSection, (FoldNode(CANDLES, ("open", "high", "low"), session, _anchor, no_rows, _begin_session),),
        dict.fromkeys(("open", "high", "low"), "price"), None, _first_of_anchor,
        "open, highest high and lowest low since the UTC day or ISO week began",
        source=None,
    ),
    "pivots": Kind(
        AnchorSection, (FoldNode(CANDLES, PIVOTS, pivots, _anchor, no_rows, _begin_pivots),),
        dict.fromkeys(PIVOTS, "price"), None, lambda keys, step_ms: 2 * _first_of_anchor(keys, step_ms),
        "of the day or week before: `p` (H + L + C) / 3, `r1` 2 p - L, `s1` 2 p - H, `r2`, `s2` p ± (H - L), `r3` "
        "H + 2 (p - L), `s3` L - 2 (H - p)",
        source=None,
    ),
}  # fmt: skip
