"""The names of archives give symbol, timeframe and period, or nothing."""

import pytest

from safla.data.files.archive_name import Named, id_of, named, period


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("a/b/BTCUSDT-1h-2024-01.zip", Named("BTCUSDT", "BTC/USDT", "1h")),
        ("ETHBTC-1m-2024-01-31.csv", Named("ETHBTC", "ETH/BTC", "1m")),
        ("1000SATSUSDT-1d-2024-01.zip", Named("1000SATSUSDT", "1000SATS/USDT", "1d")),
        ("BNBFDUSD-1h-2024-01.zip", Named("BNBFDUSD", "BNB/FDUSD", "1h")),
        ("ADAEUR-1h-2024-01.zip", Named("ADAEUR", None, "1h")),  # ADA/EUR or AD/AEUR
        ("BTCXYZ-1h-2024-01.zip", Named("BTCXYZ", None, "1h")),
        ("BTCUSDT-7m-2024-01.zip", None),
        ("BTCUSDT-1h-2024.zip", None),
        ("btcusdt-1h-2024-01.zip", None),
        ("BTCUSDT-1h-2024-01.zip.CHECKSUM", None),
    ],
)
def test_a_name_gives_symbol_and_timeframe_or_nothing(path: str, said: Named | None) -> None:
    assert named(path) == said


def test_a_symbol_is_spelled_as_in_the_archives() -> None:
    assert [id_of(symbol) for symbol in ("BTC/USDT", "BTC/USDT:USDT")] == ["BTCUSDT", "BTCUSDT"]


@pytest.mark.parametrize(
    ("path", "days"),
    [
        ("BTCUSDT-1h-2024-02.zip", (19_754, 19_783)),  # from 2024-02-01, 29 days
        ("a/BTCUSDT-1h-2024-12-31.csv", (20_088, 20_089)),
        ("BTCUSDT-1h-2024-13.zip", None),
        ("BTCUSDT-1h-2023-02-29.zip", None),
        ("btc.csv", None),
    ],
)
def test_the_month_or_day_of_an_archive_is_read_from_its_name(path: str, days: tuple[int, int] | None) -> None:
    assert period(path) == (None if days is None else tuple(day * 86_400_000 for day in days))
