"""Rows 8, 27 and 29 of a paper run, and its parity: recorded candles win, and the way candles arrive changes no byte.

Candles arrive late, twice, or without one symbol; the journal equals that of the backtest (promise 1).
"""

import asyncio
import random
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from safla.errors import DataError
from safla.journal import append, reader
from safla.journal.events import CandleEvent
from safla.observe.update import Update
from safla.paper import sources
from safla.paper.sources import CandleBatch
from tests.errors import raises_code
from tests.faults.command import inside, safla
from tests.faults.invariants import check_answer
from tests.faults.paper import FEWER, check_goes_on, undisturbed
from tests.paper.paper_runs import backtest_journal, run_paper
from tests.small_runs import journal

HOLES = ("data.synthetic.candles=60", "data.synthetic.holes=8")


def disturbed(chance: random.Random, *, longest: float) -> Any:
    """A candle source with random delays that delivers some batches twice or more."""
    given = sources.recorded_candles

    async def come(*arguments: Any, **more: Any) -> AsyncIterator[CandleBatch]:
        before: list[CandleBatch] = []
        async for one in given(*arguments, **more):
            if chance.random() < 0.3:
                await asyncio.sleep(chance.uniform(0, longest))
            yield one
            before.append(one)
            for _ in range(chance.choice([0, 0, 0, 1, 2])):
                yield chance.choice(before[-3:])

    return come


def test_a_paper_run_at_speed_3600x_with_late_candles_equals_the_backtest(tmp_path, monkeypatch, chance):
    monkeypatch.setattr(sources, "recorded_candles", disturbed(chance, longest=0.02))
    sets = ("market_data.timeframe=1m", "data.synthetic.candles=80", "data.start=2024-01-01T00:15")
    run_paper(tmp_path / "paper", ("paper.speed=3600x", *sets))
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", sets)


def test_a_paper_run_interrupted_many_times_with_late_candles_equals_the_backtest(tmp_path, monkeypatch, chance):
    monkeypatch.setattr(sources, "recorded_candles", disturbed(chance, longest=0.001))
    run_paper(tmp_path / "paper")
    whole = journal(tmp_path / "paper")
    for _ in range(6):
        (tmp_path / "paper" / "journal.jsonl").write_bytes(whole[: chance.randrange(1, len(whole))])
        (tmp_path / "paper" / "head").unlink(missing_ok=True)
        run_paper(tmp_path / "paper")
        assert journal(tmp_path / "paper") == whole
    assert whole == backtest_journal(tmp_path / "backtest")


# --- Recorded candles win --------------------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[bytes]:
    """The lines of a journal."""
    return journal(folder).splitlines(keepends=True)


def cut(folder: Path, lines: list[bytes], number: int) -> None:
    """Leave so many lines, as a kill may leave them."""
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:number]))
    (folder / "head").unlink(missing_ok=True)


def changed(change: Any) -> Any:
    """A candle source that delivers changed batches."""
    given = sources.recorded_candles

    async def come(*arguments: Any, **more: Any) -> AsyncIterator[CandleBatch]:
        async for one in given(*arguments, **more):
            for other in change(one):
                yield other

    return come


def test_recorded_candles_win_over_revised_candles_that_are_fetched_later(tmp_path, monkeypatch):
    """The exchange may have revised a candle: the one that decisions are based on stays (S2, J39)."""
    run_paper(tmp_path, HOLES)
    lines = lines_of(tmp_path)
    ends = [number for number, line in enumerate(lines, 1) if b'"type":"candle"' in line and number > 20]
    for number in ends[:12]:
        cut(tmp_path, lines, number)
        last = [one.event for one in reader.read(tmp_path) if isinstance(one.event, CandleEvent)][-1]

        def revise(one: CandleBatch, ts: int = last.ts, last: CandleEvent = last) -> list[CandleBatch]:
            if one.ts != ts:
                return [one]
            known = 2 if last.symbol == "ETH/USDT" else 1
            rows = tuple(
                tuple(value + 1 for value in row) if row is not None and index < known else row
                for index, row in enumerate(one.rows)
            )
            return [one._replace(rows=rows)]

        with monkeypatch.context() as patch:
            patch.setattr(sources, "recorded_candles", changed(revise))
            run_paper(tmp_path, HOLES)
        assert lines_of(tmp_path) == lines, number


def test_a_recorded_missing_candle_stays_missing_when_the_source_serves_it_later(tmp_path, monkeypatch):
    """The decisions without that candle are in the journal (S6, J39)."""
    run_paper(tmp_path, HOLES)
    lines, absent = lines_of(tmp_path), gaps_of(tmp_path)
    behind = [
        number
        for number, line in enumerate(lines, 1)
        if number > 6 and b'"type":"candle"' not in line and any(b'"ts":%d,' % ts in line for ts in absent)
    ]
    assert len(behind) > 3

    def served(one: CandleBatch) -> CandleBatch:
        there = next(row for row in one.rows if row is not None)
        return one._replace(rows=tuple(there if row is None else row for row in one.rows))

    for number in behind:
        cut(tmp_path, lines, number)
        ts = int(lines[number - 1].partition(b'"ts":')[2].partition(b",")[0])

        def only(one: CandleBatch, ts: int = ts) -> list[CandleBatch]:
            return [served(one) if one.ts == ts else one]

        with monkeypatch.context() as patch:
            patch.setattr(sources, "recorded_candles", changed(only))
            run_paper(tmp_path, HOLES)
        assert lines_of(tmp_path) == lines, number


def gaps_of(folder: Path) -> set[int]:
    """The timestamps at which one of the symbols has no candle."""
    seen: dict[int, int] = {}
    for line in reader.read(folder):
        if isinstance(line.event, CandleEvent):
            seen[line.event.ts] = seen.get(line.event.ts, 0) + 1
    return {ts for ts, count in seen.items() if count == 1}


def test_a_last_timestamp_that_the_source_no_longer_serves_is_taken_from_the_journal(tmp_path, monkeypatch):
    run_paper(tmp_path, HOLES)
    lines = lines_of(tmp_path)
    number = next(n for n, line in enumerate(lines, 1) if n > 40 and b'"ETH/USDT","open"' in line)
    cut(tmp_path, lines, number)
    ts = next(iter(reversed([one.event.ts for one in reader.read(tmp_path)])))
    with monkeypatch.context() as patch:
        patch.setattr(sources, "recorded_candles", changed(lambda one: [] if one.ts == ts else [one]))
        run_paper(tmp_path, HOLES)
    assert lines_of(tmp_path) == lines


@pytest.mark.parametrize("damage", ["half", "NUL", "no newline"])
def test_row_8_a_run_whose_first_line_is_torn_starts_again(tmp_path, damage):
    run_paper(tmp_path, HOLES)
    lines, first = lines_of(tmp_path), lines_of(tmp_path)[0]
    tails = {"half": first[: len(first) // 2], "NUL": b"\0" * 600 + first[600:], "no newline": first[:-1]}
    (tmp_path / "journal.jsonl").write_bytes(tails[damage])
    (tmp_path / "head").unlink()
    run_paper(tmp_path, HOLES)
    assert lines_of(tmp_path) == lines


# --- Updates ---------------------------------------------------------------------------------------------------------


def test_no_update_is_sent_before_its_lines_are_synced_to_disk(tmp_path, monkeypatch):
    """I7, J23: when a batch is reported, its lines are in the file, and the file was synced after them."""
    synced: list[int] = []
    sync = append._sync

    def noted(descriptor: int) -> None:
        sync(descriptor)
        synced.append((tmp_path / "journal.jsonl").stat().st_size)

    class Reading(list[Update]):
        def append(self, one: Update) -> None:
            text = journal(tmp_path)
            super().append(one)
            assert text.count(b"\n") >= one.lines  # a batch of the lookback has more lines
            assert synced[-1] == len(text)

    monkeypatch.setattr(append, "_sync", noted)
    updates = Reading()
    run_paper(tmp_path, updates=updates)
    assert len(updates) > 150


# --- Row 29 ----------------------------------------------------------------------------------------------------------


def test_row_29_with_few_descriptors_a_paper_run_works_or_exits_6_and_loses_nothing(tmp_path, capsys):
    whole = undisturbed(tmp_path, capsys, text=FEWER)
    for most in (8, 32):
        out = tmp_path / f"run-{most}"
        answer = safla(
            *whole.words(out), first=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        )
        check_answer(answer, answer.code if answer.code in (0, 6) else 6)
        check_goes_on(inside(capsys, *whole.words(out)), out, whole)
        assert journal(out) == whole.journal


def test_a_missing_head_file_is_written_again_by_the_same_command(tmp_path):
    run_paper(tmp_path, HOLES)
    whole = (tmp_path / "head").read_bytes()
    (tmp_path / "head").unlink()
    assert run_paper(tmp_path, HOLES).again
    assert (tmp_path / "head").read_bytes() == whole


def test_a_source_without_candles_in_the_period_is_an_error_and_leaves_no_journal(tmp_path):
    with raises_code(DataError, "no_candles_in_period"):
        run_paper(tmp_path, ("data.start=2030-01-01",))
    assert not (tmp_path / "journal.jsonl").exists()
