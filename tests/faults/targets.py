"""What is fuzzed: a reader of outside bytes each, what it may refuse with, and the real inputs to begin from."""

import asyncio
import contextlib
import io
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import NamedTuple

from safla.candles import normalise
from safla.config import paths, plan_text
from safla.config.loader import load, load_mapping
from safla.config.operation import ExchangeSection
from safla.config.types import SYMBOL
from safla.data.files import csv, formats, parquet, table, vision
from safla.data.files.formats import Question
from safla.data.store import month
from safla.errors import ConfigError, DataError, JournalError, UsageError
from safla.exchange import client, factory
from safla.exchange.failures import RequestFailed
from safla.exchange.transport import HttpAnswer
from safla.journal import run_candles, verify
from tests.faults import corpora, damage
from tests.faults.candle_files import sealed
from tests.faults.command import Answer, answered
from tests.faults.corpora import TABLE, TARGET
from tests.faults.invariants import check_answer
from tests.small_runs import rehashed

RUN_FILES = corpora.RUN_FILES
WORD_BYTES = 128 * 1024
CONFIG = "data: {source: csv, path: btc.csv}\nstrategy: {fast_period: 3, slow_period: 8}\n"


class Target(NamedTuple):
    """A reader under attack."""

    attempt: Callable[[bytes, Path], None]  # with a folder of its own; raises what was not promised
    corpus: Callable[[Path], list[bytes]]
    draw: Callable[[Random], bytes] | None  # fresh inputs beside those of the corpus
    apart: bool  # in a process of its own, which a library might end


def check(answer: Answer, allowed: tuple[int, ...]) -> None:
    """I8 to I10."""
    assert answer.code in allowed, f"{answer.code}: {answer.err}"
    check_answer(answer, answer.code)


def check_said(error: Exception) -> None:
    """Z13: a message is printable, line by line, and no page."""
    said = str(error).splitlines()
    assert said
    assert all(line.isprintable() for line in said), said


def read_journal(data: bytes, folder: Path) -> None:
    """As it is, and with all hashes made anew, so that the checks behind the chain are met too."""
    folder = _made(folder / "journal")
    for content in (data, _chained(data)):
        (folder / "journal.jsonl").write_bytes(content)
        with contextlib.suppress(JournalError):
            verify.survey(folder / "journal.jsonl", None)
        check(answered("replay", str(folder), "--engine", "interpreted"), (0, 1, 4))


def read_head(data: bytes, folder: Path) -> None:
    """The anchor beside a sound journal."""
    place = _made(folder / "head")
    if not (place / "journal.jsonl").exists():
        (place / "journal.jsonl").write_bytes(corpora.journals(folder)[0])
    (place / "head").write_bytes(data)
    check(answered("replay", str(place), "--books"), (0, 4))


def read_yaml(data: bytes, folder: Path) -> None:
    """A configuration; one that holds is the same when it is written out and read again, its plan too."""
    path = folder / "config.yaml"
    path.write_bytes(data)
    try:
        loaded = load(path)
    except ConfigError as error:
        check_said(error)
        return
    path.write_text(plan_text.resolved_yaml(loaded))
    config = load(path).config
    assert config.model_copy(update={"extends": loaded.config.extends}) == loaded.config
    texts = plan_text.plan_texts(config)
    again = plan_text.from_plan_texts(
        texts, symbols=loaded.symbols, markets=config.markets, detail=config.journal.detail,
        timeframe=config.market_data.timeframe,
    )  # fmt: skip
    assert plan_text.plan_texts(again) == texts


def read_sets(data: bytes, folder: Path) -> None:
    """Options and variables: a line each."""
    words = _words(data)
    variables = {name: value for name, _, value in (word.partition("=") for word in words) if name.startswith("SAFLA")}
    try:
        load(None, sets=[word for word in words if word not in variables], environment=variables)
    except (ConfigError, UsageError) as error:
        check_said(error)


def read_python(data: bytes, folder: Path) -> None:
    """A dict, and dotted keys with values, as a program gives them."""
    for config, sets in ((corpora.config_of(data), {}), ({}, corpora.sets_of(data))):
        try:
            load_mapping(config, sets=sets)  # type: ignore[arg-type]
        except (ConfigError, UsageError) as error:
            check_said(error)


def read_csv(data: bytes, folder: Path) -> None:
    """A table; what is taken stands in it as it was taken, and every line is one."""
    path = folder / "btc.csv"
    path.write_bytes(data)
    try:
        found = csv.read(str(path), None)
        normalise.assemble([found], TARGET)
    except DataError as error:
        check_said(error)
        return
    written = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    assert found.origin.numbers[-1] <= len(written)
    for row, number in enumerate(found.origin.numbers[:50]):
        cells = [cell for mark in csv.DELIMITERS for cell in table.split_cells(written[number - 1], mark)]
        for name in normalise.PRICES:
            digits, places = found.numbers[name].digits[row], found.numbers[name].places[row]
            assert Decimal(int(digits)).scaleb(-int(places)) in map(_number, cells)


def read_packed(data: bytes, folder: Path) -> None:
    """gzip, zstd or ZIP, by all readers that take them."""
    path = folder / "packed"
    path.write_bytes(data)
    readers = (
        lambda: csv.read(str(path), None),
        lambda: vision.read(str(path)),
        lambda: formats.read(str(path), Question("BTC/USDT")),
    )
    for read in readers:
        try:
            normalise.assemble([read()], TARGET)
        except DataError as error:
            check_said(error)


def read_any(data: bytes, folder: Path) -> None:
    """A file of any format, as a run and an import read it."""
    path = folder / "candles"
    path.write_bytes(data)
    try:
        normalise.assemble([formats.read(str(path), Question("BTC/USDT", zone="UTC"))], TARGET)
    except DataError as error:
        check_said(error)


def read_parquet(data: bytes, folder: Path) -> None:
    """As a source of candles, and as the file of a run folder."""
    path = folder / "candles.parquet"
    path.write_bytes(data)
    try:
        normalise.assemble([parquet.read(str(path), None, symbol="BTC/USDT", owners=1)], TARGET)
    except DataError as error:
        check_said(error)
    try:
        run_candles.read(path)
    except JournalError as error:
        check_said(error)


def read_recorded(data: bytes, folder: Path) -> None:
    """The candles of a run folder, as they are and with their seal made again: as such, as a source, as a month."""
    path = folder / "candles.parquet"
    for content in (data, sealed(data)):
        path.write_bytes(content)
        with contextlib.suppress(JournalError):
            run_candles.read(path)
        with contextlib.suppress(DataError):
            parquet.read(str(path), None, symbol="BTC/USDT", owners=1)
        with contextlib.suppress(ValueError):
            month.unpack(content, candles=80)


def read_run_folder(data: bytes, folder: Path) -> None:
    """A run folder of which one file is another, as `corpora.run_folders` packs them; seals and hashes are made again.

    status, replay and the same run once more say what is wrong, and none of them is ended by it.
    """
    name, _, content = data.partition(b"\n")
    place = folder / "run-folder"
    if not (place / "run").exists():
        place.mkdir()
        with contextlib.redirect_stdout(io.StringIO()):  # a process apart answers there
            damage.finished(place)
    file = RUN_FILES[name[0] % len(RUN_FILES)] if name else RUN_FILES[0]
    path = place / "run" / file
    before = path.read_bytes() if path.exists() else b""
    mended = {"candles.parquet": sealed, "journal.jsonl": _chained}.get(file, bytes)
    try:
        for given in (content, mended(content)):
            path.write_bytes(given)
            check(answered("status", str(place / "run")), (0, 1, 3, 4, 6))
            check(answered("replay", str(place / "run"), "--engine", "interpreted"), (0, 1, 3, 4, 6))
    finally:
        path.write_bytes(before)


def read_markets(data: bytes, folder: Path) -> None:
    """What an exchange says of its markets, behind a byte that says which exchange: read, or a bad answer."""
    name, body = corpora.EXCHANGES[data[0] % len(corpora.EXCHANGES)] if data else "binance", data[1:]
    try:
        asyncio.run(_loaded(name, body.decode("utf-8", "replace")))
    except (RequestFailed, ConfigError) as error:
        check_said(error)


async def _loaded(name: str, body: str) -> None:
    config = ExchangeSection.model_validate({"name": name})
    exchange = factory.make_exchange(config)

    async def received(url: str, headers: object) -> HttpAnswer:
        return HttpAnswer(200, "OK", {}, body)

    async def before() -> None:
        """No gate."""

    exchange._received, exchange.before, exchange.heard, exchange.timeout_on_exit = received, before, print_nothing, 0
    try:
        await client._read(lambda: factory.load_markets(exchange, (), config=config, wanted=("BTC/USDT", "BTC/USD")))
        for symbol in list(exchange.markets)[:5]:
            await client._read(lambda symbol=symbol: _rules(exchange, symbol))
    finally:
        await exchange.close()


async def _rules(exchange: object, symbol: str) -> None:
    factory.rules(exchange, symbol)
    factory.status(exchange, symbol)


def print_nothing(_heard: HttpAnswer) -> None:
    """No counts are kept."""


def read_symbol(data: bytes, folder: Path) -> None:
    """A symbol that is taken is of the allow-list (J14), and of one part where it stands in a path (Z7)."""
    symbol = _decoded(data)
    try:
        load_mapping({"symbols": {"primary": [symbol]}, "system": {"name": symbol[:80]}})
    except ConfigError as error:
        check_said(error)
        return
    assert SYMBOL.fullmatch(symbol)
    assert "/" not in paths.written("{symbol}", symbol, timeframe="1h")


def read_arguments(data: bytes, folder: Path) -> None:
    """A command line, a word a line, in a folder that holds what its words name."""
    place = _made(folder / "arguments")
    (place / "btc.csv").write_bytes(TABLE)
    (place / "config.yaml").write_text(CONFIG)
    with contextlib.chdir(place):
        answer = answered(*map(_tame, _words(data)))
        if answer.code == 2 and answer.err.startswith("Usage: "):  # the help of a group without a command
            return
        # of several files that are validated the sound ones are told beside those that are not
        check(answer if answer.code != 3 else answer._replace(out=""), (0, 1, 2, 3, 4, 6))


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _chained(data: bytes) -> bytes:
    try:
        return rehashed(data)
    except TypeError:  # a line that has no such frame
        return data


def _number(cell: str) -> Decimal | None:
    plain = cell.lower().replace(".", "", 1).replace("e-", "", 1).replace("e+", "", 1).replace("e", "", 1)
    return Decimal(cell) if plain.removeprefix("+").isdigit() and plain.isascii() else None


def _decoded(data: bytes) -> str:
    """Text as a system passes it: without NUL, and no longer than one word may be there."""
    return os.fsdecode(data.replace(b"\0", b"")[:WORD_BYTES])


def _words(data: bytes) -> list[str]:
    return _decoded(data).split("\n")


def _tame(word: str) -> str:
    """Nothing that leads out of the folder, waits as long as it is told to (--watch), or compiles for seconds."""
    return word.replace("..", "__").replace("/", "_").replace("--watch", "--what").replace("compiled", "compile")


TARGETS = {
    "journal": Target(read_journal, corpora.journals, None, apart=False),
    "head": Target(read_head, corpora.heads, None, apart=False),
    "yaml": Target(read_yaml, corpora.configurations, corpora.drawn_yaml, apart=False),
    "sets": Target(read_sets, corpora.options, None, apart=False),
    "python": Target(read_python, corpora.python_values, corpora.drawn_bytes, apart=False),
    "csv": Target(read_csv, corpora.tables, None, apart=False),
    "packed": Target(read_packed, corpora.packed, None, apart=False),
    "json": Target(read_any, corpora.jsons, None, apart=False),
    "arrow": Target(read_any, corpora.arrows, None, apart=True),
    "parquet": Target(read_parquet, corpora.parquets, None, apart=True),
    "recorded": Target(read_recorded, corpora.recorded_candles, None, apart=True),
    "folders": Target(read_run_folder, corpora.run_folders, None, apart=True),
    "markets": Target(read_markets, corpora.markets, None, apart=False),
    "symbols": Target(read_symbol, corpora.symbols, None, apart=False),
    "arguments": Target(read_arguments, corpora.command_lines, corpora.drawn_words, apart=False),
}
