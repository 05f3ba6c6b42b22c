"""Row H13, hostile input: impossible numbers in a journal and its candles, and a monitoring log that is invalid.

All hashes are recomputed, so only the values themselves can be rejected.
"""

import re
import shutil
from pathlib import Path
from random import Random

import msgspec
import pytest

from safla.core import values as v
from safla.core.candles import digest
from safla.core.timeframes import LAST_MS
from safla.journal import run_candles
from safla.journal.files import CANDLES, JOURNAL
from safla.paper import status as run_status
from safla.paper.snapshot import Snapshot
from safla.report.status import status_lines, status_object
from tests.faults.command import inside
from tests.faults.damage import finished
from tests.faults.invariants import check_answer
from tests.small_runs import rehashed

Capture = pytest.CaptureFixture[str]

LOGS = {
    "60 000 brackets": b"[" * 60_000 + b"\n",
    "60 000 maps": b'{"a":' * 10_000 + b"\n",
    "bytes that are no text": b'{"time":"\xff\xfe","text":"\xc3("}\n',
    "half a surrogate": b'{"time":"\\ud800","text":"b"}\n',
    "a number without end": b"9" * 60_000 + b"\n",
    "a number beyond floats": b"1e999\n",
    "a list": b'["time","text"]\n',
    "numbers for text": b'{"time":1,"text":2}\n',
    "no whole line": b'{"time":"a","text":"b"}',
    "zeros": bytes(60_000),
    "nothing": b"",
}
SYMBOLS = 2
TIMES = [2**63 - 1, 2**63, 10**30, LAST_MS + 1, -1, -(2**63)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a finished run whose journal contains its candles."""
    return finished(tmp_path_factory.mktemp("whole"), "journal.detail=candles")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """Returns a copy of that run, to change."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def status(run: Path, capsys: Capture, code: int) -> str:
    """Returns the output of `safla status` for a run, both streams."""
    answer = inside(capsys, "status", run, "--json")
    check_answer(answer, code)
    return answer.out + answer.err


@pytest.mark.parametrize("fault", LOGS)
def test_row_13_an_invalid_monitoring_log_is_ignored(run: Path, capsys: Capture, fault: str) -> None:
    (run / "performance.log").write_bytes(LOGS[fault])
    assert msgspec.json.decode(status(run, capsys, 0))["monitoring"] is None


@pytest.mark.parametrize("ts", TIMES)
@pytest.mark.parametrize("type_", ["run_started", "candle", "filled", "run_ended"])
def test_row_13_a_journal_time_outside_the_valid_range_is_damage(
    run: Path, capsys: Capture, type_: str, ts: int
) -> None:
    event = rb'("e":\{"type":"%b","ts":)\d+' % type_.encode()
    text, count = re.subn(event, rb"\g<1>%d" % ts, (run / JOURNAL).read_bytes(), count=1)
    assert count == 1
    (run / JOURNAL).write_bytes(rehashed(text))
    (run / "head").unlink()
    for said in (status(run, capsys, 4), inside(capsys, "replay", run).err):
        assert re.search(r"journal\.jsonl: line \d+", said)


FAULTS = {
    "a time beyond 2100": ("ts", -1, LAST_MS + 1),
    "a time of 64 bits": ("ts", -1, 2**63 - 1),
    "a time before 1970": ("ts", 0, -1),
    "times that fall": ("ts", 1, 0),
    "a price of 64 bits": ("close", 5, 2**63 - 1),
    "a negative price": ("low", 5, -1),
    "a volume below zero": ("volume", 5, -(2**63)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["status", "replay"])
def test_row_13_recorded_candles_with_impossible_values_are_damage(
    tmp_path: Path, capsys: Capture, fault: str, command: str
) -> None:
    run = finished(tmp_path, "journal.detail=decisions")
    one, *others = recorded = run_candles.read(run / CANDLES)
    name, row, value = FAULTS[fault]
    column = getattr(one.columns, name).copy()
    column[row] = value
    changed = (one._replace(columns=one.columns._replace(**{name: column})), *others)
    run_candles.write_run_candles(run / CANDLES, changed, timeframe="1h")
    before = digest(recorded, "1h").encode()
    text = (run / JOURNAL).read_bytes()
    assert before in text
    (run / JOURNAL).write_bytes(rehashed(text.replace(before, digest(changed, "1h").encode())))
    (run / "head").unlink()
    answer = inside(capsys, command, run)
    check_answer(answer, 4)
    assert "candles.parquet" in answer.err


EDGES = [0, 1, -1, 2, 7, 10**6, LAST_MS, LAST_MS + 1, 2**62, 2**63 - 1, -(2**63)]


def test_row_13_a_snapshot_with_arbitrary_numbers_is_shown_or_ignored(run: Path, release: bool) -> None:
    random = Random(13)
    text = (run / JOURNAL).read_bytes()
    whole = text[: text.rstrip(b"\n").rfind(b"\n") + 1]  # without its last line, so that the run has not ended
    (run / JOURNAL).write_bytes(whole)
    (run / "head").unlink()
    believed, tries = 0, 400 if release else 100
    for _ in range(tries):
        account, book = [0] * v.ACCOUNT_FIELDS, [[0] * v.SYMBOL_FIELDS for _ in range(SYMBOLS)]
        for _ in range(random.randrange(4)):
            account[random.randrange(len(account))] = random.choice(EDGES)
            row = random.choice(book)
            row[random.randrange(len(row))] = random.choice(EDGES)
        snapshot = Snapshot(whole.count(b"\n"), len(whole), whole[-35:-3].decode(), account, book)
        (run / "snapshot").write_bytes(msgspec.json.encode(snapshot))
        found = run_status.look(run, say=lambda text: None, sleep=lambda seconds: None)
        believed += found.by_snapshot
        msgspec.json.encode(status_object(found))
        status_lines(found)
    assert 0 < believed < tries
