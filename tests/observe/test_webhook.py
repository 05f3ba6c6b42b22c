"""Alerts are posted as JSON with bounded retries and never block; the URL is never shown."""

import threading
import time

import pytest
from loguru import logger
from pydantic import SecretStr

from safla.observe import webhook
from safla.observe.alerts import Alert
from safla.observe.webhook import MOST_WAITING, Webhook, posted
from tests.observe.fakes import CANARY, hook
from tests.scale import bound

ALERT = Alert("stale_candles", "BTC/USDT", "no candle for 10800 s", "2026-01-01T03:00:00.000Z", over=False)
NOWHERE = SecretStr(f"http://127.0.0.1:1/hooks/{CANARY}")


def scripted(*answers: int | Exception, said: list[str]) -> tuple[Webhook, list[dict[str, object]], list[float]]:
    """Returns a webhook that gets these responses, what it posted, and how long it waited between."""
    sent: list[dict[str, object]] = []
    waits: list[float] = []

    def post(message: dict[str, object]) -> int:
        answer = answers[min(len(sent), len(answers) - 1)]
        sent.append(message)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    return Webhook(NOWHERE, run="my run", say=said.append, post=post, wait=wait), sent, waits


def test_an_alert_arrives_as_json_over_a_real_socket():
    with hook(204) as server:
        sink = Webhook(SecretStr(server.url), run="my run", say=pytest.fail)
        sink(ALERT)
        sink(ALERT._replace(symbol=None, over=True))
        sink.close()
    common = {"run": "my run", "kind": "stale_candles", "at": "2026-01-01T03:00:00.000Z"}
    assert server.got == [
        common | {"symbol": "BTC/USDT", "text": "no candle for 10800 s"},
        common | {"symbol": None, "text": "over: no candle for 10800 s"},
    ]
    assert server.paths == [f"/hooks/{CANARY}"] * 2


def test_a_redirect_is_not_followed():
    with hook(307) as server:
        assert posted(SecretStr(server.url), {"text": "x"}) == 307
    assert server.paths == [f"/hooks/{CANARY}"]


def test_a_proxy_from_the_environment_is_not_used(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with hook(200) as server:
        assert posted(SecretStr(server.url), {"text": "x"}) == 200


def test_a_receiver_that_never_responds_is_abandoned_after_the_timeout(monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    with hook(0) as server:
        began = time.monotonic()
        with pytest.raises(OSError, match="Timeout"):
            posted(SecretStr(server.url), {"text": "x"})
        assert time.monotonic() - began < bound(1)


def test_an_error_shows_neither_url_nor_host():
    with pytest.raises(OSError, match=r"^ClientConnectorError$") as caught:
        posted(NOWHERE, {"text": "x"})
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("answers", "tries", "delivered"),
    [
        ([200], 1, True),
        ([500, 200], 2, True),
        ([OSError("x"), 429, 200], 3, True),
        ([503, 503, 503, 200], 3, False),
        ([404], 1, False),
        ([301], 1, False),
        ([400, 200], 1, False),
    ],
)
def test_a_transient_failure_is_tried_at_most_three_times(answers, tries, delivered):
    said: list[str] = []
    sink, sent, waits = scripted(*answers, said=said)
    sink(ALERT)
    sink.close()
    assert len(sent) == tries
    assert waits == [1.0, 2.0][: tries - 1]
    assert (sink.failed == 0) == delivered == (said == [])


def test_undelivered_alerts_are_reported_once_and_logged_each_time():
    said: list[str] = []
    logged: list[str] = []
    number = logger.add(lambda message: logged.append(message.record["message"]), level="WARNING", format="{message}")
    logger.enable("safla")
    sink, _, _ = scripted(404, said=said)
    for _ in range(3):
        sink(ALERT)
    sink.close()
    logger.disable("safla")
    logger.remove(number)
    assert said == ["webhook: an alert was not delivered, the run goes on: status 404"]
    assert logged == ["webhook: an alert (stale_candles) was not delivered: status 404"] * 3


def test_the_oldest_waiting_alerts_are_dropped_and_the_sender_is_not_blocked():
    begun, go = threading.Event(), threading.Event()
    sent: list[object] = []

    def post(message: dict[str, object]) -> int:
        begun.set()
        assert go.wait(60)
        sent.append(message["text"])
        return 200

    sink = Webhook(NOWHERE, run="my run", say=pytest.fail, post=post)
    sink(ALERT._replace(text="first"))
    assert begun.wait(5)
    began = time.monotonic()
    for number in range(MOST_WAITING + 10):
        sink(ALERT._replace(text=str(number)))
    assert time.monotonic() - began < bound(0.2)
    go.set()
    sink.close()
    assert sink.dropped == 10
    assert sent == ["first", *map(str, range(10, MOST_WAITING + 10))]


def test_closing_does_not_wait_for_a_receiver_that_hangs(monkeypatch):
    monkeypatch.setattr(webhook, "CLOSING_SECONDS", 0.1)
    go = threading.Event()
    sink = Webhook(NOWHERE, run="my run", say=lambda text: None, post=lambda message: 200 if go.wait(60) else 500)
    sink(ALERT)
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < bound(0.5)
    go.set()
    sink._thread.join(2)
    assert not sink._thread.is_alive()
