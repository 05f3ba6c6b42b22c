"""A recorded run is shown again at a given speed, each timestamp with its events (J43)."""

import json
import signal

import pytest

from safla import cli
from safla.core import values as v
from safla.errors import Interrupted
from safla.journal import reader
from safla.journal.events import CandleEvent, RunEnded, RunStarted
from safla.runs.interrupt import Flag
from safla.runs.replay_watch import ReplayPace, watch_replay
from tests.errors import raises_code
from tests.small_runs import journal, run, small

HOUR = 3_600_000


class Clock:
    """A clock that only moves while somebody sleeps."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def folder(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    return tmp_path / "run"


def seen(folder, pace):
    return list(watch_replay(folder, pace, engine="interpreted", say=lambda text: None))


def test_each_timestamp_is_shown_with_its_events_and_the_state_after_it(folder):
    found = seen(folder, ReplayPace(None, flag=Flag()))
    recorded = [line.event for line in reader.read(folder)]
    closing = recorded[-1]
    assert isinstance(closing, RunEnded)
    shown = [event for one in found for event in one.events]
    assert shown == [one for one in recorded if not isinstance(one, CandleEvent | RunStarted)][: len(shown)]
    assert {type(one).__name__ for one in recorded[len(shown) + 1 :]} <= {"OrderExpired", "ModeChanged", "RunEnded"}
    assert [one.ts for one in found] == sorted({one.ts for one in found})
    assert all(event.ts == one.ts for one in found for event in one.events)
    assert found[-1].state.account[v.TRADES] == closing.trades


def test_the_pace_is_the_timeframe_divided_by_the_speed(folder):
    clock = Clock()
    found = seen(folder, ReplayPace(7200, flag=Flag(), clock=lambda: clock.now, sleep=clock.sleep))
    assert clock.now == pytest.approx((found[-1].ts - found[0].ts) / 1000 / 7200)
    assert max(clock.slept) <= 0.2


def test_an_interrupt_is_noticed_between_two_sleeps(folder):
    flag, clock = Flag(), Clock()

    def interrupted(seconds):
        clock.sleep(seconds)
        flag.signal = signal.SIGTERM

    with raises_code(Interrupted, "interrupted") as caught:
        seen(folder, ReplayPace(1, flag=flag, clock=lambda: clock.now, sleep=interrupted))
    assert caught.value.exit_code == 143
    assert len(clock.slept) == 1


def test_the_command_shows_a_line_per_timestamp_with_its_events_below(folder, capsys):
    before = journal(folder)
    assert cli.main(["replay", str(folder), "--watch", "max"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if not line.startswith(" ")]) == len(seen(folder, ReplayPace(None, flag=Flag())))
    assert any(line.startswith("  filled: symbol BTC/USDT, order ") for line in lines)
    assert any(", halted by " in line for line in lines)
    assert journal(folder) == before


def test_the_command_prints_one_json_object_per_line(folder, capsys):
    assert cli.main(["replay", str(folder), "--watch", "max", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert printed[0]["events"][0]["type"] == "mode_changed"
    assert all(one["symbols"][0]["close"] for one in printed[5:])


@pytest.mark.parametrize("pace", ["", "0x", "60", "-1x", "1000000x", "60X", "fast"])
def test_an_invalid_speed_is_rejected(folder, capsys, pace):
    assert cli.main(["replay", str(folder), "--watch", pace]) == 2
    assert "expected a pace such as 1x (real time) or 60x, or max" in capsys.readouterr().err
