"""The look-ahead check: what it finds, which strategies pass, and where it truncates the candles (C14, C15)."""

import numpy as np
import polars as pl
import pytest

from safla.core.candles import Series
from safla.core.sizing import confidence_ppm
from safla.core.values import Columns
from safla.errors import Finding, StrategyError
from safla.runs.look_ahead import SlowNotice, StrategyAnswer, budgets, check_look_ahead, engine_values
from safla.runs.strategy_candles import candles_of, rows_between
from tests.core.scenario import QUIET
from tests.errors import raises_code
from tests.scale import some_of

HOUR = 3_600_000
SIZE = 12_000  # more than there are cuts
WARM_UP = 60


def walk(size=SIZE, seed=5):
    """Hours of a random walk; one candle in a hundred or so moves by more than 5 %."""
    chance = np.random.default_rng(seed)
    steps = chance.normal(0, 0.006, size) + (chance.random(size) < 0.01) * chance.choice([-0.07, 0.07], size)
    close = (6_000_000 * np.exp(np.cumsum(steps - steps.mean()))).astype(np.int64)
    opened = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(opened, close) + 900, np.minimum(opened, close) - 900
    ts = np.arange(size, dtype=np.int64) * HOUR
    return Series("BTC/USDT", 2, 3, Columns(ts, opened, high, low, close, chance.integers(1, 10**6, size)))


def looked(function, series=None, *, window=None, budget=1_024, asked=None, seed="a", threshold_ppm=10_000, ranges=()):
    """Returns the result of a check of the function; told collects the range of each call."""
    series = walk() if series is None else series
    candles = candles_of(series, "1h")

    def answer(asked_about):
        signal, strength = function(asked_about)
        return StrategyAnswer(np.asarray(signal, np.int8), np.asarray(strength, np.float64))

    def ask(first, end):
        if ranges != ():
            ranges.append((first, end))
        return answer(rows_between(candles, first=first, end=end))

    def ask_about(columns):
        return answer(candles_of(series._replace(columns=columns), "1h"))

    size = len(candles)
    return check_look_ahead(
        series, ask, ask_about=ask_about, name="mine", rules=rules_of(threshold_ppm), window=window,
        budget=budget, seed=seed,
        asked=np.ones(size, bool) if asked is None else asked, notice=SlowNotice(lambda text: None, cuts=budget),
    )[1]  # fmt: skip


def rules_of(threshold_ppm):
    return QUIET._replace(warm_up=WARM_UP, confidence_threshold_ppm=threshold_ppm)


def certain(signal):
    return signal, np.ones(len(signal))


def average(x, n):
    """The mean of the last n values, by a running sum of floats; the price itself before there are so many."""
    sums = np.cumsum(x)
    mean = x.copy()
    mean[n:] = (sums[n:] - sums[:-n]) / n
    return mean


def crossings(c):
    """+1 and -1 where a short average passes a long one."""
    above = (average(c.close, 10) > average(c.close, 30)).astype(int)
    return np.diff(above, prepend=above[:1])


def next_return(c):
    following = np.concatenate([c.close[1:], c.close[-1:]])
    return following / c.close - 1


# --- Strategies that look ahead --------------------------------------------------------------------------------------


def swing(reach):
    def lows_and_highs(c):
        signal = np.zeros(len(c))
        if len(c) > 2 * reach:
            view = np.lib.stride_tricks.sliding_window_view
            middle = slice(reach, len(c) - reach)
            signal[middle][c.low[middle] == view(c.low, 2 * reach + 1).min(1)] = 1
            signal[middle][c.high[middle] == view(c.high, 2 * reach + 1).max(1)] = -1
        return certain(signal)

    return lows_and_highs


def low_passed(c):
    parts = np.fft.rfft(c.close)
    parts[len(parts) // 20 :] = 0
    return certain(np.sign(np.diff(np.fft.irfft(parts, len(c)), prepend=0)))


def unclosed_frame(c):
    """Close of the 4-hour candle that a candle belongs to, before that is over."""
    starts = np.flatnonzero(np.diff(c.ts // (4 * HOUR), prepend=-1))
    ends = np.append(starts[1:], len(c))
    return certain(np.sign(c.close - np.repeat(c.close[ends - 1], ends - starts)))


def filled_back(c):
    peak = pl.Series(np.where(c.close > average(c.close, 50) * 1.08, c.close, np.nan)).fill_nan(None)
    return certain((peak.fill_null(strategy="backward").fill_null(0).to_numpy() > c.close * 1.1).astype(int))


def keeping_back(fall):
    """Enters where the averages cross, unless it knows that the next close falls by so much."""
    return lambda c: certain(np.where((crossings(c) == 1) & (next_return(c) < -fall), 0, crossings(c)))


def a_few_peeks(c):
    """An honest strategy but for five entries before the best days."""
    signal = np.sign(average(c.close, 10) - average(c.close, 30))
    day = np.zeros(len(c))
    day[:-24] = c.close[24:] / c.close[:-24] - 1
    signal[np.argsort(-day, kind="stable")[:5]] = 1
    return certain(signal)


LOOKING = {
    "the next close beyond 5 %": lambda c: certain(np.sign(next_return(c)) * (np.abs(next_return(c)) > 0.05)),
    "the next close": lambda c: certain(np.sign(next_return(c))),
    **{f"lows and highs of {reach} candles to both sides": swing(reach) for reach in (1, 3, 12, 48, 96)},
    "the mean of the whole history": lambda c: certain(np.sign(c.close - c.close.mean())),
    "between the lowest and the highest": lambda c: certain(
        (c.close - c.close.min() < 0.1 * (c.close.max() - c.close.min())).astype(int)
    ),
    "a centred average": lambda c: certain(np.sign(c.close - np.convolve(c.close, np.ones(25) / 25, "same"))),
    "a Fourier transform": low_passed,
    "a higher timeframe that is not over": unclosed_frame,
    "shift(-1)": lambda c: certain((c.frame()["close"].shift(-1) > c.close * 1.03).fill_null(value=False).to_numpy()),
    "values filled back": filled_back,
    "entries kept back before a fall": keeping_back(0),
    "entries kept back before a large fall": keeping_back(0.015),
    "a few entries before the best days": a_few_peeks,
    "a strength that knows the next close": lambda c: (np.sign(c.close - average(c.close, 30)), np.abs(next_return(c))),
    "the number of candles": lambda c: certain(np.full(len(c), len(c) % 2)),
    "the last candle apart": lambda c: certain(np.append(np.zeros(len(c) - 1), 1)),
}


@some_of("kind", LOOKING, every=2)
def test_a_look_ahead_is_reported_with_the_candle_and_both_signals(kind):
    said = r"strategy mine looks ahead: BTC/USDT at 197\S+Z has signal .+ on all 12,000 candles, but .+ on the \S+ that"
    with pytest.raises(Finding, match=said + r" end at 197\S+Z \(cut [\d,]+ of 1,024\)"):
        looked(LOOKING[kind])


def test_rare_signals_that_look_ahead_are_found_at_the_first_truncation_chosen_for_them():
    with pytest.raises(Finding, match=r"\(cut 1 of 96\)"):
        looked(LOOKING["the next close beyond 5 %"], budget=96)


def test_a_look_ahead_strategy_that_remembers_earlier_calls_is_also_found():
    known = {}

    def remembering(c):
        if len(c) > len(known.get("signal", ())):
            known["signal"] = LOOKING["the next close beyond 5 %"](c)[0]
        return certain(known["signal"][: len(c)])

    with raises_code(Finding, "look_ahead"):
        looked(remembering)


def test_a_strategy_that_gives_different_signals_for_the_same_candles_is_not_deterministic():
    chance = np.random.default_rng(1)
    said = r"mine is not deterministic: called twice with the same 12,000 candles of BTC/USDT, it returns signal .+"
    with pytest.raises(Finding, match=said):
        looked(lambda c: certain(chance.integers(-1, 2, len(c))))


def rare(condition, side, move):
    """Enters and leaves where averages cross, but drops the signals of a side that later candles prove wrong."""

    def dropping(c):
        signal = np.diff((average(c.close, 20) > average(c.close, 60)).astype(int), prepend=0)
        return certain(np.where((signal == side) & condition(c, move), 0, signal))

    return dropping


def falls(c, move):
    return next_return(c) < -move


def touches_below(c, move):
    return np.append(c.low[1:], np.inf) < c.close * (1 - move)


def rises(c, move):
    return next_return(c) > move


def fall_of_hours(c, move):
    lows = np.lib.stride_tricks.sliding_window_view(np.append(c.close[1:], np.full(24, np.inf)), 24).min(1)
    return lows < c.close * (1 - move)


DROPS = {
    "entries before a fall of 1 %": rare(falls, 1, 0.01),
    "entries before a fall of 5 %": rare(falls, 1, 0.05),
    "entries before a low 5 % below": rare(touches_below, 1, 0.05),
    "exits before a rise of 1 %": rare(rises, -1, 0.01),
    "exits before a rise of 5 %": rare(rises, -1, 0.05),
    "entries before a day that falls by 10 %": rare(fall_of_hours, 1, 0.10),
}


@pytest.mark.parametrize("dropped", DROPS)
def test_a_strategy_that_only_drops_a_few_signals_by_looking_ahead_is_found(dropped):
    with pytest.raises(Finding, match=r"mine looks ahead: .* signal 0 on all 12,000 candles, but -?1 .*of 96\)"):
        looked(DROPS[dropped], walk(seed=12), budget=96)


def test_a_dropped_signal_is_found_by_a_strategy_with_a_window_too():
    def dropping(c):
        signal = sliding(c)
        return certain(np.where((signal[0] == 1) & falls(c, 0.05), 0, signal[0]))

    with raises_code(Finding, "look_ahead"):
        looked(dropping, window=60, budget=96)


def test_a_strategy_that_fails_on_altered_candles_is_not_blamed_for_it():
    known = {int(close) for close in walk().columns.close}

    def pedantic(c):
        if not known.issuperset(c.units.close.tolist()):
            raise StrategyError("no such candle was ever seen")
        return certain(crossings(c))

    assert looked(pedantic, budget=96).cuts == 96


# --- Honest strategies -----------------------------------------------------------------------------------------------


def ema(c, n=20):
    """An exponential average from the first candle on."""
    values, total = np.empty(len(c)), c.close[0]
    for i, price in enumerate(c.close.tolist()):
        total += (price - total) * 2 / (n + 1)
        values[i] = total
    return values


def running_sums(c):
    """As a strength, the distance from an average whose running sum of floats carries every rounding on."""
    mean = average(c.close * 0.1, 50)
    return np.sign(c.close * 0.1 - mean), np.abs(c.close * 0.1 - mean) / mean


def rolled(c):
    close = c.frame()["close"]
    z = ((close - close.rolling_mean(50)) / close.rolling_std(50)).fill_null(0).fill_nan(0).to_numpy()
    return np.where(z < -2, 1, np.where(z > 2, -1, 0)), np.abs(z)


def wavering_strength(c):
    """The last bits of its strength differ with the number of candles: the engine takes no notice."""
    parts = np.fft.irfft(np.fft.rfft(np.append(c.close, np.zeros(len(c)))), 2 * len(c))[: len(c)]
    return crossings(c), np.abs(parts) / 1e8


HONEST = {
    "an exponential average": lambda c: (np.sign(c.close - ema(c)), np.abs(c.close - ema(c)) / c.close),
    "running sums of floats": running_sums,
    "crossings": lambda c: certain(crossings(c)),
    "rolling deviations": rolled,
    "all volume so far": lambda c: certain(np.sign(np.cumsum(np.sign(np.diff(c.close, prepend=0)) * c.volume))),
    "lows that are known 5 candles late": lambda c: certain(np.append(np.zeros(5), swing(5)(c)[0][:-5])),
    "a strength whose last bits waver": wavering_strength,
    "no strength where there is no entry": lambda c: (
        crossings(c), np.where(crossings(c) == 1, 0.5, np.full(len(c), float(len(c))))
    ),
    "no signal at all": lambda c: certain(np.zeros(len(c))),
    "always the same": lambda c: certain(np.ones(len(c))),
}  # fmt: skip


@some_of("kind", HONEST, every=2)
def test_an_honest_strategy_passes(kind):
    assert looked(HONEST[kind], walk(4_000)).cuts == 1_024


def test_signals_before_the_warm_up_are_ignored():
    def early(c):
        signal = np.zeros(len(c))
        signal[: WARM_UP - 1] = len(c) % 2
        return certain(signal)

    assert looked(early).changes == 0


# --- Where the candles are truncated ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([900], [1_024]),
        ([39_062], [1_024]),
        ([70_811], [564]),
        ([525_600], [96]),
        ([5_256_000], [96]),
        ([525_600, 525_600], [48, 48]),
        ([525_600] * 20, [48] * 20),
        ([60_000, 20_000], [499, 166]),
        ([0, 100], [48, 1_024]),
        ([], []),
    ],
)
def test_the_number_of_truncations_per_symbol(sizes, expected):
    assert budgets(sizes) == expected


def cut_after(function, *, series=None, **more):
    """Returns the last candle of each call of the strategy, and the result of the check."""
    ranges = []
    found = looked(function, series, ranges=ranges, **more)
    size = max(end for _, end in ranges)
    assert [end for _, end in ranges].count(size) >= 2  # all candles, twice
    return sorted(end for _, end in ranges if end != size), found


def pulses(rows, size=SIZE):
    """A strategy that enters at these rows alone."""
    signal = np.zeros(size)
    signal[list(rows)] = 1
    return lambda c: certain(signal[: len(c)])


def test_few_candles_are_truncated_after_each_candle():
    ends, found = cut_after(pulses([70, 90]), series=walk(500), budget=1_024)
    assert ends == list(range(WARM_UP, 500))
    assert found == (440, 2, 2)


def test_candles_are_truncated_after_every_signal_change_if_the_limit_allows():
    rows = [*range(100, 6_000, 120), 7_000]
    ends, found = cut_after(pulses([*rows, *range(7_001, SIZE)]), budget=96)  # the last one lasts to the end
    assert {row + 1 for row in rows} <= set(ends)
    assert (found.cuts, found.changes, found.changes_cut, len(set(ends))) == (96, 51, 51, 96)


def test_of_too_many_signal_changes_the_most_profitable_are_chosen():
    series = walk()
    rows = np.arange(100, 11_900, 2)
    ends, found = cut_after(pulses(rows), budget=96)
    close = series.columns.close
    gain = close[rows + 1] / close[rows]
    day = np.array([close[row + 1 : row + 25].max() for row in rows]) / close[rows]
    assert {int(row) + 1 for row in rows[np.argsort(-gain)[:21]]} <= set(ends)
    assert {int(row) + 1 for row in rows[np.argsort(-day)[:21]]} <= set(ends)
    assert found.cuts == 96
    assert found.changes_cut < found.changes == len(rows)
    rest = {row + 1 for row in rows.tolist()} & set(ends)
    assert {(end - 100) // 2_000 for end in rest} == set(range(6))  # a third is spread over all of them


def test_remaining_truncations_are_placed_after_unchanged_signals():
    signal = np.zeros(SIZE)
    signal[6_000:8_000] = 1
    ends, found = cut_after(lambda c: certain(signal[: len(c)]), budget=96)
    assert found[1:] == (1, 1)
    assert 6_001 in ends
    assert sum(6_001 < end <= 8_000 for end in ends) >= 63


@pytest.mark.parametrize("budget", [48, 96, 564, 1_024])
def test_a_third_of_the_truncations_is_at_points_that_no_strategy_can_predict(budget):
    rows = range(WARM_UP, SIZE, 2)  # more changes than cuts, so that none is left over
    first, _ = cut_after(pulses(rows), budget=budget)
    second, _ = cut_after(pulses(rows), budget=budget, seed="b")
    third, _ = cut_after(pulses(rows), budget=budget)
    assert first == third
    drawn = set(first) - {row + 1 for row in rows}
    assert drawn != set(second) - {row + 1 for row in rows}
    assert len(set(first) - set(second)) >= budget // 3 // 2
    assert {end * 10 // SIZE for end in first} == set(range(10))


def test_no_truncation_ends_where_the_strategy_is_not_called():
    asked = np.ones(SIZE, bool)
    asked[5_000:7_000] = False
    ends, _ = cut_after(pulses(range(100, 11_900, 3)), asked=asked)
    assert [end for end in ends if 5_000 < end <= 7_000] == []


def test_no_truncation_ends_before_the_warm_up_is_over():
    ends, found = cut_after(pulses([], WARM_UP), series=walk(WARM_UP))
    assert (ends, found) == ([], (0, 0, 0))


# --- A window --------------------------------------------------------------------------------------------------------


def sliding(c, n=40):
    """Returns the mean of the last n integers, which does not depend on earlier values."""
    close = c.units.close
    signal = np.zeros(len(c))
    signal[n:] = np.sign(close[n:] - close[:-n])
    return certain(signal)


def test_a_strategy_with_a_window_is_called_with_the_last_candles_alone():
    ranges = []
    looked(sliding, window=60, ranges=ranges)
    assert {end - first for first, end in ranges if (first, end) != (0, SIZE)} == {60}


@pytest.mark.parametrize("function", [sliding, lambda c: sliding(c, 59)])
def test_a_strategy_that_depends_only_on_its_window_passes(function):
    assert looked(function, window=60).cuts == 1_024


@pytest.mark.parametrize("function", [lambda c: sliding(c, 60), lambda c: certain(np.sign(c.close - c.close[0]))])
def test_a_strategy_that_needs_more_than_its_window_is_found(function):
    with pytest.raises(Finding, match="looks ahead, or needs more than its window of 60 candles"):
        looked(function, window=60)


# --- What the engine takes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold_ppm", [0, 1, 1_000, 10_000, 999_999])
def test_entries_are_compared_by_their_confidence(threshold_ppm):
    strength = np.concatenate([[0.0, 1e308, 1e-300], np.geomspace(1e-9, 10, 400), np.arange(0, 0.002, 1e-5)])
    found = engine_values(StrategyAnswer(np.ones(len(strength), np.int8), strength), rules=rules_of(threshold_ppm))
    expected = [confidence_ppm(one, 900_000, threshold_ppm) for one in strength.tolist()]
    assert [one - 1 for one in found.tolist()] == expected


def test_the_strength_of_exits_and_of_no_signal_is_ignored():
    answer = StrategyAnswer(np.array([-1, 0, -1, 0], np.int8), np.array([0.1, 0.2, 0.3, 5.0]))
    assert engine_values(answer, rules=rules_of(1_000)).tolist() == [-1, 0, -1, 0]


# --- Slow and failing strategies -------------------------------------------------------------------------------------


def test_the_duration_of_a_slow_check_is_reported_once():
    said, seconds = [], iter([0.0, 1.0, 1.9, 4.0, 5.0, 6.0])
    notice = SlowNotice(said.append, cuts=12, clock=lambda: next(seconds))
    for _ in range(5):
        notice.step()
    assert said == ["look-ahead check: 3 of 12 cuts done, about 12 s left"]


def test_an_error_tells_whether_the_strategy_fails_on_truncated_candles_or_on_all():
    def failing(most):
        def function(c):
            if len(c) <= most:
                raise StrategyError(f"about {len(c)}")
            return certain(np.zeros(len(c)))

        return function

    with pytest.raises(StrategyError, match=r"about \d{2,4}$"):
        looked(failing(SIZE - 1))
    with pytest.raises(StrategyError, match="about 12000"):
        looked(failing(SIZE))
