"""The signals of a strategy with a fold do not depend on where recorded candles end and live ones begin (D3)."""

import sys
from typing import Any

import numpy as np
import pytest

from safla.core.candles import NO_CANDLES, Series, align
from safla.core.values import Columns, Grid
from safla.runs import backtest
from safla.runs.engine_choice import choose
from safla.runs.incremental import Live
from safla.runs.runner import Folding
from safla.runs.signal_sources import SignalSource, signal_source
from tests.paper.paper_runs import loaded

STRATEGIES = {"sma_crossover": (), "rsi": ("strategy.name=rsi", "strategy.parameters={period: 5}")}
BTC = ("symbols.primary=[BTC/USDT]", "data.synthetic.holes=0")
USUAL_CALLS, MOST_CALLS = 125, 155  # of a candle that is quiet for the engine, and of others, such as one that warms


def prepared(sets: tuple[str, ...]) -> backtest.Prepared:
    return backtest.prepare(loaded("backtest", sets))


def forms_of(case: backtest.Prepared) -> Any:
    return choose("interpreted", case.run.strategy, candles=1, say=lambda text: None)


def until(case: backtest.Prepared, ts: int) -> list[Series]:
    """The candles before a time."""
    return [
        one._replace(columns=Columns(*(column[one.columns.ts < ts] for column in one.columns))) for one in case.series
    ]


def fed(source: SignalSource, grid: Grid, edges: list[int]) -> list[list[list[float]]]:
    """The signals and strengths of a source that takes the blocks between these edges."""
    found = [
        source.feed(Grid(grid.ts[first:end], *(column[:, first:end] for column in grid[1:])))
        for first, end in zip([0, *edges], [*edges, len(grid.ts)], strict=True)
    ]
    columns = zip(*((signals.signal, signals.strength) for signals in found), strict=True)
    return [np.concatenate(parts, axis=1).tolist() for parts in columns]


@pytest.mark.parametrize("recorded", [0, 1, 7, 8, 9, 30, 150])
@pytest.mark.parametrize("name", STRATEGIES)
def test_signals_are_the_same_wherever_recorded_candles_end(name: str, recorded: int) -> None:
    case = prepared(STRATEGIES[name])
    grid = align([one.columns for one in case.series])
    assert (grid.open == 0).any(), "no symbol misses a candle"
    forms = forms_of(case)
    whole = fed(signal_source(case.run, case.series, forms=forms), grid, [])
    assert np.count_nonzero(whole[0]) > 10
    live = list(range(max(recorded, 1), len(grid.ts)))
    for edges in (live, sorted({recorded // 3, *live} - {0})):
        source = signal_source(case.run, until(case, int(grid.ts[recorded])), forms=forms)
        assert fed(source, grid, edges) == whole


def test_a_live_candle_without_an_event_takes_few_calls_of_functions() -> None:
    """Calls are counted because they do not depend on the machine; they take most of the time of a live candle."""
    case = prepared((*BTC, "journal.detail=candles"))
    forms, columns = forms_of(case), case.series[0].columns
    series = [case.series[0]._replace(columns=NO_CANDLES)]
    folding = Folding(case.run, first_ts=int(columns.ts[0]), forms=forms, timestamps=1, check_moves=True)
    live = Live(folding, signal_source(case.run, series, forms=forms))
    calls = [0]

    def count(_frame: Any, event: str, _argument: Any) -> None:
        calls[0] += event in ("call", "c_call")

    counts, before = [], sys.getprofile()
    for ts, opened, high, low, close, volume in zip(*(column.tolist() for column in columns), strict=True):
        calls[0] = 0
        sys.setprofile(count)
        try:
            lines = live.fold(ts, [(opened, high, low, close, volume)]).lines
        finally:
            sys.setprofile(before)
        if lines.count(b"\n") == 1:
            counts.append(calls[0])
    assert len(counts) > 50
    assert sorted(counts)[len(counts) // 2] <= USUAL_CALLS
    assert max(counts) <= MOST_CALLS
