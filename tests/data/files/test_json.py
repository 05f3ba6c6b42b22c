"""JSON candles of freqtrade and ccxt: numbers are exact, only one shape is read, and deep nesting is rejected."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.candles.normalise import FileRows
from safla.data.files import bounded
from safla.data.files import json as json_candles
from safla.errors import DataError
from tests.data.tables import HEADER, assembled, candles, csv_file, lines, read_or_refused, same
from tests.errors import raises_code

ROWS = [[int(line[:13]), *map(float, line[14:].split(","))] for line in lines(30)]
SHAPE = "JSON of candles is an array of arrays"


def read(*blocks: bytes) -> FileRows:
    return json_candles.of_blocks("btc.json", iter(blocks), zone=None)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, separators=(",", ":")),
        json.dumps(ROWS, indent=4),
        json.dumps([[row[0], *map(str, row[1:])] for row in ROWS]),
        json.dumps([[*row, 1, "x", None] for row in ROWS], indent=1) + "\n\n",
    ],
)
def test_arrays_give_candles_whatever_their_layout_and_block_size(tmp_path: Path, text: str) -> None:
    from safla.data.files import csv

    plain = candles(csv.read(csv_file(tmp_path, HEADER, *lines(30)), None))
    content = text.encode()
    for size in (len(content), 1000, 61, 7):
        rows = read(*(content[place : place + size] for place in range(0, len(content), size)))
        assert same(candles(rows), plain)
        assert rows.origin.numbers.tolist() == list(range(1, 31))
        assert rows.notes == (f"btc.json: {json_candles.ORDER}",)


def test_numbers_are_read_from_their_text_and_never_through_a_float() -> None:
    series = candles(
        read(b"[[1704067200000,12345678.12345678,12345678.12345678,12345678.12345677,12345678.12345678,1]]")
    )
    assert series.columns.close.tolist() == [1234567812345678]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the file is empty"),
        (b"[]", "the file is empty"),
        (b" [ ] ", "the file is empty"),
        (b"{}", SHAPE),
        (b'[{"date":1704067200000,"open":1}]', SHAPE),
        (b'{"data":[[1704067200000,1,1,1,1,1]]}', SHAPE),
        (b"[1704067200000,1,1,1,1,1]", SHAPE),
        (b"[[1704067200000,1,1,1,1,1]", SHAPE),
        (b"[[1704067200000,1,1,1,1,1],]", "within an array, or truncated|truncated, or of another shape"),
        (b"[[1704067200000,1,1,1,1,1],,[1704070800000,1,1,1,1,1]]", SHAPE),
        (b"[[1704067200000,1,1,1,1,1] [1704070800000,1,1,1,1,1]]", SHAPE),
        (b"[[1704067200000,1,1,1,1,[1]]]", SHAPE),
        (b"[[1704067200000,1,1,1,1,{}]]", "'{' within an array"),
        (b"[[1704067200000,1,1,1,1]]", "row 1: 5 values, six are needed"),
        (b"[[1704067200000,1,1,1,1,1],[1704070800000,1,1,1,1]]", "row 2: 5 cells, the first row has 6"),
        (b"[[1704067200000,1,1,1,1,1],[]]", "row 2: 1 cells"),
        (b"[[1704067200000,1,1,1,null,1]]", "row 1: close 'null' is not a plain decimal number"),
        (b"[[1704067200000,1,1,1,NaN,1]]", "row 1: close 'NaN' is not a plain"),
        (b"[[1704067200000,1,1,1,1e999999999,1]]", "row 1: close '1e999999999' is not a plain"),
        (b"[[1704067200000,1,1,1,1 000,1]]", "row 1: close '1 000' is not a plain"),
        (b"[[1704067200000,1,1,1,1\n2,1]]", "row 1: "),
        (b"[" * 100_000, SHAPE),
        (b"[[" + b"1," * 200 + b"1]]", "201 values, six are needed and at most 64"),
        (b"[[1704067200000,1,1,1,1,1],[" + b"1" * 200_000 + b"]]", "an array of more than 131072 bytes"),
        (b"[[1704067200000,1,1,1,1,1],[\xff\xfe,1,1,1,1,1]]", "not a text in UTF-8|row 2: time"),
        (b"[[1704067200000,1,1,1,1,\x00]]", "a NUL byte"),
    ],
)
def test_another_shape_is_rejected_with_the_expected_shape(text: bytes, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        assembled(read(text) if text else read())
    assert str(refused.value).isprintable()


def test_a_wrong_order_of_columns_is_rejected() -> None:
    rows = [[t, o, c, h, low, v] for t, o, h, low, c, v in ROWS]
    with pytest.raises(DataError, match="in the order time, open, close, high, low, volume they are valid"):
        read(json.dumps(rows).encode())


@given(
    st.lists(st.sampled_from([b"[", b"]", b",", b" ", b"\n", b'"', b"1", b"1704067200000", b"{", b"#", b"[[", b"]]"]))
)
def test_any_bytes_give_candles_or_one_data_error(parts: list[bytes]) -> None:
    def attempt(path: str) -> object:
        return candles(json_candles.of_blocks(path, iter(parts), zone=None))

    assert read_or_refused(attempt, "btc.json")


def test_configured_positions_are_used_and_column_names_are_rejected() -> None:
    content = json.dumps([[t, o, c, h, low, v] for t, o, h, low, c, v in ROWS]).encode()
    stated = {"ts": 0, "open": 1, "close": 2, "high": 3, "low": 4, "volume": 5}
    rows = json_candles.of_blocks("btc.json", iter([content]), columns=stated)
    assert same(candles(rows), candles(read(json.dumps(ROWS).encode())))
    with pytest.raises(DataError, match=r"data\.columns\.open: no column 'first'; there is no header; give a position"):
        json_candles.of_blocks("btc.json", iter([content]), columns={"open": "first"})


def test_an_endless_text_is_rejected_before_it_fills_memory() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"[[1"
        for _ in range(1000):
            yield b"1" * bounded.BLOCK_BYTES

    with raises_code(DataError, "file_too_large"):
        json_candles.of_blocks("btc.json", blocks(), zone=None)
