"""A receiver of webhooks on 127.0.0.1: it keeps what is posted, and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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
