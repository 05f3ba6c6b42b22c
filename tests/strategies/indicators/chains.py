"""Kinds of indicators, folded over columns by themselves: in any blocks, interpreted or compiled."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args, get_origin

import annotated_types
import numpy as np
import numpy.typing as npt
from pydantic.fields import FieldInfo

from safla.core.pure import Function
from safla.section import Section
from safla.strategies.indicators.register import KINDS

Array = npt.NDArray[np.float64]
STEP = 3_600_000  # ms
START = 1_704_070_800_000  # Monday 2024-01-01T01:00Z, so that the first day and the first week are not whole


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
        outputs = [np.full(rows, 77.0) for _ in node.outputs]  # which each row of a block must write
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
    ts = START + STEP * np.arange(len(close))
    named = {"ts": ts, "open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return {**named, "hlc3": (high + low + close) / 3, "ohlc4": (open_ + high + low + close) / 4, "source": close}


def with_unknown(columns: dict[str, Array], seed: int, *, share: float = 0.01) -> dict[str, Array]:
    """The columns with rows that are not known, in each column for itself."""
    chance = np.random.default_rng(seed)
    return {
        name: column if name == "ts" else np.where(chance.random(len(column)) < share, np.nan, column)
        for name, column in columns.items()
    }


def drawn_keys(kind: str, seed: int) -> Section:
    """Drawn parameters of a kind: short periods, so that a few hundred rows have values."""
    chance = np.random.default_rng(seed)
    section = KINDS[kind].section
    return section(**{name: _drawn(field, chance) for name, field in section.model_fields.items()})


def _drawn(field: FieldInfo, chance: np.random.Generator) -> Any:
    """A value of a key: a number near its least one, a word of its list, or its default."""
    kinds = [one for one in get_args(field.annotation) if one is not type(None)] or [field.annotation]
    kind = kinds[0]
    if get_origin(field.annotation) is Literal:
        return kinds[chance.integers(len(kinds))]
    if type(None) in get_args(field.annotation) and chance.integers(2):
        return None
    if kind is bool:
        return bool(chance.integers(2))
    least = next((mark.ge for mark in field.metadata if isinstance(mark, annotated_types.Ge)), 1)
    if kind is float:
        return float(field.default) if field.default < 1 else float(least) + float(chance.uniform(0.5, 4))
    return int(least) + int(chance.integers(0, 12))


def is_same(a: Array, b: Array) -> bool:
    """Whether two columns are the same, bit for bit; where they are not known, in both."""
    return bool(np.array_equal(np.isnan(a), np.isnan(b)) and np.nan_to_num(a).tobytes() == np.nan_to_num(b).tobytes())


def behind(columns: dict[str, Array], first: int) -> dict[str, Array]:
    """The columns from a row on."""
    return {name: column[first:].copy() for name, column in columns.items()}
