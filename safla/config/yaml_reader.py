"""Read YAML text into values with line and column. Size and syntax are checked before anything is built (Z1-Z3).

This module knows no keys. It uses only the parser of ruamel: its events become `Node`s, and `scalar` alone decides what
a word means, so that no number ever becomes a YAML float (Z5).
"""

import os
import re
import stat
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from safla.errors import ConfigError, Problem
from safla.text import counted, printable, quoted

MAX_BYTES = 65_536  # Z1
MAX_DEPTH = 16  # Z2
MAX_NODES = 5_000  # Z2
NUMBER = re.compile(r"(0|[1-9]\d{0,11})(\.\d{1,12})?", re.ASCII)  # Z5
JOURNAL_BEGINS = b'{"n":1,"p":"'
MAX_NUMBER = 64  # characters; checked before the pattern is applied
WORDS: dict[str, bool | None] = {"true": True, "false": False, **dict.fromkeys(("null", "~", "Null", "NULL"))}

# Whatever the parser raises for a hostile file becomes one configuration error (Z3).
PARSER_ERRORS = (
    YAMLError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    RuntimeError,  # includes RecursionError and NotImplementedError
)


class SourceLocation(NamedTuple):
    """The place of a value: a file with line and column (1-based), or the name of a variable or option (line 0)."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def origin(self) -> str:
        """The place without its column, as the resolved configuration names it."""
        return f"{self.file}:{self.line}" if self.line else self.file


class NoValue(Enum):
    """The value of a key that was written without one. It is not null, because null switches limits off."""

    HERE = "nothing"


class Node(NamedTuple):
    """A value, its text and its place; `value` is a dict or list of Nodes, a scalar, or NoValue.HERE."""

    value: Any
    text: str  # as a message shows it
    place: SourceLocation
    key_place: SourceLocation  # place of its key in a map, else the same as `place`
    text_column: int = 0  # of the first character of a text on one line; 0: it is folded, escaped or no text


def scalar(text: str) -> str | int | Decimal | bool | None:
    """Convert an unquoted word: true, false, null or a number by Z5; any other word is text."""
    if text in WORDS:
        return WORDS[text]
    if len(text) > MAX_NUMBER or not NUMBER.fullmatch(text):
        return text
    return Decimal(text) if "." in text else int(text)


def read_file(path: Path, shown: str, *, problems: list[Problem]) -> Node:
    """Read the map in a YAML file. Add duplicate keys to `problems`; raise ConfigError if the file cannot be read."""
    return read_text(_decoded(_content(path, shown), shown), SourceLocation(shown, 1, 1), problems=problems)


def read_value(text: str, place: SourceLocation, *, problems: list[Problem]) -> Node:
    """Read a value from a variable or an option: YAML flow style if it begins like that, else one unquoted word."""
    if text[:1] in ("[", "{", '"', "'"):
        return _moved(read_text(text, place, problems=problems, root=""), place)
    word = text.strip(" ")  # only spaces: a tab or control character must not pass as part of a number (Z5)
    return _plain_scalar(word, place, place)


def plain_value(node: Node) -> Any:
    """Return a node as dicts, tuples and scalars."""
    if isinstance(node.value, dict):
        return {name: plain_value(member) for name, member in node.value.items()}
    if isinstance(node.value, list):
        return tuple(plain_value(item) for item in node.value)
    return node.value


def _plain_scalar(word: str, place: SourceLocation, key_place: SourceLocation) -> Node:
    if not word:
        return Node(NoValue.HERE, NoValue.HERE.value, place, key_place)
    value = scalar(word)
    return Node(value, _shown(value, word), place, key_place)


def _shown(value: object, text: str) -> str:
    return quoted(text) if isinstance(value, str) else text


def _content(path: Path, shown: str) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # so that a FIFO does not hang
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise _error(
            shown, f"cannot be read: {reason}; name a YAML file, or make one with `safla init`", code="unreadable_file"
        ) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
            inside = path / "config.yaml"
            instead = f"its configuration is {inside}" if inside.is_file() else "name a regular file"
            raise _error(shown, f"is {kind}; {instead}", code="unreadable_file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
    if content.startswith(JOURNAL_BEGINS):
        raise _error(
            shown, f"is a journal, not a configuration; `safla replay {shown}` verifies it", code="unreadable_file"
        )
    if len(content) > MAX_BYTES:
        raise _error(shown, TOO_LARGE, code="configuration_too_large")
    return content


def _decoded(content: bytes, shown: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error(shown, "is UTF-16; save it as UTF-8", code="invalid_yaml")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        place = SourceLocation(shown, before.count(b"\n") + 1, column)
        text = f"byte 0x{content[error.start]:02x} is not valid UTF-8; save the file as UTF-8"
        raise _error(str(place), text, code="invalid_yaml") from error


def read_text(text: str, start: SourceLocation, *, problems: list[Problem], root: str = "a map of keys") -> Node:
    """Read the document in a YAML text. root: what the document must be, which is a map; "": any value."""
    _check_text(text, start)
    events = _guarded(text, start)
    try:
        event = next(events, None)
        if event is None:
            raise _error(
                start.file,
                "is empty; `safla init` writes a commented configuration to start from",
                code="unreadable_file",
            )
        node = _node(event, events, _Spot(start.file, None, (), problems))
        for _ in events:  # check what follows the document too
            pass
    except PARSER_ERRORS as error:
        raise _error(
            str(_error_place(error, start)), f"not valid YAML: {_error_text(error)}", code="invalid_yaml"
        ) from error
    if root and not isinstance(node.value, dict):
        got = f"a text of {counted(len(node.value), 'character')}" if isinstance(node.value, str) else node.text
        raise _error(
            str(node.place), f"expected {root}, got {got}; write lines such as mode: backtest", code="unreadable_file"
        )
    return node


def _check_text(text: str, start: SourceLocation) -> None:
    """Reject what the parser should not even see: long texts, control characters, a flood of brackets."""
    if len(text) > MAX_BYTES:
        raise _error(str(start), TOO_LARGE, code="configuration_too_large")
    for pattern, reason in FORBIDDEN_TEXT:
        match = pattern.search(text)
        if match:
            line = text.count("\n", 0, match.start()) + 1
            column = match.start() - (text.rfind("\n", 0, match.start()) + 1) + 1
            code = "configuration_too_large" if reason is TOO_DEEP else "invalid_yaml"
            raise _error(str(SourceLocation(start.file, line, column)), reason.format(printable(match[0])), code=code)


TOO_LARGE = f"is larger than {MAX_BYTES} bytes, the limit for a configuration; split it with `extends`"
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels; flatten it"
TOO_MANY = f"holds more than {MAX_NODES} values; shorten it"
FORBIDDEN_TEXT = (
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), "control character {} is not allowed; is it a text file?"),
    # The scanner looks up to 1024 characters ahead for a key: its time is quadratic if all of them open a list.
    (re.compile(r"[\[{]{64}"), TOO_DEEP),
)


class _Spot(NamedTuple):
    """The position of the reader: what it needs to place a node and to name a duplicate key."""

    file: str
    key_place: SourceLocation | None
    path: tuple[str, ...]
    problems: list[Problem]


def _guarded(text: str, start: SourceLocation) -> Iterator[Any]:
    """Yield the events of the nodes. Raise ConfigError for what Z2 forbids, before a node is built from it."""
    depth = nodes = documents = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        kind = type(event).__name__
        documents += kind == "DocumentStartEvent"
        nodes += kind in NODE_EVENTS
        depth += DEPTHS.get(kind, 0)
        reason = _forbidden(event, kind, documents)
        if depth > MAX_DEPTH:
            reason = TOO_DEEP
        if nodes > MAX_NODES:
            reason = TOO_MANY
        if reason:
            code = "configuration_too_large" if reason in (TOO_DEEP, TOO_MANY) else "invalid_yaml"
            raise _error(str(_place(event, start.file)), reason, code=code)
        if kind in NODE_EVENTS or kind in DEPTHS:
            yield event


NODE_EVENTS = frozenset(["ScalarEvent", "MappingStartEvent", "SequenceStartEvent", "AliasEvent"])
DEPTHS = {"MappingStartEvent": 1, "SequenceStartEvent": 1, "MappingEndEvent": -1, "SequenceEndEvent": -1}


def _forbidden(event: Any, kind: str, documents: int) -> str:
    if documents > 1:
        return "a second document begins here; keep one"
    if kind == "AliasEvent":
        return "aliases are not allowed; write the value here"
    if getattr(event, "anchor", None) is not None:
        return "anchors are not allowed; write the value wherever it is needed"
    if getattr(event, "ctag", None) is not None:
        return "tags are not allowed; remove it"
    if kind == "DocumentStartEvent" and (event.version or event.tags):
        return "directives are not allowed; remove the line above"
    return ""


def _node(event: Any, events: Iterator[Any], spot: _Spot) -> Node:
    kind = type(event).__name__
    place = _place(event, spot.file)
    key_place = spot.key_place or place
    if kind == "ScalarEvent":
        one_line = event.start_mark.line == event.end_mark.line
        if event.style:
            written = event.end_mark.column - event.start_mark.column
            column = place.column + 1 if one_line and written == len(event.value) + 2 else 0
            return Node(event.value, quoted(event.value), place, key_place, column)
        node = _plain_scalar(event.value, place if event.value else key_place, key_place)  # no value: place of the key
        return node._replace(text_column=place.column) if one_line else node
    if kind == "SequenceStartEvent":
        return Node(list(_items(events, spot)), "a list", place, key_place)
    return Node(_members(events, spot), "a map", place, key_place)


def _items(events: Iterator[Any], spot: _Spot) -> Iterator[Node]:
    for event in events:
        if type(event).__name__ == "SequenceEndEvent":
            return
        yield _node(event, events, spot._replace(key_place=None))


def _members(events: Iterator[Any], spot: _Spot) -> dict[str, Node]:
    members: dict[str, Node] = {}
    for event in events:
        if type(event).__name__ == "MappingEndEvent":
            break
        place = _place(event, spot.file)
        if type(event).__name__ != "ScalarEvent":
            raise _error(str(place), "expected a key, got a list or map", code="invalid_yaml")
        key = event.value
        path = (*spot.path, key)
        if key in members:
            first = members[key].key_place.line
            text = f"duplicate key, first on line {first}; keep one"
            spot.problems.append(Problem(str(place), printable(".".join(path)), text, code="duplicate_key"))
        node = _node(next(events), events, spot._replace(key_place=place, path=path))
        members.setdefault(key, node)
    return members


def _place(event: Any, file: str) -> SourceLocation:
    return SourceLocation(file, event.start_mark.line + 1, event.start_mark.column + 1)


def _moved(node: Node, place: SourceLocation) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _moved(member, place) for key, member in value.items()}
    if isinstance(value, list):
        value = [_moved(item, place) for item in value]
    return Node(value, node.text, place, place)  # without a column: an option has none


def _error_place(error: BaseException, start: SourceLocation) -> SourceLocation:
    mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    return start if mark is None else SourceLocation(start.file, mark.line + 1, mark.column + 1)


def _error_text(error: BaseException) -> str:
    text = (error.problem or error.context) if isinstance(error, MarkedYAMLError) else ""
    return printable(text or "it cannot be parsed")


def _error(where: str, text: str, *, code: str) -> ConfigError:
    return ConfigError([Problem(printable(where), "", text, code)])
