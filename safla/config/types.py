"""The types of configuration values: numbers, dates, names, paths. This module knows no keys and opens no files."""

import datetime
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from safla.config import paths
from safla.core.timeframes import LAST_MS

if TYPE_CHECKING:
    from safla.strategies.rules.tree import SentenceError

FIRST_MS = 100_000_000_000  # a smaller integer is not a time in ms: probably seconds or a year
SYMBOL = re.compile(r"[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?", re.ASCII)
NO_SYMBOL = "is not a symbol; write BASE/QUOTE, such as BTC/USDT"
FOREIGN_SYMBOL = "has characters other than A-Z and 0-9, which journals and file names cannot hold; use another"
DEVICES = frozenset(["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(1, 10))])

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)  # a subset of what datetime.fromisoformat accepts
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Allowed(NamedTuple):
    """A description of the values that a type allows, where its annotation alone does not tell."""

    text: str


def milliseconds(value: object) -> object:
    """Convert a date to ms UTC (naive dates are UTC). Raise ValueError for text that is no date; keep other types."""
    if isinstance(value, str) and _ISO.fullmatch(value):
        moment = datetime.datetime.fromisoformat(value)
        return (moment.replace(tzinfo=moment.tzinfo or datetime.UTC) - _EPOCH) // datetime.timedelta(milliseconds=1)
    if isinstance(value, str) and re.fullmatch(r"\d{12,13}", value, re.ASCII):
        return int(value)
    if isinstance(value, str) or (type(value) is int and value < FIRST_MS):
        raise ValueError("not a date")
    return value


def in_capitals(symbol: str) -> str:
    """Return the symbol in upper case: btc/usdt is BTC/USDT. Text with non-ASCII characters is returned unchanged."""
    return symbol.upper() if symbol.isascii() else symbol


def symbol_text(text: str) -> str:
    """Return the symbol in upper case. Raise ValueError with the reason if the text is not a symbol."""
    symbol = in_capitals(text)
    if not SYMBOL.fullmatch(symbol):
        raise ValueError(NO_SYMBOL if text.isascii() else FOREIGN_SYMBOL)
    return symbol


def plain(number: Decimal) -> str:
    """Format a decimal in its canonical form: no exponent, no trailing zeros, no sign for zero."""
    return format(number.normalize(), "f") if number else "0"


_NEGATIVE = re.compile(r"-(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?", re.ASCII)
_ANY = "!-?A-~"  # printable ASCII without space and @
_PATH = "!$-.:;=A-~/-9"  # also without ? and #, because a query or fragment may hold a secret (Z9)
_RESERVED_WORDS = ("true", "false", "null")
_WORD = "[A-Za-z][A-Za-z0-9_.-]{0,39}"


def _decimal(value: object) -> object:
    return Decimal(value) if type(value) is int else value


def _signed(value: object) -> object:
    """Read the one kind of number that may have a sign: words of YAML with a minus are text for the reader (Z5)."""
    if isinstance(value, str) and _NEGATIVE.fullmatch(value):
        return Decimal(value)
    return _decimal(value)


def _parameter(value: object) -> object:
    if isinstance(value, str) and value.lower() in _RESERVED_WORDS:
        raise ValueError("true, false and null are not words: a plan read from a journal would turn them into values")
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)  # each value has one spelling in the plan: 10.0 is 10 (J15)
    return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value


def _not_a_device(name: str) -> str:
    if name.partition(".")[0].upper() in DEVICES:
        raise ValueError("reserved as the name of a device on Windows")
    return name


def _zone(name: str) -> str:
    """Return the name of a time zone that polars knows, which does not depend on this machine's zone files."""
    import polars as pl

    try:
        pl.Series([0]).cast(pl.Datetime("ms")).dt.replace_time_zone(name)
    except pl.exceptions.PolarsError as error:
        raise ValueError("unknown time zone") from error
    return name


def _url(*schemes: str, letters: str) -> re.Pattern[str]:
    """Return the pattern of a URL without user name. letters: regular-expression class of its path."""
    return re.compile(rf"({'|'.join(schemes)})://[A-Za-z0-9.\[\]:-]{{1,255}}(/[{letters}]{{0,1000}})?", re.ASCII)


def _webhook(secret: SecretStr) -> SecretStr:
    if not _url("https?", letters=_ANY).fullmatch(secret.get_secret_value()):
        raise ValueError("not a URL")
    return secret


Number = Annotated[Decimal, BeforeValidator(_decimal), PlainSerializer(float, return_type=float, when_used="json")]
SignedNumber = Annotated[Decimal, BeforeValidator(_signed), PlainSerializer(float, return_type=float, when_used="json")]
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
    Allowed("a date such as 2024-01-31 or 2024-01-31T13:00:00Z, or ms since 1970 (UTC)"),
]
Symbol = Annotated[
    str,
    BeforeValidator(lambda value: in_capitals(value) if isinstance(value, str) else value),
    Field(pattern=rf"^{SYMBOL.pattern}$"),
    WithJsonSchema({"type": "string", "pattern": f"^{SYMBOL.pattern.replace('A-Z', 'A-Za-z')}$"}),
    Allowed("a symbol such as BTC/USDT (BASE/QUOTE, letters A-Z and digits)"),
]
Name = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+()#:,&'-]{0,79}$"),
    AfterValidator(_not_a_device),
    Allowed("text of 1 to 80 letters, digits, spaces and ._+()#:,&'- that begins with a letter or digit"),
]
Version = Annotated[str, Field(pattern=r"^[ -~]{1,40}$"), Allowed("text of 1 to 40 printable ASCII characters")]
Word = Annotated[str, Field(pattern=f"^{_WORD}$"), Allowed("a word of at most 40 letters, digits and _.-")]
StrategyName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$"), Allowed("the name of a registered strategy")
]
_CODE_PART = "[A-Za-z0-9_][A-Za-z0-9_-]*"
CodeFileName = Annotated[
    str,
    Field(pattern=rf"^({_CODE_PART}/)*{_CODE_PART}\.py(:[A-Za-z_][A-Za-z0-9_]*)?$", max_length=200),
    Allowed("a file beside this one or below, such as mine.py or mine.py:OBJECT, of letters, digits, _ and -"),
]
ParameterName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$"), Allowed("a name such as slow_period")]
PARAMETER = "a number >= 0, or a word other than true, false and null"
Parameter = Annotated[
    Annotated[int, Field(ge=0)] | Decimal | Word,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_WORD}$"}]}),
    Allowed(PARAMETER),
]


def _condition(value: object) -> object:
    """Return the canonical text of a condition, or of a map of conditions (L12). Raise for one that cannot be read."""
    from safla.strategies.rules import canonical, rule_keys
    from safla.strategies.rules.tree import SentenceError

    if not isinstance(value, (str, dict)):
        raise ValueError("not a condition")
    try:
        return rule_keys.Sentence(canonical.text_of_condition(rule_keys.sentence_tree(value)), value)
    except SentenceError as error:
        raise _mistaken(error) from error


def _value(value: object) -> object:
    """Return the canonical text of a value. Raise for one that cannot be read."""
    from safla.strategies.rules import canonical, rule_keys
    from safla.strategies.rules.grammar import parse_value
    from safla.strategies.rules.tree import SentenceError

    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError("not a value")
    try:
        text = plain(value) if isinstance(value, Decimal) else str(value)
        return rule_keys.Sentence(canonical.text_of_value(parse_value(text)), text)
    except SentenceError as error:
        raise _mistaken(error) from error


def _mistaken(error: "SentenceError") -> PydanticCustomError:
    return PydanticCustomError("sentence", "{text}", {"text": str(error), "mistakes": error.mistakes})


CONDITION = "a condition such as fast crosses above slow, or a map with all, any or none"
ConditionText = Annotated[
    str,
    PlainValidator(_condition),
    WithJsonSchema({"anyOf": [
        {"type": "string", "maxLength": 500},
        *({"type": "object", "properties": {word: {"type": "array", "minItems": 1, "maxItems": 50}},
           "required": [word], "additionalProperties": False} for word in ("all", "any", "none")),
    ]}),
    Allowed(CONDITION),
]  # fmt: skip
SentenceValue = Annotated[
    str,
    PlainValidator(_value),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 500}, {"type": "number"}]}),
    Allowed("a value such as close / slow - 1"),
]
INDICATOR_KEY = "a number, a word or a value such as close, as the kind of indicator takes it"
IndicatorKey = Annotated[
    bool | Annotated[int, Field(ge=0)] | Decimal | Annotated[str, Field(pattern=r"^[ -~]{1,500}$")],
    BeforeValidator(_whole),
    WithJsonSchema({"type": ["boolean", "number", "string"]}),
    Allowed(INDICATOR_KEY),
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
    AfterValidator(_not_a_device),
    Allowed("a file name that ends in .log, without folders"),
]
HttpUrl = Annotated[
    str,
    Field(pattern=f"^{_url('https?', letters=_PATH).pattern}$"),
    Allowed("a URL that begins with http:// or https://, without user and query"),
]
StreamUrl = Annotated[
    str,
    Field(pattern=f"^{_url('wss?', letters=_PATH).pattern}$"),
    Allowed("a URL that begins with ws:// or wss://, without user and query"),
]
WebhookUrl = Annotated[
    SecretStr,
    AfterValidator(_webhook),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
    Allowed("a URL that begins with http:// or https:// (set it in the environment if it holds a secret)"),
]
Speed = Annotated[
    str, Field(pattern=r"^([1-9][0-9]{0,5}x|max)$"), Allowed("a speed such as 1x (real time) or 60x, or max")
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
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"), Allowed("a host name such as metrics.example.com")
]


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Paths = Annotated[
    tuple[FilePath, ...],
    BeforeValidator(_as_list),
    Field(max_length=1000),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 1000}]}),
    Allowed("a path or a list of paths"),
]
HostNames = Annotated[tuple[HostName, ...], Field(max_length=100)]
