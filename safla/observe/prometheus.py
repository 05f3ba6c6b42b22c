"""The figures of a run as a page that Prometheus scrapes: GET only, a fixed set of labels (Z19).

The page shows the last sample of the monitor, so a scrape takes no new figures and cannot delay the run.
prometheus_client writes the page but does not serve it: its server waits for a slow client for ever, starts a thread
for each of them, and accepts every Host header, so that a foreign web page could read the figures through the browser
of a trader (DNS rebinding).
"""

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, ThreadingTCPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safla.errors import INSTALL_METRICS, HostError
from safla.exchange.circuit_breaker import STATES
from safla.observe.monitor import Sample

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PATHS = {"/", "/metrics"}
SCRAPE_SECONDS = 5.0  # for a whole request, from the connection to the last byte of the answer
MOST_SCRAPES = 8  # at the same time; one more ends the oldest of them
POLL_SECONDS = 0.1
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")  # an IPv6 address in brackets, or a name
NOT_KNOWN = b"the Host header has no name of this machine; add the name to monitoring.prometheus.hosts\n"

# By field of Sample: name on the page, help text, and the factor from the unit of the field to that of the page.
FIGURES = {
    "cpu_pct": ("safla_cpu_percent", "Processor time of this process, in percent of one core", 1),
    "memory_pct": ("safla_memory_percent", "Memory of the machine in use", 1),
    "rss_bytes": ("safla_resident_bytes", "Resident memory of this process", 1),
    "descriptors": ("safla_descriptors", "Open file descriptors", 1),
    "threads": ("safla_threads", "Threads", 1),
    "tasks": ("safla_tasks", "Asyncio tasks", 1),
    "sent_bytes": ("safla_network_sent_bytes", "Bytes sent by the machine", 1),
    "received_bytes": ("safla_network_received_bytes", "Bytes received by the machine", 1),
    "gc_0": ("safla_gc_young_collections", "Garbage collections, young generation", 1),
    "gc_1": ("safla_gc_middle_collections", "Garbage collections, middle generation", 1),
    "gc_2": ("safla_gc_full_collections", "Garbage collections of all objects", 1),
    "requests": ("safla_exchange_requests_per_minute", "Requests to the exchange in the last minute", 1),
    "requests_limit": ("safla_exchange_requests_limit_per_minute", "exchange.rate_limit_per_minute", 1),
    "weight": ("safla_exchange_used_weight", "Request weight used in this minute, as the exchange reports it", 1),
    "dropped": ("safla_listener_dropped", "Updates dropped because the queue of a listener was full", 1),
    "latency_last_ms": ("safla_journal_latency_last_seconds", "Time from candle to synced line, last", 0.001),
    "latency_p50_ms": ("safla_journal_latency_p50_seconds", "Time from candle to synced line, median", 0.001),
    "latency_p99_ms": ("safla_journal_latency_p99_seconds", "Time from candle to synced line, 99th percentile", 0.001),
}

AlertCounts = Mapping[tuple[str, str | None], int]  # alerts by kind and symbol


class Page:
    """Serves the page for the length of a `with`.

    latest  the last sample, or None if there is none yet
    alerts  number of alerts by kind and symbol
    hosts   host names that a request may use, beside localhost, the name of this machine, and any address
    Raises HostError if the port is in use, or prometheus_client is not installed.
    """

    def __init__(
        self, bind: str, port: int, *, latest: Callable[[], Sample | None], alerts: Callable[[], AlertCounts] = dict,
        hosts: Collection[str] = (),
    ) -> None:  # fmt: skip
        names = {name.lower() for name in ("localhost", socket.gethostname(), *hosts)}
        self._server = _listening(bind, port, page=_page_of(latest, alerts), names=names)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """The port on which the page is served."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except RuntimeError as error:
            self._server.server_close()
            raise HostError(f"monitoring.prometheus: {error}", code="too_few_resources") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Figures:
    """A collector for a registry of prometheus_client. Nothing is kept between two scrapes."""

    def __init__(self, latest: Callable[[], Sample | None], counts: Callable[[], AlertCounts]) -> None:
        self._latest, self._counts = latest, counts

    def collect(self) -> Iterator["Metric"]:
        """The metrics of all figures that are known."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        alerts = CounterMetricFamily("safla_alerts", "Alerts sent", labels=["kind", "symbol"])
        for (kind, symbol), count in self._counts().items():
            alerts.add_metric([kind, symbol or ""], count)
        yield alerts
        sample = self._latest()
        if sample is None:
            return
        for field, (name, text, unit) in FIGURES.items():
            value = getattr(sample, field)
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value * unit)
        if sample.breaker in STATES:
            yield GaugeMetricFamily("safla_breaker_state", ", ".join(STATES), value=STATES.index(sample.breaker))
        lag = GaugeMetricFamily("safla_candle_lag_seconds", "Time since the last candle's close", labels=["symbol"])
        for symbol, seconds in sample.lag_seconds.items():
            if seconds is not None:
                lag.add_metric([symbol], seconds)
        yield lag


def _page_of(latest: Callable[[], Sample | None], counts: Callable[[], AlertCounts]) -> Callable[[], tuple[str, bytes]]:
    """A function that returns the content type and the text of the page."""
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    except ImportError as error:
        missing = "monitoring.prometheus needs prometheus-client"
        raise HostError(f"{missing}; {INSTALL_METRICS}", code="package_missing") from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(latest, counts))
    return lambda: (CONTENT_TYPE_LATEST, generate_latest(registry))


def _listening(bind: str, port: int, *, page: Callable[[], tuple[str, bytes]], names: Collection[str]) -> "_Server":
    try:
        return (_Server6 if ":" in bind else _Server)((bind, port), page, names)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HostError(
            f"monitoring.prometheus: {bind} port {port}: {reason}; set another bind or port", code="cannot_listen"
        ) from error


class _Server(ThreadingTCPServer):
    """Serves each scrape in a thread: at most MOST_SCRAPES, each for at most SCRAPE_SECONDS. Closing waits for none."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], page: Callable[[], tuple[str, bytes]], names: Collection[str]) -> None:
        self.page, self.names = page, names
        self._scrapes: dict[socket.socket, float] = {}  # scrapes in progress, oldest first, and their deadlines
        super().__init__(address, _Scrape)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a scrape. If there are too many, the oldest is ended: a real scrape takes only milliseconds."""
        oldest_first = list(self._scrapes)
        for oldest in oldest_first[: max(0, len(oldest_first) - MOST_SCRAPES + 1)]:
            self._end(oldest)
        self._scrapes[request] = time.monotonic() + SCRAPE_SECONDS
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system gives no thread
            self._scrapes.pop(request, None)
            self.shutdown_request(request)

    def service_actions(self) -> None:
        """End scrapes that take too long; called every POLL_SECONDS."""
        now = time.monotonic()
        for request, deadline in list(self._scrapes.items()):
            if deadline <= now:
                self._end(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one scrape; this runs in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._scrapes.pop(request, None)

    def _end(self, request: socket.socket) -> None:
        """End a scrape. The shutdown ends whatever its thread waits for, and the thread then closes the connection."""
        self._scrapes.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a client that disconnects is no problem, and nothing must be printed."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Scrape(BaseHTTPRequestHandler):
    """One request. Methods other than GET are rejected, and nothing that a client sends is shown or kept."""

    server_version = "safla"
    sys_version = ""

    def do_GET(self) -> None:
        """Send the page, 421 for a foreign Host header, or 404 for another path."""
        if not all(_is_known(host, _server_of(self.server).names) for host in self.headers.get_all("Host", ())):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", NOT_KNOWN)
            return
        if self.path.partition("?")[0] not in PATHS:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"the page is /metrics\n")
            return
        kind, text = _server_of(self.server).page()
        self._answer(HTTPStatus.OK, kind, text)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what the base class rejects: a method other than GET (405), or a malformed request."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._answer(status, "text/plain", b"only GET is allowed\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Do nothing: the base class would print a line to stderr."""

    def _answer(self, status: HTTPStatus, kind: str, text: bytes) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        self.wfile.write(text)


def _is_known(host: str, names: Collection[str]) -> bool:
    """Whether a Host header has one of the names of this machine, or an address.

    Addresses are safe: DNS rebinding needs a name, which an attacker lets point to this machine.
    """
    match = _HOST.fullmatch(host.strip().lower())
    if match is None:
        return False
    name = match[1] or match[2]
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return name.removesuffix(".") in names


def _server_of(server: BaseServer) -> _Server:
    assert isinstance(server, _Server)
    return server
