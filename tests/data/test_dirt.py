"""Published files with their original errors are treated by the rules (docs/exchange.md, S2, S3)."""

import gzip
from pathlib import Path

import pytest

from safla.candles.normalise import Counts
from safla.config.model import Config
from safla.data import source
from safla.data.source import SourceCandles
from safla.errors import DataError
from tests.data.tables import LIMIT, file

DIRTY = "dirty/btcusdt"
KEPT = "nothing proves that its last candle is closed (data.last_candle)"


def read(path: str, *, timeframe: str, last_candle: str = "keep") -> SourceCandles:
    data = {"source": "csv", "path": (path,), "last_candle": last_candle}
    config = Config.model_validate({"data": data, "market_data": {"timeframe": timeframe}})
    return source.read(config, ("BTC/USDT",), price_limit=LIMIT)


def counts(candles: int, *, duplicates: int = 0, without_volume: int = 0, gaps: int = 0, missing: int = 0) -> Counts:
    return Counts("BTC/USDT", candles, duplicates, without_volume, gaps, missing, volumes_cut=0)


@pytest.mark.parametrize(
    ("name", "timeframe", "expected"),
    [
        ("btcusdt-1h-2017-2025", "1h", counts(70811, without_volume=4, gaps=28, missing=128)),
        ("ethusdt-1h-2020-2025", "1h", counts(43803, without_volume=2, gaps=10, missing=20)),
        ("btcusdt-1m-2024-04", "1m", counts(7207)),
        ("btcusdt-5m-2024-04", "5m", counts(1441)),
        ("btcusdt-perp-1h-2019-2023", "1h", counts(33364, without_volume=3)),
        (f"{DIRTY}-1d-2017-2025-partial-last", "1d", counts(2871)),
        (f"{DIRTY}-1h-2020-11-duplicates", "1h", counts(4309, duplicates=5, without_volume=2, gaps=7, missing=12)),
        (f"{DIRTY}-1d-2020-zero-volume", "1d", counts(366, without_volume=1)),
    ],
)
def test_a_file_with_tolerable_errors_is_read_and_the_errors_are_counted(
    real_data: Path, name: str, timeframe: str, expected: Counts
) -> None:
    path = str(real_data / f"{name}.csv.gz")
    sourced = read(path, timeframe=timeframe)
    assert sourced.counts == (expected,)
    ignored = (f"{path}: repeated candles with the same values, ignored: {expected.duplicates}",)
    assert sourced.notes == (*(ignored if expected.duplicates else ()), f"{path}: {KEPT}")


@pytest.mark.parametrize(
    ("name", "timeframe", "text"),
    [
        (
            f"{DIRTY}-1d-2019-high-below-open",
            "1d",
            r"line 4: high 3766\.78 is below open 3857\.57 \(and 175 more\)$",
        ),
        # newest first, but five hours of 2017-11-12 are at other hours than those before and after them
        ("dirty/btcusd-1h-2017-2019-newest-first", "1h", r"line 16907: 2017-11-11T23:00Z is out of order"),
        ("btcusdt-5m-2023", "1h", r"its candles are 5m apart, market_data.timeframe says 1h; set data.timeframe: 5m"),
    ],
)
def test_a_file_that_breaks_a_rule_is_rejected_with_row_and_value(
    real_data: Path, name: str, timeframe: str, text: str
) -> None:
    with pytest.raises(DataError, match=text):
        read(str(real_data / f"{name}.csv.gz"), timeframe=timeframe)


def test_a_file_in_descending_order_is_reversed_and_accepted(real_data: Path, tmp_path: Path) -> None:
    rows = gzip.decompress((real_data / "dirty/btcusd-1h-2017-2019-newest-first.csv.gz").read_bytes()).splitlines()
    path = file(tmp_path, "newest-first.csv", b"\n".join(rows[:16_000]))
    sourced = read(path, timeframe="1h")
    ts = sourced.series[0].columns.ts
    assert (len(ts), ts[-1]) == (15_999, 1571302800000)
    assert sourced.notes[0] == f"{path}: newest first; the order was reversed"


def test_a_restated_duplicate_is_rejected_and_an_identical_duplicate_is_ignored(
    real_data: Path, tmp_path: Path
) -> None:
    text = gzip.decompress((real_data / f"{DIRTY}-1h-2020-11-duplicates.csv.gz").read_bytes())
    again = b"1607371200000,18967.01,19059.8,18935.06,19050.63,1533.4\n"
    assert text.count(again) == 2
    restated = text.replace(again + again, again + again.replace(b"1533.4", b"1533.5"))
    with pytest.raises(
        DataError,
        match=r"line 502: candle_revised: 2020-12-07T\d\d:00Z is also in line 501 with other values: volume 1533\.5",
    ):
        read(file(tmp_path, "restated.csv", restated), timeframe="1h")


def test_an_unfinished_last_row_is_dropped_on_request(real_data: Path) -> None:
    path = str(real_data / f"{DIRTY}-1d-2017-2025-partial-last.csv.gz")
    sourced = read(path, timeframe="1d", last_candle="drop")
    assert sourced.counts == (counts(2870),)
    assert sourced.notes == (f"{path}: its last candle left out (data.last_candle: drop)",)
