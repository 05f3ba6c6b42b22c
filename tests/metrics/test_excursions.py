"""Excursions of prices during a trade (MAE, MFE) match values computed by hand and a plain loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.values import Columns
from safla.metrics.excursions import excursions

HOUR = 3_600_000


def columns(lows, highs):
    low, high = np.array(lows, np.int64), np.array(highs, np.int64)
    ts = np.arange(len(lows), dtype=np.int64) * HOUR
    return Columns(ts, low, high, low, high, np.ones(len(lows), np.int64))


def ints(*values):
    return np.array(values, np.int64)


CANDLES = columns([90, 95, 80, 99, 70], [110, 105, 120, 130, 140])


@pytest.mark.parametrize(
    ("opened", "closed", "reference", "adverse", "favourable"),
    [
        (0, 1, 100, 0.1, 0.1),  # the candle of the entry counts whole, that of the exit by its price alone
        (0, 3, 100, 0.2, 0.2),
        (1, 3, 70, 0.3, 0.2),  # the stop lay deeper than any candle before
        (1, 3, 125, 0.2, 0.25),
        (2, 2, 95, 0.05, 0.0),  # in and out within one candle: only the exit is known
        (3, 4, 100, 0.01, 0.3),
    ],
)
def test_an_excursion_covers_the_holding_candles_and_the_exit_price(opened, closed, reference, adverse, favourable):
    found = excursions(CANDLES, ints(opened * HOUR), ints(closed * HOUR), ints(100), ints(reference))
    assert found.adverse.tolist() == [adverse]
    assert found.favourable.tolist() == [favourable]


def test_prices_always_better_than_the_entry_give_no_adverse_excursion():
    found = excursions(columns([105, 110], [115, 120]), ints(0), ints(HOUR), ints(100), ints(112))
    assert found.adverse.tolist() == [0.0]


def test_without_trades_there_are_no_excursions():
    assert excursions(CANDLES, ints(), ints(), ints(), ints()).adverse.tolist() == []


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(51, 99)), min_size=2, max_size=30), st.data())
def test_excursions_of_successive_trades_match_a_plain_loop(prices, data):
    candles = columns(*zip(*prices, strict=True))
    edges = sorted(data.draw(st.lists(st.integers(0, len(prices) - 1), min_size=2, max_size=8)))
    pairs = [(edges[i], edges[i + 1]) for i in range(0, len(edges) - 1, 2)]
    first, end = (ints(*side) for side in zip(*pairs, strict=True))
    entry, reference = np.full(len(pairs), 50), np.full(len(pairs), 52)
    found = excursions(candles, first * HOUR, end * HOUR, entry, reference)
    for place, (begin, stop) in enumerate(pairs):
        lowest = min([50, *(low for low, _ in prices[begin:stop])])
        highest = max([52, *(high for _, high in prices[begin:stop])])
        assert found.adverse[place] == (50 - lowest) / 50
        assert found.favourable[place] == (highest - 50) / 50
