"""A replay finds changes by the chain, by the audit or by the decisions, and it writes nothing (J43)."""

import re
from pathlib import Path

import pytest

from safla import cli
from safla.errors import JournalError
from safla.journal.chain import ORIGIN
from safla.runs.replay import ReplayResult, replay_run
from tests.errors import raises_code
from tests.small_runs import journal, rehashed, run, small


@pytest.fixture
def folder(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    return tmp_path / "run"


def replayed(folder: Path, *, books_only: bool = False, engine: str = "interpreted") -> ReplayResult:
    return replay_run(folder, books_only=books_only, engine=engine, say=lambda text: None)


def edit(folder: Path, old: bytes, new: bytes, count: int = 1) -> None:
    """Changes the text of events and recomputes every hash, as anyone who can write the file could."""
    (folder / "head").unlink()
    path = folder / "journal.jsonl"
    text = path.read_bytes()
    assert old in text
    path.write_bytes(rehashed(text.replace(old, new, count)))


@pytest.mark.parametrize("detail", ["trades", "decisions", "candles"])
@pytest.mark.parametrize("engine", ["interpreted", "compiled"])
def test_a_journal_of_every_detail_replays_with_no_difference(tmp_path, detail, engine):
    run(small(tmp_path, f"journal.detail={detail}"), tmp_path / "run")
    found = replayed(tmp_path / "run", engine=engine)
    assert found.books.differing == 0
    assert found.decisions is not None
    assert found.decisions.difference is None
    assert found.decisions.lines == found.tail.lines == journal(tmp_path / "run").count(b"\n")
    assert found.books.ended


def test_a_replay_needs_no_configuration_and_writes_nothing(folder):
    (folder / "config.yaml").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    replayed(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_journal_file_can_be_named_instead_of_the_folder(folder):
    assert replayed(folder / "journal.jsonl") == replayed(folder)


def test_a_journal_with_candle_lines_replays_without_any_other_file(tmp_path):
    run(small(tmp_path, "journal.detail=candles"), tmp_path / "run")
    (tmp_path / "alone.jsonl").write_bytes(journal(tmp_path / "run"))
    assert replayed(tmp_path / "alone.jsonl").decisions.difference is None


def test_an_edited_line_breaks_the_chain(folder):
    path = folder / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"type":"filled"', b'"type":"fillet"', 1))
    with raises_code(JournalError, "chain_broken", match=r"line \d+, byte \d+"):
        replayed(folder)


def test_an_edited_fee_with_recomputed_hashes_is_found_by_audit_and_decisions(folder):
    fee = re.search(rb'"fee":"([0-9]+)\.', journal(folder))[0]
    edit(folder, fee, fee.replace(b'"fee":"', b'"fee":"1'))
    found = replayed(folder)
    assert found.books.differing > 0
    assert found.decisions.difference.fields == ("fee",)
    assert found.decisions.difference.ts is not None
    assert '"fee":"1' in found.decisions.difference.there


def test_an_edited_plan_is_found_by_the_decisions_even_if_the_audit_passes(folder):
    edit(folder, b'"risk.stop_loss_pct":"0.02"', b'"risk.stop_loss_pct":"0.021"')
    found = replayed(folder)
    assert found.books.differing == 0
    assert found.decisions.difference is not None


def test_an_invalid_plan_is_rejected(folder):
    edit(folder, b'"risk.stop_loss_pct":"0.02"', b'"risk.stop_loss_pct":"2.5"')
    with pytest.raises(JournalError, match=r"risk\.stop_loss_pct"):
        replayed(folder)


def test_lines_after_the_end_are_a_difference(folder):
    path = folder / "journal.jsonl"
    text = path.read_bytes()
    last = text.splitlines(keepends=True)[-1]
    path.write_bytes(rehashed(text + last))
    found = replayed(folder)
    assert found.decisions.difference.now == ""


def test_an_unfinished_journal_is_confirmed_up_to_its_last_line(folder):
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:100]))
    with raises_code(JournalError, "chain_broken"):
        replayed(folder)
    (folder / "head").unlink()
    found = replayed(folder)
    assert (found.tail.lines, found.decisions.lines) == (100, 100)
    assert found.decisions.difference is None
    assert not found.books.ended


@pytest.mark.parametrize("torn", [1, 20, 150])
def test_a_torn_line_is_reported_and_the_whole_lines_are_replayed(folder, torn):
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:100]) + lines[100][:torn])
    (folder / "head").unlink()
    found = replayed(folder)
    assert found.tail.torn == torn
    assert found.decisions.difference is None


def test_without_candles_the_audit_runs_and_the_decisions_are_not_checked(folder):
    (folder / "candles.parquet").unlink()
    assert replayed(folder, books_only=True).decisions is None
    with raises_code(JournalError, "journal_not_found", match=r"candles\.parquet"):
        replayed(folder)


def test_the_candles_of_another_run_are_rejected_by_their_digest(tmp_path, folder):
    run(small(tmp_path, "system.random_seed=9"), tmp_path / "other")
    (folder / "candles.parquet").write_bytes((tmp_path / "other" / "candles.parquet").read_bytes())
    with raises_code(JournalError, "other_run"):
        replayed(folder)


def test_the_candles_of_other_symbols_are_rejected_even_for_an_unfinished_run(tmp_path, folder):
    run(small(tmp_path, "symbols.primary=[BTC/USDT]"), tmp_path / "other")
    (folder / "candles.parquet").write_bytes((tmp_path / "other" / "candles.parquet").read_bytes())
    (folder / "head").unlink()
    text = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(text[: text.index(b'{"n":9,')])
    with pytest.raises(JournalError, match=r"but line 1 of the journal has other symbols or decimals"):
        replayed(folder)


@pytest.mark.parametrize(
    ("symbols", "start", "candles"),
    [
        (["BTC/USDT", "ETH/USDT"], "2025-06-01", 5_526),
        pytest.param(["BTC/USDT"], "null", 70_811, marks=pytest.mark.soak),
        pytest.param(["BTC/USDT", "ETH/USDT"], "null", 114_614, marks=pytest.mark.soak),
    ],
    ids=["the last months", "one symbol", "two symbols"],
)
def test_eight_years_of_real_candles_replay_with_no_difference(tmp_path, real_data, symbols, start, candles):
    for name, file in (("BTC", "btcusdt-1h-2017-2025"), ("ETH", "ethusdt-1h-2020-2025")):
        (tmp_path / f"{name}.csv.gz").symlink_to(real_data / f"{file}.csv.gz")
    text = f"""\
symbols: {{primary: [{", ".join(symbols)}]}}
data: {{source: csv, path: "{{base}}.csv.gz", start: {start}}}
risk: {{drawdown_pause_days: 30}}
"""
    ended = run(small(tmp_path, text=text), tmp_path / "run")
    found = replayed(tmp_path / "run", engine="auto")
    assert found.decisions.candles == candles
    assert (found.books.differing, found.decisions.difference) == (0, None)
    assert found.tail.h == ended.last_hash != ORIGIN.decode()


def test_a_journal_without_its_last_newline_is_replayed_completely(folder, capsys):
    path = folder / "journal.jsonl"
    text = path.read_bytes()
    path.write_bytes(text[:-1])
    found = replayed(folder)
    assert found.tail.unended
    assert found.books.ended
    assert found.decisions is not None
    assert (found.decisions.lines, found.decisions.difference) == (text.count(b"\n"), None)
    assert cli.main(["replay", str(folder)]) == 0
    assert "the last of them has no newline" in capsys.readouterr().out
    assert path.read_bytes() == text[:-1]


def test_a_torn_tail_with_newlines_is_torn_for_a_replay_as_for_a_start(folder):
    (folder / "head").unlink()
    path = folder / "journal.jsonl"
    text = path.read_bytes()
    cut = text.rindex(b"\n", 0, len(text) // 2) + 1
    path.write_bytes(text[:cut] + bytes(1024) + b"\n" + bytes(10))
    found = replayed(folder)
    assert (found.tail.offset, found.tail.torn) == (cut, 1035)
    assert found.decisions is not None
    assert found.decisions.difference is None


def test_a_journal_with_candle_detail_but_no_candles_yet_is_replayed_without_a_difference(tmp_path, capsys):
    run(small(tmp_path, "journal.detail=candles"), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    path.write_bytes(path.read_bytes()[: path.read_bytes().index(b'{"n":2,')])
    (tmp_path / "run" / "head").unlink()
    assert cli.main(["replay", str(tmp_path / "run")]) == 0
    assert "0 candles again" in capsys.readouterr().out
    assert cli.main(["replay", str(tmp_path / "run"), "--until", "2024-02-01"]) == 4
    assert "no candle is recorded yet; continue it with the same `safla run`" in capsys.readouterr().err
