"""A figure is a number with twelve digits or a reason; sums are exact or rounded once."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.candles import BLOCK, row_blocks
from safla.metrics import metric, sums


@pytest.mark.parametrize(
    ("value", "text"), [(1 / 3, "0.333333333333"), (-0.0, "0.0"), (123456789.123456789, "123456789.123")]
)
def test_a_figure_is_written_with_twelve_significant_digits(value, text):
    assert repr(metric.significant(value)) == text


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_value_that_is_not_finite_is_undefined_with_a_reason(value):
    assert metric.finite_metric(value) == (None, "beyond what a float can hold")


def test_a_number_is_a_figure_without_a_reason():
    assert metric.finite_metric(0.0) == (0.0, None)


def test_the_reason_for_too_few_samples_says_how_many_are_needed():
    assert metric.few(7, 30, "trades").reason == "7 trades, at least 30 are needed"


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50))
def test_a_sum_of_units_is_exact_where_int64_would_overflow(values):
    assert sums.total_units(np.array(values, np.int64)) == sum(values)


def test_a_sum_over_several_blocks_is_rounded_once():
    column = np.tile(np.array([1e16, 1.0, -1e16]), BLOCK)
    assert sums.total(column) == BLOCK


@pytest.mark.parametrize("rows", [0, 1, BLOCK, BLOCK + 1])
def test_blocks_cover_every_row_exactly_once(rows):
    assert [row for part in row_blocks(rows) for row in range(part.start, part.stop)] == list(range(rows))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_mean_deviation_and_median_match_the_standard_library(values):
    column = np.array(values)
    size = max(map(abs, values)) + 1
    assert sums.mean(column) == pytest.approx(statistics.fmean(values), abs=1e-12 * size)
    assert sums.deviation(column) == pytest.approx(statistics.stdev(values), abs=1e-7 * size)
    assert sums.median(column) == pytest.approx(statistics.median(values), abs=1e-12 * size)


def test_equal_values_have_a_deviation_of_exactly_zero():
    assert sums.deviation(np.array([0.1] * 7)) == 0.0
