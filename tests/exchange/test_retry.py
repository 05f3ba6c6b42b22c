"""Tries and waits: each rule R1 to R7 on a scripted request, a whole schedule as golden text, headers as a table."""

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

# --- Tries -----------------------------------------------------------------------------------------------------------


def test_an_answer_comes_back_as_it_is_and_nothing_is_said():
    exchange = Scripted(["a page"])
    assert exchange.run() == ["a page"]
    assert (exchange.asked, exchange.retries, exchange.gate.sent) == ([0.0], [], 1)


def test_a_failure_is_tried_again_and_said_with_its_cause():
    exchange = Scripted(trouble("no JSON"), trouble(), 7)
    assert exchange.run() == 7
    assert exchange.retries == [NextTry(1, 1.0, "no JSON"), NextTry(2, 2.0, "status 503")]
    assert exchange.asked == [0.0, 1.0, 3.0]
    assert exchange.gate.sent == 3


@pytest.mark.parametrize("attempts", [0, 1, 3, 20])
def test_there_are_so_many_further_tries_and_then_the_last_trouble_itself(attempts):
    last = trouble("the last")
    exchange = Scripted(*[trouble() for _ in range(attempts)], last, attempts=attempts, failure_threshold=100)
    with pytest.raises(TransientError) as caught:
        exchange.run()
    assert caught.value is last
    assert len(exchange.asked) == attempts + 1
    assert len(exchange.retries) == attempts


@pytest.mark.parametrize("attempts", [0, 3])
def test_what_is_not_to_be_retried_is_asked_once(attempts):
    exchange = Scripted(trouble("status 451", **FINAL), attempts=attempts)
    with pytest.raises(TransientError, match="status 451"):
        exchange.run()
    assert (len(exchange.asked), exchange.retries, exchange.slept) == (1, [], [])


def test_anything_else_passes_through_and_frees_the_breaker():
    exchange = Scripted(trouble(), ZeroDivisionError("ours"), failure_threshold=2)
    with pytest.raises(ZeroDivisionError):
        exchange.run()
    assert exchange.breaker.state == "closed"
    exchange.breaker.acquire().failure("the second in a row")
    assert exchange.breaker.state == "open"


# --- Waits -----------------------------------------------------------------------------------------------------------


def test_each_draw_is_up_to_twice_the_last_and_never_above_the_cap():
    drawn = []
    exchange = Scripted(trouble(), attempts=9, failure_threshold=100)
    exchange.chance = lambda low, high: drawn.append((low, high)) or 0.25
    with pytest.raises(TransientError):
        exchange.run()
    assert drawn == [(0.0, high) for high in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)]
    assert exchange.slept == [0.25] * 9


@pytest.mark.parametrize("delay", [0.0, 1e-6, 60.0])
def test_the_exponent_is_clamped_however_many_tries_there_are(delay):
    exchange = Scripted(trouble(), delay=delay, failure_threshold=3_000)
    exchange.patience = Patience(2_000, delay, cap_seconds=2.0)
    with pytest.raises(TransientError):
        exchange.run()
    assert max(exchange.slept) == (2.0 if delay else 0.0)


@pytest.mark.parametrize(
    ("asked_for", "waited"),
    [(None, 1.0), (0.0, 1.0), (0.5, 1.0), (7.0, 7.0), (LONGEST_WAIT, LONGEST_WAIT)],
)
def test_a_retry_after_is_a_floor(asked_for, waited):
    exchange = Scripted(trouble(retry_after=asked_for), 7)
    assert exchange.run() == 7
    assert exchange.slept == [waited]


def test_a_retry_after_above_five_minutes_is_an_answer():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=300.001), 7)
    with pytest.raises(TransientError, match="status 429"):
        exchange.run()
    assert (len(exchange.asked), exchange.slept) == (1, [])


def test_a_429_shuts_the_gate_for_all_and_then_they_leave_one_by_one():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=7.0), 7, delay=0.0, per_minute=60)

    async def calls():
        first = asyncio.create_task(exchange.call())
        await exchange.ticking.sleep(1.0)
        return await asyncio.gather(first, *(exchange.call() for _ in range(4)))

    assert exchange.ticking.run(calls()) == [7] * 5
    assert exchange.asked == [0.0, 7.0, 8.0, 9.0, 10.0, 11.0]


def test_a_429_that_does_not_say_how_long_shuts_for_a_minute_and_counts_for_no_breaker():
    exchange = Scripted(*[trouble("status 429", **SLOW)] * 3, 7, failure_threshold=1)
    assert exchange.run() == 7
    assert exchange.asked == [0.0, 60.0, 120.0, 180.0]
    assert exchange.breaker.state == "closed"


def test_a_429_for_days_holds_the_gate_no_longer_than_anybody_waits():
    exchange = Scripted(trouble("status 429", **SLOW, retry_after=999_999.0), 7)
    with pytest.raises(TransientError):
        exchange.run()
    assert exchange.run() == 7
    assert exchange.asked == [0.0, LONGEST_WAIT]


@pytest.mark.parametrize("attempts", [0, 3, 20])
@pytest.mark.parametrize("conduct", [{"retried": True, "counted": True}, SLOW], ids=["counted", "shuts"])
def test_the_longest_that_one_call_can_last_is_reached_exactly(attempts, conduct):
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


def test_the_whole_schedule_is_as_written(golden):
    golden("retries.txt", "\n".join(timeline_of(name, script) for name, script in STORIES.items()))


def timeline_of(name, script):
    """When each request left, and what was said in between."""
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


# --- Breaker and gate ------------------------------------------------------------------------------------------------


def test_counted_failures_open_the_breaker_and_the_refusal_passes_out_at_once():
    exchange = Scripted(trouble(), attempts=20, failure_threshold=3)
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert exchange.asked == [0.0, 1.0, 3.0]
    before = exchange.ticking.now
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert (exchange.ticking.now, len(exchange.asked)) == (before, 3)


def test_who_is_refused_does_not_wait_at_a_gate_that_is_shut():
    exchange = Scripted(trouble(), attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    exchange.gate.shut(100.0)
    with pytest.raises(CircuitOpen):
        exchange.run()
    assert (exchange.ticking.now, exchange.gate.sent) == (0.0, 1)


def test_those_in_line_when_the_breaker_opens_do_not_leave_and_are_not_counted():
    exchange = Scripted(trouble(), attempts=0, failure_threshold=2)
    exchange.gate.shut(50.0)

    async def calls():
        return await asyncio.gather(*(exchange.call() for _ in range(100)), return_exceptions=True)

    ends = exchange.ticking.run(calls())
    assert [type(one) for one in ends] == [TransientError] * 2 + [CircuitOpen] * 98
    assert (len(exchange.asked), exchange.gate.sent) == (2, 2)


def about_to_probe():
    """A breaker whose recovery time is over, and a gate that opens in five seconds."""
    exchange = Scripted(trouble(), 7, attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    exchange.ticking.advance(30.0)
    exchange.gate.shut(5.0)
    return exchange


def test_a_probe_that_waits_at_the_gate_keeps_its_slot():
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


def test_a_probe_that_is_cancelled_while_it_stands_in_line_frees_its_slot():
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


# --- Cancelled (R6) --------------------------------------------------------------------------------------------------

WAITS = {
    "request": (lambda exchange: setattr(exchange, "seconds", 100.0), 1),
    "gate": (lambda exchange: exchange.gate.shut(100.0), 0),
    "retry": (lambda exchange: exchange.script.insert(0, trouble(retry_after=100.0)), 1),
}


@pytest.mark.parametrize("wait", WAITS)
def test_a_cancelled_call_ends_at_once_in_any_wait_and_holds_nothing(wait):
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
def test_a_header_asks_for_seconds_or_for_a_date_and_else_for_a_minute(text, seconds):
    assert retry_after(text, now=NOW) == seconds


def test_a_date_is_measured_from_a_now_of_any_zone():
    now = NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert retry_after("Sun, 01 Mar 2026 12:00:07 GMT", now=now) == 7.0


PARTS = st.sampled_from(
    [*"0123456789 ,:+-.", "Sun, ", "01 ", "Mar ", "2026 ", "0000 ", "9999 ", "12:00:07 ", "GMT", "-0000"]
)


@given(st.one_of(st.text(max_size=40), st.lists(PARTS, max_size=12).map("".join), st.from_regex(
    r"\A[A-Z][a-z]{2}, [0-9]{2} (Jan|Feb|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|UTC|[+-][0-9]{4})\Z"
)))  # fmt: skip
def test_no_header_is_an_error_and_none_asks_for_less_than_nothing(text):
    assert retry_after(text, now=NOW) >= 0


# --- Why it is rejected ----------------------------------------------------------------------------------------------


def test_a_call_whose_own_failures_opened_the_breaker_is_rejected_because_of_its_last_one():
    exchange = Scripted(trouble("first"), trouble("second"), trouble("third"), attempts=9, failure_threshold=3)
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    assert (str(caught.value.__cause__), caught.value.tried) == ("third", True)
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    assert (str(caught.value.__cause__), caught.value.tried) == ("third", False)


def test_what_is_kept_of_a_failure_holds_no_frame():
    exchange = Scripted(trouble("once", retry_after=3.0), attempts=0, failure_threshold=1)
    with pytest.raises(TransientError):
        exchange.run()
    with pytest.raises(CircuitOpen) as caught:
        exchange.run()
    kept = caught.value.__cause__
    assert isinstance(kept, TransientError)
    assert (kept.__traceback__, kept.floor, kept.retried, kept.counted) == (None, 3.0, True, True)
