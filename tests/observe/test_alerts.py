"""Each problem gives one alert; cool-downs, resolved alerts, and sinks that fail."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.observe.alerts import KINDS, Alert, Alerts, alert_line
from tests.observe.fakes import Hands


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def heard() -> list[Alert]:
    return []


@pytest.fixture
def alerts(hands: Hands, heard: list[Alert]) -> Alerts:
    return Alerts([heard.append], cooldown_seconds=300, say=pytest.fail, clock=hands.clock())


def test_a_lasting_problem_gives_a_single_alert(alerts, hands, heard):
    for _ in range(100):
        alerts.trouble("cpu", "95 %")
        hands.pass_(60)
    assert heard == [Alert("cpu", None, "95 %", "2026-01-01T00:00:00.000Z", over=False)]


def test_the_end_of_a_problem_is_reported_once(alerts, hands, heard):
    alerts.trouble("cpu", "95 %")
    hands.pass_(1.5)
    for _ in range(3):
        alerts.over("cpu", "20 %")
    assert heard[1:] == [Alert("cpu", None, "20 %", "2026-01-01T00:00:01.500Z", over=True)]


def test_the_end_of_a_problem_that_was_not_alerted_is_not_reported(alerts, heard):
    alerts.over("memory", "fine")
    assert heard == []


def test_an_intermittent_problem_gives_one_alert_per_cool_down(alerts, hands, heard):
    for _ in range(10):
        alerts.trouble("cpu", "95 %")
        hands.pass_(15)
        alerts.over("cpu", "20 %")
        hands.pass_(14)
    assert [one.over for one in heard] == [False, True]


@pytest.mark.parametrize(("seconds", "count"), [(299.9, 1), (300, 2)])
def test_a_problem_that_persists_after_the_cool_down_is_alerted_then(alerts, hands, heard, seconds, count):
    alerts.trouble("cpu", "first")
    alerts.over("cpu", "fine")
    alerts.trouble("cpu", "second")
    hands.pass_(seconds)
    alerts.trouble("cpu", "second")
    assert len([one for one in heard if not one.over]) == count


def test_each_kind_and_symbol_has_its_own_cool_down(alerts, heard):
    for kind, symbol in (("stale_candles", "BTC/USDT"), ("stale_candles", "ETH/USDT"), ("breaker_open", None)):
        alerts.trouble(kind, "text", symbol=symbol)
    assert [(one.kind, one.symbol) for one in heard] == [*alerts.counts()]
    assert alerts.open("stale_candles") == ["BTC/USDT", "ETH/USDT"]


def test_a_jump_of_the_wall_clock_does_not_end_a_cool_down(alerts, hands, heard):
    alerts.trouble("cpu", "95 %")
    alerts.over("cpu", "fine")
    hands.wall += 86_400
    alerts.trouble("cpu", "95 %")
    assert [one.over for one in heard] == [False, True]


def test_a_sink_that_raises_does_not_stop_others_and_is_reported_once(hands, heard):
    said: list[str] = []

    def broken(alert: Alert) -> None:
        raise BrokenPipeError(alert.text)

    alerts = Alerts([broken, heard.append], cooldown_seconds=0, say=said.append, clock=hands.clock())
    for _ in range(3):
        alerts.trouble("cpu", "95 %")
        alerts.over("cpu", "fine")
    assert len(heard) == 6
    assert said == ["an alert did not reach every receiver, the run goes on: BrokenPipeError"]


def test_an_alert_is_shown_in_one_line():
    alert = Alert("stale_candles", "BTC/USDT", "no candle for 10800 s", "2026-01-01T00:00:00.000Z", over=False)
    assert alert_line(alert) == "alert: stale_candles BTC/USDT: no candle for 10800 s"
    assert alert_line(alert._replace(symbol=None, over=True)) == "over: stale_candles: no candle for 10800 s"


MOVES = st.lists(st.tuples(st.sampled_from(KINDS[:2]), st.booleans(), st.floats(0, 400)), max_size=40)


@given(MOVES)
def test_alerts_and_their_ends_alternate_and_respect_the_cool_down(moves):
    hands, heard = Hands(), []
    alerts = Alerts([lambda one: heard.append((hands.monotonic, one))], cooldown_seconds=300, say=print,
                    clock=hands.clock())  # fmt: skip
    for kind, troubled, seconds in moves:
        (alerts.trouble if troubled else alerts.over)(kind, "text")
        hands.pass_(seconds)
    for kind in KINDS[:2]:
        mine = [(at, one.over) for at, one in heard if one.kind == kind]
        assert [over for _, over in mine] == [index % 2 == 1 for index in range(len(mine))]
        starts = [at for at, over in mine if not over]
        assert all(later - earlier >= 300 for earlier, later in pairwise(starts))
