"""The market of a file is recognised from its name and columns in various spellings."""

import numpy as np
import polars as pl
import pytest

from safla.data import market_names
from safla.data.agreement import for_run
from safla.data.market_names import Claim, Owner
from safla.errors import DataError

ADVICE = for_run("1h", None)


@pytest.mark.parametrize(
    "text",
    ["BTCUSDT", "BTC-USDT", "BTC_USDT", "BTC/USDT", "BTC/USDT:USDT", "btcusdt", "XBTUSDT", "BINANCE:BTCUSDT", "BTC"],
)
def test_spellings_of_the_same_market_are_equal(text: str) -> None:
    assert market_names.is_of(text, "BTC/USDT")


@pytest.mark.parametrize("text", ["ETHUSDT", "BTCUSD", "BTCUSDC", "WBTCUSDT", "USDT", "ETH/BTC", "BTCUSDT-PERP", ""])
def test_different_markets_are_not_equal(text: str) -> None:
    assert not market_names.is_of(text, "BTC/USDT")


@pytest.mark.parametrize(
    ("path", "claim"),
    [
        ("a/ETHUSDT-1h-2024-01.zip", Claim("ETHUSDT", "1h", certain=True)),
        ("ETH_USDT-1h.feather", Claim("ETH_USDT", "1h", certain=True)),
        ("ETH_USDT_USDT-4h.parquet", Claim("ETH_USDT", "4h", certain=True)),
        ("ETHUSDT-1h.csv", Claim("ETHUSDT", "1h", certain=False)),
        ("Binance_ETHUSDT_1h.csv", Claim("ETHUSDT", "1h", certain=False)),
        ("BTC-USDT.csv", Claim("BTC_USDT", None, certain=False)),
        ("btc.csv", Claim(None, None, certain=False)),
        ("my-candles-of-2024.csv", Claim(None, None, certain=False)),
        ("SYNTHETIC-BTCUSDT-1h-2024.zip", Claim("BTCUSDT", "1h", certain=False)),
        ("data.csv", Claim(None, None, certain=False)),
    ],
)
def test_a_file_name_gives_its_market(path: str, claim: Claim) -> None:
    assert market_names.named(path) == claim


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("ETHUSDT-1h-2024-01.zip", "its name says ETHUSDT, but BTC/USDT is requested; rename it if its name is wrong"),
        ("BTCUSDT-4h-2024-01.zip", "its name says 4h, market_data.timeframe says 1h; set market_data.timeframe: 4h"),
        ("ETH_USDT-1h.feather", "its name says ETH_USDT, but BTC/USDT is requested"),
    ],
)
def test_a_file_name_given_by_a_program_is_trusted(path: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        market_names.refuse_name(path, "BTC/USDT", timeframe="1h", advice=ADVICE)


def test_a_file_name_given_by_a_person_is_noted_but_not_rejected() -> None:
    (note,) = market_names.refuse_name("ETHUSDT-1h.csv", "BTC/USDT", timeframe="1h", advice=ADVICE)
    assert (
        note == "ETHUSDT-1h.csv: its name says ETHUSDT, but BTC/USDT is requested; make sure that it is the right file"
    )
    assert market_names.refuse_name("BTCUSDT-1h.csv", "BTC/USDT", timeframe="1h", advice=ADVICE) == ()


@pytest.mark.parametrize(
    ("column", "values", "speaks"),
    [
        ("symbol", ["BTCUSDT"], True),
        ("symbol", ["ETH"], True),
        ("market", ["spot", "spot"], False),
        ("market", ["binance"], False),
        ("market", ["BTC-USDT"], True),
        ("ticker", ["42418.53"], False),
        ("instrument", ["spot"], False),
        ("symbol", [""], False),
    ],
)
def test_a_column_of_markets_is_distinguished_from_other_columns(
    column: str, values: list[str], *, speaks: bool
) -> None:
    assert market_names.speaks(column, values) is speaks


def own(owner: Owner, *values: str, first: int = 2) -> list[bool]:
    found: list[bool] = owner.own(pl.Series(list(values)), np.arange(first, first + len(values))).tolist()
    return found


def test_the_rows_of_one_market_are_selected_from_those_of_others() -> None:
    owner = Owner("BTC/USDT", "symbol")
    assert own(owner, "BTCUSDT", "ETHUSDT", "btc-usdt") == [True, False, True]
    assert own(owner, "ETHUSDT", "BTC/USDT", first=5) == [False, True]
    assert owner.notes("a.csv", "line") == (
        "a.csv: 2 lines of ETHUSDT left out; its column symbol names the market of each",
    )  # fmt: skip


def test_a_file_of_another_market_is_rejected_with_line_and_both_names() -> None:
    owner = Owner("BTC/USDT", "pair")
    own(owner, "ETHUSDT", "SOLUSDT")
    said = "a.csv: line 2: its column pair says ETHUSDT, SOLUSDT, and no row is of BTC/USDT; give a file of BTC/USDT"
    with pytest.raises(DataError, match=said):
        owner.notes("a.csv", "line")


@pytest.mark.parametrize("values", [["1", "1", "1"], ["", "", ""], ["7", "7"]])
def test_a_constant_column_that_is_not_a_market_is_ignored(values: list[str]) -> None:
    owner = Owner("BTC/USDT", "symbol")
    assert all(own(owner, *values))
    assert owner.notes("a.csv", "line") == ()


def test_numeric_market_ids_are_not_guessed() -> None:
    owner = Owner("BTC/USDT", "symbol")
    own(owner, "1", "1")
    own(owner, "2", first=4)
    with pytest.raises(
        DataError,
        match=r"a.csv: its column symbol holds '1', '2', and none of these names a market; give a file of BTC",
    ):
        owner.notes("a.csv", "line")


def test_rows_without_a_market_are_dropped() -> None:
    owner = Owner("BTC/USDT", "symbol")
    assert own(owner, "BTCUSDT", "", "?") == [True, False, False]
