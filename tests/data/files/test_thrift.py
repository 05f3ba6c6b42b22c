"""The compact protocol of Thrift: what Parquet writes is read, and hostile bytes are rejected at once."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.data.files.thrift import BINARY, BOOL, BYTE, DOUBLE, I32, I64, Cursor, ListOf, ThriftType, struct


def read(content: bytes, shape: Mapping[int, ThriftType]) -> dict[int, object]:
    return struct(Cursor(content, 0, len(content)), shape)


@pytest.mark.parametrize(
    ("content", "shape", "fields"),
    [
        (b"\x00", {}, {}),
        (b"\x15\x02\x00", {1: I32}, {1: 1}),
        (b"\x15\x01\x00", {1: I32}, {1: -1}),
        (b"\x11\x22\x00", {1: BOOL, 3: BOOL}, {1: True, 3: False}),
        (b"\x16\x80\x01\x00", {1: I64}, {1: 64}),
        (b"\x05\x40\x02\x00", {32: I32}, {32: 1}),
        (b"\x18\x03abc\x00", {1: BINARY}, {1: b"abc"}),
        (b"\x1c\x15\x02\x00\x00", {1: {1: I32}}, {1: {1: 1}}),
        (b"\x19\x25\x02\x04\x00", {1: ListOf(I32)}, {1: [1, 2]}),
        (b"\x19\x21\x01\x02\x00", {1: ListOf(BOOL)}, {1: [True, False]}),
        (b"\x17" + bytes(8) + b"\x13\x07\x00", {1: DOUBLE, 2: BYTE}, {1: bytes(8), 2: 7}),
    ],
)
def test_written_values_are_read_back(
    content: bytes, shape: Mapping[int, ThriftType], fields: dict[int, object]
) -> None:
    assert read(content, shape) == fields
    assert read(content, {}) == dict.fromkeys(fields)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "cut"),
        (b"\x15", "cut"),
        (b"\x18\x7fabc\x00", "cut"),
        (b"\x18\xff\xff\xff\xff\x0f\x00", "cut"),
        (b"\x19\xf5\xff\xff\xff\x7f\x00", "a list longer than what is left"),
        (b"\x16" + b"\xff" * 10 + b"\x00", "an integer of more than 64 bits"),
        (b"\x16" + b"\xff" * 9 + b"\x02\x00", "an integer of more than 64 bits"),
        (b"\x15" + b"\xff" * 5 + b"\x01\x00", "an integer of more bits than its type has"),
        (b"\x1c" * 100_000, "nested too deep"),
        (b"\x1b\x00\x00", "type 11 is not used here"),
        (b"\x1d\x00\x00", "type 13 is not used here"),
        (b"\x15\x02\x05\x02\x02\x00", "a field that is repeated"),
        (b"\x05\x00\x02\x00", "a field that is repeated or has no number"),
    ],
)
def test_hostile_bytes_are_rejected_at_once(content: bytes, text: str) -> None:
    begin = time.process_time()
    with pytest.raises(ValueError, match=text):
        read(content, {})
    assert time.process_time() - begin < 0.1


@pytest.mark.parametrize("content", [b"\x11\x00", b"\x13\x02\x00", b"\x16\x02\x00", b"\x18\x00\x00", b"\x19\x05\x00"])
def test_a_known_field_with_another_type_is_rejected(content: bytes) -> None:
    """A library reads it with its expected type, and so reads everything after it differently than we do."""
    with pytest.raises(ValueError, match="another type than the format defines"):
        read(content, {1: I32})


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"\x19\xfc\xff\x7f" + bytes(2**14)
    with pytest.raises(ValueError, match="more values than are read"):
        struct(Cursor(content, 0, len(content), values=10_000), {1: ListOf({})})


@given(st.binary(max_size=60))
def test_any_bytes_give_fields_or_a_value_error(content: bytes) -> None:
    try:
        fields = read(content, {1: I32, 2: ListOf({1: BOOL}), 3: {1: BINARY}})
    except ValueError:
        return
    assert len(fields) <= len(content)
