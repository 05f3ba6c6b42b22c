"""`data.path`: patterns, placeholders, and protection against one file that serves two symbols by mistake."""

from pathlib import Path

import pytest

from safla.config import patterns
from safla.data import paths
from safla.errors import ConfigError, DataError
from tests.errors import raises_code

TWO = ("BTC/USDT", "ETH/USDT")


def found(*patterns: str, symbols: tuple[str, ...] = ("BTC/USDT",), shared: bool = False) -> list[list[str]]:
    return paths.of_symbols(patterns, symbols, timeframe="1h", shared=shared)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/d/{symbol}-{timeframe}.csv", "/d/BTCUSDT-1h.csv"),
        ("/d/{base}_{quote}.csv", "/d/BTC_USDT.csv"),
        ("/d/{base}/{base}.csv", "/d/BTC/BTC.csv"),
        ("/d/plain.csv", "/d/plain.csv"),
    ],
)
def test_placeholders_are_replaced_from_the_symbol(pattern: str, expected: str) -> None:
    assert found(pattern) == [[expected]]


def test_the_settlement_currency_of_a_future_is_not_part_of_its_quote_currency() -> None:
    assert found("/d/{symbol}.csv", symbols=("BTC/USDT:USDT",)) == [["/d/BTCUSDT.csv"]]


def test_a_star_matches_files_in_order_of_names_without_checksums_and_folders(tmp_path: Path) -> None:
    for name in (
        "BTCUSDT-1h-2024-02.zip",
        "BTCUSDT-1h-2024-01.zip",
        "BTCUSDT-1h-2024-01.zip.CHECKSUM",
        "ETHUSDT-1h.zip",
    ):
        (tmp_path / name).touch()
    (tmp_path / "BTCUSDT-1h-folder").mkdir()
    names = [f"{tmp_path}/BTCUSDT-1h-2024-0{month}.zip" for month in (1, 2)]
    assert found(f"{tmp_path}/{{symbol}}-{{timeframe}}*") == [names]


def test_only_the_star_is_a_wildcard(tmp_path: Path) -> None:
    for name in ("a[1].csv", "a1.csv", "a?.csv"):
        (tmp_path / name).touch()
    assert found(f"{tmp_path}/a[1]*") == [[f"{tmp_path}/a[1].csv"]]
    assert found(f"{tmp_path}/a?*") == [[f"{tmp_path}/a?.csv"]]


def test_a_file_matched_by_two_patterns_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    assert found(f"{tmp_path}/a.csv", f"{tmp_path}/*.csv") == [[f"{tmp_path}/a.csv"]]


def test_a_pattern_that_matches_nothing_is_a_data_error(tmp_path: Path) -> None:
    with raises_code(DataError, "file_not_found"):
        found(f"{tmp_path}/*.csv")


@pytest.mark.parametrize("pattern", ["/d/btc.csv", "/d/{quote}.csv", "/d/{timeframe}/*.csv"])
def test_two_symbols_cannot_share_a_file_of_one_symbol(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"would serve BTC/USDT and ETH/USDT; .*put \{symbol\}") as refused:
        found(pattern, symbols=TWO)
    assert [problem.key for problem in refused.value.problems] == ["data.path"]


def test_two_symbols_can_share_a_file_with_several_symbols() -> None:
    assert found("/d/all.parquet", symbols=TWO, shared=True) == [["/d/all.parquet"]] * 2


def test_more_files_than_the_cap_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").touch()
    monkeypatch.setattr(paths, "MAX_FILES", 3)
    assert len(found(f"{tmp_path}/*")[0]) == 3
    monkeypatch.setattr(paths, "MAX_FILES", 2)
    with raises_code(DataError, "file_too_large"):
        found(f"{tmp_path}/*")


@pytest.mark.parametrize(
    ("pattern", "part"), [("/*/*/zzz*", '"*"'), ("/d/BTC*/a.csv", '"BTC*"'), ("/d/{symbol}/x*y/*.csv", '"x*y"')]
)
def test_a_star_in_a_folder_name_is_rejected_with_its_part_and_a_suggestion(pattern: str, part: str) -> None:
    with pytest.raises(ConfigError, match=r"^data\.path: \* is not allowed in a folder name ") as refused:
        found(pattern)
    assert part in str(refused.value)
    assert "list one pattern per folder" in str(refused.value)


def test_a_hidden_file_is_matched_only_by_a_pattern_with_a_leading_dot(tmp_path: Path) -> None:
    (tmp_path / ".a.csv").touch()
    (tmp_path / "b.csv").touch()
    assert found(f"{tmp_path}/*.csv") == [[f"{tmp_path}/b.csv"]]
    assert found(f"{tmp_path}/.*.csv") == [[f"{tmp_path}/.a.csv"]]


def test_the_number_of_listed_names_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.csv").touch()
    monkeypatch.setattr(patterns, "MAX_ENTRIES", 5)
    many = [f"{tmp_path}/*.csv"] * 100
    assert len(found(*many)[0]) == 5  # the folder is listed once
    monkeypatch.setattr(patterns, "MAX_ENTRIES", 4)
    with pytest.raises(DataError, match=r"hold more than 4 names; put the files into a folder of their own"):
        found(*many)


def test_the_number_of_pattern_comparisons_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        (tmp_path / f"{number}.csv").touch()
    monkeypatch.setattr(patterns, "MAX_COMPARED", 20)
    assert len(found(*[f"{tmp_path}/{number}*" for number in range(5)] * 4)[0]) == 5  # each looks at its own name alone
    with pytest.raises(DataError, match=r"more than 20 names .*; write more of the names before the \*"):
        found(*[f"{tmp_path}/*{number}.csv" for number in range(5)])
