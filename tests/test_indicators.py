"""safla.indicators: functions and classes with the values of the kinds, their errors, and their types."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla import indicators
from safla.api.indicators import FORMS, class_name
from safla.errors import UsageError
from safla.strategies.indicators.register import KINDS
from tests.errors import raises_code
from tests.indicator_stub import stub
from tests.strategies.indicators.chains import Array, candles, drawn_keys, is_same, values, with_unknown
from tests.tidy.source import ROOT

STUB = ROOT / "safla" / "indicators.pyi"
PROGRAM = """\
import numpy as np
from safla.indicators import Adx, Rsi, adx, rsi, vwap

close = np.arange(20.0)
strength = rsi(close, 14).sum() + adx(close, close, close, 3).plus.sum()
value: float = Rsi(14).step(1.0)
trend: float = Adx().step(1.0, 1.0, 1.0).adx
rolling = vwap(np.arange(20), close, close, close, close, "week", period=7)
"""
WRONG = '\nrsi(close, "14")\nadx(close, close)\nRsi(14).step(1.0, 2.0)\nAdx().step(1.0, 1.0, 1.0).line\n'


def columns_of(kind: str, seed: int) -> dict[str, Array]:
    return with_unknown(candles(seed, 200), seed) if seed else candles(seed, 200)


def outputs(kind: str, answer: Any) -> dict[str, Array]:
    """The outputs of a kind by name."""
    return dict(zip(KINDS[kind].outputs, answer if len(KINDS[kind].outputs) > 1 else [answer], strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_a_function_and_a_class_have_the_values_of_their_kind(kind: str, seed: int) -> None:
    columns, keys, form = columns_of(kind, seed), drawn_keys(kind, seed), FORMS[kind]
    columns["hlc3"] = (columns["high"] + columns["low"] + columns["close"]) / 3
    columns["ohlc4"] = (columns["open"] + columns["high"] + columns["low"] + columns["close"]) / 4
    expected, inputs, parameters = values(kind, keys, columns), [columns[one] for one in form.inputs], dict(keys)
    made = outputs(kind, getattr(indicators, kind)(*inputs, **parameters))
    live = getattr(indicators, class_name(kind))(*parameters.values())
    steps = [live.step(*row) for row in zip(*inputs, strict=True)]
    stepped = outputs(kind, np.array(steps).T)
    for name in KINDS[kind].outputs:
        assert is_same(made[name], expected[name])
        assert is_same(np.ascontiguousarray(stepped[name]), expected[name])


def test_several_outputs_are_named_and_one_is_an_array() -> None:
    columns = candles(1, 100)
    trend = indicators.adx(columns["high"], columns["low"], columns["close"], 14)
    assert trend._fields == ("adx", "plus", "minus")
    assert trend.plus[-1] == trend[1][-1]
    assert isinstance(indicators.rsi(columns["close"]), np.ndarray)
    assert isinstance(indicators.Rsi().step(1.0), float)


def test_more_rows_than_a_block_are_taken_and_none_at_all() -> None:
    x = np.arange(150_000.0)
    assert indicators.sma(x, 3)[-1] == x[-2]
    assert len(indicators.sma([], 3)) == 0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: indicators.rsi([1.0], 0), "rsi: period: expected an integer from 1 to 5000, got 0"),
        (lambda: indicators.rsi([1.0], 2.5), "rsi: period: expected an integer from 1 to 5000, got 2.5"),
        (lambda: indicators.sma([1.0]), "sma: missing a required argument: 'period'"),
        (lambda: indicators.rsi(period=5), "rsi: expected the arrays source"),
        (lambda: indicators.rsi([1.0], 3, 4, 5), "rsi: too many positional arguments"),
        (lambda: indicators.Rsi(periods=3), "rsi: got an unexpected keyword argument 'periods'"),
        (lambda: indicators.adx([1.0], [1.0, 2.0], [1.0]), "adx: expected arrays of one length, got [1, 2]"),
        (lambda: indicators.rsi("close"), "rsi: source: expected an array of numbers"),
        (lambda: indicators.rsi([[1.0]]), "rsi: source: expected one dimension, got 2"),
        (lambda: indicators.Adx().step(1.0), "adx: expected high, low, close of a row"),
    ],
)
def test_a_wrong_call_says_what_was_expected(call: Any, said: str) -> None:
    with raises_code(UsageError, "invalid_argument") as failed:
        call()
    assert said in str(failed.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_function_says_what_it_is_and_takes(kind: str) -> None:
    function, kind_class = getattr(indicators, kind), getattr(indicators, class_name(kind))
    for one in (function, kind_class, kind_class.step):
        assert inspect.getdoc(one)
    assert KINDS[kind].meaning in inspect.getdoc(function).replace("\n", " ")
    assert list(inspect.signature(function).parameters) == [*FORMS[kind].inputs, *KINDS[kind].section.model_fields]


def test_every_kind_is_there_twice_and_nothing_else() -> None:
    assert indicators.__all__ == sorted([*KINDS, *map(class_name, KINDS)])
    assert all(hasattr(indicators, name) for name in indicators.__all__)


def test_the_types_are_up_to_date(update_golden: bool) -> None:
    if update_golden:
        STUB.write_text(stub(), encoding="utf-8")
    assert STUB.read_text(encoding="utf-8") == stub(), "python -m pytest tests/test_indicators.py --update-golden"


def test_a_type_checker_understands_a_users_program_and_finds_its_mistakes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + WRONG)
    cache = str(ROOT / ".mypy_cache" / "users")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", cache, str(program)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    lines = {int(line.split(":")[1]) for line in found[:-1] if ": error:" in line}
    first = PROGRAM.count("\n") + 2
    assert lines == set(range(first, first + 4)), found
