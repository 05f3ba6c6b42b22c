"""Listeners of a paper run get the state of its connection to the exchange."""

from types import SimpleNamespace

from safla.paper.listeners import _shown, _wall
from safla.paper.sources import ExchangeLink


class Asked:
    """A connection to an exchange whose clock has the offset that a test sets, in s; None: it was not read yet."""

    def __init__(self, now: float | None) -> None:
        self.clock = now

    def now(self) -> float | None:
        return self.clock

    def figures(self) -> tuple[int, int, str]:
        return 3, 6, "closed"


def test_the_view_shows_the_connection_to_the_exchange_and_the_lag_of_the_last_candle() -> None:
    line, late = Asked(None), SimpleNamespace(latest=None)
    assert _shown(line, late) == {"breaker": "closed", "requests a minute": "3"}
    late.latest = 0.0125
    assert _shown(line, late) == {"breaker": "closed", "requests a minute": "3", "lag": "0.013 s"}
    assert _shown(ExchangeLink(), late) == {}


def test_ages_use_the_clock_of_the_exchange_if_known_or_the_local_clock(monkeypatch) -> None:
    monkeypatch.setattr("safla.paper.listeners.time.time", lambda: 7.0)
    assert (_wall(Asked(1_500.5)), _wall(Asked(None))) == (1_500.5, 7.0)


def test_the_time_of_the_exchange_is_unknown_before_its_clock_is_read() -> None:
    line = ExchangeLink()
    assert line.now() is None
    line.closing, line.feed = SimpleNamespace(), SimpleNamespace(time=SimpleNamespace(known=False))
    assert line.now() is None
    line.feed = SimpleNamespace(time=SimpleNamespace(known=True, latest=lambda: 1_500))
    assert line.now() == 1.5
