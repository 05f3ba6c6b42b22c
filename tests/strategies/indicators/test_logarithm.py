"""The one logarithm, made of + - * / alone (V21)."""

import math

import numpy as np

from safla.strategies.indicators.choppiness import log10


def test_the_logarithm_differs_from_that_of_the_machine_by_less_than_its_last_digits() -> None:
    chance = np.random.default_rng(1)
    values = [*10 ** chance.uniform(-300, 300, 5_000), *chance.uniform(0.5, 2, 5_000), *chance.uniform(1, 5_000, 5_000)]
    worst = max(abs(log10(float(x)) - math.log10(x)) / max(1, abs(math.log10(x))) for x in values)
    assert worst < 1e-14


def test_the_logarithm_of_one_is_nothing_and_that_of_a_power_of_ten_its_exponent() -> None:
    assert log10(1.0) == 0
    assert all(abs(log10(10.0**power) - power) <= 1e-14 * abs(power) for power in range(-300, 300, 7))
