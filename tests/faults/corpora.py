"""Inputs for fuzzing: real ones to begin from, fresh ones drawn by chance, and both made hostile.

Bytes are cut, spliced, repeated, blown up, and salted with words that break readers. Values of Python come out of bytes
too: each byte says what comes next, so that a changed byte changes one value.
"""

import contextlib
import datetime
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import polars as pl

from safla.candles import normalise
from safla.cli import COMMANDS
from safla.cli.init import STARTER
from safla.config import plan_text
from safla.config.loader import load
from safla.config.reference import keys, leaves
from safla.data.files import csv
from safla.journal import run_candles
from tests.data.tables import HEADER, LIMIT, STEP, gz, kline, lines, zip_file, zst
from tests.fake.rest import _described
from tests.fake_exchange import Market
from tests.faults.candle_files import sealed
from tests.faults.command import ROOT
from tests.faults.damage import finished
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
    """Steps of `config_of` and `sets_of`: each step once, and containers in containers."""
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


NASTY = (
    b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\x1b[31m", b"\xe2\x80\xae", b"\xd9\xa1",
    b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b":", b",", b";", b"\t", b" ", b"#", b"-", b"--", b"=", b"&a", b"*a",
    b"!!str ", b"%YAML 1.1\n", b"---\n", b"...\n", b"|\n", b"? ", b"<<: ", b"~", b"null", b"true", b"no", b"010",
    b"0x10", b"1_000", b"+1", b"-1", b"-0", b"1e400", b"1E+1000000", b".nan", b".inf", b"NaN", b"Infinity", b"12:30",
    b".____", b"0.1", b"9" * 18, b"9" * 19, b"9" * 400, b"18446744073709551616", b"9223372036854775808",
    b"4611686018427387904", b"2147483648", b"../", b"/", b"CON", b"{symbol}", b"{", b"2024-01-31T13:00:00Z",
    b"1970-01-01", b"9999-99-99",
)  # fmt: skip
_NUMBER = re.compile(rb"[0-9]+")

Change = Callable[[bytes, Sequence[bytes], Random], bytes]


def mutated(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """The same bytes after one to four changes. corpus: others of its kind, to take pieces from."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        data = chance.choice(CHANGES)(data, corpus, chance)
    return data


def _span(data: bytes, chance: Random) -> tuple[int, int]:
    """A place, and one behind it: near more often than far."""
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 2, 4, 16, 64, 1024, len(data))))


def _flip(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    if not data:
        return b"\x01"
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _byte(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    fill = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80", bytes([chance.randrange(256)])))
    return data[:start] + fill * min(end - start, 8) + data[start + min(end - start, 8) :]


def _cut(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _without(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _spliced(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    other = chance.choice(corpus)
    start, end = _span(other, chance)
    place = chance.randrange(len(data) + 1)
    return data[:place] + other[start:end] + data[place:]


def _repeated(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    times = chance.choice((1, 1, 2, 10, 1000))
    return data[:end] + data[start:end] * min(times, 1 + 2**17 // max(1, end - start)) + data[end:]


def _salted(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    start, end = _span(data, chance)
    word = chance.choice(NASTY) * chance.choice((1, 1, 1, 1, 2, 70, 5000))
    return data[:start] + word + data[chance.choice((start, end)) :]


def _number(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """Another number where one stands."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    one = chance.choice(found)
    value = int(one[0][:18])
    other = chance.choice(
        (0, 1, -1, value + 1, value - 1, value * 10, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**64, 10**30)
    )
    return data[: one.start()] + str(other).encode() + data[one.end() :]


def _lines(data: bytes, corpus: Sequence[bytes], chance: Random) -> bytes:
    """Lines dropped, doubled or exchanged."""
    lines = data.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first] = chance.choice((lines[second], lines[first] + b"\n" + lines[first], b""))
    return b"\n".join(lines)


CHANGES: tuple[Change, ...] = (
    _flip,
    _flip,
    _byte,
    _cut,
    _without,
    _spliced,
    _repeated,
    _salted,
    _salted,
    _number,
    _lines,
)


KEYS = tuple(key.name for key in keys().values())
MOST_VALUES = 8_000  # of one input, far beyond what is taken


class Text(str):
    """A text of a class of its own."""

    __slots__ = ()


def _circle() -> object:
    value: dict[str, object] = {}
    value["a"] = [value] * 100
    return value


LEAVES = (
    10**5000, -1, 7, 2**64, 0.1 + 0.2, float("nan"), 1e300,
    Decimal("0.03"), Decimal("1E+1000000"), Decimal("sNaN"), Decimal("0." + "1" * 999),
    None, True, "", "x" * 70_000, Text("BTC/USDT"), "\ud800\x1b[2J",
    b"bytes", object(), {1, 2}, range(10**9), np.zeros(9_000),
    np.float32(0.03), np.array([[1, 2], [3, 4]]), np.datetime64("NaT"), _circle(),
    datetime.date(2024, 1, 31), datetime.datetime(1, 1, 1), Path("a\nb"),  # noqa: DTZ001
    "1.5", "paper", ["BTC/USDT"], complex(1, 2), type, iter([1]),
)  # fmt: skip
NAMES = (1, None, Text("mode"), "", "x" * 2_000, 10**5000, (1,), "api_key", "a.b.c", "\ud800", True)


def config_of(data: bytes) -> dict[object, object]:
    """A dict as a caller may give it: real keys and others over values of every kind and depth."""
    steps = iter(data)
    left = [MOST_VALUES]
    config: dict[object, object] = {}
    while (step := next(steps, None)) is not None and left[0] > 0:
        section, _, name = KEYS[step % len(KEYS)].partition(".")
        value = _value(steps, left, depth=0)
        if step % 7 == 0:
            config[NAMES[step % len(NAMES)]] = value
        elif name and isinstance(config.setdefault(section, {}), dict):
            config[section][name] = value  # type: ignore[index]
        else:
            config[section] = value
    return config


def sets_of(data: bytes) -> dict[object, object]:
    """The same as dotted keys."""
    steps = iter(data)
    left = [MOST_VALUES]
    sets: dict[object, object] = {}
    while (step := next(steps, None)) is not None and left[0] > 0:
        name: object = NAMES[step % len(NAMES)] if step % 5 == 0 else KEYS[step % len(KEYS)]
        sets[name] = _value(steps, left, depth=0)
    return sets


def _value(steps: Iterator[int], left: list[int], *, depth: int) -> object:
    left[0] -= 1
    step = next(steps, 0)
    if step < 200 or depth > 60 or left[0] <= 0:
        return LEAVES[step % len(LEAVES)]
    count = next(steps, 0) * (50 if step % 10 == 0 else 1) % 3_000
    if step % 2:
        return [_value(steps, left, depth=depth + 1) for _ in range(min(count, left[0]))]
    return {f"{n}": _value(steps, left, depth=depth + 1) for n in range(min(count, left[0]))}
