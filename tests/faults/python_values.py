"""Hostile values of Python out of bytes: each byte says what comes next, so that a changed byte changes one value."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from safla.config.reference import keys

KEYS = tuple(key.name for key in keys().values())
MOST_VALUES = 8_000  # of one input, far beyond what is taken


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


def _circle() -> object:
    value: dict[str, object] = {}
    value["a"] = [value] * 100
    return value


LEAVES = (
    10**5000, -1, 7, 2**64, 0.1 + 0.2, float("nan"), 1e300,
    Decimal("0.03"), Decimal("1E+1000000"), Decimal("sNaN"), Decimal("0." + "1" * 999),
    None, True, "", "x" * 70_000, Text("BTC/USDT"), "\ud800\x1b[2J",
    b"bytes", object(), {1, 2}, range(10**9), np.zeros(9_000),
    np.float32(0.03), np.array([[1, 2], [3, 4]]), np.datetime64("NaT"), _circle(),
    datetime.date(2024, 1, 31), datetime.datetime(1, 1, 1), Path("a\nb"),  # noqa: DTZ001
    "1.5", "paper", ["BTC/USDT"], complex(1, 2), type, iter([1]),
)  # fmt: skip
NAMES = (1, None, Text("mode"), "", "x" * 2_000, 10**5000, (1,), "api_key", "a.b.c", "\ud800", True)


def config_of(data: bytes) -> dict[object, object]:
    """A dict as a caller may give it: real keys and others over values of every kind and depth."""
    steps = iter(data)
    left = [MOST_VALUES]
    config: dict[object, object] = {}
    while (step := next(steps, None)) is not None and left[0] > 0:
        section, _, name = KEYS[step % len(KEYS)].partition(".")
        value = _value(steps, left, depth=0)
        if step % 7 == 0:
            config[NAMES[step % len(NAMES)]] = value
        elif name and isinstance(config.setdefault(section, {}), dict):
            config[section][name] = value  # type: ignore[index]
        else:
            config[section] = value
    return config


def sets_of(data: bytes) -> dict[object, object]:
    """The same as dotted keys."""
    steps = iter(data)
    left = [MOST_VALUES]
    sets: dict[object, object] = {}
    while (step := next(steps, None)) is not None and left[0] > 0:
        name: object = NAMES[step % len(NAMES)] if step % 5 == 0 else KEYS[step % len(KEYS)]
        sets[name] = _value(steps, left, depth=0)
    return sets


def _value(steps: Iterator[int], left: list[int], *, depth: int) -> object:
    left[0] -= 1
    step = next(steps, 0)
    if step < 200 or depth > 60 or left[0] <= 0:
        return LEAVES[step % len(LEAVES)]
    count = next(steps, 0) * (50 if step % 10 == 0 else 1) % 3_000
    if step % 2:
        return [_value(steps, left, depth=depth + 1) for _ in range(min(count, left[0]))]
    return {f"{n}": _value(steps, left, depth=depth + 1) for n in range(min(count, left[0]))}
