"""The types of configuration values: what a number, a date or a name may be. No key is known here, and no file."""

import datetime
import re
from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr, WithJsonSchema

from safla.config import paths
from safla.core.timeframes import LAST_MS

FIRST_MS = 100_000_000_000  # below it an integer is no time in ms, but seconds or a year
SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?", re.ASCII)
NO_SYMBOL = "is no symbol such as BTC/USDT"
FOREIGN_SYMBOL = (
    "has letters beyond A-Z and 0-9: journal, store and file names hold no others, so it cannot be traded here"
)
DEVICES = frozenset(["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))])

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)  # what datetime.fromisoformat takes, and no other of its spellings
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Allowed(NamedTuple):
    """What a type allows, in words, where its annotation does not say it by itself."""

    text: str


def milliseconds(value: object) -> object:
    """A date as ms UTC (naive dates are UTC). Raises ValueError for a text that is no date; other types pass."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        moment = datetime.datetime.fromisoformat(value)
        return (moment.replace(tzinfo=moment.tzinfo or datetime.UTC) - _EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, str) and re.fullmatch(r"\d{12,13}", value, re.ASCII):
        return int(value)
    if isinstance(value, str) or (type(value) is int and value < FIRST_MS):
        raise ValueError("not a date")
    return value


def in_capitals(symbol: str) -> str:
    """The symbol as safla writes it: btc/usdt is BTC/USDT. Letters beyond ASCII stay as they are, and are refused."""
    return symbol.upper() if symbol.isascii() else symbol


def symbol_text(text: str) -> str:
    """The symbol in capitals. Raises ValueError, whose text says why, for what is none."""
    symbol = in_capitals(text)
    if not SYMBOL.fullmatch(symbol):
        raise ValueError(NO_SYMBOL if text.isascii() else FOREIGN_SYMBOL)
    return symbol


def plain(number: Decimal) -> str:
    """The one spelling of a decimal: no exponent, no zeros at the end, no sign for zero."""
    return format(number.normalize(), "f") if number else "0"


_ANY = "!-?A-~"  # no space, no control, no @
_PATH = "!$-.:;=A-~/-9"  # nor the ? and # of what may hold a key (Z9)
_NO_WORDS = ("true", "false", "null")
_WORD = "[A-Za-z][A-Za-z0-9_.-]{0,39}"


def _decimal(value: object) -> object:
    return Decimal(value) if type(value) is int else value


def _parameter(value: object) -> object:
    if isinstance(value, str) and value.lower() in _NO_WORDS:
        raise ValueError("not a word: the plan of a journal would read it as another value")
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)  # one value, one spelling: 10.0 is 10 (J15)
    return value


def _no_device(name: str) -> str:
    if name.partition(".")[0].upper() in DEVICES:
        raise ValueError("the name of a device")
    return name


def _zone(name: str) -> str:
    """The name of a zone that polars knows, whatever this machine has installed."""
    import polars as pl

    try:
        pl.Series([0]).cast(pl.Datetime("ms")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError as error:
        raise ValueError("no time zone") from error
    return name


def _url(*schemes: str, letters: str) -> re.Pattern[str]:
    """A URL of no user. letters: what may stand in its path, as a regular expression's class."""
    return re.compile(rf"({'|'.join(schemes)})://[A-Za-z0-9.\[\]:-]{{1,255}}(/[{letters}]{{0,1000}})?", re.ASCII)


def _webhook(secret: SecretStr) -> SecretStr:
    if not _url("https?", letters=_ANY).fullmatch(secret.get_secret_value()):
        raise ValueError("not a URL")
    return secret


Number = Annotated[Decimal, BeforeValidator(_decimal), PlainSerializer(float, return_type=float, when_used="json")]
Amount = Annotated[Number, Field(gt=0, decimal_places=12)]  # money in the quote currency
Share = Annotated[Number, Field(gt=0, le=1, decimal_places=6)]
Fraction = Annotated[Number, Field(ge=0, le=1, decimal_places=6)]
OpenShare = Annotated[Number, Field(gt=0, lt=1, decimal_places=6)]
Rate = Annotated[Number, Field(ge=0, le=Decimal("0.05"), decimal_places=6)]
Seconds = Annotated[Number, Field(ge=Decimal("0.1"), le=3600, decimal_places=6)]
Percent = Annotated[int, Field(ge=1, le=100)]
Calls = Annotated[int, Field(ge=1, le=100)]
QuantityDecimals = Annotated[int, Field(ge=0, le=8)]  # of a quantity
PriceDecimals = Annotated[int, Field(ge=0, le=12)]  # of a price or a volume

# Those of core/candles.py; that is not imported here, for it brings numpy, and a file that is no YAML should not wait.

Date = Annotated[
    int,
    BeforeValidator(milliseconds),
    Field(ge=0, le=LAST_MS),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^({_ISO.pattern}|\d{{12,13}})$"},
                {"type": "integer", "minimum": FIRST_MS, "maximum": LAST_MS},
            ]
        }
    ),
    Allowed("a date such as 2024-01-31 or 2024-01-31T13:00:00Z, or ms UTC"),
]
Symbol = Annotated[
    str,
    BeforeValidator(lambda value: in_capitals(value) if isinstance(value, str) else value),
    Field(pattern=rf"^{SYMBOL.pattern}$"),
    WithJsonSchema({"type": "string", "pattern": f"^{SYMBOL.pattern.replace('A-Z', 'A-Za-z')}$"}),
    Allowed("a symbol such as BTC/USDT (letters A-Z and digits, BASE/QUOTE)"),
]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+()#:,&'-]{0,79}$"),
    AfterValidator(_no_device),
    Allowed("text of 1 to 80 letters, digits, spaces and ._+()#:,&'- that begins with a letter or digit"),
]
Version = Annotated[str, Field(pattern=r"^[ -~]{1,40}$"), Allowed("text of 1 to 40 printable ASCII characters")]
Word = Annotated[str, Field(pattern=f"^{_WORD}$"), Allowed("a word of letters, digits and _.- (at most 40)")]
StrategyName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$"), Allowed("the name of a registered strategy")
]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Allowed("a name such as slow_period")]
Parameter = Annotated[
    Annotated[int, Field(ge=0)] | Decimal | Word,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_WORD}$"}]}),
    Allowed("a whole number, a decimal or a word"),
]
ExchangeName = Annotated[
    str, Field(pattern=r"^[a-z0-9_]{1,40}$"), Allowed("the name of an exchange in ccxt, such as binance")
]
FilePath = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,1000}$"),
    AfterValidator(paths.expanded),
    Allowed("a path without control characters"),
]
LogFileName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}\.log$"),
    AfterValidator(_no_device),
    Allowed("a file name that ends in .log, without folders"),
]
HttpUrl = Annotated[
    str,
    Field(pattern=f"^{_url('https?', letters=_PATH).pattern}$"),
    Allowed("a URL that begins with http:// or https://; no user, no query"),
]
StreamUrl = Annotated[
    str,
    Field(pattern=f"^{_url('wss?', letters=_PATH).pattern}$"),
    Allowed("a URL that begins with ws:// or wss://; no user, no query"),
]
WebhookUrl = Annotated[
    SecretStr,
    AfterValidator(_webhook),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
    Allowed("a URL that begins with http:// or https://; from the environment if it holds a secret"),
]
Speed = Annotated[
    str, Field(pattern=r"^([1-9][0-9]{0,5}x|max)$"), Allowed("a pace such as 1x (real time) or 60x, or max")
]
Header = Annotated[str, Field(pattern=r"^[ -~]{1,80}$")] | Annotated[int, Field(ge=0, le=63)]
TimeZone = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,59}$"),
    AfterValidator(_zone),
    Allowed("a time zone such as UTC or Europe/Berlin"),
]
Address = Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:]{2,45}$"), Allowed("an IP address such as 127.0.0.1")]


HostName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"), Allowed("the name of a host such as metrics.example.com")
]


def _words(value: object) -> object:
    return (value,) if isinstance(value, str) else value  # one text where a list may stand is a list of one


Paths = Annotated[
    tuple[FilePath, ...],
    BeforeValidator(_words),
    Field(max_length=1000),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 1000}]}),
    Allowed("a path, or a list of paths"),
]
HostNames = Annotated[tuple[HostName, ...], Field(max_length=100), Allowed("a list of names of hosts")]
