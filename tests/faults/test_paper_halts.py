"""Rows 24, 25 and 59 of a paper run: a halt starts at its limit and survives restarts; a command is executed once."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from safla.journal.events import CandleEvent, DayStarted, Filled, Halted, Resumed, RunEnded
from safla.paper import control
from safla.paper.control import Command
from safla.paper.session import session_at
from tests.faults.invariants import check_run
from tests.paper.paper_runs import backtest_journal, by_hand, by_operator, put, run_paper, waiting
from tests.small_runs import events, journal

FIRST = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
SLIPPAGE = ("base_bps", "impact_coefficient", "max_slippage_bps")
LOSSES = (
    "risk.max_daily_loss_pct=0.001", "risk.max_drawdown_pct=0.004", "risk.drawdown_pause_days=2",
    "risk.trailing_stop_pct=null", "data.synthetic.annual_volatility=2",
)  # fmt: skip


def cut_behind(folder: Path, whole: bytes, ts: int) -> None:
    """Cut a journal after the last line of a timestamp, as a kill may leave it."""
    lines = whole.splitlines(keepends=True)
    kept = [line for line in lines if int(line.partition(b'"ts":')[2].partition(b",")[0]) <= ts]
    (folder / "journal.jsonl").write_bytes(b"".join(kept))
    (folder / "head").unlink(missing_ok=True)


def moments(folder: Path, kind: Any) -> list[int]:
    """The timestamps of the events of this type."""
    return [one.ts for one in events(folder, kind)]


@pytest.fixture
def lossy(tmp_path) -> bytes:
    """The journal of a paper run in which both loss rules halt; it equals its backtest."""
    run_paper(tmp_path / "run", LOSSES)
    assert journal(tmp_path / "run") == backtest_journal(tmp_path / "backtest", LOSSES)
    assert {one.rule for one in events(tmp_path / "run", Halted)} == {"daily_loss", "drawdown"}
    return journal(tmp_path / "run")


def test_row_25_a_run_restarted_at_each_halt_resume_and_new_day_equals_the_uninterrupted_run(tmp_path, lossy):
    places = {*moments(tmp_path / "run", (Halted, Resumed))}
    places |= {ts - HOUR for ts in moments(tmp_path / "run", DayStarted)[1:]}
    assert len(places) > 4
    for ts in sorted(places):
        cut_behind(tmp_path / "run", lossy, ts)
        run_paper(tmp_path / "run", LOSSES)
        assert journal(tmp_path / "run") == lossy, ts
    check_run(tmp_path / "run", max_positions=2)


def halted_by_several(folder: Path, whole: bytes) -> int:
    """Cut a run at its daily halt, and halt it by an operator command too; the timestamp of the halt."""
    daily = next(one for one in events(folder, Halted) if one.rule == "daily_loss")
    cut_behind(folder, whole, daily.ts)
    with session_at(folder, say=lambda text: None) as (held, _):
        assert held.halt(by_hand("a person")) is True
    return daily.ts


def test_row_25_an_operator_halt_during_a_daily_halt_has_its_own_line_and_a_new_day_does_not_lift_it(tmp_path, lossy):
    folder = tmp_path / "run"
    ts = halted_by_several(folder, lossy)
    assert [one.rule for one in events(folder, Halted)] == ["daily_loss", "operator"]
    run_paper(folder, LOSSES)
    by_day = [one.halt for one in events(folder, Resumed) if one.by == "new_day"]
    assert 1 in by_day
    assert 2 not in by_day
    assert [one for one in events(folder, Filled) if one.ts > ts and one.side == "buy"] == []
    check_run(folder, max_positions=2)


def test_row_25_a_run_halted_by_several_rules_is_halted_by_the_same_rules_after_any_restart(tmp_path, lossy, chance):
    folder = tmp_path / "run"
    halted_by_several(folder, lossy)
    run_paper(folder, LOSSES)
    whole = journal(folder)
    begin = whole.index(b'"operator"')
    for size in sorted(chance.randrange(begin - 200, len(whole)) for _ in range(8)):
        (folder / "journal.jsonl").write_bytes(whole[:size])
        (folder / "head").unlink(missing_ok=True)
        if b'"operator"' not in whole[:size].rpartition(b"\n")[0]:
            continue  # the operator's halt itself was lost
        run_paper(folder, LOSSES)
        assert journal(folder) == whole, size


def test_row_25_a_resumed_run_stays_resumed_after_a_restart(tmp_path, lossy):
    folder = tmp_path / "run"
    ts = halted_by_several(folder, lossy)
    with session_at(folder, say=lambda text: None) as (held, _):
        assert held.resume(None, by_hand("on we go", number=2)) == 1  # the daily halt remains
    run_paper(folder, LOSSES)
    whole = journal(folder)
    (by_person,) = [one for one in events(folder, Resumed) if one.by == "operator"]
    assert (by_person.ts, by_person.halt) == (ts, 2)
    assert [one for one in events(folder, Filled) if one.ts > ts and one.side == "buy"] != []
    for behind in (0, 40, 90):
        cut_behind(folder, whole, ts + behind * 3_600_000)
        run_paper(folder, LOSSES)
        assert journal(folder) == whole
    check_run(folder, max_positions=2)


# --- Commands --------------------------------------------------------------------------------------------------------


def half_run(folder: Path, sets: Sequence[str] = ()) -> bytes:
    """Leave the first half of a run, cut at the end of a timestamp; the whole journal."""
    run_paper(folder, sets)
    whole = journal(folder)
    cut_behind(folder, whole, events(folder, CandleEvent)[len(events(folder, CandleEvent)) // 2].ts)
    return whole


def test_row_24_a_command_that_waits_at_a_restart_is_executed_after_the_recorded_lines(tmp_path):
    half_run(tmp_path)
    last = events(tmp_path, CandleEvent)[-1].ts
    before = journal(tmp_path)
    one = put(tmp_path, "halt", note="by hand")
    run_paper(tmp_path)
    assert journal(tmp_path).startswith(before)
    (halted,) = [one for one in events(tmp_path, Halted) if one.rule == "operator"]
    assert (halted.ts, halted.note, halted.given, halted.id) == (last, "by hand", one.given, one.id)
    assert waiting(tmp_path) == ()
    check_run(tmp_path, max_positions=2)


def set_waiting(folder: Path, *commands: Command) -> None:
    """Let exactly these commands wait, as they did before the process died."""
    for one in waiting(folder):
        control.remove(folder, one)
    for one in commands:
        control.put_command(folder, one)


@pytest.mark.parametrize("kind", ["halt", "stop"])
def test_row_24_a_command_is_executed_once_when_the_process_dies_before_its_lines_are_complete(
    tmp_path, kind, monkeypatch
):
    """Cut after every line that the command writes, and within a line: the command file remains for the next start."""
    half_run(tmp_path)
    before = journal(tmp_path)
    one = put(tmp_path, kind)
    with monkeypatch.context() as patch:
        patch.setattr(control, "remove", dies)
        with pytest.raises(Died):
            run_paper(tmp_path)
    after = journal(tmp_path)
    lines = after[len(before) :].splitlines(keepends=True)
    assert lines
    sizes = {len(before) + sum(map(len, lines[:number])) for number in range(len(lines) + 1)}
    ended = []
    for size in sorted({*sizes, len(before) + 100}):
        (tmp_path / "journal.jsonl").write_bytes(after[:size])
        (tmp_path / "head").unlink(missing_ok=True)
        set_waiting(tmp_path, one)
        run_paper(tmp_path)
        assert journal(tmp_path).startswith(after), size
        assert waiting(tmp_path) == ()
        ended.append(journal(tmp_path))
    assert len(set(ended)) == 1
    check_run(tmp_path, max_positions=2)


def test_row_24_an_interrupted_resume_of_several_halts_lifts_the_rest_with_the_same_command_id(tmp_path, lossy):
    folder = tmp_path / "run"
    drawdown = next(one for one in events(folder, Halted) if one.rule == "drawdown")
    cut_behind(folder, lossy, drawdown.ts)
    put(folder, "halt")
    before = journal(folder)
    resume = put(folder, "resume", note="all of them")
    run_paper(folder, LOSSES)
    whole = journal(folder)
    own = [line for line in by_operator(folder) if resume.id.encode() in line]
    assert len(own) == 2  # one for the drawdown halt, one for the operator's
    first = whole.index(own[0])
    assert first > len(before)
    end = whole.index(b'"type":"candle', first)
    cuts = [first, *(at + 1 for at in range(first, end) if whole[at : at + 1] == b"\n"), first + len(own[0]) + 40]
    assert len(cuts) == 4
    for size in cuts:
        (folder / "journal.jsonl").write_bytes(whole[:size])
        (folder / "head").unlink(missing_ok=True)
        set_waiting(folder, resume)
        run_paper(folder, LOSSES)
        assert journal(folder) == whole, size
        assert waiting(folder) == ()
    check_run(folder, max_positions=2)


def test_row_24_a_command_already_in_the_journal_is_not_executed_again_by_a_later_start(tmp_path):
    half_run(tmp_path)
    one = put(tmp_path, "halt")
    run_paper(tmp_path)
    lift = by_hand("on we go", number=2)
    cut_behind(tmp_path, journal(tmp_path), events(tmp_path, CandleEvent)[-20].ts)
    with session_at(tmp_path, say=lambda text: None) as (held, _):
        held.resume(None, lift)
    control.put_command(tmp_path, one)
    run_paper(tmp_path)
    assert [one.by for one in events(tmp_path, Resumed) if one.by == "operator"] == ["operator"]
    assert len([one for one in events(tmp_path, Halted) if one.rule == "operator"]) == 1
    assert waiting(tmp_path) == ()
    check_run(tmp_path, max_positions=2)


class Died(BaseException):
    """Stands for the death of the process."""


def dies(*_arguments: object) -> None:
    raise Died


def test_row_24_closing_lines_cut_by_a_crash_are_completed_by_the_next_start(tmp_path):
    """The first closing line ends the run: a later start only completes the lines, with or without a command."""
    half_run(tmp_path)
    with session_at(tmp_path, say=lambda text: None) as (held, _):
        held.stop()
    whole = journal(tmp_path)
    lines = whole.splitlines(keepends=True)
    closing = next(number for number, line in enumerate(lines) if b'"trigger":"stop"' in line)
    for number in range(closing + 1, len(lines)):
        (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[:number]))
        (tmp_path / "head").unlink(missing_ok=True)
        run_paper(tmp_path)
        assert journal(tmp_path) == whole, number
    assert len(events(tmp_path, RunEnded)) == 1
    assert number > closing


@pytest.mark.parametrize(("close", "halts"), [("99.01", 0), ("99.00", 1), ("98.99", 1)])
def test_row_59_a_paper_run_halts_at_a_loss_equal_to_its_limit_and_not_one_tick_below(
    tmp_path: Path, close: str, halts: int
) -> None:
    """S15: 9 units bought at 100.00, and a daily loss limit of 9.00 on a balance of 100 000."""
    closes = ["100.00"] * 4 + ["101.00", "100.00", close, close]
    rows = [f"{FIRST + number * HOUR},100.00,101.00,98.00,{one},1000000" for number, one in enumerate(closes)]
    (tmp_path / "candles.csv").write_text("\n".join(["timestamp,open,high,low,close,volume", *rows, ""]))
    config = {
        "paper": {"source": "replay", "speed": "max"},
        "symbols": {"primary": ["BTC/USDT"]},
        "market_data": {"timeframe": "1h"},
        "data": {"source": "csv", "path": str(tmp_path / "candles.csv")},
        "simulation": {"commission_rate": 0, "slippage": dict.fromkeys(SLIPPAGE, 0)},
        "strategy": {
            "fast_period": 2, "slow_period": 3, "entry_threshold_pct": 0, "exit_threshold_pct": 0.05,
            "max_position_size_usd": 1000,
        },
        "risk": {"stop_loss_pct": None, "take_profit_pct": None, "max_daily_loss_pct": Decimal("0.00009")},
    }  # fmt: skip
    run_paper(tmp_path / "paper", config=config)
    assert events(tmp_path / "paper", Filled)[0].quantity == "9.00000"
    assert [one.rule for one in events(tmp_path / "paper", Halted)] == ["daily_loss"] * halts
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", config=config)
