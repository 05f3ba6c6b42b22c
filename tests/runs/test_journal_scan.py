"""The quick scan of a journal agrees with the strict reader, and leaves unusual journals to it."""

from pathlib import Path

import numpy as np
import pytest

from safla.journal import reader
from safla.journal.chain import event_bytes
from safla.journal.events import CandleEvent, CandleMissing
from safla.runs.journal_scan import scan
from safla.runs.recording import Inputs, read_events, series_of
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
