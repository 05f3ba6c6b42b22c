"""Rows 22, 30 and 31 of a paper run: strategies that fail or look ahead, and a program with other decisions."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from safla.core import account, step
from safla.core.fills import fee
from safla.errors import Finding
from safla.journal.events import CandleEvent, Halted, OrderPlaced, SignalEvent
from safla.runs import replay
from safla.runs.strategy_candles import Candles
from tests.compiled_engine import without_library
from tests.errors import raises_code
from tests.faults.command import inside
from tests.faults.invariants import check_answer, untouched
from tests.faults.paper import FEWER, begin_half, check_goes_on, undisturbed
from tests.paper.paper_runs import backtest_journal, run_paper
from tests.small_runs import events, given, journal

FIRST = 1_704_067_200_000  # timestamp of the first synthetic candle, ms
HOUR = 3_600_000
AT = 80  # number of the candle at which the strategy fails
MINE = ("strategy.name=mine", "symbols.primary=[BTC/USDT]", "data.synthetic.holes=0")


def raises(error: BaseException) -> Any:
    """A failure that raises this error."""

    def answer(_columns: Candles, _signal: Any, _strength: Any) -> Any:
        raise error

    return answer


def deeper(columns: Candles, signal: Any, strength: Any) -> Any:
    return deeper(columns, signal, strength)


def writes(columns: Candles, signal: Any, strength: Any) -> Any:
    columns.close[-1] = 1
    return signal, strength


FAILURES = {
    "MemoryError": (raises(MemoryError("no more")), "raised MemoryError"),
    "RecursionError": (deeper, "raised RecursionError"),
    "SystemExit": (raises(SystemExit(0)), "raised SystemExit"),
    "an error with a path": (raises(OSError(2, "none", "/secret/path")), "raised FileNotFoundError"),
    "NaN": (lambda columns, signal, strength: (signal, strength * np.nan), "returned what is no signal"),
    "another shape": (lambda columns, signal, strength: (signal[1:], strength[1:]), "returned what is no signal"),
    "nothing": (lambda columns, signal, strength: None, "returned what is no signal"),
    "two": (lambda columns, signal, strength: (signal * 0 + 2, strength), "returned what is no signal"),
    "writes": (writes, "raised ValueError"),
}


class Mine(NamedTuple):
    """A momentum strategy over the last three candles that fails at one timestamp."""

    failure: Any
    at: int = FIRST + AT * HOUR
    needs: int = 4
    asked: Any = None  # a list that collects the timestamps of the calls

    def warm_up(self, _parameters: Any) -> int:
        """The candles that it needs before its first signal."""
        return self.needs

    def __call__(self, columns: Candles, _parameters: Any) -> Any:
        """The columns of signals and strengths."""
        if self.asked is not None:
            self.asked.append(int(columns.ts[-1]))
        signal = np.zeros(len(columns.ts), np.int8)
        signal[3:] = np.sign(columns.close[3:] - columns.close[:-3])
        strength = np.abs(signal).astype(float)
        return self.failure(columns, signal, strength) if int(columns.ts[-1]) == self.at else (signal, strength)


def check_replay(folder: Path, register: Any) -> None:
    """I1 to I3: a replay confirms the chain, the books and the decisions."""
    found = replay.replay_run(folder, books_only=False, engine="interpreted", say=lambda text: None, register=register)
    assert found.books.differences == ()
    assert found.decisions is not None
    assert found.decisions.difference is None


@pytest.mark.parametrize("failure", FAILURES)
def test_row_30_a_strategy_that_fails_halts_the_account_and_the_run_continues(tmp_path, failure):
    answer, note = FAILURES[failure]
    asked: list[int] = []
    more = given(Mine(answer, asked=asked))
    run_paper(tmp_path, MINE, **more)
    assert asked[-1] == FIRST + AT * HOUR  # no call while that halt is open (J17)
    (halted,) = [one for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert (halted.ts, halted.note) == (FIRST + AT * HOUR, f"mine {note}")
    assert [one for one in events(tmp_path, SignalEvent) if one.ts >= halted.ts] == []
    assert [one for one in events(tmp_path, OrderPlaced) if one.ts > halted.ts and one.side == "buy"] == []
    assert len(events(tmp_path, CandleEvent)) > AT + 50
    check_replay(tmp_path, more["register"])


def test_row_30_a_run_with_a_failed_strategy_interrupted_anywhere_ends_in_the_same_bytes(tmp_path, chance):
    more = given(Mine(FAILURES["MemoryError"][0]))
    run_paper(tmp_path, MINE, **more)
    full = journal(tmp_path)
    place = full.index(b'"strategy_error"')
    for size in (place - 300, place, place + 200, *(chance.randrange(2_000, len(full)) for _ in range(5))):
        (tmp_path / "journal.jsonl").write_bytes(full[:size])
        (tmp_path / "head").unlink(missing_ok=True)
        run_paper(tmp_path, MINE, **more)
        assert journal(tmp_path) == full, size


def test_row_30_a_restart_does_not_call_a_strategy_again_for_the_candle_at_which_it_failed(tmp_path):
    """The halt is in the journal: that the strategy would work now changes nothing (J17, J39)."""
    more = given(Mine(FAILURES["MemoryError"][0]))
    run_paper(tmp_path, MINE, **more)
    full = journal(tmp_path)
    end = full.index(b"\n", full.index(b'"strategy_error"')) + 1
    (tmp_path / "journal.jsonl").write_bytes(full[:end])
    (tmp_path / "head").unlink()
    run_paper(tmp_path, MINE, **given(Mine(FAILURES["MemoryError"][0], at=-1)))
    assert journal(tmp_path) == full


def test_row_31_a_live_strategy_that_changes_a_past_signal_halts_the_account_before_it_trades(tmp_path):
    seen: list[int] = []

    def ahead(candles: Candles, _parameters: Any) -> Any:
        seen.append(int(candles.ts[-1]))
        signal = np.zeros(len(candles), np.int8)
        signal[:-1] = np.sign(np.diff(candles.close))
        return signal, np.abs(signal).astype(float)

    ahead.warm_up = lambda parameters: 4
    more = given(ahead)
    run_paper(tmp_path / "paper", MINE, **more)
    (halted,) = [one for one in events(tmp_path / "paper", Halted) if one.rule == "strategy_error"]
    assert halted.note == "mine looks ahead: it changed its signal of BTC/USDT at 2024-01-01T06:00Z"
    assert (halted.ts, seen) == (FIRST + 7 * HOUR, [FIRST + 6 * HOUR, FIRST + 7 * HOUR])
    assert events(tmp_path / "paper", OrderPlaced) == []
    check_replay(tmp_path / "paper", more["register"])
    with raises_code(Finding, "look_ahead", match="BTC/USDT at"):
        backtest_journal(tmp_path / "backtest", MINE, **more)


def test_row_31_live_a_strategy_sees_its_window_alone_and_the_backtest_rejects_one_that_needs_more(tmp_path):
    lengths: set[int] = set()

    def greedy(candles: Candles, _parameters: Any) -> Any:
        lengths.add(len(candles))
        signal = np.where(candles.close > candles.close.mean(), 1, -1).astype(np.int8)
        return signal, np.ones(len(signal))

    greedy.warm_up = greedy.window = 4
    more = given(greedy)
    run_paper(tmp_path / "paper", MINE, **more)
    assert lengths == {4}
    with pytest.raises(Finding, match="needs more than its window of 4 candles"):
        backtest_journal(tmp_path / "backtest", MINE, **more)


CHANGES = {
    "a fee of one unit more": (account, "fee", lambda amount, rate_ppm: fee(amount, rate_ppm) + 1),
    "a sale without slippage": (step, "sold_at", lambda _rules, _market, price, *_volume: price),
}


@pytest.mark.parametrize("change", CHANGES)
def test_row_22_a_changed_program_does_not_continue_a_paper_run(tmp_path, capsys, change):
    whole = undisturbed(tmp_path, capsys, text=FEWER.replace("candles: 40", "candles: 160"))
    out = tmp_path / "run"
    begin_half(out, whole)
    check_answer(inside(capsys, *whole.words(tmp_path / "warm")), 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*CHANGES[change])
        without_library(patch)
        (out / "config.yaml").write_bytes((whole.folder / "config.yaml").read_bytes())
        (out / "lock").touch(0o600)
        before = journal(out)
        answer = inside(capsys, *whole.words(out))
    check_answer(answer, 1)
    assert "is not what this run decides; the file was not changed" in answer.err
    assert "  there: " in answer.err
    assert "  now:   " in answer.err
    assert journal(out) == before
    with untouched(whole.folder):
        check_goes_on(inside(capsys, *whole.words(out)), out, whole)
