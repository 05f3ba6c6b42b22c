"""The candles of a run by its configuration: any source of the same candles gives the same series."""

from pathlib import Path

import polars as pl
import pytest

from safla.config.model import Config
from safla.data import source
from safla.data.source import Sourced
from safla.errors import ConfigError, DataError
from tests.data.written import HEADER, LIMIT, START, STEP, csv_file, file, gz, kline, lines, same, zip_file, zst

TEXT = "".join(f"{row}\n" for row in [HEADER, *lines(200)]).encode()
KLINES = "".join(f"{kline(row)}\n" for row in lines(200)).encode()


def read(kind: str, path: str | None, *, symbols: tuple[str, ...] = ("BTC/USDT",), **more: object) -> Sourced:
    data: dict[str, object] = {"source": kind, **({"path": (path,)} if path else {}), **more.pop("data", {})}  # type: ignore[dict-item]
    lookback = {"market_data": {"lookback_candles": 100}}
    config = Config.model_validate({"data": data, "symbols": {"primary": symbols}, **lookback, **more})
    return source.read(config, symbols, price_limit=LIMIT)


def test_the_same_candles_come_out_of_every_kind_of_file(tmp_path: Path) -> None:
    plain = read("csv", file(tmp_path, "a.csv", TEXT)).series[0]
    strings = pl.read_csv(TEXT, infer_schema=False).with_columns(pl.col("timestamp").cast(pl.Int64))
    strings.write_parquet(tmp_path / "strings.parquet")
    strings.with_columns(pl.col(HEADER.split(",")[1:]).cast(pl.Float64)).write_parquet(tmp_path / "floats.parquet")
    others = {
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


def test_the_whole_source_is_given_whatever_start_and_end_say(tmp_path: Path) -> None:
    path = csv_file(tmp_path, HEADER, *lines(5))
    sourced = read("csv", path, data={"start": "2024-01-01T02:00:00Z", "end": "2024-01-01T03:00:00Z"})
    assert sourced.counts[0].candles == 5


@pytest.mark.parametrize(
    ("last", "candles", "note"),
    [("keep", 3, "nothing proves that its last candle is closed"), ("drop", 2, "its last candle left out")],
)
def test_the_last_row_of_a_file_is_kept_or_dropped_and_that_is_said(
    tmp_path: Path, last: str, candles: int, note: str
) -> None:
    sourced = read("csv", csv_file(tmp_path, HEADER, *lines(3)), data={"last_candle": last})
    assert (len(sourced.series[0].columns.ts), sourced.counts[0].candles) == (candles, candles)
    assert [note in one for one in sourced.notes] == [True]


def test_an_archive_is_complete_so_its_last_candle_is_not_doubted_and_not_dropped(tmp_path: Path) -> None:
    path = zip_file(tmp_path, {"a.csv": KLINES})
    sourced = read("vision", path, data={"last_candle": "drop"})
    assert (sourced.counts[0].candles, sourced.notes) == (200, ())


def test_a_file_whose_one_candle_is_dropped_has_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="drop leaves no candle"):
        read("csv", csv_file(tmp_path, HEADER, *lines(1)), data={"last_candle": "drop"})


def test_scales_come_from_the_configuration_where_it_gives_them(tmp_path: Path) -> None:
    market = {"BTC/USDT": {"price_decimals": 4, "volume_decimals": 1}}
    sourced = read("csv", csv_file(tmp_path, HEADER, *lines(3)), markets=market)
    assert sourced.series[0][1:3] == (4, 1)
    assert sourced.series[0].columns.close.tolist() == [105_2500] * 3
    assert sourced.counts[0].volumes_cut == 3


def test_columns_come_from_the_configuration_where_it_gives_them(tmp_path: Path) -> None:
    columns = dict(zip(("ts", "open", "high", "low", "close", "volume"), range(6), strict=True))
    named = read("csv", csv_file(tmp_path, "a,b,c,d,e,f", *lines(3)), data={"columns": columns})
    assert same(named.series[0], read("csv", csv_file(tmp_path, HEADER, *lines(3))).series[0])


def test_synthetic_candles_have_the_scales_of_their_kind_unless_the_configuration_says_otherwise() -> None:
    made = {"synthetic": {"candles": 200, "holes": 2}}
    sourced = read("synthetic", None, symbols=("BTC/USDT", "ETH/USDT"), data=made)
    assert [one[1:3] for one in sourced.series] == [(2, 5), (2, 5)]
    assert [(count.candles, count.missing) for count in sourced.counts] == [(200, 2)] * 2
    assert not (sourced.series[0].columns.close == sourced.series[1].columns.close).all()
    market = {"BTC/USDT": {"price_decimals": 0, "volume_decimals": 8}}
    assert read("synthetic", None, markets=market, data=made).series[0][1:3] == (0, 8)


def test_an_exchange_must_be_told_from_when_on_where_nothing_is_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.start: no candles of BTC/USDT are stored") as refused:
        read("exchange", None, storage={"cache_directory": str(tmp_path)})
    assert refused.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_absent_is_a_matter_of_data_not_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read("csv", f"{tmp_path}/absent.csv")


def test_a_price_above_the_bound_of_the_plan_is_refused(tmp_path: Path) -> None:
    row = f"{lines(1)[0][:13]},1,{LIMIT + 1},1,1,1"
    with pytest.raises(DataError, match=rf"line 2: high {LIMIT + 1} is above {LIMIT}, the most that can be summed"):
        read("csv", csv_file(tmp_path, HEADER, row))


def test_two_symbols_out_of_one_path_are_a_matter_of_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"put \{symbol\}"):
        read("csv", csv_file(tmp_path, HEADER, *lines(3)), symbols=("BTC/USDT", "ETH/USDT"))


@pytest.mark.parametrize("kind", ["csv", "vision", "parquet"])
def test_the_rows_of_several_files_are_counted_together_and_what_is_too_much_is_not_read(
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
    with pytest.raises(DataError, match=rf"1\.{kind}: with the files before it more than 7 rows of a symbol"):
        read(kind, f"{tmp_path}/*.{kind}")
