"""Synthetic candles from a seed. All arithmetic is in integers, so a seed gives the same bytes on every machine."""

from decimal import Decimal
from functools import cache
from math import isqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from safla.candles.normalise import FileRows, of_columns
from safla.candles.validation import Origin
from safla.core.values import Columns, Int64
from safla.errors import DataError

DECIMALS = (2, 5)  # of price and volume, where markets.<SYMBOL> does not set them
YEAR_MS = 365 * 86_400_000
ONE = 2**24  # unit of logarithms to base 2
REACH = 4 * ONE  # the walk turns back at 16 times the start price and at 1/16 of it, far from the bounds of D1
REGIME_CANDLES = (48, 240)  # length of a regime: at least the first, less than the second
LARGEST_PRICE = 2**50  # price units: no product in _prices reaches 2**63

# Spread in percent of the configured one, drift in per mille of that spread. Drawn evenly from TURNS, the mean square
# of the spreads is 1 and the drifts cancel, so that the configured volatility holds over all regimes.
CALM, TRENDING, CRASHING = range(3)
REGIMES = np.array([(45, 0), (75, 80), (165, -54)], np.int64)
TURNS = np.array([CALM, TRENDING, CALM, TRENDING, CRASHING, CALM, TRENDING, CRASHING], np.int64)

# Each purpose has its own stream of draws, so that a longer walk begins with the opens and closes of a shorter one.
STEPS, WICKS, VOLUMES, MOODS, GAPS = range(5)


class RandomWalk(NamedTuple):
    """The parameters of a walk."""

    seed: int
    symbol: str
    step_ms: int
    candles: int
    start: int  # ms; the first candle opens there or at the next time of the grid
    start_price: Decimal
    annual_volatility: Decimal  # standard deviation of a year's log return, without the drift of regimes
    regimes: bool
    holes: int  # candles that are missing
    price_decimals: int
    volume_decimals: int


def rows(walk: RandomWalk) -> FileRows:
    """The candles of a walk, in the form in which a file yields them."""
    generated = columns(walk)
    origin = Origin(f"synthetic {walk.symbol}", "row", np.arange(1, len(generated.ts) + 1, dtype=np.int64))
    return of_columns(origin, generated, price_decimals=walk.price_decimals, volume_decimals=walk.volume_decimals)


def columns(walk: RandomWalk) -> Columns:
    """The candles of a walk: prices in units of 10^-price_decimals, volumes in units of 10^-volume_decimals.

    A random walk of integer logarithms; each candle opens at the close before it.
    """
    slots = walk.candles + walk.holes
    spread, drift = _spreads(walk, slots)
    closes = _prices(walk, np.cumsum(drift + _normal(walk, STEPS, slots) * spread // 1000))
    opens = np.concatenate([_prices(walk, np.zeros(1, np.int64)), closes[:-1]])
    up, down = (np.abs(_normal(walk, WICKS, 2 * slots)).reshape(2, slots) * spread // 2000).clip(0, ONE // 4)
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    # The spread is a logarithm to base 2, 1.44 times the natural one; the wicks take it as a share of the price.
    highs = top + _share(top, up)
    lows = np.maximum(bottom - _share(bottom, down), 1)
    first = -(-walk.start // walk.step_ms) * walk.step_ms
    ts = first + np.arange(slots, dtype=np.int64) * walk.step_ms
    candles = Columns(ts, opens, highs, lows, closes, _volumes(walk, slots, spread=spread))
    if walk.holes == 0:
        return candles
    rows_kept = _kept(walk, slots)
    return Columns(*(column[rows_kept] for column in candles))


def _draws(walk: RandomWalk, purpose: int, count: int) -> npt.NDArray[np.uint64]:
    """Raw draws of a stream. random_raw is the only output that numpy promises never to change."""
    entropy = [walk.seed, int.from_bytes(walk.symbol.encode("ascii"), "little"), purpose]
    return np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(count)


def _normal(walk: RandomWalk, purpose: int, count: int) -> Int64:
    """Nearly normal integers with mean 0 and standard deviation 1000: each is the sum of four draws of 16 bits."""
    raw = _draws(walk, purpose, count)
    total = np.zeros(count, np.int64)
    for shift in (0, 16, 32, 48):
        total += (raw >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64)
    # 37837 is the standard deviation of the sum: sqrt(4 / 12) * 65536
    result: Int64 = (total - 2 * 0xFFFF) * 1000 // 37837
    return result


def _spreads(walk: RandomWalk, slots: int) -> tuple[Int64, Int64]:
    """Standard deviation and drift of each candle's step, in logarithms to base 2."""
    ppm = int(walk.annual_volatility * 1_000_000)
    variance = (ppm * ONE * 1_442_695) ** 2 * walk.step_ms // (10**24 * YEAR_MS)  # 1.442695: from base e to base 2
    spread = min(isqrt(variance), ONE)
    if not walk.regimes:
        return np.full(slots, spread, np.int64), np.zeros(slots, np.int64)
    percent, drift = REGIMES[_moods(walk, slots)].T
    spreads = spread * percent // 100
    return spreads, spreads * drift // 1000


def _moods(walk: RandomWalk, slots: int) -> Int64:
    """The regime of each candle."""
    least, most = REGIME_CANDLES
    raw = _draws(walk, MOODS, slots // least + 1)
    lengths = (least + raw % np.uint64(most - least)).astype(np.int64)
    moods = TURNS[(raw >> np.uint64(32)).astype(np.int64) % len(TURNS)]
    return np.repeat(moods, lengths)[:slots]


def _prices(walk: RandomWalk, logarithms: Int64) -> Int64:
    """start_price * 2**logarithm in price units, reflected where the logarithm leaves [-REACH, REACH]."""
    start = int(walk.start_price.scaleb(walk.price_decimals))
    if not 0 < start <= LARGEST_PRICE:
        raise DataError(
            f"data.synthetic.start_price: expected 1 to 2**50 units of 10^-{walk.price_decimals}, "
            f"got {walk.start_price}",
            code="number_too_large",
        )
    folded = np.abs((logarithms + 3 * REACH) % (4 * REACH) - 2 * REACH) - REACH
    whole, part = folded >> 24, folded & (ONE - 1)
    table = _powers()
    factor = table[0][part >> 12] * table[1][part & 0xFFF] >> 30  # 2**part, in units of 2**-30
    high, low = start >> 20, start & 0xFFFFF
    scaled = high * factor + (low * factor >> 20)  # start * 2**part, in units of 2**-10
    return np.maximum(_shifted(scaled, whole - 10), 1)


def _shifted(values: Int64, left: Int64) -> Int64:
    result: Int64 = np.where(left >= 0, values << np.maximum(left, 0), values >> np.maximum(-left, 0))
    return result


@cache
def _powers() -> Int64:
    """2**(i / 4096) and 2**(i / 4096**2) for i in 0..4095, in units of 2**-30, computed with integers only."""
    unit = 1 << 60
    root = 2 * unit
    tables = []
    for _ in range(2):
        for _ in range(12):
            root = isqrt(root * unit)
        power, table = unit, []
        for _ in range(4096):
            table.append(power >> 30)
            power = power * root // unit
        tables.append(table)
    return np.array(tables, np.int64)


def _share(prices: Int64, part: Int64) -> Int64:
    """prices * part / ONE, rounded down; no intermediate product reaches 2**63."""
    return (prices // ONE) * part + (prices % ONE) * part // ONE


def _volumes(walk: RandomWalk, slots: int, *, spread: Int64) -> Int64:
    """Volumes of 10 to 420 units of base; larger where the spread is larger."""
    raw = _draws(walk, VOLUMES, slots)
    unit = 10**walk.volume_decimals
    scale = 100 + spread * 100 // max(int(spread.max(initial=1)), 1)
    volumes: Int64 = (20 * unit + (raw % np.uint64(400 * unit)).astype(np.int64)) * scale // 200
    return volumes


def _kept(walk: RandomWalk, slots: int) -> Int64:
    """The indices of the candles that are kept; the first and the last always are."""
    if walk.holes > slots - 2:
        raise DataError(
            "data.synthetic.holes: needs at least two candles, one before and one after the missing ones",
            code="no_candles",
        )
    order = np.argsort(_draws(walk, GAPS, slots - 2), kind="stable") + 1
    missing = order[: walk.holes]
    return np.delete(np.arange(slots, dtype=np.int64), missing)
