"""Names, units and timeframes of a sentence: what fits, and what is said of what does not."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from safla.strategies.rules.grammar import parse_condition, parse_value, read_condition
from safla.strategies.rules.names import Constant, Environment, NamedColumn, resolve_condition, resolve_value
from safla.strategies.rules.tree import SentenceError
from safla.strategies.rules.units import (
    NUMBER,
    PRICE,
    VOLUME,
    BaseUnit,
    MeasureUnit,
    described,
    literal_in_units,
    product,
    unit_quotient,
)

BTC: MeasureUnit = ((BaseUnit("price", "BTC/USDT"), 1),)
NAMES = {
    "close": NamedColumn(PRICE),
    "high": NamedColumn(PRICE),
    "volume": NamedColumn(VOLUME),
    "hour": NamedColumn(NUMBER, whole=True),
    "rsi": NamedColumn(NUMBER),
    "btc": NamedColumn(BTC, "4h"),
    "day": NamedColumn(PRICE, "1d"),
    "day_close": NamedColumn(PRICE, "1d"),
    "bands.upper": NamedColumn(PRICE),
    "bands.middle": NamedColumn(PRICE),
    "bands.lower": NamedColumn(PRICE),
    "trend": NamedColumn(NUMBER),
    "trend.plus": NamedColumn(NUMBER),
    "trend.direction": NamedColumn(NUMBER, whole=True),
}
ENVIRONMENT = Environment(NAMES, {"level": Decimal("50000.10"), "zero": 0, "share": Fraction(1, 3)})


@pytest.mark.parametrize(
    "text",
    [
        "close > high and volume > 1.5 * volume 1 candle ago",
        "close > level and volume > level and rsi > level",
        "close > level * 2 + 100",
        "close > high - 0.5 * (high - close)",
        "close / high > 1.02 and (close - high) / close < 3%",
        "close / btc > btc 1 candle ago / btc / btc * close",
        "close * volume > 1000000",
        "100 / close < 0.002",
        "min(close, 50000) crosses above max(100, high)",
        "rsi is between 40 and level",
        "bands.upper / bands.lower - 1 < 3%",
        "hour == 6 and hour + 1 != 7 and trend.direction != trend.direction 1 candle ago",
        "min(hour, 3) == abs(-2) or -hour == level",
        "level > 3 and 3 > level and level is rising",
    ],
)
def test_sentences_whose_units_fit_are_sound(text: str) -> None:
    assert resolve_condition(parse_condition(text), ENVIRONMENT) is not None


KNOWN = "bands.lower, bands.middle, bands.upper, btc, close, day, day_close, high, hour, level, rsi, share and 5 more"

MISTAKES = [
    ("rsi > close", 6, "rsi is a number and close a price; they cannot be compared"),
    ("close > rsi + 1", 8, "close is a price and rsi + 1 a number; they cannot be compared"),
    ("close > volume", 8, "close is a price and volume a volume; they cannot be compared"),
    ("close crosses above btc", 20, "close is a price and btc a price of BTC/USDT; they cannot cross"),
    ("close + rsi > 1", 8, "close is a price and rsi a number; they cannot be added"),
    ("high - 1 - rsi > 1", 11, "high - 1 is a price and rsi a number; they cannot be subtracted"),
    ("close > min(high, volume)", 18, "high is a price and volume a volume; they cannot have a min"),
    ("close is between 1 and rsi", 23, "close is a price and rsi a number; they cannot be compared"),
    ("1 is between close and rsi", 23, "close is a price and rsi a number; they cannot be compared"),
    ("close > 3%", 8, "close is a price and 3% a number; they cannot be compared"),
    ("close * volume > 1 / volume", 17,
     "close * volume is a value in price * volume and 1 / volume a value in 1 / volume; they cannot be compared"),
    ("1 / close > close", 12, "1 / close is a value in 1 / price and close a price; they cannot be compared"),
    ("close * close - high > 1", 16,
     "close * close is a value in price * price and high a price; they cannot be subtracted"),
    ("rsi > " + " + ".join(["close"] * 10), 6,
     "rsi is a number and close + close + close + close + close + ... a price; they cannot be compared"),
    ("close == high", 6, "== is for whole-numbered values, such as hour; write is between for close"),
    ("3 != rsi", 2, "!= is for whole-numbered values, such as hour; write is between for 3"),
    ("hour / 2 == 3", 9, "== is for whole-numbered values, such as hour; write is between for hour / 2"),
    ("hour + 0.5 == 3", 11, "== is for whole-numbered values, such as hour; write is between for hour + 0.5"),
    ("hour * share == 3", 13, "== is for whole-numbered values, such as hour; write is between for hour * share"),
    ("rsi is between 60 and 40", 15, "nothing is between 60 and 40; write the lower one first"),
    ("close < bands.uper", 8, "bands.uper is no name here; did you mean bands.upper?"),
    ("close < bands.xyz", 8,
     "bands.xyz is no name here; the outputs of bands are bands.lower, bands.middle and bands.upper"),
    ("close < bands", 8, "bands has several outputs; write bands.lower, bands.middle or bands.upper"),
    ("close.x < 1", 0, "close.x is no name here; close has no outputs"),
    ("level.x < 1", 0, "level.x is no name here; level has no outputs"),
    ("trend.minus < 1", 0, "trend.minus is no name here; the outputs of trend are trend.direction and trend.plus"),
    ("clsoe < 1", 0, "clsoe is no name here; did you mean close?"),
    ("levle < 1", 0, "levle is no name here; did you mean level?"),
    ("xyz < 1", 0, f"xyz is no name here; known here: {KNOWN}"),
    ("close / (2 - 2) > 1", 9, "2 - 2 is 0, and nothing is divided by 0"),
    ("1 / zero > close", 4, "zero is 0, and nothing is divided by 0"),
    (" * ".join(["close"] * 9) + " > 1", 64,
     "a value in " + " * ".join(["price"] * 9) + " is a product of too many"),
    ("close > " + "999999999999999 * " * 7 + "1", 8 + 6 * 18, f"{'9' * 15} is farther from 1 than any price or volume"),
    ("close > 1" + " / 999999999999999" * 7, 12 + 6 * 18, f"{'9' * 15} is farther from 1 than any price or volume"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "offset", "said"), MISTAKES)
def test_what_does_not_fit_is_told_with_its_place(text: str, offset: int, said: str) -> None:
    with pytest.raises(SentenceError) as failed:
        resolve_condition(parse_condition(text), ENVIRONMENT)
    assert [(mistake.place.offset, mistake.text) for mistake in failed.value.mistakes] == [(offset, said)]


def test_all_mistakes_of_a_sentence_and_of_a_map_are_told_at_once() -> None:
    tree = read_condition(
        {"all": ["clsoe > opn and min(bands, foo.x) + 1 > 2 or not (hgih is rising for 2 candles)", "rsi > close"]}
    )
    with pytest.raises(SentenceError) as failed:
        resolve_condition(tree, Environment(NAMES | {"open": NamedColumn(PRICE)}, {}))
    found = [(mistake.place.path[-1], mistake.place.offset, mistake.text[:8]) for mistake in failed.value.mistakes]
    assert found == [
        (0, 0, "clsoe is"), (0, 8, "opn is n"), (0, 20, "bands ha"), (0, 27, "foo.x is"), (0, 50, "hgih is "),
        (1, 6, "rsi is a"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("day", "1d"),
        ("(day + 1) * 2 - day_close 3 candles ago", "1d"),
        ("day * level + 2", "1d"),
        ("day - close", None),
        ("close", None),
        ("day * btc", None),
        ("3", None),
        ("min(day, day_close)", "1d"),
        ("-abs(btc)", "4h"),
    ],
)
def test_a_value_has_the_timeframe_that_all_its_names_share(text: str, clock: str | None) -> None:
    assert resolve_value(parse_value(text), ENVIRONMENT).clock == clock


def test_a_constant_takes_the_unit_of_what_it_meets() -> None:
    tree: Any = resolve_condition(parse_condition("close * 2 > level + 3 * 100"), ENVIRONMENT)
    assert tree.right == Constant(Fraction("50300.10"), PRICE, fixed=True)
    assert tree.left.operands[1] == Constant(Fraction(2), NUMBER, fixed=False, whole=True)
    tree = resolve_condition(parse_condition("3% * 2 < max(5, 3%) / 2"), ENVIRONMENT)
    assert (tree.left.exact, tree.right.exact) == (Fraction(6, 100), Fraction(5, 2))


def test_a_value_that_must_be_a_price_is_one_or_is_told() -> None:
    assert resolve_value(parse_value("2 * day"), ENVIRONMENT, unit=PRICE).unit == PRICE
    assert resolve_value(parse_value("100"), ENVIRONMENT, unit=PRICE).unit == PRICE
    assert resolve_value(parse_value("100"), ENVIRONMENT).unit == NUMBER
    with pytest.raises(SentenceError, match=r"^expected a price; rsi is a number$"):
        resolve_value(parse_value("rsi"), ENVIRONMENT, unit=PRICE)
    with pytest.raises(SentenceError, match=r"^expected a price; 3% is a number$"):
        resolve_value(parse_value("3%"), ENVIRONMENT, unit=PRICE)


def test_an_environment_without_names_has_none_to_offer() -> None:
    with pytest.raises(SentenceError, match=r"^a is no name here; known here: $"):
        resolve_value(parse_value("a"), Environment({}, {}))


def test_units_multiply_and_cancel() -> None:
    assert product(PRICE, VOLUME) == product(VOLUME, PRICE)
    assert unit_quotient(PRICE, PRICE) == NUMBER
    assert unit_quotient(product(PRICE, VOLUME), VOLUME) == PRICE
    assert described(unit_quotient(VOLUME, product(PRICE, BTC))) == "a value in volume / price / price of BTC/USDT"
    assert described(VOLUME) == "a volume"


def test_a_literal_is_scaled_exactly() -> None:
    scales = {BaseUnit("price"): 2, BaseUnit("volume"): 5}
    assert literal_in_units(Fraction("0.07"), PRICE, scales) == 7.0
    assert literal_in_units(Fraction("3"), NUMBER, scales) == 3.0
    assert literal_in_units(Fraction("0.5"), product(PRICE, VOLUME), scales) == 5_000_000.0
    assert literal_in_units(Fraction("70"), unit_quotient(NUMBER, PRICE), scales) == 0.7
