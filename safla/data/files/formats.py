"""Read candle files of every known format. The bytes of a file tell its format, not its name."""

from collections.abc import Iterator
from typing import NamedTuple

from safla.candles.bad_rows import Handling
from safla.candles.normalise import FileRows
from safla.data.files import archive, arrow, bounded, columnar, csv, json, magic, parquet, table, vision
from safla.data.files.csv import ColumnMap


class Question(NamedTuple):
    """Which rows of a file to read, and what the user says about the file."""

    symbol: str
    timeframe: str | None = None  # which of several files in a ZIP is read, if their names say it
    columns: ColumnMap | None = None  # by field: name or position; the header decides for the others
    zone: str | None = None  # the time zone of times that name none
    owners: int = 1  # how many symbols are read from this file
    bad: Handling = "refuse"  # how to handle rows that are not valid candles
    archive: bool = False  # only an archive of Binance is accepted (data.source: vision)


def read(path: str, question: Question) -> FileRows:
    """The rows of one symbol in a file. DataError names the format if it holds no candles, or the first bad row."""
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
    """The rows of a text file, which may be compressed."""
    with bounded.open_file(path) as stream:
        vision.verify_checksum(stream, path)
        begin = stream.read(magic.PEEKED_BYTES)
        stream.seek(0)
        magic.refuse_known(begin, path)
        zipped = begin.startswith(bounded.ZIP_MAGIC)
        if zipped:
            blocks, alone = archive.member(stream, path, wanted=archive.MemberName(question.symbol, question.timeframe))
            question = question if alone else question._replace(owners=1)
        else:
            blocks = bounded.read_blocks(stream, path)
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
