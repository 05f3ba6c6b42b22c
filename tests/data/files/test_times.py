"""Opening times: units are recognised by their size, dates need a time zone, and everything else is rejected."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.files import times
from safla.errors import DataError
from tests.errors import raises_code

MS = 1_704_067_200_000


def where(row: int) -> str:
    return f"file: line {row + 1}"


def parsed(*cells: str, zone: str | None = None) -> tuple[list[int], str | None]:
    found = times.parse(pl.Series(cells), where, zone=zone)
    return found.ms.tolist(), times.note(found.kinds, np.arange(1, len(cells) + 1), word="line", zone=zone)


@pytest.mark.parametrize(
    ("cell", "unit"),
    [
        ("1704067200", "seconds"),
        ("1704067200000", None),
        ("1704067200000000", "microseconds"),
        ("1704067200000000000", "nanoseconds"),
        ("1704067200.0", "seconds"),
        ("1704067200000.", None),
        ("1704067200000.000000", None),
        ("1.704067200000000000e+12", None),
        ("1.7040672000E9", "seconds"),
        (" 1704067200000", None),
        ("2024-01-01T00:00:00Z", "ISO dates"),
        ("2024-01-01 00:00:00+00:00", "ISO dates"),
        ("2024-01-01 01:30:00.000+0130", "ISO dates"),
        ("2024-01-01 05:30:00+05:30", "ISO dates"),
        ("2023-12-31T19:00:00-05:00", "ISO dates"),
        ("2024-01-01 00:00:00+00", "ISO dates"),
        ("2024-01-01 00:00 UTC", "ISO dates"),
        ("2024-01-01T00:00:00.000000000Z", "ISO dates"),
        ("2024/01/01 00:00Z", "ISO dates"),
        ("20240101T000000Z", "ISO dates"),
    ],
)
def test_a_time_in_any_supported_form_gives_the_same_millisecond(cell: str, unit: str | None) -> None:
    assert parsed(cell, cell) == ([MS, MS], unit and f"times are {unit}")
    assert parsed("1704067200000", cell, "1704067200000")[0] == [MS, MS, MS]


@pytest.mark.parametrize(
    "cell",
    ["2024-01-01", "2024.01.01", "2024/1/1", "20240101", "2024-01-01 00:00", "2024.01.01 00:00", "2024/01/01 0:00:00",
     "20240101 000000", "2024-01-01T00:00:00", "2024-01-01 00:00:00.000"],
)  # fmt: skip
def test_a_date_without_a_time_zone_uses_the_configured_zone_or_is_rejected(cell: str) -> None:
    assert parsed(cell, zone="UTC") == ([MS], "times are dates of UTC (data.time_zone)")
    assert parsed(cell, zone="Asia/Kolkata")[0] == [MS - 19_800_000]
    with pytest.raises(DataError, match=r"line 1: time '.*' has no time zone; data\.time_zone .*--time-zone"):
        parsed(cell)


def test_a_configured_zone_does_not_change_dates_with_their_own_zone() -> None:
    assert parsed("2024-01-01T00:00:00Z", "1704067200000", "2024-01-01", zone="Europe/Berlin")[0] == [
        MS,
        MS,
        MS - 3_600_000,
    ]


@pytest.mark.parametrize(
    ("cell", "what"),
    [
        ("2024-10-27 02:30:00", "occurs twice in Europe/Berlin"),
        ("2024-03-31 02:30:00", "does not exist in Europe/Berlin"),
    ],
)
def test_a_local_time_repeated_or_skipped_by_daylight_saving_is_rejected(cell: str, what: str) -> None:
    with pytest.raises(DataError, match=rf"line 2: time {cell} {what}, .*write the offset .* or UTC"):
        parsed("2024-01-01 00:00:00", cell, zone="Europe/Berlin")


def test_units_are_recognised_row_by_row_and_a_note_names_the_row_of_a_change() -> None:
    seconds, ms, us = "1704067200", "1704067200000", "1704067200000000"
    said = "times are seconds in lines 1 to 2, milliseconds in line 3, microseconds from line 4"
    assert parsed(seconds, seconds, ms, us) == ([MS] * 4, said)
    said = "times are seconds (3) and milliseconds (3), mixed; the first change is in line 2"
    assert parsed(*[seconds, ms] * 3) == ([MS] * 6, said)
    said = "times are milliseconds in line 1, ISO dates from line 2"
    assert parsed(ms, "2024-01-01T00:00Z") == ([MS, MS], said)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["2019-10-17 09-AM"], "is neither an integer since 1970 nor a date such as"),
        (["31.01.2024 00:00"], "may begin with a day or a month; write the year first"),
        (["01/02/2024"], "may begin with a day or a month"),
        (["1.70027E+12"], "is rounded, so its last digits are lost"),
        (["1.7e99"], "is rounded"),
        (["1704067200.5"], "is no integer since 1970"),
        (["2024-02-30T00:00:00Z"], "2024-02-30"),
        (["2024-01-01T25:00:00Z"], "T25"),
        (["2024-01-01T00:00:00.0005Z"], "not a whole number of milliseconds"),
        (["1704067200000001"], "not a whole number of milliseconds"),
        (["1704067200000000001"], "not a whole number of milliseconds"),
        (["9999999999999999999"], "in no unit from seconds to nanoseconds"),
        (["17040672000000000000"], "is neither an integer"),
        (["1704067"], "is neither an integer"),
        (["1704067200000", ""], "line 2: time ''"),
        (["\u0661704067200000"], "is neither an integer"),
        (["1704067200000\u202e"], "is neither an integer"),
        (["NaN"], "is neither an integer"),
    ],
)
def test_an_ambiguous_time_is_rejected_with_its_row(cells: list[str], text: str) -> None:
    with pytest.raises(DataError, match=text) as refused:
        parsed(*cells, zone="UTC")
    assert str(refused.value).isprintable()


def test_floats_are_accepted_as_times_if_they_are_integers() -> None:
    assert times.from_floats(np.array([1704067200.0, 1704067200000.0]), where).ms.tolist() == [MS, MS]
    for strange in (1704067200.5, float("nan"), float("inf"), 1e300):
        with raises_code(DataError, "invalid_time", match="line 1: "):
            times.from_floats(np.array([strange]), where)


@given(st.integers(86_400_000, 4_000_000_000_000), st.integers(-840, 840))
def test_a_date_with_a_time_zone_matches_the_standard_library(ms: int, east: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    assert parsed(moment.astimezone(timezone(timedelta(minutes=east))).isoformat())[0] == [ms]
