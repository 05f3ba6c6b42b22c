"""What a failed request means (FAULTS 2): may it be tried again, does the breaker count it, which error it ends in.

It is judged by the status first, then by the code where ccxt's class says too little, then by that class; by text
never (X1).
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from safla.errors import Bug, ConfigError, DataError, ExchangeError, Problem, SaflaError
from safla.exchange.retry import TransientError
from safla.text import counted, printable

ERROR_FIELDS = (("code", "msg"), ("retCode", "retMsg"), ("code", "message"))  # Binance, OKX and Bybit among others
_KRAKEN = re.compile(r"E[A-Z][A-Za-z]{1,20}:", re.ASCII)
_DATUM = re.compile(r"([0-9 .,:+'\[\]-]|e|nan|none|null|inf(inity)?|n/a|true|false)*", re.ASCII | re.IGNORECASE)
SHOWN_LETTERS = 200  # of what an exchange said


class FailureKind(NamedTuple):
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


NETWORK = FailureKind(True, True, ExchangeError)
UNAVAILABLE = FailureKind(True, True, ExchangeError)
BAD_ANSWER = FailureKind(True, True, ExchangeError)
BAD_ROW = FailureKind(True, True, DataError)
SLOW_DOWN = FailureKind(True, False, ExchangeError)
BANNED = FailureKind(False, False, ExchangeError, stops=True)
REGION = FailureKind(False, False, ExchangeError, stops=True)
REFUSED = FailureKind(False, False, ExchangeError)
NO_SUCH_SYMBOL = FailureKind(False, False, _symbol)
NO_SUCH_TIMEFRAME = FailureKind(False, False, _timeframe)
NOT_SERVED = FailureKind(False, False, _setting)
OURS = FailureKind(False, False, Bug)

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


class RequestFailed(TransientError):
    """One request that failed, and what that means."""

    def __init__(self, what: str, kind: FailureKind, *, retry_after: float | None = None) -> None:
        super().__init__(
            what, retried=kind.retried, counted=kind.counted, retry_after=retry_after, shuts=kind is SLOW_DOWN
        )
        self.kind = kind
        self.subject = ""  # what was asked, and of whom

    def bare(self) -> "RequestFailed":
        """The same without the frames that it came through: to be kept."""
        found = RequestFailed(str(self), self.kind, retry_after=self.floor)
        found.subject = self.subject
        return found

    def told(self, subject: str) -> str:
        """What a person should know. subject: what was asked, and of whom."""
        text = str(self)
        return text if text.startswith(f"{subject}: ") else f"{subject}: {text}"

    def final(self, subject: str) -> SaflaError:
        """The error for a person, once it is given up."""
        return self.kind.stays(self.told(subject))


def of_clock(judged: RequestFailed) -> RequestFailed:
    """The same of a request for the time, which names no symbol: an answer about symbols is a bad answer there."""
    if judged.kind not in MISPLACED:
        return judged
    return RequestFailed(f"the address of the clock answers with an error about something else: {judged}", BAD_ANSWER)


def of_status(status: int) -> FailureKind | None:
    """What a status means by itself; None where the body has to say."""
    known = {429: SLOW_DOWN, 418: BANNED, 451: REGION, 403: UNAVAILABLE}
    if 300 <= status < 400:  # never followed (Z18)
        return BAD_ANSWER
    return known.get(status, UNAVAILABLE if status >= 500 else None)


def of_code(parsed: object) -> FailureKind | None:
    """What the code in the body of a refusal means by itself; None where ccxt's class says it."""
    code = parsed.get("code") if isinstance(parsed, dict) else None
    return CODES.get(code) if isinstance(code, int) else None


def of_error(error: Exception, *, answer: str | None = None) -> RequestFailed:
    """What ccxt raised about an answer. What is none of its errors came of an answer that it could not read.

    answer  what the answer said (error_said), where there is one: ccxt would quote all of it
    """
    names = {one.__name__ for one in type(error).__mro__}
    for classes, kind in CLASSES:
        if names & set(classes.split()):
            return RequestFailed(said(str(error)) if answer is None else answer or type(error).__name__, kind)
    return RequestFailed(f"it makes no sense ({type(error).__name__})", BAD_ANSWER)


def error_said(parsed: object) -> str:
    """What an answer says that states an error as exchanges do: a code, and a text. "" where it does not.

    Of other answers nothing is shown: an address may lead to a server that is none of an exchange (Z18).
    """
    if not isinstance(parsed, dict):
        return ""
    for code, text in ERROR_FIELDS:
        if isinstance(parsed.get(code), int | str) and isinstance(parsed.get(text), str) and _is_code(parsed[code]):
            return said(f"{parsed[text]} (code {parsed[code]})")
    stated = parsed.get("error")  # of Kraken: EQuery:Unknown asset pair
    if isinstance(stated, list) and stated and all(isinstance(one, str) and _KRAKEN.match(one) for one in stated):
        return said(", ".join(stated))
    return ""


def _is_code(code: int | str) -> bool:
    return isinstance(code, int) or (code.isascii() and code.lstrip("-").isdigit())


def row_said(row: object) -> str:
    """A row of candles as it came, where it holds numbers and times alone; else what it is."""
    text = said(str(row))
    return text if _DATUM.fullmatch(text) else f"{type(row).__name__} of {counted(len(str(row)), 'letter')}"


def address_said(location: str) -> str:
    """Where a redirect leads: scheme and host, without what may be a secret behind them."""
    try:
        parts = urlsplit(location)
        return said(f"{parts.scheme}{':' * bool(parts.scheme)}//{parts.hostname}") if parts.hostname else "another path"
    except ValueError:
        return "what is no address"


def body_said(text: str) -> str:
    """What a body is that is no JSON."""
    begin = text.lstrip()[:1]
    kind = {"": "nothing at all", "<": "HTML", "[": "cut or malformed", "{": "cut or malformed"}.get(begin, "a text")
    return f"{kind}, {counted(len(text), 'letter')}" if begin else kind


def said(text: str) -> str:
    """What an exchange said, as it may stand in a message."""
    return printable(" ".join(text.split())[:SHOWN_LETTERS])
