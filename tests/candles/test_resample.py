"""Longer candles equal those built by hand from shorter ones: complete buckets on the UTC grid, in integers."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from safla.candles import resample
from safla.core.candles import Series
from safla.core.values import Columns
from safla.data.store import store
from safla.data.store.store import SeriesKey
from safla.errors import ConfigError, DataError
from tests.data.tables import csv_file, kline, zip_file
from tests.errors import raises_code
from tests.small_runs import journal, run, small

HOUR = 3_600_000
FOUR = 4 * HOUR
START = 1_704_067_200_000  # 2024-01-01
HEADER = "timestamp,open,high,low,close,volume"

CONFIG = """\
symbols: {primary: [BTC/USDT]}
market_data: {timeframe: 4h, lookback_candles: 9}
strategy: {fast_period: 2, slow_period: 4, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""


def hours(*numbers: int, volume: int = 7) -> Series:
    """Candles of those hours; the values of each follow from its number."""
    number = np.array(numbers, np.int64)
    opened = 1000 + number * 3 % 50
    close = 1000 + (number + 1) * 3 % 50
    top, bottom = np.maximum(opened, close) + number % 5, np.minimum(opened, close) - number % 7
    columns = Columns(START + number * HOUR, opened, top, bottom, close, np.full(len(number), volume) + number)
    return Series("BTC/USDT", 2, 3, columns)


def test_a_longer_candle_has_first_open_highest_high_lowest_low_last_close_and_volume_sum() -> None:
    found = resample.resampled(hours(*range(8)), source_ms=HOUR, step_ms=FOUR)
    rows = list(zip(*(column.tolist() for column in found.series.columns), strict=True))
    source = list(zip(*(column.tolist() for column in hours(*range(8)).columns), strict=True))
    expected = [
        (
            START + place * FOUR,
            part[0][1],
            max(row[2] for row in part),
            min(row[3] for row in part),
            part[-1][4],
            sum(row[5] for row in part),
        )
        for place, part in enumerate((source[:4], source[4:]))
    ]
    assert (rows, found.incomplete) == (expected, 0)


@pytest.mark.parametrize(
    ("numbers", "built", "incomplete", "first"),
    [
        ([*range(4), 4, 5, 7, *range(8, 12)], [0, 2], 1, 1),  # one hour is missing in between
        ([*range(4), *range(8, 12)], [0, 2], 0, None),  # a whole one is missing: a gap as in the source
        ([2, 3, *range(4, 9)], [1], 2, 0),  # neither the first nor the last is whole
    ],
)
def test_an_incomplete_longer_candle_is_a_gap_and_is_counted(
    numbers: list[int], built: list[int], incomplete: int, first: int | None
) -> None:
    found = resample.resampled(hours(*numbers), source_ms=HOUR, step_ms=FOUR)
    assert found.series.columns.ts.tolist() == [START + place * FOUR for place in built]
    assert found.incomplete == incomplete
    assert found.first_incomplete == (None if first is None else START + first * FOUR)


def test_a_run_without_any_complete_longer_candle_is_an_error() -> None:
    with raises_code(DataError, "no_candles"):
        resample.resampled(hours(1, 2, 3, 4, 5, 6), source_ms=HOUR, step_ms=FOUR)


def test_a_volume_sum_that_overflows_is_rejected() -> None:
    with raises_code(DataError, "number_too_large"):
        resample.resampled(hours(*range(4), volume=2**60), source_ms=HOUR, step_ms=FOUR)


def texts(series: Series) -> list[str]:
    """The lines of a CSV file, with decimals."""
    rows = zip(*(column.tolist() for column in series.columns), strict=True)
    return [
        f"{ts},{','.join(f'{price / 100:.2f}' for price in prices)},{volume / 1000}" for ts, *prices, volume in rows
    ]


def test_a_run_over_resampled_candles_equals_the_run_over_candles_made_by_hand(tmp_path: Path) -> None:
    """The journals are equal byte for byte: decimals come from the resampled candles, as from a file made by hand."""
    numbers = [number for number in range(400) if number not in (33, 130, 131, 132, 133, 134, 135, 136)]
    csv_file(tmp_path, HEADER, *texts(hours(*numbers)), name="hours.csv")
    longer = resample.resampled(hours(*numbers), source_ms=HOUR, step_ms=FOUR).series
    csv_file(tmp_path, HEADER, *texts(longer), name="byhand.csv")
    for name, sets in (("hours", ["data.timeframe=1h"]), ("byhand", [])):
        (tmp_path / name).mkdir()
        loaded = small(
            tmp_path, "data.source=csv", f"data.path={tmp_path}/{name}.csv", *sets, text=CONFIG
        )  # fmt: skip
        run(loaded, tmp_path / name / "run")
    built, byhand = (journal(tmp_path / name / "run") for name in ("hours", "byhand"))
    assert built == byhand
    assert b'"filled"' in built


def test_incomplete_candles_are_counted_in_the_summary_and_noted_on_stderr(tmp_path: Path) -> None:
    from safla.report.summary import summarise

    csv_file(tmp_path, HEADER, *texts(hours(*[number for number in range(160) if number != 33])), name="hours.csv")
    sets = ("data.source=csv", f"data.path={tmp_path}/hours.csv", "data.timeframe=1h")
    notes: list[str] = []
    ended = run(small(tmp_path, *sets, text=CONFIG), tmp_path / "run", say=notes.append)
    assert (
        "BTC/USDT: 39 candles of 4h built from candles of 1h; 1 is incomplete and left out as a gap, "
        "the first at 2024-01-02T08:00Z"
    ) in notes
    assert summarise(ended.outcome, risk_free_rate=0.0)["incomplete_candles"] == 1


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["data.timeframe=1d"], r"4h candles \(market_data.timeframe\) cannot be built from 1d candles"),
        (["data.timeframe=3m", "market_data.timeframe=5m"], "cannot be built from 3m candles"),
        (["data.timeframe=1h", "mode=paper"], "only backtests build longer candles"),
        (["market_data.timeframe=1w"], "weeks, months and years are not supported; use 1d"),
        (["market_data.timeframe=1M"], "weeks, months and years are not supported"),
    ],
)
def test_a_timeframe_that_cannot_be_resampled_is_a_configuration_error(
    tmp_path: Path, sets: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        small(tmp_path, "data.source=synthetic", *sets, text=CONFIG)


def test_synthetic_candles_are_resampled(tmp_path: Path) -> None:
    sets = ("data.source=synthetic", "data.synthetic.candles=400", "data.timeframe=1h")
    ended = run(small(tmp_path, *sets, text=CONFIG), tmp_path / "run")
    assert len(ended.outcome.series[0].columns.ts) == 100


def test_stored_candles_are_resampled_with_their_lookback_and_without_the_exchange(tmp_path: Path) -> None:
    place = SeriesKey(tmp_path / "cache", "binance", "BTC/USDT", "1h")
    store.merge(place, hours(*range(400)), source="a.csv", at=0)
    begin, end = START + 40 * HOUR, START + 400 * HOUR
    sets = (
        "data.source=exchange", "data.timeframe=1h", f"data.start={begin}", f"data.end={end}",
        f"storage.cache_directory={tmp_path}/cache", "exchange.rest_url=http://127.0.0.1:1",
    )  # fmt: skip
    ended = run(small(tmp_path, *sets, text=CONFIG), tmp_path / "run")
    ts = ended.outcome.series[0].columns.ts
    assert (int(ts[0]), int(ts[-1]), len(ts)) == (begin - 9 * FOUR, end - FOUR, 99)


def test_candles_of_archives_and_parquet_files_are_resampled(tmp_path: Path) -> None:
    lines = texts(hours(*range(160)))
    zip_file(tmp_path, {"a.csv": "\n".join(map(kline, lines)).encode()}, name="BTCUSDT-1h-2024-01.zip")
    pl.read_csv(csv_file(tmp_path, HEADER, *lines)).write_parquet(tmp_path / "a.parquet")
    for kind, name in (("vision", "BTCUSDT-{timeframe}-2024-01.zip"), ("parquet", "a.parquet")):
        sets = (f"data.source={kind}", f"data.path={tmp_path}/{name}", "data.timeframe=1h")
        ended = run(small(tmp_path, *sets, text=CONFIG), tmp_path / kind)
        assert len(ended.outcome.series[0].columns.ts) == 40
