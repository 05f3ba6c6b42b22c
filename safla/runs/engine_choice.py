"""Interpreted or compiled: which form of the core's functions a run uses (D2). It changes speed, never a result."""

from collections.abc import Callable
from typing import NamedTuple

from safla.core.engine import Loop
from safla.strategies.register import SignalFunction

ENGINES = ("auto", "interpreted", "compiled")


class Forms(NamedTuple):
    """The loop and the strategy in one form; loop None is `engine.fold` itself."""

    loop: Loop | None
    columns: SignalFunction
    compiled: bool


def choose(engine: str, columns: SignalFunction, *, candles: int, say: Callable[[str], None]) -> Forms:
    """The forms for so many candles (all symbols together). Compiling for the first time is announced through `say`."""
    if engine == "interpreted":
        return Forms(None, columns, compiled=False)
    from safla.core import compile as core_compile

    if engine == "auto" and not core_compile.pays(candles):
        return Forms(None, columns, compiled=False)
    if not core_compile.is_cached():
        say("compiling the engine for this machine, once: about 10 s")
    return Forms(core_compile.compiled_loop(), core_compile.compiled_columns(columns), compiled=True)


def keep(forms: Forms) -> None:
    """After the first compiled call: its code is in the cache, so the next run may count on it."""
    if forms.compiled:
        from safla.core import compile as core_compile

        core_compile.mark_ready()
