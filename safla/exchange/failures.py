"""What a failed request means: whether it is retried, whether the breaker counts it, and which error it becomes.

That is decided by the HTTP status first, then by the exchange's error code if ccxt's class says too little, then by
ccxt's class; never by the text of a message (X1).
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from safla.errors import Bug, ConfigError, DataError, ExchangeError, Problem, SaflaError
from safla.exchange.retry import TransientError
from safla.text import counted, printable

ERROR_FIELDS = (("code", "msg"), ("retCode", "retMsg"), ("code", "message"))  # Binance, OKX and Bybit among others
_KRAKEN = re.compile(r"E[A-Z][A-Za-z]{1,20}:", re.ASCII)
_DATUM = re.compile(r"([0-9 .,:+'\[\]-]|e|nan|none|null|inf(inity)?|n/a|true|false)*", re.ASCII | re.IGNORECASE)
SHOWN_LETTERS = 200  # characters of an exchange's text that a message shows


class FailureKind(NamedTuple):
    """One row of the table of failures (section 1 of docs/exchange.md)."""

    retried: bool
    counted: bool  # whether the breaker counts it (X7)
    stays: Callable[[str], SaflaError]  # makes the error for the user, once it is given up
    stops: bool = False  # whether no further request may go to this exchange


def _symbol(what: str) -> ConfigError:
    return ConfigError([Problem("", "symbols", what, code="symbol_unknown")])


def _timeframe(what: str) -> ConfigError:
    return ConfigError([Problem("", "market_data.timeframe", what, code="not_served")])


def _setting(what: str) -> ConfigError:
    return ConfigError([Problem("", "exchange", what, code="not_served")])


NETWORK = FailureKind(True, True, partial(ExchangeError, code="exchange_unreachable"))
UNAVAILABLE = FailureKind(True, True, partial(ExchangeError, code="exchange_unavailable"))
BAD_ANSWER = FailureKind(True, True, partial(ExchangeError, code="bad_answer"))
BAD_ROW = FailureKind(True, True, partial(DataError, code="bad_page"))
SLOW_DOWN = FailureKind(True, False, partial(ExchangeError, code="rate_limited"))
BANNED = FailureKind(False, False, partial(ExchangeError, code="banned"), stops=True)
REGION = FailureKind(False, False, partial(ExchangeError, code="region_blocked"), stops=True)
REFUSED = FailureKind(False, False, partial(ExchangeError, code="request_refused"))
NO_SUCH_SYMBOL = FailureKind(False, False, _symbol)
NO_SUCH_TIMEFRAME = FailureKind(False, False, _timeframe)
NOT_SERVED = FailureKind(False, False, _setting)
OURS = FailureKind(False, False, Bug)

MISPLACED = (NO_SUCH_SYMBOL, NO_SUCH_TIMEFRAME, OURS)  # these make no sense as the answer to a request for the time

CODES = {-1120: NO_SUCH_TIMEFRAME}  # ccxt raises BadRequest for it, as for bugs of ours

# The classes of ccxt's errors; subclasses stand before their bases. The status was judged before (of_status).
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
    """One failed request, with its kind: a row of the table."""

    def __init__(self, what: str, kind: FailureKind, *, retry_after: float | None = None) -> None:
        super().__init__(
            what, retried=kind.retried, counted=kind.counted, retry_after=retry_after, shuts=kind is SLOW_DOWN
        )
        self.kind = kind
        self.subject = ""  # exchange and request, for messages

    def bare(self) -> "RequestFailed":
        """Return a copy without traceback, to be kept: a traceback would keep all its frames alive."""
        copy = RequestFailed(str(self), self.kind, retry_after=self.floor)
        copy.subject = self.subject
        return copy

    def text_for(self, subject: str) -> str:
        """The message for the user. subject: exchange and request, which it begins with."""
        text = str(self)
        return text if text.startswith(f"{subject}: ") else f"{subject}: {text}"

    def final(self, subject: str) -> SaflaError:
        """The error for the user, once the request is given up."""
        return self.kind.stays(self.text_for(subject))


def of_clock(judged: RequestFailed) -> RequestFailed:
    """Judge a failed request for the time. It names no symbol, so an error about symbols is a bad answer there."""
    if judged.kind not in MISPLACED:
        return judged
    return RequestFailed(f"a request for its time brought an error about something else: {judged}", BAD_ANSWER)


def of_status(status: int) -> FailureKind | None:
    """What an HTTP status means by itself; None if the body decides."""
    known = {429: SLOW_DOWN, 418: BANNED, 451: REGION, 403: UNAVAILABLE}
    if 300 <= status < 400:  # redirects are never followed (Z18)
        return BAD_ANSWER
    return known.get(status, UNAVAILABLE if status >= 500 else None)


def of_code(parsed: object) -> FailureKind | None:
    """What the error code in a body means by itself; None if ccxt's class decides."""
    code = parsed.get("code") if isinstance(parsed, dict) else None
    return CODES.get(code) if isinstance(code, int) else None


def of_error(error: Exception, *, answer: str | None = None) -> RequestFailed:
    """Judge an error that ccxt raised. One that is not of ccxt's own classes means that it could not parse the answer.

    answer  the text of the answer (error_said) if there is an answer; the error of ccxt would quote the whole body
    """
    names = {cls.__name__ for cls in type(error).__mro__}
    for classes, kind in CLASSES:
        if names & set(classes.split()):
            return RequestFailed(said(str(error)) if answer is None else answer or type(error).__name__, kind)
    return RequestFailed(f"the answer cannot be parsed ({type(error).__name__})", BAD_ANSWER)


def error_said(parsed: object) -> str:
    """The text and code of an answer that states an error as exchanges do; "" for other answers.

    Nothing of other answers is shown: the address may belong to a server that is not an exchange (Z18).
    """
    if not isinstance(parsed, dict):
        return ""
    for code, text in ERROR_FIELDS:
        if isinstance(parsed.get(code), int | str) and isinstance(parsed.get(text), str) and _is_code(parsed[code]):
            return said(f"{parsed[text]} (code {parsed[code]})")
    stated = parsed.get("error")  # Kraken: a list such as ["EQuery:Unknown asset pair"]
    if isinstance(stated, list) and stated and all(isinstance(text, str) and _KRAKEN.match(text) for text in stated):
        return said(", ".join(stated))
    return ""


def _is_code(code: int | str) -> bool:
    return isinstance(code, int) or (code.isascii() and code.lstrip("-").isdigit())


def row_said(row: object) -> str:
    """A row of candles for a message: as it came if it has only numbers and times, else its type and length."""
    text = said(str(row))
    return text if _DATUM.fullmatch(text) else f"{type(row).__name__} of {counted(len(str(row)), 'character')}"


def address_said(location: str) -> str:
    """The target of a redirect for a message: scheme and host, without the path, which may hold a secret."""
    try:
        parts = urlsplit(location)
        return said(f"{parts.scheme}{':' * bool(parts.scheme)}//{parts.hostname}") if parts.hostname else "another path"
    except ValueError:
        return "an invalid address"


def body_said(text: str) -> str:
    """Describe a body that is not JSON."""
    begin = text.lstrip()[:1]
    kind = {"": "an empty body", "<": "HTML", "[": "cut or malformed", "{": "cut or malformed"}.get(begin, "a text")
    return f"{kind}, {counted(len(text), 'character')}" if begin else kind


def said(text: str) -> str:
    """A text of an exchange, made safe and short for a message."""
    return printable(" ".join(text.split())[:SHOWN_LETTERS])
