"""The exception tree, sorted by who must act. Each branch carries its exit code (DESIGN 5).

SaflaError
├── Finding            1   nobody: the work was done, and the answer is no
├── UsageError         2   the user of the command line
├── ConfigError        3   the author of the configuration; carries every problem at once
├── StrategyError      3   the author of a strategy
├── DataError          4   whoever keeps the candles
├── JournalError       4   whoever keeps the run folder
├── ExchangeError      5   the exchange, or the way to it
├── HostError          6   whoever keeps this machine: disk, permission, lock, missing package
├── Bug               70   we
│   └── IllegalMove        a move that core/machine.py does not have
└── Interrupted      130   nobody: everything was flushed, the same command goes on
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

Answer = TypeVar("Answer")

MAX_SHOWN_PROBLEMS = 50  # of a configuration: a person mends no more at once

# How a missing package is installed: as a dependency of the clone. Its module's name may be that of somebody else's
# project on the package index, and ours is not there until it is published.
INSTALL = "in the clone of safla: python -m pip install ."
INSTALL_METRICS = "in the clone of safla: python -m pip install '.[metrics]'"
REINSTALL = "in the clone of safla: python -m pip install --force-reinstall ."


class SaflaError(Exception):
    """The root: never raised itself. Its text is one line for the person who must act, details are lines below it."""

    exit_code = 70
    details: tuple[str, ...] = ()


class Finding(SaflaError):
    """The work was done and the answer is no (a look-ahead, a difference). Look at what the line names."""

    exit_code = 1

    def __init__(self, text: str, *details: str) -> None:
        super().__init__(text)
        self.details = details


class UsageError(SaflaError):
    """The command line does not fit. The text says what would."""

    exit_code = 2


class Problem(NamedTuple):
    """One thing that is wrong in a configuration."""

    where: str  # file:line:column, the name of an environment variable, or --set
    key: str  # dotted, "" where no key is to blame
    text: str  # what is wrong, and what instead

    def __str__(self) -> str:
        return ": ".join(part for part in self if part)


class ConfigError(SaflaError):
    """The configuration cannot be used. Its problems are listed; mend them all, then validate again.

    problems  each of them; the text of the error has the first 50 and how many more there are
    """

    exit_code = 3

    def __init__(self, problems: "list[Problem]") -> None:
        super().__init__("\n".join(problem_lines(problems)))
        self.problems = problems


def problem_lines(problems: "list[Problem]") -> list[str]:
    """A line a problem, and one that counts those beyond the most that are shown."""
    rest = len(problems) - MAX_SHOWN_PROBLEMS
    more = [f"and {rest} more problem{'s' * (rest > 1)}"] if rest > 0 else []
    return [*map(str, problems[:MAX_SHOWN_PROBLEMS]), *more]


class StrategyError(SaflaError):
    """A strategy raised, or returned what is no signal. The text names the strategy and the candle."""

    exit_code = 3


class DataError(SaflaError):
    """Candles are missing, malformed or out of bounds. The text names file, row and value."""

    exit_code = 4


class JournalError(SaflaError):
    """A journal or a run folder is missing, corrupt or from another run. The text names file, line and check."""

    exit_code = 4


class ExchangeError(SaflaError):
    """The exchange is unreachable or refuses us. Try later, or take another source of candles."""

    exit_code = 5


class HostError(SaflaError):
    """This machine stands in the way: disk full, no permission, a run held by another process, a missing package."""

    exit_code = 6


class Bug(SaflaError):
    """Something that must not happen. Please report it with the file that the message names."""

    exit_code = 70


class IllegalMove(Bug):
    """A trigger in a mode for which core/machine.py has no row."""


class Interrupted(SaflaError):
    """SIGINT or SIGTERM: everything is flushed, and the same command goes on where it stopped."""

    exit_code = 130

    def __init__(self, text: str, exit_code: int = 130) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def attempt(call: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """Make a call on which nothing may depend: what it returns, and ""; or None, and the name of what it raised."""
    try:
        return call(), ""
    except Exception as error:  # noqa: BLE001 - whatever it was, the run goes on (FAULTS 32)
        return None, type(error).__name__
