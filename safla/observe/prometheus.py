"""The figures of a run as a page that Prometheus scrapes: GET only, a fixed set of labels (Z19). It asks nobody.

The page is made of the last look of the monitor: a scrape costs the run nothing, and one that hangs delays nothing.
prometheus_client writes the page and does not serve it. Its server waits for a slow client without end, starts a thread
for each of them, and answers whatever Host it is asked for, so that a stranger's web page can read the figures through
the browser of a trader (DNS rebinding).
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
SCRAPE_SECONDS = 5.0  # of a request in all, from its connection to the last byte of its answer
MOST_SCRAPES = 8  # at once; one more ends the oldest of them
POLL_SECONDS = 0.1
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")  # an address of IPv6 in brackets, or a name
NOT_KNOWN = b"not a name of this machine; name it in monitoring.prometheus.hosts\n"

# Of Sample: the name on the page, what it says, and what a unit of it is in the unit of the name.
FIGURES = {
    "cpu_pct": ("safla_cpu_percent", "Processor time of this process, of one core", 1),
    "memory_pct": ("safla_memory_percent", "Memory of the machine in use", 1),
    "rss_bytes": ("safla_resident_bytes", "Memory of this process", 1),
    "descriptors": ("safla_descriptors", "Open descriptors", 1),
    "threads": ("safla_threads", "Threads", 1),
    "tasks": ("safla_tasks", "Tasks of asyncio", 1),
    "sent_bytes": ("safla_network_sent_bytes", "Bytes that the machine sent", 1),
    "received_bytes": ("safla_network_received_bytes", "Bytes that the machine received", 1),
    "gc_0": ("safla_gc_young_collections", "Collections of the youngest objects", 1),
    "gc_1": ("safla_gc_middle_collections", "Collections of the middle generation", 1),
    "gc_2": ("safla_gc_full_collections", "Collections of all objects", 1),
    "requests": ("safla_exchange_requests_per_minute", "Requests within the last minute", 1),
    "requests_limit": ("safla_exchange_requests_limit_per_minute", "exchange.rate_limit_per_minute", 1),
    "weight": ("safla_exchange_used_weight", "Weight used within this minute, as the exchange says", 1),
    "dropped": ("safla_listener_dropped", "What found the queue of a listener full", 1),
    "latency_last_ms": ("safla_journal_latency_last_seconds", "From candle to synced line, the last", 0.001),
    "latency_p50_ms": ("safla_journal_latency_p50_seconds", "The same, median", 0.001),
    "latency_p99_ms": ("safla_journal_latency_p99_seconds", "The same, 99th percentile", 0.001),
}

AlertCounts = Mapping[tuple[str, str | None], int]  # alerts by kind and symbol


class Page:
    """The page, served for the length of a `with`. HostError: the port is taken, or the package is not there.

    latest  the last look, if there was one
    told    how many alerts there were
    hosts   names by which it may be asked for, beside localhost, the name of this machine, and any address
    """

    def __init__(
        self, bind: str, port: int, *, latest: Callable[[], Sample | None], told: Callable[[], AlertCounts] = dict,
        hosts: Collection[str] = (),
    ) -> None:  # fmt: skip
        names = {name.lower() for name in ("localhost", socket.gethostname(), *hosts)}
        self._server = _listening(bind, port, page=_page_of(latest, told), names=names)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="metrics", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except RuntimeError as error:
            self._server.server_close()
            raise HostError(f"monitoring.prometheus: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Figures:
    """What a registry of prometheus-client collects from. Nothing is kept between two scrapes."""

    def __init__(self, latest: Callable[[], Sample | None], told: Callable[[], AlertCounts]) -> None:
        self._latest, self._told = latest, told

    def collect(self) -> Iterator["Metric"]:
        """All figures that are known."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        alerts = CounterMetricFamily("safla_alerts", "Alerts told", labels=["kind", "symbol"])
        for (kind, symbol), count in self._told().items():
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
        lag = GaugeMetricFamily("safla_candle_lag_seconds", "Since the close of the last candle", labels=["symbol"])
        for symbol, seconds in sample.lag_seconds.items():
            if seconds is not None:
                lag.add_metric([symbol], seconds)
        yield lag


def _page_of(latest: Callable[[], Sample | None], told: Callable[[], AlertCounts]) -> Callable[[], tuple[str, bytes]]:
    """What gives the content type and the text of the page."""
    try:
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    except ImportError as error:
        missing = "monitoring.prometheus needs prometheus-client"
        raise HostError(f"{missing}; {INSTALL_METRICS}") from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(latest, told))
    return lambda: (CONTENT_TYPE_LATEST, generate_latest(registry))


def _listening(bind: str, port: int, *, page: Callable[[], tuple[str, bytes]], names: Collection[str]) -> "_Server":
    try:
        return (_Server6 if ":" in bind else _Server)((bind, port), page, names)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HostError(f"monitoring.prometheus: {bind} port {port}: {reason}; name another bind or port") from error


class _Server(ThreadingTCPServer):
    """A thread a scrape, MOST_SCRAPES at most, each for SCRAPE_SECONDS at most; none is waited for at the end."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], page: Callable[[], tuple[str, bytes]], names: Collection[str]) -> None:
        self.page, self.names = page, names
        self._scrapes: dict[socket.socket, float] = {}  # those that go on, oldest first, and when each has to be over
        super().__init__(address, _Scrape)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a scrape. Where there are too many, the oldest makes room: a true one takes milliseconds."""
        oldest_first = list(self._scrapes)
        for oldest in oldest_first[: max(0, len(oldest_first) - MOST_SCRAPES + 1)]:
            self._end(oldest)
        self._scrapes[request] = time.monotonic() + SCRAPE_SECONDS
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be had
            self._scrapes.pop(request, None)
            self.shutdown_request(request)

    def service_actions(self) -> None:
        """End what takes too long; called every POLL_SECONDS."""
        now = time.monotonic()
        for request, until in list(self._scrapes.items()):
            if until <= now:
                self._end(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One scrape, in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._scrapes.pop(request, None)

    def _end(self, request: socket.socket) -> None:
        """Let go of a scrape: whatever its thread waits for comes to an end, and the thread closes the connection."""
        self._scrapes.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no matter, and nothing is printed."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Scrape(BaseHTTPRequestHandler):
    """One request. Other methods than GET are refused, and nothing that a client says is shown or kept."""

    server_version = "safla"
    sys_version = ""

    def do_GET(self) -> None:
        """The page, or that there is none of that name."""
        if not all(_is_known(host, _server_of(self.server).names) for host in self.headers.get_all("Host", ())):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, "text/plain", NOT_KNOWN)
            return
        if self.path.partition("?")[0] not in PATHS:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"the page is /metrics\n")
            return
        kind, text = _server_of(self.server).page()
        self._answer(HTTPStatus.OK, kind, text)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the server itself refuses: a method that is not GET, a request that is none."""
        refused = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._answer(refused, "text/plain", b"GET only\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is printed."""

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
    """Whether a Host header asks for this machine: by one of its names, or by an address.

    An address is no name that somebody else could let point here.
    """
    found = _HOST.fullmatch(host.strip().lower())
    if found is None:
        return False
    name = found[1] or found[2]
    with suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return name.removesuffix(".") in names


def _server_of(server: BaseServer) -> _Server:
    assert isinstance(server, _Server)
    return server
