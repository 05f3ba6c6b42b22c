"""What each kind over windows, each anchored one and each of candles is, written plainly: for every row by itself.

A definition takes the parameters and the columns (float64, NaN: not known) and gives the outputs. None of it is shared
with safla: numpy over slices, and Python over days.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Columns = dict[str, Array]
Definition = Callable[[Any, Columns], Columns]
NAN = float("nan")


def over(rows: int, function: Callable[..., float], *columns: Array) -> Array:
    """A function of the last rows of each column; not known where one of these is not, or there are fewer."""
    out = np.full(len(columns[0]), NAN)
    for end in range(rows, len(out) + 1):
        windows = [column[end - rows : end] for column in columns]
        if not any(np.isnan(window).any() for window in windows):
            out[end - 1] = function(*windows)
    return out


def quotient(a: float, b: float, otherwise: float = NAN) -> float:
    """a / b, or what is said where b is 0."""
    return a / b if b != 0 else otherwise


def weighted(x: Array) -> float:
    """The mean, the last row weighing most."""
    return float(np.average(x, weights=np.arange(1, len(x) + 1)))


def before(x: Array, rows: int) -> Array:
    """A column some rows later."""
    return np.r_[np.full(rows, NAN), x][: len(x)]


def mean(rows: int, x: Array) -> Array:
    """The simple average."""
    return over(rows, np.mean, x)


def sma(keys: Any, c: Columns) -> Columns:
    return {"value": mean(keys.period, c["source"])}


def total(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, np.sum, c["source"])}


def wma(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, weighted, c["source"])}


def hma(keys: Any, c: Columns) -> Columns:
    raw = 2 * over(keys.period // 2, weighted, c["source"]) - over(keys.period, weighted, c["source"])
    return {"value": over(int(np.floor(np.sqrt(keys.period))), weighted, raw)}


def vwma(keys: Any, c: Columns) -> Columns:
    return {"value": by_volume(keys.period, c["source"], c["volume"])}


def by_volume(rows: int, x: Array, volume: Array) -> Array:
    return over(rows, lambda x, v: quotient(float(x @ v), float(v.sum())), x, volume)


def stdev(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, lambda x: float(np.std(x, ddof=int(keys.sample))), c["source"])}


def bollinger(keys: Any, c: Columns) -> Columns:
    def bands(x: Array) -> tuple[float, ...]:
        middle, away = np.mean(x), keys.deviations * np.std(x, ddof=int(keys.sample))
        upper, lower = middle + away, middle - away
        percent = quotient(x[-1] - lower, upper - lower, 0.5)
        return middle, upper, lower, quotient(upper - lower, middle), percent

    names = ("middle", "upper", "lower", "width", "percent")
    return {name: over(keys.period, lambda x, at=at: bands(x)[at], c["source"]) for at, name in enumerate(names)}


def zscore(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, lambda x: quotient(x[-1] - np.mean(x), np.std(x), 0.0), c["source"])}


def since(x: Array, best: float) -> float:
    """Rows since the latest one that is the best."""
    return float(np.flatnonzero(x[::-1] == best)[0])


def highest(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, np.max, c["source"])}


def lowest(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, np.min, c["source"])}


def since_highest(keys: Any, c: Columns) -> Columns:
    return {"since": over(keys.period, lambda x: since(x, x.max()), c["source"])}


def since_lowest(keys: Any, c: Columns) -> Columns:
    return {"since": over(keys.period, lambda x: since(x, x.min()), c["source"])}


def donchian(keys: Any, c: Columns) -> Columns:
    upper, lower = over(keys.period, np.max, c["high"]), over(keys.period, np.min, c["low"])
    return {"upper": upper, "lower": lower, "middle": (upper + lower) / 2}


def place(rows: int, c: Columns, otherwise: float) -> Array:
    """Where the close stands between the lowest low and the highest high, 0 to 1."""

    def one(high: Array, low: Array, close: Array) -> float:
        return quotient(close[-1] - low.min(), high.max() - low.min(), otherwise)

    last = np.where(np.isnan(c["close"]), NAN, over(1, lambda x: x[0], c["close"]))
    channel = over(rows, lambda h, low: h.max() + low.min(), c["high"], c["low"])
    filled = np.nan_to_num(c["close"])  # only its last row counts
    return np.where(np.isnan(last + channel), NAN, over(rows, one, c["high"], c["low"], filled))


def williams_r(keys: Any, c: Columns) -> Columns:
    return {"value": 100 * place(keys.period, c, 0.5) - 100}


def stochastic(keys: Any, c: Columns) -> Columns:
    k = mean(keys.smooth, 100 * place(keys.period, c, 0.5))
    return {"k": k, "d": mean(keys.signal, k)}


def cci(keys: Any, c: Columns) -> Columns:
    def one(x: Array) -> float:
        return quotient(x[-1] - x.mean(), 0.015 * np.mean(np.abs(x - x.mean())), 0.0)

    return {"value": over(keys.period, one, c["source"])}


def mfi(keys: Any, c: Columns) -> Columns:
    def one(typical: Array, volume: Array) -> float:
        flow, rise = (typical * volume)[1:], np.diff(typical)
        up, down = flow[rise > 0].sum(), flow[rise < 0].sum()
        return 100 * quotient(up, up + down, 0.5)

    volume = np.r_[0.0, c["volume"][1:]]  # that of the first row of a window does not count
    out = over(keys.period + 1, one, c["hlc3"], np.nan_to_num(volume))
    return {"value": np.where(np.isnan(over(keys.period, np.sum, volume)), NAN, out)}


def roc(keys: Any, c: Columns) -> Columns:
    then = before(c["source"], keys.period)
    return {"value": (c["source"] - then) / np.where(then == 0, NAN, then)}


def change(keys: Any, c: Columns) -> Columns:
    return {"value": c["source"] - before(c["source"], keys.period)}


def value(keys: Any, c: Columns) -> Columns:
    return {"value": c["source"]}


def aroon(keys: Any, c: Columns) -> Columns:
    n = keys.period
    up = over(n + 1, lambda x: 100 * (n - since(x, x.max())) / n, c["high"])
    down = over(n + 1, lambda x: 100 * (n - since(x, x.min())) / n, c["low"])
    return {"up": up, "down": down, "oscillator": up - down}


def cmf(keys: Any, c: Columns) -> Columns:
    def one(high: Array, low: Array, close: Array, volume: Array) -> float:
        flows = [
            v * quotient((x - bottom) - (top - x), top - bottom, 0.0)
            for top, bottom, x, v in zip(high, low, close, volume, strict=True)
        ]
        return quotient(sum(flows), volume.sum())

    return {"value": over(keys.period, one, c["high"], c["low"], c["close"], c["volume"])}


def ranges(c: Columns) -> Array:
    """The true range: the greatest of the three distances."""
    close = before(c["close"], 1)
    return np.maximum(c["high"] - c["low"], np.maximum(abs(c["high"] - close), abs(c["low"] - close)))


def true_range(keys: Any, c: Columns) -> Columns:
    return {"value": ranges(c)}


def choppiness(keys: Any, c: Columns) -> Columns:
    def one(true: Array, high: Array, low: Array) -> float:
        spread = high.max() - low.min()
        return 100.0 if spread == 0 else 100 * np.log10(true.sum() / spread) / np.log10(keys.period)

    return {"value": over(keys.period, one, ranges(c), c["high"], c["low"])}


def linear(keys: Any, c: Columns) -> Columns:
    at = np.arange(keys.period)
    slope = over(keys.period, lambda x: np.polyfit(at, x - x[0], 1)[0], c["source"])
    value = over(keys.period, lambda x: x[0] + np.polyval(np.polyfit(at, x - x[0], 1), at[-1]), c["source"])
    r = over(keys.period, lambda x: np.corrcoef(at, x)[0, 1] if np.ptp(x) else NAN, c["source"])
    return {"value": value, "slope": slope, "r": r}


def percent_rank(keys: Any, c: Columns) -> Columns:
    return {"value": over(keys.period, lambda x: float(np.mean(x[:-1] < x[-1])), c["source"])}


def ichimoku(keys: Any, c: Columns) -> Columns:
    def middle(rows: int) -> Array:
        return (over(rows, np.max, c["high"]) + over(rows, np.min, c["low"])) / 2

    conversion, base = middle(keys.conversion), middle(keys.base)
    ahead = keys.base - 1
    spans = {"span_a": before((conversion + base) / 2, ahead), "span_b": before(middle(keys.span), ahead)}
    return {"conversion": conversion, "base": base, **spans}


def swings(keys: Any, x: Array) -> Array:
    """The latest swing above."""
    n = keys.left + keys.right + 1
    found = over(n, lambda w: w[keys.left] if is_swing(w, keys.left) else np.inf, x)
    latest = NAN
    for row, price in enumerate(found):
        latest = price if np.isfinite(price) else latest
        # A row whose window is not known has no value; before there are so many rows, there is no swing.
        found[row] = NAN if np.isnan(price) else latest
    return found


def is_swing(window: Array, left: int) -> bool:
    return bool((window[:left] < window[left]).all() and (window[left:] <= window[left]).all())


def swing_high(keys: Any, c: Columns) -> Columns:
    return {"value": swings(keys, c["source"])}


def swing_low(keys: Any, c: Columns) -> Columns:
    return {"value": -swings(keys, -c["source"])}


# --- Anchored --------------------------------------------------------------------------------------------------------


def anchors(keys: Any, c: Columns) -> Iterator[tuple[slice, bool]]:
    """The rows of each day or ISO week in turn, and whether they are known from its start."""
    times = [dt.datetime.fromtimestamp(int(ms) / 1000, dt.UTC) for ms in c["ts"]]
    names = [time.date() if keys.anchor == "day" else time.isocalendar()[:2] for time in times]
    begins = [row for row, name in enumerate(names) if row == 0 or names[row - 1] != name]
    opens = times[0].hour == times[0].minute == 0 and (keys.anchor == "day" or times[0].isoweekday() == 1)
    for begin, end in zip(begins, [*begins[1:], len(names)], strict=True):
        yield slice(begin, end), begin > 0 or opens


def vwap(keys: Any, c: Columns) -> Columns:
    if keys.period is not None:
        return {"value": by_volume(keys.period, c["hlc3"], c["volume"])}
    out = np.full(len(c["hlc3"]), NAN)
    for rows, whole in anchors(keys, c):
        price, volume = c["hlc3"][rows], c["volume"][rows]
        known = ~np.isnan(price + volume)
        for row in np.flatnonzero(known) if whole else ():
            seen = known[: row + 1]
            p, v = price[: row + 1][seen], volume[: row + 1][seen]
            out[rows.start + row] = quotient(float((p * v).sum()), float(v.sum()))
    return {"value": out}


def whole_rows(c: Columns, rows: slice) -> list[int]:
    """The rows of a slice whose prices are known."""
    prices = np.stack([c[name] for name in ("open", "high", "low", "close")])
    return [row for row in range(rows.start, rows.stop) if not np.isnan(prices[:, row]).any()]


def session(keys: Any, c: Columns) -> Columns:
    out = {name: np.full(len(c["close"]), NAN) for name in ("open", "high", "low")}
    for rows, whole in anchors(keys, c):
        known = whole_rows(c, rows) if whole else []
        for count, row in enumerate(known, 1):
            so_far = known[:count]
            out["open"][row] = c["open"][known[0]]
            out["high"][row], out["low"][row] = c["high"][so_far].max(), c["low"][so_far].min()
    return out


def pivots(keys: Any, c: Columns) -> Columns:
    names = ("p", "r1", "s1", "r2", "s2", "r3", "s3")
    out = {name: np.full(len(c["close"]), NAN) for name in names}
    last: tuple[float, ...] = ()
    for rows, whole in anchors(keys, c):
        for name, price in zip(names, last, strict=False):
            out[name][rows] = price
        known, last = whole_rows(c, rows) if whole else [], ()
        if known:
            high, low, close = c["high"][known].max(), c["low"][known].min(), c["close"][known[-1]]
            p, spread = (high + low + close) / 3, high - low
            last = p, 2 * p - low, 2 * p - high, p + spread, p - spread, high + 2 * (p - low), low - 2 * (high - p)
    return out


# --- Candles ---------------------------------------------------------------------------------------------------------


def heikin_ashi(keys: Any, c: Columns) -> Columns:
    out = {name: np.full(len(c["close"]), NAN) for name in ("open", "high", "low", "close")}
    last: tuple[float, float] | None = None
    for row, prices in enumerate(zip(c["open"], c["high"], c["low"], c["close"], c["ohlc4"], strict=True)):
        if not np.isnan(prices).any():
            opened, high, low, close, last_close = map(float, prices)
            first = (opened + close) / 2 if last is None else sum(last) / 2
            values = first, max(high, first, last_close), min(low, first, last_close), last_close
            for name, price in zip(out, values, strict=True):
                out[name][row] = price
            last = first, last_close
    return out


def ssl(keys: Any, c: Columns) -> Columns:
    tops, bottoms, below = mean(keys.period, c["high"]), mean(keys.period, c["low"]), False
    up, down = np.full(len(tops), NAN), np.full(len(tops), NAN)
    for row, (close, top, bottom) in enumerate(zip(c["close"], tops, bottoms, strict=True)):
        below = close < bottom if close > top or close < bottom else below
        if not np.isnan(close + top + bottom):
            up[row], down[row] = (bottom, top) if below else (top, bottom)
    return {"up": up, "down": down}


def obv(keys: Any, c: Columns) -> Columns:
    known = np.flatnonzero(~np.isnan(c["close"] + c["volume"]))
    close, volume = c["close"][known], c["volume"][known]
    out = np.full(len(c["close"]), NAN)
    out[known] = np.cumsum(np.r_[volume[:1], np.sign(np.diff(close)) * volume[1:]])
    return {"value": out}


DEFINITIONS: dict[str, Definition] = {
    "sma": sma, "sum": total, "wma": wma, "hma": hma, "vwma": vwma, "stdev": stdev, "bollinger": bollinger,
    "zscore": zscore, "highest": highest, "lowest": lowest, "since_highest": since_highest,
    "since_lowest": since_lowest, "donchian": donchian, "williams_r": williams_r, "stochastic": stochastic, "cci": cci,
    "mfi": mfi, "roc": roc, "change": change, "value": value, "aroon": aroon, "cmf": cmf, "true_range": true_range,
    "choppiness": choppiness, "linear": linear, "percent_rank": percent_rank, "ichimoku": ichimoku,
    "swing_high": swing_high, "swing_low": swing_low, "vwap": vwap, "session": session, "pivots": pivots,
    "heikin_ashi": heikin_ashi, "ssl": ssl, "obv": obv,
}  # fmt: skip
