"""Real inputs for fuzzing to begin from, and fresh ones drawn by chance."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from random import Random

import polars as pl

from safla.candles import normalise
from safla.cli import COMMANDS
from safla.cli.init import STARTER
from safla.config import plan_text
from safla.config.loader import load
from safla.config.reference import leaves
from safla.data.files import csv
from safla.journal import run_candles
from tests.data.tables import HEADER, LIMIT, STEP, gz, kline, lines, zip_file, zst
from tests.fake.rest import _described
from tests.fake_exchange import Market
from tests.faults.command import ROOT
from tests.faults.damaged import finished
from tests.faults.mutating import NASTY
from tests.faults.parquet_writing import sealed
from tests.small_runs import SMALL, journal, run, small

TARGET = normalise.Target("BTC/USDT", STEP, None, None, LIMIT)
TABLE = "\n".join([HEADER, *lines(40)]).encode() + b"\n"


def journals(folder: Path) -> list[bytes]:
    """A whole one, one without its end, one of another detail."""
    made = []
    for detail in ("candles", "decisions"):
        loaded = small(folder, f"journal.detail={detail}", "data.synthetic.candles=40", "data.synthetic.holes=1")
        place = Path(tempfile.mkdtemp(dir=folder))
        run(loaded, place / "run")
        made.append(journal(place / "run"))
    return [made[0], b"".join(made[0].splitlines(keepends=True)[:30]), made[1]]


def heads(folder: Path) -> list[bytes]:
    """The one that belongs to the first journal, and one of another."""
    last = json.loads(journals(folder)[0].splitlines()[-1])
    size = len(journals(folder)[0])
    return [b'{"n":%d,"offset":%d,"h":"%b"}\n' % (last["n"], size, h) for h in (last["h"].encode(), b"0" * 32)]


def configurations(folder: Path) -> list[bytes]:
    """The examples, the starter, and each of them written out."""
    found = [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))] + [STARTER.encode()]
    (folder / "starter.yaml").write_text(STARTER)
    return [*found, SMALL.encode(), plan_text.resolved_yaml(load(folder / "starter.yaml")).encode()]


def options(folder: Path) -> list[bytes]:
    """Every key with its default, as an option and as a variable."""
    config = load(None).config
    keys = [(path, str(value)) for path, value in leaves(config)]
    sets = [f"{'.'.join(path)}={value}" for path, value in keys]
    variables = [f"SAFLA__{'__'.join(path).upper()}={value}" for path, value in keys]
    return [one.encode() for one in (*sets, *variables)]


def python_values(folder: Path) -> list[bytes]:
    """Steps of tests/faults/python_values.py: each step once, and containers in containers."""
    return [bytes(range(256)), bytes([1, 201] * 60), bytes([3, 210, 255] * 40), bytes(64)]


def drawn_bytes(chance: Random) -> bytes:
    """Some bytes."""
    return chance.randbytes(chance.randrange(1, 200))


def tables(folder: Path) -> list[bytes]:
    """With a header, without, dated, with other columns and delimiters, quoted."""
    quoted = b"\n".join(b'"' + row.replace(b",", b'","') + b'"' for row in TABLE.splitlines())
    dated = b"date,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1.5,1.234e-05\n"
    dated += b"2024-01-01T01:00:00+00:00,1,1,1,1,0"
    return [
        TABLE, "\n".join(lines(5)).encode(), dated, TABLE.replace(b",", b";"), quoted,
        b"\n".join(row + b",x" for row in TABLE.splitlines()), b"https://www.example.org\n" + TABLE,
    ]  # fmt: skip


def packed(folder: Path) -> list[bytes]:
    """Each packing of a table, and an archive."""
    klines = "\n".join(map(kline, lines(40))).encode()
    return [gz(TABLE), zst(TABLE), Path(zip_file(folder, {"a.csv": klines})).read_bytes(), gz(TABLE) + gz(TABLE)]


def parquets(folder: Path) -> list[bytes]:
    """Text, floats, decimals and dates, each packed otherwise; and a run's."""
    plain = pl.read_csv(TABLE, infer_schema=False).with_columns(pl.col("timestamp").cast(pl.Int64))
    numbers = pl.col(HEADER.split(",")[1:])
    frames = [
        plain,
        plain.with_columns(numbers.cast(pl.Float64), pl.from_epoch("timestamp", "ms").dt.replace_time_zone("UTC")),
        plain.with_columns(numbers.cast(pl.Decimal(18, 6)), symbol=pl.lit("BTC/USDT")),
        plain.with_columns(other=pl.lit([1, 2]), more=pl.struct("low", "high")),
    ]
    made = []
    for frame, packing in zip(frames, ("uncompressed", "snappy", "zstd", "gzip"), strict=True):
        content = io.BytesIO()
        frame.write_parquet(content, compression=packing, row_group_size=25)  # type: ignore[arg-type]
        made.append(content.getvalue())
    return [*made, recorded_candles(folder)[0]]


def recorded_candles(folder: Path) -> list[bytes]:
    """The candles of a run, as it writes them, and the same not packed, where every byte means something."""
    path = folder / "btc.csv"
    path.write_bytes(TABLE)
    series, _, _ = normalise.assemble([csv.read(str(path), None)], TARGET)
    candles = folder / "candles.parquet"
    run_candles.write_run_candles(candles, (series, series._replace(symbol="ETH/USDT")), timeframe="1h")
    content = io.BytesIO()
    pl.read_parquet(candles).write_parquet(
        content, compression="uncompressed", statistics=False, row_group_size=30, data_page_size=200,
        metadata={"safla": pl.read_parquet_metadata(candles)["safla"]},
    )  # fmt: skip
    return [candles.read_bytes(), sealed(content.getvalue())]


RUN_FILES = ("candles.parquet", "journal.jsonl", "head", "config.yaml", "summary.json", "performance.log")


def run_folders(folder: Path) -> list[bytes]:
    """The files of a finished run, each after a line that says which one it is."""
    with contextlib.redirect_stdout(io.StringIO()):
        made = finished(Path(tempfile.mkdtemp(dir=folder)))
    (made / "performance.log").write_bytes(b'{"time":"2024-01-01T00:00:00Z","text":"cpu 3 %"}\n')
    return [bytes([place]) + b"\n" + (made / name).read_bytes() for place, name in enumerate(RUN_FILES)]


EXCHANGES = ("binance", "kraken")
KRAKEN = {
    "altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1, "lot_decimals": 8,
    "cost_decimals": 5, "tick_size": "0.1", "ordermin": "0.0001", "costmin": "0.5", "status": "online", "fees": [],
    "fees_maker": [], "leverage_buy": [], "leverage_sell": [],
}  # fmt: skip


def markets(folder: Path) -> list[bytes]:
    """What exchanges say of their markets, each after a byte that says which it is (EXCHANGES)."""
    binance = {
        "timezone": "UTC", "serverTime": 1704067200000, "rateLimits": [],
        "symbols": [_described(Market("BTCUSDT")), _described(Market("ETHUSDT", more={"quotePrecision": 8}))],
    }  # fmt: skip
    kraken = {"error": [], "result": {"XXBTZUSD": KRAKEN, "XETHZUSD": {**KRAKEN, "wsname": "ETH/USD"}}}
    return [bytes([place]) + json.dumps(answer).encode() for place, answer in enumerate((binance, kraken))]


def arrows(folder: Path) -> list[bytes]:
    """Of several types and packings."""
    plain = pl.read_csv(TABLE, infer_schema=False)
    numbers = pl.exclude("timestamp")
    frames = [
        plain,
        plain.with_columns(numbers.cast(pl.Float64), pl.col("timestamp").cast(pl.Int64)),
        plain.with_columns(numbers.cast(pl.Decimal(18, 6)), symbol=pl.lit("BTC/USDT").cast(pl.Categorical)),
    ]
    made = []
    for frame, packing in zip(frames, ("uncompressed", "lz4", "zstd"), strict=True):
        content = io.BytesIO()
        frame.write_ipc(content, compression=packing)  # type: ignore[arg-type]
        made.append(content.getvalue())
    return made


def jsons(folder: Path) -> list[bytes]:
    """Arrays of numbers and of texts."""
    cells = [line.split(",") for line in TABLE.decode().splitlines()[1:]]
    arrays = ",".join(f"[{','.join(row)}]" for row in cells)
    return [f"[{arrays}]".encode(), json.dumps(cells, indent=2).encode()]


def symbols(folder: Path) -> list[bytes]:
    """Of every form."""
    return [b"BTC/USDT", b"1000SHIB/USDT", b"BTC/USDT:USDT", b"A" * 20 + b"/" + b"B" * 20]


def command_lines(folder: Path) -> list[bytes]:
    """What a user would type."""
    typed = [
        "run config.yaml --out out --quiet", "run config.yaml --out out --json --fail-on max_drawdown>0.2",
        "replay out",
        "run config.yaml --set risk.stop_loss_pct=0.03 --symbols primary --force", "validate config.yaml --resolved",
        "replay out --set risk.stop_loss_pct=0.03 --json", "replay out --until 2024-01-01T13:00Z", "replay out --books",
        "init new.yaml", "schema config", "schema --write here", "--version", "--help", "run --help", "",
    ]  # fmt: skip
    return [line.replace(" ", "\n").encode() for line in typed]


def drawn_yaml(chance: Random) -> bytes:
    """Real keys over values of any kind and depth, as JSON, which is YAML too."""
    sections = ("system", "symbols", "data", "strategy", "risk", "simulation", "markets", "market_data", "extends", "x")
    return json.dumps({chance.choice(sections): _drawn(chance, 6) for _ in range(chance.randrange(6))}).encode()


def drawn_words(chance: Random) -> bytes:
    """Commands, options and values in any order."""
    words = [*COMMANDS, "config.yaml", "out", "btc.csv", "--", "-h"]
    words += [
        "--set",
        "--out",
        "--symbols",
        "--engine",
        "--fail-on",
        "--force",
        "--json",
        "--until",
        "--books",
        "--quiet",
    ]
    words += ["risk.stop_loss_pct=0.03", "max_drawdown > 0.2", "test", "interpreted", "--resolved", "--journal-detail"]
    return "\n".join(chance.choices(words, k=chance.randrange(1, 8))).encode()


def _drawn(chance: Random, depth: int) -> object:
    keys = ("name", "primary", "source", "path", "synthetic", "candles", "slow_period", "BTC/USDT", "tick", "__x__", "")
    kind = chance.randrange(5 if depth else 3)
    if kind == 0:
        return chance.choice((None, True, 0, -1, 1.5, 10**30, "BTC/USDT", "*", "..", "synthetic", "csv"))
    if kind < 3:
        return chance.choice(NASTY).decode("latin-1")
    if kind == 3:
        return [_drawn(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(keys): _drawn(chance, depth - 1) for _ in range(chance.randrange(4))}
