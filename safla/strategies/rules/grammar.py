"""Read sentences: text to tree, by the grammar of docs/strategies.md and nothing else (L1-L6).

A recursive descent of one function for each line of the grammar. It is bounded before it begins (characters) and as it
goes (depth, leaves), so no text is slow or exhausts the stack.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from safla.strategies.rules.tokens import COMPARISONS, CONDITION_WORDS, RESERVED, SentenceWord, did_you_mean, tokens
from safla.strategies.rules.tree import (
    Ago,
    AllOf,
    AnyOf,
    Between,
    Call,
    Comparison,
    ConditionTree,
    Crossing,
    Literal,
    Mistake,
    Negated,
    Negative,
    Place,
    SentenceError,
    Slope,
    Timed,
    Value,
    Variable,
    all_of,
    any_of,
    arithmetic,
    each,
)

Path = tuple[str | int, ...]
Tree = TypeVar("Tree")
Written = ConditionTree[Value]

MAX_CANDLES = 1000  # of `for`, `within` and `ago`
MAX_LIST = 50  # conditions in a list of a map
MAX_VALUES = 250  # of a comparison; a sentence has no room for more
OPERANDS = {"min": 2, "max": 2, "abs": 1}


class SentenceLimits(NamedTuple):
    """How large a sentence may be."""

    characters: int
    depth: int  # of brackets, calls, `not`, minus signs, durations of one test, and maps
    leaves: int = 200  # comparisons, crossings and the like


SENTENCE = SentenceLimits(500, 8)
PLAN = SentenceLimits(25_000, 2 * 8)  # canonical text of a map, in which a level of `none` is a `not` and a bracket


def parse_condition(text: str, *, path: Path = (), depth: int = 0, limits: SentenceLimits = SENTENCE) -> Written:
    """The tree of a condition. SentenceError with its first mistake.

    path    of the sentence in a map of conditions; mistakes have it
    depth   how deep in maps it stands
    """
    parser = _Parser(text, path, depth, limits)
    return parser.whole(parser.condition, "and, or, for, within")


def parse_value(text: str, *, path: Path = (), limits: SentenceLimits = SENTENCE) -> Value:
    """The tree of a value, such as a strength or a distance. SentenceError with its first mistake."""
    parser = _Parser(text, path, 0, limits)
    return parser.whole(parser.value, "+, -, *, /")


def read_condition(given: object) -> Written:
    """The tree of a text, or of a map with `all`, `any` or `none` (L1). SentenceError tells all mistakes."""
    most = SENTENCE.leaves
    if len(list(islice(_parts(given, 0), most + 1))) <= most:
        tree = _read((given, ()))
        if leaf_count(tree) <= most:
            return tree
    raise _mistaken((), f"expected at most {most} comparisons in all")


def leaf_count(tree: ConditionTree[Value]) -> int:
    """How many comparisons, crossings and the like a condition has."""
    if isinstance(tree, AllOf | AnyOf):
        return sum(map(leaf_count, tree.parts))
    return leaf_count(tree.condition) if isinstance(tree, Timed | Negated) else 1


def _parts(given: object, depth: int) -> Iterator[object]:
    """What is written in a map, as deep as maps may be: texts, and whatever is wrong."""
    lists = given.values() if isinstance(given, Mapping) and depth <= SENTENCE.depth else ()
    parts = [part for parts in lists if isinstance(parts, list | tuple) for part in parts]
    if not parts:
        yield given
    for part in parts:
        yield from _parts(part, depth + 1)


def _read(part: tuple[object, Path]) -> Written:
    given, path = part
    if isinstance(given, str):
        return parse_condition(given, path=path, depth=len(path) // 2)
    if not isinstance(given, Mapping):
        raise _mistaken(path, "expected a condition: a text, or a map with all, any or none")
    if len(given) != 1 or not given.keys() <= {"all", "any", "none"}:
        raise _mistaken(path, "expected exactly one of all, any and none")
    ((word, parts),) = given.items()
    inner = (*path, str(word))
    if not isinstance(parts, list | tuple) or not 1 <= len(parts) <= MAX_LIST:
        raise _mistaken(inner, f"expected a list of 1 to {MAX_LIST} conditions")
    if len(path) // 2 >= SENTENCE.depth:
        raise _mistaken(inner, f"expected at most {SENTENCE.depth} levels of maps and brackets")
    trees = each(_read, [(part, (*inner, number)) for number, part in enumerate(parts)])
    if word == "none":
        return Negated(any_of(trees), Place(path))
    return all_of(trees) if word == "all" else any_of(trees)


def _mistaken(path: Path, text: str) -> SentenceError:
    return SentenceError(Mistake(Place(path), text))


class _Parser:
    """Reads one sentence."""

    def __init__(self, text: str, path: Path, depth: int, limits: SentenceLimits) -> None:
        self.path, self.depth, self.limits = path, depth, limits
        self.at = self.leaves = self.values = 0
        if len(text) > limits.characters:
            raise self.error(0, f"expected at most {limits.characters} characters, got {len(text)}")
        self.tokens = tokens(text, path)
        self.conditions = self.brackets()

    def whole(self, part: Callable[[], Tree], more: str) -> Tree:
        """The tree of all words. more: what could have continued it, for the message."""
        tree = part()
        if self.token.kind != "end":
            hint = '; a range is "is between ... and ..."' if self.token.text in COMPARISONS else ""
            raise self.unexpected(f"{more} or the end", hint=hint, words=CONDITION_WORDS)
        return tree

    # --- Conditions

    def condition(self) -> Written:
        parts = [self.both()]
        while self.taken("or"):
            parts.append(self.both())
        return any_of(parts)

    def both(self) -> Written:
        parts = [self.negated()]
        while self.taken("and"):
            parts.append(self.negated())
        return all_of(parts)

    def negated(self) -> Written:
        place = self.place
        if not self.taken("not"):
            return self.timed()
        self.enter(place)
        tree = Negated(self.negated(), place)
        self.depth -= 1
        return tree

    def timed(self) -> Written:
        tree, depth = self.test(), self.depth
        while self.token.text in ("for", "within"):
            self.enter(self.place)
            place, word = self.place, self.take().text
            tree = Timed(tree, word, self.count(), place)
        self.depth = depth
        return tree

    def test(self) -> Written:
        if self.at in self.conditions:
            return self.bracketed(self.condition, 'and, or, for, within or ")"')
        self.leaves += 1
        if self.leaves > self.limits.leaves:
            raise self.error(self.token.offset, f"expected at most {self.limits.leaves} comparisons in all")
        self.values = 0
        left, place, sign = self.value(), self.place, self.token.text
        if sign in COMPARISONS:
            self.take()
            return Comparison(left, sign, self.value(), place)
        if self.taken("crosses"):
            return Crossing(left, self.one_of("above", "below"), self.value(), place)
        if self.taken("is"):
            kind = self.one_of("rising", "falling", "between")
            if kind != "between":
                return Slope(left, kind, place)
            low = self.value()
            self.one_of("and")
            return Between(left, low, self.value(), place)
        raise self.unexpected(f"a comparison ({', '.join(COMPARISONS)}), crosses or is", words=("crosses", "is", "ago"))

    # --- Values

    def value(self) -> Value:
        return self.chain(self.term, "+-")

    def term(self) -> Value:
        return self.chain(self.factor, "*/")

    def chain(self, operand: Callable[[], Value], signs: str) -> Value:
        first, rest = operand(), []
        while self.token.kind == "sign" and self.token.text in signs:
            sign = self.take().text
            rest.append((sign, operand()))
        return arithmetic(first, rest)

    def factor(self) -> Value:
        place = self.place
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.error(place.offset, f"expected at most {MAX_VALUES} values in a comparison")
        if self.token.kind == "number":
            return Literal(self.take().text, self.taken("%"), place)
        if self.taken("-"):
            self.enter(place)
            negative = Negative(self.factor(), place)
            self.depth -= 1
            return negative
        value = self.named()
        if self.token.kind != "number":
            return value
        candles = self.count()
        self.one_of("ago")
        return Ago(value, candles, place)

    def named(self) -> Value:
        """A name, a call, or a value in brackets."""
        token, place = self.token, self.place
        if token.text == "(":
            return self.bracketed(self.value, '+, -, *, / or ")"')
        if token.text in OPERANDS:
            self.take()
            if self.token.text != "(":
                raise self.unexpected('"("')
            return Call(token.text, self.bracketed(lambda: self.operands(OPERANDS[token.text]), '")"'), place)
        if token.kind != "name" or token.text.split(".")[0] in RESERVED:
            raise self.unexpected("a value: a number, a name, min, max, abs or a bracket")
        return Variable(self.take().text, place)

    def operands(self, count: int) -> tuple[Value, ...]:
        values = [self.value()]
        while len(values) < count:
            self.comma()
            values.append(self.value())
        return tuple(values)

    def comma(self) -> None:
        if not self.taken(","):
            raise self.unexpected('","')

    def count(self) -> int:
        token = self.token
        if token.kind != "number" or not token.text.isdigit() or not 1 <= int(token.text) <= MAX_CANDLES:
            raise self.unexpected(f"a whole number of candles from 1 to {MAX_CANDLES}")
        self.take()
        self.one_of("candle", "candles")
        return int(token.text)

    # --- Words

    @property
    def token(self) -> SentenceWord:
        return self.tokens[self.at]

    @property
    def place(self) -> Place:
        return Place(self.path, self.token.offset)

    def take(self) -> SentenceWord:
        self.at += 1
        return self.tokens[self.at - 1]

    def taken(self, text: str) -> bool:
        """Whether that is the word here; then it is behind us."""
        here = self.token.text == text
        self.at += here
        return here

    def one_of(self, *words: str) -> str:
        if self.token.text not in words:
            expected = " or ".join(words)
            raise self.unexpected(expected, words=words)
        return self.take().text

    def bracketed(self, part: Callable[[], Tree], more: str) -> Tree:
        self.enter(self.place)
        self.take()
        tree = part()
        if not self.taken(")"):
            raise self.unexpected(more, words=CONDITION_WORDS)
        self.depth -= 1
        return tree

    def enter(self, place: Place) -> None:
        """One level deeper."""
        self.depth += 1
        if self.depth > self.limits.depth:
            raise self.error(place.offset, f"expected at most {self.limits.depth} levels of maps and brackets")

    def brackets(self) -> set[int]:
        """The brackets, by the place of their token, in which a condition stands; in the others a value does."""
        open_brackets: list[int] = []
        conditions: set[int] = set()
        for at, token in enumerate(self.tokens):
            if token.text == "(":
                open_brackets.append(at)
            elif token.text == ")":
                if not open_brackets:
                    raise self.error(token.offset, '")" closes no bracket')
                inner = open_brackets.pop()
                conditions |= set(open_brackets[-1:]) if inner in conditions else set()
            elif token.text in CONDITION_WORDS:
                conditions |= set(open_brackets[-1:])
        if open_brackets:
            raise self.error(self.tokens[open_brackets[-1]].offset, '"(" is never closed')
        return conditions

    def unexpected(self, expected: str, *, words: "tuple[str, ...] | set[str]" = (), hint: str = "") -> SentenceError:
        token = self.token
        hint = hint or (did_you_mean(token.text, words) if token.kind == "name" and token.text not in words else "")
        return self.error(token.offset, f"expected {expected}, got {token.shown}{hint}")

    def error(self, offset: int, text: str) -> SentenceError:
        return SentenceError(Mistake(Place(self.path, offset), text))
