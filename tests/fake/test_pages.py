"""Each fault of a page changes the rows as its name describes, and nothing else."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.fake.clients import MINUTE, START, fake, get
from tests.fake_exchange import PAGES

Rows = list[Any]
Check = Callable[[Rows, Rows], bool]  # what came, and what should have

MIDDLE = 10  # of 20 rows


def times(rows: Rows) -> list[int]:
    return [row[0] for row in rows]


def cells(**expected: Callable[[Rows], Any]) -> Check:
    """Cells of the middle row that differ, with what they are; all else is as it was."""
    places = dict(zip(("ts", "open", "high", "low", "close", "volume"), range(6), strict=True))

    def check(rows: Rows, good: Rows) -> bool:
        wanted = list(good[MIDDLE])
        for name, value in expected.items():
            wanted[places[name]] = value(good[MIDDLE])
        return rows == [*good[:MIDDLE], wanted, *good[MIDDLE + 1 :]]

    return check


def number(row: Rows, place: int) -> Decimal:
    return Decimal(row[place])


IN_THE_ROWS: dict[str, Check] = {
    "duplicates": lambda rows, good: times(rows) == sorted([*times(good), *times(good)[10:13]]),
    "conflicting_duplicate": lambda rows, good: (
        rows[10] == good[10] and rows[11][0] == good[10][0] and rows[11][4] != good[10][4] and rows[12:] == good[11:]
    ),
    "out_of_order": lambda rows, good: rows != good and sorted(rows) == good and rows[::-1] != good,
    "descending": lambda rows, good: rows == good[::-1],
    "missing": lambda rows, good: rows == good[:9] + good[10:],
    "short_page": lambda rows, good: rows == good[:10],
    "empty_page": lambda rows, good: rows == [],
    "null_fields": cells(open=lambda row: None, close=lambda row: None),
    "null_row": lambda rows, good: rows == [*good[:10], None, *good[11:]],
    "nan_strings": cells(high=lambda row: "NaN", volume=lambda row: "NaN"),
    "infinite": cells(high=lambda row: "Infinity"),
    "text_price": cells(close=lambda row: "n/a"),
    "empty_string": cells(close=lambda row: ""),
    "negative_price": cells(
        open=lambda row: f"-{row[1]}",
        high=lambda row: f"-{row[3]}",
        low=lambda row: f"-{row[2]}",
        close=lambda row: f"-{row[4]}",
    ),
    "zero_price": cells(**dict.fromkeys(("open", "high", "low", "close"), lambda row: "0.00000000")),
    "zero_volume": cells(volume=lambda row: "0.00000000"),
    "negative_volume": cells(volume=lambda row: "-1.00000000"),
    "high_below_low": cells(high=lambda row: row[3], low=lambda row: row[2]),
    "close_outside_range": lambda rows, good: number(rows[10], 4) > number(rows[10], 2) == number(good[10], 2),
    "spike": lambda rows, good: (
        [number(rows[10], place) for place in (2, 4)] == [10 * number(good[10], place) for place in (2, 4)]
    ),
    "huge_number": cells(close=lambda row: "1e400"),
    "off_grid_timestamp": cells(ts=lambda row: row[0] + 1_234),
    "future_candle": lambda rows, good: rows[:-1] == good[:-1] and rows[-1][0] == START + (50 + 10) * MINUTE,
    "microseconds": lambda rows, good: times(rows) == [ts * 1000 for ts in times(good)],
    "string_timestamps": lambda rows, good: times(rows) == [str(ts) for ts in times(good)],
    "short_rows": lambda rows, good: rows == [row[:4] for row in good],
    "extra_columns": lambda rows, good: {len(row) for row in rows} == {13} and [row[:12] for row in rows] == good,
}


def test_all_27_faults_of_a_page_are_covered():
    assert IN_THE_ROWS.keys() == PAGES.keys()
    assert len(PAGES) == 27


@pytest.mark.parametrize("name", IN_THE_ROWS)
def test_the_rows_of_a_fault_match_its_name_and_the_next_page_is_good(name: str):
    async def scene() -> None:
        async with fake() as server:
            good = (await get(server)).json
            order = server.break_(name)
            rows = (await get(server)).json
            assert IN_THE_ROWS[name](rows, good)
            assert (order.hits, server.requests[1].faults, server.requests[1].status) == (1, [name], 200)
            assert (await get(server)).json == good

    asyncio.run(scene())


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_leaves_every_fault_for_the_next_page(name: str):
    async def scene() -> None:
        async with fake() as server:
            order = server.break_(name)
            assert (await get(server, startTime=START + 60 * MINUTE)).json == []
            assert (order.hits, server.requests[0].faults) == (0, [])
            await get(server)
            assert order.over

    asyncio.run(scene())


def test_a_fault_can_be_placed_at_a_given_row():
    async def scene() -> None:
        async with fake() as server:
            good = (await get(server)).json
            server.break_("text_price", at=3)
            server.break_("null_row", at=-1)
            both = (await get(server)).json
            assert (both[3][4], both[19]) == ("n/a", None)
            assert (both[:3], both[4:19]) == (good[:3], good[4:19])
            server.break_("null_row", at=-1)
            assert (await get(server)).json == [*good[:-1], None]
            server.break_("missing", count=4)
            assert (await get(server)).json == good[:8] + good[12:]

    asyncio.run(scene())


def test_a_broken_response_leaves_the_fault_of_the_page_for_the_next_one():
    async def scene() -> None:
        async with fake() as server:
            server.break_("descending")
            server.break_("500")
            assert (await get(server)).status == 500
            rows = (await get(server)).json
            assert rows[0][0] > rows[-1][0]

    asyncio.run(scene())
