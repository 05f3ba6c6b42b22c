"""The words of a sentence: names, numbers and signs, and where each begins. What is none of them is a mistake here."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from safla.strategies.rules.tree import Mistake, Place, SentenceError
from safla.text import quoted

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
CONDITION_WORDS = {*COMPARISONS, *"and or not for within crosses is".split()}  # no value contains one of them
WORDS = frozenset(
    "and or not for within crosses above below is rising falling between min max abs candle candles ago".split()
)
RESERVED = WORDS | {"position"}  # no name; `position` is kept free

MAX_PART = 40  # letters of a name, and of an output
MAX_DIGITS = 15  # before the point, and after it: a double holds no more

_TOKEN = re.compile(
    r"(?P<number>[0-9][0-9A-Za-z_.]*)|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<other>&&|\|\||<>|=>|=<)|(?P<sign><=|>=|==|!=|[-+*/<>(),%])|(?P<unknown>[^ ])"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_PART = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_PART - 1}}}")
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_OTHER = {
    "=": "==", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "<>": "!=", "=>": ">=", "=<": "<=",
}  # how other languages write it  # fmt: skip


class SentenceWord(NamedTuple):
    """A word of a sentence. Its kind is number, name (words of the language too), sign, or end."""

    kind: str
    text: str
    offset: int

    @property
    def shown(self) -> str:
        """How a message shows it."""
        return "the end" if self.kind == "end" else quoted(self.text)


def tokens(text: str, path: tuple[str | int, ...]) -> list[SentenceWord]:
    """The words of a sentence, and its end. SentenceError at the first text that is no word."""
    return [*_tokens(text, path), SentenceWord("end", "", len(text))]


def did_you_mean(word: str, words: Iterable[str], prefix: str = "") -> str:
    """A question for the word that was probably meant: "; did you mean crosses?", or "" where none is near."""
    near = get_close_matches(word.lower()[: 2 * MAX_PART], sorted(words), n=1, cutoff=0.65)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


def name_problem(name: str) -> str:
    """What is wrong with the name of an indicator or a parameter, or nothing (L8)."""
    if not _PART.fullmatch(name):
        return f"expected a name of small letters, digits and _, at most {MAX_PART}, the first a letter"
    return "expected another name; this is a word of the language" if name in RESERVED else ""


def _tokens(text: str, path: tuple[str | int, ...]) -> Iterator[SentenceWord]:
    for found in _TOKEN.finditer(text):
        kind, word = str(found.lastgroup), found[0]
        token = SentenceWord("name" if kind == "word" else kind, word, found.start())
        if wrong := _wrong(token):
            raise SentenceError(Mistake(Place(path, token.offset), wrong))
        yield token


def _wrong(token: SentenceWord) -> str:
    """What is wrong with a word by itself, or nothing."""
    word = token.text
    if token.kind == "number" and not _NUMBER.fullmatch(word):
        return f"{quoted(word)} is no number; write digits with at most one point between them, such as 0.5"
    if token.kind == "number" and max(map(len, word.split("."))) > MAX_DIGITS:
        return f"{quoted(word)} has too many digits; at most {MAX_DIGITS} stand before the point, and after it"
    if token.kind == "name" and word != word.lower():
        return f"{quoted(word)} has capital letters; names and words have none{did_you_mean(word, {word.lower()})}"
    if token.kind == "name" and not _NAME.fullmatch(word):
        return f"{quoted(word)} is no name; a name has letters, digits and _, and one point before an output"
    if token.kind == "name" and max(map(len, word.split("."))) > MAX_PART:
        return f"{quoted(word)} is too long; a name has at most {MAX_PART} letters, and so has an output"
    if token.kind in ("other", "unknown"):
        hint = f"; did you mean {_OTHER[word]}?" if word in _OTHER else "; a sentence is one line" * (word == "\n")
        return f"{quoted(word)} has no meaning here{hint}"
    return ""
