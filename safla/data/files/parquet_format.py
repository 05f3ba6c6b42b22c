"""The structs of a Parquet file as parquet.thrift defines them: the type of each field. Nothing is read here."""

from safla.data.files.thrift import BINARY, BOOL, BYTE, DOUBLE, I16, I32, I64, ListOf, ThriftType

# numbers of the fields that footer.py checks
SCHEMA, FILE_ROWS, GROUPS, KEY_VALUES, ENCRYPTION, SIGNING = 2, 3, 4, 5, 8, 9  # of the file
KIND, REPETITION, NAME, CHILDREN, CONVERTED, LOGICAL = 1, 3, 4, 5, 6, 10  # of an element of the schema
CHUNKS, GROUP_BYTES, GROUP_ROWS = 1, 2, 3  # of a row group
OTHER_FILE, CHUNK, CRYPTO, ENCRYPTED = 1, 3, 8, 9  # of a column chunk
CHUNK_KIND, CODEC, CHUNK_VALUES, UNPACKED, COMPRESSED = 1, 4, 5, 6, 7  # of the metadata of a chunk
DATA_OFFSET, INDEX_OFFSET, DICTIONARY_OFFSET = 9, 10, 11  # of the metadata of a chunk too
PAGE, PAGE_UNPACKED, PAGE_COMPRESSED = 1, 2, 3  # of a page header: its kind and its sizes
VALUES, NULLS, ROWS = 1, 2, 3  # of the three kinds of page headers; the last two only in data pages of version 2
DEFINITION_BYTES, REPETITION_BYTES = 5, 6  # only in data pages of version 2
KEY, VALUE = 1, 2  # of a key-value entry

DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_2 = 0, 2, 3  # kinds of pages
HEADERS = {
    DATA_PAGE: 5,
    DICTIONARY_PAGE: 7,
    DATA_PAGE_2: 8,
}  # the field that only this kind of page has
_VALUE_ENCODINGS, _LEVEL_ENCODINGS = (0, 2, 3, 4, 5, 6, 7, 8, 9), (3, 4)
# for each kind of page: the fields that name an encoding, and its valid values
ENCODINGS: dict[int, dict[int, tuple[int, ...]]] = {
    DATA_PAGE: {2: _VALUE_ENCODINGS, 3: _LEVEL_ENCODINGS, 4: _LEVEL_ENCODINGS},
    DICTIONARY_PAGE: {2: (0, 2)},
    DATA_PAGE_2: {4: _VALUE_ENCODINGS},
}
REPEATED = 2  # of an element of the schema
INT64 = 2  # a physical type
UNCOMPRESSED = 0

_EMPTY: dict[int, ThriftType] = {}
_STATISTICS: dict[int, ThriftType] = {1: BINARY, 2: BINARY, 3: I64, 4: I64, 5: BINARY, 6: BINARY, 7: BOOL, 8: BOOL}
_KEY_VALUE: dict[int, ThriftType] = {KEY: BINARY, VALUE: BINARY}
_UNIT: dict[int, ThriftType] = {1: _EMPTY, 2: _EMPTY, 3: _EMPTY}
_TIME: dict[int, ThriftType] = {1: BOOL, 2: _UNIT}
_LOGICAL: dict[int, ThriftType] = {
    **dict.fromkeys((1, 2, 3, 4, 6, 11, 12, 13, 14, 15), _EMPTY),
    5: {1: I32, 2: I32}, 7: _TIME, 8: _TIME, 10: {1: BYTE, 2: BOOL}, 16: {1: BYTE}, 17: {1: BINARY},
    18: {1: BINARY, 2: I32},
}  # fmt: skip
_ELEMENT: dict[int, ThriftType] = {
    KIND: I32, 2: I32, REPETITION: I32, NAME: BINARY, CHILDREN: I32, CONVERTED: I32, 7: I32, 8: I32, 9: I32,
    LOGICAL: _LOGICAL,
}  # fmt: skip
_CHUNK: dict[int, ThriftType] = {
    CHUNK_KIND: I32, 2: ListOf(I32), 3: ListOf(BINARY), CODEC: I32, CHUNK_VALUES: I64, UNPACKED: I64, COMPRESSED: I64,
    8: ListOf(_KEY_VALUE), DATA_OFFSET: I64, INDEX_OFFSET: I64, DICTIONARY_OFFSET: I64, 12: _STATISTICS,
    13: ListOf({1: I32, 2: I32, 3: I32}), 14: I64, 15: I32, 16: {1: I64, 2: ListOf(I64), 3: ListOf(I64)},
    17: {1: dict.fromkeys(range(1, 9), DOUBLE), 2: ListOf(I32)},
}  # fmt: skip
_COLUMN: dict[int, ThriftType] = {
    OTHER_FILE: BINARY, 2: I64, CHUNK: _CHUNK, 4: I64, 5: I32, 6: I64, 7: I32, CRYPTO: _EMPTY, ENCRYPTED: BINARY,
}  # fmt: skip
_GROUP: dict[int, ThriftType] = {
    CHUNKS: ListOf(_COLUMN), GROUP_BYTES: I64, GROUP_ROWS: I64, 4: ListOf({1: I32, 2: BOOL, 3: BOOL}), 5: I64, 6: I64,
    7: I16,
}  # fmt: skip
FILE: dict[int, ThriftType] = {
    1: I32, SCHEMA: ListOf(_ELEMENT), FILE_ROWS: I64, GROUPS: ListOf(_GROUP), KEY_VALUES: ListOf(_KEY_VALUE),
    6: BINARY, 7: ListOf({1: _EMPTY}), ENCRYPTION: _EMPTY, SIGNING: BINARY,
}  # fmt: skip
PAGE_HEADER: dict[int, ThriftType] = {
    PAGE: I32, PAGE_UNPACKED: I32, PAGE_COMPRESSED: I32, 4: I32,
    HEADERS[DATA_PAGE]: {VALUES: I32, 2: I32, 3: I32, 4: I32, 5: _STATISTICS},
    6: _EMPTY,
    HEADERS[DICTIONARY_PAGE]: {VALUES: I32, 2: I32, 3: BOOL},
    HEADERS[DATA_PAGE_2]: {
        VALUES: I32, NULLS: I32, ROWS: I32, 4: I32, DEFINITION_BYTES: I32, REPETITION_BYTES: I32, 7: BOOL,
        8: _STATISTICS,
    },
}  # fmt: skip
