"""The candles of a run are read by its configuration; any source of the same candles gives the same series."""

import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from safla.config.model import Config
from safla.core.timeframes import TIMEFRAMES
from safla.data import source
from safla.data.source import SourceCandles
from safla.errors import ConfigError, DataError
from tests.data.tables import HEADER, LIMIT, START, STEP, csv_file, file, gz, kline, lines, same, zip_file, zst
from tests.errors import raises_code

TEXT = "".join(f"{row}\n" for row in [HEADER, *lines(200)]).encode()
KLINES = "".join(f"{kline(row)}\n" for row in lines(200)).encode()


def read(kind: str, path: str | None, *, symbols: tuple[str, ...] = ("BTC/USDT",), **more: object) -> SourceCandles:
    data: dict[str, object] = {"source": kind, **({"path": (path,)} if path else {}), **more.pop("data", {})}  # type: ignore[dict-item]
    lookback = {"market_data": {"lookback_candles": 100}}
    config = Config.model_validate({"data": data, "symbols": {"primary": symbols}, **lookback, **more})
    return source.read(config, symbols, price_limit=LIMIT)


def test_every_kind_of_file_gives_the_same_candles(tmp_path: Path) -> None:
    plain = read("csv", file(tmp_path, "a.csv", TEXT)).series[0]
    strings = pl.read_csv(TEXT, infer_schema=False).with_columns(pl.col("timestamp").cast(pl.Int64))
    strings.write_parquet(tmp_path / "strings.parquet")
    strings.with_columns(pl.col(HEADER.split(",")[1:]).cast(pl.Float64)).write_parquet(tmp_path / "floats.parquet")
    strings.write_ipc(tmp_path / "strings.feather")
    others = {
        "any": ("file", file(tmp_path, "b.csv", TEXT)),
        "csv in a ZIP": ("csv", zip_file(tmp_path, {"b.csv": TEXT}, name="b.zip")),
        "JSON": ("file", file(tmp_path, "a.json", b"[" + b",".join(b"[%b]" % row for row in TEXT.split()[1:]) + b"]")),
        "Feather": ("parquet", str(tmp_path / "strings.feather")),
        "gzip": ("csv", file(tmp_path, "a.csv.gz", gz(TEXT))),
        "zstd": ("csv", file(tmp_path, "a.csv.zst", zst(TEXT))),
        "zip": ("vision", zip_file(tmp_path, {"BTCUSDT-1h-2024-01.csv": KLINES})),
        "klines": ("vision", file(tmp_path, "k.csv", KLINES)),
        "strings": ("parquet", str(tmp_path / "strings.parquet")),
        "floats": ("parquet", str(tmp_path / "floats.parquet")),
    }
    assert {name: same(read(*one).series[0], plain) for name, one in others.items()} == dict.fromkeys(others, True)


def test_several_symbols_are_read_in_their_order(tmp_path: Path) -> None:
    csv_file(tmp_path, HEADER, *lines(3), name="BTCUSDT-1h.csv")
    csv_file(tmp_path, HEADER, *lines(4), name="ETHUSDT-1h.csv")
    sourced = read("csv", f"{tmp_path}/{{symbol}}-{{timeframe}}.csv", symbols=("ETH/USDT", "BTC/USDT"))
    assert [(one.symbol, len(one.columns.ts)) for one in sourced.series] == [("ETH/USDT", 4), ("BTC/USDT", 3)]
    assert [count.candles for count in sourced.counts] == [4, 3]


def test_the_whole_source_is_read_whatever_start_and_end(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *lines(5))
    sourced = read("csv", path, data={"start": "2024-01-01T02:00:00Z", "end": "2024-01-01T03:00:00Z"})
    assert sourced.counts[0].candles == 5


@pytest.mark.parametrize(
    ("last", "candles", "note"),
    [("keep", 3, "nothing proves that its last candle is closed"), ("drop", 2, "its last candle left out")],
)
def test_the_last_row_of_a_file_is_kept_or_dropped_with_a_note(
    tmp_path: Path, last: str, candles: int, note: str
) -> None:
    sourced = read("csv", csv_file(tmp_path, HEADER, *lines(3)), data={"last_candle": last})
    assert (len(sourced.series[0].columns.ts), sourced.counts[0].candles) == (candles, candles)
    assert [note in one for one in sourced.notes] == [True]


def test_the_last_candle_of_a_complete_archive_is_never_dropped(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"a.csv": KLINES})
    sourced = read("vision", path, data={"last_candle": "drop"})
    assert (sourced.counts[0].candles, sourced.notes) == (200, ())


def test_a_file_whose_only_candle_is_dropped_has_no_candles(tmp_path: Path) -> None:
    with raises_code(DataError, "no_candles"):
        read("csv", csv_file(tmp_path, HEADER, *lines(1)), data={"last_candle": "drop"})


def test_configured_scales_are_used(tmp_path: Path) -> None:
    market = {"BTC/USDT": {"price_decimals": 4, "volume_decimals": 1}}
    sourced = read("csv", csv_file(tmp_path, HEADER, *lines(3)), markets=market)
    assert sourced.series[0][1:3] == (4, 1)
    assert sourced.series[0].columns.close.tolist() == [105_2500] * 3
    assert sourced.counts[0].volumes_cut == 3


def test_configured_columns_are_used(tmp_path: Path) -> None:
    columns = dict(zip(("ts", "open", "high", "low", "close", "volume"), range(6), strict=True))
    named = read("csv", csv_file(tmp_path, "a,b,c,d,e,f", *lines(3)), data={"columns": columns})
    assert same(named.series[0], read("csv", csv_file(tmp_path, HEADER, *lines(3))).series[0])


def test_synthetic_candles_have_default_scales_unless_scales_are_configured() -> None:
    made = {"synthetic": {"candles": 200, "holes": 2}}
    sourced = read("synthetic", None, symbols=("BTC/USDT", "ETH/USDT"), data=made)
    assert [one[1:3] for one in sourced.series] == [(2, 5), (2, 5)]
    assert [(count.candles, count.missing) for count in sourced.counts] == [(200, 2)] * 2
    assert not (sourced.series[0].columns.close == sourced.series[1].columns.close).all()
    market = {"BTC/USDT": {"price_decimals": 0, "volume_decimals": 8}}
    assert read("synthetic", None, markets=market, data=made).series[0][1:3] == (0, 8)


def test_an_exchange_source_without_stored_candles_needs_a_start(tmp_path: Path) -> None:
    with raises_code(ConfigError, "missing_value", match=r"data\.start") as refused:
        read("exchange", None, storage={"cache_directory": str(tmp_path)})
    assert refused.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_missing_path_is_a_data_error_and_not_a_configuration_error(tmp_path: Path) -> None:
    with raises_code(DataError, "file_not_found"):
        read("csv", f"{tmp_path}/absent.csv")


def test_a_price_above_the_bound_of_the_plan_is_rejected(tmp_path: Path) -> None:
    row = f"{lines(1)[0][:13]},1,{LIMIT + 1},1,1,1"
    with pytest.raises(DataError, match=rf"line 2: high {LIMIT + 1} is above {LIMIT}, the highest price that"):
        read("csv", csv_file(tmp_path, HEADER, row))


def test_two_symbols_from_one_path_are_a_configuration_error(tmp_path: Path) -> None:
    with raises_code(ConfigError, "file_shared"):
        read("csv", csv_file(tmp_path, HEADER, *lines(3)), symbols=("BTC/USDT", "ETH/USDT"))


@pytest.mark.parametrize("kind", ["csv", "vision", "parquet"])
def test_the_row_cap_applies_to_all_files_together_and_stops_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for day in range(3):
        rows = lines(4, start=START + 4 * day * STEP)
        path = csv_file(tmp_path, HEADER, *rows, name=f"{day}.csv")
        pl.read_csv(path, infer_schema=False).write_parquet(tmp_path / f"{day}.parquet")
        zip_file(tmp_path, {"a.csv": "\n".join(map(kline, rows)).encode()}, name=f"{day}.vision")
    monkeypatch.setattr(source, "MAX_ROWS", 12)
    assert read(kind, f"{tmp_path}/*.{kind}").counts[0].candles == 12
    (tmp_path / f"2.{kind}").write_bytes(b"not looked at")
    monkeypatch.setattr(source, "MAX_ROWS", 7)
    with raises_code(DataError, "file_too_large", match=rf"1\.{kind}: "):
        read(kind, f"{tmp_path}/*.{kind}")


def test_a_run_reads_each_symbol_from_the_file_of_a_zip_that_is_named_after_it(tmp_path: Path) -> None:
    short = "\n".join([HEADER, *lines(3)]).encode()
    path = zip_file(tmp_path, {"BTCUSDT-1h.csv": TEXT, "ETHUSDT-1h.csv": short, "ETHUSDT-4h.csv": TEXT}, name="all.zip")
    btc, eth = read("file", path, symbols=("BTC/USDT", "ETH/USDT")).series
    assert (len(btc.columns.ts), len(eth.columns.ts)) == (len(TEXT.splitlines()) - 1, 3)


def test_partial_files_and_a_file_that_fills_a_gap_equal_the_whole_table(tmp_path: Path) -> None:
    rows = lines(12)
    plain = read("csv", csv_file(tmp_path, HEADER, *rows)).series[0]
    for name, some in {"part1": rows[:3], "part10": rows[9:], "part2": rows[2:5], "part3": rows[5:9]}.items():
        csv_file(tmp_path, HEADER, *some, name=f"{name}.csv")
    sourced = read("file", f"{tmp_path}/part*.csv", data={"last_candle": "drop"})
    assert same(sourced.series[0], plain._replace(columns=type(plain.columns)(*(one[:-1] for one in plain.columns))))
    assert sourced.counts[0].duplicates == 1
    assert f"{tmp_path}/part10.csv: its last candle left out (data.last_candle: drop)" in sourced.notes


def test_the_file_with_the_last_candle_decides_whether_that_candle_is_closed(tmp_path: Path) -> None:
    text = "\n".join(map(kline, lines(24)[12:])).encode()
    zip_file(tmp_path, {"a.csv": text}, name="day-b.zip")
    csv_file(tmp_path, HEADER, *lines(12), name="day-a.csv")
    notes = read("file", f"{tmp_path}/day-*").notes
    assert not any("nothing proves" in note for note in notes)
    csv_file(tmp_path, HEADER, *lines(30)[24:], name="day-a2.csv")
    assert any("day-a2.csv: nothing proves" in note for note in read("file", f"{tmp_path}/day-*").notes)


def test_dates_without_a_time_zone_use_the_configured_zone(tmp_path: Path) -> None:
    rows = [f"2024-01-0{day + 1},{line[14:]}" for day, line in enumerate(lines(3))]
    path = csv_file(tmp_path, HEADER, *rows)
    with pytest.raises(DataError, match=r"line 2: time '2024-01-01' has no time zone; data\.time_zone"):
        _days(path, None)
    assert _days(path, "UTC").series[0].columns.ts.tolist() == [START + 24 * day * STEP for day in range(3)]
    with raises_code(DataError, "invalid_time") as refused:
        _days(path, "Asia/Shanghai")
    assert str(refused.value) == (
        f"{path}: line 2: 1d candles that open at 16:00 UTC (the day of UTC+8); "
        "safla needs days that open at 00:00 UTC (and 2 more)"
    )


def _days(path: str, zone: str | None) -> SourceCandles:
    data = {"source": "csv", "path": (path,), "time_zone": zone}
    config = Config.model_validate({"data": data, "market_data": {"timeframe": "1d", "lookback_candles": 100}})
    return source.read(config, ("BTC/USDT",), price_limit=LIMIT)


@pytest.mark.parametrize(
    ("timeframe", "shift", "said"),
    [
        ("1d", 5, "1d candles that open at 05:00 UTC (the day of UTC-5)"),
        ("1d", 18.5, "1d candles that open at 18:30 UTC (the day of UTC+5:30)"),
        (
            "4h",
            2,
            "4h candles that open at 02:00 UTC and every 4 h from then on; safla needs candles that open at 00:00, 04",
        ),
        ("12h", 4, "12h candles that open at 04:00 UTC and every 12 h from then on"),
        ("1h", 0.5, "1h candles that open 30 min after the UTC grid, such as 2024-01-01T00:30Z"),
    ],
)
def test_candles_off_the_utc_grid_are_rejected_with_their_offset(
    tmp_path: Path, timeframe: str, shift: float, said: str
) -> None:
    step = TIMEFRAMES[timeframe]
    rows = [f"{START + int(shift * STEP) + number * step},{line[14:]}" for number, line in enumerate(lines(5))]
    config = {"market_data": {"timeframe": timeframe, "lookback_candles": 100}}
    with pytest.raises(DataError, match=re.escape(f"line 2: {said}")):
        source.read(
            Config.model_validate({"data": {"source": "csv", "path": (csv_file(tmp_path, HEADER, *rows),)}, **config}),
            ("BTC/USDT",),
            price_limit=LIMIT,
        )


@pytest.mark.parametrize("market", [{"price_decimals": 2}, {"tick": "0.01"}])
def test_a_configured_scale_or_tick_accepts_prices_with_float_rounding(
    tmp_path: Path, market: dict[str, object]
) -> None:
    rows = lines(3)
    rows[1] = rows[1].replace("105.25", "105.25000000000001")
    path = csv_file(tmp_path, HEADER, *rows)
    with pytest.raises(DataError, match=r"markets\.BTC/USDT\.price_decimals: 2 to read it as 105\.25"):
        read("csv", path)
    sourced = read("csv", path, markets={"BTC/USDT": {name: _decimal(value) for name, value in market.items()}})
    assert sourced.series[0].columns.close.tolist() == [10525] * 3
    assert any("1 price rounded to 2 decimals" in note for note in sourced.notes)


def _decimal(value: object) -> object:
    return Decimal(value) if isinstance(value, str) else value


def test_prices_of_twelve_decimals_are_read_and_synthetic_ones_made(tmp_path: Path) -> None:
    rows = [f"{START + hour * STEP},0.000000000{price},0.000000000999,0.000000000001,0.000000000500,38"
            for hour, price in enumerate((123, 456, 789))]  # fmt: skip
    series = read("csv", csv_file(tmp_path, HEADER, *rows)).series[0]
    assert (series.price_decimals, series.columns.open.tolist()) == (12, [123, 456, 789])
    made = {"synthetic": {"candles": 200, "start_price": Decimal("0.000012")}}
    market = {"BTC/USDT": {"price_decimals": 12, "volume_decimals": 12}}
    found = read("synthetic", None, markets=market, data=made).series[0]
    assert (found.price_decimals, found.volume_decimals, found.columns.open[0]) == (12, 12, 12_000_000)
