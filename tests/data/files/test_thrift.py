"""Thrift's compact protocol: what Parquet writes is read, and hostile bytes end at once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.files.thrift import Cursor, struct


def read(content: bytes) -> dict[int, object]:
    return struct(Cursor(content, 0, len(content)))


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"\x00", {}),
        (b"\x15\x02\x00", {1: 1}),
        (b"\x15\x01\x00", {1: -1}),
        (b"\x11\x22\x00", {1: True, 3: False}),
        (b"\x16\x80\x01\x00", {1: 64}),
        (b"\x05\x40\x02\x00", {32: 1}),
        (b"\x18\x03abc\x00", {1: b"abc"}),
        (b"\x1c\x15\x02\x00\x00", {1: {1: 1}}),
        (b"\x19\x25\x02\x04\x00", {1: [1, 2]}),
        (b"\x19\x21\x01\x02\x00", {1: [1, 2]}),
        (b"\x17" + bytes(8) + b"\x13\x07\x00", {1: bytes(8), 2: 7}),
    ],
)
def test_what_is_written_is_read(content: bytes, fields: dict[int, object]) -> None:
    assert read(content) == fields


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "cut"),
        (b"\x15", "cut"),
        (b"\x18\x7fabc\x00", "cut"),
        (b"\x18\xff\xff\xff\xff\x0f\x00", "cut"),
        (b"\x19\xf5\xff\xff\xff\x7f\x00", "a list longer than what is left"),
        (b"\x16" + b"\xff" * 10 + b"\x00", "an integer of more than 64 bits"),
        (b"\x1c" * 100_000, "nested too deep"),
        (b"\x1b\x00\x00", "type 11 is not used here"),
        (b"\x1d\x00\x00", "type 13 is not used here"),
    ],
)
def test_hostile_bytes_are_refused_at_once(content: bytes, text: str) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match=text):
        read(content)
    assert time.process_time() - begin < 0.1


@given(st.binary(max_size=60))
def test_no_bytes_end_in_anything_but_fields_or_a_value_error(content: bytes) -> None:
    try:
        fields = read(content)
    except ValueError:
        return
    assert len(fields) <= len(content)
