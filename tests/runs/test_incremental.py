"""A strategy that is called as candles arrive, over all candles so far or its window, decides as in a backtest."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.journal.encode import Input
from safla.journal.events import Halted, OrderPlaced, SignalEvent
from safla.paper.session import session_at
from safla.runs import signal_sources
from tests.paper.paper_runs import backtest_journal, check_any_cut, journal, run_paper
from tests.scale import some_of
from tests.small_runs import events, given, holds

MINE = ("strategy.name=mine", "strategy.entry_threshold_pct=0.01", "strategy.parameters={period: 8, share: 0.25}")
BTC = (*MINE, "symbols.primary=[BTC/USDT]", "data.synthetic.holes=0")
FIRST = 1_704_067_200_000
HOUR = 3_600_000


def exponential(candles: Any, parameters: Any) -> Any:
    """An exponential average of all closes since the first: no window gives it."""
    averages, total = np.empty(len(candles)), float(candles.close[0])
    for i, price in enumerate(candles.close.tolist()):
        total += (price - total) * parameters["share"]
        averages[i] = total
    above = candles.close > averages
    return np.diff(above.astype(np.int8), prepend=above[:1]), np.abs(candles.close - averages) / averages


def running_sum(candles: Any, parameters: Any) -> Any:
    """The mean of the last closes, by a running sum of floats."""
    n, sums = parameters["period"], np.cumsum(candles.close * 0.1)
    mean = candles.close * 0.1
    mean[n:] = (sums[n:] - sums[:-n]) / n
    return np.sign(candles.close * 0.1 - mean).astype(np.int8), np.abs(candles.close * 0.1 - mean) / mean


def sliding(candles: Any, parameters: Any) -> Any:
    """Which way the close has gone since some candles before."""
    n, signal = parameters["period"], np.zeros(len(candles), np.int8)
    signal[n:] = np.sign(candles.units.close[n:] - candles.units.close[:-n])
    return signal, np.abs(signal) * 0.004


def sliding_window(candles: Any, parameters: Any) -> Any:
    return sliding(candles, parameters)


def round_prices(candles: Any, _parameters: Any) -> Any:
    """Crossings of whole hundreds of the quote currency, which depend on the decimals of a price."""
    hundreds = np.floor(candles.close / 100)
    return np.sign(np.diff(hundreds, prepend=hundreds[:1])).astype(np.int8), np.full(len(candles), 0.004)


for _function in (exponential, running_sum, sliding, sliding_window, round_prices):
    _function.warm_up = 10  # type: ignore[attr-defined]
sliding_window.window = lambda parameters: parameters["period"] + 2  # type: ignore[attr-defined]

FUNCTIONS = {one.__name__: one for one in (exponential, running_sum, sliding, sliding_window, round_prices)}


@pytest.mark.parametrize("sets", [MINE, BTC])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_paper_run_of_a_python_strategy_equals_the_backtest_of_its_candles(tmp_path: Path, name: str, sets: Any):
    more = given(FUNCTIONS[name])
    run_paper(tmp_path / "paper", sets, **more)
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", sets, **more)
    assert len(events(tmp_path / "paper", SignalEvent)) > 20
    assert len(events(tmp_path / "paper", OrderPlaced)) > 5
    assert holds(tmp_path / "paper", more["register"])


@some_of("name", FUNCTIONS, keep=("exponential", "sliding_window"))
def test_a_run_interrupted_anywhere_ends_in_the_same_bytes(tmp_path: Path, name: str, chance: Any):
    check_any_cut(tmp_path, MINE, chance, **given(FUNCTIONS[name]))


def lengths_of(function: Any, folder: Path) -> tuple[list[int], Any]:
    """Returns the number of candles of each call of the strategy in a paper run of one symbol."""
    lengths: list[int] = []

    def noting(candles: Any, parameters: Any) -> Any:
        lengths.append(len(candles))
        return function(candles, parameters)

    noting.warm_up = function.warm_up  # type: ignore[attr-defined]
    noting.window = getattr(function, "window", None)  # type: ignore[attr-defined]
    more = given(noting)
    run_paper(folder, BTC, **more)
    return lengths, more


def test_a_strategy_is_called_with_all_candles_so_far_and_not_before_its_warm_up(tmp_path: Path):
    lengths, _ = lengths_of(exponential, tmp_path)
    assert lengths == list(range(10, 10 + len(lengths)))
    assert len(lengths) > 140


def test_a_strategy_with_a_window_is_called_with_its_window_alone(tmp_path: Path):
    lengths, _ = lengths_of(sliding_window, tmp_path)
    assert set(lengths) == {10}


def test_recovery_calls_the_strategy_once_for_all_recorded_candles(tmp_path: Path):
    lengths, more = lengths_of(exponential, tmp_path)
    full = journal(tmp_path)
    half = full.index(b"\n", len(full) // 2) + 1
    (tmp_path / "journal.jsonl").write_bytes(full[:half])
    (tmp_path / "head").unlink()
    recorded = full[:half].count(b'"type":"candle"') - 1  # the last timestamp is folded once more
    lengths.clear()
    run_paper(tmp_path, BTC, **more)
    assert journal(tmp_path) == full
    assert lengths == list(range(recorded, recorded + len(lengths)))


def repainting(at: int) -> Any:
    """A strategy that is honest until a certain candle, and then signals an entry at an older candle."""

    def function(candles: Any, parameters: Any) -> Any:
        signal, strength = sliding(candles, parameters)
        signal[signal == 1] = 0
        if int(candles.ts[-1]) >= at:
            signal[40] = 1
        return signal, strength

    function.warm_up = 10  # type: ignore[attr-defined]
    return function


def test_a_retracted_signal_halts_the_account_and_names_the_candle(tmp_path: Path):
    more = given(repainting(FIRST + 90 * HOUR))
    run_paper(tmp_path, BTC, **more)
    (halted,) = [one for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert halted.ts == FIRST + 90 * HOUR
    assert halted.note == "mine looks ahead: it changed its signal of BTC/USDT at 2024-01-02T19:00Z"  # its 41st candle
    assert holds(tmp_path, more["register"])


def test_after_a_resume_a_strategy_that_still_repaints_halts_again(tmp_path: Path):
    more = given(repainting(FIRST + 90 * HOUR))
    run_paper(tmp_path, BTC, **more)
    full = journal(tmp_path)
    lines = full.splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if f'"ts":{FIRST + 100 * HOUR}'.encode() in line)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[:place]))
    (tmp_path / "head").unlink()
    with session_at(tmp_path, say=lambda text: None, register=more["register"]) as (held, _):
        assert held.resume(None, Input("looked at", FIRST + 100 * HOUR, "1-a")) == 1
    run_paper(tmp_path, BTC, **more)
    halted = [one for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert [one.ts for one in halted] == [FIRST + 90 * HOUR, FIRST + 100 * HOUR]
    assert holds(tmp_path, more["register"])


def test_above_the_candle_limit_past_signals_are_not_rechecked_and_a_note_names_the_solution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(signal_sources, "MOST_CANDLES", 50)
    more = given(exponential)
    run_paper(tmp_path / "all", BTC, **more)
    (halted,) = [one for one in events(tmp_path / "all", Halted) if one.rule == "strategy_error"]
    assert halted.note == "mine is not asked about more than 50 candles; give it a window"
    assert halted.ts == FIRST + (3 + 50) * HOUR  # the 51st
    assert holds(tmp_path / "all", more["register"])
    run_paper(tmp_path / "window", BTC, **given(sliding_window))
    assert [one for one in events(tmp_path / "window", Halted) if one.rule == "strategy_error"] == []
