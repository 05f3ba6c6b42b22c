"""How many rows an indicator needs, and by how much its exact sums multiply a price or a volume."""

from collections.abc import Iterable
from typing import NamedTuple

from safla.core.frames import FRAMES
from safla.strategies.indicators.graph import Computed, Definitions, Indicator, names_read
from safla.strategies.indicators.kind import FoldNode
from safla.strategies.indicators.register import KINDS
from safla.strategies.indicators.sources import RAW, SOURCES


class Rows(NamedTuple):
    """Rows of the run: until the first value, and until the seed no longer decides (V16)."""

    first: int
    auto: int


class Factors(NamedTuple):
    """The largest numbers by which a price and a volume are multiplied in sums of integers (V3)."""

    price: int
    volume: int


def rows_needed(definitions: Definitions, name: str, *, step_ms: int) -> Rows:
    """The rows of the run, this one included, that the value of a column depends on. step_ms: the length of a row."""
    return _rows(definitions, name, step_ms, step_ms)


def _rows(definitions: Definitions, name: str, step_ms: int, reader_ms: int) -> Rows:
    """The same, counted in rows of the length that the reader of the column has."""
    definition = None if name in SOURCES else definitions[name.partition(".")[0]]
    if definition is None:
        return Rows(1, 1)
    length = frame_ms(definition, step_ms)
    own = [_rows(definitions, one, step_ms, length) for one in names_read(definition)] or [Rows(1, 1)]
    source = Rows(max(rows.first for rows in own), max(rows.auto for rows in own))
    more = _own_rows(definition, length)
    rows = Rows(source.first + more.first - 1, source.auto + more.auto - 1)
    return rows if length == reader_ms else Rows(*((count + 1) * length // reader_ms for count in rows))  # V12


def _own_rows(definition: Indicator | Computed, length: int) -> Rows:
    """The rows that a definition needs of the columns that it reads."""
    if isinstance(definition, Computed):
        return Rows(definition.rows_before + 1, definition.rows_before + 1)
    kind = KINDS[definition.kind]
    first = kind.first(definition.keys, length)
    return Rows(first, kind.auto(definition.keys, length) if kind.auto is not None else first)


def frame_ms(definition: Indicator | Computed, step_ms: int) -> int:
    """The length of a row of a definition's timeframe."""
    return FRAMES[definition.timeframe].length if definition.timeframe else step_ms


def sum_factors(definitions: Definitions, *, step_ms: int) -> Factors:
    """The factors of all definitions: price * price factor and volume * volume factor must stay below 2**62."""
    price, volume = 4, 1  # ohlc4
    for definition in definitions.values():
        parts = frame_ms(definition, step_ms) // step_ms  # a higher candle has the sum of so many volumes
        volume = max(volume, parts)
        for name, rows in _exact_sums(definition):
            price = price if name == "volume" else max(price, rows)
            volume = max(volume, rows * parts) if name == "volume" else volume
    return Factors(price, volume)


def _exact_sums(definition: Indicator | Computed) -> Iterable[tuple[str, int]]:
    """The raw columns that a definition sums in integers, and over how many rows."""
    if isinstance(definition, Computed):
        return
    for node in KINDS[definition.kind].nodes:
        names = exact_inputs(node, definition)
        if node.exact is not None and names:
            yield from ((name, node.exact.rows_before(*node.numbers(definition.keys))) for name in names)


def exact_inputs(node: FoldNode, indicator: Indicator) -> list[str]:
    """The inputs of a node, if all of them are raw columns; else none."""
    names = [indicator.source if name == "source" else name for name in node.inputs]
    return names if RAW.keys() >= set(names) else []
