"""Checks of a page of candles: every row is checked before anything is made of it (X4). No network here."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from safla.candles import decimals
from safla.candles.normalise import FIELDS, FileRows, Target, assemble
from safla.candles.validation import Origin
from safla.core.candles import Series
from safla.core.scale import LIMIT
from safla.core.values import Columns, Int64
from safla.errors import DataError
from safla.exchange.server_time import ServerNow
from safla.exchange.transport import Row

if TYPE_CHECKING:
    import polars as pl

PRICE_LIMIT = LIMIT // 1000  # D1, for short averages; a run with longer ones checks again at its start
LEAST_MS, MOST_MS = 10**12, 10**13 - 1  # 13 digits


class PageRequest(NamedTuple):
    """The request for a page, and the exchange's time, which bounds the candles that the page can have."""

    origin: str  # exchange, symbol and timeframe, for messages
    symbol: str
    step_ms: int
    since: int  # ms
    limit: int
    latest: int  # ms: the server's time at most
    least: int | None = None  # ms: the server's time at least; None: equal to latest


def check_page(
    rows: list[Row], asked: PageRequest, *, sound: Callable[[Series], object] = lambda series: None,
    cut: Callable[[int], object] = lambda ts: None,
) -> Series | None:  # fmt: skip
    """Return the candles of a page in its order; None for an empty page.

    The last row may be of an unfinished candle (S3a). It never makes the page bad: a sound one is returned with the
    others, another is left out. Either way it proves that the candles before it have closed.

    sound  raises DataError for candles that the caller cannot take
    cut    called with the time of a last row that was left out
    Raises DataError, which names the first other row that breaks X4 or S3, and its value.
    """
    if rows and _is_unfinished(rows[-1], asked):
        try:
            return _check_rows(rows, asked, sound)
        except DataError:
            series = _check_rows(rows[:-1], asked, sound)  # raises if another row is bad
            cut(rows[-1][0])
            return series
    return _check_rows(rows, asked, sound)


def ahead(rows: list[Row], latest: int) -> int | None:
    """Return the first open time after the exchange's time, ms: either the row is wrong, or our idea of that time."""
    return next((row[0] for row in rows if row and type(row[0]) is int and latest < row[0] <= MOST_MS), None)


def _is_unfinished(row: Row, asked: PageRequest) -> bool:
    """Whether a row is of a candle that has not closed by the exchange's clock."""
    now = ServerNow(asked.latest if asked.least is None else asked.least, asked.latest)
    return bool(row) and now.within(row[0], asked.step_ms)


def _check_rows(rows: list[Row], asked: PageRequest, sound: Callable[[Series], object]) -> Series | None:
    """Make candles of rows; None of no rows. DataError for the first bad row."""
    if not rows:
        return None
    if len(rows) > asked.limit:
        raise DataError(f"{asked.origin}: expected {asked.limit} rows at most, got {len(rows)}", code="bad_page")
    ts = _times(rows, asked)
    at = Origin(asked.origin, "candle", ts)
    texts = _texts(rows, at=at)
    numbers = decimals.parse(texts, at.at)
    page = FileRows(at, ts, numbers, (), closed=True)
    series = assemble([page], Target(asked.symbol, asked.step_ms, None, None, PRICE_LIMIT))[0]
    sound(series)
    return series


class BadRow(NamedTuple):
    """A row of a page that is not a valid candle."""

    ts: int  # ms
    why: str


def sound_rows(
    rows: list[Row],
    asked: PageRequest,
    *,
    sound: Callable[[Series], object],
    cut: Callable[[int], object] = lambda ts: None,
) -> tuple[Series | None, tuple[BadRow, ...]]:
    """Return the valid candles of a page and its bad rows (S6a). DataError if its times are wrong.

    sound  raises DataError for candles that the caller cannot take
    cut    called with the time of a last row whose candle is unfinished: it is left out unchecked (S3a)
    """
    if rows and _is_unfinished(rows[-1], asked):
        cut(rows[-1][0])
        rows = rows[:-1]
    times = _times(rows, asked)
    good: list[Row] = []
    bad: list[BadRow] = []
    for ts, row in zip(times.tolist(), rows, strict=True):
        try:
            _check_rows([row], asked, sound)
        except DataError as error:
            bad.append(BadRow(ts, str(error)))
        else:
            good.append(row)
    return _check_rows(good, asked, sound), tuple(bad)


def upto(series: Series, end: int) -> Series:
    """Return the candles that open before `end`, ms."""
    count = int(np.searchsorted(series.columns.ts, end))
    return series._replace(columns=Columns(*(column[:count] for column in series.columns)))


def _times(rows: list[Row], asked: PageRequest) -> Int64:
    """Return the open times of rows. DataError for the first time that cannot be right."""
    before = asked.since - 1
    for row in rows:
        ts = row[0] if row else None
        if type(ts) is not int or not LEAST_MS <= ts <= MOST_MS:
            raise DataError(f"{asked.origin}: time {ascii(ts)[:40]} is not an integer of 13 digits", code="bad_page")
        rules = (
            (ts % asked.step_ms != 0, f"is not on the grid of {asked.step_ms} ms"),
            (ts < asked.since, f"is before the requested start, {asked.since}"),
            (ts <= before, f"comes after {before}; the times of a page must ascend"),
            (ts > asked.latest, f"is in the future: the exchange's clock says {asked.latest}"),
        )
        broken = next((text for breaks, text in rules if breaks), None)
        if broken is not None:
            raise DataError(f"{asked.origin}: time {ts} {broken}", code="bad_page")
        before = ts
    return np.array([row[0] for row in rows], np.int64)


def _texts(rows: list[Row], *, at: Origin) -> "pl.DataFrame":
    import polars as pl

    for number, row in enumerate(rows):
        if len(row) != len(FIELDS) or not all(type(cell) is str for cell in row[1:]):
            raise DataError(f"{at.at(number)}: {ascii(row[1:])[:100]} are not five numbers", code="bad_page")
    columns = zip(*(row[1:] for row in rows), strict=True)
    return pl.DataFrame(
        dict(zip(FIELDS[1:], map(list, columns), strict=True)), schema=dict.fromkeys(FIELDS[1:], pl.String)
    )
