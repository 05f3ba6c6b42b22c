"""Monitoring of a run as a whole: its parts work together, each is optional, and nothing is left at the end."""

import threading

import pytest

from safla.config.model import Config
from safla.errors import HostError
from safla.observe import monitoring, process
from safla.observe.prometheus import Page
from tests.errors import raises_code
from tests.observe.fakes import hook, update
from tests.observe.test_prometheus import asked, values


def config(**more: object) -> Config:
    return Config.model_validate({"mode": "paper", "market_data": {"timeframe": "1h"}, **more})


@pytest.mark.parametrize(
    ("paper", "seconds"),
    [
        ({}, 3600.0),
        ({"source": "stream", "speed": "max"}, 3600.0),
        ({"source": "replay"}, 3600.0),
        ({"source": "replay", "speed": "60x"}, 60.0),
        ({"source": "replay", "speed": "max"}, None),
    ],
)
def test_candles_are_expected_at_the_pace_of_their_source(paper, seconds):
    assert monitoring.pace_seconds(config(paper=paper)) == seconds


def test_an_alert_goes_to_the_terminal_the_webhook_and_the_metrics_page(monkeypatch):
    monkeypatch.setattr(process, "readings", lambda: {"cpu_pct": lambda: 95.0})
    pages: list[Page] = []

    def page(bind: str, port: int, **more) -> Page:
        pages.append(Page(bind, 0, **more))
        return pages[0]

    monkeypatch.setattr(monitoring, "Page", page)
    shown: list[str] = []
    with hook(200) as server:
        section = {"webhook_url": server.url, "prometheus": {}}
        with monitoring.of_run(
            config(monitoring=section), run="my run", symbols=("BTC/USDT",), terminal=shown.append, say=pytest.fail
        ) as monitor:
            monitor.sample()
            monitor.listen(update(halts=(0, 0, 3, 0)))
            found = values(asked(pages[0])[1])
    assert shown == [
        "alert: cpu: 95 % in use, the limit is 80 %",
        "alert: halt_operator: halt 3 is open, nothing is bought",
    ]
    assert [(one["run"], one["kind"]) for one in server.got] == [("my run", "cpu"), ("my run", "halt_operator")]
    assert found["safla_cpu_percent"] == 95.0
    assert found['safla_alerts_total{kind="halt_operator",symbol=""}'] == 1


def test_monitoring_works_without_metrics_page_webhook_and_terminal():
    with monitoring.of_run(config(), run="my run", symbols=("BTC/USDT",), say=pytest.fail) as monitor:
        assert monitor.sample().requests_limit == 1200


def test_no_thread_is_left_at_the_end(monkeypatch):
    before = set(threading.enumerate())
    with (
        hook(200) as server,
        monitoring.of_run(
            config(monitoring={"webhook_url": server.url}), run="r", symbols=(), terminal=print, say=pytest.fail
        ),
    ):
        names = {thread.name for thread in set(threading.enumerate()) - before}
    assert {"monitor", "webhook", "alerts on the terminal"} <= names
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()


def test_a_port_in_use_makes_the_start_fail_and_leaves_no_thread():
    before = set(threading.enumerate())
    with Page("127.0.0.1", 0, latest=lambda: None) as taken:
        section = {"prometheus": {"port": taken.port}, "webhook_url": "http://127.0.0.1:1/"}
        with (
            raises_code(HostError, "cannot_listen"),
            monitoring.of_run(config(monitoring=section), run="r", symbols=(), say=pytest.fail),
        ):
            pytest.fail("it began")
    assert {thread.name for thread in set(threading.enumerate()) - before} - {"metrics"} == set()
