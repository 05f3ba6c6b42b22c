"""The catalog of the store lists each series; verification reads every byte and names damage and gaps."""

from pathlib import Path

import pytest

from safla.data.store import catalog, store
from safla.data.store.store import SeriesKey
from tests.data.series import HOUR, START, candles, contents, merge, months, place, span


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two series, one with gaps, and what does not belong there."""
    merge(place(tmp_path), candles([*range(10), *range(15, 20), *range(30, 40)]), absent=[span(10, 12), span(60, 99)])
    merge(place(tmp_path), candles([3], shift=1))
    merge(place(tmp_path, "BTC/USDT:USDT"), candles(range(3))._replace(symbol="BTC/USDT:USDT"))
    (tmp_path / "binance" / "no-symbol").mkdir()
    (tmp_path / "binance" / "BTC-USDT" / "7h").mkdir()
    (tmp_path / "Binance").mkdir()
    (tmp_path / "binance" / "ETH-USDT").symlink_to(tmp_path / "binance" / "BTC-USDT")
    (tmp_path / "file").write_text("")
    return tmp_path


def test_every_series_has_a_line_and_foreign_files_have_none(cache: Path) -> None:
    btc, swap = catalog.listing(cache)
    assert (btc.place, swap.place) == (place(cache), place(cache, "BTC/USDT:USDT"))
    assert (btc.candles, btc.gaps, btc.missing, btc.absent, btc.restated) == (25, 2, 15, 2, 1)
    assert (btc.first, btc.last) == (START, START + 39 * HOUR)
    assert btc.bytes == sum(map(len, contents(btc.place).values()))
    assert (swap.candles, swap.gaps, swap.missing) == (3, 0, 0)
    assert catalog.listing(cache / "nothing") == []


def test_an_intact_series_is_verified_with_its_gaps(cache: Path) -> None:
    found = catalog.verify_series(place(cache))
    assert (found.files, found.candles, found.restated) == (2, 25, 1)
    assert found.absent == (span(10, 12),)
    assert found.unknown == (span(12, 15), span(20, 30))
    assert (found.damaged, found.aside, found.strays) == ((), (), ())


def test_the_damaged_part_of_a_series_is_named(cache: Path) -> None:
    btc = place(cache)
    months(btc)[1].write_bytes(b"damaged")
    found = catalog.verify_series(btc)
    assert found.damaged == (f"{months(btc)[1]}: its bytes are not those that were written",)
    assert found.candles == 15
    (btc.folder / "manifest.json").write_bytes(b"damaged")
    assert "manifest.json: damaged" in catalog.verify_series(btc).damaged[0]
    assert "manifest.json: damaged" in catalog.listing(cache)[0].damage


def test_impossible_candles_are_found_even_in_an_intact_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = candles([50])
    bad.columns.high[:] = 1
    with monkeypatch.context() as patch:
        patch.setattr(store, "_sound", lambda place, series, source: series)
        merge(place(cache), bad)
    (damaged,) = catalog.verify_series(place(cache)).damaged
    assert damaged.startswith(f"{months(place(cache))[1]}: row ")


def test_a_folder_without_a_manifest_is_an_empty_series(cache: Path) -> None:
    empty: SeriesKey = place(cache, "SOL/USDT")
    empty.folder.mkdir(parents=True)
    assert catalog.verify_series(empty)[1:4] == (0, 0, None)
    assert [one.candles for one in catalog.listing(cache)] == [25, 3, 0]
