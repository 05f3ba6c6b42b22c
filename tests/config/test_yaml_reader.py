"""YAML is read to values with positions: types of plain words, files rejected at once (fault rows 50, 52, 58)."""

import datetime
import os
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.config.python_values import read_python
from safla.config.yaml_reader import (
    MAX_BYTES,
    TOO_LARGE,
    Node,
    NoValue,
    SourceLocation,
    read_file,
    read_text,
    read_value,
    scalar,
)
from safla.errors import ConfigError, Problem
from tests.errors import raises_code

HERE = SourceLocation("a.yaml", 1, 1)


def read(text: str) -> Node:
    problems: list[Problem] = []
    node = read_text(text, HERE, problems=problems)
    assert problems == []
    return node


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("10", 10),
        ("0.10", Decimal("0.10")),
        ("999999999999.123456789012", Decimal("999999999999.123456789012")),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("Null", None),
        ("NULL", None),
        ("", ""),
    ],
)
def test_a_plain_word_is_read_as_a_number_boolean_or_null(text: str, value: object) -> None:
    read_as = scalar(text)
    assert (type(read_as), read_as) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "True", "TRUE", "010", "00", ".5", "5.", "1e400", "1E+1000000", "12:30", "1_000", "+1"),
        *("-1", "0x10", "0o7", ".nan", ".inf", "١٢", "1 000", "1,5", "9" * 13, "0." + "1" * 13, "9" * 400, "1.2.3"),
    ],
)
def test_a_word_that_is_not_a_number_by_z5_is_read_as_text(text: str) -> None:
    assert scalar(text) == text


def test_a_number_of_many_digits_is_rejected_at_once() -> None:
    hostile = ["9" * 60_000, "1E+1000000", "1" + "_0" * 30_000, "0." + "0" * 60_000 + "1"]
    begin = time.process_time()
    read_as = [scalar(text) for text in hostile for _ in range(1000)]
    assert all(isinstance(value, str) for value in read_as)
    assert (time.process_time() - begin) / len(read_as) < 10e-6  # fault row 58


def test_a_quoted_number_is_read_as_text() -> None:
    node = read("a: '5'\nb: \"true\"\nc: |\n  5\n")
    assert {name: one.value for name, one in node.value.items()} == {"a": "5", "b": "true", "c": "5\n"}


def test_keys_and_values_have_their_line_and_column() -> None:
    node = read("# first\na:\n  b: [x, 7]\n")
    inner = node.value["a"].value["b"]
    assert (inner.key_place, inner.place) == (SourceLocation("a.yaml", 3, 3), SourceLocation("a.yaml", 3, 6))
    assert str(inner.value[1].place) == "a.yaml:3:10"


LINES = "write lines such as mode: backtest"
BAD_TEXTS = [
    ("alias", "a: &x 1\n", "a.yaml:1:4: anchors are not allowed; write the value wherever it is needed"),
    ("unknown alias", "a: *x\n", "a.yaml:1:4: aliases are not allowed; write the value here"),
    ("tag", "a: !!python/object:os.system 1\n", "a.yaml:1:4: tags are not allowed; remove it"),
    ("directive", "%YAML 1.1\n---\na: 1\n", "a.yaml:2:1: directives are not allowed; remove the line above"),
    ("two documents", "a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document begins here; keep one"),
    ("recursion", "a: &a [*a]\n", "a.yaml:1:4: anchors are not allowed; write the value wherever it is needed"),
    ("depth 10 000", "a: 1\nb: " + "[" * 10_000, "a.yaml:2:4: is nested deeper than 16 levels; flatten it"),
    ("depth", "[" * 60, "a.yaml:1:17: is nested deeper than 16 levels; flatten it"),
    ("many", "a: [" + "1," * 6000 + "]", "a.yaml:1:9999: holds more than 5000 values; shorten it"),
    ("a word", ".____", f"a.yaml:1:1: expected a map of keys, got a text of 5 characters; {LINES}"),
    ("a list", "- a\n- b\n", f"a.yaml:1:1: expected a map of keys, got a list; {LINES}"),
    ("a list as key", "? [a]\n: b\n", "a.yaml:1:3: expected a key, got a list or map"),
    ("nothing", "# only words\n", "a.yaml: is empty; `safla init` writes a commented configuration to start from"),
    ("open quote", "a: 'b\n", "a.yaml:2:1: not valid YAML: found unexpected end of stream"),
    ("tab", "a:\n\tb: 1\n", "a.yaml:2:1: not valid YAML: found character '\\t' that cannot start any token"),
    ("two on a line", "a: b: c\n", "a.yaml:1:5: not valid YAML: mapping values are not allowed here"),
]


@pytest.mark.parametrize(("text", "said"), [row[1:] for row in BAD_TEXTS], ids=[row[0] for row in BAD_TEXTS])
def test_a_hostile_or_broken_text_is_one_problem_with_its_position(text: str, said: str) -> None:
    begin = time.process_time()
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert str(refused.value) == said
    assert time.process_time() - begin < 2  # measured below 0.1; the limit only detects an explosion


def test_an_alias_bomb_is_never_expanded() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    with raises_code(ConfigError, "invalid_yaml", match="anchors are not allowed"):
        read("\n".join(lines))


def test_a_duplicate_key_is_reported_and_the_first_is_kept() -> None:
    problems: list[Problem] = []
    node = read_text("a:\n  b: 1\n  b: 2\n", HERE, problems=problems)
    assert [str(one) for one in problems] == ["a.yaml:3:3: a.b: duplicate key, first on line 2; keep one"]
    assert node.value["a"].value["b"].value == 1


BAD_FILES = [
    (b"", "bad.yaml: is empty; `safla init` writes a commented configuration to start from"),
    (b"a" * (MAX_BYTES + 1), f"bad.yaml: {TOO_LARGE}"),
    ("a: 1".encode("utf-16"), "bad.yaml: is UTF-16; save it as UTF-8"),
    (b"a: 1\nb: \xff\n", "bad.yaml:2:4: byte 0xff is not valid UTF-8; save the file as UTF-8"),
    (b"a: \x00\n", "bad.yaml:1:4: control character \\x00 is not allowed; is it a text file?"),
    (b"\x7fELF\x02", "bad.yaml:1:1: control character \\x7f is not allowed; is it a text file?"),
]


@pytest.mark.parametrize(("content", "said"), BAD_FILES)
def test_a_file_that_is_not_text_is_one_problem(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        read_file(tmp_path / "bad.yaml", "bad.yaml", problems=[])
    assert str(refused.value) == said


def test_a_missing_file_a_folder_and_a_fifo_are_rejected_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    kinds = {"none": "No such file", ".": "a folder", "fifo": "a pipe or device", "n\x00l": "not a path"}
    for name, said in kinds.items():
        with pytest.raises(ConfigError, match=said):
            read_file(tmp_path / name, name, problems=[])


def test_a_symbolic_link_and_a_byte_order_mark_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    node = read_file(tmp_path / "link.yaml", "link.yaml", problems=[])
    assert node.value["a"].value == 1


def test_a_value_of_an_option_is_flow_style_or_one_word() -> None:
    place = SourceLocation("--set", 0, 0)
    words = {
        "0.03": Decimal("0.03"),
        "a: b # c": "a: b # c",
        "'7'": "7",
        "": NoValue.HERE,
        "  ": NoValue.HERE,
        "*x": "*x",
    }
    for text, value in words.items():
        assert read_value(text, place, problems=[]).value == value
    flow = read_value("{a: [1, x]}", place, problems=[])
    assert [one.value for one in flow.value["a"].value] == [1, "x"]
    assert str(flow.value["a"].value[0].place) == "--set"


@pytest.mark.parametrize("text", ["170406720\t", "\x1c5", "5\u00a0", "5\n", "\u20285"])
def test_a_number_of_an_option_may_be_surrounded_only_by_spaces(text: str) -> None:
    node = read_value(text, SourceLocation("--set", 0, 0), problems=[])
    assert node.value == text
    assert node.text.isprintable()


def test_python_numbers_are_read_like_numbers_in_a_file() -> None:
    values = [
        (0.03, Decimal("0.03")),
        (1e-5, Decimal("0.00001")),
        (0.1 + 0.2, Decimal("0.30000000000000004")),  # all digits: the key decides how many it takes
        (7, 7),
        (7.0, 7),
        (float("nan"), "NaN"),
        (-1, "-1"),
        (1e300, "1E+300"),
        (datetime.date(2024, 1, 31), "2024-01-31"),
        (Path("a/b"), "a/b"),
        (None, None),
    ]
    for given_value, value in values:
        assert read_python(given_value, HERE).value == value


def test_numpy_values_are_read_as_python_values_by_their_shortest_text() -> None:
    values = [
        (np.float64(0.03), Decimal("0.03")),
        (np.float32(0.03), Decimal("0.03")),
        (np.float16(0.03), Decimal("0.03")),
        (np.float64(7), 7),
        (np.linspace(0.01, 0.05, 7)[1], Decimal("0.016666666666666666")),
        (np.int64(7), 7),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("fast"), "fast"),
        (np.array(7), 7),
        (np.float64("nan"), "NaN"),
        (np.float64(-1.5), "-1.5"),
        (np.datetime64("2024-01-31T13:00:00.000000000"), "2024-01-31T13:00:00.000"),
    ]
    for given_value, value in values:
        node = read_python(given_value, HERE)
        assert node.value == value
        assert not type(node.value).__module__.startswith("numpy")
    assert [one.value for one in read_python(np.array(["BTC/USDT", "ETH/USDT"]), HERE).value] == [
        "BTC/USDT",
        "ETH/USDT",
    ]


def test_a_dict_that_contains_itself_is_an_error() -> None:
    circle: dict[str, object] = {}
    circle["a"] = circle
    with raises_code(ConfigError, "configuration_too_large"):
        read_python(circle, HERE)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=200), st.text(alphabet="{}[]:,-?&*!%'\"|> \n\tab01._~#", max_size=80)))
def test_any_text_gives_a_map_or_a_configuration_error(text: str) -> None:
    try:
        node = read_text(text, HERE, problems=[])
    except ConfigError as error:
        count = len(error.problems)
    else:
        count = 1
        assert isinstance(node.value, dict)
    assert count == 1
