"""What a Parquet file says it unpacks to, in its footer and before each page: known before anything is unpacked."""

from typing import Any, NamedTuple

from safla.data.files.thrift import Cursor, struct
from safla.errors import DataError

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 4 * 2**20

# numbers of fields in parquet.thrift
SCHEMA, ROWS, GROUPS = 2, 3, 4  # of the file
CHILDREN = 5  # of an element of the schema; the root and groups have some
CHUNKS, CHUNK = 1, 3  # of a row group: its column chunks; of one of those: its metadata
COMPRESSED, DATA_OFFSET, DICTIONARY_OFFSET = 7, 9, 11  # of a column chunk
PAGE_UNPACKED, PAGE_COMPRESSED = 2, 3  # of the header of a page
VALUES = 1  # of each kind of page
KINDS = (5, 7, 8)  # data, dictionary, data of version 2


class Footer(NamedTuple):
    """What a Parquet file says of itself."""

    rows: int
    columns: int
    bytes_unpacked: int  # the sum over its pages
    values: int  # the most that a page says to hold


def read(content: bytes, *, name: str) -> Footer:
    """What a whole file says of itself. DataError when it is cut, or makes no sense."""
    length = int.from_bytes(content[-8:-4], "little")
    if not content.startswith(MAGIC) or not content.endswith(MAGIC) or len(content) < length + 12:
        raise DataError(f"{name}: not a whole Parquet file")
    if length > MAX_FOOTER_BYTES:
        raise DataError(f"{name}: a footer of {length} bytes, at most {MAX_FOOTER_BYTES} are read")
    end = len(content) - 8
    try:
        fields = struct(Cursor(content, end - length, end))
        columns = sum(1 for element in fields[SCHEMA] if not element.get(CHILDREN))
        chunks = [chunk[CHUNK] for group in fields[GROUPS] for chunk in group[CHUNKS]]
        pages = [page for chunk in chunks for page in _pages(content, chunk, limit=end - length)]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{name}: cut or corrupt Parquet file (what it says of itself makes no sense)") from error
    unpacked = sum(size for size, _ in pages)
    return Footer(fields[ROWS], columns, unpacked, max((values for _, values in pages), default=0))


def _pages(content: bytes, chunk: dict[int, Any], *, limit: int) -> list[tuple[int, int]]:
    """Of each page of a column chunk: its size when unpacked, and how many values it holds."""
    start = min(chunk[DATA_OFFSET], chunk.get(DICTIONARY_OFFSET) or chunk[DATA_OFFSET])
    end = start + chunk[COMPRESSED]
    if not 0 < start <= end <= limit:
        raise ValueError("a column outside the file")
    cursor, pages = Cursor(content, start, end), []
    while cursor.place < end:
        header = struct(cursor)
        values = [header[kind][VALUES] for kind in KINDS if kind in header]
        pages.append((header[PAGE_UNPACKED], max(values)))
        if min(pages[-1]) < 0 or header[PAGE_COMPRESSED] < 0:
            raise ValueError("a size below 0")
        cursor.take(header[PAGE_COMPRESSED])
    return pages
