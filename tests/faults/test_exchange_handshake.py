"""Z18 for the stream: its handshake follows no redirect, and reports one like any other failed handshake."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.feeds import BEGAN, Following, pairs
from tests.fake_exchange import FakeExchange, served
from tests.faults.exchange import minutes
from tests.scale import some_of

SINCE, END = BEGAN - 2, BEGAN + 2  # minutes
STATUSES = (301, 302, 303, 307, 308)


@pytest.fixture
def other() -> Iterator[FakeExchange]:
    """Starts an exchange that only a redirect leads to."""
    with served([minutes(60)]) as one:
        yield one


@pytest.fixture(autouse=True)
def no_unhandled_asyncio_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Checks that asyncio logs no unhandled error, which would appear on the terminal of the user (I9)."""
    yield
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []


@some_of("status", STATUSES, keep=(302, 307))
@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_redirect_of_the_stream_handshake_is_not_followed(
    status: int, scheme: str, other: FakeExchange, tmp_path: Path
) -> None:
    following = Following(tmp_path)
    address = f"{scheme}{other.stream_url.removeprefix('ws')}"
    broken = following.fake.break_("ws_reject", times=2, status=status, location=f"{address}/stream/ws", text="x" * 999)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)  # the fault costs only latency
    assert broken.hits == 2
    assert (other.requests, other.sockets) == ([], [])
    assert len(following.said) == 1
    assert f"{status}" in following.said[0]
    assert following.said[0].endswith("; the stream is reconnecting")
    assert following.feed.counts["connections"] == 3


@some_of("location", [None, "", "file:///etc/passwd", "//[", "/elsewhere", "\x9b31mred"], keep=("//[", "\x9b31mred"))
def test_a_malformed_redirect_of_the_stream_handshake_is_harmless(location: str | None, tmp_path: Path) -> None:
    following = Following(tmp_path)
    following.fake.break_("ws_reject", times=1, status=302, location=location)
    came = following.follow(SINCE, END, stream=True)
    assert pairs(came) == following.true(SINCE, END)
    assert len(following.said) == 1
    assert following.said[0].isprintable()
