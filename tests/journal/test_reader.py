"""The reader accepts valid journals and rejects damage, non-canonical spelling and foreign files."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.core.values import Detail
from safla.errors import HostError, JournalError
from safla.journal.checkpoint import Checkpoint, write_checkpoint
from safla.journal.events import Event
from safla.journal.reader import JournalLine, Tail, read
from safla.journal.verify import survey, verify_text
from tests.errors import raises_code
from tests.journal.sample import chained, events, first_event, first_lines, lines_of, small_events, small_journal

SHORT = small_events()[:9]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def texts_of(events: tuple[Event, ...]) -> list[bytes]:
    """The bytes of events without their envelopes."""
    return [msgspec.json.encode(event, order="deterministic") for event in events]


def strictly(path: Path) -> tuple[list[JournalLine], Tail]:
    """All that a strict reading gives."""
    journal = read(path)
    lines = list(journal)
    assert journal.tail is not None
    return lines, journal.tail


@pytest.mark.parametrize("detail", ["trades", "decisions", "candles"])
def test_a_journal_is_read_as_it_was_written(journal: Path, detail: Detail) -> None:
    text = small_journal(detail)
    journal.write_bytes(text)
    lines, tail = strictly(journal)
    assert b"".join(line.raw + b"\n" for line in lines) == text
    assert [line.n for line in lines] == list(range(1, len(lines) + 1))
    assert all(text[line.offset :].startswith(line.raw) for line in lines)
    assert tail == (len(lines), text[-35:-3].decode(), len(text), 0, False)


@settings(max_examples=40)
@given(data=st.data())
def test_any_run_is_decoded_from_its_lines_unchanged(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    started = data.draw(first_lines())
    kinds = [type(event) for event in SHORT[1:]]
    all_events = [started, *(data.draw(events(started, kind)) for kind in kinds)]
    path = tmp_path_factory.mktemp("drawn") / "journal.jsonl"
    path.write_bytes(lines_of(all_events))
    assert [line.event for line in strictly(path)[0]] == all_events


def test_a_run_can_be_named_by_its_folder_or_its_file(journal: Path) -> None:
    journal.write_bytes(lines_of(SHORT))
    assert read(journal.parent).started == read(journal).started == SHORT[0]


def test_a_journal_can_be_read_twice(journal: Path) -> None:
    journal.write_bytes(lines_of(SHORT))
    again = read(journal)
    assert list(again) == list(again)


def test_a_broken_line_is_named_with_its_number_and_byte(journal: Path) -> None:
    text = lines_of(SHORT)
    begin = text.index(b'{"n":4,')
    journal.write_bytes(text[:begin] + text[begin:].replace(b"candle", b"kandle", 1))
    with raises_code(JournalError, "chain_broken") as caught:
        strictly(journal)
    assert str(caught.value) == f"{journal}: line 4, byte {begin}: corrupt: its hash is not that of its bytes"


def test_a_line_of_another_chain_is_detected(journal: Path) -> None:
    ours = lines_of(SHORT).splitlines(keepends=True)
    theirs = lines_of([msgspec.structs.replace(SHORT[0], name="another"), *SHORT[1:]]).splitlines(keepends=True)
    journal.write_bytes(b"".join([*ours[:4], *theirs[4:]]))
    with pytest.raises(JournalError, match=r"line 5, byte .*: its p is not .*, the hash of the line before"):
        strictly(journal)


def test_a_tail_cut_at_any_byte_leaves_the_whole_lines_and_reports_the_torn_part(journal: Path) -> None:
    text = lines_of(SHORT[:5])
    journal.write_bytes(text)
    first = text.index(b"\n") + 1
    for end in range(len(text), first - 1, -1):
        os.truncate(journal, end)
        whole = end if text[end : end + 1] == b"\n" else text[:end].rfind(b"\n") + 1
        tail = strictly(journal)[1]
        assert (tail.lines, tail.offset, tail.torn) == (text[: whole + 1].count(b"\n"), whole, end - whole)
        assert tail.unended == (whole == end and text[end - 1 : end] != b"\n")


def test_a_torn_tail_may_contain_newlines(journal: Path) -> None:
    """J34 e: an unwritten block distinguishes the tail of a crash from damage, for a reader and for a start."""
    text = lines_of(SHORT)
    journal.write_bytes(text + b'{"n":' + bytes(1000) + b"\n" + b"x")
    assert strictly(journal)[1].torn == 1007


def test_every_line_covered_by_the_checkpoint_must_exist(journal: Path) -> None:
    text = lines_of(SHORT)
    found = verify_text(text, None)
    write_checkpoint(journal.with_name("head"), Checkpoint(n=found.lines, offset=found.offset, h=found.h.decode()))
    journal.write_bytes(text)
    assert strictly(journal)[1].lines == len(SHORT)
    journal.write_bytes(text[: text.index(b'{"n":9,')])
    with pytest.raises(JournalError, match=r"line 9, .*corrupt: it was once at least \d+ bytes long"):
        strictly(journal)
    journal.rename(journal.with_name("copy.jsonl"))  # the checkpoint belongs to the file in its folder
    assert strictly(journal.with_name("copy.jsonl"))[1].lines == 8


def test_whole_lines_before_a_torn_line_are_returned(journal: Path) -> None:
    text = lines_of(SHORT)
    journal.write_bytes(text[:-7])
    lines, tail = strictly(journal)
    assert [line.event for line in lines] == list(SHORT[:-1])
    assert tail.torn == len(text) - 7 - tail.offset > 0


@pytest.mark.parametrize("content", [b"", b"{", lines_of(SHORT)[:50]])
def test_a_file_without_a_whole_line_is_not_a_journal(journal: Path, content: bytes) -> None:
    journal.write_bytes(content)
    with raises_code(JournalError, "chain_broken", match="line 1, byte 0: "):
        read(journal)


@pytest.mark.parametrize("newline", [b"", b"\n"])
def test_an_overlong_line_is_reported_as_damage_without_being_kept_in_memory(journal: Path, newline: bytes) -> None:
    journal.write_bytes(lines_of(SHORT) + b"x" * 5_000_000 + newline)
    with pytest.raises(JournalError, match=r"line 10, byte .*: it is longer than 65536 bytes"):
        strictly(journal)


OTHER_SPELLINGS = {
    "a repeated key": (b'"open":', b'"close":"1.00","open":'),
    "the same key twice": (b'"type":"candle",', b'"type":"candle","type":"candle",'),
    "a space": (b'"symbol":', b'"symbol": '),
    "an escape": (b"BTC", b"\\u0042TC"),
    "an escaped solidus": (b"BTC/", b"BTC\\/"),
    "a float for a time": (b'"ts":17', b'"ts":0.17'),
    "an exponent": (b'"ts":1700006400000', b'"ts":17000064e5'),
    "a text for a time": (b'"ts":1700006400000', b'"ts":"1700006400000"'),
    "a time of more than 64 bits": (b'"ts":1700006400000', b'"ts":9223372036854775808'),
    "a leading zero": (b'"ts":1', b'"ts":01'),
    "a number for an amount": (b'"volume":"', b'"volume":1,"v":"'),
    "an unknown field": (b'"symbol":', b'"venue":"x","symbol":'),
    "a missing field": (b'"symbol":"BTC/USDT",', b""),
    "null": (b'"BTC/USDT"', b"null"),
    "an unknown event": (b'"candle"', b'"kline"'),
    "no type": (b'"type":"candle",', b""),
    "an unknown symbol": (b"BTC/USDT", b"BTC/EUR"),
    "a symbol that ends the line": (b"BTC/USDT", b"BTC/USDT\\n"),
    "negative zero": (b'"volume":"', b'"volume":"-0.00000","v":"'),
    "not ASCII": (b"BTC", "BÄC".encode("latin-1")),
    "UTF-8": (b"BTC", "BÄC".encode()),
    "DEL": (b"BTC", b"B\x7fC"),
    "a control character": (b"BTC", b"B\x1bC"),
    "a second value": (b'"type"', b'"type":"candle"},{"type"'),
    "deep nesting": (b'"BTC/USDT"', b"[" * 30_000 + b"]" * 30_000),
    "a list": (b'{"type"', b'[{"type"'),
}


@pytest.mark.parametrize("name", OTHER_SPELLINGS)
def test_a_non_canonical_spelling_is_rejected_even_with_a_valid_chain(journal: Path, name: str) -> None:
    texts = texts_of(SHORT)
    assert texts[3].startswith(b'{"type":"candle"')
    texts[3] = texts[3].replace(*OTHER_SPELLINGS[name], 1)
    journal.write_bytes(chained(texts))
    assert survey(journal, None).lines == len(SHORT)
    with raises_code(JournalError, "invalid_event", match="line 4, byte ") as caught:
        strictly(journal)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"candle"', b'"kline"', "Invalid value 'kline'"),
        (b'"symbol":', b'"venue":"x","symbol":', "unknown field `venue`"),
        (b'"symbol":"BTC/USDT",', b"", "missing required field `symbol`"),
        (b'"symbol":', b'"a\\u001b[31m":1,"symbol":', r"unknown field `a\\x1b\[31m`"),
        (b'"open":', b'"close":"1.00","open":', r"not spelt as safla writes it"),
    ],
)
def test_the_problem_of_an_invalid_event_is_named(journal: Path, old: bytes, new: bytes, what: str) -> None:
    texts = texts_of(SHORT)
    texts[3] = texts[3].replace(old, new, 1)
    journal.write_bytes(chained(texts))
    with pytest.raises(JournalError, match=what):
        strictly(journal)


def test_map_keys_in_another_order_are_rejected(journal: Path) -> None:
    text = texts_of(SHORT)[0]
    first, second = b'"execution.on_gap":"sell"', b'"risk.stop_loss_pct":"0.02"'
    assert first + b"," + second in text
    journal.write_bytes(chained([text.replace(first + b"," + second, second + b"," + first)]))
    with raises_code(JournalError, "invalid_event", match="not spelt as safla writes"):
        read(journal)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (
            b'"schema":3',
            b'"schema":4',
            "written with schema 4 and rules 3; this version of safla reads schema 3 and rules 3",
        ),
        (
            b'"schema":3,"rules":3',
            b'"schema":1,"rules":1',
            "written with schema 1 and rules 1; this version of safla reads",
        ),
        (
            b'"rules":3',
            b'"rules":7',
            "written with schema 3 and rules 7; this version of safla reads schema 3 and rules 3",
        ),
        (b'"schema":3', b'"schema":4,"future":{"a":[1.5]}', "written with schema 4"),
        (b'"schema":3', b'"schema":0', "written with schema 0"),
        (b'"100000.0000000"', b'"100000"', "balance: not an amount"),
        (b'"price_decimals":2', b'"price_decimals":19', "Expected `int` <= 18"),
        (b'"price_decimals":2', b'"price_decimals":3', "more price and quantity decimals"),
        (b'"name":"a small run"', b'"name":"a\\u0007"', "matching regex"),
        (b'"name":"a small run"', b'"name":"a\\n"', "matching regex"),
    ],
)
def test_a_first_line_of_a_newer_schema_or_without_a_schema_is_rejected(
    journal: Path, old: bytes, new: bytes, what: str
) -> None:
    text = texts_of(SHORT)[0]
    assert old in text
    journal.write_bytes(chained([text.replace(old, new, 1)]))
    with pytest.raises(JournalError, match=f"line 1, byte 0: .*{what}"):
        read(journal)


def test_the_first_event_must_be_run_started(journal: Path) -> None:
    journal.write_bytes(lines_of(SHORT[1:]))
    with pytest.raises(JournalError, match="the first event is mode_changed, not run_started"):
        read(journal)


@pytest.mark.parametrize("before", [1, 5, len(SHORT)])
def test_run_started_is_rejected_after_the_first_line(journal: Path, before: int) -> None:
    journal.write_bytes(lines_of([*SHORT[:before], first_event("candles")]))
    with pytest.raises(JournalError, match=rf"line {before + 1}, .*: run_started may only be the first event"):
        strictly(journal)


def test_a_symbolic_link_is_followed_and_a_read_only_file_is_read(journal: Path, tmp_path: Path) -> None:
    journal.write_bytes(lines_of(SHORT))
    journal.chmod(0o400)
    link = tmp_path / "link"
    link.symlink_to(journal)
    assert strictly(link) == strictly(journal)


def test_a_fifo_is_rejected_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with raises_code(HostError, "not_our_file"):
        read(tmp_path / "fifo")


def test_a_folder_in_place_of_the_journal_is_rejected(journal: Path) -> None:
    journal.mkdir()
    with raises_code(HostError, "not_our_file"):
        read(journal.parent)


@pytest.mark.parametrize("name", ["", "absent"])
def test_a_run_folder_without_a_journal_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(JournalError, match=r"there is no such file; name a run folder, or its journal.jsonl"):
        read(tmp_path / name)


def test_reading_writes_nothing(journal: Path) -> None:
    journal.write_bytes(small_journal("decisions"))
    before = (journal.stat().st_mtime_ns, sorted(journal.parent.iterdir()))
    strictly(journal)
    assert (journal.stat().st_mtime_ns, sorted(journal.parent.iterdir())) == before
    assert all(json.loads(line) for line in journal.read_bytes().splitlines())
