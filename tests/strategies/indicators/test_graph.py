"""A graph folds many indicators: the values of each alone, equal nodes once, live and in history alike."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from safla.compiled.library import fastest
from safla.core.pure import interpreted
from safla.core.values import Columns
from safla.strategies.indicators.graph import COMPILED_FROM, Computed, Definitions, Form, Graph, Indicator
from safla.strategies.indicators.register import KINDS
from safla.strategies.indicators.sources import SOURCES, source_column
from tests.strategies.indicators.chains import STEP, Array, candles, drawn_keys, is_same, keys_of, values

ROWS = 400


def integers(columns: dict[str, Array]) -> Columns:
    """Drawn candles as a run has them."""
    return Columns(*(columns[name].astype(np.int64) for name in Columns._fields))


def fed(graph: Graph, rows: Columns, sizes: Iterator[int]) -> dict[str, Array]:
    """The wanted columns, fed in blocks of these sizes."""
    parts: list[dict[str, Array]] = []
    begin = 0
    while begin < len(rows.ts):
        end = begin + next(sizes)
        block = graph.feed(Columns(*(column[begin:end] for column in rows)))
        parts.append({name: column.copy() for name, column in block.items()})
        begin = end
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def folded(
    definitions: Definitions, wanted: list[str], rows: Columns, *, sizes: Any = None, form: Form = interpreted
) -> Any:
    """The columns of a new graph."""
    return fed(Graph(definitions, wanted, step_ms=STEP, compiled=form), rows, sizes or itertools.repeat(ROWS))


def indicator(kind: str, source: str | None = None, **parameters: Any) -> Indicator:
    return Indicator(kind, keys_of(kind, **parameters), source or KINDS[kind].source or "")


def every_kind(seed: int) -> tuple[Definitions, list[str]]:
    """An indicator of each kind, and all of their outputs."""
    definitions = {kind: Indicator(kind, drawn_keys(kind, seed), row.source or "") for kind, row in KINDS.items()}
    return definitions, [f"{kind}.{output}" for kind, row in KINDS.items() for output in row.outputs]


@pytest.mark.parametrize("seed", range(2))
def test_in_a_graph_a_kind_has_the_values_that_it_has_alone(seed: int) -> None:
    columns = candles(seed, ROWS)
    definitions, wanted = every_kind(seed)
    made = folded(definitions, wanted, integers(columns))
    for name in wanted:
        kind, _, output = name.partition(".")
        source = columns[definitions[kind].source or "close"]
        alone = values(kind, definitions[kind].keys, {**columns, "source": source})[output]
        assert np.allclose(made[name], alone, 1e-10, 1e-6, equal_nan=True), name  # sums of integers are exact


@pytest.mark.parametrize("seed", range(2))
def test_live_in_blocks_and_in_history_the_values_are_the_same_bit_for_bit(seed: int) -> None:
    rows, chance = integers(candles(seed, ROWS)), np.random.default_rng(seed)
    definitions, wanted = every_kind(seed)
    whole = folded(definitions, wanted, rows, form=fastest)
    ragged = folded(
        definitions, wanted, rows, sizes=iter(lambda: int(chance.integers(1, 3 * COMPILED_FROM)), 0), form=fastest
    )
    live = folded(definitions, wanted, rows, sizes=itertools.repeat(1), form=fastest)
    assert [name for name in wanted if not is_same(whole[name], ragged[name])] == []
    assert [name for name in wanted if not is_same(whole[name], live[name])] == []


def test_a_mean_of_a_raw_column_is_exact_from_any_start() -> None:
    rows = Columns(*(np.arange(1, 201, dtype=np.int64) + 2**55 for _ in Columns._fields))
    definitions = {"mean": indicator("sma", period=7), "sum": indicator("sum", "volume", period=7)}
    whole = folded(definitions, ["mean", "sum"], rows)
    later = folded(definitions, ["mean", "sum"], Columns(*(column[50:] for column in rows)))
    assert is_same(whole["mean"][60:], later["mean"][10:])
    assert whole["mean"][-1] == float(7 * 2**55 + sum(range(194, 201))) / 7
    assert whole["sum"][-1] == float(7 * 2**55 + sum(range(194, 201)))


def test_an_exact_fold_writes_the_column_that_its_node_names() -> None:
    rows = integers(candles(1, 100))
    made = folded({"bands": indicator("bollinger", period=9)}, ["bands.middle", "bands.upper"], rows)
    assert made["bands.middle"][-1] == float(rows.close[-9:].sum()) / 9
    assert made["bands.upper"][-1] > made["bands.middle"][-1]


def test_equal_nodes_are_one() -> None:
    definitions = {
        "bands": indicator("bollinger", period=20),
        "wide": indicator("bollinger", period=20, deviations=3.0),
        "mean": indicator("sma", period=20),
        "score": indicator("zscore", period=20),
        "other": indicator("sma", period=21),
        "high": indicator("sma", "high", period=20),
    }
    counts = [
        len(Graph(definitions, wanted, step_ms=STEP))
        for wanted in itertools.accumulate(
            [[name] for name in ("mean", "bands.upper", "bands.lower", "wide.upper", "score", "other")]
        )
    ]
    assert counts == [1, 3, 3, 4, 5, 6]  # mean; + deviation, bands; nothing; + bands; + score; + mean


def test_a_graph_computes_only_what_is_wanted() -> None:
    definitions, _ = every_kind(1)
    assert len(Graph(definitions, ["close", "hour"], step_ms=STEP)) == 0
    assert len(Graph(definitions, ["atr"], step_ms=STEP)) == 2


def test_the_source_of_an_indicator_may_be_an_indicator_or_a_computed_column() -> None:
    def spread(first: int, a: Array, b: Array) -> Array:
        return a[first:] - np.r_[np.nan, b][: len(b)][first:] if first == 0 else a[first:] - b[first - 1 : -1]

    columns = candles(3, ROWS)
    definitions: Definitions = {
        "fast": indicator("ema", period=5),
        "lead": Computed("fast - close 1 candle ago", ("fast", "close"), spread, rows_before=1),
        "smooth": indicator("sma", "lead", period=4),
    }
    expected = values(
        "sma",
        keys_of("sma", period=4),
        {"source": spread(0, values("ema", keys_of("ema", period=5), columns)["value"], columns["close"])},
    )["value"]
    for sizes in (itertools.repeat(ROWS), itertools.repeat(1), itertools.cycle([3, 50, 1])):
        assert is_same(folded(definitions, ["smooth"], integers(columns), sizes=sizes)["smooth"], expected)


def test_a_name_in_a_chain_hides_no_name_of_the_user() -> None:
    columns = candles(4, 100)
    definitions = {"half": indicator("value", "high"), "hull": indicator("hma", "half", period=9)}
    expected = values("hma", keys_of("hma", period=9), {"source": columns["high"]})["value"]
    assert is_same(folded(definitions, ["hull"], integers(columns))["hull"], expected)


def test_a_computed_column_of_one_text_and_the_same_inputs_is_one_node() -> None:
    def same(first: int, x: Array) -> Array:
        return x[first:]

    definitions = {name: Computed("close + 0", ("close",), same) for name in ("a", "b")}
    assert len(Graph({**definitions, "c": Computed("close + 0", ("open",), same)}, ["a", "b", "c"], step_ms=STEP)) == 2


def test_the_bare_name_of_an_indicator_is_its_main_output() -> None:
    rows = integers(candles(5, 100))
    made = folded({"s": indicator("stochastic")}, ["s", "s.k", "s.d"], rows)
    assert is_same(made["s"], made["s.k"])
    assert not is_same(made["s"], made["s.d"])


def test_the_cost_of_a_live_candle_does_not_grow_with_the_run() -> None:
    graph = Graph({"mean": indicator("wma", period=30)}, ["mean"], step_ms=STEP)
    rows = integers(candles(6, 3_000))
    columns = {id(column._cells) for column in _columns(graph)}
    rooms = set()
    for at in range(len(rows.ts)):
        graph.feed(Columns(*(column[at : at + 1] for column in rows)))
        rooms.add(max(len(column._cells) for column in _columns(graph)))
    assert columns
    assert max(rooms) <= 2 * 30 + 64


def _columns(graph: Graph) -> list[Any]:
    return [*graph._floats.values(), *(column for node in graph._nodes.values() for column in node.outputs)]


def test_given_columns_stand_in_the_place_of_sources() -> None:
    graph = Graph({"mean": indicator("sma", period=3)}, ["mean", "close"], step_ms=STEP, given=["close"])
    rows, close = integers(candles(7, 50)), np.linspace(0.1, 0.7, 50)
    made = graph.feed(rows, {"close": close})
    assert is_same(made["close"], close)
    assert is_same(made["mean"], values("sma", keys_of("sma", period=3), {"source": close})["value"])


# --- Sources ---------------------------------------------------------------------------------------------------------


def test_hour_minute_and_weekday_are_those_of_the_close() -> None:
    ts = np.array([1_704_063_600_000, 1_704_067_200_000, 1_704_585_600_000], np.int64)  # 31st 23:00, 1st 0:00, 7th 0:00
    rows = Columns(ts, *(np.ones(3, np.int64) for _ in range(5)))
    assert source_column("hour", rows, STEP).tolist() == [0, 1, 1]
    assert source_column("weekday", rows, STEP).tolist() == [1, 1, 7]  # Monday, Monday, Sunday
    assert source_column("weekday", rows, 24 * STEP).tolist() == [1, 2, 1]
    assert source_column("minute", rows, 900_000).tolist() == [15, 15, 15]


def test_means_of_prices_are_sums_of_integers_and_one_division() -> None:
    prices = (2**53 + 1, 2**53 + 2, 2**53, 2**53 + 1)
    rows = Columns(*(np.array([price], np.int64) for price in (0, *prices, 3)))
    opened, high, low, close = prices
    assert source_column("hl2", rows, STEP)[0] == float(high + low) / 2
    assert source_column("hlc3", rows, STEP)[0] == float(high + low + close) / 3
    assert source_column("ohlc4", rows, STEP)[0] == float(opened + high + low + close) / 4
    assert {name: source_column(name, rows, STEP).dtype.name for name in SOURCES} == dict.fromkeys(SOURCES, "float64")
