"""The choice between interpreted and compiled code for a run (D2). It changes the speed, never a result."""

from collections.abc import Callable
from typing import NamedTuple

from safla.core.engine import Loop
from safla.strategies.register import FeedFunction, Strategy

ENGINES = ("auto", "interpreted", "compiled")


class EngineForms(NamedTuple):
    """The engine's loop and the strategy's fold, both interpreted or both compiled. loop None: `engine.fold` itself."""

    loop: Loop | None
    feed: FeedFunction | None  # None: the strategy is an array function, which is called as it stands
    compiled: bool


def choose(engine: str, strategy: Strategy, *, candles: int, say: Callable[[str], None]) -> EngineForms:
    """The forms for a number of candles, all symbols together. `say` takes a note before a first compilation."""
    feed = None if strategy.fold is None else strategy.fold.feed
    if engine == "interpreted":
        return EngineForms(None, feed, compiled=False)
    from safla.core import compile as core_compile

    if engine == "auto" and not core_compile.pays(candles):
        return EngineForms(None, feed, compiled=False)
    if not core_compile.is_cached():
        say("compiling the engine for this machine, once: about 10 s")
    return EngineForms(
        core_compile.compiled_loop(), None if feed is None else core_compile.compiled_feed(feed), compiled=True
    )


def keep(forms: EngineForms) -> None:
    """Record, after the first compiled call, that the code is in the cache, so that the next run can rely on it."""
    if forms.compiled:
        from safla.core import compile as core_compile

        core_compile.mark_ready()
