"""Paper trading equals the backtest of its candles, byte for byte, wherever it was interrupted (promises 1 and 4)."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.api.registered import registered
from safla.config.replay_time import speed_of
from safla.core import values as v
from safla.core.candles import Series
from safla.core.values import Columns
from safla.errors import ConfigError, HostError, Interrupted
from safla.exchange.live_candles import CandleBatch
from safla.journal.events import CandleEvent, Filled, Halted, Resumed, RunEnded, SignalEvent
from safla.observe.update import Update
from safla.paper import runner, sources
from safla.paper.pace import Pace
from safla.paper.session import session_at
from safla.runs.interrupt import Flag
from safla.runs.strategy_candles import CandleWindow
from safla.strategies.register import Strategy
from tests.errors import raises_code
from tests.paper.paper_runs import SMALL, backtest_journal, by_hand, journal, loaded, run_paper
from tests.scale import some_of
from tests.small_runs import events, holds

BTC = ("symbols.primary=[BTC/USDT]",)


@pytest.mark.parametrize(
    "sets",
    [
        (),
        BTC,
        ("execution.on_gap=sell",),
        ("risk.on_halt=block_entries", "risk.drawdown_pause_days=1"),
        ("market_data.max_gap_candles=1", "execution.max_fill_delay_candles=0"),
        ("data.start=null",),
    ],
)
def test_a_paper_run_equals_the_backtest_of_its_candles_byte_for_byte(tmp_path: Path, sets: tuple[str, ...]):
    ended = run_paper(tmp_path / "paper", sets)
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", sets)
    assert ended.lines == journal(tmp_path / "paper").count(b"\n")
    assert holds(tmp_path / "paper")


REAL = {
    "month": ("btcusdt-1h-2017-2025.csv.gz", "1h", "2023-01-01", "2023-02-01"),
    "btc": ("btcusdt-1h-2017-2025.csv.gz", "1h", "2023-01-01", "2023-06-01"),
    "eth": ("ethusdt-1h-2020-2025.csv.gz", "1h", "2021-03-01", "2021-08-01"),
    "minutes": ("btcusdt-1m-2024-04.csv.gz", "1m", None, None),
}


@some_of("name", REAL, keep=("month",))
def test_a_paper_run_over_real_candles_equals_their_backtest(tmp_path: Path, real_data: Path, name: str):
    file, timeframe, start, end = REAL[name]
    config = {
        **SMALL, "symbols": {"primary": ["BTC/USDT"]}, "market_data": {"timeframe": timeframe},
        "data": {"source": "csv", "path": str(real_data / file), "start": start, "end": end},
        "strategy": {"fast_period": 5, "slow_period": 20, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
    }  # fmt: skip
    run_paper(tmp_path / "paper", config=config)
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", config=config)


def test_every_batch_is_notified_after_it_is_written_with_all_its_lines(tmp_path: Path):
    updates: list[Update] = []
    run_paper(tmp_path, updates=updates)
    events = [event for one in updates for event in one.events]
    assert [one.ts for one in updates] == sorted(one.ts for one in updates)
    assert updates[-1].lines == journal(tmp_path).count(b"\n") == len(events)
    assert isinstance(events[-1], RunEnded)
    assert sum(isinstance(event, CandleEvent) for event in events) == journal(tmp_path).count(b'"type":"candle"')
    assert all(one.synced >= one.came for one in updates)


def cut(path: Path, full: bytes, size: int) -> None:
    (path / "journal.jsonl").write_bytes(full[:size])
    (path / "head").unlink(missing_ok=True)


def test_a_run_interrupted_after_any_line_ends_in_the_same_bytes(tmp_path: Path):
    sets = ("data.synthetic.candles=34", "data.synthetic.holes=3")
    run_paper(tmp_path, sets)
    full = journal(tmp_path)
    ends = [place + 1 for place, letter in enumerate(full) if letter == 10]
    for size in ends[:-1]:
        cut(tmp_path, full, size)
        run_paper(tmp_path, sets)
        assert journal(tmp_path) == full, f"cut at {size}"


def test_a_run_interrupted_within_a_line_ends_in_the_same_bytes(tmp_path: Path, chance: random.Random):
    run_paper(tmp_path)
    full = journal(tmp_path)
    for _ in range(15):
        size = chance.randrange(1, len(full))
        cut(tmp_path, full, size)
        run_paper(tmp_path)
        assert journal(tmp_path) == full, f"cut at {size}"


def test_events_notified_before_an_interruption_are_not_notified_again(tmp_path: Path):
    run_paper(tmp_path)
    full = journal(tmp_path)
    cut(tmp_path, full, full.index(b"\n", len(full) // 2) + 1)
    updates: list[Update] = []
    run_paper(tmp_path, updates=updates)
    assert sum(len(one.events) for one in updates) < full.count(b"\n") * 0.7


def test_a_finished_run_takes_no_more_candles(tmp_path: Path):
    first = run_paper(tmp_path)
    before = journal(tmp_path)
    said: list[str] = []
    again = run_paper(tmp_path, said=said.append)
    assert (again.again, again.lines, again.last_hash) == (True, first.lines, first.last_hash)
    assert journal(tmp_path) == before
    assert "has ended" in said[-1]


def test_an_interrupt_ends_the_run_at_a_whole_timestamp_and_the_same_command_continues_it(tmp_path: Path):
    flag = Flag()

    class InterruptingUpdates(list[Update]):
        def append(self, one: Update) -> None:
            super().append(one)
            if len(self) == 40:
                flag.signal = 15

    updates = InterruptingUpdates()
    with raises_code(Interrupted, "interrupted") as ended:
        run_paper(tmp_path, updates=updates, flag=flag)
    assert ended.value.exit_code == 143
    head = (tmp_path / "head").read_bytes()
    assert f'"n":{journal(tmp_path).count(10)}'.encode() in head
    run_paper(tmp_path)
    assert journal(tmp_path) == backtest_journal(tmp_path / "backtest")


def test_continuing_a_run_with_another_plan_is_rejected_with_each_key(tmp_path: Path):
    run_paper(tmp_path)
    cut(tmp_path, journal(tmp_path), len(journal(tmp_path)) // 2)
    with pytest.raises(ConfigError, match=r"risk\.stop_loss_pct: the journal has 0\.02, this run has 0\.03"):
        run_paper(tmp_path, ("risk.stop_loss_pct=0.03",))


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (BTC, r"symbols: the journal has BTC/USDT ETH/USDT, this run has BTC/USDT"),
        (("markets={ETH/USDT: {lot: 0.01}}",), r"markets\.ETH/USDT\.lot: the journal has 0\.00001, this run has 0\.01"),
        (("markets={BTC/USDT: {price_decimals: 3}}",), r"markets\.BTC/USDT\.price_decimals: the journal has 2"),
    ],
)
def test_continuing_a_run_with_other_symbols_or_scales_is_rejected_with_each_key(
    tmp_path: Path, sets: tuple[str, ...], said: str
):
    run_paper(tmp_path)
    full = journal(tmp_path)
    cut(tmp_path, full, len(full) // 2)
    before = journal(tmp_path)
    with pytest.raises(ConfigError, match=said):
        run_paper(tmp_path, sets)
    assert journal(tmp_path) == before
    run_paper(tmp_path, ("markets={ETH/USDT: {lot: 0.00001, price_decimals: 2}}",))  # the same, named
    assert journal(tmp_path) == full


def test_the_folder_name_depends_on_plan_and_symbols_and_not_on_candles():
    one = runner.paper_folder(loaded("paper"), stem="a", out=None)
    assert runner.paper_folder(loaded("paper", ("data.synthetic.candles=99",)), stem="a", out=None) == one
    assert runner.paper_folder(loaded("paper", ("risk.stop_loss_pct=0.03",)), stem="a", out=None) != one
    assert runner.paper_folder(loaded("paper", BTC), stem="a", out=None) != one


# --- Inputs from outside ---------------------------------------------------------------------------------------------


def half(folder: Path, sets: tuple[str, ...] = BTC) -> bytes:
    """Returns a run that was interrupted in the middle, at the end of a timestamp, and its complete journal."""
    run_paper(folder, sets)
    full = journal(folder)
    lines = full.splitlines(keepends=True)
    place = next(n for n in range(len(lines) // 2, len(lines)) if b'"type":"candle"' in lines[n])
    cut(folder, full, sum(map(len, lines[:place])))
    return full


def test_a_halt_by_an_operator_is_recorded_survives_a_restart_and_is_replayed(tmp_path: Path):
    half(tmp_path)
    with session_at(tmp_path, say=lambda text: None) as (held, _):
        assert held.halt(by_hand("lunch")) is True
        assert held.halt(by_hand("again", number=2)) is False
    run_paper(tmp_path, BTC)
    halted = [one for one in events(tmp_path, Halted) if one.rule == "operator"]
    assert [(one.note, one.value) for one in halted] == [("lunch", None)]
    after = [one for one in events(tmp_path, Filled) if one.ts > halted[0].ts and one.side == "buy"]
    assert after == []
    assert holds(tmp_path)


def test_trading_continues_after_an_operator_lifts_the_halts(tmp_path: Path):
    half(tmp_path)
    with session_at(tmp_path, say=lambda text: None) as (held, _):
        held.halt(by_hand("lunch"))
        assert held.resume(99, by_hand()) == 0
        assert held.resume(None, by_hand("back", number=2)) >= 1
        assert held.resume(None, by_hand(number=3)) == 0
    run_paper(tmp_path, BTC)
    assert [one.note for one in events(tmp_path, Resumed) if one.by == "operator"][-1] == "back"
    assert holds(tmp_path)


def test_a_run_stopped_by_an_operator_has_ended_for_good(tmp_path: Path):
    half(tmp_path)
    with session_at(tmp_path, say=lambda text: None) as (held, _):
        held.stop()
        assert held.ended
    assert run_paper(tmp_path, BTC).again is True
    assert holds(tmp_path)


def test_a_run_held_by_one_process_cannot_be_held_by_another(tmp_path: Path):
    half(tmp_path)
    with (
        session_at(tmp_path, say=lambda text: None),
        raises_code(HostError, "run_locked"),
        session_at(tmp_path, say=lambda text: None),
    ):
        pass


def test_a_possibly_incomplete_timestamp_is_left_to_the_run(tmp_path: Path):
    full = half(tmp_path, ())
    lines = full.splitlines(keepends=True)
    first = next(n for n, line in enumerate(lines) if n > 50 and b'"ETH/USDT"' in line and b'"candle"' in line)
    cut(tmp_path, full, sum(map(len, lines[:first])))
    with raises_code(HostError, "run_not_ready"), session_at(tmp_path, say=lambda text: None):
        pass
    run_paper(tmp_path)
    assert journal(tmp_path) == full


class Failing:
    """A strategy that raises at one candle while it is the last."""

    def __init__(self, *numbers: int) -> None:
        self.at = {1_704_067_200_000 + number * 3_600_000 for number in numbers}

    def warm_up(self, parameters: Any) -> int:
        return 4

    def __call__(self, columns: Columns, parameters: Any) -> Any:
        if int(columns.ts[-1]) in self.at:
            raise MemoryError("too much")
        signal = np.zeros(len(columns.ts), np.int8)
        signal[3:] = np.sign(columns.close[3:] - columns.close[:-3])
        return signal, np.abs(signal).astype(float)


def register(*numbers: int) -> dict[str, Strategy]:
    return registered({"mine": Failing(*numbers)})


MINE = ("strategy.name=mine", *BTC, "data.synthetic.holes=0")


def test_a_strategy_that_raises_halts_the_account_and_the_run_continues_to_watch(tmp_path: Path):
    given = {"register": register(80), "strategies": ("mine",)}
    run_paper(tmp_path, MINE, **given)
    halted = [one for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert [(one.ts, one.note) for one in halted] == [(1_704_067_200_000 + 80 * 3_600_000, "mine raised MemoryError")]
    assert [one for one in events(tmp_path, SignalEvent) if one.ts >= halted[0].ts] == []
    assert len(events(tmp_path, CandleEvent)) == 157
    assert holds(tmp_path, register=given["register"])


def test_after_a_resume_the_strategy_is_called_again(tmp_path: Path):
    given = {"register": register(80), "strategies": ("mine",)}
    run_paper(tmp_path, MINE, **given)
    full = journal(tmp_path)
    lines = full.splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if f'"ts":{1_704_067_200_000 + 90 * 3_600_000}'.encode() in line)
    cut(tmp_path, full, sum(map(len, lines[:place])))
    with session_at(tmp_path, say=lambda text: None, register=given["register"]) as (held, _):
        assert held.resume(None, by_hand("mended")) == 1
    run_paper(tmp_path, MINE, **given)
    resumed = [one for one in events(tmp_path, Resumed) if one.by == "operator"]
    assert len([one for one in events(tmp_path, SignalEvent) if one.ts > resumed[0].ts]) > 10
    assert holds(tmp_path, register=given["register"])
    whole = journal(tmp_path)
    for size in (len(whole) // 2, whole.index(b'"strategy_error"') + 20, whole.index(b'"mended"')):
        cut(tmp_path, whole, size)
        run_paper(tmp_path, MINE, **given)
        assert holds(tmp_path, register=given["register"])


# --- Sources ---------------------------------------------------------------------------------------------------------


def test_late_symbols_and_pauses_do_not_change_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chance: random.Random
):
    given = sources.recorded_candles

    async def disturbed(*arguments: Any, **more: Any) -> AsyncIterator[CandleBatch]:
        async for one in given(*arguments, **more):
            await asyncio.sleep(chance.choice([0, 0, 0, 0.001, 0.002]))
            yield one

    monkeypatch.setattr(sources, "recorded_candles", disturbed)
    run_paper(tmp_path / "paper")
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest")


def test_history_arrives_at_its_pace_and_the_lookback_at_once():
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    ts = np.arange(5, dtype=np.int64) * 3_600_000
    series = Series("BTC/USDT", 2, 3, Columns(ts, *(np.full(5, 100, np.int64) for _ in range(5))))

    async def all_of() -> list[int]:
        pace = Pace(3600.0, clock=lambda: 0.0, sleep=sleep)
        return [one.ts async for one in sources.recorded_candles([series], since=0, live_from=2 * 3_600_000, pace=pace)]

    assert asyncio.run(all_of()) == ts.tolist()
    assert waits == [0, 1.0, 2.0]


@pytest.mark.parametrize(("text", "speed"), [("1x", 1.0), ("60x", 60.0), ("max", float("inf"))])
def test_a_speed_is_a_multiple_of_real_time(text: str, speed: float):
    assert speed_of(text) == speed


def test_a_window_holds_only_the_last_candles():
    window = CandleWindow(3)
    for number in range(20):
        window.add(number, (number, number, number, number, number))
        assert window.columns().ts.tolist() == list(range(max(0, number - 2), number + 1))
        assert window.columns().close.tolist() == window.columns().ts.tolist()


def test_the_marker_of_a_timestamp_without_a_call_is_not_a_valid_signal():
    assert v.UNASKED not in (v.ENTER_SIGNAL, v.EXIT_SIGNAL, 0)
