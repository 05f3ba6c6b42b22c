"""A page of candles as an exchange served it, judged row by row before anything is made of it (X4). No network here."""

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
from safla.exchange.server_time import Now
from safla.exchange.transport import Row

if TYPE_CHECKING:
    import polars as pl

PRICE_LIMIT = LIMIT // 1000  # D1, for the shortest averages; longer ones ask again when a run begins
LEAST_MS, MOST_MS = 10**12, 10**13 - 1  # 13 digits


class PageRequest(NamedTuple):
    """What a page was asked for, and what it cannot hold."""

    origin: str  # exchange, symbol and timeframe, for messages
    symbol: str
    step_ms: int
    since: int  # ms
    limit: int
    latest: int  # ms: the server's now, at most
    least: int | None = None  # ms: the same, at least; None: the same


def check_page(
    rows: list[Row], asked: PageRequest, *, sound: Callable[[Series], object] = lambda found: None,
    cut: Callable[[int], object] = lambda ts: None,
) -> Series | None:  # fmt: skip
    """The candles of a page in its order; None for an empty page.

    The last row may be of a candle that is not over (S3a). Whatever is in it, it makes no page bad: where it is sound
    it shows that the candles before it are over, else it is cut off.

    sound  raises DataError for candles that the caller cannot take
    cut    told the time of a row that was cut off: it shows as well that the candles before it are over
    DataError names the first other row that breaks X4 or S3, and its value.
    """
    if rows and _under_way(rows[-1], asked):
        try:
            return _judged(rows, asked, sound)
        except DataError:
            found = _judged(rows[:-1], asked, sound)
            cut(rows[-1][0])
            return found
    return _judged(rows, asked, sound)


def ahead(rows: list[Row], latest: int) -> int | None:
    """The first open time that is after the exchange's now, ms: the row is wrong, or what we take for its now."""
    return next((row[0] for row in rows if row and type(row[0]) is int and latest < row[0] <= MOST_MS), None)


def _under_way(row: Row, asked: PageRequest) -> bool:
    """Whether a row is of a candle that is not over by the exchange's clock."""
    now = Now(asked.latest if asked.least is None else asked.least, asked.latest)
    return bool(row) and now.within(row[0], asked.step_ms)


def _judged(rows: list[Row], asked: PageRequest, sound: Callable[[Series], object]) -> Series | None:
    if not rows:
        return None
    if len(rows) > asked.limit:
        raise DataError(f"{asked.origin}: {len(rows)} rows where {asked.limit} were asked for")
    ts = _times(rows, asked)
    at = Origin(asked.origin, "candle", ts)
    texts = _texts(rows, at=at)
    numbers = decimals.parse(texts, at.at)
    page = FileRows(at, ts, numbers, (), closed=True)
    found = assemble([page], Target(asked.symbol, asked.step_ms, None, None, PRICE_LIMIT))[0]
    sound(found)
    return found


class BadRow(NamedTuple):
    """A row of a page that is no sound candle."""

    ts: int  # ms
    why: str


def sound_rows(
    rows: list[Row],
    asked: PageRequest,
    *,
    sound: Callable[[Series], object],
    cut: Callable[[int], object] = lambda ts: None,
) -> tuple[Series | None, tuple[BadRow, ...]]:
    """The sound candles of a page and the rows that are none (S6a). DataError where its times are not those of a page.

    sound  raises DataError for candles that the caller cannot take
    cut    told the time of a last row whose candle is not over: it is not looked at (S3a)
    """
    if rows and _under_way(rows[-1], asked):
        cut(rows[-1][0])
        rows = rows[:-1]
    times = _times(rows, asked)
    good: list[Row] = []
    bad: list[BadRow] = []
    for ts, row in zip(times.tolist(), rows, strict=True):
        try:
            _judged([row], asked, sound)
        except DataError as error:
            bad.append(BadRow(ts, str(error)))
        else:
            good.append(row)
    return _judged(good, asked, sound), tuple(bad)


def upto(series: Series, end: int) -> Series:
    """The candles that open before end, ms."""
    count = int(np.searchsorted(series.columns.ts, end))
    return series._replace(columns=Columns(*(column[:count] for column in series.columns)))


def _times(rows: list[Row], asked: PageRequest) -> Int64:
    before = asked.since - 1
    for row in rows:
        ts = row[0] if row else None
        if type(ts) is not int or not LEAST_MS <= ts <= MOST_MS:
            raise DataError(f"{asked.origin}: time {ascii(ts)[:40]} is no integer of 13 digits")
        rules = (
            (ts % asked.step_ms != 0, f"is not on the grid of {asked.step_ms} ms"),
            (ts < asked.since, f"is before {asked.since}, from where it was asked"),
            (ts <= before, f"comes behind {before}; a page ascends"),
            (ts > asked.latest, f"is behind the exchange's own clock, {asked.latest}"),
        )
        broken = next((text for is_so, text in rules if is_so), None)
        if broken is not None:
            raise DataError(f"{asked.origin}: time {ts} {broken}")
        before = ts
    return np.array([row[0] for row in rows], np.int64)


def _texts(rows: list[Row], *, at: Origin) -> "pl.DataFrame":
    import polars as pl

    for number, row in enumerate(rows):
        if len(row) != len(FIELDS) or not all(type(cell) is str for cell in row[1:]):
            raise DataError(f"{at.at(number)}: {ascii(row[1:])[:100]} are not five numbers")
    columns = zip(*(row[1:] for row in rows), strict=True)
    return pl.DataFrame(
        dict(zip(FIELDS[1:], map(list, columns), strict=True)), schema=dict.fromkeys(FIELDS[1:], pl.String)
    )
