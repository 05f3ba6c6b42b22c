"""`safla data`: list, verify, import, export, and fault row 49 for archives."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.series import candles as of_hours
from tests.data.series import merge, months, place
from tests.data.tables import HEADER, checksum, csv_file, file, kline, lines, zip_file
from tests.faults.command import Answer, inside

ROWS = lines(48)
KLINES = "".join(f"{kline(line)}\n" for line in ROWS).encode()
ARCHIVE = "BTCUSDT-1h-2024-01.zip"

Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`safla data WORDS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: inside(capsys, "data", *words)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """A sound archive of 48 synthetic hours."""
    return zip_file(tmp_path, {"BTCUSDT-1h-2024-01.csv": KLINES}, name=ARCHIVE)


def stored(folder: Path) -> list[str]:
    """What lies in the cache."""
    return sorted(one.name for one in (folder / "data" / "cache").rglob("*") if one.is_file())


def test_symbol_and_timeframe_of_an_archive_are_read_from_its_name(ask: Ask, archive: str) -> None:
    answer = ask("import", archive)
    assert answer == (0, f"binance BTC/USDT 1h: 48 candles, 48 new, 0 known, from {archive}\n", "")
    assert ask("import", archive).out == f"binance BTC/USDT 1h: 48 candles, 0 new, 48 known, from {archive}\n"
    assert ask("list").out.splitlines()[1].split()[:6] == [
        "binance", "BTC/USDT", "1h", "48", "2024-01-01T00:00Z", "2024-01-02T23:00Z",
    ]  # fmt: skip


def test_the_last_candle_of_a_csv_is_dropped_with_a_note(ask: Ask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *ROWS)
    answer = ask("import", path, "--symbol", "BTC/USDT")
    assert answer.code == 0
    assert answer.out.startswith("binance BTC/USDT 1h: 47 candles, 47 new")
    assert answer.err == (
        f"{path}: its last candle was dropped, since nothing proves that it is closed; --last-candle keep imports it\n"
    )
    answer = ask("import", path, "--symbol", "BTC/USDT", "--last-candle", "keep")
    assert answer.out.startswith("binance BTC/USDT 1h: 48 candles, 1 new, 47 known")
    assert answer.err == f"{path}: nothing proves that its last candle is closed (--last-candle keep)\n"


def test_a_csv_of_twelve_columns_with_the_name_of_an_archive_has_only_closed_candles(ask: Ask, tmp_path: Path) -> None:
    path = file(tmp_path, "BTCUSDT-1h-2024-01.csv", KLINES)
    assert ask("import", path).out.startswith("binance BTC/USDT 1h: 48 candles")
    six = csv_file(tmp_path, HEADER, *ROWS, name="ETHUSDT-1h-2024-01.csv")
    assert ask("import", six).out.startswith("binance ETH/USDT 1h: 47 candles")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["btc.csv"], "its name does not tell the symbol; give --symbol BTC/USDT"),
        (["btc.csv", "--symbol", "../x"], "is not a symbol; write BASE/QUOTE"),
        ([ARCHIVE, "--symbol", "ETH/USDT"], "its name says BTCUSDT, --symbol says ETH/USDT"),
        ([ARCHIVE, "--timeframe", "1m"], "its name says 1h, --timeframe says 1m"),
        ([ARCHIVE, "btc.csv"], "its name does not tell the symbol"),
    ],
)
def test_symbol_and_timeframe_of_a_file_are_never_guessed(
    ask: Ask, archive: str, tmp_path: Path, words: list[str], said: str
) -> None:
    csv_file(tmp_path, HEADER, *ROWS)
    answer = ask("import", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert stored(tmp_path) == []


def test_hourly_candles_are_rejected_as_minute_candles(ask: Ask, tmp_path: Path) -> None:
    answer = ask("import", csv_file(tmp_path, HEADER, *ROWS), "--symbol", "BTC/USDT", "--timeframe", "1m")
    assert answer.code == 4
    assert "its candles are 1h apart, and would be kept as 1m" in answer.err
    assert stored(tmp_path) == []


def test_restated_candles_are_kept_apart_until_they_are_accepted(ask: Ask, archive: str, tmp_path: Path) -> None:
    ask("import", archive)
    path = csv_file(tmp_path, HEADER, *[row.replace("105.25", "105.5") for row in ROWS[:5]], *ROWS[5:])
    words = ("import", path, "--symbol", "BTC/USDT", "--last-candle", "keep")
    answer = ask(*words)
    assert answer.code == 1
    first, *details = answer.err.splitlines()[1:]
    assert (
        first == "safla: 5 candles differ from stored ones, which were kept; --accept-restated replaces the stored ones"
    )
    assert details[0].endswith("2024-01-01T00:00Z: stored 100.5 110 90 105.25 0.125, offered 100.5 110 90 105.5 0.125")
    assert details[3:] == ["  and 2 more"]
    assert json.loads(ask("list", "--json").out)[0]["restated"] == 5
    assert len(json.loads(ask(*words, "--json").out)[0]["restated"]) == 5
    assert ", 5 replaced" in ask(*words, "--accept-restated").out
    assert json.loads(ask("list", "--json").out)[0]["restated"] == 0
    assert "105.5" in ask("export", "BTC/USDT").out.splitlines()[1]


def local(count: int = 48) -> list[str]:
    """Returns the same hours without a time zone and with other column names."""
    return ["when;o;h;l;c;amount", *(f"2024-01-{1 + hour // 24:02} {hour % 24:02}:00;{row[14:].replace(',', ';')}"
            for hour, row in enumerate(ROWS[:count]))]  # fmt: skip


def test_an_import_takes_columns_and_time_zone_from_options_or_the_configuration(ask: Ask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, *local())
    plain = csv_file(tmp_path, HEADER, *ROWS, name="plain.csv")
    said = ask("import", path, "--symbol", "BTC/USDT")
    assert (said.code, "no column for ts" in said.err) == (4, True)
    said = ask("import", path, "--symbol", "BTC/USDT", "--columns", "ts=when", "--columns", "volume=5")
    assert (said.code, "has no time zone; data.time_zone (safla data import: --time-zone)" in said.err) == (4, True)
    options = ("--columns", "ts=when", "--columns", "volume=5", "--time-zone", "UTC")
    assert "47 candles, 47 new" in ask("import", path, "--symbol", "BTC/USDT", *options).out
    assert "0 new, 47 known" in ask("import", plain, "--symbol", "BTC/USDT").out
    (tmp_path / "config.yaml").write_text("data: {columns: {ts: when, volume: amount}, time_zone: UTC}\n")
    assert "0 new, 47 known" in ask("import", path, "--symbol", "BTC/USDT").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "when"], "expected FIELD=NAME, where FIELD is one of ts, open, high, low, close, volume"),
        (["--columns", "date=when"], "expected FIELD=NAME"),
        (["--time-zone", "Mars/Olympus"], "data.time_zone: "),
    ],
)
def test_an_invalid_option_is_rejected(ask: Ask, tmp_path: Path, words: list[str], said: str) -> None:
    answer = ask("import", csv_file(tmp_path, *local()), "--symbol", "BTC/USDT", *words)
    assert answer.code in (2, 3)
    assert said in answer.err
    assert stored(tmp_path) == []


def test_an_import_reads_the_same_files_as_a_run(ask: Ask, tmp_path: Path) -> None:
    arrays = f"[{', '.join(f'[{row}]' for row in ROWS)}]".encode()
    table = "\n".join([HEADER, *ROWS]).encode()
    for name, content in {
        "BTC_USDT-1h.json": arrays, "BTC_USDT-1h.json.gz": gzip.compress(arrays), "a.csv": table,
        "cdd.csv": b"https://www.example.org\n" + table,
    }.items():  # fmt: skip
        answer = ask("import", file(tmp_path, name, content), "--symbol", "BTC/USDT")
        assert (answer.code, "47 candles" in answer.out) == (0, True)
    answer = ask("import", zip_file(tmp_path, {"any.csv": table}, name="hourly.zip"), "--symbol", "BTC/USDT")
    assert "47 candles, 0 new, 47 known" in answer.out


def test_a_configured_scale_accepts_prices_with_float_rounding_in_an_import(ask: Ask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *ROWS[:5], ROWS[5].replace("105.25", "105.25000000000001"), *ROWS[6:])
    assert ask("import", path, "--symbol", "BTC/USDT").code == 4
    (tmp_path / "config.yaml").write_text("markets: {BTC/USDT: {price_decimals: 2}}\n")
    answer = ask("import", path, "--symbol", "BTC/USDT")
    assert (answer.code, "1 price rounded to 2 decimals" in answer.err) == (0, True)


# --- Row 49 ----------------------------------------------------------------------------------------------------------


def wrong_checksum(folder: Path) -> str:
    path = zip_file(folder, {"BTCUSDT-1h-2024-01.csv": KLINES}, name=ARCHIVE)
    checksum(path, wrong=True)
    return path


def cut(folder: Path) -> str:
    path = zip_file(folder, {"BTCUSDT-1h-2024-01.csv": KLINES}, name=ARCHIVE)
    return file(folder, ARCHIVE, Path(path).read_bytes()[:-100])


def bomb(folder: Path) -> str:
    return zip_file(folder, {"BTCUSDT-1h-2024-01.csv": b"0" * 300_000_000}, name=ARCHIVE)


def climbing(folder: Path) -> str:
    return zip_file(folder, {"../../evil.csv": KLINES}, name=ARCHIVE)


@pytest.mark.parametrize("made", [wrong_checksum, cut, bomb, climbing])
def test_row_49_a_bad_archive_is_rejected_and_nothing_is_stored(
    ask: Ask, tmp_path: Path, made: Callable[[Path], str]
) -> None:
    path = made(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    answer = ask("import", path)
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith(f"safla: {path}: ")
    assert answer.err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "evil.csv").exists()


def test_row_49_a_wrong_checksum_is_rejected_with_both_sums(ask: Ask, tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"BTCUSDT-1h-2024-01.csv": KLINES}, name=ARCHIVE)
    sums = [checksum(path, wrong=wrong) for wrong in (False, True)]
    answer = ask("import", path)
    assert all(one in answer.err for one in (*sums, "download both again"))


# --- list and verify -------------------------------------------------------------------------------------------------


def test_an_empty_store_is_not_an_error(ask: Ask, tmp_path: Path) -> None:
    assert ask("list") == (0, "no candles in data/cache\n", "")
    assert ask("list", "--json").out == "[]\n"
    assert ask("verify") == (0, "no candles in data/cache\n", "")
    assert list(tmp_path.iterdir()) == []


def test_the_cache_and_the_exchange_come_from_the_configuration(ask: Ask, archive: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("storage: {cache_directory: elsewhere}\nexchange: {name: kraken}\n")
    assert ask("import", archive).out.startswith("kraken BTC/USDT 1h")
    assert (tmp_path / "elsewhere" / "kraken" / "BTC-USDT" / "1h" / "manifest.json").exists()
    assert ask("list", "--set", "storage.cache_directory=nowhere").out == "no candles in nowhere\n"
    (tmp_path / "other.yaml").write_text("symbols: {primary: [ETH/USDT]}\n")
    assert ask("list", "--config", "other.yaml").out == "no candles in data/cache\n"


def test_an_intact_store_is_verified_gap_by_gap(ask: Ask, tmp_path: Path) -> None:
    merge(
        place(tmp_path / "data" / "cache"), of_hours([*range(5), 8, 9]), absent=[(1_706_677_200_000, 1_706_680_800_000)]
    )
    answer = ask("verify")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == (
        "binance BTC/USDT 1h: sound\n"
        "  files        1\n"
        "  candles      7, 2024-01-31T00:00Z to 2024-01-31T09:00Z\n"
        "  gaps         2024-01-31T06:00Z to 2024-01-31T07:00Z (2)\n"
        "  absent       2024-01-31T05:00Z to 2024-01-31T05:00Z (1), believed since 2024-07-03T09:46:40Z\n"
    )
    report = json.loads(ask("verify", "BTC/USDT", "--timeframe", "1h", "--json").out)[0]
    assert report["gaps"] == [{"from": "2024-01-31T06:00Z", "to": "2024-01-31T08:00Z"}]
    assert report["sound"] is True


def test_damage_is_named_with_exit_code_4(ask: Ask, archive: str, tmp_path: Path) -> None:
    ask("import", archive)
    path = months(place(Path("data/cache")))[0]
    path.write_bytes(b"damaged")
    answer = ask("verify")
    assert answer.code == 4
    assert answer.out.splitlines()[0] == "binance BTC/USDT 1h: DAMAGED"
    assert f"  damaged      {path}: its bytes are not those that were written" in answer.out.splitlines()
    assert json.loads(ask("verify", "--json").out)[0]["sound"] is False
    (path.parent / "manifest.json").write_bytes(b"damaged")
    assert "manifest.json: damaged" in ask("list").err


def test_a_symbol_that_is_not_stored_is_a_failure(ask: Ask, archive: str) -> None:
    ask("import", archive)
    answer = ask("verify", "ETH/USDT")
    assert (answer.code, answer.out) == (4, "")
    assert answer.err == "safla: ETH/USDT: no candles in data/cache; `safla data list` shows what is stored\n"


# --- export ----------------------------------------------------------------------------------------------------------


def test_candles_are_exported_as_csv_to_stdout_and_gaps_are_reported(ask: Ask, tmp_path: Path) -> None:
    merge(place(tmp_path / "data" / "cache"), of_hours([0, 1, 5]))
    answer = ask("export", "BTC/USDT")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "ts,open,high,low,close,volume",
        "1706659200000,42000.03,42000.09,42000.00,42000.05,10.00000",
        "1706662800000,42000.10,42000.16,42000.07,42000.12,10.00013",
        "1706677200000,42000.38,42000.44,42000.35,42000.40,10.00065",
    ]
    assert answer.err == "binance BTC/USDT 1h: missing 2024-01-31T02:00Z to 2024-01-31T04:00Z (3)\n"


def test_a_window_is_exported_only_to_a_new_file(ask: Ask, archive: str, tmp_path: Path) -> None:
    ask("import", archive)
    words = ("export", "BTC/USDT", "--from", "2024-01-01T10:00Z", "--to", "2024-01-02", "--out", "out.csv")
    assert ask(*words).out == ("binance BTC/USDT 1h: 14 candles, 2024-01-01T10:00Z to 2024-01-01T23:00Z, in out.csv\n")
    assert (tmp_path / "out.csv").read_text().count("\n") == 15
    assert ask(*words) == (2, "", "safla: out.csv: exists and is not overwritten; name another file\n")
    answer = ask("export", "BTC/USDT", "--format", "parquet", "--out", "out.parquet", "--json")
    assert json.loads(answer.out)["candles"] == 48
    assert ask("import", "out.parquet", "--symbol", "BTC/USDT").out.startswith("binance BTC/USDT 1h: 47 candles, 0 new")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["ETH/USDT"], 4, "no candles are stored in this period"),
        (["BTC/USDT", "--from", "2025-01-01"], 4, "no candles are stored in this period"),
        (["btc"], 2, '"btc" is not a symbol'),
        (["BTC/USDT", "--from", "soon"], 2, "--from: expected a date such as 2024-01-31, or ms UTC, got 'soon'"),
        (["BTC/USDT", "--format", "parquet"], 2, "stdout takes only CSV"),
        (["BTC/USDT", "--out", "none/out.csv"], 2, "its folder does not exist"),
    ],
)
def test_an_impossible_export_is_reported(ask: Ask, archive: str, words: list[str], code: int, said: str) -> None:
    ask("import", archive)
    answer = ask("export", *words)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_accepted_gaps_are_in_the_list_and_their_origin_is_in_verify(ask: Ask, tmp_path: Path) -> None:
    merge(
        place(tmp_path / "data" / "cache"), of_hours([*range(5), 8, 9]), absent=[(1_706_677_200_000, 1_706_688_000_000)]
    )
    (row,) = json.loads(ask("list", "--json").out)
    assert (row["gaps"], row["missing"], row["believed"], row["absent"]) == (1, 3, 1, 3)
    heading, line = ask("list").out.splitlines()
    assert heading.split()[6:9] == ["gaps", "missing", "believed"]
    assert line.split()[6:9] == ["1", "3", "1"]
    (series,) = json.loads(ask("verify", "--json").out)
    assert series["believed"] == [
        {"from": "2024-01-31T05:00Z", "to": "2024-01-31T08:00Z", "since": "2024-07-03T09:46:40Z"}
    ]
    assert (series["imported"], series["ended"], series["gaps"]) == ([], None, [])


def test_gaps_of_an_import_are_accepted_until_an_exchange_is_queried(ask: Ask, tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *ROWS[:5], *ROWS[8:])
    assert ask("import", path, "--symbol", "BTC/USDT", "--timeframe", "1h").code == 0
    out = ask("verify").out
    assert "absent       2024-01-01T05:00Z to 2024-01-01T07:00Z (3), by an import: not checked with the exchange" in out
    (series,) = json.loads(ask("verify", "--json").out)
    assert series["imported"] == [{"from": "2024-01-01T05:00Z", "to": "2024-01-01T08:00Z"}]


def imported_gaps(ask: Ask, *paths: str) -> list[tuple[str, str]]:
    """Which gaps count after an import of some files."""
    assert ask("import", *paths, "--symbol", "BTC/USDT", "--timeframe", "1h").code == 0
    (series,) = json.loads(ask("verify", "--json").out)
    return [(gap["from"][:13], gap["to"][:13]) for gap in series["imported"]]


def test_a_gap_between_imported_files_is_accepted_and_no_candle_before_it_is_missing(ask: Ask, tmp_path: Path) -> None:
    parts = [csv_file(tmp_path, HEADER, *ROWS[:10], name="1.csv"), csv_file(tmp_path, HEADER, *ROWS[14:], name="2.csv")]
    assert imported_gaps(ask, *parts) == [("2024-01-01T10", "2024-01-01T14")]
    (series,) = json.loads(ask("verify", "--json").out)
    assert series["gaps"] == []


def parts_of(folder: Path, **parts: list[str]) -> list[str]:
    """CSV files of these rows, by name."""
    return [csv_file(folder, HEADER, *rows, name=f"{name}.csv") for name, rows in parts.items()]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_several_files_of_a_series_only_the_last_candle_of_all_is_dropped(
    ask: Ask, tmp_path: Path, order: tuple[int, ...]
) -> None:
    paths = parts_of(tmp_path, a=ROWS[:16], b=ROWS[16:32], c=ROWS[32:])
    for number in ("new", "known"):
        answer = ask("import", *(paths[place] for place in order), "--symbol", "BTC/USDT")
        assert [f"{kept} candles" in answer.out for kept in (16, 15)] == [True, True]
        assert [line.split(": ")[1].split(",")[0] for line in answer.out.splitlines()] == [
            f"{15 if place == 2 else 16} candles" for place in order
        ]
        assert answer.err == (
            f"{paths[2]}: its last candle was dropped, since nothing proves that it is closed; "
            "--last-candle keep imports it\n"
        )
        assert answer.out.count(f"16 {number}") == 2
    (series,) = json.loads(ask("verify", "--json").out)
    assert (series["candles"], series["gaps"]) == (47, [])


def test_with_keep_only_the_last_file_of_a_series_is_said_to_be_unproven(ask: Ask, tmp_path: Path) -> None:
    first, second = parts_of(tmp_path, a=ROWS[:16], b=ROWS[16:])
    answer = ask("import", first, second, "--symbol", "BTC/USDT", "--last-candle", "keep")
    assert answer.err == f"{second}: nothing proves that its last candle is closed (--last-candle keep)\n"


def test_a_file_before_an_archive_gives_its_last_candle(ask: Ask, tmp_path: Path) -> None:
    csv = csv_file(tmp_path, HEADER, *ROWS[:24], name="BTCUSDT-1h-2024-01-01.csv")
    day = zip_file(tmp_path, {"a.csv": "\n".join(map(kline, ROWS[24:])).encode()}, name="BTCUSDT-1h-2024-01-02.zip")
    answer = ask("import", csv, day)
    assert (answer.out.count("24 candles, 24 new"), answer.err) == (2, "")


def test_files_of_different_series_prove_nothing_of_each_other(ask: Ask, tmp_path: Path) -> None:
    one = csv_file(tmp_path, HEADER, *ROWS[:10], name="BTCUSDT-1h-2024-01-01.csv")
    other = csv_file(tmp_path, HEADER, *ROWS[10:], name="ETHUSDT-1h-2024-01-01.csv")
    assert "binance BTC/USDT 1h: 9 candles" in ask("import", one, other).out


def test_a_part_with_one_candle_is_imported_if_another_part_follows(ask: Ask, tmp_path: Path) -> None:
    single, rest = parts_of(tmp_path, a=ROWS[:1], b=ROWS[1:])
    answer = ask("import", single, "--symbol", "BTC/USDT")
    assert (answer.code, "its only candle may not be closed" in answer.err) == (4, True)
    assert "1 candles, 1 new" in ask("import", single, rest, "--symbol", "BTC/USDT").out
    last, before = parts_of(tmp_path, z=ROWS[-1:], y=ROWS[-5:-1])
    answer = ask("import", last, before, "--symbol", "BTC/USDT")
    assert (answer.code, "4 candles, 0 new, 4 known" in answer.out) == (4, True)


def test_the_unfinished_last_candle_of_a_part_gives_way_to_that_of_the_next(ask: Ask, tmp_path: Path) -> None:
    unfinished = ROWS[15].rpartition(",")[0] + ",0.001"
    first, third, second = parts_of(tmp_path, a=[*ROWS[:15], unfinished], a10=ROWS[32:], a2=ROWS[15:32])
    answer = ask("import", first, third, second, "--symbol", "BTC/USDT")
    assert answer.code == 0
    assert f"{first}: its last candle was dropped, since it is stored with other values" in answer.err
    assert "0 new, 47 known" in ask("import", csv_file(tmp_path, HEADER, *ROWS), "--symbol", "BTC/USDT").out


def test_the_gap_before_the_last_candle_of_a_part_is_counted_and_accepted(ask: Ask, tmp_path: Path) -> None:
    paths = parts_of(tmp_path, a=[*ROWS[:8], ROWS[11]], b=ROWS[12:])
    assert "9 candles, 9 new, 0 known, 1 gaps (3 candles)" in ask("import", *paths, "--symbol", "BTC/USDT").out
    assert imported_gaps(ask, *paths) == [("2024-01-01T08", "2024-01-01T11")]


def test_files_before_one_that_fails_are_stored_and_listed(ask: Ask, tmp_path: Path) -> None:
    first, second = parts_of(tmp_path, a=ROWS[:16], b=ROWS[16:32])
    answer = ask("import", first, second, csv_file(tmp_path, HEADER, "x", name="c.csv"), "--symbol", "BTC/USDT")
    assert (answer.code, answer.out.count("16 new"), answer.out.count("15 new")) == (4, 1, 1)


def test_a_day_without_an_imported_archive_is_not_a_gap_of_the_exchange(ask: Ask, tmp_path: Path) -> None:
    rows = lines(96)
    days = {
        day: zip_file(
            tmp_path,
            {"a.csv": "\n".join(map(kline, rows[24 * day - 24 : 24 * day - 2 * (day == 1)])).encode()},
            name=f"BTCUSDT-1h-2024-01-0{day}.zip",
        )
        for day in (1, 2, 4)
    }
    assert imported_gaps(ask, *days.values()) == [("2024-01-01T22", "2024-01-02T00")]


def test_no_gap_of_a_file_with_dropped_bad_rows_is_accepted(ask: Ask, tmp_path: Path) -> None:
    bad = f"{ROWS[5].partition(',')[0]},1,0,0,0,0"
    path = csv_file(tmp_path, HEADER, *ROWS[:5], bad, *ROWS[6:])
    assert ask("import", path, "--symbol", "BTC/USDT", "--bad-rows", "drop").code == 0
    (series,) = json.loads(ask("verify", "--json").out)
    assert (series["imported"], [gap["from"] for gap in series["gaps"]]) == ([], ["2024-01-01T05:00Z"])
