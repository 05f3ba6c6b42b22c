"""The option `--strategy`: the register that its code makes for a run (C1)."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from safla.config.loader import Loaded
    from safla.runs.strategy_code.place import CodePlace
    from safla.strategies.register import Strategy


def off_stdout() -> AbstractContextManager[object]:
    """For calls of a user's code, which may print: only the result of a command goes to stdout."""
    return redirect_stdout(sys.stderr)


def with_strategy(
    loaded: "Loaded", given: Mapping[str, "CodePlace"], *, say: Callable[[str], None]
) -> tuple["Loaded", Mapping[str, "Strategy"]]:
    """The configuration, with a lookback that the strategy needs, and its register. Code of a user is executed here."""
    from safla.strategies.register import STRATEGIES

    name = loaded.config.strategy.name
    if name in STRATEGIES:
        return loaded, register_of(name, given, say=say)
    from safla.api.registered import looked_back  # imports all that runs do, which takes a while
    from safla.runs.strategy_code.consent import consented

    register = register_of(name, consented(loaded, given, environment=os.environ), say=say)
    return looked_back(loaded, register), register


def register_of(name: str, given: Mapping[str, "CodePlace"], *, say: Callable[[str], None]) -> Mapping[str, "Strategy"]:
    """The built-in strategies, and the one of a name, whose code is executed here. say: takes a warning."""
    from safla.strategies.register import STRATEGIES

    for unused in sorted(set(given) - {name}):
        say(f"warning: strategy.name is {name}, so --strategy {unused} is not used")
    if name in STRATEGIES:
        return STRATEGIES
    from safla.api.registered import register_with  # imports all that runs do, which takes a while

    return register_with(name, given)
