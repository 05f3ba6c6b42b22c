"""simulate and candles in memory: the results of run on the same candles, from every kind of table."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import safla
from tests.compat.samples import Breakout
from tests.errors import raises_code

SYMBOLS = ["BTC/USDT", "ETH/USDT"]
BASE = {
    "strategy": {"fast_period": 3, "slow_period": 8, "entry_threshold_pct": 0, "exit_threshold_pct": 0},
    "market_data": {"timeframe": "1h", "lookback_candles": 20},
    "data": {"source": "synthetic", "last_candle": "keep", "synthetic": {"candles": 400, "holes": 0}},
}
CONFIG = {**BASE, "symbols": {"primary": SYMBOLS[:1]}}
BOTH = {**BASE, "symbols": {"primary": SYMBOLS}}


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """Synthetic candles of two symbols, as frames with a time in ms and floats."""
    folder = tmp_path_factory.mktemp("synthetic")
    result = safla.run({**BOTH, "journal": {"detail": "candles"}}, out=folder / "run")
    candles = result.events_of("candle").with_columns(pl.col("ts").dt.epoch("ms"))
    prices = [pl.col(name).cast(pl.Float64) for name in ("open", "high", "low", "close", "volume")]
    return {symbol: candles.filter(pl.col("symbol") == symbol).select("ts", *prices) for symbol in SYMBOLS}


@pytest.fixture
def table(frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    return frames["BTC/USDT"]


def outcome(result: safla.Simulation) -> Any:
    """What two results on the same candles have in common."""
    summary = {name: value for name, value in result.summary.items() if name != "source"}
    return summary, result.trades.rows(), result.equity.rows()


def with_index(frame: pl.DataFrame, zone: str | None) -> pd.DataFrame:
    """The usual frame of pandas: capitalised names, and times as its index."""
    names = {name: name.capitalize() for name in frame.columns}
    data = pd.DataFrame({names[name]: frame[name].to_numpy() for name in frame.columns if name != "ts"})
    data.index = pd.to_datetime(frame["ts"].to_numpy(), unit="ms", utc=True)
    return data.tz_convert(zone) if zone else data.tz_localize(None)


class ArrowStream:
    """A table of another library: all that is known of it is its stream of Arrow."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


FORMS: dict[str, Any] = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "datetimes": lambda frame: frame.with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC"))),
    "decimals as text": lambda frame: frame.with_columns(pl.exclude("ts").cast(pl.String)),
    "arrow": lambda frame: ArrowStream(frame),
    "dict of arrays": lambda frame: {name: frame[name].to_numpy() for name in frame.columns},
    "dict of lists": lambda frame: {name: frame[name].to_list() for name in frame.columns},
    "dict of exact decimals": lambda frame: {
        name: frame[name].to_list() if name == "ts" else [Decimal(repr(one)) for one in frame[name].to_list()]
        for name in frame.columns
    },
    "structured array": lambda frame: frame.to_numpy(structured=True),
    "pandas": lambda frame: pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns}),
    "pandas with an index of times in UTC": lambda frame: with_index(frame, "UTC"),
    "pandas with an index of times in Tokyo": lambda frame: with_index(frame, "Asia/Tokyo"),
    "further columns": lambda frame: frame.with_columns(pl.lit("x").alias("note"), pl.lit(None).alias("nothing")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_table_gives_the_result_of_the_same_candles(form: str, table: pl.DataFrame) -> None:
    result = safla.simulate(CONFIG, candles=FORMS[form](table))
    assert outcome(result) == outcome(safla.simulate(CONFIG))
    assert result.summary["trades"] > 5
    assert result.summary["source"] == "memory: a table from Python"


def test_times_without_a_zone_are_read_in_the_one_that_is_named_and_never_guessed(table: pl.DataFrame) -> None:
    naive = with_index(table, None)
    with raises_code(safla.DataError, "time_zone_unclear", match=r"data\.time_zone"):
        safla.simulate(CONFIG, candles=naive)
    result = safla.simulate(CONFIG, candles=naive, set={"data.time_zone": "UTC"})
    assert outcome(result) == outcome(safla.simulate(CONFIG))


def test_a_simulation_is_the_run_without_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = safla.simulate(BOTH)
    assert list(tmp_path.iterdir()) == []
    assert outcome(result) == outcome(safla.run(BOTH))
    assert "nothing was written" in repr(result)
    assert "run folder" not in result._repr_html_()


def test_a_run_over_a_table_keeps_its_candles_and_replays(table: pl.DataFrame, tmp_path: Path) -> None:
    result = safla.run(CONFIG, candles=table, out=tmp_path / "run")
    assert safla.replay(result.folder).holds
    assert outcome(result) == outcome(safla.simulate(CONFIG, candles=table))
    assert safla.run(CONFIG, candles=table, out=tmp_path / "run").same_journal


def test_several_symbols_come_as_a_mapping_or_in_one_table_with_their_names(frames: dict[str, pl.DataFrame]) -> None:
    whole = outcome(safla.simulate(BOTH))
    assert outcome(safla.simulate(BOTH, candles=frames)) == whole
    named = [frame.with_columns(pl.lit(symbol).alias("symbol")) for symbol, frame in frames.items()]
    assert outcome(safla.simulate(BOTH, candles=pl.concat(named))) == whole


def test_a_strategy_from_python_takes_them_too(table: pl.DataFrame) -> None:
    sets = {"strategy.name": "mine", "strategy.parameters": {"candles": 3}}
    first, again = (
        safla.simulate(CONFIG, candles=candles, set=sets, strategies={"mine": Breakout()}) for candles in (table, None)
    )
    assert outcome(first) == outcome(again)


def test_floats_are_read_at_their_shortest_decimal(table: pl.DataFrame) -> None:
    assert any("shortest decimal" in note for note in safla.simulate(CONFIG, candles=table).notes)


WRONG: dict[str, tuple[Any, type[safla.SaflaError], str]] = {
    "a text": (lambda frame: "candles.csv", safla.UsageError, "invalid_argument"),
    "a number": (lambda frame: 7, safla.UsageError, "invalid_argument"),
    "no volume": (lambda frame: frame.drop("volume"), safla.DataError, "column_unclear"),
    "columns of two lengths": (lambda frame: {"ts": [1, 2], "open": [1.0]}, safla.DataError, "wrong_format"),
    "a matrix": (lambda frame: {"ts": np.zeros((2, 2))}, safla.DataError, "wrong_format"),
    "no candle": (lambda frame: frame.clear(), safla.DataError, "no_candles"),
    "a missing number": (
        lambda frame: frame.with_columns(pl.when(pl.col("close") > 0).then(None).alias("close")),
        safla.DataError, "not_a_number",
    ),
    "a high below the low": (
        lambda frame: frame.with_columns(pl.col("low").alias("high"), pl.col("high").alias("low")),
        safla.DataError, "invalid_candle",
    ),
    "candles of another length": (lambda frame: frame.gather_every(4), safla.DataError, "wrong_timeframe"),
    "an index of two levels": (
        lambda frame: FORMS["pandas"](frame).set_index(["ts", "open"]), safla.DataError, "wrong_format",
    ),
    "another symbol": (lambda frame: {"ETH/USDT": frame}, safla.UsageError, "invalid_argument"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_table_that_is_not_candles_is_refused_as_a_file_would_be(case: str, table: pl.DataFrame) -> None:
    make, error, code = WRONG[case]
    with raises_code(error, code):
        safla.simulate(CONFIG, candles=make(table))


def test_one_table_without_names_is_not_shared_by_two_symbols(table: pl.DataFrame) -> None:
    with raises_code(safla.ConfigError, "file_shared"):
        safla.simulate(BOTH, candles=table)


@pytest.mark.parametrize("call", [safla.run, safla.simulate])
def test_a_paper_run_takes_no_table(call: Any, table: pl.DataFrame) -> None:
    with raises_code(safla.UsageError, "invalid_argument", match="mode"):
        call({**CONFIG, "mode": "paper", "paper": {"source": "replay", "speed": "max"}}, candles=table)
