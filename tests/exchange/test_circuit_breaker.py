"""The circuit breaker: its table, each of the rules K2 to K9, and all of them against a reference model (K10)."""

import asyncio
import contextlib
import inspect
import itertools
import random
import threading
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from transitions import MachineError

from safla.exchange.circuit_breaker import MOVES, STATES, TABLE, Breaker, CircuitOpen, StateChange, next_state
from tests.exchange.breaker_reference import Pair
from tests.exchange.clock import Ticking

TRIGGERS = sorted({trigger for trigger, _, _ in TABLE})
ENDS = ("success", "failure", "release")


@pytest.fixture
def ticking():
    return Ticking()


@pytest.fixture
def breaker(ticking):
    """A breaker with the defaults of the configuration."""
    return Breaker(failure_threshold=5, recovery_seconds=30.0, success_threshold=3, clock=ticking.clock)


@pytest.fixture
def moves(breaker):
    """The state changes that a listener receives."""
    heard = []
    breaker.listen(heard.append)
    return heard


def fail(breaker, times=1):
    for _ in range(times):
        breaker.acquire().failure("status 503")


def refused(breaker):
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire()
    return caught.value.retry_after


def probing(breaker, ticking):
    """The token of the only probe."""
    fail(breaker, 5)
    ticking.advance(30.0)
    return breaker.acquire()


# --- The table -------------------------------------------------------------------------------------------------------


def test_the_state_machine_has_exactly_four_transitions():
    assert {(source, target) for _, source, target in TABLE} == {
        ("closed", "open"), ("open", "half_open"), ("half_open", "closed"), ("half_open", "open"),
    }  # fmt: skip
    assert len(TABLE) == 4


@pytest.mark.parametrize(("state", "trigger"), list(itertools.product(STATES, TRIGGERS)))
def test_state_machine_and_lookup_table_agree_on_every_transition_and_rejection(state, trigger):
    if (state, trigger) in MOVES:
        assert next_state(state, trigger) == MOVES[state, trigger]
        assert (trigger, state, MOVES[state, trigger]) in TABLE
    else:
        with pytest.raises(MachineError):
            next_state(state, trigger)


# --- Each rule -------------------------------------------------------------------------------------------------------


def test_a_breaker_starts_closed_and_uses_the_monotonic_clock(breaker):
    assert breaker.state == "closed"
    assert inspect.signature(Breaker).parameters["clock"].default is time.monotonic


def test_the_fifth_consecutive_failure_opens_the_breaker_and_the_fourth_does_not(breaker, moves):
    fail(breaker, 4)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert moves == [StateChange("closed", "open", "status 503", 5)]


def test_repeated_runs_of_four_failures_and_one_success_never_open_the_breaker(breaker, moves):
    for _ in range(100):
        fail(breaker, 4)
        breaker.acquire().success()
    assert (breaker.state, moves) == ("closed", [])


def test_a_success_of_a_call_that_started_before_the_failures_resets_the_count_too(breaker):
    early = breaker.acquire()
    fail(breaker, 4)
    early.success()
    fail(breaker, 4)
    assert breaker.state == "closed"


def test_the_first_call_after_thirty_seconds_and_none_before_makes_the_breaker_half_open(breaker, ticking, moves):
    fail(breaker, 5)
    assert refused(breaker) == 30.0
    ticking.advance(29.999)
    assert 0 < refused(breaker) < 0.0011
    ticking.advance(0.001)
    assert breaker.state == "open"
    breaker.acquire()
    assert breaker.state == "half_open"
    assert moves[1:] == [StateChange("open", "half_open", "recovery time over", 0)]


def test_at_most_one_probe_is_in_flight(breaker, ticking):
    probe = probing(breaker, ticking)
    assert refused(breaker) == 30.0
    ticking.advance(20.0)
    assert refused(breaker) == 10.0
    probe.success()
    second = breaker.acquire()
    assert refused(breaker) == 30.0
    second.release()
    breaker.acquire()


def test_a_slow_probe_keeps_its_slot_and_rejected_calls_never_get_a_wait_of_zero(breaker, ticking):
    probing(breaker, ticking)
    for waited in (30.0, 45.0, 59.9999, 60.0, 1e6):
        ticking.now = 30.0 + waited
        assert 0.001 <= refused(breaker) <= 30.0
    ticking.now = 30.0 + 29.5
    assert refused(breaker) == 0.5


def test_the_third_successful_probe_closes_the_breaker_and_resets_the_failure_count(breaker, ticking, moves):
    probing(breaker, ticking).success()
    breaker.acquire().success()
    assert breaker.state == "half_open"
    breaker.acquire().success()
    assert moves[2:] == [StateChange("half_open", "closed", "probes succeeded", 3)]
    fail(breaker, 4)
    assert breaker.state == "closed"


def test_a_failed_probe_opens_the_breaker_for_the_full_recovery_time(breaker, ticking, moves):
    probing(breaker, ticking).success()
    ticking.advance(5.0)
    breaker.acquire().failure("no JSON")
    assert moves[2:] == [StateChange("half_open", "open", "no JSON", 1)]
    assert refused(breaker) == 30.0


@pytest.mark.parametrize("end", ENDS)
def test_a_late_result_of_a_call_from_an_earlier_state_changes_nothing(breaker, ticking, moves, end):
    closed = [breaker.acquire() for _ in range(4)]
    probe = probing(breaker, ticking)
    probe.failure("no JSON")
    ticking.advance(30.0)
    second = breaker.acquire()
    heard = list(moves)
    for old in closed:
        assert not old.holds()
        getattr(old, end)(*["too late"] * (end == "failure"))
    assert breaker.state == "half_open"
    assert refused(breaker) == 30.0
    assert moves == heard
    assert second.holds()


def test_a_released_call_frees_the_probe_slot_and_changes_no_count(breaker, ticking, moves):
    fail(breaker, 4)
    breaker.acquire().release()
    fail(breaker, 1)
    assert breaker.state == "open"
    ticking.advance(30.0)
    for _ in range(10):
        breaker.acquire().release()
    assert breaker.state == "half_open"
    assert len(moves) == 2


@pytest.mark.parametrize(("first", "second"), list(itertools.product(ENDS, ENDS)))
def test_ending_a_token_twice_is_a_bug(breaker, first, second):
    token = breaker.acquire()
    getattr(token, first)(*["bad"] * (first == "failure"))
    with pytest.raises(AssertionError, match="a token ends once"):
        getattr(token, second)(*["bad"] * (second == "failure"))


def test_a_listener_that_raises_does_not_affect_the_breaker_or_other_listeners(breaker, ticking):
    def raising(move):
        raise RuntimeError(move)

    heard = []
    breaker.listen(raising)
    breaker.listen(lambda move: heard.append((move.target, breaker.state)))
    probing(breaker, ticking).failure("no JSON")
    assert heard == [(state, state) for state in ("open", "half_open", "open")]


def test_state_changes_caused_by_a_listener_are_reported_to_all_listeners_in_order(ticking):
    breaker = Breaker(failure_threshold=1, recovery_seconds=1.0, success_threshold=1, clock=ticking.clock)
    first, second = [], []

    def calling(move):
        first.append(move.target)
        if move.target == "open" and len(first) < 4:
            ticking.advance(1.0)
            breaker.acquire().failure("again")

    breaker.listen(calling)
    breaker.listen(lambda move: second.append(move.target))
    fail(breaker)
    assert first == second == ["open", "half_open", "open", "half_open", "open"]


def test_a_listener_receives_changes_until_it_unsubscribes(breaker, ticking, moves):
    heard = []
    no_more = breaker.listen(heard.append)
    fail(breaker, 5)
    no_more()
    ticking.advance(30.0)
    breaker.acquire()
    assert heard == moves[:1]
    assert len(moves) == 2


def test_a_probe_passes_when_another_call_has_closed_the_breaker_meanwhile(breaker):
    token = breaker._probe()
    assert token.holds()
    assert breaker.state == "closed"


def test_a_rejection_states_the_time_until_the_next_call(breaker):
    fail(breaker, 5)
    with pytest.raises(CircuitOpen, match=r"open; a call may pass in 30\.000 s"):
        breaker.acquire()


@pytest.mark.parametrize("bad", [{"failure_threshold": 0}, {"recovery_seconds": 0.0}, {"success_threshold": 0}])
def test_a_threshold_or_recovery_time_of_zero_is_a_bug(bad):
    with pytest.raises(AssertionError):
        Breaker(**{"failure_threshold": 5, "recovery_seconds": 30.0, "success_threshold": 3, **bad})


# --- Concurrency -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [100, 1_000])
def test_of_many_tasks_at_half_open_exactly_one_passes(breaker, ticking, calls):
    async def calling():
        token = breaker.acquire()
        await ticking.sleep(1.0)
        token.release()

    async def all_of_them():
        return await asyncio.gather(*(calling() for _ in range(calls)), return_exceptions=True)

    fail(breaker, 5)
    ticking.advance(30.0)
    answers = ticking.run(all_of_them())
    assert answers.count(None) == 1
    assert sum(isinstance(one, CircuitOpen) for one in answers) == calls - 1


def test_of_many_threads_at_half_open_exactly_one_passes_in_each_round(ticking):
    threads, rounds = 16, 50
    breaker = Breaker(failure_threshold=1, recovery_seconds=1.0, success_threshold=1, clock=ticking.clock)
    barrier = threading.Barrier(threads)
    passed = [[] for _ in range(rounds)]

    def calling():
        for passes in passed:
            if barrier.wait() == 0:
                fail(breaker)
                ticking.advance(1.0)
            barrier.wait()
            with contextlib.suppress(CircuitOpen):
                passes.append(breaker.acquire())
            if barrier.wait() == 0:
                passes[0].success()
            barrier.wait()

    together(calling, threads)
    assert [len(passes) for passes in passed] == [1] * rounds
    assert breaker.state == "closed"


def test_counts_are_exact_and_changes_are_reported_in_order_with_many_threads():
    breaker = Breaker(failure_threshold=3, recovery_seconds=1e-9, success_threshold=2)
    heard = []
    breaker.listen(heard.append)

    def calling():
        chance = random.Random(threading.get_ident())
        for _ in range(500):
            try:
                token = breaker.acquire()
            except CircuitOpen:
                continue
            token.failure("bad") if chance.random() < 0.7 else token.success()

    together(calling, 8)
    assert len(heard) > 10
    assert all(earlier.target == later.source for earlier, later in itertools.pairwise(heard))
    assert heard[-1].target == breaker.state
    assert {(one.source, one.count) for one in heard} <= {
        ("closed", 3), ("open", 0), ("half_open", 1), ("half_open", 2),
    }  # fmt: skip


def together(work, threads):
    running = [threading.Thread(target=work) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()


# --- Against the reference model -------------------------------------------------------------------------------------

BAD = [("acquire", 0), ("failure", 0)]
DUE = [("advance", 0), ("advance", 0)]
BEGINNINGS = {
    "closed": [],
    "one failure": BAD,
    "open, and one of before": [*[("acquire", 0)] * 3, ("failure", 1), ("failure", 1)],
    "half-open, a probe in flight": [*BAD, *BAD, *DUE, ("acquire", 0)],
    "half-open, one success": [*BAD, *BAD, *DUE, ("acquire", 0), ("success", 0)],
}


def explored(events, *, steps):
    """Try every order of so many further events, with at most three open tokens; the number of orders."""
    pair = Pair()
    for event in events:
        pair.step(*event)
    if steps == 0:
        return 1
    options = [("advance", 0), *[("acquire", 0)] * (len(pair.tokens) < 3)]
    options += [(end, which) for which in range(len(pair.tokens)) for end in ENDS]
    return sum(explored([*events, option], steps=steps - 1) for option in options)


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_the_breaker_equals_the_model_in_every_order_of_six_events(beginning, figure):
    orders = explored(BEGINNINGS[beginning], steps=6)
    assert orders > 500
    figure(f"breaker, {beginning}: {orders:,} orders of six events")


def test_the_breaker_equals_the_model_in_a_long_random_sequence(chance, release, figure):
    steps = 1_000_000 if release else 10_000
    pair = Pair()
    for _ in range(steps):
        what = chance.choice(["advance", "acquire", "acquire", *ENDS])
        if what == "acquire" and len(pair.tokens) > 8:
            what = "release"
        if what in ENDS and not pair.tokens:
            what = "advance"
        pair.step(what, chance.randrange(len(pair.tokens) or 1), chance.choice([0.0, 0.5, 5.0, 9.999, 10.0, 100.0]))
    assert len(set(pair.moves)) == 4
    figure(f"breaker against its model: {steps:,} events by chance")


class AgainstTheModel(RuleBasedStateMachine):
    """Hypothesis searches the shortest sequence of events in which breaker and model differ."""

    def __init__(self):
        super().__init__()
        self.pair = Pair()

    @rule()
    def acquire(self):
        self.pair.step("acquire")

    @rule(seconds=st.floats(0, 25))
    def advance(self, seconds):
        self.pair.step("advance", seconds=seconds)

    @precondition(lambda self: self.pair.tokens)
    @rule(end=st.sampled_from(ENDS), data=st.data())
    def end(self, end, data):
        self.pair.step(end, data.draw(st.integers(0, len(self.pair.tokens) - 1)))


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_a_rejection_names_the_last_counted_failure_as_its_cause(ticking):
    breaker = Breaker(failure_threshold=2, recovery_seconds=30.0, success_threshold=1, clock=ticking.clock)
    reasons = [ValueError("first"), ValueError("second")]
    for reason in reasons:
        breaker.acquire().failure(str(reason), reason)
    with pytest.raises(CircuitOpen) as caught:
        breaker.acquire()
    assert caught.value.__cause__ is reasons[1]
    ticking.advance(30.0)
    probe = breaker.acquire()
    with pytest.raises(CircuitOpen) as caught:  # also while a probe is in flight
        breaker.acquire()
    assert caught.value.__cause__ is reasons[1]
    probe.success()
