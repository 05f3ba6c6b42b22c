"""Rows that are not valid candles: finding them, and leaving them out. No file is opened here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import numpy as np

from safla.core.values import Int64, Mask
from safla.errors import DataError

if TYPE_CHECKING:
    import polars as pl

Handling = Literal["refuse", "drop"]

NOTHING = ("", "nan", "null", "none", "na", "n/a", "-")  # how programs write a missing value
VALUES = ("open", "high", "low", "close", "volume")
MOST_SHOWN = 5  # reasons that are shown for one file
FEW = 10  # fewer than one row in 10 counts as few

Read = TypeVar("Read")


class BadRows(DataError):
    """Rows that are not valid. The message names the first; `rows` are the indexes of all rows with that fault."""

    def __init__(self, text: str, rows: Sequence[int] | Int64, *, code: str, of: int = 0) -> None:
        """of: how many rows there are in all; 0: not known."""
        super().__init__(text, code=code)
        self.rows = np.asarray(rows, np.int64)
        self.few = len(self.rows) * FEW < of  # so few that leaving them out is an option


@contextmanager
def hinted(option: str) -> Iterator[None]:
    """Where only a few rows are bad, add to the error which option leaves them out."""
    try:
        yield
    except BadRows as error:
        if not error.few:
            raise
        raise DataError(f"{error}; {option} leaves such rows out", code=error.code) from error


class DroppedRows(NamedTuple):
    """How many rows of a file were left out, and why."""

    without_trade: int  # rows without any price: nothing was traded in that candle
    bad: int  # rows that are not valid (data.bad_rows: drop)
    reasons: tuple[str, ...]  # for each fault its first bad row, with file and line
    first: int | None = None  # the number of the first row without a trade


NOTHING_LEFT = DroppedRows(0, 0, ())


def sound(
    frame: "pl.DataFrame", numbers: Int64, *, read: Callable[["pl.DataFrame", Int64], Read], bad: Handling
) -> tuple[Read, Int64, DroppedRows]:
    """Read the rows, without those that hold no trade and, if `bad` is drop, without the bad ones.

    numbers  the numbers of the rows in their file
    read     the reader; it raises BadRows for rows that it cannot read, and is called again without them
    """
    left: DroppedRows | None = None  # None: rows without a trade were not searched for yet
    while True:
        try:
            return read(frame, numbers), numbers, left or NOTHING_LEFT
        except BadRows as error:
            kept, left = _kept(frame, numbers, error, left=left, bad=bad)
        frame, numbers = _rows(frame, kept), numbers[kept]


def _kept(
    frame: "pl.DataFrame", numbers: Int64, error: BadRows, *, left: DroppedRows | None, bad: Handling
) -> tuple[Mask, DroppedRows]:
    """Which rows stay after an error, and what was left out so far. Raises the error if its rows may not be dropped."""
    if left is None:
        blank = _without_trade(frame)
        if blank.any():
            return ~blank, DroppedRows(int(np.count_nonzero(blank)), 0, (), int(numbers[blank][0]))
    if bad == "refuse":
        raise error
    kept = np.ones(frame.height, bool)
    kept[error.rows] = False
    before = left or NOTHING_LEFT
    return kept, before._replace(bad=before.bad + len(error.rows), reasons=(*before.reasons, str(error)))


def sum_dropped(parts: Sequence[DroppedRows]) -> DroppedRows:
    """What was left out of all parts of a file together."""
    reasons = [reason for part in parts for reason in part.reasons]
    first = next((part.first for part in parts if part.first is not None), None)
    return DroppedRows(
        sum(part.without_trade for part in parts), sum(part.bad for part in parts), tuple(reasons), first
    )


def refuse_if_nothing_is_left(left: DroppedRows, *, kept: int) -> None:
    """DataError where every row of a file was bad: then the file is not what it was taken for."""
    if left.bad and not kept:
        raise DataError(f"{left.reasons[0]}; no row could be read, so none is left out", code="no_candles")


def notes(left: DroppedRows, *, name: str, word: str) -> list[str]:
    """Notes for the user. name: of the file; word: what a row of the file is called, as line or row."""
    lines = []
    if left.without_trade:
        others = "" if left.without_trade == 1 else f", like {_counted(left.without_trade - 1, f'more {word}')}"
        lines.append(f"{name}: {word} {left.first}: no price and no trade; left out as a gap{others}")
    lines += [f"{reason}; left out (data.bad_rows: drop)" for reason in left.reasons[:MOST_SHOWN]]
    if len(left.reasons) > 1:
        lines.append(f"{name}: {_counted(left.bad, 'bad row')} left out in all")
    return lines


def _without_trade(frame: "pl.DataFrame") -> Mask:
    """Which rows have no prices at all, and no volume either."""
    import polars as pl

    texts = frame.select(
        pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase().fill_null("") for name in VALUES
    )
    blank = pl.all_horizontal(pl.col(*VALUES[:4]).is_in(list(NOTHING)))
    no_volume = pl.col("volume").is_in(list(NOTHING)) | pl.col("volume").str.contains(r"^0+(\.0*)?$")
    without_trade: Mask = texts.select((blank & no_volume).alias("blank"))["blank"].to_numpy()
    return without_trade


def _rows(frame: "pl.DataFrame", kept: Mask) -> "pl.DataFrame":
    import polars as pl

    return frame.filter(pl.Series(kept))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
