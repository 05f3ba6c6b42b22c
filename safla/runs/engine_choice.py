"""The choice between interpreted and compiled code for a run (D2). It changes the speed, never a result."""

from collections.abc import Callable
from typing import NamedTuple

from safla.compiled.library import library
from safla.core import engine as core_engine
from safla.core.engine import Loop
from safla.errors import HostError
from safla.journal.event_bytes import write_events
from safla.journal.event_texts import WriteFunction
from safla.strategies.register import FeedFunction, Strategy

ENGINES = ("auto", "interpreted", "compiled")
BUILD = "safla engine build makes it"
SLOW = 200_000  # candles of all symbols: from here on an interpreted run takes seconds, and says why


class EngineForms(NamedTuple):
    """The functions of a run that can be compiled: as they stand, or all of them compiled."""

    loop: Loop | None  # None: `engine.fold` itself
    feed: FeedFunction | None  # of the strategy's fold; None: it is an array function, which is called as it stands
    write: WriteFunction | None  # None: events are encoded one by one


def choose(engine: str, strategy: Strategy, *, candles: int, say: Callable[[str], None]) -> EngineForms:
    """The forms for a number of candles, all symbols together.

    engine  compiled: HostError where the engine library cannot be used; auto: compiled where it can
    say     takes a note if many candles are about to be interpreted
    """
    feed = None if strategy.fold is None else strategy.fold.feed
    interpreted = EngineForms(None, feed, None)
    if engine == "interpreted":
        return interpreted
    found, reason = library()
    if found is not None:
        loop, write = found.compiled(core_engine.fold), found.compiled(write_events)
        return EngineForms(loop, feed and (found.compiled(feed) or feed), write)
    if engine == "compiled":
        raise HostError(f"--engine compiled: {reason}; {BUILD}", code="engine_not_compiled")
    if candles >= SLOW:
        say(f"the engine is interpreted, about a hundred times slower than compiled: {reason}; {BUILD}")
    return interpreted
