"""Damage of the store is found by its hash and never decoded or trusted; the next merge renames the file aside."""

import random
from pathlib import Path

import pytest

from safla.config.plan import NO_RULES
from safla.data.store import catalog, manifest, store
from safla.data.store.store import SeriesKey
from tests.data.series import ALL, AT, START, candles, contents, merge, months, place, same, span

FLIPS = 150


@pytest.fixture
def btc(tmp_path: Path) -> SeriesKey:
    """A series of sixty hours in two months, some of them offered with other values."""
    found = place(tmp_path / "cache")
    merge(found, candles(range(60)), absent=[span(60, 70)])
    merge(found, candles([5], shift=1))
    return found


def broken(content: bytes, chance: random.Random) -> bytes:
    """The content with a bit turned round, cut, or with bytes put in."""
    at = chance.randrange(len(content))
    flipped = bytes([content[at] ^ 1 << chance.randrange(8)])
    return content[:at] + chance.choice([flipped + content[at + 1 :], b"", b"?" + content[at:]])


def test_a_month_damaged_anywhere_is_missing_and_never_wrong(btc: SeriesKey, chance: random.Random) -> None:
    january = months(btc)[0]
    whole = january.read_bytes()
    for _ in range(FLIPS):
        january.write_bytes(broken(whole, chance))
        held = store.stored_candles(btc, span(0, 60))
        assert same(held.series, candles(range(24, 60)))
        assert held.missing == (span(0, 24),)
        assert held.notes == (f"{january}: its bytes are not those that were written; its candles count as missing",)
        assert held.first == START + 24 * 3_600_000


def test_a_manifest_damaged_anywhere_makes_everything_missing(btc: SeriesKey, chance: random.Random) -> None:
    path = btc.folder / "manifest.json"
    whole = path.read_bytes()
    for _ in range(FLIPS):
        path.write_bytes(broken(whole, chance))
        held = store.stored_candles(btc, span(0, 60))
        assert (held.series, held.missing, held.first) == (None, (span(0, 60),), None)
        assert len(held.notes) == 1
        assert held.notes[0].startswith(f"{path}: damaged (")


def test_a_damaged_month_is_renamed_aside_and_refilled_by_the_next_merge(btc: SeriesKey) -> None:
    before = contents(btc)
    january = months(btc)[0]
    january.write_bytes(b"damaged")
    merged = merge(btc, candles(range(60)))
    assert merged[:2] == (24, 36)
    assert f"{january}: its bytes are not those that were written; set aside" in merged.notes[0]
    after = contents(btc)
    assert after.pop(f"{january.name}.damaged") == b"damaged"
    assert after.keys() == before.keys()
    assert after[january.name] == before[january.name]
    known, old = (manifest.decode_manifest(one["manifest.json"]) for one in (after, before))
    assert known.months == old.months  # the same bytes: the same source and time
    assert known.restated == ()  # they differed from what is not held any more


def test_a_removed_month_is_missing_until_it_is_merged_again(btc: SeriesKey) -> None:
    january = months(btc)[0]
    whole = january.read_bytes()
    january.unlink()
    assert store.stored_candles(btc, span(0, 60)).missing == (span(0, 24),)
    merge(btc, candles(range(24)))
    assert january.read_bytes() == whole


def test_a_damaged_month_that_is_partly_merged_again_holds_that_part(btc: SeriesKey) -> None:
    months(btc)[0].write_bytes(b"damaged")
    merge(btc, candles(range(20, 24)))
    held = store.stored_candles(btc, span(0, 60))
    assert same(held.series, candles(range(20, 60)))
    assert held.missing == (span(0, 20),)


def test_a_damaged_manifest_is_renamed_aside_and_its_months_are_not_trusted(btc: SeriesKey) -> None:
    names = [one.name for one in months(btc)]
    (btc.folder / "manifest.json").write_bytes(b"{}")
    merged = merge(btc, candles(range(3), shift=5))
    assert merged[:3] == (3, 0, ())
    assert "manifest.json: damaged" in merged.notes[0]
    files = contents(btc)
    assert {f"{name}.damaged" for name in [*names, "manifest.json"]} <= files.keys()
    assert same(store.stored_candles(btc, ALL).series, candles(range(3), shift=5))
    assert catalog.verify_series(btc).aside == tuple(sorted(f"{name}.damaged" for name in [*names, "manifest.json"]))


def test_renaming_a_damaged_manifest_aside_is_reported_when_market_rules_are_stored(btc: SeriesKey) -> None:
    (btc.folder / "manifest.json").write_bytes(b"{}")
    assert "manifest.json: damaged" in store.keep_rules(btc, NO_RULES, at=AT)[0]
    assert store.stored_candles(btc, span(0, 60)).missing == (span(0, 60),)


def test_a_month_file_beyond_the_maximum_size_is_not_read(btc: SeriesKey) -> None:
    with months(btc)[0].open("r+b") as file:
        file.truncate(2**40)  # without taking room on the disk
    held = store.stored_candles(btc, span(0, 60))
    assert held.missing == (span(0, 24),)
    assert "at most 67108864 are read" in held.notes[0]


def test_an_intact_file_of_another_month_is_not_trusted(btc: SeriesKey) -> None:
    january, february = months(btc)
    january.write_bytes(february.read_bytes())
    assert store.stored_candles(btc, span(0, 60)).missing == (span(0, 24),)


def test_a_manifest_of_another_series_is_not_trusted(btc: SeriesKey, tmp_path: Path) -> None:
    other = place(tmp_path / "cache", "ETH/USDT")
    other.folder.mkdir(parents=True)
    (other.folder / "manifest.json").write_bytes((btc.folder / "manifest.json").read_bytes())
    (other.folder / "manifest.json").chmod(0o600)
    assert "belongs to another series" in store.stored_candles(other, ALL).notes[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema":1', b'"schema":2'),
        (b'"candles":24', b'"candles":24.0'),
        (b'"month":"2024-01"', b'"month":"2024-03"'),
        (b'"absent"', b'"else":1,"absent"'),
    ],
)
def test_a_manifest_with_a_valid_seal_and_invalid_content_is_damaged(btc: SeriesKey, old: bytes, new: bytes) -> None:
    rest = (btc.folder / "manifest.json").read_bytes()[: -manifest._SEALED] + b"}"
    assert old in rest
    rest = rest.replace(old, new)
    sealed = rest[:-1] + manifest._SEAL % manifest._seal(rest)
    with pytest.raises(ValueError, match=r"it is invalid|inconsistent"):
        manifest.decode_manifest(sealed)


def test_files_left_by_a_crash_are_removed_by_the_next_merge(btc: SeriesKey) -> None:
    before = contents(btc)
    for name in ("2024-01-0123456789abcdef.parquet", "manifest.json.tmp", "2024-02-0123456789abcdef.parquet.tmp"):
        (btc.folder / name).write_bytes(b"left over")
    (btc.folder / "notes.txt").write_bytes(b"of the user")
    assert catalog.verify_series(btc).strays != ()
    assert same(store.stored_candles(btc, span(0, 60)).series, candles(range(60)))
    assert merge(btc, candles([3])).notes == (f"{btc.folder}: 1 files that no manifest names were removed",)
    assert contents(btc) == before | {"notes.txt": b"of the user"}
