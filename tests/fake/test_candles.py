"""Served candles: texts as given, gaps as requested, and a consistent unfinished candle."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fake.candles import STEPS, Candles, Market, from_csv, synthetic
from tests.fake.clients import MINUTE, START

ROW = (START, "42000.1", "42010", "41990.25", "42005.5", "1.5")


def test_a_candle_is_served_with_the_decimals_of_the_exchange_and_the_same_value():
    cells = Candles([ROW], step_ms=MINUTE).finished(0)
    assert cells[:7] == [
        START, "42000.10000000", "42010.00000000", "41990.25000000", "42005.50000000", "1.50000000", START + 59_999,
    ]  # fmt: skip
    assert cells[7:] == ["63008.25000000", 500, "0.75000000", "31504.12500000", "0"]


@pytest.mark.parametrize(("passed", "close"), [(0, "42000.10"), (30_000, "42002.80"), (59_999, "42005.49")])
def test_an_unfinished_candle_is_an_elapsed_share_of_the_final_candle(passed: int, close: str):
    cells = Candles([ROW], step_ms=MINUTE).as_of(0, START + passed)
    opened, high, low, closed, volume = (Decimal(text) for text in cells[1:6])
    assert opened == Decimal("42000.1")
    assert closed == Decimal(close)
    assert low <= min(opened, closed) <= max(opened, closed) <= high
    assert volume < Decimal("1.5")


def test_an_unfinished_candle_has_no_more_decimals_than_the_final_candle():
    candles = synthetic(START, MINUTE, 30, seed=3)
    for number in range(30):
        for passed in (1, 20_011, 59_999):
            texts = candles.as_of(number, candles.times[number] + passed)[1:5]
            assert all(text.endswith("000000") for text in texts)


def test_a_closed_candle_does_not_change():
    candles = synthetic(START, MINUTE, 3, seed=3)
    assert candles.as_of(1, START + 2 * MINUTE) == candles.finished(1)


def test_a_seed_gives_the_same_candles_and_a_gap_changes_none_of_them():
    whole, holed = (synthetic(START, MINUTE, 10, seed=5, gaps=gaps) for gaps in ((), (4, 5)))
    assert holed.times == [ts for ts in whole.times if ts not in (START + 4 * MINUTE, START + 5 * MINUTE)]
    assert holed.finished(4) == whole.finished(6)
    assert synthetic(START, MINUTE, 10, seed=5).text(0, 10) == whole.text(0, 10)
    assert synthetic(START, MINUTE, 10, seed=6).text(0, 10) != whole.text(0, 10)


def test_synthetic_candles_are_valid_and_consecutive():
    candles = synthetic(START, MINUTE, 2_000, seed=1, price_decimals=4)
    before = None
    for number in range(2_000):
        opened, high, low, close, volume = (Decimal(text) for text in candles.finished(number)[1:6])
        assert 0 < low <= min(opened, close) <= max(opened, close) <= high
        assert volume > 0
        assert before in (None, opened)
        before = close


@pytest.mark.parametrize("rows", [[ROW, ROW], [(START + MINUTE, *ROW[1:]), ROW], [(START, "1.123456789", *ROW[2:])]])
def test_rows_that_are_impossible_for_the_exchange_are_rejected(rows: list):
    with pytest.raises(ValueError, match=r"ascend|8 decimals"):
        Candles(rows, step_ms=MINUTE)


def test_a_file_is_served_unchanged(tmp_path: Path):
    text = f"timestamp_ms,open,high,low,close,volume\n{','.join(map(str, ROW))}\n"
    (tmp_path / "a.csv").write_text(text)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.csv", "a.csv.gz"):
        assert from_csv(tmp_path / name, step_ms=MINUTE).text(0, 1) == Candles([ROW], step_ms=MINUTE).text(0, 1)


def test_real_candles_are_served_with_their_values(real_data: Path):
    candles = from_csv(real_data / "btcusdt-1m-2024-04.csv.gz", step_ms=STEPS["1m"])
    assert len(candles) == 7207
    assert candles.finished(0)[:5] == [
        1_712_016_000_000, "69649.81000000", "69674.23000000", "69640.00000000", "69658.60000000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("symbol", "pair"), [("BTCUSDT", ("BTC", "USDT")), ("ETHBTC", ("ETH", "BTC")), ("BNBFDUSD", ("BNB", "FDUSD"))]
)
def test_a_symbol_is_split_into_base_and_quote(symbol: str, pair: tuple[str, str]):
    made = Market(symbol)
    assert (made.base, made.quote) == pair
