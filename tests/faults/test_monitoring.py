"""Row 32: log sink full or blocked; psutil fails; a scrape or the webhook hangs; the port of metrics is in use.

None of this delays a listener: it takes each update of a run at once, and each fault is one line on stderr.
"""

import os
import re
import threading
import time
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from safla.config.model import Config
from safla.config.operation import MonitoringSection
from safla.errors import HostError
from safla.observe import event_log, log_file, monitoring, webhook
from safla.observe.alerts import Alerts
from safla.observe.event_log import say_on_stderr
from safla.observe.monitor import Gauges, Monitor, Sample
from safla.observe.prometheus import Page
from tests.errors import raises_code
from tests.observe.fakes import CANARY, EVENTS, hook, update
from tests.scale import bound

LONG = 60.0  # seconds that a hang lasts, unless the test ends it
FILES = ("trades", "market_data", "decisions", "performance", "errors")


def paper(**monitoring: object) -> Config:
    return Config.model_validate({"mode": "paper", "monitoring": monitoring})


def tell_all(listen, *, times: int = 20) -> float:
    """Pass every event to a listener several times; return how long the slowest call took, in seconds."""
    longest = 0.0
    for _ in range(times):
        began = time.monotonic()
        listen(update(*EVENTS.values()))
        longest = max(longest, time.monotonic() - began)
    return longest


def stderr_of(capfd) -> list[str]:
    """The lines on stderr, after a check that stdout is empty and that there is no traceback."""
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.splitlines()


@pytest.mark.parametrize("kind", ["full", "fifo", "folder", "link"])
def test_row_32_a_log_file_that_cannot_be_written_is_one_line_and_the_other_logs_continue(tmp_path: Path, capfd, kind):
    path = tmp_path / "decisions.log"
    {
        "full": lambda: path.symlink_to("/dev/full"),
        "fifo": lambda: os.mkfifo(path),  # without a reader
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(tmp_path / "elsewhere"),
    }[kind]()
    with event_log.of_run(tmp_path, paper()) as listen:
        assert tell_all(listen) < bound(0.25)
    assert [line.partition(": a line was lost")[0] for line in stderr_of(capfd)] == [f"safla: {path}"]
    assert len((tmp_path / "trades.log").read_text().splitlines()) == 40
    assert not (tmp_path / "elsewhere").exists()


def test_row_32_a_full_disk_is_reported_in_one_line_per_log_file(tmp_path: Path, capfd, monkeypatch):
    real = os.write

    def write(descriptor: int, content: bytes) -> int:
        return real(os.open("/dev/full", os.O_WRONLY), content) if descriptor > 2 else real(descriptor, content)

    monkeypatch.setattr(log_file.os, "write", write)
    with event_log.of_run(tmp_path, paper()) as listen:
        assert tell_all(listen, times=2) < bound(0.25)
    monkeypatch.undo()
    said = stderr_of(capfd)
    assert len(said) == len({line.partition(": ")[2].partition(":")[0] for line in said}) == 4
    assert all("No space left on device" in line for line in said)
    assert [path.read_text() for path in tmp_path.glob("*.log")] == [""] * 4


def test_row_32_a_missing_folder_is_reported_in_one_line_per_log_file(tmp_path: Path, capfd):
    with event_log.of_run(tmp_path / "gone", paper()) as listen:
        assert tell_all(listen) < bound(0.25)
    assert len(stderr_of(capfd)) == 4


def test_row_32_a_disk_that_hangs_does_not_delay_the_listener_and_lost_lines_are_counted(
    tmp_path: Path, capfd, monkeypatch
):
    go = threading.Event()
    monkeypatch.setattr(log_file.LogFile, "write", lambda self, line: go.wait(LONG))
    monkeypatch.setattr("safla.observe.background.CLOSING_SECONDS", 0.1)
    with event_log.of_run(tmp_path, paper()) as listen:
        assert tell_all(listen, times=1000) < bound(0.25)  # more than the queue holds
    go.set()
    (said,) = stderr_of(capfd)
    assert re.fullmatch(r"safla: log files: [1-9]\d* lines were lost: they came faster .*", said)


def broken(error: Exception):
    def call(*args: object, **more: object) -> None:
        raise error

    return call


@pytest.mark.parametrize(
    "error",
    [psutil.NoSuchProcess(1), psutil.AccessDenied(1), psutil.ZombieProcess(1), OSError(5, "Input/output error"),
     FileNotFoundError("/proc/stat"), RuntimeError("x"), NotImplementedError(), MemoryError(), ZeroDivisionError()],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("name", ["Process", "virtual_memory", "net_io_counters"])
def test_row_32_figures_are_null_when_their_psutil_call_fails(capfd, monkeypatch, name, error):
    monkeypatch.setattr(psutil, name, broken(error))
    with monitoring.of_run(paper(), run="r", symbols=("BTC/USDT",), facts=Gauges(requests=lambda: 7)) as monitor:
        for _ in range(3):
            found = monitor.sample()
    lost = {
        "Process": {"cpu_pct", "rss_bytes", "descriptors", "threads"},
        "virtual_memory": {"memory_pct"},
        "net_io_counters": {"sent_bytes", "received_bytes"},
    }[name]
    assert {field for field in Sample._fields[:11] if getattr(found, field) is None} == lost | {"tasks"}
    assert found.requests == 7
    assert len(stderr_of(capfd)) == 1


def test_row_32_without_psutil_the_figures_of_the_run_are_still_sampled(capfd, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    with monitoring.of_run(paper(), run="r", symbols=(), facts=Gauges(breaker=lambda: "closed")) as monitor:
        found = monitor.sample()
    assert (found.cpu_pct, found.breaker) == (None, "closed")
    assert stderr_of(capfd) == ["safla: monitoring: psutil is not available, the run goes on: ModuleNotFoundError"]


def test_row_32_gauges_that_raise_become_null_and_one_line_on_stderr(capfd):
    facts = Gauges(*[broken(KeyError("x"))] * len(Gauges._fields))
    with monitoring.of_run(paper(), run="r", symbols=("BTC/USDT",), facts=facts) as monitor:
        found = monitor.sample()
    assert (found.requests, found.weight, found.breaker, found.tasks, found.dropped) == (None,) * 5
    assert found.rss_bytes is not None
    assert len(stderr_of(capfd)) == 1


def test_row_32_without_a_new_thread_monitoring_is_off_and_reported_in_one_line(capfd, monkeypatch):
    monitor = Monitor(MonitoringSection(), alerts=Alerts([], cooldown_seconds=0, say=print), say=say_on_stderr)
    monkeypatch.setattr(threading.Thread, "start", broken(RuntimeError("can't start new thread")))
    with monitor:
        monitor.listen(update(*EVENTS.values()))
    assert stderr_of(capfd) == ["safla: monitoring: a thread is not available, the run goes on: RuntimeError"]


@pytest.mark.parametrize("statuses", [(0,), (500,), (302,), (404,)])
def test_row_32_a_webhook_that_hangs_or_fails_does_not_delay_the_listener(capfd, monkeypatch, statuses):
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(webhook, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(webhook, "CLOSING_SECONDS", LONG)  # every message is tried to the end
    post, threads = webhook.posted, []

    def posted(url: SecretStr, message: dict[str, object]) -> int:
        threads.append(threading.current_thread().name)
        return post(url, message)

    monkeypatch.setattr(webhook, "posted", posted)
    with hook(*statuses) as server:
        with monitoring.of_run(paper(webhook_url=server.url), run="r", symbols=()) as monitor:
            for halt in range(1, 5):
                monitor.listen(update(halts=(halt, halt, halt, halt)))
        assert server.got != []
    assert set(threads) == {"webhook"}  # never the listener's thread
    said = stderr_of(capfd)
    assert len(said) == 1
    assert said[0].startswith("safla: webhook: an alert was not delivered, the run goes on: ")
    assert CANARY not in said[0]
    assert "127.0.0.1" not in said[0]


def test_row_32_a_terminal_that_blocks_does_not_delay_the_listener(capfd, monkeypatch):
    monkeypatch.setattr("safla.observe.background.CLOSING_SECONDS", 0.1)
    go = threading.Event()
    with monitoring.of_run(paper(), run="r", symbols=(), terminal=lambda text: go.wait(LONG)) as monitor:
        began = time.monotonic()
        for halt in range(1, 200):
            monitor.listen(update(halts=(halt % 2, 0, 0, 0)))
        assert time.monotonic() - began < bound(0.25)
    go.set()
    assert stderr_of(capfd) == []


def test_row_32_a_stderr_that_blocks_does_not_delay_the_listener(monkeypatch):
    monkeypatch.setattr("safla.observe.background.CLOSING_SECONDS", 0.1)
    go = threading.Event()
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        go.wait(LONG)

    facts = Gauges(*[broken(KeyError("x"))] * len(Gauges._fields))
    with monitoring.of_run(paper(), run="r", symbols=(), facts=facts, terminal=broken(OSError()), say=say) as monitor:
        began = time.monotonic()
        monitor.sample()
        assert tell_all(monitor.listen) < bound(0.25)
        assert time.monotonic() - began < bound(0.25)
    go.set()
    assert len(said) == 1


def test_row_32_a_scrape_that_hangs_does_not_delay_the_listener(capfd):
    pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")
    import socket

    monitor = Monitor(MonitoringSection(), alerts=Alerts([], cooldown_seconds=0, say=print), say=say_on_stderr)
    began = time.monotonic()
    with Page("127.0.0.1", 0, latest=lambda: monitor.latest) as page:
        hanging = [socket.create_connection(("127.0.0.1", page.port), timeout=5) for _ in range(20)]
        assert tell_all(monitor.listen) < bound(0.25)
        monitor.sample()
    assert time.monotonic() - began < bound(1.5)
    for one in hanging:
        one.close()
    assert stderr_of(capfd) == []


def test_row_32_a_metrics_port_in_use_is_exit_6_at_the_start():
    pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")
    with Page("127.0.0.1", 0, latest=lambda: None) as taken:
        started = monitoring.of_run(paper(prometheus={"port": taken.port}), run="r", symbols=())
        with raises_code(HostError, "cannot_listen") as caught:
            started.__enter__()
    assert caught.value.exit_code == 6
    assert str(taken.port) in str(caught.value)


def test_row_32_a_closed_stderr_does_no_harm(monkeypatch, tmp_path: Path):
    class Closed:
        def write(self, text: str) -> None:
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("sys.stderr", Closed())
    with event_log.of_run(tmp_path / "gone", paper()) as listen:
        assert tell_all(listen) < bound(0.25)
