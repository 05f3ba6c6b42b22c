"""The store keeps merged candles in the same bytes whatever their order of arrival; no change is silent (S2)."""

import random
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla import fs
from safla.config.plan import OrderRules
from safla.data.store import manifest, store
from safla.data.store.beliefs import DOUBT_MS
from safla.data.store.store import SeriesKey
from safla.errors import DataError, HostError
from tests.data.series import ALL, AT, HOUR, START, candles, contents, merge, months, place, same, span
from tests.errors import raises_code

NEW = ("believed", "imported", "ended")  # fields that a manifest did not always have


@pytest.fixture
def btc(tmp_path: Path) -> SeriesKey:
    """An empty series."""
    return place(tmp_path / "cache")


def test_merged_candles_are_stored_and_none_is_missing(btc: SeriesKey) -> None:
    came = candles(range(60))
    assert merge(btc, came)[:4] == (60, 0, (), 0)
    held = store.stored_candles(btc, span(0, 60))
    assert same(held.series, came)
    assert (held.missing, held.notes, held.rules) == ((), (), None)
    assert (held.first, held.last) == (START, START + 59 * HOUR)
    assert [one.name[:8] for one in months(btc)] == ["2024-01-", "2024-02-"]


def test_an_unwritten_series_is_missing_completely_and_no_folder_is_made(btc: SeriesKey) -> None:
    assert store.stored_candles(btc, span(0, 3)) == (None, (span(0, 3),), None, (), None, None, None)
    assert not btc.cache.exists()


def test_a_span_off_the_grid_covers_the_candles_that_open_within_it(btc: SeriesKey) -> None:
    merge(btc, candles(range(5)))
    held = store.stored_candles(btc, (START + 1, START + 3 * HOUR + 1))
    assert held.series is not None
    assert held.series.columns.ts.tolist() == [START + hour * HOUR for hour in (1, 2, 3)]
    assert store.stored_candles(btc, (START, START)).missing == ()


def test_merging_the_same_candles_again_changes_no_byte(btc: SeriesKey) -> None:
    merge(btc, candles(range(60)))
    before = contents(btc)
    assert store.merge(btc, candles(range(10, 70, 2)), source="another", at=AT + 1)[:2] == (5, 25)
    files = contents(btc)
    assert {name for name in before if files.get(name) == before[name]} == {months(btc)[0].name}
    again = store.merge(btc, candles(range(10, 70, 2)), source="a third", at=AT + 2)
    assert again[:2] == (0, 30)
    assert contents(btc) == files
    known = manifest.decode_manifest(files["manifest.json"])
    assert [one.source for one in known.months] == ["a source", "another"]


@pytest.mark.parametrize("price", [2, 3, 6])
@pytest.mark.parametrize("volume", [5, 8])
def test_unneeded_decimals_are_not_stored(btc: SeriesKey, tmp_path: Path, price: int, volume: int) -> None:
    merge(btc, candles(range(40)))
    other = place(tmp_path / "other")
    merge(other, candles(range(40), price=price, volume=volume))
    assert contents(other) == contents(btc)


def test_finer_candles_refine_the_scale_of_a_month_and_keep_the_stored_values(btc: SeriesKey) -> None:
    merge(btc, candles(range(10)))
    finer = candles(range(10, 12), price=4)
    finer.columns.high[:] += 1
    merge(btc, finer)
    assert store.stored_candles(btc, span(0, 10)).series is not None
    assert same(store.stored_candles(btc, span(0, 10)).series, candles(range(10)))
    assert same(store.stored_candles(btc, span(10, 12)).series, finer)
    assert manifest.decode_manifest(contents(btc)["manifest.json"]).months[0].price_decimals == 4


def test_a_scale_that_would_overflow_is_rejected_and_nothing_is_changed(btc: SeriesKey) -> None:
    large = candles(range(3))
    for column in large.columns[1:5]:
        column[:] = 4_000_000_000_000_001
    merge(btc, large._replace(price_decimals=0))
    before = contents(btc)
    with raises_code(DataError, "number_too_large"):
        merge(btc, candles([3], price=8)._replace(price_decimals=8, columns=candles([3], shift=1).columns))
    assert contents(btc) == before


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_any_split_into_pages_in_any_order_gives_the_same_bytes(chance: random.Random) -> None:
    hours = [hour for hour in range(200) if chance.random() < 0.9]
    absent = [hour for hour in range(200) if hour not in hours and chance.random() < 0.5]
    pages = [sorted(chance.sample(hours, chance.randint(1, len(hours)))) for _ in range(3)]
    cuts = sorted(chance.sample(range(len(hours)), 4))
    pages += [hours[since:to] for since, to in zip([0, *cuts], [*cuts, len(hours)], strict=True) if since < to]
    facts: list[list[int]] = [[] for _ in pages]
    for hour in absent:
        chance.choice(facts).append(hour)
    order = list(range(len(pages)))
    chance.shuffle(order)
    with tempfile.TemporaryDirectory() as folder:
        one, other = place(Path(folder) / "one"), place(Path(folder) / "other")
        merge(one, candles(hours), absent=[span(hour, hour + 1) for hour in absent])
        for number in order:
            decimals = chance.randint(2, 6)
            page = candles(pages[number], price=decimals, volume=chance.randint(5, 8))
            merge(other, page, absent=[span(hour, hour + 1) for hour in facts[number]])
        assert contents(other) == contents(one)
        unknown = {hour for hour in range(200) if hour not in hours and hour not in absent}
        missing = store.stored_candles(other, span(0, 200)).missing
        assert {(at - START) // HOUR for since, to in missing for at in range(since, to, HOUR)} == unknown


# --- Known gaps ------------------------------------------------------------------------------------------------------


def absent(where: SeriesKey) -> list[tuple[int, ...]]:
    """Returns the known gaps, in hours after START."""
    known = manifest.decode_manifest(contents(where)["manifest.json"])
    return [tuple((ms - START) // HOUR for ms in one) for one in known.absent]


def test_known_gaps_are_not_missing(btc: SeriesKey) -> None:
    merge(btc, candles([0, 1, 6, 7]), absent=[span(2, 4)])
    assert store.stored_candles(btc, span(0, 9)).missing == (span(4, 6), span(8, 9))
    assert absent(btc) == [(2, 4)]


def test_an_arriving_candle_removes_its_time_from_a_known_gap(btc: SeriesKey) -> None:
    merge(btc, candles([0]), absent=[span(1, 9)])
    merge(btc, candles([4]))
    assert absent(btc) == [(1, 4), (5, 9)]


def test_stored_candles_are_never_part_of_a_known_gap(btc: SeriesKey) -> None:
    merge(btc, candles([30, 31, 40]))
    merge(btc, candles([]), absent=[span(0, 60)])
    assert absent(btc) == [(0, 30), (32, 40), (41, 60)]
    assert store.stored_candles(btc, span(0, 60)).missing == ()


def test_a_known_gap_off_the_grid_is_rejected(btc: SeriesKey) -> None:
    with raises_code(DataError, "invalid_time"):
        merge(btc, candles([0]), absent=[(START + 1, START + HOUR)])
    assert not btc.cache.exists()


# --- Restated --------------------------------------------------------------------------------------------------------


def test_restated_candles_are_kept_apart_and_stored_candles_are_unchanged(btc: SeriesKey) -> None:
    merge(btc, candles(range(5)))
    files = [one.read_bytes() for one in months(btc)]
    merged = merge(btc, candles([2, 3, 9], shift=1))
    assert merged[:2] == (1, 0)
    stored = ("42000.17", "42000.23", "42000.14", "42000.19", "10.00026")
    offered = ("42000.18", "42000.24", "42000.15", "42000.2", "10.00027")
    assert merged.restated[0] == (START + 2 * HOUR, stored, offered)
    assert [one.ts for one in merged.restated] == [START + 2 * HOUR, START + 3 * HOUR]
    assert same(store.stored_candles(btc, span(0, 5)).series, candles(range(5)))
    before = contents(btc)
    assert merge(btc, candles([2, 3], shift=1, price=4)).restated == merged.restated
    assert contents(btc) == before
    assert files != [one.read_bytes() for one in months(btc)]  # the new candle is in


def test_restated_candles_are_accepted_on_request(btc: SeriesKey) -> None:
    merge(btc, candles(range(5)))
    merged = merge(btc, candles([2, 3], shift=1), accept_restated=True)
    assert (merged.added, merged.same, merged.restated, merged.accepted) == (0, 0, (), 2)
    assert same(store.stored_candles(btc, span(2, 4)).series, candles([2, 3], shift=1))
    assert same(store.stored_candles(btc, span(4, 5)).series, candles([4]))


def test_restated_candles_kept_apart_can_be_accepted_later_within_a_span(btc: SeriesKey) -> None:
    merge(btc, candles(range(5)))
    merge(btc, candles([1, 2, 3], shift=1))
    merge(btc, candles([2], shift=2))
    assert store.accept(btc, span(2, 4)) == 2
    assert same(store.stored_candles(btc, span(1, 2)).series, candles([1]))
    assert same(store.stored_candles(btc, span(2, 3)).series, candles([2], shift=2))  # the last that was offered
    assert same(store.stored_candles(btc, span(3, 4)).series, candles([3], shift=1))
    assert store.accept(btc, span(2, 4)) == 0
    assert [one.ts for one in manifest.decode_manifest(contents(btc)["manifest.json"]).restated] == [START + HOUR]


def test_too_many_restated_candles_are_rejected_and_nothing_is_changed(
    btc: SeriesKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "MAX_RESTATED", 3)
    merge(btc, candles(range(5)))
    before = contents(btc)
    with raises_code(DataError, "store_full"):
        merge(btc, candles([0, 1, 2, 3], shift=1))
    assert contents(btc) == before


# --- Rejected candles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ts", START + 1, "not on the grid"),
        ("ts", START - HOUR, "candles must ascend"),
        ("low", 0, "not above 0"),
        ("high", 1, "below"),
        ("volume", -1, "below 0"),
        ("high", 2**62, "64-bit sums allow"),
    ],
)
def test_a_batch_with_invalid_candles_is_rejected_as_a_whole(btc: SeriesKey, field: str, value: int, said: str) -> None:
    came = candles(range(3))
    getattr(came.columns, field)[1] = value
    with pytest.raises(DataError, match=said):
        merge(btc, came)
    assert not btc.cache.exists()


def test_candles_of_another_symbol_or_with_too_many_decimals_are_rejected(btc: SeriesKey) -> None:
    with raises_code(DataError, "wrong_market"):
        merge(btc, candles([0])._replace(symbol="ETH/USDT"))
    with raises_code(DataError, "too_many_decimals"):
        merge(btc, candles([0])._replace(price_decimals=13))


# --- Rules, names, owners --------------------------------------------------------------------------------------------


def test_market_rules_are_stored_with_the_candles_and_read_back_exactly(btc: SeriesKey) -> None:
    rules = OrderRules(Decimal("0.01"), Decimal("1E-5"), None)
    store.keep_rules(btc, rules, at=AT)
    merge(btc, candles(range(3)))
    assert store.stored_candles(btc, (0, 0)).rules == rules
    assert contents(btc)["manifest.json"].count(b'"lot":"0.00001"') == 1
    with raises_code(DataError, "not_a_number", match="no valid tick, lot or minimum notional"):
        store.keep_rules(btc, rules._replace(tick=Decimal("1E+30")), at=AT)


def test_no_two_symbols_share_a_folder() -> None:
    symbols = ["BTC/USDT", "BTC/USDT:USDT", "BTC/USD", "BTCU/SDT", "B/TCUSDT"]
    assert len({store.slug(symbol) for symbol in symbols}) == len(symbols)


def test_folders_and_files_are_private_to_their_owner(btc: SeriesKey) -> None:
    merge(btc, candles(range(3)))
    folders = [btc.folder, *btc.folder.parents[: len(btc.names)]]
    assert {one.stat().st_mode & 0o777 for one in folders} == {0o700}
    assert {one.stat().st_mode & 0o777 for one in btc.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["manifest.json", "lock", "month", "folder"])
def test_a_link_in_the_store_is_neither_followed_nor_written_to(btc: SeriesKey, tmp_path: Path, name: str) -> None:
    merge(btc, candles(range(3)))
    path = {"month": months(btc)[0], "folder": btc.folder}.get(name, btc.folder / name)
    path.rename(tmp_path / "target")
    path.symlink_to(tmp_path / "target")
    with raises_code(HostError, "not_our_file", match=path.name):
        store.stored_candles(btc, ALL)
    with raises_code(HostError, "not_our_file", match=path.name):
        merge(btc, candles(range(5)))


def test_waiting_for_a_series_locked_by_another_process_times_out(
    btc: SeriesKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge(btc, candles(range(3)))
    monkeypatch.setattr(fs, "LOCK_TRIES", 3)
    with fs.locked(btc.folder / "lock", exclusive=True):
        with raises_code(HostError, "store_locked", match=str(btc.folder)):
            store.stored_candles(btc, ALL)
        with raises_code(HostError, "store_locked", match=str(btc.folder)):
            merge(btc, candles(range(5)))
    with fs.locked(btc.folder / "lock", exclusive=False):
        assert same(store.stored_candles(btc, ALL).series, candles(range(3)))


def test_months_of_different_scales_are_read_at_the_finest_scale(btc: SeriesKey) -> None:
    january, february = candles(range(24)), candles(range(24, 30), price=3)
    february.columns.high[:] += 1
    merge(btc, january)
    merge(btc, february)
    held = store.stored_candles(btc, span(0, 30)).series
    assert held is not None
    assert held.price_decimals == 3
    assert np.array_equal(held.columns.close[:24], january.columns.close * 10)


def test_the_time_of_acceptance_of_a_gap_is_kept_until_its_candle_arrives(btc: SeriesKey) -> None:
    merge(btc, candles([0, 1, 4]), absent=[span(2, 4)])
    assert store.doubtful(btc, ALL, now=AT + 1) == (span(2, 4),)
    assert store.doubtful(btc, ALL, now=AT + DOUBT_MS) == ()
    merge(btc, candles([2]))
    assert store.doubtful(btc, ALL, now=AT + 1) == (span(3, 4),)


def test_a_gap_of_a_file_is_requested_until_an_exchange_confirms_it_and_is_not_missing(btc: SeriesKey) -> None:
    store.merge(btc, candles([0, 1, 4]), source="a.csv", at=AT, absent=[span(2, 4)], imported=True)
    assert store.stored_candles(btc, span(0, 5)).missing == ()
    later = AT + 100 * DOUBT_MS
    assert store.doubtful(btc, ALL, now=later) == (span(2, 4),)
    store.confirm(btc, (span(2, 4),), at=later)
    assert store.stored_candles(btc, span(0, 5)).missing == ()
    assert store.doubtful(btc, ALL, now=later + 1) == (span(2, 4),)
    assert store.doubtful(btc, ALL, now=later + DOUBT_MS) == ()


def test_a_gap_confirmed_by_an_exchange_stays_confirmed_after_an_import(btc: SeriesKey) -> None:
    merge(btc, candles([0, 1, 4]), absent=[span(2, 4)])
    store.merge(btc, candles([0, 1, 4]), source="a.csv", at=AT, absent=[span(2, 4)], imported=True)
    assert store.doubtful(btc, ALL, now=AT + DOUBT_MS) == ()


def test_a_delisted_market_misses_no_candles_until_a_later_candle_arrives(btc: SeriesKey) -> None:
    merge(btc, candles(range(5)))
    store.end(btc, START + 5 * HOUR, at=AT)
    held = store.stored_candles(btc, span(0, 20))
    assert (held.missing, held.ended, store.ended_since(btc)) == ((), START + 5 * HOUR, AT)
    merge(btc, candles([9]))
    assert (store.stored_candles(btc, span(0, 20)).ended, store.ended_since(btc)) == (None, None)
    assert store.stored_candles(btc, span(0, 20)).missing == (span(5, 9), span(10, 20))


def test_a_manifest_of_an_older_release_without_gap_times_is_read(btc: SeriesKey) -> None:
    merge(btc, candles([0, 1, 4]), absent=[span(2, 4)])
    path = btc.folder / manifest.NAME
    known = msgspec.structs.replace(manifest.decode_manifest(path.read_bytes()), believed=())
    rest = msgspec.json.encode({name: value for name, value in msgspec.to_builtins(known).items() if name not in NEW})
    path.write_bytes(rest[:-1] + manifest._SEAL % manifest._seal(rest))
    assert store.stored_candles(btc, span(0, 5)).missing == ()
    assert store.doubtful(btc, ALL, now=AT + 1) == ()
