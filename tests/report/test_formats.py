"""Values for people: a duration is shown in the unit that fits, and singular and plural are distinguished."""

import pytest

from safla.report.formats import duration
from safla.text import counted


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 minutes"),
        (1 / 60, "1 minute"),
        (1.5 / 60, "1.5 minutes"),
        (0.75, "45 minutes"),
        (59 / 60, "59 minutes"),
        (59.94 / 60, "59.9 minutes"),
        (59.96 / 60, "1 hour"),  # rounded before the unit is chosen: never 60 minutes
        (1, "1 hour"),
        (22, "22 hours"),
        (22.25, "22.2 hours"),
        (47.4, "47.4 hours"),
        (47.94, "47.9 hours"),
        (47.96, "2 days"),
        (48, "2 days"),
        (77, "3.2 days"),
        (6098, "254.1 days"),
        (8784, "366 days"),
        (729.9 * 24, "729.9 days"),
        (2 * 8760 - 1, "2 years"),
        (2 * 8760, "2 years"),
        (68_389, "7.8 years"),
        (50_000 * 8760, "50,000 years"),
    ],
)
def test_a_duration_is_shown_in_the_unit_that_fits(hours, text):
    assert duration(hours) == text


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("trade",), "0 trades"),
        (1, ("trade",), "1 trade"),
        (2, ("trade",), "2 trades"),
        (8740, ("candle",), "8,740 candles"),
        (1, ("entry", "entries"), "1 entry"),
        (3, ("entry", "entries"), "3 entries"),
    ],
)
def test_singular_and_plural_are_distinguished(count, words, text):
    assert counted(count, words[0], plural=words[-1] if words[1:] else None) == text
