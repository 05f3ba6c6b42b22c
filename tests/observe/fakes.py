"""What a run tells its listeners, made by hand; a clock that tests move; a receiver of webhooks on 127.0.0.1."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from safla.clock import Clock
from safla.core import values as v
from safla.core.values import State
from safla.journal import events as e
from safla.observe.update import Update

START = 1_767_225_600_000  # 2026-01-01T00:00Z
HOUR = 3_600_000

MARKS = [e.Mark("BTC/USDT", "0.10000", "29000.00")]
EVENTS = {
    "started": e.RunStarted(
        START, 1, 1, "my run", "candles", "1h", START, "USDT", 8, "100000.00000000", [], {"risk.stop_loss_pct": "0.02"}
    ),
    "candle": e.CandleEvent(START, "BTC/USDT", "30000.00", "30100.00", "29900.00", "30050.00", "12.50000"),
    "missing": e.CandleMissing(START, "BTC/USDT"),
    "day": e.DayStarted(START, "99000.00000000", "100000.00000000", "100100.00000000", MARKS),
    "mode": e.ModeChanged(START, "BTC/USDT", "warm", "warming", "flat"),
    "signal": e.SignalEvent(START, "BTC/USDT", "enter", "0.001200"),
    "placed": e.OrderPlaced(START, "BTC/USDT", 1, "buy", "signal", "0.900000", None, None, None),
    "refused": e.OrderRejected(START, "BTC/USDT", 0, "buy", "halted", None, None),
    "expired": e.OrderExpired(START, "BTC/USDT", 1, "buy", "no_volume"),
    "filled": e.Filled(
        START, "BTC/USDT", 1, 1, "buy", "signal", "30000.00", "30006.00", "0.10000", "3.00060000", "96996.3", False
    ),
    "closed": e.TradeClosed(
        START + HOUR, "BTC/USDT", 1, START, "0.10000", "30006.00", "30000.00", "-0.6", "6.0", "-6.6", "stop_loss"
    ),
    "halted": e.Halted(
        START, 1, "operator", None, None, "100000.00000000", None, MARKS, "look at the feed", START + 5, "1-a"
    ),
    "resumed": e.Resumed(START, "operator", 1, "100000.00000000", None, START + 6, "2-b"),
    "ended": e.RunEnded(START, 1, "0" * 32, "99999.0", "99999.0", "100000.0", "-1.0", "1.0", 1, [], None, None),
}


class Hands:
    """A clock of which the test holds the hands."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = START / 1000

    def pass_(self, seconds: float) -> None:
        """Let both go on."""
        self.monotonic += seconds
        self.wall += seconds

    def clock(self) -> Clock:
        """As the rooms get it; nobody sleeps by it."""
        return Clock(lambda: self.monotonic, lambda: self.wall, lambda seconds: None)  # type: ignore[arg-type,return-value]


def candle(symbol: str, ts: int = START) -> e.CandleEvent:
    """A candle of a symbol."""
    return e.CandleEvent(ts, symbol, "1.0", "1.0", "1.0", "1.0", "1.0")


def update(*events: e.Event, halts: tuple[int, ...] = (0, 0, 0, 0), came: float = 0.0, synced: float = 0.0) -> Update:
    """What a timestamp came to; halts: the open one of each rule (values.HALT_RULES)."""
    account = np.zeros(v.ACCOUNT_FIELDS, np.int64)
    account[v.HALT_OF_RULE : v.HALT_OF_RULE + len(halts)] = halts
    state = State(account, np.zeros((1, v.SYMBOL_FIELDS), np.int64))
    return Update(START, tuple(events), state, len(events), came, synced)


CANARY = "T0PSECRETPATHOFAHOOK"


class Hook(ThreadingHTTPServer):
    """Answers with the statuses one after the other, the last for ever; 0: never, until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        """Where it is, with a secret in it."""
        return f"http://127.0.0.1:{self.server_address[1]}/hooks/{CANARY}"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """One message."""
        hook = self.server
        assert isinstance(hook, Hook)
        hook.paths.append(self.path)
        hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status = hook.statuses.pop(0) if len(hook.statuses) > 1 else hook.statuses[0]
        if status == 0:
            hook.closing.wait(60)
            return
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is printed."""


@contextmanager
def hook(*statuses: int) -> Iterator[Hook]:
    """A receiver for the length of a `with`."""
    server = Hook(*statuses)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(2)
