"""Runs and imports check alike whether a file holds candles of the requested market and timeframe."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from safla.data import agreement
from safla.data.agreement import for_import, for_run
from safla.errors import DataError
from tests.cli.test_data import Ask, ask
from tests.data.tables import HEADER, START, STEP, csv_file, kline, lines, zip_file
from tests.data.test_source import read
from tests.errors import raises_code

__all__ = ["ask"]

HOURS = lines(12)
FOUR_HOURS = [f"{START + 4 * place * STEP},{row.partition(',')[2]}" for place, row in enumerate(HOURS)]
OTHERS = [f"ETHUSDT,{row}" for row in HOURS]
OURS = [f"btc-usdt,{row}" for row in HOURS]


def distance(*hours: int, timeframe: str = "1h") -> bool:
    """Whether candles of these hours pass; else DataError."""
    ts = START + np.array(hours, np.int64) * STEP
    agreement.refuse_distance(ts, timeframe, path="a.csv", advice=for_run(timeframe, None))
    return True


@pytest.mark.parametrize(
    "hours",
    [
        (0, 1, 2, 3),
        (0, 1, 2, 30, 31),
        (3, 2, 1, 0),
        (0, 2, 3, 7, 8, 13, 15),  # a market that seldom trades
        (0, 5, 6, 11, 14, 20, 21),
        (0, 4),  # one distance may be a gap
        (0, 0, 1, 1),
        (0,),
        (),
    ],
)
def test_real_gaps_are_accepted(hours: tuple[int, ...]) -> None:
    assert distance(*hours)


@pytest.mark.parametrize("hours", [(0, 4, 8, 12), (0, 4, 8, 20, 24, 28), (28, 24, 20, 8, 4, 0), (0, 4, 8, 9, 12, 16)])
def test_candles_of_another_timeframe_are_rejected(hours: tuple[int, ...]) -> None:
    said = "a.csv: its candles are 4h apart, market_data.timeframe says 1h; set market_data.timeframe: 4h, or give"
    with pytest.raises(DataError, match=said):
        distance(*hours)


def test_shorter_candles_are_accepted_for_resampling() -> None:
    with pytest.raises(
        DataError, match=r"1h apart, market_data.timeframe says 4h; set data.timeframe: 1h, and candles"
    ):
        distance(0, 1, 2, timeframe="4h")


def test_a_timeframe_without_a_name_is_shown_in_days() -> None:
    with pytest.raises(
        DataError, match="its candles are 7 d apart, and would be kept as 1d; give a file of 1d candles"
    ):
        agreement.refuse_distance(
            START + np.arange(4) * 7 * 24 * STEP, "1d", path="a.csv", advice=for_import("1d")
        )  # fmt: skip


def files(folder: Path, rows: list[str], header: str) -> dict[str, str]:
    """The same rows as CSV and as Parquet."""
    path = csv_file(folder, header, *rows, name="a.csv")
    pl.read_csv(path).write_parquet(folder / "a.parquet")
    return {"csv": path, "parquet": str(folder / "a.parquet")}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("column", ["symbol", "pair", "ticker", "market", "instrument"])
def test_a_run_rejects_a_file_of_another_market_and_accepts_its_own(tmp_path: Path, kind: str, column: str) -> None:
    header = f"{column},{HEADER}"
    with pytest.raises(
        DataError, match=rf"(line 2|row 1): its column {column} says ETHUSDT, and no row is of BTC/USDT"
    ):
        read(kind, files(tmp_path, OTHERS, header)[kind])
    assert read(kind, files(tmp_path, OURS, header)[kind]).counts[0].candles == 12


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_each_market_of_a_file_gets_its_own_rows(tmp_path: Path, kind: str) -> None:
    mixed = [row for pair in zip(OURS, OTHERS, strict=True) for row in pair]
    path = files(tmp_path, mixed, f"symbol,{HEADER}")[kind]
    sourced = read(kind, path, symbols=("BTC/USDT", "ETH/USDT"))
    assert [count.candles for count in sourced.counts] == [12, 12]
    assert any(
        note.endswith(" of ETHUSDT left out; its column symbol names the market of each") for note in sourced.notes
    )


@pytest.mark.parametrize("header", [[f"symbol,{HEADER}"], []])
def test_a_symbol_in_the_first_cell_is_not_a_banner_with_or_without_a_header(tmp_path: Path, header: list[str]) -> None:
    plain = read("csv", csv_file(tmp_path, HEADER, *HOURS, name="plain.csv")).series[0]
    rows = [f"BTCUSDT,{row}" for row in HOURS]
    found = read("csv", csv_file(tmp_path, *header, *rows, name="first.csv")).series[0]
    assert [column.tolist() for column in found.columns] == [column.tolist() for column in plain.columns]
    with raises_code(DataError, "wrong_market", match="ETHUSDT"):
        read("csv", csv_file(tmp_path, *header, *OTHERS, name="other.csv"))


def test_an_archive_of_another_market_or_timeframe_is_rejected(tmp_path: Path) -> None:
    content = "\n".join(map(kline, HOURS)).encode()
    for name, said in (("ETHUSDT-1h-2024-01", "its name says ETHUSDT"), ("BTCUSDT-4h-2024-01", "its name says 4h")):
        path = zip_file(tmp_path, {f"{name}.csv": content}, name=f"{name}.zip")
        with pytest.raises(DataError, match=said):
            read("vision", path)
    four = "\n".join(map(kline, FOUR_HOURS)).encode()
    with raises_code(DataError, "wrong_timeframe"):
        read("vision", zip_file(tmp_path, {"a.csv": four}, name="a.zip"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_of_longer_candles_is_rejected(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match=r"its candles are 4h apart, market_data.timeframe says 1h"):
        read(kind, files(tmp_path, FOUR_HOURS, HEADER)[kind])


def test_an_import_rejects_the_same_files(ask: Ask, tmp_path: Path) -> None:
    found = files(tmp_path, OTHERS, f"symbol,{HEADER}")
    for path in found.values():
        answer = ask("import", path, "--symbol", "BTC/USDT", "--timeframe", "1h")
        assert (answer.code, answer.out) == (4, "")
        assert "says ETHUSDT, and no row is of BTC/USDT" in answer.err
    answer = ask("import", csv_file(tmp_path, HEADER, *FOUR_HOURS), "--symbol", "BTC/USDT", "--timeframe", "1h")
    assert (answer.code, answer.out) == (4, "")
    assert "4h apart, and would be kept as 1h; use --timeframe 4h instead" in answer.err
    assert not (tmp_path / "data").exists()
