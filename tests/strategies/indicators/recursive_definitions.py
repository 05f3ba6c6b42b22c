"""What each recursive kind is, written plainly: over the rows that are known, one after another.

A definition takes the parameters and the columns (float64, NaN: not known) and gives the outputs. None of it is shared
with safla.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Columns = dict[str, Array]
Definition = Callable[[Any, Columns], Columns]
NAN = float("nan")


def smoothed(x: Array, period: int, weight: float, skipped: int = 0) -> Array:
    """s + weight (x - s) over the known rows behind some skipped ones, from the mean of the first of them."""
    out, rows = np.full(len(x), NAN), np.flatnonzero(~np.isnan(x))[skipped:]
    if len(rows) >= period:
        value = out[rows[period - 1]] = np.mean(x[rows[:period]])
        for row in rows[period:]:
            value = out[row] = value * (1 - weight) + x[row] * weight
    return out


def average(x: Array, period: int, skipped: int = 0) -> Array:
    """The exponential average."""
    return smoothed(x, period, 2 / (period + 1), skipped)


def wilder(x: Array, period: int, skipped: int = 0) -> Array:
    """Wilder's average."""
    return smoothed(x, period, 1 / period, skipped)


def chained(x: Array, period: int, times: int) -> list[Array]:
    """Averages of averages."""
    chain = [x]
    for _ in range(times):
        chain.append(average(chain[-1], period))
    return chain[1:]


def before(x: Array, rows: int = 1) -> Array:
    """A column some rows later."""
    return np.r_[np.full(rows, NAN), x][: len(x)]


def rolling(function: Callable[[Array], float], x: Array, period: int) -> Array:
    """A function of the last rows; not known where one of them is not."""
    out = np.full(len(x), NAN)
    for end in range(period, len(x) + 1):
        out[end - 1] = function(x[end - period : end])  # numpy's min, max and mean hand NaN on
    return out


def share(part: Array, whole: Array, otherwise: float) -> Array:
    """part / whole, and what is said where both are 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole == 0, otherwise, part / whole)


def true_ranges(c: Columns) -> Array:
    """The largest of three distances."""
    high, low, close = c["high"], c["low"], before(c["close"])
    return np.max([high - low, abs(high - close), abs(low - close)], axis=0)


# --- Averages --------------------------------------------------------------------------------------------------------


def ema(keys: Any, c: Columns) -> Columns:
    return {"value": average(c["source"], keys.period)}


def rma(keys: Any, c: Columns) -> Columns:
    return {"value": wilder(c["source"], keys.period)}


def zlema(keys: Any, c: Columns) -> Columns:
    return {"value": average(2 * c["source"] - before(c["source"], (keys.period - 1) // 2), keys.period)}


def dema(keys: Any, c: Columns) -> Columns:
    p, q = chained(c["source"], keys.period, 2)
    return {"value": 2 * p - q}


def tema(keys: Any, c: Columns) -> Columns:
    p, q, r = chained(c["source"], keys.period, 3)
    return {"value": 3 * (p - q) + r}


def t3(keys: Any, c: Columns) -> Columns:
    v = keys.volume
    generalised = np.poly1d([-v, 1 + v, 0])  # (1 + v) a - v a^2, where a^n is n averages in a chain
    weights = (generalised**3).coefficients[:4]  # of a^6 to a^3
    return {"value": sum(w * e for w, e in zip(weights[::-1], chained(c["source"], keys.period, 6)[2:], strict=True))}


def trix(keys: Any, c: Columns) -> Columns:
    r = chained(c["source"], keys.period, 3)[-1]
    return {"value": r / before(r) - 1}


def kama(keys: Any, c: Columns) -> Columns:
    x, n, value = c["source"], keys.period, None
    out = np.full(len(x), NAN)
    for row in range(n, len(x)):
        window = x[row - n : row + 1]
        if not np.isnan(window).any():
            way = np.sum(abs(np.diff(window)))
            efficiency = abs(window[-1] - window[0]) / way if way else 0
            weight = (efficiency * (2 / (keys.fast + 1) - 2 / (keys.slow + 1)) + 2 / (keys.slow + 1)) ** 2
            value = window[-2] if value is None else value
            value = out[row] = value + weight * (window[-1] - value)
    return {"value": out}


# --- Momentum --------------------------------------------------------------------------------------------------------


def strength(keys: Any, x: Array) -> Array:
    change = x - before(x, keys.momentum)
    up, down = wilder(np.maximum(change, 0), keys.period), wilder(np.maximum(-change, 0), keys.period)
    out = share(100 * up, up + down, 50)
    value = NAN
    for row in np.flatnonzero(~np.isnan(out)):
        same = change[row] == 0 and up[row] + down[row] > 0 and not np.isnan(value)
        value = out[row] = value if same else out[row]
    return out


def rsi(keys: Any, c: Columns) -> Columns:
    return {"value": strength(keys, c["source"])}


def stoch_rsi(keys: Any, c: Columns) -> Columns:
    x = strength(keys, c["source"])
    highest, lowest = rolling(np.max, x, keys.stoch), rolling(np.min, x, keys.stoch)
    k = rolling(np.mean, share(100 * (x - lowest), highest - lowest, 50), keys.smooth)
    return {"k": k, "d": rolling(np.mean, k, keys.signal)}


def macd(keys: Any, c: Columns) -> Columns:
    longer = max(keys.fast, keys.slow)
    fast, slow = (average(c["source"], period, longer - period) for period in (keys.fast, keys.slow))
    signal = average(fast - slow, keys.signal)
    return {"line": fast - slow, "signal": signal, "histogram": fast - slow - signal}


def ppo(keys: Any, c: Columns) -> Columns:
    line = average(c["source"], keys.fast) / average(c["source"], keys.slow) - 1
    return {"line": line, "signal": average(line, keys.signal)}


# --- Ranges ----------------------------------------------------------------------------------------------------------


def atr(keys: Any, c: Columns) -> Columns:
    return {"value": wilder(true_ranges(c), keys.period)}


def keltner(keys: Any, c: Columns) -> Columns:
    first = max(keys.period, keys.atr_period + 1)
    middle = average(c["hlc3"], keys.period, first - keys.period)
    away = keys.multiplier * wilder(true_ranges(c), keys.atr_period, first - keys.atr_period - 1)
    return {"upper": middle + away, "middle": middle, "lower": middle - away}


def chandelier(keys: Any, c: Columns) -> Columns:
    away = keys.multiplier * wilder(true_ranges(c), keys.period)
    highest, lowest = rolling(np.max, c["high"], keys.period), rolling(np.min, c["low"], keys.period)
    return {"long": highest - away, "short": lowest + away}


# --- Trend -----------------------------------------------------------------------------------------------------------


def wilder_total(x: Array, period: int) -> Array:
    """The sum of n - 1 rows, then a share of one n-th lost with each row."""
    out, rows = np.full(len(x), NAN), np.flatnonzero(~np.isnan(x))
    value = float(np.sum(x[rows[: period - 1]]))
    for row in rows[period - 1 :]:
        value = out[row] = value * (1 - 1 / period) + x[row]
    return out


def adx(keys: Any, c: Columns) -> Columns:
    up, down = c["high"] - before(c["high"]), before(c["low"]) - c["low"]
    known = ~np.isnan(up + down + true_ranges(c))
    rises, falls = np.where((up > down) & (up > 0), up, 0), np.where((down > up) & (down > 0), down, 0)
    n = keys.period
    span, rises, falls = (wilder_total(np.where(known, x, NAN), n) for x in (true_ranges(c), rises, falls))
    plus, minus = share(100 * rises, span, 0), share(100 * falls, span, 0)
    return {"adx": wilder(share(100 * abs(plus - minus), plus + minus, 0), n), "plus": plus, "minus": minus}


def supertrend(keys: Any, c: Columns) -> Columns:
    away, middle = keys.multiplier * wilder(true_ranges(c), keys.period), (c["high"] + c["low"]) / 2
    line, direction, trend = np.full(len(middle), NAN), np.full(len(middle), NAN), 0
    upper = lower = NAN
    for row in np.flatnonzero(~np.isnan(away + c["close"])):
        last, close = c["close"][row - 1], c["close"][row]
        if not trend or middle[row] + away[row] < upper or last > upper:
            upper = middle[row] + away[row]
        if not trend or middle[row] - away[row] > lower or last < lower:
            lower = middle[row] - away[row]
        if not trend or (trend < 0 and close > upper):
            trend = 1
        elif trend > 0 and close < lower:
            trend = -1
        line[row], direction[row] = (lower if trend > 0 else upper), trend
    return {"line": line, "direction": direction}


def psar(keys: Any, c: Columns) -> Columns:
    high, low = c["high"], c["low"]
    line, direction = np.full(len(high), NAN), np.full(len(high), NAN)
    start, trend, stop, extreme, factor = min(keys.start, keys.most), 0, NAN, NAN, NAN
    for row in np.flatnonzero(~np.isnan(high + low + before(high) + before(low))):
        last = row - 1
        if not trend:
            falls = low[last] - low[row] > max(high[row] - high[last], 0)
            trend, stop, extreme = (-1, high[last], low[row]) if falls else (1, low[last], high[row])
            factor, last = start, row
        highest, lowest = max(high[row], high[last]), min(low[row], low[last])
        if trend > 0 and low[row] <= stop:
            trend, stop, extreme, factor = -1, max(extreme, highest), low[row], start
        elif trend < 0 and high[row] >= stop:
            trend, stop, extreme, factor = 1, min(extreme, lowest), high[row], start
        elif trend > 0 and high[row] > extreme:
            extreme, factor = high[row], min(factor + keys.step, keys.most)
        elif trend < 0 and low[row] < extreme:
            extreme, factor = low[row], min(factor + keys.step, keys.most)
        line[row], direction[row] = stop, trend
        stop += factor * (extreme - stop)
        stop = min(stop, lowest) if trend > 0 else max(stop, highest)
    return {"line": line, "direction": direction}


DEFINITIONS: dict[str, Definition] = {
    "ema": ema, "rma": rma, "zlema": zlema, "dema": dema, "tema": tema, "t3": t3, "trix": trix, "kama": kama,
    "rsi": rsi, "stoch_rsi": stoch_rsi, "macd": macd, "ppo": ppo, "atr": atr, "keltner": keltner,
    "chandelier": chandelier, "adx": adx, "supertrend": supertrend, "psar": psar,
}  # fmt: skip
