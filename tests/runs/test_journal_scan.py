"""The quick scan of a journal agrees with the strict reader, and leaves unusual journals to it."""

import random
from pathlib import Path

import numpy as np
import pytest

from safla.journal import reader
from safla.journal.candle_lines import read_lines
from safla.journal.chain import event_bytes
from safla.journal.events import CandleEvent, CandleMissing
from safla.runs import journal_scan
from safla.runs.journal_scan import Scan, scan
from safla.runs.recording import Inputs, read_events, series_of
from tests.compiled_engine import compiled_entry
from tests.paper.paper_runs import journal, run_paper
from tests.small_runs import rehashed


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a paper run of two symbols with gaps, up to a timestamp in its middle."""
    folder = tmp_path_factory.mktemp("scan") / "run"
    run_paper(folder)
    lines = journal(folder).splitlines(keepends=True)
    assert any(b'"candle_missing"' in line for line in lines)
    return b"".join(lines[: len(lines) // 2])


FORMS = {"compiled": lambda: compiled_entry(read_lines), "interpreted": lambda: read_lines, "patterns": lambda: None}


@pytest.fixture(params=FORMS, autouse=True)
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test is run with each form of the scan."""
    monkeypatch.setattr(journal_scan, "line_reader", FORMS[request.param])


def written(folder: Path, text: bytes) -> Path:
    """A journal file."""
    path = folder / "journal.jsonl"
    path.write_bytes(text)
    return path


def test_the_scan_agrees_with_the_strict_reader(tmp_path: Path, text: bytes) -> None:
    path = written(tmp_path, text)
    found = scan(path)
    assert found is not None
    strict = reader.read(path)
    inputs = Inputs(strict.started)
    events = list(read_events(strict, inputs))
    for one, other in zip(found.series, series_of(strict, inputs.rows), strict=True):
        assert one[:3] == other[:3]
        assert all(np.array_equal(a, b) for a, b in zip(one.columns, other.columns, strict=True))
    assert found.tail == strict.tail
    assert (found.inputs.outside, found.inputs.last_ts, found.inputs.known) == (
        inputs.outside,
        inputs.last_ts,
        inputs.known,
    )
    last = next(n for n, event in enumerate(events) if event.ts == inputs.last_ts)
    lines = text.splitlines(keepends=True)
    assert (found.last.lines, found.last.offset) == (last, len(b"".join(lines[:last])))
    assert found.outcomes == [
        event_bytes(raw[:-1], n)
        for n, (raw, event) in enumerate(zip(lines, events, strict=True), 1)
        if not isinstance(event, CandleEvent | CandleMissing) and n <= last
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"open":"3', b'"open":"03'),  # another spelling of an amount
        (b'"volume":"', b'"volume":"1'),  # which is sound, and another number: the fold finds that
        (b'"symbol":"ETH/USDT","open"', b'"symbol":"BTC/USDT","open"'),
        (b'"type":"candle","ts":1704', b'"type":"candle","ts":1604'),  # times that do not ascend
    ],
)
def test_an_unusual_journal_is_left_to_the_strict_reader(tmp_path: Path, text: bytes, old: bytes, new: bytes) -> None:
    place = text.index(old, len(text) // 2)
    found = scan(written(tmp_path, rehashed(text[:place] + text[place:].replace(old, new, 1))))
    assert (found is None) == (old != b'"volume":"')


def test_a_journal_without_candles_is_left_to_the_strict_reader(tmp_path: Path, text: bytes) -> None:
    lines = text.splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if b'"type":"candle' in line)
    assert scan(written(tmp_path, b"".join(lines[:first]))) is None


def test_a_file_that_is_read_in_small_pieces_gives_the_same(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, text)
    whole = scan(path)
    monkeypatch.setattr(journal_scan, "BUFFER", 70_000)
    assert as_values(scan(path)) == as_values(whole)
    path.write_bytes(text[:-1])  # the last line has not ended
    assert scan(path) is None
    path.write_bytes(text + b"x" * 70_000 + b"\n")  # longer than a line may be
    assert scan(path) is None


def as_values(found: Scan | None) -> object:
    """All that a scan found, to be compared with ==."""
    if found is None:
        return None
    series = [(*one[:3], *(column.tobytes() for column in one.columns)) for one in found.series]
    return series, vars(found.inputs), found[2:]


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_give_the_same_in_each_form(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    path = tmp_path / "journal.jsonl"
    first = text.index(b'"type":"candle')
    for _ in range(40):
        changed = bytearray(text)
        for _ in range(chance.choice((1, 1, 3))):
            place = chance.randrange(first, len(text) - 1)
            changed[place : place + chance.choice((0, 1, 1))] = chance.choice(
                (b"0", b"9", b".", b'"', b"", b"\n", b"x")
            )
        path.write_bytes(changed)
        found = scan(path)
        with monkeypatch.context() as patch:
            patch.setattr(journal_scan, "line_reader", FORMS["patterns"])
            assert as_values(found) == as_values(scan(path))
