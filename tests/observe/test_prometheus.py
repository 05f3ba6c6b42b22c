"""Z19: the metrics page over HTTP: GET only, fixed labels, escaped values, bounded, and never blocking a run."""

import http.client
import socket
import threading
import time

import pytest

from safla.errors import HostError
from safla.observe import prometheus
from safla.observe.monitor import Sample
from safla.observe.prometheus import FIGURES, MOST_SCRAPES, Page
from tests.errors import raises_code
from tests.faults.child import Missing
from tests.scale import HANG_SECONDS, bound

pytest.importorskip("prometheus_client", reason="the extra metrics is not installed")

SAMPLE = Sample(
    cpu_pct=12.5, memory_pct=50.0, rss_bytes=100_000_000, descriptors=17, threads=9, tasks=4, sent_bytes=1,
    received_bytes=2, gc_0=3, gc_1=2, gc_2=1, requests=30, requests_limit=1200, weight=None, breaker="half_open",
    dropped=0, latency_last_ms=0.25, latency_p50_ms=0.5, latency_p99_ms=1.0,
    lag_seconds={"BTC/USDT": 1.5, "ETH/USDT": None},
)  # fmt: skip


def page(sample: Sample | None = SAMPLE, counts: dict[tuple[str, str | None], int] | None = None) -> Page:
    return Page("127.0.0.1", 0, latest=lambda: sample, alerts=lambda: counts or {})


def asked(served: Page, path: str = "/metrics", *, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request(method, path, body=b"x=1" if method == "POST" else None)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, dict(answer.getheaders())


def values(text: str) -> dict[str, float]:
    """The samples of a page, by name and labels."""
    return {one.rpartition(" ")[0]: float(one.rpartition(" ")[2]) for one in text.splitlines() if one[0] != "#"}


def test_z19_the_page_shows_the_values_of_the_last_reading():
    with page(counts={("stale_candles", "BTC/USDT"): 2, ("cpu", None): 1}) as served:
        status, text, headers = asked(served)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    found = values(text)
    assert found["safla_cpu_percent"] == 12.5
    assert found["safla_journal_latency_p99_seconds"] == 0.001
    assert found["safla_breaker_state"] == 2
    assert found['safla_candle_lag_seconds{symbol="BTC/USDT"}'] == 1.5
    assert found['safla_alerts_total{kind="stale_candles",symbol="BTC/USDT"}'] == 2
    assert found['safla_alerts_total{kind="cpu",symbol=""}'] == 1
    assert "safla_exchange_used_weight" not in found
    assert 'ETH/USDT"}' not in text


def test_z19_every_value_of_a_reading_has_a_metric_on_the_page():
    whole = SAMPLE._replace(weight=5)
    with page(whole) as served:
        found = values(asked(served)[1])
    assert {name for name, _, _ in FIGURES.values()} <= found.keys()
    assert set(Sample._fields) - FIGURES.keys() == {"breaker", "lag_seconds"}


def test_z19_before_the_first_reading_the_page_has_no_values():
    with page(None) as served:
        status, text, _ = asked(served)
    assert (status, values(text)) == (200, {})


def test_z19_a_label_cannot_forge_a_line():
    hostile = 'X"} 1\nsafla_cpu_percent 99\\'
    with page(counts={("cpu", hostile): 1}) as served:
        text = asked(served)[1]
    assert 'symbol="X\\"} 1\\nsafla_cpu_percent 99\\\\"' in text
    assert values(text)["safla_cpu_percent"] == 12.5


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "NONSENSE"])
def test_z19_methods_other_than_get_are_rejected(method):
    with page() as served:
        status, text, headers = asked(served, method=method)
        assert status == 405
        assert headers["Allow"] == "GET"
        assert "safla_" not in text
        assert asked(served)[0] == 200


@pytest.mark.parametrize("path", ["/other", "/metrics/../etc", "/%2e%2e", "/metricsx"])
def test_z19_only_one_page_exists(path):
    with page() as served:
        assert asked(served, path)[0] == 404
        assert asked(served, "/metrics?name=x")[0] == 200


def test_z19_an_invalid_request_is_closed_quietly(capfd):
    with page() as served:
        for raw in (b"\x00\xff\r\n\r\n", b"GET " + b"a" * 70_000 + b"\r\n", b"GET / HTTP/9.9\r\n\r\n", b""):
            with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                assert b"safla_" not in connection.recv(65_536)
        assert asked(served)[0] == 200
    assert capfd.readouterr() == ("", "")


def connected(served: Page) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=5)


def test_row_12_hanging_scrapes_are_limited_and_do_not_block_others():
    with page() as served:
        hanging = [connected(served) for _ in range(3 * MOST_SCRAPES)]
        began = time.monotonic()
        assert asked(served)[0] == 200
        assert time.monotonic() - began < bound(0.5)
        let_go = [one for one in hanging[: 2 * MOST_SCRAPES] if one.recv(10) == b""]
        assert len(let_go) == 2 * MOST_SCRAPES
        wait_for(lambda: sum("process_request_thread" in one.name for one in threading.enumerate()) <= MOST_SCRAPES)
        for one in hanging:
            one.close()


@pytest.mark.parametrize(
    "words", [b"", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: "]
)
def test_row_12_a_request_has_a_total_timeout_however_often_a_byte_arrives(monkeypatch, words):
    monkeypatch.setattr(prometheus, "SCRAPE_SECONDS", 0.5)
    with page() as served, connected(served) as slow:
        began = time.monotonic()
        slow.sendall(words)
        slow.settimeout(0.05)
        while True:
            try:
                slow.sendall(b"x")
                if slow.recv(10) == b"":
                    break
            except TimeoutError:
                assert time.monotonic() - began < HANG_SECONDS
            except ConnectionError:
                break
        assert 0.4 < time.monotonic() - began < bound(1.0)
        assert asked(served)[0] == 200


def test_row_12_a_response_that_is_not_read_has_the_same_timeout(monkeypatch):
    monkeypatch.setattr(prometheus, "SCRAPE_SECONDS", 0.3)
    with page() as served, connected(served) as deaf:
        monkeypatch.setattr(served._server, "page", lambda: ("text/plain", bytes(50_000_000)))  # no buffer holds it
        deaf.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        wait_for(lambda: served._server._scrapes)
        wait_for(lambda: not served._server._scrapes)
        wait_for(lambda: not any("process_request_thread" in one.name for one in threading.enumerate()))
        assert sum(map(len, iter(lambda: deaf.recv(2**20), b""))) < 50_000_000


def answer_to(served: Page, *headers: str) -> int:
    with connected(served) as one:
        one.sendall("\r\n".join(["GET /metrics HTTP/1.1", *headers, "", ""]).encode())
        return int(one.recv(65_536).split(b" ")[1])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:9464", "localhost", "LOCALHOST:80", "localhost.", "[::1]", "[::1]:9464",
     "192.168.0.7:9464", "metrics.example.com", "Metrics.Example.com:443", " localhost "],
)  # fmt: skip
def test_row_12_a_host_header_of_this_machine_is_accepted(host):
    with Page("127.0.0.1", 0, latest=lambda: SAMPLE, hosts=["metrics.example.com"]) as served:
        assert answer_to(served, f"Host: {host}") == 200


def test_row_12_the_host_name_and_a_missing_host_header_are_accepted():
    with page() as served:
        assert answer_to(served, f"Host: {socket.gethostname()}:9464") == 200
        assert answer_to(served) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example/127.0.0.1",
     "", "[evil.example]", "[::1].evil.example", "127.0.0.1@evil.example", "2130706433", "0x7f000001", "evil:80:80"],
)  # fmt: skip
def test_row_12_a_foreign_host_header_gets_status_421_without_data(host):
    with page() as served:
        assert answer_to(served, f"Host: {host}") == 421
        assert answer_to(served, "Host: localhost", f"Host: {host}") == 421


def wait_for(holds) -> None:
    """Waits until it holds; while no slot is free the connection is closed."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            if holds():
                return
        except (ConnectionError, http.client.BadStatusLine):
            continue
    pytest.fail("never")


def test_a_port_in_use_makes_the_start_fail():
    with page() as served, raises_code(HostError, "cannot_listen", match=r"127\.0\.0\.1 port \d+: "):
        Page("127.0.0.1", served.port, latest=lambda: None)


@pytest.mark.parametrize("bind", ["192.0.2.1", "999.1.1.1", "::zz"])
def test_a_foreign_address_makes_the_start_fail(bind):
    with raises_code(HostError, "cannot_listen"):
        Page(bind, 0, latest=lambda: None)


def test_a_missing_package_is_reported_with_its_install_command(monkeypatch):
    import sys

    for name in [one for one in sys.modules if one.partition(".")[0] == "prometheus_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing("prometheus_client"), *sys.meta_path])
    with pytest.raises(HostError, match=r"in the clone of safla: python -m pip install '\.\[metrics\]'"):
        Page("127.0.0.1", 0, latest=lambda: None)


def test_two_runs_in_one_process_have_separate_pages():
    with page() as one, page(SAMPLE._replace(cpu_pct=77.0)) as other:
        assert values(asked(one)[1])["safla_cpu_percent"] == 12.5
        assert values(asked(other)[1])["safla_cpu_percent"] == 77.0


def test_closing_a_page_leaves_nothing():
    with page() as served:
        asked(served)
        port = served.port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_thread_for_the_server_the_start_fails_and_the_port_is_freed(monkeypatch):
    started = page()
    port = started.port
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with raises_code(HostError, "too_few_resources"):
            started.__enter__()
    with Page("127.0.0.1", port, latest=lambda: None) as served:
        assert served.port == port


def test_z19_a_scrape_without_a_thread_is_rejected_and_takes_no_slot(monkeypatch):
    with page() as served:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            for _ in range(MOST_SCRAPES + 1):
                with pytest.raises(ConnectionError):  # RemoteDisconnected is one
                    asked(served)
        assert asked(served)[0] == 200
