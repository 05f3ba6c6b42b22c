"""The envelope of a line: its bytes, its hash, and what the chain rejects."""

from collections.abc import Callable

import msgspec
import pytest

from safla.errors import Bug
from safla.journal.chain import MAX_LINE, ORIGIN, Chain, event_bytes, fault, verified_hash
from safla.journal.events import Halted, Resumed
from tests.errors import raises_code
from tests.journal.sample import chained, first_event, lines_of, small_events

RESUMED = Resumed(ts=1_700_006_400_000, by="operator", halt=1, peak="100.00", note=None, given=None, id=None)
LINE = (
    b'{"n":1,"p":"00000000000000000000000000000000","e":{"type":"resumed","ts":1700006400000,"by":"operator","halt":1,'
    b'"peak":"100.00","note":null,"given":null,"id":null},"h":"@"}\n'
)


def test_the_bytes_of_a_line_never_change() -> None:
    assert Chain(0, ORIGIN).line(RESUMED) == LINE.replace(b"@", b"987213598841814065ee9eb85869da7e")


def test_a_chain_matches_an_implementation_from_the_format_description() -> None:
    events = small_events()[:200]
    assert lines_of(events) == chained(msgspec.json.encode(event, order="deterministic") for event in events)


def test_a_chain_counts_its_lines_and_keeps_the_last_hash() -> None:
    chain = Chain(41, b"a" * 32)
    line = chain.line(RESUMED)
    assert line.startswith(b'{"n":42,"p":"' + b"a" * 32)
    assert (chain.n, chain.p) == (42, line[-35:-3])


def test_an_event_that_no_reader_would_accept_is_an_internal_error_and_changes_nothing() -> None:
    chain = Chain(0, ORIGIN)
    for note in ("é", "\x7f", "x" * MAX_LINE):
        with pytest.raises(Bug, match="line 1: an event of type Resumed"):
            chain.line(msgspec.structs.replace(RESUMED, note=note))
    assert (chain.n, chain.p) == (0, ORIGIN)


def test_the_longest_line_has_exactly_the_maximum_size() -> None:
    room = MAX_LINE - len(Chain(0, ORIGIN).line(msgspec.structs.replace(RESUMED, note="")))
    longest = Chain(0, ORIGIN).line(msgspec.structs.replace(RESUMED, note="x" * room))
    assert len(longest) == MAX_LINE
    assert verified_hash(longest[:-1], 1, p=ORIGIN) == longest[-35:-3]
    with raises_code(Bug, "bug"):
        Chain(0, ORIGIN).line(msgspec.structs.replace(RESUMED, note="x" * (room + 1)))


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda line: line.replace(b'"n":1', b'"n":2'), "its number is not 1"),
        (lambda line: line.replace(b'"n":1', b'"n":01'), "its number is not 1"),
        (lambda line: line.replace(b'"p":"0', b'"p":"1'), "its p is not 0000"),
        (lambda line: line.replace(b',"h":', b', "h":'), "its frame is broken"),
        (lambda line: line + b" ", "its frame is broken"),
        (lambda line: line.replace(b"operator", b"new_day "), "its hash is not that of its bytes"),
        (lambda line: line[:-3] + b"z" + line[-2:], "its hash is not that of its bytes"),
        (lambda line: line[:-34] + line[-34:].upper(), "its hash is not that of its bytes"),
        (lambda line: line.replace(b"null", b'"' + b"x" * MAX_LINE + b'"'), "it is longer than 65536 bytes"),
        (lambda line: b"", "its number is not 1"),
    ],
)
def test_an_edited_line_fails_verification_and_the_failed_check_is_named(
    edit: Callable[[bytes], bytes], what: str
) -> None:
    line = edit(lines_of([RESUMED])[:-1])
    assert verified_hash(line, 1, p=ORIGIN) == b""
    assert fault(line, 1, p=ORIGIN).startswith(what)


def test_an_overlong_line_fails_verification_even_with_a_valid_hash() -> None:
    line = chained([b'"' + b"x" * MAX_LINE + b'"'])[:-1]
    assert verified_hash(line, 1, p=ORIGIN) == b""


@pytest.mark.parametrize("n", [1, 9, 10, 99_999, 123_456_789_012])
def test_the_event_is_extracted_from_its_line(n: int) -> None:
    line = Chain(n - 1, b"f" * 32).line(RESUMED)[:-1]
    assert event_bytes(line, n) == msgspec.json.encode(RESUMED)


def test_the_first_line_of_a_run_holds_the_plan_with_sorted_keys() -> None:
    started = msgspec.structs.replace(first_event("trades"), plan={"b": "2", "a": "1"})
    assert b'"plan":{"a":"1","b":"2"}' in lines_of([started])


def test_control_characters_are_written_as_escapes() -> None:
    halted = Halted(
        ts=0,
        halt=1,
        rule="operator",
        value=None,
        limit=None,
        equity="1",
        reference=None,
        marks=[],
        note="\x1b[31m\n",
        given=None,
        id=None,
    )
    assert b'"note":"\\u001b[31m\\n"' in lines_of([halted])
