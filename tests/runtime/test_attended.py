"""What those who look on at a paper run are told of the way to the exchange."""

from types import SimpleNamespace
from typing import Any

from safla.runtime.attended import Lag, _shown, _wall
from safla.runtime.feeding import Line
from tests.runtime.happenings import HOUR, START, candle, told


class Asked:
    """A line to an exchange whose clock shows what a test sets, seconds; None: it was not read yet."""

    def __init__(self, now: float | None) -> None:
        self.clock = now

    def now(self) -> float | None:
        return self.clock

    def figures(self) -> tuple[int, int, str]:
        return 3, 6, "closed"


def lag_of(line: Any, *, start: int = START) -> Lag:
    return Lag(line, SimpleNamespace(plan=SimpleNamespace(rules=SimpleNamespace(start_ts=start, step_ms=HOUR))))


def test_the_lag_is_from_the_close_of_a_candle_by_the_exchanges_clock_until_it_is_on_the_disk() -> None:
    line = Asked(START / 1000 + 3600.0125)
    lag = lag_of(line)
    assert _shown(line, lag) == {"breaker": "closed", "requests a minute": "3"}
    lag.listen(told(candle("BTC/USDT", START)))
    assert _shown(line, lag) == {"breaker": "closed", "requests a minute": "3", "lag": "0.013 s"}
    line.clock += 100.0
    lag.listen(told())  # a halt by hand is no candle
    assert _shown(line, lag)["lag"] == "0.013 s"


def test_candles_of_the_lookback_and_of_history_have_no_lag() -> None:
    before = lag_of(Asked(START / 1000 + 9_999), start=START + HOUR)
    history = lag_of(Asked(None))
    for lag in (before, history):
        lag.listen(told(candle("BTC/USDT", START)))
        assert lag.seconds is None


def test_ages_go_by_the_exchanges_clock_where_it_is_known_and_else_by_this_machines(monkeypatch) -> None:
    monkeypatch.setattr("safla.runtime.attended.time.time", lambda: 7.0)
    assert (_wall(Asked(1_500.5)), _wall(Asked(None))) == (1_500.5, 7.0)


def test_before_the_clock_of_the_exchange_was_read_nobody_knows_what_time_it_is_there() -> None:
    line = Line()
    assert line.now() is None
    line.closing, line.feed = SimpleNamespace(), SimpleNamespace(time=SimpleNamespace(known=False))
    assert line.now() is None
    line.feed = SimpleNamespace(time=SimpleNamespace(known=True, latest=lambda: 1_500))
    assert line.now() == 1.5
