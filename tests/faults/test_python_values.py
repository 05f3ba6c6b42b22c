"""Python dicts meet the limits of YAML (Z2, Z5), because a program that serves others passes their input on."""

import collections
import enum
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import safla
from safla.config.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES
from safla.errors import ConfigError, UsageError

SECONDS = 20  # of CPU time; a hang would take minutes


class Letters(str):
    """A subclass of str whose own conversions must not be called."""

    def __str__(self) -> str:
        raise AssertionError("asked")

    __repr__ = __str__
    __format__ = __str__  # type: ignore[assignment]


class Endless(collections.UserList):  # type: ignore[type-arg]
    """A list whose iteration never ends."""

    def __iter__(self):
        while True:
            yield 1


class Speed(enum.IntEnum):
    """An integer with a name."""

    SLOW = 7


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def circle() -> object:
    value: list[object] = []
    value.extend([value] * 1_000)
    return value


WRONG: dict[str, tuple[Callable[[], object], str, str]] = {
    "unknown keys": (lambda: {f"k{n}": n for n in range(200_000)}, "", f"more than {MAX_NODES} values"),
    "depth": (lambda: {"mode": nested(100_000)}, "mode.a", f"nested deeper than {MAX_DEPTH}"),
    "circle": (lambda: {"mode": circle()}, "mode", "nested deeper"),
    "long list": (lambda: {"mode": range(10**9)}, "mode", f"more than {MAX_NODES} values"),
    "endless list": (lambda: {"mode": Endless()}, "mode", f"more than {MAX_NODES} values"),
    "array": (lambda: {"mode": np.zeros(10_000_000)}, "mode", f"more than {MAX_NODES} values"),
    "great integer": (lambda: {"mode": 10**5000}, "mode", "at most 12 digits, got more than 64"),
    "greater integer": (lambda: {"mode": 1 << 10_000_000}, "mode", "at most 12 digits, got more than 64"),
    "long decimal": (lambda: {"mode": Decimal("0." + "1" * 100_000)}, "mode", f"more than {MAX_BYTES} characters"),
    "long text": (lambda: {"mode": "x" * 10_000_000}, "mode", f"more than {MAX_BYTES} characters"),
    "long texts": (lambda: {"symbols": {"primary": ["x" * 60_000] * 3}}, "symbols.primary", f"than {MAX_BYTES} char"),
    "long key": (lambda: {"x" * 10_000_000: 1}, "", "expected a key of at most 1024 characters, got 10,000,000"),
    "key of half a letter": (lambda: {"a\ud800": 1}, "", 'the key "a\\ud800" cannot be written in UTF-8'),
    "great key": (lambda: {10**5000: 1}, "", "expected text as a key, got an object of the type int"),
    "key of a kind": (lambda: {(1, 2): 1}, "", "expected text as a key, got an object of the type tuple"),
    "same key": (lambda: {"risk": {1: 1, "1": 2}}, "risk.1", "duplicate key"),
    "bytes": (lambda: {"mode": b"x" * 10_000_000}, "mode", "a list or a map, got an object of the type bytes"),
    "object": (lambda: {"mode": object()}, "mode", "a list or a map, got an object of the type object"),
    "exponent": (
        lambda: {"risk": {"stop_loss_pct": Decimal("1E+1000000")}},
        "risk.stop_loss_pct",
        "got 1E+1000000",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_dict_beyond_the_limits_is_one_error_with_its_key_in_bounded_time(kind: str) -> None:
    make, key, said = WRONG[kind]
    value = make()
    began = time.process_time()
    with pytest.raises(ConfigError) as refused:
        safla.load_config(value)
    assert time.process_time() - began < SECONDS
    (problem,) = refused.value.problems
    assert problem.where == "config"
    assert problem.key.startswith(key) if key else not problem.key or "k" in problem.key
    assert said in problem.text
    assert len(str(problem)) < 400
    assert safla.validate(value) == [problem]


@pytest.mark.parametrize("kind", [name for name, row in WRONG.items() if row[1] == "mode"])
def test_a_value_of_the_set_argument_meets_the_same_limits(kind: str, tmp_path: Path) -> None:
    make, key, said = WRONG[kind]
    value = make()
    assert isinstance(value, dict)
    with pytest.raises(ConfigError) as refused:
        safla.run({}, set=value, out=tmp_path / "run")
    (problem,) = refused.value.problems
    assert problem[:2] == ("set", key)
    assert said in problem.text


def test_all_items_of_the_set_argument_count_together_towards_the_limits() -> None:
    began = time.process_time()
    with pytest.raises(ConfigError, match=f"more than {MAX_NODES} values"):
        safla.load_config({}, set={f"risk.k{n}": n for n in range(200_000)})
    with pytest.raises(ConfigError, match=f"more than {MAX_BYTES} characters"):
        safla.load_config({}, set={"x" * 1_000 + str(n): n for n in range(4_000)})
    with pytest.raises(UsageError, match="expected at most 5,000 options, got 200,000"):
        safla.load_config({}, set=["mode=paper"] * 200_000)
    assert time.process_time() - began < SECONDS


def test_thousands_of_unknown_keys_are_reported_in_bounded_time() -> None:
    began = time.process_time()
    assert len(safla.validate({f"key{n}": n for n in range(2_400)})) > 0
    assert time.process_time() - began < SECONDS


def test_subclasses_of_str_and_int_are_read_as_plain_values() -> None:
    config = {
        Letters("strategy"): {"fast_period": Speed.SLOW, "slow_period": np.int64(9)},
        "system": {"name": Letters("mine")},
    }
    loaded = safla.load_config(config, set={Letters("exchange.name"): Letters("kraken")})
    assert loaded.config.strategy.fast_period == 7
    assert [type(one) for one in (loaded.config.system.name, loaded.config.exchange.name)] == [str, str]
    assert loaded.config.system.name == "mine"


def test_values_up_to_the_limits_are_accepted() -> None:
    (problem,) = safla.validate({"mode": nested(MAX_DEPTH - 2)})
    assert "expected backtest or paper" in problem.text
    (problem,) = safla.validate({"mode": [1] * (MAX_NODES - 3)})
    assert "expected backtest or paper" in problem.text
    (problem,) = safla.validate({"mode": [1] * (MAX_NODES - 2)})
    assert "more than 5000 values" in problem.text
