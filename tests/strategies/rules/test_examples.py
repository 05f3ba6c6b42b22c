"""Eight strategies in sentences: each is read, its names and units fit, and its canonical text is what it should be."""

from typing import Any

import pytest

from safla.strategies.rules.canonical import text_of_condition, text_of_value
from safla.strategies.rules.grammar import PLAN, parse_condition, parse_value, read_condition
from safla.strategies.rules.look_back import look_back
from safla.strategies.rules.names import Environment, NamedColumn, resolve_condition, resolve_value
from safla.strategies.rules.units import NUMBER, PRICE, VOLUME, BaseUnit, MeasureUnit

BTC: MeasureUnit = ((BaseUnit("price", "BTC/USDT"), 1),)
BANDS = {f"bands.{output}": NamedColumn(PRICE) for output in ("middle", "upper", "lower")}
SOURCES = {
    **{name: NamedColumn(PRICE) for name in ("open", "high", "low", "close", "hl2", "hlc3", "ohlc4")},
    "volume": NamedColumn(VOLUME),
    **{name: NamedColumn(NUMBER, whole=True) for name in ("hour", "minute", "weekday")},
}
PRICES = {
    name: NamedColumn(PRICE) for name in ("fast", "slow", "base", "atr", "macd", "macd.signal", "high55", "low20", "n")
}
CHANNEL = {f"channel.{output}": NamedColumn(PRICE) for output in ("upper", "lower")}
RSI = {"rsi": NamedColumn(NUMBER)}

# name: (names beside sources and prices, parameters, entry, its text, exit, other values, look-back of the entry)
Row = tuple[dict[str, NamedColumn], dict[str, int], Any, str, Any, list[str], dict[str | None, int]]
STRATEGIES: dict[str, Row] = {
    "sma_cross": (
        {}, {}, "fast crosses above slow", "fast crosses above slow", "fast crosses below slow", [], {None: 1},
    ),
    "ema_adx": (
        {name: NamedColumn(NUMBER) for name in ("trend", "trend.plus", "trend.minus")},
        {"strong": 25, "weak": 20},
        {"all": ["fast crosses above slow within 3 candles", "trend > strong", "trend.plus > trend.minus"]},
        "fast crosses above slow within 3 candles and trend > strong and trend.plus > trend.minus",
        "fast crosses below slow or trend < weak",
        [],
        {None: 4},
    ),
    "rsi_reversion": (
        RSI | {"day": NamedColumn(PRICE, "1d"), "day_close": NamedColumn(PRICE, "1d")},
        {"oversold": 30, "recovered": 55},
        {"all": ["rsi crosses above oversold", "day_close > day", "day is rising"]},
        "rsi crosses above oversold and day_close > day and day is rising",
        "rsi > recovered",
        [],
        {None: 1, "1d": 1},
    ),
    "macd_trend": (
        {}, {},
        {"all": ["macd crosses above macd.signal", "macd < 0", "close > base"]},
        "macd crosses above macd.signal and macd < 0 and close > base",
        "macd crosses below macd.signal", [], {None: 1},
    ),
    "squeeze_breakout": (
        BANDS | CHANNEL | {"usual": NamedColumn(VOLUME)},
        {},
        {
            "all": [
                "(bands.upper < channel.upper and bands.lower > channel.lower) within 6 candles",
                "close crosses above bands.upper",
                "volume > 1.5 * usual",
            ]
        },
        (
            "(bands.upper < channel.upper and bands.lower > channel.lower) within 6 candles"
            " and close crosses above bands.upper and volume > 1.5 * usual"
        ),
        "close crosses below bands.middle",
        ["2 * atr", "4 * atr", "8 * atr"],
        {None: 6},
    ),
    "turtle": (
        {}, {},
        "close < high55 and close > high55 - 0.5 * n", "close < high55 and close > high55 - 0.5 * n",
        "close < low20 1 candle ago", ["high55", "2 * n"], {None: 0},
    ),
    "supertrend": (
        {"trend": NamedColumn(PRICE), "trend.direction": NamedColumn(NUMBER, whole=True)},
        {},
        {"all": ["trend.direction crosses above 0", "close > slow"]},
        "trend.direction crosses above 0 and close > slow",
        "trend.direction crosses below 0",
        ["3 * atr"],
        {None: 1},
    ),
    "btc_filter": (
        BANDS | RSI | {
            "btc": NamedColumn(BTC, "BTC/USDT 4h"), "btc_close": NamedColumn(BTC), "btc_change": NamedColumn(NUMBER),
        },
        {},
        {
            "all": [
                {
                    "any": [
                        "close < bands.lower and rsi < 35",
                        "rsi is rising for 3 candles and rsi is between 40 and 60",
                    ]
                },
                "btc_close > btc",
                "not btc_change < -3%",
                "weekday <= 5 and hour >= 6",
            ]
        },
        (
            "(close < bands.lower and rsi < 35 or rsi is rising for 3 candles and rsi is between 40 and 60)"
            " and btc_close > btc and not btc_change < -3% and weekday <= 5 and hour >= 6"
        ),
        {"any": ["rsi > 70", "close > bands.upper", "btc_change < -5%"]},
        ["close * 0.998"],
        {None: 3, "BTC/USDT 4h": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_sentences_of_a_strategy_are_sound(name: str) -> None:
    names, parameters, entry, text, exit_condition, prices, rows = STRATEGIES[name]
    environment = Environment(SOURCES | PRICES | names, parameters)
    tree = read_condition(entry)
    assert text_of_condition(tree) == text
    assert parse_condition(text, limits=PLAN) == tree
    assert look_back(resolve_condition(tree, environment)) == rows
    assert look_back(resolve_condition(read_condition(exit_condition), environment))[None] <= 1
    for price in prices:
        assert text_of_value(parse_value(price)) == price
        assert resolve_value(parse_value(price), environment, unit=PRICE).unit == PRICE
