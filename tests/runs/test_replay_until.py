"""The snapshot of a run after a candle depends on nothing that came later (J43, promise 2)."""

import json

import pytest

from safla import cli
from safla.core import values as v
from safla.core.machine import IDLE
from safla.errors import UsageError
from safla.report.account_state import stand, stand_lines
from safla.runs.replay_until import until
from tests.small_runs import run, small

HOUR = 3_600_000
FIRST = 1_704_067_200_000


@pytest.fixture
def folder(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    return tmp_path / "run"


def stood(folder, moment):
    return until(folder, moment, engine="interpreted", say=lambda text: None)


@pytest.mark.parametrize("candle", [0, 50, 333, 899])
def test_the_snapshot_at_a_time_equals_the_end_of_a_run_over_the_candles_until_then(tmp_path, folder, candle):
    moment = FIRST + candle * HOUR
    found = stood(folder, moment)
    part = run(small(tmp_path, f"data.end={moment + 1}"), tmp_path / "part").outcome
    assert found.ts == int(part.ts[-1]) <= moment
    for field in (v.CASH, v.EQUITY, v.PEAK, v.TRADES, v.HALTS):
        assert found.state.account[field] == part.state.account[field]
    assert IDLE not in found.state.book[:, v.MODE]  # a finished run is idle, and this one was not


def test_a_time_after_the_last_candle_means_the_last_candle(folder):
    assert stood(folder, FIRST + 10**12).ts == stood(folder, FIRST + 903 * HOUR).ts


def test_a_time_before_all_candles_is_rejected_with_the_first_candle(folder):
    with pytest.raises(UsageError, match=r"the first candle opens at 2024-01-01T00:00Z"):
        stood(folder, FIRST - 1)


def test_the_snapshot_shows_positions_levels_orders_and_halts(folder):
    found = [stood(folder, FIRST + i * HOUR) for i in range(40, 200, 4)]
    texts = ["\n".join(stand_lines(stand(one.run, one.ts, state=one.state))) for one in found]
    assert any("bought at" in text and "stop " in text and "target " in text for text in texts)
    assert any("halts    none open" in text for text in texts)
    assert any("daily_loss" in text or "drawdown" in text for text in texts)


def test_the_snapshot_is_available_as_json(folder, capsys):
    assert cli.main(["replay", str(folder), "--until", "2024-01-08", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["candle"] == "2024-01-08T00:00Z"
    assert [one["symbol"] for one in answer["symbols"]] == ["BTC/USDT", "ETH/USDT"]


@pytest.mark.parametrize(
    "options", [("--books", "--until", "2024-01-08"), ("--books", "--set", "a=b"), ("--set", "a=b", "--until", "x")]
)
def test_options_that_exclude_each_other_are_rejected(folder, capsys, options):
    assert cli.main(["replay", str(folder), *options]) == 2
    assert "use one of them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("moment", "code"),
    [("2024-01-08T02:00Z", 0), ("2024-01-08", 0), ("1704672000000", 0), ("soon", 2), ("2020-01-01", 2)],
)
def test_the_command_takes_a_date_or_milliseconds(folder, capsys, moment, code):
    assert cli.main(["replay", str(folder), "--until", moment]) == code
    out = capsys.readouterr().out
    assert out.startswith("candle   2024-01-08T") if code == 0 else out == ""
