"""The grammar: what is read, and for every mistake its place and what is said of it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.strategies.rules.grammar import PLAN, leaf_count, parse_condition, parse_value, read_condition
from safla.strategies.rules.tokens import RESERVED, name_problem
from safla.strategies.rules.tree import (
    Ago,
    AllOf,
    AnyOf,
    Arithmetic,
    Between,
    Call,
    Comparison,
    Crossing,
    Literal,
    Mistake,
    Negated,
    Negative,
    Place,
    SentenceError,
    Slope,
    Timed,
    Variable,
)
from tests.scale import bound, examples

A, B, C = Variable("a"), Variable("b"), Variable("c")
ONE = Comparison(A, "<", Literal("1"))
TWO = Comparison(B, ">", Literal("2"))
EITHER = AnyOf((ONE, TWO))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a < 1", ONE),
        ("a<1", ONE),
        (" a  <  1 ", ONE),
        ("((a < (1)))", ONE),
        ("a <= b", Comparison(A, "<=", B)),
        ("a >= b", Comparison(A, ">=", B)),
        ("a == b", Comparison(A, "==", B)),
        ("a != b", Comparison(A, "!=", B)),
        ("bands.upper > 0.50", Comparison(Variable("bands.upper"), ">", Literal("0.50"))),
        ("a < -3%", Comparison(A, "<", Negative(Literal("3", percent=True)))),
        ("a crosses above b", Crossing(A, "above", B)),
        ("a crosses below b", Crossing(A, "below", B)),
        ("a is rising", Slope(A, "rising")),
        ("a is falling", Slope(A, "falling")),
        ("a is between b and c", Between(A, B, C)),
        ("a is between b and c and a < 1", AllOf((Between(A, B, C), ONE))),
        ("a < 1 and b > 2 or a < 1", AnyOf((AllOf((ONE, TWO)), ONE))),
        ("a < 1 and (b > 2 or a < 1)", AllOf((ONE, AnyOf((TWO, ONE))))),
        ("a < 1 and (b > 2 and a < 1)", AllOf((ONE, TWO, ONE))),
        ("(a < 1 or b > 2) or a < 1", AnyOf((ONE, TWO, ONE))),
        ("not a < 1 and b > 2", AllOf((Negated(ONE), TWO))),
        ("not (a < 1 and b > 2)", Negated(AllOf((ONE, TWO)))),
        ("not not a < 1", Negated(Negated(ONE))),
        ("a < 1 for 3 candles", Timed(ONE, "for", 3)),
        ("not a < 1 within 1 candle", Negated(Timed(ONE, "within", 1))),
        ("a < 1 and b > 2 for 1000 candles", AllOf((ONE, Timed(TWO, "for", 1000)))),
        ("(a < 1 and b > 2) for 2 candles within 3 candles", Timed(Timed(AllOf((ONE, TWO)), "for", 2), "within", 3)),
        ("a < b 3 candles ago", Comparison(A, "<", Ago(B, 3))),
        ("a < b 3 candles ago for 2 candles", Timed(Comparison(A, "<", Ago(B, 3)), "for", 2)),
    ],
)
def test_a_condition_is_read_as_this_tree(text: str, tree: Any) -> None:
    assert parse_condition(text) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1", Literal("1")),
        ("a + b - c", Arithmetic(A, (("+", B), ("-", C)))),
        ("(a + b) - c", Arithmetic(A, (("+", B), ("-", C)))),
        ("a - (b + c)", Arithmetic(A, (("-", Arithmetic(B, (("+", C),))),))),
        ("a + b * c / a", Arithmetic(A, (("+", Arithmetic(B, (("*", C), ("/", A)))),))),
        ("(a + b) * c", Arithmetic(Arithmetic(A, (("+", B),)), (("*", C),))),
        ("-a * b", Arithmetic(Negative(A), (("*", B),))),
        ("a - -b", Arithmetic(A, (("-", Negative(B)),))),
        ("min(a, max(b, c))", Call("min", (A, Call("max", (B, C))))),
        ("abs(a - b)", Call("abs", (Arithmetic(A, (("-", B),)),))),
        ("a + b 1 candle ago", Arithmetic(A, (("+", Ago(B, 1)),))),
        ("-a 1 candles ago", Negative(Ago(A, 1))),
        ("(a + b) 2 candles ago", Ago(Arithmetic(A, (("+", B),)), 2)),
        ("abs(a) 2 candles ago", Ago(Call("abs", (A,)), 2)),
        ("(1) 2 candles ago", Ago(Literal("1"), 2)),
    ],
)
def test_a_value_is_read_as_this_tree(text: str, tree: Any) -> None:
    assert parse_value(text) == tree


COMPARED = "expected a comparison (<, <=, >, >=, ==, !=), crosses or is, got "
VALUE = "expected a value: a number, a name, min, max, abs or a bracket, got "
MORE = "expected and, or, for, within or the end, got "
COUNT = "expected a whole number of candles from 1 to 1000, got "
LONG = "is too long; a name has at most 40 letters, and so has an output"
DEEP = "expected at most 8 levels of maps and brackets"

MISTAKES = [
    ("", 0, VALUE + "the end"),
    ("   ", 3, VALUE + "the end"),
    ("a", 1, COMPARED + "the end"),
    ("a >", 3, VALUE + "the end"),
    ("a > b and", 9, VALUE + "the end"),
    ("a > b c", 6, MORE + '"c"'),
    ("a > b adn c > 1", 6, MORE + '"adn"; did you mean and?'),
    ("a < b < c", 6, MORE + '"<"; a range is "is between ... and ..."'),
    ("a cross above b", 2, COMPARED + '"cross"; did you mean crosses?'),
    ("a crosses over b", 10, 'expected above or below, got "over"; did you mean above?'),
    ("a crosses abov b", 10, 'expected above or below, got "abov"; did you mean above?'),
    ("a is risng", 5, 'expected rising or falling or between, got "risng"; did you mean rising?'),
    ("a is between 1 to 2", 15, 'expected and, got "to"'),
    ("crosses above b", 0, VALUE + '"crosses"'),
    ("position.gain > 1", 0, VALUE + '"position.gain"'),
    ("a > for", 4, VALUE + '"for"'),
    ("a > * b", 4, VALUE + '"*"'),
    ("a > b for 3 candels", 12, 'expected candle or candles, got "candels"; did you mean candles?'),
    ("a > b for 3", 11, "expected candle or candles, got the end"),
    ("a > b for 0 candles", 10, COUNT + '"0"'),
    ("a > b for 1001 candles", 10, COUNT + '"1001"'),
    ("a > b for 1.5 candles", 10, COUNT + '"1.5"'),
    ("a > b for n candles", 10, COUNT + '"n"'),
    ("a > b within -1 candles", 13, COUNT + '"-"'),
    ("a > b 3 candles agoo", 16, 'expected ago, got "agoo"; did you mean ago?'),
    ("a > 3 2 candles ago", 6, MORE + '"2"'),
    ("a > min b", 8, 'expected "(", got "b"'),
    ("a > min(b)", 9, 'expected ",", got ")"'),
    ("a > min(b, c, d)", 12, 'expected ")", got ","'),
    ("a > abs(b, c)", 9, 'expected ")", got ","'),
    ("(a > b", 0, '"(" is never closed'),
    ("((a > b) and c > 1", 0, '"(" is never closed'),
    ("a > b)", 5, '")" closes no bracket'),
    ("a > (b > 1)", 7, 'expected +, -, *, / or ")", got ">"'),
    ("((a > b) + 1) > 2", 9, 'expected and, or, for, within or ")", got "+"'),
    ("(a > b) > 2", 8, MORE + '">"; a range is "is between ... and ..."'),
    ("a = 3", 2, '"=" has no meaning here; did you mean ==?'),
    ("a > 1 && b > 1", 6, '"&&" has no meaning here; did you mean and?'),
    ("a > 1 | b > 1", 6, '"|" has no meaning here; did you mean or?'),
    ("a <> 1", 2, '"<>" has no meaning here; did you mean !=?'),
    ("a => 1", 2, '"=>" has no meaning here; did you mean >=?'),
    ("a > 1\nand b > 1", 5, '"\\n" has no meaning here; a sentence is one line'),
    ("a > 1\tand b > 1", 5, '"\\t" has no meaning here'),
    ("a > $b", 4, '"$" has no meaning here'),
    ("a > ٣", 4, '"٣" has no meaning here'),
    ("ä > 1", 0, '"ä" has no meaning here'),
    ("A > 1", 0, '"A" has capital letters; names and words have none; did you mean a?'),
    ("a > 1 AND b > 1", 6, '"AND" has capital letters; names and words have none; did you mean and?'),
    ("a > 1e5", 4, '"1e5" is no number; write digits with at most one point between them, such as 0.5'),
    ("a > 1.", 4, '"1." is no number; write digits with at most one point between them, such as 0.5'),
    ("a > .5", 4, '"." has no meaning here'),
    ("a > 1_000", 4, '"1_000" is no number; write digits with at most one point between them, such as 0.5'),
    ("a > " + "1" * 16, 4, f'"{"1" * 16}" has too many digits; at most 15 stand before the point, and after it'),
    ("a.b.c > 1", 0, '"a.b.c" is no name; a name has letters, digits and _, and one point before an output'),
    ("_a > 1", 0, '"_a" is no name; a name has letters, digits and _, and one point before an output'),
    ("a" * 41 + " > 1", 0, f'"{"a" * 40}..." {LONG}'),
    ("a." + "b" * 41 + " > 1", 0, f'"a.{"b" * 38}..." {LONG}'),
    ("a > " + "1 + " * 125 + "1", 0, "expected at most 500 characters, got 505"),
    ("(" * 9 + "a > b" + ")" * 9, 8, DEEP),
    ("not " * 9 + "a > b", 32, DEEP),
    ("a > " + "-" * 9 + "b", 12, DEEP),
    ("a > b" + " for 1 candle" * 9, 6 + 8 * 13, DEEP),
    ("a > " + "min(" * 9 + "b" + ", 1)" * 9, 4 + 35, DEEP),
]  # fmt: skip


@pytest.mark.parametrize(("text", "offset", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_place(text: str, offset: int, said: str) -> None:
    with pytest.raises(SentenceError) as failed:
        parse_condition(text, path=("all", 2))
    assert failed.value.mistakes == (Mistake(Place(("all", 2), offset), said),)
    assert str(failed.value) == said


def test_a_value_that_goes_on_as_a_condition_is_a_mistake() -> None:
    with pytest.raises(SentenceError, match='expected \\+, -, \\*, / or the end, got ">"'):
        parse_value("2 * a > 3")
    with pytest.raises(SentenceError, match='expected \\+, -, \\*, / or the end, got "b"'):
        parse_value("a b")


def test_eight_levels_and_names_of_forty_letters_are_read() -> None:
    assert parse_condition("(" * 8 + "a < 1" + ")" * 8) == ONE
    assert parse_condition(f"{'a' * 40}.{'b' * 40} > 1") == Comparison(
        Variable(f"{'a' * 40}.{'b' * 40}"), ">", Literal("1")
    )
    assert parse_value("123456789012345.123456789012345") == Literal("123456789012345.123456789012345")


@pytest.mark.parametrize(
    "text", ["(" * 10**6, "a" * 10**6, "9" * 10**6, "not " * 10**6, "-" * 10**6, "()" * 250, "(" * 500]
)
def test_hostile_texts_are_answered_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(SentenceError):
        parse_condition(text)
    assert time.process_time() - began < bound(0.05)


def mistaken_at(parse: Callable[[str], object], text: str) -> list[int]:
    """The offsets of what is mistaken."""
    try:
        parse(text)
    except SentenceError as error:
        return [mistake.place.offset for mistake in error.mistakes]
    return []


@given(st.text(st.sampled_from(" ()<>=!-+*/,%.aZ09٣é\n") | st.characters(), max_size=520))
@examples(gate=100)
def test_any_text_is_read_or_is_a_mistake_inside_it(text: str) -> None:
    for parse in (parse_condition, parse_value):
        assert all(0 <= offset <= len(text) for offset in mistaken_at(parse, text))


@given(st.lists(st.sampled_from([*sorted(RESERVED), *"a b.c 1 2.5 3% ( ) < > == + - * / ,".split()]), max_size=40))
@examples(gate=100)
def test_any_row_of_words_is_read_or_is_a_mistake_at_a_word(words: list[str]) -> None:
    text = " ".join(words)
    assert set(mistaken_at(parse_condition, text)) <= {len(text), *(at for at, sign in enumerate(text) if sign != " ")}


# --- Maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_map", "tree"),
    [
        ("a < 1", ONE),
        ({"all": ["a < 1", "b > 2"]}, AllOf((ONE, TWO))),
        ({"any": ["a < 1", "b > 2"]}, AnyOf((ONE, TWO))),
        ({"none": ["a < 1", "b > 2"]}, Negated(AnyOf((ONE, TWO)))),
        ({"all": ["a < 1"]}, ONE),
        ({"none": ["a < 1"]}, Negated(ONE)),
        ({"all": ["a < 1 and b > 2", {"all": ["a < 1"]}]}, AllOf((ONE, TWO, ONE))),
        ({"all": ["a < 1 or b > 2", {"none": ["a < 1 or b > 2"]}]}, AllOf((EITHER, Negated(EITHER)))),
        ({"any": ["a < 1", {"any": ["a < 1", "b > 2"]}]}, AnyOf((ONE, ONE, TWO))),
    ],
)  # fmt: skip
def test_a_map_is_the_tree_of_its_sentences(given_map: object, tree: Any) -> None:
    assert read_condition(given_map) == tree


def test_the_mistakes_of_all_parts_of_a_map_are_told_with_their_paths() -> None:
    with pytest.raises(SentenceError) as failed:
        read_condition({"all": ["a >", "b > 2", 3, {"any": ["c d"]}, {"some": []}, {"none": []}, {"all": 1, "any": 2}]})
    text = "expected a condition: a text, or a map with all, any or none"
    assert [(mistake.place.path, mistake.place.offset, mistake.text) for mistake in failed.value.mistakes] == [
        (("all", 0), 3, VALUE + "the end"),
        (("all", 2), 0, text),
        (("all", 3, "any", 0), 2, COMPARED + '"d"'),
        (("all", 4), 0, "expected exactly one of all, any and none"),
        (("all", 5, "none"), 0, "expected a list of 1 to 50 conditions"),
        (("all", 6), 0, "expected exactly one of all, any and none"),
    ]


def test_places_in_a_map_know_their_sentence() -> None:
    tree = read_condition({"none": ["a < 1", {"any": ["b > 2"]}]})
    assert isinstance(tree, Negated)
    assert isinstance(tree.condition, AnyOf)
    second = tree.condition.parts[1]
    assert isinstance(second, Comparison)
    assert (tree.place, second.place) == (Place(()), Place(("none", 1, "any", 0), 2))
    assert second.right.place == Place(("none", 1, "any", 0), 4)


def nested(levels: int, inner: object) -> object:
    for _ in range(levels):
        inner = {"all": [inner]}
    return inner


def test_maps_are_at_most_eight_deep_with_the_brackets_in_them() -> None:
    assert read_condition(nested(8, "a < 1")) == ONE
    assert read_condition(nested(6, "((a < 1))")) == ONE
    for mistaken in (nested(9, "a < 1"), nested(6, "(((a < 1)))"), nested(5000, "a < 1")):
        with pytest.raises(SentenceError, match=DEEP):
            read_condition(mistaken)


def test_a_list_has_at_most_fifty_conditions_and_all_of_them_two_hundred_leaves() -> None:
    fifty = {"any": ["a < 1"] * 50}
    tree = read_condition({"all": [fifty] * 4})
    assert leaf_count(tree) == 200
    with pytest.raises(SentenceError, match="expected a list of 1 to 50 conditions"):
        read_condition({"any": ["a < 1"] * 51})
    for mistaken in ({"all": [*[fifty] * 4, "a < 1"]}, {"all": ["a < 1 or a < 1 or a < 1 or a < 1 or a < 1"] * 41}):
        with pytest.raises(SentenceError) as failed:
            read_condition(mistaken)
        assert [mistake.text for mistake in failed.value.mistakes] == ["expected at most 200 comparisons in all"]


def test_maps_that_contain_themselves_are_answered_at_once() -> None:
    endless: dict[str, object] = {}
    endless["all"] = [endless] * 50
    empty: object = {"all": []}
    for _ in range(8):
        empty = {"all": [empty] * 50}
    began = time.process_time()
    for hostile in (endless, empty):
        with pytest.raises(SentenceError):
            read_condition(hostile)
    assert time.process_time() - began < bound(0.05)


def test_the_text_of_a_plan_has_wider_limits_and_as_many_leaves() -> None:
    text = " and ".join(["a < 1"] * 200)
    assert leaf_count(parse_condition(text, limits=PLAN)) == 200
    with pytest.raises(SentenceError, match="expected at most 200 comparisons in all"):
        parse_condition(f"{text} and a < 1", limits=PLAN)
    with pytest.raises(SentenceError, match="expected at most 250 values in a comparison"):
        parse_condition(f"a > 1 and b > {'a + ' * 249}a", limits=PLAN)
    assert parse_condition(f"a > 1 and b > {'a + ' * 248}a", limits=PLAN) is not None
    with pytest.raises(SentenceError, match="expected at most 250 values in a comparison"):
        parse_value(f"{'a+' * 250}a", limits=PLAN)
    with pytest.raises(SentenceError, match="expected at most 16 levels"):
        parse_condition(f"a > 1{' within 1 candle' * 1000}", limits=PLAN)
    with pytest.raises(SentenceError, match="expected at most 25000 characters"):
        parse_condition("a" * 25_001, limits=PLAN)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rsi", ""),
        ("a" * 40, ""),
        ("high55", ""),
        ("crosses", "expected another name; this is a word of the language"),
        ("position", "expected another name; this is a word of the language"),
        *((wrong, "expected a name of small letters, digits and _, at most 40, the first a letter")
          for wrong in ("", "a.b", "A", "1a", "a-b", "a" * 41, "é", "a\n")),
    ],
)  # fmt: skip
def test_an_indicator_may_have_this_name_or_is_told_why_not(name: str, said: str) -> None:
    assert name_problem(name) == said
