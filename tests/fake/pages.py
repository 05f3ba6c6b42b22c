"""What can become of a page of candles: a table of faults, each a function of its rows. Nothing is sent here."""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from tests.fake.candles import Cells

OPEN_TIME, OPEN, HIGH, LOW, CLOSE, VOLUME, CLOSE_TIME = range(7)
PRICES = (OPEN, HIGH, LOW, CLOSE)

Rows = list[Any]  # of cells; what a fault makes of them may be anything
Fault = Callable[..., Rows]  # rows and where they stand; a page that comes back as it was is too short for the fault


class Grid(NamedTuple):
    """Where rows stand, ms."""

    step: int
    now: int


def _in_the_middle(**made: Callable[[Cells], Any]) -> Callable[..., Rows]:
    """A fault of single cells: name of a cell -> its value, from the cells of the row in the middle, or at `at`."""

    def fault(rows: Rows, grid: Grid, *, at: int | None = None) -> Rows:
        if not rows:
            return rows
        number = _number(rows, at)
        cells = list(rows[number])
        for name, value in made.items():
            cells[globals()[name.upper()]] = value(rows[number])
        return [*rows[:number], cells, *rows[number + 1 :]]

    return fault


def duplicates(rows: Rows, grid: Grid, *, count: int = 3) -> Rows:
    """Some rows twice, each behind itself."""
    first = len(rows) // 2
    return [one for number, row in enumerate(rows) for one in [row] * (1 + (first <= number < first + count))]


def conflicting_duplicate(rows: Rows, grid: Grid, *, at: int | None = None) -> Rows:
    """One opening time, two closes: a row comes again, and closed at its low or, where it did, at its high."""
    if not rows:
        return rows
    number = _number(rows, at)
    cells = list(rows[number])
    cells[CLOSE] = cells[LOW] if cells[CLOSE] != cells[LOW] else _shifted(cells[HIGH], 1)
    return [*rows[: number + 1], cells, *rows[number + 1 :]]


def out_of_order(rows: Rows, grid: Grid, *, seed: int = 7) -> Rows:
    """Shuffled."""
    shuffled = Random(seed).sample(rows, len(rows))
    return shuffled if shuffled != rows else rows[::-1]


def descending(rows: Rows, grid: Grid) -> Rows:
    """Newest first."""
    return rows[::-1]


def missing(rows: Rows, grid: Grid, *, count: int = 1) -> Rows:
    """A gap in the middle."""
    first = (len(rows) - count) // 2
    return rows if first < 1 else rows[:first] + rows[first + count :]


def short_page(rows: Rows, grid: Grid) -> Rows:
    """Fewer rows than exist: half."""
    return rows[: (len(rows) + 1) // 2]


def empty_page(rows: Rows, grid: Grid) -> Rows:
    """No rows."""
    return []


def null_row(rows: Rows, grid: Grid, *, at: int | None = None) -> Rows:
    """A row that is null."""
    if not rows:
        return rows
    number = _number(rows, at)
    return [*rows[:number], None, *rows[number + 1 :]]


def future_candle(rows: Rows, grid: Grid, *, steps: int = 10) -> Rows:
    """The last candle stands so many steps ahead of now."""
    if not rows:
        return rows
    ahead = list(rows[-1])
    way = ((grid.now - ahead[OPEN_TIME]) // grid.step + steps) * grid.step
    ahead[OPEN_TIME] += way
    ahead[CLOSE_TIME] += way
    return [*rows[:-1], ahead]


def microseconds(rows: Rows, grid: Grid) -> Rows:
    """All times x 1000."""
    return [_with(row, {place: row[place] * 1000 for place in (OPEN_TIME, CLOSE_TIME)}) for row in rows]


def string_timestamps(rows: Rows, grid: Grid) -> Rows:
    """All times as text."""
    return [_with(row, {place: str(row[place]) for place in (OPEN_TIME, CLOSE_TIME)}) for row in rows]


def short_rows(rows: Rows, grid: Grid) -> Rows:
    """4 columns."""
    return [row[:4] for row in rows]


def extra_columns(rows: Rows, grid: Grid) -> Rows:
    """13 columns."""
    return [[*row, "0"] for row in rows]


PAGES: dict[str, Fault] = {
    "duplicates": duplicates,
    "conflicting_duplicate": conflicting_duplicate,
    "out_of_order": out_of_order,
    "descending": descending,
    "missing": missing,
    "short_page": short_page,
    "empty_page": empty_page,
    "null_fields": _in_the_middle(open=lambda cells: None, close=lambda cells: None),
    "null_row": null_row,
    "nan_strings": _in_the_middle(high=lambda cells: "NaN", volume=lambda cells: "NaN"),
    "infinite": _in_the_middle(high=lambda cells: "Infinity"),
    "text_price": _in_the_middle(close=lambda cells: "n/a"),
    "empty_string": _in_the_middle(close=lambda cells: ""),
    "negative_price": _in_the_middle(
        open=lambda cells: f"-{cells[OPEN]}",
        high=lambda cells: f"-{cells[LOW]}",
        low=lambda cells: f"-{cells[HIGH]}",
        close=lambda cells: f"-{cells[CLOSE]}",
    ),
    "zero_price": _in_the_middle(**dict.fromkeys(("open", "high", "low", "close"), lambda cells: "0.00000000")),
    "zero_volume": _in_the_middle(volume=lambda cells: "0.00000000"),
    "negative_volume": _in_the_middle(volume=lambda cells: "-1.00000000"),
    "high_below_low": _in_the_middle(high=lambda cells: cells[LOW], low=lambda cells: cells[HIGH]),
    "close_outside_range": _in_the_middle(close=lambda cells: _shifted(cells[HIGH], 1)),
    "spike": _in_the_middle(high=lambda cells: _ten_times(cells[HIGH]), close=lambda cells: _ten_times(cells[CLOSE])),
    "huge_number": _in_the_middle(close=lambda cells: "1e400"),
    "off_grid_timestamp": _in_the_middle(open_time=lambda cells: cells[OPEN_TIME] + 1_234),
    "future_candle": future_candle,
    "microseconds": microseconds,
    "string_timestamps": string_timestamps,
    "short_rows": short_rows,
    "extra_columns": extra_columns,
}


def _number(rows: Rows, at: int | None) -> int:
    return len(rows) // 2 if at is None else range(len(rows))[min(at, len(rows) - 1)]


def _with(cells: Any, changed: dict[int, Any]) -> Cells:
    return [changed.get(place, cell) for place, cell in enumerate(cells)]


def _shifted(text: str, whole: int) -> str:
    before, _, part = text.partition(".")
    return f"{int(before) + whole}.{part}"


def _ten_times(text: str) -> str:
    before, _, part = text.partition(".")
    return f"{before}{part[:1]}.{part[1:]}0"
