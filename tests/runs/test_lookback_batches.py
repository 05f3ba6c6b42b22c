"""The lookback of a paper run, where nothing is decided, is synced in batches so that a slow disk delays no start."""

import os
from pathlib import Path

import pytest

from safla.journal.append import Appender
from tests.paper.paper_runs import backtest_journal, loaded, run_paper
from tests.small_runs import journal

LOOKBACK = ("market_data.lookback_candles=100", "data.start=2024-01-05T12:00")


def test_the_lookback_is_synced_in_batches_and_every_later_timestamp_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    sync = Appender.sync

    def counted(self: Appender, **more: bool) -> None:
        syncs.append(self.offset)
        sync(self, **more)

    monkeypatch.setattr(Appender, "sync", counted)
    run_paper(tmp_path / "run", LOOKBACK)
    text = journal(tmp_path / "run")
    start = loaded("paper", LOOKBACK).config.data.start
    ends = [len(text[: text.index(b'"ts":%d,' % start)].rpartition(b"\n")[0]) + 1]  # of the lookback
    batches = [one for one in syncs if one <= ends[0]]
    assert len(batches) <= 3
    assert len(syncs) - len(batches) > 40
    assert text == backtest_journal(tmp_path / "backtest", LOOKBACK)


def test_updates_of_the_lookback_are_sent_in_order_after_they_are_on_the_disk(tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []

    class Updates(list):  # type: ignore[type-arg]
        def append(self, update: object) -> None:
            there = (tmp_path / "run" / "journal.jsonl").read_bytes().count(b"\n")
            seen.append((update.ts, update.lines, there))  # type: ignore[attr-defined]

    run_paper(tmp_path / "run", LOOKBACK, updates=Updates())
    *timestamps, closing = [ts for ts, *_ in seen]
    assert timestamps == sorted({*timestamps, closing})
    assert all(lines <= there for _, lines, there in seen)
    assert [lines for _, lines, _ in seen] == sorted(lines for _, lines, _ in seen)
    assert os.stat(tmp_path / "run" / "head").st_size > 0
