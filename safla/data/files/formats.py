"""Candle files of every format that is read, told by their bytes, not by their names: one function for all callers."""

from collections.abc import Iterator
from typing import NamedTuple

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FileRows
from safla.data.files import archive, arrow, bounded, columnar, csv, json, magic, parquet, table, vision
from safla.data.files.csv import ColumnMap


class Question(NamedTuple):
    """What is wanted of a file, and what the user says of it."""

    symbol: str
    columns: ColumnMap | None = None  # by field: name or position; None, or a field that it lacks: told by the header
    zone: str | None = None  # of times that name none
    owners: int = 1  # symbols that are read from this file
    bad: Handling = "refuse"  # what becomes of rows that are no candles
    archive: bool = False  # an archive of Binance is promised, and nothing else is taken


def read(path: str, question: Question) -> FileRows:
    """The rows of one symbol in a file. DataError: what it is instead of candles, or the first row that is none."""
    with bounded.open_file(path) as stream:
        begin = stream.read(magic.PEEKED_BYTES)
    if begin.startswith(magic.PARQUET) and not question.archive:
        return parquet.read(
            path, question.columns, symbol=question.symbol, owners=question.owners, zone=question.zone, bad=question.bad
        )
    if begin.startswith(magic.ARROW) and not question.archive:
        return arrow.read(
            path, question.columns, symbol=question.symbol, owners=question.owners, zone=question.zone, bad=question.bad
        )
    return _text(path, question)


def _text(path: str, question: Question) -> FileRows:
    """A text, which may be compressed."""
    with bounded.open_file(path) as stream:
        vision.verify_checksum(stream, path)
        begin = stream.read(magic.PEEKED_BYTES)
        stream.seek(0)
        magic.refuse_known(begin, path)
        zipped = begin.startswith(bounded.ZIP_MAGIC)
        blocks = archive.member(stream, path) if zipped else bounded.read_blocks(stream, path)
        first = next(blocks, b"")
        head = first[: magic.PEEKED_BYTES]
        magic.refuse_known(head, path)
        blocks = _chained(first, blocks)
        if question.archive:
            columnar.refuse_sharing(path, question.owners)
            return vision.of_blocks(path, blocks, bad=question.bad)
        if head.removeprefix(table.MARK).lstrip().startswith((b"[", b"{")):
            columnar.refuse_sharing(path, question.owners)
            return json.of_blocks(path, blocks, columns=question.columns, zone=question.zone, bad=question.bad)
        if question.columns is None and vision.is_archive(path, head, zipped=zipped):
            columnar.refuse_sharing(path, question.owners)
            return vision.of_blocks(path, blocks, bad=question.bad)
        return csv.of_blocks(
            path, blocks, columns=question.columns, zone=question.zone, symbol=question.symbol, bad=question.bad,
            owners=question.owners,
        )  # fmt: skip


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
