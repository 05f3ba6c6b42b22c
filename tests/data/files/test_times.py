"""Opening times: units told by their size, dates with a time zone, and everything else refused."""

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.files import times
from safla.errors import DataError

MS = 1_704_067_200_000


def parsed(*cells: str) -> tuple[list[int], str]:
    ts, unit = times.parse(pl.Series(cells), lambda row: f"file: line {row + 1}")
    return ts.tolist(), unit


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("1704067200", "seconds"),
        ("1704067200000", "milliseconds"),
        ("1704067200000000", "microseconds"),
        ("2024-01-01T00:00:00Z", "ISO dates"),
        ("2024-01-01 00:00:00+00:00", "ISO dates"),
        ("2024-01-01 01:30:00.000+0130", "ISO dates"),
        ("2023-12-31T19:00:00-05:00", "ISO dates"),
        ("2024-01-01 00:00 UTC", "ISO dates"),
        ("2024-01-01T00:00:00.000000000Z", "ISO dates"),
    ],
)
def test_a_time_in_any_known_form_is_the_same_millisecond(cell: str, unit: str) -> None:
    assert parsed(cell, cell) == ([MS, MS], unit)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["2024-01-01 00:00:00"], "line 1: time '2024-01-01 00:00:00' is neither .* time zone"),
        (["2024-01-01"], "time zone"),
        (["2019-10-17 09-AM"], "time zone"),
        (["1.70027E+12"], "is neither an integer"),
        (["1704067200.0"], "is neither an integer"),
        (["2024-02-30T00:00:00Z"], "2024-02-30"),
        (["2024-01-01T25:00:00Z"], "T25"),
        (["2024-01-01T00:00:00.0005Z"], "no whole millisecond"),
        (["1704067200000001"], "no whole millisecond"),
        (["1704067200000000000"], "is neither an integer"),
        (["170406720000000000"], "in no unit from seconds to microseconds"),
        (["20240101"], "is neither an integer"),
        (["1704067200000", "1704070800"], "line 2: time 1704070800 is in seconds, the rows before in milliseconds"),
        (["1704067200000", "2024-01-01T01:00:00Z"], "line 2: time '2024-01-01T01"),
        (["2024-01-01T01:00:00Z", "1704067200000"], "line 2: time '1704067200000'"),
        (["1704067200000", ""], "line 2: time ''"),
        (["\u0661704067200000"], "is neither an integer"),
    ],
)
def test_a_time_that_would_have_to_be_guessed_is_refused_with_its_row(cells: list[str], text: str) -> None:
    with pytest.raises(DataError, match=text):
        parsed(*cells)


@given(st.integers(86_400_000, 4_000_000_000_000), st.integers(-840, 840))
def test_a_date_with_a_time_zone_is_what_the_standard_library_says(ms: int, east: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert parsed(moment.astimezone(timezone(timedelta(minutes=east))).isoformat())[0] == [ms]
