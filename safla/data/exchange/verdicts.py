"""What a failed request means (FAULTS 2): may it be tried again, does the breaker count it, which error it ends in.

Judged by the status first, then by the code where ccxt's class says too little, then by that class; by text never (X1).
"""

from collections.abc import Callable
from typing import NamedTuple

from safla.config.shown import printable
from safla.errors import Bug, ConfigError, DataError, ExchangeError, Problem, SaflaError
from safla.resilience.retry import Trouble

SHOWN_LETTERS = 200  # of what an exchange said


class Kind(NamedTuple):
    """One row of the table."""

    retried: bool
    counted: bool  # by the breaker (X7)
    stays: Callable[[str], SaflaError]  # what it becomes when it does not go away
    stops: bool = False  # nothing more may be asked of this exchange


def _symbol(what: str) -> ConfigError:
    return ConfigError([Problem("", "symbols", what)])


def _timeframe(what: str) -> ConfigError:
    return ConfigError([Problem("", "market_data.timeframe", what)])


def _setting(what: str) -> ConfigError:
    return ConfigError([Problem("", "exchange", what)])


NETWORK = Kind(True, True, ExchangeError)
UNAVAILABLE = Kind(True, True, ExchangeError)
BAD_ANSWER = Kind(True, True, ExchangeError)
BAD_ROW = Kind(True, True, DataError)
SLOW_DOWN = Kind(True, False, ExchangeError)
BANNED = Kind(False, False, ExchangeError, stops=True)
REGION = Kind(False, False, ExchangeError, stops=True)
REFUSED = Kind(False, False, ExchangeError)
NO_SUCH_SYMBOL = Kind(False, False, _symbol)
NO_SUCH_TIMEFRAME = Kind(False, False, _timeframe)
NOT_SERVED = Kind(False, False, _setting)
OURS = Kind(False, False, Bug)

MISPLACED = (NO_SUCH_SYMBOL, NO_SUCH_TIMEFRAME, OURS)  # of which no question for the time can be guilty

CODES = {-1120: NO_SUCH_TIMEFRAME}  # for which ccxt raises BadRequest, as for what is our fault

# What ccxt raises for what an answer says, the nearest class first. Statuses were judged before (of_status).
CLASSES = (
    ("RateLimitExceeded DDoSProtection", SLOW_DOWN),
    ("InvalidNonce", REFUSED),
    ("BadSymbol", NO_SUCH_SYMBOL),
    ("NotSupported InvalidProxySettings", NOT_SERVED),
    ("AuthenticationError OperationRejected", REFUSED),
    ("BadRequest ArgumentsRequired InvalidOrder InsufficientFunds CancelPending", OURS),
    ("BadResponse", BAD_ANSWER),
    ("NetworkError", NETWORK),
    ("OperationFailed", UNAVAILABLE),
    ("ExchangeError", UNAVAILABLE),
)


class Judged(Trouble):
    """One request that failed, and what that means."""

    def __init__(self, what: str, kind: Kind, *, retry_after: float | None = None) -> None:
        super().__init__(
            what, retried=kind.retried, counted=kind.counted, retry_after=retry_after, shuts=kind is SLOW_DOWN
        )
        self.kind = kind
        self.subject = ""  # what was asked, and of whom

    def bare(self) -> "Judged":
        """The same without the frames that it came through: to be kept."""
        found = Judged(str(self), self.kind, retry_after=self.floor)
        found.subject = self.subject
        return found

    def told(self, subject: str) -> str:
        """What a person should know. subject: what was asked, and of whom."""
        text = str(self)
        return text if text.startswith(f"{subject}: ") else f"{subject}: {text}"

    def final(self, subject: str) -> SaflaError:
        """The error for a person, once it is given up."""
        return self.kind.stays(self.told(subject))


def of_clock(judged: Judged) -> Judged:
    """The same of a request for the time, which names no symbol: an answer about symbols is a bad answer there."""
    if judged.kind not in MISPLACED:
        return judged
    return Judged(f"the address of the clock answers with an error about something else: {judged}", BAD_ANSWER)


def of_status(status: int) -> Kind | None:
    """What a status means by itself; None where the body has to say."""
    known = {429: SLOW_DOWN, 418: BANNED, 451: REGION, 403: UNAVAILABLE}
    if 300 <= status < 400:  # never followed (Z18)
        return BAD_ANSWER
    return known.get(status, UNAVAILABLE if status >= 500 else None)


def of_code(parsed: object) -> Kind | None:
    """What the code in the body of a refusal means by itself; None where ccxt's class says it."""
    code = parsed.get("code") if isinstance(parsed, dict) else None
    return CODES.get(code) if isinstance(code, int) else None


def of_error(error: Exception) -> Judged:
    """What ccxt raised about an answer. What is none of its errors came of an answer that it could not read."""
    names = {one.__name__ for one in type(error).__mro__}
    for classes, kind in CLASSES:
        if names & set(classes.split()):
            return Judged(said(str(error)), kind)
    return Judged(said(f"it makes no sense ({type(error).__name__}: {error})"), BAD_ANSWER)


def said(text: str) -> str:
    """What an exchange said, as it may stand in a message."""
    return printable(" ".join(text.split())[:SHOWN_LETTERS])
