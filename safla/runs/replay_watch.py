"""The replay of a recorded run, timestamp by timestamp, at a pace that a person can follow (J43). It writes nothing."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.values import State
from safla.journal.chain import decode_event, event_bytes
from safla.journal.events import CandleEvent, CandleMissing, Event, RunStarted
from safla.runs.engine_choice import choose
from safla.runs.interrupt import Flag
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import fold_blocks
from safla.strategies.register import STRATEGIES, Strategy

LONGEST_SLEEP = 0.2  # seconds until an interruption is noticed


class WatchedTimestamp(NamedTuple):
    """The state of the run after a timestamp, and the events of that timestamp."""

    run: RunPlan
    ts: int
    state: State
    events: tuple[Event, ...]  # all but the candles, whose closes are in the state


class ReplayPace:
    """Waits for the time between two candles, divided by `times`; None does not wait. The clock is injected."""

    def __init__(
        self,
        times: int | None,
        *,
        flag: Flag,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._times = times
        self._flag = flag
        self._clock = clock
        self._sleep = sleep
        self._due = clock()

    def wait(self, milliseconds: int) -> None:
        """Wait for a timestamp that is so much later than the last one. Raises Interrupted if a signal comes."""
        self._flag.check()
        if self._times is None:
            return
        self._due += milliseconds / 1000 / self._times
        while (left := self._due - self._clock()) > 0:
            self._sleep(min(left, LONGEST_SLEEP))
            self._flag.check()


def watch_replay(
    path: Path, pace: ReplayPace, *, engine: str, say: Callable[[str], None],
    register: Mapping[str, Strategy] = STRATEGIES,
) -> Iterator[WatchedTimestamp]:  # fmt: skip
    """Simulate a run folder or its journal again, and yield each timestamp at its time. Raises JournalError."""
    started, series, outside, _ = read_recording(path)
    run = run_of(started, register=register)
    candles = sum(len(one.columns.ts) for one in series)
    forms = choose(engine, run.strategy, candles=candles, say=say)
    n, before = 0, None
    for block in fold_blocks(run, series, forms=forms, timestamps=1, outside=outside):
        events = []
        for line in block.lines.splitlines():
            n += 1
            events.append(decode_event(event_bytes(line, n)))
        if not len(block.ts):
            continue  # the closing lines: the recorded run may not have ended
        ts = int(block.ts[0])
        pace.wait(0 if before is None else ts - before)
        before = ts
        shown = (event for event in events if not isinstance(event, CandleEvent | CandleMissing | RunStarted))
        yield WatchedTimestamp(run, ts, block.state, tuple(shown))
