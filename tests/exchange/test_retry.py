"""Retries and waits: each rule R1 to R7 on a scripted request, schedules as golden text, headers as a table."""

import asyncio
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.exchange.circuit_breaker import CircuitOpen
from safla.exchange.retry import LONGEST_WAIT, UNSAID_WAIT, NextTry, Patience, TransientError, retry_after
from tests.exchange.clock import FINAL, SLOW, Scripted, trouble
from tests.options import SEED

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

# --- Attempts --------------------------------------------------------------------------------------------------------


def test_a_successful_response_is_returned_without_retry():
    exchange = Scripted(["a page"])
    assert exchange.run() == ["a page"]
    assert (exchange.asked, exchange.retries, exchange.gate.sent) == ([0.0], [], 1)


def test_a_failure_is_retried_and_reported_with_its_cause():
    exchange = Scripted(trouble("no JSON"), trouble(), 7)
    assert exchange.run() == 7
    assert exchange.retries == [NextTry(1, 1.0, "no JSON"), NextTry(2, 2.0, "status 503")]
    assert exchange.asked == [0.0, 1.0, 3.0]
    assert exchange.gate.sent == 3


@pytest.mark.parametrize("attempts", [0, 1, 3, 20])
def test_after_the_configured_number_of_retries_the_last_error_is_raised(attempts):
    last = trouble("the last")
    exchange = Scripted(*[trouble() for _ in range(attempts)], last, attempts=attempts, failure_threshold=100)
    with pytest.raises(TransientError) as caught:
        exchange.run()
    assert caught.value is last
    assert len(exchange.asked) == attempts + 1
    assert len(exchange.retries) == attempts


@pytest.mark.parametrize("attempts", [0, 3])
def test_an_error_that_must_not_be_retried_is_raised_after_one_request(attempts):
    exchange = Scripted(trouble("status 451", **FINAL), attempts=attempts)
    with pytest.raises(TransientError, match="status 451"):
        exchange.run()
    assert (len(exchange.asked), exchange.retries, exchange.slept) == (1, [], [])


def test_any_other_exception_passes_through_and_is_not_counted_by_the_breaker():
    exchange = Scripted(trouble(), ZeroDivisionError("ours"), failure_threshold=2)
    with pytest.raises(ZeroDivisionError):
        exchange.run()
    assert exchange.breaker.state == "closed"
    exchange.breaker.acquire().failure("the second in a row")
    assert exchange.breaker.state == "open"


# --- Waits -----------------------------------------------------------------------------------------------------------


def test_the_upper_bound_of_the_random_wait_doubles_up_to_the_cap():
    drawn = []
    exchange = Scripted(trouble(), attempts=9, failure_threshold=100)
    exchange.chance = lambda low, high: drawn.append((low, high)) or 0.25
    with pytest.raises(TransientError):
        exchange.run()
    assert drawn == [(0.0, high) for high in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)]
    assert exchange.slept == [0.25] * 9


@pytest.mark.parametrize("delay", [0.0, 1e-6, 60.0])
def test_the_wait_stays_at_the_cap_after_thousands_of_retries(delay):
    exchange = Scripted(trouble(), delay=delay, failure_threshold=3_000)
    exchange.patience = Patience(2_000, delay, cap_seconds=2.0)
    with pytest.raises(TransientError):
        exchange.run()
    assert max(exchange.slept) == (2.0 if delay else 0.0)


@pytest.mark.parametrize(
    ("asked_for", "waited"),
    [(None, 1.0), (0.0, 1.0), (0.5, 1.0), (7.0, 7.0), (LONGEST_WAIT, LONGEST_WAIT)],
)
def test_a_retry_after_is_a_minimum_of_the_wait(asked_for, waited):
    exchange = Scripted(trouble(retry_after=asked_for), 7)
    assert exchange.run() == 7
    assert exchange.slept == [waited]


def test_a_retry_after_above_five_minutes_ends_the_call():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=300.001), 7)
    with pytest.raises(TransientError, match="status 429"):
        exchange.run()
    assert (len(exchange.asked), exchange.slept) == (1, [])


def test_a_429_shuts_the_rate_limiter_for_all_calls_and_then_they_pass_one_by_one():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=7.0), 7, delay=0.0, per_minute=60)

    async def calls():
        first = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(1.0)
        return await asyncio.gather(first, *(exchange.call() for _ in range(4)))

    assert exchange.ticking.run(calls()) == [7] * 5
    assert exchange.asked == [0.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_a_429_without_retry_after_waits_a_minute_and_is_not_counted_by_the_breaker():
    exchange = Scripted(*[trouble("status 429", **SLOW)] * 3, 7, failure_threshold=1)
    assert exchange.run() == 7
    assert exchange.asked == [0.0, 60.0, 120.0, 180.0]
    assert exchange.breaker.state == "closed"


def test_a_429_for_days_shuts_the_rate_limiter_for_the_longest_wait_only():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=999_999.0), 7)
    with pytest.raises(TransientError):
        exchange.run()
    assert exchange.run() == 7
    assert exchange.asked == [0.0, LONGEST_WAIT]


@pytest.mark.parametrize("attempts", [0, 3, 20])
@pytest.mark.parametrize("conduct", [{"retried": True, "counted": True}, SLOW], ids=["counted", "shuts"])
def test_the_longest_duration_of_a_call_is_attempts_times_timeout_plus_retries_times_the_longest_wait(
    attempts, conduct
):
    exchange = Scripted(
        TransientError("too slow", **conduct, retry_after=LONGEST_WAIT),
        seconds=10.0,
        attempts=attempts,
        failure_threshold=100,
    )
    with pytest.raises(TransientError):
        exchange.run()
    assert exchange.ticking.now == (attempts + 1) * 10.0 + attempts * 300.0


STORIES = {
    "ten times status 503": [trouble() for _ in range(10)],
    "Retry-After 7 in the middle": [trouble(), trouble("status 429", **SLOW, retry_after=7.0), trouble(), trouble(), 0],
    "Retry-After absent": [trouble("status 429", **SLOW), trouble(), 0],
    "a long one is an answer": [trouble(), trouble("status 429", **SLOW, retry_after=999_999.0)],
    "a region": [trouble("timeout"), trouble("status 451", **FINAL)],
    "the breaker opens": [trouble("timeout") for _ in range(6)],
}


def test_the_schedules_of_retries_match_the_golden_text(golden):
    golden("retries.txt", "\n".join(timeline_of(name, script) for name, script in STORIES.items()))


def timeline_of(name, script):
    """The time of each request, with the retry messages and the final result."""
    exchange = Scripted(*script, seconds=0.5, attempts=8, failure_threshold=6 if name == "the breaker opens" else 20)
    exchange.chance = random.Random(SEED).uniform
    try:
        end = f"answer {exchange.run()}"
    except TransientError as error:
        end = f"given up: {error}"
    except CircuitOpen as error:
        end = f"refused: {error}"
    said = [f"{one.cause}; try {one.attempt + 1} in {one.wait:.3f} s" for one in exchange.retries]
    lines = [f"{at:9.3f}  {text}" for at, text in zip(exchange.asked, [*said, end], strict=False)]
    if len(said) == len(exchange.asked):
        lines.append(f"{exchange.ticking.now:9.3f}  {end}")
    return "\n".join([name, *lines, ""])


# --- Breaker and rate limiter ----------------------------------------------------------------------------------------


def test_counted_failures_open_the_breaker_and_its_rejection_is_raised_at_once():
    exchange = Scripted(trouble(), attempts=20, failure_threshold=3)
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert exchange.asked == [0.0, 1.0, 3.0]
    before = exchange.ticking.now
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert (exchange.ticking.now, len(exchange.asked)) == (before, 3)


def test_a_call_rejected_by_the_breaker_does_not_wait_at_a_shut_rate_limiter():
    exchange = Scripted(trouble(), attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    exchange.gate.shut(100.0)
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert (exchange.ticking.now, exchange.gate.sent) == (0.0, 1)


def test_calls_that_wait_when_the_breaker_opens_are_rejected_and_not_counted():
    exchange = Scripted(trouble(), attempts=0, failure_threshold=2)
    exchange.gate.shut(50.0)

    async def calls():
        return await asyncio.gather(*(exchange.call() for _ in range(100)), return_exceptions=True)

    ends = exchange.ticking.run(calls())
    assert [type(one) for one in ends] == [TransientError] * 2 + [CircuitOpen] * 98
    assert (len(exchange.asked), exchange.gate.sent) == (2, 2)


def about_to_probe():
    """A breaker whose recovery time is over, and a rate limiter that opens in five seconds."""
    exchange = Scripted(trouble(), 7, attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    exchange.ticking.advance(30.0)
    exchange.gate.shut(5.0)
    return exchange


def test_a_probe_that_waits_at_the_rate_limiter_keeps_its_slot():
    exchange = about_to_probe()

    async def calls():
        probe = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(1.0)
        with pytest.raises(CircuitOpen):
            await exchange.call()
        assert exchange.ticking.now == 31.0
        return await probe

    assert exchange.ticking.run(calls()) == 7
    assert exchange.asked == [0.0, 35.0]


def test_a_probe_that_is_cancelled_while_it_waits_frees_its_slot():
    exchange = about_to_probe()

    async def calls():
        probe = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(1.0)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        return await exchange.call()

    assert exchange.ticking.run(calls()) == 7
    assert exchange.asked == [0.0, 35.0]


# --- Cancellation (R6) -----------------------------------------------------------------------------------------------

WAITS = {
    "request": (lambda exchange: setattr(exchange, "seconds", 100.0), 1),
    "gate": (lambda exchange: exchange.gate.shut(100.0), 0),
    "retry": (lambda exchange: exchange.script.insert(0, trouble(retry_after=100.0)), 1),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_cancelled_call_ends_at_once_in_any_wait_and_frees_its_resources(wait):
    exchange = Scripted(7, failure_threshold=1 if wait != "retry" else 2)
    prepare, asked = WAITS[wait]
    prepare(exchange)

    async def cancelling():
        task = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(2.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert exchange.ticking.sleeping() == []

    exchange.ticking.run(cancelling())
    assert exchange.ticking.now == 2.0
    assert (len(exchange.asked), exchange.gate.sent) == (asked, asked)
    assert exchange.breaker.state == "closed"


# --- Retry-After (R3) ------------------------------------------------------------------------------------------------

HEADERS = {
    "7": 7.0, " 7 ": 7.0, "0": 0.0, "2.5": 2.5, "300": 300.0, "301": 301.0, "999999": 999_999.0, "0.0": 0.0,
    "999999999999": 999_999_999_999.0,
    **dict.fromkeys(
        [
            None, "", " ", "-5", "+5", "-0", "soon", "1e9", "0x10", "007", "7,5", "7 s", "1_000", "NaN", "inf",
            "\u0667", "9" * 13, "9" * 10_000, "7\n8", "7\x00", "Sun, 01 Mar 2026 12:00:07", "tomorrow",
            "2026-03-01T12:00:07Z", "Sunday, 01-Mar-26 12:00:07 GMT", "Sun, 99 Mar 2026 12:00:07 GMT",
            "Sun, 01 Foo 2026 12:00:07 GMT", "Sun, 01 Mar 2026 25:00:07 GMT", "Sun, 01 Mar 0000 12:00:07 GMT",
            "Sun, 01 Mar 2026 12:00:07 +9999", "Sun, 01 Mar 2026 11:59:59 GMT", "Sun, 01 Mar 2026 12:00:07 GMT" * 9,
        ],
        UNSAID_WAIT,
    ),
    "Sun, 01 Mar 2026 12:00:07 GMT": 7.0, "Sun, 01 Mar 2026 12:00:00 GMT": 0.0, "Sun, 01 Mar 2026 12:00:07 -0000": 7.0,
    "Sun, 01 Mar 2026 13:00:07 +0100": 7.0, "Sun, 01 Mar 2026 12:00:07 UTC": 7.0,
    "Mon, 02 Mar 2026 12:00:00 GMT": 86_400.0,
}  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), HEADERS.items(), ids=[repr(text)[:40] for text in HEADERS])
def test_a_retry_after_header_is_seconds_or_a_date_and_otherwise_a_minute(text, seconds):
    assert retry_after(text, now=NOW) == seconds


def test_a_retry_after_date_is_compared_with_the_current_time_in_any_zone():
    now = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert retry_after("Sun, 01 Mar 2026 12:00:07 GMT", now=now) == 7.0


PARTS = st.sampled_from(
    [*"0123456789 ,:+-.", "Sun, ", "01 ", "Mar ", "2026 ", "0000 ", "9999 ", "12:00:07 ", "GMT", "-0000"]
)


@given(st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=12).map("".join), st.from_regex(
    r"\A[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC|[+-][0-9]{4})\Z"
)))  # fmt: skip
def test_no_retry_after_header_raises_or_gives_a_negative_wait(text):
    assert retry_after(text, now=NOW) >= 0


# --- The cause of a rejection ----------------------------------------------------------------------------------------


def test_the_rejection_of_a_call_that_opened_the_breaker_has_its_last_failure_as_cause():
    exchange = Scripted(trouble("first"), trouble("second"), trouble("third"), attempts=9, failure_threshold=3)
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    assert (str(caught.value.__cause__), caught.value.tried) == ("third", True)
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    assert (str(caught.value.__cause__), caught.value.tried) == ("third", False)


def test_the_stored_cause_of_a_rejection_holds_no_traceback():
    exchange = Scripted(trouble("once", retry_after=3.0), attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    kept = caught.value.__cause__
    assert isinstance(kept, TransientError)
    assert (kept.__traceback__, kept.floor, kept.retried, kept.counted) == (None, 3.0, True, True)
