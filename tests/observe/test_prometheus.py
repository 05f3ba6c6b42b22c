"""Z19: the page of metrics, scraped over HTTP: GET only, fixed labels, values escaped, bounded, and in nobody's way."""

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


def test_z19_the_page_says_what_the_last_look_saw():
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


def test_z19_every_figure_of_a_look_has_a_name_on_the_page():
    whole = SAMPLE._replace(weight=5)
    with page(whole) as served:
        found = values(asked(served)[1])
    assert {name for name, _, _ in FIGURES.values()} <= found.keys()
    assert set(Sample._fields) - FIGURES.keys() == {"breaker", "lag_seconds"}


def test_z19_before_the_first_look_there_is_a_page_without_figures():
    with page(None) as served:
        status, text, _ = asked(served)
    assert (status, values(text)) == (200, {})


def test_z19_a_label_can_forge_no_line():
    hostile = 'X"} 1\nsafla_cpu_percent 99\\'
    with page(counts={("cpu", hostile): 1}) as served:
        text = asked(served)[1]
    assert 'symbol="X\\"} 1\\nsafla_cpu_percent 99\\\\"' in text
    assert values(text)["safla_cpu_percent"] == 12.5


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "NONSENSE"])
def test_z19_another_method_than_get_is_refused(method):
    with page() as served:
        status, text, headers = asked(served, method=method)
        assert status == 405
        assert headers["Allow"] == "GET"
        assert "safla_" not in text
        assert asked(served)[0] == 200


@pytest.mark.parametrize("path", ["/other", "/metrics/../etc", "/%2e%2e", "/metricsx"])
def test_z19_there_is_one_page_and_no_other(path):
    with page() as served:
        assert asked(served, path)[0] == 404
        assert asked(served, "/metrics?name=x")[0] == 200


def test_z19_what_is_no_request_ends_quietly(capfd):
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


def test_row_12_scrapes_that_hang_are_few_and_block_nobody():
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
def test_row_12_a_request_has_its_time_in_all_however_often_a_byte_comes(monkeypatch, words):
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


def test_row_12_an_answer_that_nobody_takes_has_the_same_time(monkeypatch):
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
def test_row_12_a_host_that_is_this_machine_is_answered(host):
    with Page("127.0.0.1", 0, latest=lambda: SAMPLE, hosts=["metrics.example.com"]) as served:
        assert answer_to(served, f"Host: {host}") == 200


def test_row_12_this_machine_has_a_name_and_old_clients_name_none():
    with page() as served:
        assert answer_to(served, f"Host: {socket.gethostname()}:9464") == 200
        assert answer_to(served) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example/127.0.0.1",
     "", "[evil.example]", "[::1].evil.example", "127.0.0.1@evil.example", "2130706433", "0x7f000001", "evil:80:80"],
)  # fmt: skip
def test_row_12_a_host_of_somebody_else_is_421_and_sees_nothing(host):
    with page() as served:
        assert answer_to(served, f"Host: {host}") == 421
        assert answer_to(served, "Host: localhost", f"Host: {host}") == 421


def wait_for(holds) -> None:
    """Until it holds; a place may not be free yet, and then the connection is cut."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            if holds():
                return
        except (ConnectionError, http.client.BadStatusLine):
            continue
    pytest.fail("never")


def test_a_port_that_is_taken_ends_the_start():
    with page() as served, raises_code(HostError, "cannot_listen", match=r"127\.0\.0\.1 port \d+: "):
        Page("127.0.0.1", served.port, latest=lambda: None)


@pytest.mark.parametrize("bind", ["192.0.2.1", "999.1.1.1", "::zz"])
def test_an_address_that_is_not_ours_ends_the_start(bind):
    with raises_code(HostError, "cannot_listen"):
        Page(bind, 0, latest=lambda: None)


def test_without_the_package_the_command_that_brings_it_is_said(monkeypatch):
    import sys

    for name in [one for one in sys.modules if one.partition(".")[0] == "prometheus_client"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing("prometheus_client"), *sys.meta_path])
    with pytest.raises(HostError, match=r"in the clone of safla: python -m pip install '\.\[metrics\]'"):
        Page("127.0.0.1", 0, latest=lambda: None)


def test_the_page_of_two_runs_in_one_process_is_each_its_own():
    with page() as one, page(SAMPLE._replace(cpu_pct=77.0)) as other:
        assert values(asked(one)[1])["safla_cpu_percent"] == 12.5
        assert values(asked(other)[1])["safla_cpu_percent"] == 77.0


def test_nothing_of_a_page_is_left_behind_it():
    with page() as served:
        asked(served)
        port = served.port
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_a_thread_to_serve_it_the_start_ends_and_the_port_is_free(monkeypatch):
    started = page()
    port = started.port
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with raises_code(HostError, "too_few_resources"):
            started.__enter__()
    with Page("127.0.0.1", port, latest=lambda: None) as served:
        assert served.port == port


def test_z19_a_scrape_for_which_there_is_no_thread_is_turned_away_and_takes_no_place(monkeypatch):
    with page() as served:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            for _ in range(MOST_SCRAPES + 1):
                with pytest.raises(ConnectionError):  # RemoteDisconnected is one
                    asked(served)
        assert asked(served)[0] == 200
