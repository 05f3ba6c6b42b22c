"""What those who look on at a paper run are told of the way to the exchange."""

from types import SimpleNamespace

from safla.paper.listeners import _shown, _wall
from safla.paper.sources import ExchangeLink


class Asked:
    """A line to an exchange whose clock shows what a test sets, seconds; None: it was not read yet."""

    def __init__(self, now: float | None) -> None:
        self.clock = now

    def now(self) -> float | None:
        return self.clock

    def figures(self) -> tuple[int, int, str]:
        return 3, 6, "closed"


def test_the_view_shows_the_way_to_the_exchange_and_how_late_the_last_candle_was() -> None:
    line, late = Asked(None), SimpleNamespace(latest=None)
    assert _shown(line, late) == {"breaker": "closed", "requests a minute": "3"}
    late.latest = 0.0125
    assert _shown(line, late) == {"breaker": "closed", "requests a minute": "3", "lag": "0.013 s"}
    assert _shown(ExchangeLink(), late) == {}


def test_ages_go_by_the_exchanges_clock_where_it_is_known_and_else_by_this_machines(monkeypatch) -> None:
    monkeypatch.setattr("safla.paper.listeners.time.time", lambda: 7.0)
    assert (_wall(Asked(1_500.5)), _wall(Asked(None))) == (1_500.5, 7.0)


def test_before_the_clock_of_the_exchange_was_read_nobody_knows_what_time_it_is_there() -> None:
    line = ExchangeLink()
    assert line.now() is None
    line.closing, line.feed = SimpleNamespace(), SimpleNamespace(time=SimpleNamespace(known=False))
    assert line.now() is None
    line.feed = SimpleNamespace(time=SimpleNamespace(known=True, latest=lambda: 1_500))
    assert line.now() == 1.5
