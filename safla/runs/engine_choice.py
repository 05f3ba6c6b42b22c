"""The choice between interpreted and compiled code for a run (D2). It changes the speed, never a result."""

from collections.abc import Callable
from typing import NamedTuple

from safla.compiled.library import library
from safla.core import engine as core_engine
from safla.core.engine import Loop
from safla.errors import HostError
from safla.strategies.register import FeedFunction, Strategy

ENGINES = ("auto", "interpreted", "compiled")
BUILD = "safla engine build makes it"
SLOW = 200_000  # candles of all symbols: from here on an interpreted run takes seconds, and says why


class EngineForms(NamedTuple):
    """The engine's loop and the strategy's fold, both interpreted or both compiled. loop None: `engine.fold` itself."""

    loop: Loop | None
    feed: FeedFunction | None  # None: the strategy is an array function, which is called as it stands


def choose(engine: str, strategy: Strategy, *, candles: int, say: Callable[[str], None]) -> EngineForms:
    """The forms for a number of candles, all symbols together.

    engine  compiled: HostError where the engine library cannot be used; auto: compiled where it can
    say     takes a note if many candles are about to be interpreted
    """
    feed = None if strategy.fold is None else strategy.fold.feed
    interpreted = EngineForms(None, feed)
    if engine == "interpreted":
        return interpreted
    found, reason = library()
    if found is not None:
        return EngineForms(found.compiled(core_engine.fold), feed and (found.compiled(feed) or feed))
    if engine == "compiled":
        raise HostError(f"--engine compiled: {reason}; {BUILD}")
    if candles >= SLOW:
        say(f"the engine is interpreted, about a hundred times slower than compiled: {reason}; {BUILD}")
    return interpreted
