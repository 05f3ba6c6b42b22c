"""PerformanceMonitor gives a user's program the figures of its process, with alerts at 80 and 90 per cent."""

import asyncio
import threading

import pytest

import safla
from safla import monitoring
from safla.errors import ConfigError, UsageError
from safla.exchange.rate_limiter import RateLimiter
from safla.monitoring import PerformanceMonitor
from safla.observe import process
from tests.errors import raises_code
from tests.observe.fakes import hook

FIGURES = """
cpu_pct memory_pct rss_bytes descriptors threads active_tasks api_requests_per_second api_limit_per_second bytes_sent
bytes_received gc_0 gc_1 gc_2
""".split()


@pytest.fixture
def busy(monkeypatch) -> dict[str, float]:
    """Replaces the readings of the machine by values that a test sets."""
    values = {"cpu_pct": 10.0, "memory_pct": 50.0}
    monkeypatch.setattr(process, "readings", lambda: {name: lambda name=name: values[name] for name in values})
    return values


async def until(holds) -> None:
    """Waits until it holds, for at most a second."""
    async with asyncio.timeout(1):
        while not holds():
            await asyncio.sleep(0.005)


def test_a_snapshot_has_all_figures_of_this_process():
    async def main() -> dict[str, float | int | None]:
        async with PerformanceMonitor({}) as monitor:
            return monitor.snapshot()

    found = asyncio.run(main())
    assert list(found) == FIGURES
    assert [name for name, value in found.items() if type(value) not in (int, float)] == []
    assert found["active_tasks"] >= 1
    assert found["api_limit_per_second"] == 20.0


def test_before_the_start_a_snapshot_is_taken_at_once():
    found = PerformanceMonitor({}).snapshot()
    assert found["rss_bytes"] > 10_000_000
    assert found["active_tasks"] is None


def test_requests_are_counted_by_the_rate_limiter_of_the_process(monkeypatch):
    gate = RateLimiter(1200)
    monkeypatch.setattr(monitoring, "feed_of", lambda config: gate)
    monitor = PerformanceMonitor({})
    assert monitor.snapshot()["api_requests_per_second"] == 0

    async def ask() -> None:
        for _ in range(30):
            await gate.enter()

    asyncio.run(ask())
    assert monitor.snapshot()["api_requests_per_second"] == 0.5


@pytest.mark.parametrize(("name", "kind", "limit"), [("cpu_pct", "cpu", 80), ("memory_pct", "memory", 90)])
def test_a_load_at_its_limit_gives_one_alert(busy, capsys, name, kind, limit):
    busy[name] = limit

    async def main() -> list[str]:
        monitor = PerformanceMonitor({})
        await monitor.start_monitoring(interval_seconds=0.01)
        looks = set()
        await until(lambda: looks.add(id(monitor._monitor.latest)) or len(looks) > 3)
        await monitor.stop_monitoring()
        return [one.kind for one in monitor.alerts]

    assert asyncio.run(main()) == [kind]
    assert capsys.readouterr().err == f"safla: alert: {kind}: {limit} % in use, the limit is {limit} %\n"


def test_an_alert_is_posted_to_the_webhook(busy, capsys):
    busy["cpu_pct"] = 99

    async def main(url: str) -> None:
        monitor = PerformanceMonitor({"monitoring": {"webhook_url": url}, "system": {"name": "mine"}})
        await monitor.start_monitoring(interval_seconds=0.01)
        await until(lambda: monitor.alerts)
        await monitor.stop_monitoring()

    with hook(200) as server:
        asyncio.run(main(server.url))
    assert [(one["run"], one["kind"]) for one in server.got] == [("mine", "cpu")]


def test_while_running_a_snapshot_is_the_last_reading(busy):
    async def main() -> float | int | None:
        async with PerformanceMonitor({"monitoring": {"interval_seconds": 3600}}) as monitor:
            monitor._monitor.sample()
            busy["cpu_pct"] = 77.0
            return monitor.snapshot()["cpu_pct"]

    assert asyncio.run(main()) == 10.0


def test_starting_or_stopping_twice_is_the_same_as_once(busy):
    before = set(threading.enumerate())

    async def main() -> list[str]:
        monitor = PerformanceMonitor({})
        await monitor.stop_monitoring()
        await monitor.start_monitoring(5.0)
        await monitor.start_monitoring(7.0)
        watching = [thread.name for thread in set(threading.enumerate()) - before if thread.name == "monitor"]
        await monitor.stop_monitoring()
        await monitor.stop_monitoring()
        return watching

    assert asyncio.run(main()) == ["monitor"]
    assert [thread for thread in set(threading.enumerate()) - before if thread.name == "monitor"] == []


@pytest.mark.parametrize("interval", [0, -1, 4000, float("nan"), float("inf")])
def test_an_invalid_interval_is_rejected(interval):
    with raises_code(UsageError, "invalid_argument", match="interval_seconds"):
        asyncio.run(PerformanceMonitor({}).start_monitoring(interval))


def test_an_invalid_configuration_is_rejected():
    with raises_code(ConfigError, "invalid_value", match="cpu_pct"):
        safla.PerformanceMonitor({"monitoring": {"cpu_pct": 0}})
