"""The monitor: the values of a reading, which of them raise alerts, and what a failing value changes."""

import math
from typing import Any

import pytest

from safla.config.operation import MonitoringSection
from safla.exchange.circuit_breaker import STATES
from safla.observe import process
from safla.observe.alerts import Alert, Alerts
from safla.observe.monitor import LATENCIES, NO_FACTS, Gauges, Monitor, Sample, Watched
from tests.observe.fakes import HOUR, START, Hands, candle, update

SYMBOLS = ("BTC/USDT", "ETH/USDT")
RUN = Watched(SYMBOLS, HOUR, 3600.0, 1200)


class Case:
    """A monitor with its inputs, and the alerts that it raised."""

    def __init__(self, facts: Gauges = NO_FACTS, *, cooldown: int = 0, **watched: Any) -> None:
        self.hands = Hands()
        self.heard: list[Alert] = []
        self.said: list[str] = []
        clock = self.hands.clock()
        alerts = Alerts([self.heard.append], cooldown_seconds=cooldown, say=self.said.append, clock=clock)
        run = Watched(**{**RUN._asdict(), **watched})
        self.monitor = Monitor(MonitoringSection(), run, alerts=alerts, say=self.said.append, facts=facts, clock=clock)

    def kinds(self) -> list[tuple[str, str | None, bool]]:
        """Returns the kinds of the alerts, without their texts."""
        return [(one.kind, one.symbol, one.over) for one in self.heard]

    def come(self, *symbols: str, ts: int = START) -> None:
        """Candles arrive and are synced at once."""
        now = self.hands.monotonic
        self.monitor.listen(update(*(candle(symbol, ts) for symbol in symbols), came=now, synced=now))


@pytest.fixture
def quiet(monkeypatch) -> dict[str, float]:
    """Replaces the readings of the machine by values that a test sets."""
    values = {"cpu_pct": 10.0, "memory_pct": 50.0}
    monkeypatch.setattr(process, "readings", lambda: {name: lambda name=name: values[name] for name in values})
    return values


def test_a_reading_of_the_real_machine_has_every_value():
    case = Case(Gauges(lambda: 7, lambda: 20, lambda: "closed", lambda: 3, lambda: 0))
    case.come(*SYMBOLS)
    figures = case.monitor.sample()
    assert [name for name, value in figures._asdict().items() if value is None] == []
    assert figures.rss_bytes > 10_000_000
    assert case.monitor.latest == figures
    assert case.said == []


def test_values_of_the_runner_are_reported_unchanged(quiet):
    figures = Case(Gauges(lambda: 7, lambda: 20, lambda: "half_open", lambda: 3, lambda: 5)).monitor.sample()
    assert figures[11:16] == (7, 1200, 20, "half_open", 5)
    assert figures.tasks == 3
    assert Sample._fields[11:16] == ("requests", "requests_limit", "weight", "breaker", "dropped")


def test_missing_values_are_null(quiet):
    figures = Case().monitor.sample()
    assert (figures.requests, figures.weight, figures.breaker, figures.latency_p99_ms) == (None, None, None, None)
    assert figures.lag_seconds == {"BTC/USDT": None, "ETH/USDT": None}


def test_the_lag_is_measured_from_the_close_by_the_exchange_clock_or_is_null(quiet):
    now = {"is": None}
    case = Case(Gauges(now=lambda: now["is"]))
    case.come("BTC/USDT")
    assert case.monitor.sample().lag_seconds == {"BTC/USDT": None, "ETH/USDT": None}
    now["is"] = START / 1000 + 3601.0
    assert case.monitor.sample().lag_seconds == {"BTC/USDT": 1.0, "ETH/USDT": None}


def test_journal_latency_is_last_median_and_99th_percentile_of_a_bounded_window(quiet):
    case = Case()
    for ms in range(1, 2 * LATENCIES + 1):
        case.monitor.listen(update(came=10.0, synced=10.0 + ms / 1000))
    figures = case.monitor.sample()
    expected = (2 * LATENCIES, LATENCIES + LATENCIES // 2, LATENCIES + math.ceil(0.99 * LATENCIES))
    assert (figures.latency_last_ms, figures.latency_p50_ms, figures.latency_p99_ms) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 3, 100, 101])
def test_a_percentile_is_the_nearest_rank(quiet, count):
    case = Case()
    for ms in range(1, count + 1):
        case.monitor.listen(update(came=0.0, synced=ms / 1000))
    assert round(case.monitor.sample().latency_p99_ms) == next(n for n in range(count + 1) if n >= 0.99 * count)


@pytest.mark.parametrize(("name", "kind", "limit"), [("cpu_pct", "cpu", 80), ("memory_pct", "memory", 90)])
def test_a_load_at_its_limit_gives_one_alert_and_one_end(quiet, name, kind, limit):
    case = Case()
    for value in (limit - 0.1, limit, limit + 5, limit - 0.1, limit - 0.1):
        quiet[name] = value
        case.monitor.sample()
    assert case.kinds() == [(kind, None, False), (kind, None, True)]
    assert f"the limit is {limit} %" in case.heard[0].text


def test_a_silent_symbol_is_alerted_after_some_timeframes_and_resolved_by_its_next_candle(quiet):
    case = Case()
    for hour in range(6):
        case.hands.pass_(3600 - 0.5)
        case.monitor.sample()
        case.come("ETH/USDT", ts=START + hour * HOUR)
        case.hands.pass_(0.5)
        case.monitor.sample()
    assert case.kinds() == [("stale_candles", "BTC/USDT", False)]
    case.come("BTC/USDT")
    case.monitor.sample()
    assert case.kinds()[1:] == [("stale_candles", "BTC/USDT", True)]


def test_of_symbols_that_wait_for_each_other_the_missing_symbol_is_named(quiet):
    case = Case(Gauges(waiting=lambda: ("ETH/USDT",)))
    case.hands.pass_(4 * 3600)
    case.monitor.sample()
    assert case.kinds() == [("stale_candles", "ETH/USDT", False)]


def test_candles_at_unlimited_speed_are_never_late(quiet):
    case = Case(pace_seconds=None)
    case.hands.pass_(1e9)
    case.monitor.sample()
    assert case.heard == []


def test_a_jump_of_the_wall_clock_does_not_make_a_feed_silent(quiet):
    case = Case()
    case.hands.wall += 86_400
    case.monitor.sample()
    assert case.heard == []


def test_a_circuit_breaker_is_alerted_from_open_until_closed(quiet):
    state = iter(["closed", "open", "open", "half_open", "open", "half_open", "closed", None])
    case = Case(Gauges(breaker=lambda: next(state)))
    for _ in range(8):
        case.monitor.sample()
    assert case.kinds() == [("breaker_open", None, False), ("breaker_open", None, True)]
    assert set(STATES) == {"closed", "open", "half_open"}


def test_each_halt_rule_has_its_own_alert_until_the_halt_is_lifted(quiet):
    case = Case()
    for halts in ((0, 0, 0, 0), (0, 1, 0, 0), (0, 1, 2, 0), (0, 1, 0, 0), (0, 0, 0, 0)):
        case.monitor.listen(update(halts=halts))
    assert case.kinds() == [
        ("halt_drawdown", None, False), ("halt_operator", None, False),
        ("halt_operator", None, True), ("halt_drawdown", None, True),
    ]  # fmt: skip
    assert case.heard[0].text == "halt 1 is open, nothing is bought"


def test_an_alert_of_an_exchange_error_is_resolved_by_the_next_candle(quiet):
    case = Case()
    case.monitor.refused("status 503", symbol="BTC/USDT")
    case.monitor.refused("its clock cannot be had")
    case.come("ETH/USDT")
    assert case.kinds()[2:] == [("exchange", None, True)]
    case.come("BTC/USDT")
    assert case.kinds()[3:] == [("exchange", "BTC/USDT", True)]


def test_the_monitor_reads_at_every_interval_in_a_thread_and_ends_with_its_with_block(quiet):
    case = Case()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 3

    alerts = Alerts([], cooldown_seconds=0, say=pytest.fail)
    looks: list[int | None] = []
    facts = Gauges(requests=lambda: looks.append(1))
    with Monitor(
        MonitoringSection(interval_seconds=7), alerts=alerts, say=pytest.fail, facts=facts, wait=wait
    ) as monitor:
        monitor._thread.join(2)
    assert waits == [7.0] * 4
    assert len(looks) == 3
    assert case.said == []


MANY = tuple(f"{letter}{letter}{letter}/USDT" for letter in "ABCDEFGHIJKLMNOPQRST")


def test_twenty_symbols_silent_at_once_give_one_alert_and_one_end(quiet):
    case = Case(symbols=MANY)
    case.come(*MANY)
    for _ in range(10):
        case.hands.pass_(3600)
        case.monitor.sample()
    assert case.kinds() == [("stale_candles", None, False)]
    assert case.heard[0].text == (
        "20 symbols (AAA/USDT, BBB/USDT, CCC/USDT and 17 more): no candle for 10800 s; nothing is decided "
        "until it comes"
    )
    case.come(*MANY[:-1])
    case.monitor.sample()
    assert len(case.heard) == 1  # one of them is still silent
    case.come(MANY[-1])
    case.monitor.sample()
    assert case.kinds()[1:] == [("stale_candles", None, True)]


def test_a_symbol_silent_before_the_others_has_its_own_alert_and_end(quiet):
    case = Case(symbols=MANY)
    case.hands.pass_(2 * 3600)
    case.come(*MANY[1:])
    case.hands.pass_(2 * 3600)
    case.monitor.sample()
    case.hands.pass_(2 * 3600)
    case.monitor.sample()
    assert case.kinds() == [("stale_candles", "AAA/USDT", False), ("stale_candles", None, False)]
    assert case.heard[1].text.startswith("19 symbols (BBB/USDT, ")
    case.come(*MANY)
    case.monitor.sample()
    assert sorted(case.kinds()[2:], key=str) == [("stale_candles", "AAA/USDT", True), ("stale_candles", None, True)]


def test_a_wrong_clock_is_alerted_until_the_next_candle(quiet):
    case = Case()
    case.monitor.doubted("binance: what was believed was 5.0 s ahead")
    case.come("BTC/USDT")
    assert case.kinds() == [("clock", None, False), ("clock", None, True)]
