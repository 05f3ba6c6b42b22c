"""The exceptions, sorted by who must act. Each class has its exit code (README.md).

SaflaError
├── Finding            1   nobody: the work was done and the answer is no
├── UsageError         2   the user of the command line
├── ConfigError        3   the author of the configuration; lists all problems at once
├── StrategyError      3   the author of a strategy
├── DataError          4   the owner of the candles
├── JournalError       4   the owner of the run folder
├── ExchangeError      5   the exchange, or the network between
├── HostError          6   the owner of this machine: disk, permission, lock, missing package
├── Bug               70   the developers of safla
│   └── IllegalMove        a transition that core/machine.py does not have
└── Interrupted      130   nobody: everything was flushed, the same command continues
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from safla.error_codes import CODES

Returned = TypeVar("Returned")

MAX_SHOWN_PROBLEMS = 50  # of a configuration; nobody fixes more at once

# How to install a missing package: as a dependency of the clone. A hint to install it by its module's name could bring
# an unrelated project of the same name, and safla itself is not published on the package index.
INSTALL = "in the clone of safla: python -m pip install ."
INSTALL_METRICS = "in the clone of safla: python -m pip install '.[metrics]'"
REINSTALL = "in the clone of safla: python -m pip install --force-reinstall ."


class SaflaError(Exception):
    """Base class, never raised itself. The text is one line for the person who must act; details are further lines.

    code  what kind of problem it is: a word of error_codes.py, which stays when the text is reworded
    """

    exit_code = 70
    code = "bug"
    details: tuple[str, ...] = ()

    def __init__(self, text: str, *, code: str = "") -> None:
        """code: "" for that of the class."""
        super().__init__(text)
        if code:
            assert is_code(code, type(self)), f"error_codes.py has no {code} for {type(self).__name__}"
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle its text and attributes, whatever arguments the constructor takes."""
        return _copied, (type(self), self.args, self.__dict__)


def _copied(kind: type[SaflaError], arguments: tuple[Any, ...], attributes: dict[str, Any]) -> SaflaError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error


def is_code(code: str, kind: type[SaflaError]) -> bool:
    """Return whether errors of this class may have the code."""
    return any(code in CODES.get(one.__name__, ()) for one in kind.__mro__)


class Finding(SaflaError):
    """The work was done and the answer is no (look-ahead found, journals differ). Look at what the text names."""

    exit_code = 1
    code = "finding"

    def __init__(self, text: str, *details: str, code: str = "") -> None:
        super().__init__(text, code=code)
        self.details = details


class UsageError(SaflaError):
    """The command line is wrong. The text says what is expected."""

    exit_code = 2
    code = "usage_error"


class Problem(NamedTuple):
    """One thing that is wrong in a configuration."""

    where: str  # file:line:column, the name of an environment variable, or --set
    key: str  # dotted, "" if the problem is not about a key
    text: str  # what is wrong and what to do instead
    code: str = "invalid_value"  # what kind of problem it is, a word of error_codes.py

    def __str__(self) -> str:
        return ": ".join(part for part in self[:3] if part)


class ConfigError(SaflaError):
    """The configuration is not valid. Fix all listed problems, then validate again.

    problems  all of them; the text of the error has the first 50 and the number of the others
    code      that of all problems if they have the same, else invalid_configuration
    """

    exit_code = 3
    code = "invalid_configuration"

    def __init__(self, problems: "list[Problem]") -> None:
        codes = {problem.code for problem in problems}
        assert all(is_code(code, ConfigError) for code in codes), f"error_codes.py has not all of {codes}"
        super().__init__("\n".join(problem_lines(problems)), code=codes.pop() if len(codes) == 1 else "")
        self.problems = problems


def problem_lines(problems: "list[Problem]") -> list[str]:
    """Return one line per problem, at most 50, and a last line that counts the others."""
    rest = len(problems) - MAX_SHOWN_PROBLEMS
    more = [f"and {rest} more problem{'s' * (rest > 1)}"] if rest > 0 else []
    return [*map(str, problems[:MAX_SHOWN_PROBLEMS]), *more]


class StrategyError(SaflaError):
    """A strategy raised an exception or returned invalid signals. The text names the strategy and the candle."""

    exit_code = 3
    code = "strategy_error"


class DataError(SaflaError):
    """Candles are missing, malformed or out of range. The text names file, row and value."""

    exit_code = 4
    code = "data_error"


class JournalError(SaflaError):
    """A journal or a run folder is missing, corrupt or from another run. The text names file, line and check."""

    exit_code = 4
    code = "journal_error"


class ExchangeError(SaflaError):
    """The exchange is unreachable or rejects our requests. Try again later, or use another source of candles."""

    exit_code = 5
    code = "exchange_error"


class HostError(SaflaError):
    """A problem of this machine: disk full, no permission, a run locked by another process, a missing package."""

    exit_code = 6
    code = "host_error"


class Bug(SaflaError):
    """An error in safla itself. Please report it with the file that the message names."""

    exit_code = 70
    code = "bug"


class IllegalMove(Bug):
    """A trigger for which core/machine.py has no transition in the current mode."""

    code = "illegal_move"


class Interrupted(SaflaError):
    """SIGINT or SIGTERM: everything is flushed, and the same command continues where it stopped."""

    exit_code = 130
    code = "interrupted"

    def __init__(self, text: str, exit_code: int = 130) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def attempt(call: Callable[[], Returned]) -> tuple[Returned | None, str]:
    """Make a call that must not stop the run: return its result and "", or None and the name of the exception."""
    try:
        return call(), ""
    except Exception as error:  # noqa: BLE001 - any failure of it is tolerated, the run continues (fault row 32)
        return None, type(error).__name__
