"""The verification of a journal gives each verdict of J34, however the file is read.

Whole journals, cut, flipped, edited and half written, are in tests/faults.
"""

import io

import pytest

from safla.errors import JournalError
from safla.journal.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from safla.journal.verify import VerifiedLines, survey, verify_text
from tests.errors import raises_code
from tests.small_runs import journal, rehashed, run, small

LINES = 60
MIB = 2**20


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    run(small(folder), folder / "run")
    return b"".join(journal(folder / "run").splitlines(keepends=True)[:LINES])


def swapped(text):
    *rest, a, b = text.splitlines(keepends=True)
    return b"".join([*rest, b, a])


def zeroed(text, begin, end):
    return text[:begin] + bytes(end - begin) + text[end:]


VERDICTS = {  # the change of 60 whole lines; the kind of the verdict and its lines
    "whole": (lambda text: text, "whole", LINES),
    "J34 a: the last newline is missing": (lambda text: text[:-1], "complete", LINES),
    "J34 b: the last newline is damaged": (lambda text: text[:-1] + b"\x0b", "corrupt", LINES - 1),
    "J34 c: no newline behind the damage": (lambda text: text[:-2], "torn", LINES - 1),
    "J34 d: a whole line behind the damage": (swapped, "corrupt", LINES - 2),
    "J34 e: a block of NUL": (lambda text: text + b'{"n":61,' + bytes(1024) + b"}\n", "torn", LINES),
    "J34 e: a block of NUL, and behind it a line whose own hash is another": (
        lambda text: (
            text + bytes(1024) + b"\n" + text.splitlines(keepends=True)[1].replace(b'"ts":1', b'"ts":2') + b"\n"
        ),
        "torn",
        LINES,
    ),
    "J34 e: a cut block at the end": (
        lambda text: text + b"x" * (1023 - len(text) % 512) + b"\n" + bytes(9),
        "torn",
        LINES,
    ),
    "J34 f: anything else": (lambda text: text[:-9] + b"?" + text[-8:], "corrupt", LINES - 1),
    "J35: a line of another number": (lambda text: text + text.splitlines(keepends=True)[1], "corrupt", LINES),
    "too long to be a line": (lambda text: text + b"x" * 70_000 + b"\n", "corrupt", LINES),
    "empty": (lambda text: b"", "whole", 0),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_each_verdict_follows_from_the_bytes_of_the_journal(text, name):
    change, kind, lines = VERDICTS[name]
    found = verify_text(change(text), None)
    assert (found.kind, found.lines) == (kind, lines)
    assert (found.what == "") == (kind == "whole")


def test_a_block_of_nul_before_whole_lines_is_corrupt(text):
    # J34 d before e
    begin = -(-len(b"".join(text.splitlines(keepends=True)[:2])) // 512) * 512
    found = verify_text(zeroed(text, begin, begin + 512), None)
    assert (found.kind, found.lines) == ("corrupt", text[:begin].count(b"\n"))


def test_a_line_with_a_valid_hash_and_a_wrong_previous_hash_breaks_the_chain(text):
    other = rehashed(text.replace(b'"ts":17', b'"ts":18')).splitlines(keepends=True)
    found = verify_text(b"".join([*text.splitlines(keepends=True)[:30], *other[30:]]), None)
    assert (found.kind, found.lines) == ("corrupt", 30)
    assert "the hash of the line before" in found.what


def test_a_checkpoint_turns_only_missing_lines_into_corruption(text):
    """J34 g."""
    found = verify_text(text, None)
    head = Checkpoint(n=LINES, offset=found.offset, h=found.h.decode())
    assert verify_text(text, head) == found
    assert verify_text(text[:-1], head).kind == "complete"
    assert verify_text(text[:-2], head).kind == "corrupt"
    other = Checkpoint(n=LINES, offset=found.offset, h="ab" * 16)
    assert verify_text(text, other)._replace(kind="whole", what="") == found
    assert verify_text(text, other).kind == "corrupt"


@pytest.mark.parametrize("name", VERDICTS)
def test_a_file_gets_the_same_verdict_as_its_text(tmp_path, text, name):
    changed = VERDICTS[name][0](text)
    (tmp_path / "journal.jsonl").write_bytes(changed)
    assert survey(tmp_path / "journal.jsonl", None) == verify_text(changed, None)


@pytest.mark.parametrize("edge", range(-40, 41, 20))
def test_a_line_across_the_boundary_of_two_reads_is_a_whole_line(edge):
    """The journal has valid lines of 8 KiB; the boundary of a read falls into a line or between two lines."""
    events = b"".join(b'{"n":0,"p":"%032d","e":{"x":"%b"},"h":"%032d"}\n' % (0, b"y" * 8_000, 0) for _ in range(140))
    text = rehashed(events)
    ends = [i for i, byte in enumerate(text) if byte == 10]
    last = min(ends, key=lambda end: abs(end - MIB))
    wide = rehashed(events.replace(b"y", b"y" * (1 + max(0, MIB + edge - last)), 1))
    assert verify_text(wide, None)[2:4] == (len(wide), "whole")
    damaged = wide[: MIB + edge] + bytes([wide[MIB + edge] ^ 1]) + wide[MIB + edge + 1 :]
    found = verify_text(damaged, None)
    assert (found.kind, found.lines) == ("corrupt", damaged[: MIB + edge].count(b"\n"))


def test_lines_appended_while_the_journal_is_read_are_ignored(text):
    file = io.BytesIO(text)
    walk = VerifiedLines(file, None)
    lines = 0
    for _ in walk:
        lines += 1
        file.seek(0, io.SEEK_END)
        file.write(b"half a line")
    assert (lines, walk.found.kind, walk.found.offset) == (LINES, "whole", len(text))


def test_an_empty_file_is_corrupt_if_a_checkpoint_covers_lines(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.touch()
    assert survey(path, Checkpoint(n=1, offset=5, h="ab" * 16)).kind == "corrupt"


def test_a_checkpoint_is_read_back_as_written_and_an_unreadable_one_is_rejected(tmp_path):
    head = Checkpoint(n=7, offset=4096, h="0f" * 16)
    write_checkpoint(tmp_path / "head", head)
    assert read_checkpoint(tmp_path / "head") == head
    assert (tmp_path / "head").read_bytes() == b'{"n":7,"offset":4096,"h":"%b"}\n' % (b"0f" * 16)
    assert read_checkpoint(tmp_path / "none") is None
    (tmp_path / "head").write_bytes(b'{"n": 7,"offset":4096,"h":"%b"}\n' % (b"0f" * 16))
    with raises_code(JournalError, "checkpoint_unreadable"):
        read_checkpoint(tmp_path / "head")
