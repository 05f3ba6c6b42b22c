"""Kinds of indicators, folded over columns by themselves: in any blocks, interpreted or compiled."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from safla.core.pure import Function
from safla.section import Section
from safla.strategies.indicators.register import KINDS

Array = npt.NDArray[np.float64]


def interpreted(function: Function) -> Function:
    """A fold as it is written."""
    return function


def keys_of(kind: str, **parameters: Any) -> Section:
    """The parameters of a kind."""
    return KINDS[kind].section(**parameters)


def values(
    kind: str,
    keys: Section,
    columns: dict[str, Array],
    cuts: Iterable[int] = (),
    form: Callable[[Function], Function] = interpreted,
) -> dict[str, Array]:
    """The outputs of a kind, and all columns of its chain.

    columns  the columns of candles that it reads, with "source" if it has one
    cuts     rows at which a new block begins
    form     of the folds: `interpreted`, or `compiled_entry`
    """
    chain = dict(columns)
    for node in KINDS[kind].nodes:
        numbers, inputs = node.numbers(keys), [chain[name] for name in node.inputs]
        rows, rows_before = len(inputs[0]), node.rows_before(*numbers)
        feed, state = form(node.feed), () if node.begin is None else (node.begin(*numbers),)
        outputs = [np.zeros(rows) for _ in node.outputs]
        begun = 0
        for end in (*cuts, rows):
            first = min(begun, rows_before)
            parts = [column[begun - first : end] for column in inputs]
            answer = feed(*state, *parts, first, *numbers, *(column[begun:end] for column in outputs))
            state = () if node.begin is None else (answer,)
            begun = end
        chain.update(zip(node.outputs, outputs, strict=True))
    return {**chain, **{name: chain[name] for name in KINDS[kind].outputs}}


def candles(seed: int, rows: int, *, most: int = 30) -> dict[str, Array]:
    """Drawn candles in units of a price: a walk of steps up to `most`, with flat stretches and equal highs and lows."""
    chance = np.random.default_rng(seed)
    close = np.maximum(100_000 + np.cumsum(chance.integers(-most, most + 1, rows)), 1)
    open_ = np.r_[100_000, close[:-1]] + chance.integers(-2, 3, rows)
    open_ = np.maximum(open_, 1)
    high = np.maximum(open_, close) + chance.integers(0, most // 2 + 1, rows)
    low = np.maximum(np.minimum(open_, close) - chance.integers(0, most // 2 + 1, rows), 1)
    volume = chance.integers(0, 500, rows)
    return with_sources(*(np.asarray(column, np.float64) for column in (open_, high, low, close, volume)))


def dead(rows: int, price: float = 100_000.0) -> dict[str, Array]:
    """Candles of a market in which nothing moves."""
    return with_sources(*(np.full(rows, price) for _ in range(4)), np.zeros(rows))


def with_sources(open_: Array, high: Array, low: Array, close: Array, volume: Array) -> dict[str, Array]:
    """The columns that kinds read, with the close as their source."""
    named = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return {**named, "hlc3": (high + low + close) / 3, "source": close}


def behind(columns: dict[str, Array], first: int) -> dict[str, Array]:
    """The columns from a row on."""
    return {name: column[first:].copy() for name, column in columns.items()}
