"""The keys of a strategy of rules: what is wrong is told at its word; warm-up and settling follow from the kinds."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from safla.config.loader import load, load_mapping
from safla.config.trading import StrategySection
from safla.errors import ConfigError
from safla.strategies.register import TimedKeys
from safla.strategies.rules import rule_keys
from safla.strategies.rules.rule_keys import RuleSet, rule_problems, rule_set, sentence_tree

HOUR = 3_600_000

CROSS = {"fast": {"type": "sma", "period": 10}, "slow": {"type": "sma", "period": 30}}


def section(**keys: Any) -> StrategySection:
    return StrategySection.model_validate({"name": "rules", "entry": "close > open", **keys})


def rules(**keys: Any) -> RuleSet:
    return rule_set(TimedKeys(section(**keys), HOUR))


def problems(**keys: Any) -> list[tuple[str, str]]:
    return [(".".join(one.key), one.text) for one in rule_problems(TimedKeys(section(**keys), HOUR))]


@pytest.mark.parametrize(
    ("keys", "key", "text"),
    [
        ({"indicators": {"x": {"period": 3}}}, "indicators.x", "type is missing; known here: adx, "),
        ({"indicators": {"x": {"type": "smaa"}}}, "indicators.x.type", "smaa is no kind of indicator; did you mean"),
        ({"indicators": {"x": {"type": "qqqqqq"}}}, "indicators.x.type", "qqqqqq is no kind of indicator; known"),
        ({"indicators": {"x": {"type": "sma"}}}, "indicators.x", "period is missing; sma needs it"),
        (
            {"indicators": {"x": {"type": "sma", "period": 0}}},
            "indicators.x.period", "expected an integer from 1 to 5000, got 0",
        ),
        (
            {"indicators": {"x": {"type": "sma", "perod": 3}}},
            "indicators.x.perod", "unknown key; did you mean period?",
        ),
        (
            {"indicators": {"x": {"type": "obv", "qqqq": 3}}},
            "indicators.x.qqqq", "unknown key; obv takes no parameters",
        ),
        (
            {"indicators": {"x": {"type": "bollinger", "deviations": Decimal("0.001")}}},
            "indicators.x.deviations", "expected a number from 0.01 to 100, got 0.001",
        ),
        (
            {"indicators": {"x": {"type": "pivots", "anchor": "month"}}},
            "indicators.x.anchor", "expected day or week, got month",
        ),
        (
            {"indicators": {"x": {"type": "bollinger", "sample": 3}}},
            "indicators.x.sample", "expected true or false, got 3",
        ),
        ({"indicators": {"close": {"type": "obv"}}}, "indicators.close", "expected another name; close is a source"),
        (
            {"indicators": {"a": {"type": "obv"}}, "parameters": {"a": 1}, "entry": "close > a"},
            "indicators.a", "expected another name; a is a parameter",
        ),
        (
            {"indicators": {"above": {"type": "obv"}}},
            "indicators.above", "expected another name; this is a word of the language",
        ),
        (
            {"indicators": {"x": {"type": "obv", "timeframe": "90m"}}},
            "indicators.x.timeframe", "expected 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 1w, got 90m",
        ),
        (
            {"indicators": {"x": {"type": "obv", "timeframe": "30m"}}},
            "indicators.x.timeframe", "expected a multiple of market_data.timeframe, got 30m",
        ),
        (
            {"indicators": {"x": {"type": "obv", "source": "close"}}},
            "indicators.x.source", "unknown key; this kind reads candles and has no source",
        ),
        (
            {"indicators": {"x": {"type": "sma", "period": 3, "source": "3"}}},
            "indicators.x.source", "expected a value that changes, such as close or another indicator",
        ),
        (
            {"indicators": {"x": {"type": "sma", "period": 3, "source": "clos"}}},
            "indicators.x.source", "clos is no name here; did you mean close?",
        ),
        (
            {"indicators": {"x": {"type": "sma", "period": 3, "source": "close >"}}},
            "indicators.x.source", 'expected +, -, *, / or the end, got ">"',
        ),
        (
            {
                "indicators": {
                    "day": {"type": "value", "timeframe": "1d"},
                    "x": {"type": "sma", "period": 3, "source": "day"},
                }
            },
            "indicators.x.source", "day is no name here",
        ),
        (
            {
                "indicators": {
                    "a": {"type": "ema", "period": 5, "source": "b"}, "b": {"type": "ema", "period": 5, "source": "a"},
                }
            },
            "indicators.b.source", "the sources go in a circle: a -> b -> a",
        ),
        ({"entry": None}, "entry", "is missing; write a condition, such as fast crosses above slow"),
        ({"entry": "close > volume"}, "entry", "close is a price and volume a volume; they cannot be compared"),
        ({"exit": "closs > open"}, "exit", "closs is no name here; did you mean close?"),
        ({"strength": "close"}, "strength", "expected a number; close is a price"),
        ({"stop_distance": "volume"}, "stop_distance", "expected a price; volume is a volume"),
        ({"parameters": {"level": 3}}, "parameters.level", "level is not used; use it in a sentence or as a period"),
        ({"parameters": {"level": "high"}}, "parameters.level", "expected a number, got high; rules have no words"),
        ({"parameters": {"open": 3}}, "parameters.open", "expected another name; open is a source"),
        ({"parameters": {"within": 3}}, "parameters.within", "expected another name; this is a word of the language"),
        (
            {"indicators": CROSS, "entry": "fast > slow", "warm_up": 29},
            "warm_up", "expected at least 30, the candles until slow is known, got 29",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_key(keys: dict[str, Any], key: str, text: str) -> None:
    found = problems(**keys)
    assert [one for one, _ in found] == [key]
    assert found[0][1].startswith(text)


def test_a_sentence_with_a_broken_indicator_has_no_problem_of_its_own() -> None:
    broken = {"fast": {"type": "sma"}, "wide": {"type": "ema", "period": 3, "source": "fast"}}
    keys = {"entry": "fast > close", "exit": "fast < close", "strength": "fast / close", "stop_distance": "fast"}
    assert problems(indicators=broken, **keys) == [("indicators.fast", "period is missing; sma needs it")]


@pytest.mark.parametrize(
    ("keys", "warm_up", "settle"),
    [
        ({}, 1, 1),
        ({"indicators": CROSS, "entry": "fast crosses above slow"}, 31, 30),
        ({"indicators": CROSS, "entry": "fast > slow", "exit": "slow < fast 5 candles ago"}, 30, 30),
        ({"indicators": CROSS, "entry": "fast > slow for 4 candles"}, 33, 30),
        ({"indicators": {"x": {"type": "ema", "period": 10}}, "entry": "close > x"}, 50, 10),
        ({"indicators": {"x": {"type": "ema", "period": 10}}, "entry": "close > x", "warm_up": 12}, 12, 10),
        (
            {"indicators": {"day": {"type": "sma", "period": 50, "timeframe": "1d"}}, "entry": "close > day"},
            51 * 24, 1,
        ),
        (
            {"indicators": {"day": {"type": "sma", "period": 50, "timeframe": "1d"}}, "entry": "day is rising"},
            52 * 24, 1,
        ),
        (
            {
                "indicators": {"x": {"type": "sma", "period": 5, "source": "hl2 - close 2 candles ago"}},
                "entry": "x > 0", "stop_distance": "x",
            },
            7, 5,
        ),
    ],
)  # fmt: skip
def test_the_warm_up_is_that_of_the_value_that_needs_most(keys: dict[str, Any], warm_up: int, settle: int) -> None:
    found = rules(**keys)
    assert problems(**keys) == []
    assert (found.warm_up, found.settle) == (warm_up, settle)


def test_a_parameter_stands_for_a_period_and_for_a_literal() -> None:
    found = rules(
        indicators={"x": {"type": "sma", "period": "length"}}, parameters={"length": 7, "level": 100},
        entry="close > level and x > close",
    )  # fmt: skip
    assert found.indicators["x"].keys.period == 7  # type: ignore[attr-defined]


def test_sums_of_volume_bound_the_volume() -> None:
    found = rules(indicators={"x": {"type": "sma", "period": 40, "source": "volume"}}, entry="volume > x")
    assert (found.price_factor, found.volume_factor) == (4, 40)


MINE = """\
strategy:
  name: rules
  indicators:
    bands: {type: bollinger}
    rsi: {type: rsi}
  entry:
    all:
      - close < bands.uper
      - "rsi > close"
      - any: [rsi < 3, rsi > bands]
  exit: >-
    close >
    volume
"""


def test_a_mistake_is_told_with_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE)
    with pytest.raises(ConfigError) as raised:
        load(path)
    found = [f"{one.where.rpartition('/')[2]}: {one.key}: {one.text}" for one in raised.value.problems]
    assert found == [
        "mine.yaml:8:17: strategy.entry.all.1: bands.uper is no name here; did you mean bands.upper?",
        "mine.yaml:9:16: strategy.entry.all.2: rsi is a number and close a price; they cannot be compared",
        (
            "mine.yaml:10:30: strategy.entry.all.3.any.2: bands has several outputs; write bands.lower, bands.middle, "
            "bands.percent, bands.upper or bands.width"
        ),
        "mine.yaml:11:9: strategy.exit: close is a price and volume a volume; they cannot be compared",
    ]
    assert {one.code for one in raised.value.problems} == {"invalid_sentence"}


THREE = """\
strategy:
  name: rules
  parameters: {weak: 20}
  indicators:
    fast: {type: ema, periodd: 12}
    trend: {type: adx}
  entry: fast > close and tremd > 25
  exit: fast croses below close or trend < weak
"""


def test_a_mistake_hides_no_other_and_causes_no_message_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(THREE)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert [(one.where.rpartition("/")[2], one.key) for one in raised.value.problems] == [
        ("mine.yaml:5:32", "strategy.indicators.fast.periodd"),
        ("mine.yaml:7:27", "strategy.entry"),
        ("mine.yaml:8:14", "strategy.exit"),
    ]


def test_all_mistakes_of_a_map_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("strategy:\n  name: rules\n  entry:\n    any: [close cross above open, close > > open]\n")
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert [one.where.rpartition("/")[2] for one in raised.value.problems] == ["mine.yaml:4:17", "mine.yaml:4:43"]


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ({"name": "rules", "entry": 3}, "strategy.entry: expected a condition such as fast crosses above slow"),
        ({"name": "rules", "entry": "close > open", "strength": True}, "strategy.strength: expected a value such as"),
        (
            {"name": "rules", "entry": "close > open", "fast_period": 5},
            "strategy.fast_period: is a key of sma_crossover; remove it, rules has no such key",
        ),
        ({"entry": "close > open"}, "strategy.entry: is a key of rules; remove it, sma_crossover has no such key"),
    ],
)
def test_what_is_no_sentence_and_keys_of_other_strategies_are_rejected(strategy: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_mapping({"strategy": strategy})
    assert text in str(raised.value)


def test_two_spellings_of_a_condition_are_one_plan() -> None:
    spellings: tuple[Any, ...] = (
        {"all": ["close > open", {"any": ["high > 3", "not low > 3"]}]},
        "(close > open) and (high>3 or not (low > 3))",
    )
    texts = {load_mapping({"strategy": {"name": "rules", "entry": entry}}).config.strategy.entry for entry in spellings}
    assert texts == {"close > open and (high > 3 or not low > 3)"}


def test_the_tree_of_a_plain_text_is_read_too() -> None:
    assert sentence_tree("close > open") == sentence_tree({"all": ["close > open"]})


def test_a_computed_source_has_no_function_before_the_decimals_are_known() -> None:
    with pytest.raises(AssertionError, match="computed source"):
        rule_keys._not_yet(0)
