"""Check what a Parquet file claims to unpack to, in its footer and page headers, before anything is unpacked.

Every Parquet file is checked here before it is decoded (`parquet_decoding`). The claims of a file must be consistent:
column chunks follow each other without overlap, the pages of a chunk add up to the chunk, and the chunks to the file.
So the check takes time in proportion to the file size, and the library that decodes the file sees the checked numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from safla.data.files import parquet_format as form
from safla.data.files.thrift import MAX_VALUES, Cursor, struct
from safla.errors import DataError

MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 4 * 2**20
MAX_FOOTER_VALUES = 2**20  # they stay in memory during the check; page headers do not
MAX_PAGES = 2**17  # of a file: 12 million rows of six columns in pages of 20 000 rows are 3 600
MAX_KEYS = 1000  # of the metadata
LEAST_ENTRY_BYTES = 4  # of a dictionary value; shorter types have no dictionary


class Limits(NamedTuple):
    """The most that a file may claim."""

    columns: int
    rows: int
    bytes_unpacked: int


class Leaf(NamedTuple):
    """A column that holds values (a leaf of the schema)."""

    name: str
    kind: int | None  # the physical type
    is_plain: bool  # no logical type: the values are those of the physical type


class Footer(NamedTuple):
    """What a Parquet file claims."""

    rows: int
    columns: int
    bytes_unpacked: int  # the sum over its pages
    values: int  # the largest number of values that a page claims
    metadata: Mapping[str, str]
    leaves: tuple[Leaf, ...]


def read(content: bytes, *, name: str, limits: Limits) -> Footer:
    """The claims of a file. DataError where it is truncated, inconsistent, or claims more than the limits allow."""
    length = int.from_bytes(content[-8:-4], "little")
    if not content.startswith(MAGIC) or not content.endswith(MAGIC) or len(content) < length + 12:
        raise DataError(f"{name}: not a whole Parquet file", code="file_corrupt")
    if length > MAX_FOOTER_BYTES:
        raise DataError(
            f"{name}: a footer of {length} bytes, at most {MAX_FOOTER_BYTES} are read", code="file_too_large"
        )
    end = len(content) - 8
    try:
        cursor = Cursor(content, end - length, end, values=MAX_FOOTER_VALUES)
        fields = struct(cursor, form.FILE)
        leaves = _leaves(fields[form.SCHEMA])
        _refuse_more(len(leaves), limits.columns, "columns", name=name)
        rows = fields[form.FILE_ROWS]
        _refuse_more(rows, limits.rows, "rows", name=name)
        chunks = _chunks(fields, leaves)
        pages = _Pages(cursor, most_bytes=limits.bytes_unpacked, name=name)
        start = len(MAGIC)
        for chunk in chunks:
            start = pages.add(chunk, start=start, limit=end - length)
        metadata = _metadata(fields.get(form.KEY_VALUES, ()))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            f"{name}: cut or corrupt Parquet file (its metadata is inconsistent)", code="file_corrupt"
        ) from error
    _refuse_more(pages.values, limits.rows, "rows", name=name)
    return Footer(rows, len(leaves), pages.bytes_unpacked, pages.values, metadata, leaves)


def _refuse_more(count: int, most: int, what: str, *, name: str) -> None:
    if count > most:
        raise DataError(f"{name}: {count} {what}, at most {most} are read", code="file_too_large")


def _leaves(schema: Sequence[dict[int, Any]]) -> tuple[Leaf, ...]:
    """The columns of a schema; its first element is the root, and groups have children."""
    return tuple(
        Leaf(
            element[form.NAME].decode(),
            element.get(form.KIND),
            form.CONVERTED not in element and form.LOGICAL not in element,
        )
        for element in schema[1:]
        if not element.get(form.CHILDREN)
    )


def _chunks(fields: dict[int, Any], leaves: Sequence[Leaf]) -> list[dict[int, Any]]:
    """The metadata of the column chunks, in order, each for its column and for the rows of its group."""
    if form.ENCRYPTION in fields or form.SIGNING in fields:
        raise ValueError("encrypted")
    is_flat = len(leaves) == len(fields[form.SCHEMA]) - 1 and all(
        element.get(form.REPETITION) != form.REPEATED for element in fields[form.SCHEMA][1:]
    )
    rows, chunks = 0, []
    for group in fields[form.GROUPS]:
        if group[form.GROUP_ROWS] < 0 or group[form.GROUP_BYTES] < 0 or len(group[form.CHUNKS]) != len(leaves):
            raise ValueError("a row group whose columns differ from the schema")
        rows += group[form.GROUP_ROWS]
        for leaf, column in zip(leaves, group[form.CHUNKS], strict=True):
            chunk = column[form.CHUNK]
            if column.get(form.OTHER_FILE) or form.CRYPTO in column or form.ENCRYPTED in column:
                raise ValueError("a column that is encrypted, or in another file")
            if chunk[form.CHUNK_KIND] != leaf.kind:
                raise ValueError("a column of another type than the schema says")
            if is_flat and chunk[form.CHUNK_VALUES] != group[form.GROUP_ROWS]:
                raise ValueError("a column whose length is not its number of rows")
            chunks.append(chunk)
    if rows != fields[form.FILE_ROWS]:
        raise ValueError("a row count that is not the sum of its row groups")
    return chunks


class _Pages:
    """The sums over the pages seen so far."""

    def __init__(self, cursor: Cursor, *, most_bytes: int, name: str) -> None:
        self.count = 0
        self.bytes_unpacked = 0
        self.values = 0  # the largest number of values in a page
        self._cursor = cursor
        cursor.left = MAX_VALUES
        self._most_bytes = most_bytes
        self._name = name

    def add(self, chunk: dict[int, Any], *, start: int, limit: int) -> int:
        """Walk over the pages of a column chunk, which begins at `start` or after it. Returns its end."""
        first: int = chunk[form.DATA_OFFSET]
        dictionary = chunk.get(form.DICTIONARY_OFFSET)
        if dictionary is not None:
            if dictionary >= first:
                raise ValueError("a dictionary after its column")
            first = dictionary
        end: int = first + chunk[form.COMPRESSED]
        if not start <= first <= end <= limit:
            raise ValueError("a column outside the file, or over another one")
        cursor = self._cursor
        cursor.place, cursor.end = first, end
        values = unpacked = 0
        while cursor.place < end:
            page, size, count = self._page(chunk, is_first=cursor.place == first)
            values += count if page != form.DICTIONARY_PAGE else 0
            unpacked += size
            self.bytes_unpacked += size
            _refuse_more(self.bytes_unpacked, self._most_bytes, "bytes when unpacked", name=self._name)
        if values != chunk[form.CHUNK_VALUES] or unpacked > chunk[form.UNPACKED]:
            raise ValueError("pages that do not add up to their column")
        return end

    def _page(self, chunk: dict[int, Any], *, is_first: bool) -> tuple[int, int, int]:
        """The next page: its kind, its size when unpacked, and how many values it claims to hold."""
        self.count += 1
        if self.count > MAX_PAGES:
            raise ValueError("too many pages")
        header = struct(self._cursor, form.PAGE_HEADER)
        page, unpacked, packed = header[form.PAGE], header[form.PAGE_UNPACKED], header[form.PAGE_COMPRESSED]
        fields = header[form.HEADERS[page]]
        if any(fields[field] not in known for field, known in form.ENCODINGS[page].items()):
            raise ValueError("an unknown encoding")
        values = fields[form.VALUES]
        if min(unpacked, packed, values) < 0 or (chunk[form.CODEC] == form.UNCOMPRESSED and packed != unpacked):
            raise ValueError("an impossible size")
        if page == form.DICTIONARY_PAGE and (not is_first or values * LEAST_ENTRY_BYTES > unpacked):
            raise ValueError("a dictionary that is not the first page, or is too small for its values")
        if page == form.DATA_PAGE_2:
            levels = fields[form.DEFINITION_BYTES], fields[form.REPETITION_BYTES]
            if min(*levels, fields[form.NULLS], fields[form.ROWS]) < 0 or sum(levels) > min(packed, unpacked):
                raise ValueError("levels longer than their page")
            if max(fields[form.NULLS], fields[form.ROWS]) > values:
                raise ValueError("more rows than values")
        self.values = max(self.values, values)
        self._cursor.skip(packed)
        return page, unpacked, values


def _metadata(entries: Sequence[dict[int, bytes]]) -> dict[str, str]:
    if len(entries) > MAX_KEYS:
        raise ValueError("too many keys")
    return {entry[form.KEY].decode(): entry.get(form.VALUE, b"").decode() for entry in entries}
