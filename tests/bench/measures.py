"""What is measured of safla alone: whole commands, journal, store, paper runs, breaker. The candles are SYNTHETIC."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from safla.config.loader import load
from safla.data.store import store
from safla.data.store.store import SeriesKey
from safla.exchange.circuit_breaker import Breaker, CircuitOpen
from safla.journal import reader
from safla.journal.append import Appender
from safla.journal.verify import survey
from safla.observe.update import Update
from safla.paper import runner
from safla.paper.runner import Listeners
from safla.paper.session import PaperSession
from safla.runs import backtest
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.interrupt import Flag
from safla.runs.runner import fold_blocks
from tests.bench import job
from tests.bench.job import MINUTE
from tests.bench.timing import ROOT, Taken, process, seconds

YEAR_OF_MINUTES = """\
system: {name: Bench}
symbols: {primary: [BTC/USDT]}
market_data: {timeframe: 1m, lookback_candles: 31}
data: {source: parquet, path: candles.parquet}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0, max_position_size_usd: 1000}
risk: {max_daily_loss_pct: null, max_drawdown_pct: null, max_daily_trades: null}
"""
YEAR_OF_HOURS = """\
system: {name: Year}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: 8760}}
"""


def minutes(folder: Path, size: int, runs: int) -> Taken:
    """`safla run` over so many one-minute candles, each time into a new folder."""
    import polars as pl

    columns = job.candles(size)
    named = dict(zip(columns._fields[1:5], (column / 100 for column in columns[1:5]), strict=True))
    frame = pl.DataFrame({"ts": columns.ts, **named, "volume": columns.volume / 10**5})
    frame.write_parquet(folder / "candles.parquet")
    (folder / "job.yaml").write_text(YEAR_OF_MINUTES)
    return run(folder, "--engine", "compiled", runs=runs)


def first_run(folder: Path) -> Taken:
    """The same run where no cache folder holds anything: what a user's first run takes."""
    out = folder / "run"
    command = ("-m", "safla", "run", str(folder / "job.yaml"), "--out", str(out), "--quiet", "--json")
    shutil.rmtree(out, ignore_errors=True)
    return process(*command, runs=0, XDG_CACHE_HOME=str(folder / "nothing"))


class Replayed(NamedTuple):
    """A run with all candles in its journal, and its replay."""

    run: Taken
    replay: Taken


def replayed(folder: Path, runs: int) -> Replayed:
    """`safla run --journal-detail candles` over the same candles, and `safla replay` of it."""
    ran = run(folder, "--journal-detail", "candles", runs=runs)
    return Replayed(ran, process("-m", "safla", "replay", str(folder / "run"), runs=runs))


def hours(folder: Path, runs: int) -> Taken:
    """`safla run`, interpreted, over a year of hours."""
    (folder / "job.yaml").write_text(YEAR_OF_HOURS)
    return run(folder, "--engine", "interpreted", runs=runs)


def run(folder: Path, *options: str, runs: int) -> Taken:
    """The command on the folder's configuration."""
    out = folder / "run"
    command = ("-m", "safla", "run", str(folder / "job.yaml"), "--out", str(out), "--quiet", "--json", *options)
    return process(*command, runs=runs, before=lambda: shutil.rmtree(out, ignore_errors=True))


JOB_START_MS = 1_672_531_200_000  # of the job's candles, ms


class Speeds(NamedTuple):
    """Of one journal with all candles."""

    lines: int
    append_us: float  # an event: folded, built, encoded, chained, written; one sync at the end
    live_us: float  # a candle: interpreted engine and lines, one timestamp a block
    chain: float  # lines a second
    strict: float  # lines a second
    recovery_s: float  # of a run whose journal was cut in the middle: verified, compared, gone on with


def measure_journal(folder: Path, candles: int) -> Speeds:
    """Write the journal of so many candles of a folder's candles.parquet, and go through it in each way."""
    (folder / "journal.yaml").write_text(YEAR_OF_MINUTES)
    sets = ["journal.detail=candles", f"data.end={JOB_START_MS + MINUTE * candles}"]
    prepared = backtest.prepare(load(folder / "journal.yaml", sets=sets))
    out = folder / "whole"
    shutil.rmtree(out, ignore_errors=True)
    _run(prepared, out)
    journal = out / "journal.jsonl"
    lines = survey(journal, None).lines
    chain = lines / _seconds(lambda: survey(journal, None))
    strict = lines / _seconds(lambda: sum(1 for _ in reader.read(journal)))
    append = _seconds(lambda: _append(prepared, folder / "append.jsonl")) / lines
    text = journal.read_bytes()
    journal.write_bytes(text[: text.index(b"\n", len(text) // 2) + 20])
    (out / "head").unlink()
    recovery = _seconds(lambda: _run(prepared, out))
    assert journal.read_bytes() == text, "recovered to the byte"
    return Speeds(lines, append * 1e6, _live(prepared) * 1e6, chain, strict, recovery)


def _run(prepared: backtest.Prepared, out: Path) -> None:
    backtest.run_backtest(
        prepared, out, engine="compiled", force=False, watch=lambda progress: None, say=lambda text: None, flag=Flag()
    )


def _append(prepared: backtest.Prepared, path: Path) -> None:
    path.unlink(missing_ok=True)
    with Appender(path) as journal:
        for block in fold_blocks(prepared.run, prepared.series, forms=_forms(prepared, "compiled")):
            journal.append(block.lines)
        journal.sync()


def _live(prepared: backtest.Prepared) -> float:
    blocks = fold_blocks(prepared.run, prepared.series, forms=_forms(prepared, "interpreted"), timestamps=1)
    next(blocks)  # with the beginning of the run
    return _seconds(lambda: sum(1 for _ in itertools.islice(blocks, 5_000))) / 5_000


def _forms(prepared: backtest.Prepared, engine: str) -> EngineForms:
    return choose(engine, prepared.run.strategy, candles=1, say=lambda text: None)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


START_MS = 1_704_067_200_000  # where the fake exchange's synthetic candles begin
STEP_MS = 60_000
PAGE = 1000

PAGES_ALONE = """\
import asyncio, sys, aiohttp
async def main(url, candles):
    async with aiohttp.ClientSession() as session:
        for first in range(0, candles, 1000):
            asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": 1704067200000 + first * 60000, "limit": 1000}
            async with session.get(f"{url}/api/v3/klines", params=asked) as answer:
                await answer.read()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
CCXT_ALONE = """\
import asyncio, sys, ccxt.async_support as ccxt
async def main(url, candles):
    exchange = ccxt.binance({"enableRateLimit": False, "urls": {"api": {"public": f"{url}/api/v3"}},
                             "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False}})
    rows, since, end = [], 1704067200000, 1704067200000 + candles * 60000
    while since < end:
        page = await exchange.fetch_ohlcv("BTC/USDT", "1m", since, 1000)
        rows += page
        since = page[-1][0] + 60000
    await exchange.close()
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class Stored(NamedTuple):
    """What was measured."""

    fetched: Taken  # whole processes
    pages: Taken
    ccxt: Taken
    read_seconds: float


def measure_candles(folder: Path, candles: int, runs: int) -> Stored:
    """So many minutes of one symbol: fetched into an empty store, asked for by others, and read back."""
    cache = folder / "cache"
    symbol = ("BTC/USDT", "--timeframe", "1m", "--from", "2024-01-01", "--to", str(START_MS + candles * STEP_MS))
    with exchange(candles) as url:
        fetched = process(
            "-m", "safla", "data", "fetch", *symbol, "--quiet", "--set", "exchange.rate_limit_per_minute=6000",
            runs=runs, before=lambda: shutil.rmtree(cache, ignore_errors=True),
            SAFLA__EXCHANGE__REST_URL=url, SAFLA__STORAGE__CACHE_DIRECTORY=str(cache),
            SAFLA__STORAGE__LOGS_DIRECTORY=str(folder / "logs"),
        )  # fmt: skip
        pages = process("-c", PAGES_ALONE, url, str(candles), runs=runs)
        ccxt = process("-c", CCXT_ALONE, url, str(candles), runs=runs)
    place = SeriesKey(cache, "binance", "BTC/USDT", "1m")
    span = (START_MS, START_MS + candles * STEP_MS)
    assert store.stored_candles(place, span).missing == ()
    return Stored(fetched, pages, ccxt, seconds(lambda: store.stored_candles(place, span), max(runs, 3)))


@contextmanager
def exchange(candles: int) -> Iterator[str]:
    """The fake exchange as a process of its own; its address. No weight is too much for it."""
    command = ["-m", "tests.fake_exchange", "--synthetic", f"BTCUSDT:1m:{candles}", "--weight-limit", "1000000"]
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["rest_url"]
        finally:
            server.terminate()


PAPER = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT]}
data: {source: synthetic, synthetic: {candles: CANDLES}}
strategy: {fast_period: 10, slow_period: 30, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {timeframe: 1m, lookback_candles: 31}
risk: {max_daily_loss_pct: 0.002, trailing_stop_pct: 0.03, drawdown_pause_days: 2, max_drawdown_pct: 0.02}
"""


class Percentiles(NamedTuple):
    """Of one kind of moment, ms."""

    p50: float
    p99: float
    p999: float


class Synced(NamedTuple):
    """What a candle takes, and what the disk alone takes of it."""

    candle: Percentiles  # decided, appended, synced: from when it is taken up until it may be told (J23)
    floor: Percentiles  # the same bytes, by os.write and fdatasync


def measure_paper(folder: Path, candles: int) -> Synced:
    """Run so many candles at full speed, then write what that wrote once more, batch by batch."""
    folder.mkdir()
    (folder / "paper.yaml").write_text(PAPER.replace("CANDLES", str(candles)))
    taken, sizes, path = [], [0], folder / "run" / "journal.jsonl"
    began = time.monotonic()

    def notify(one: Update) -> None:
        taken.append(one.synced - began)
        sizes.append(path.stat().st_size)

    def taken_up(held: PaperSession, *arguments: Any, **named: Any) -> None:
        nonlocal began
        began = time.monotonic()
        fold(held, *arguments, **named)

    fold = PaperSession.fold
    PaperSession.fold = taken_up  # type: ignore[method-assign]
    try:
        runner.run_paper(
            load(folder / "paper.yaml"), folder / "run", force=False, say=lambda text: None, flag=Flag(),
            attach_listeners=lambda run, source: nullcontext(Listeners(notify, lambda *trouble: None)),
        )  # fmt: skip
    finally:
        PaperSession.fold = fold  # type: ignore[method-assign]
    text = path.read_bytes()
    batches = [text[first:end] for first, end in itertools.pairwise(sizes)]
    return Synced(_percentiles(taken[1:-1]), _percentiles(_synced_alone(folder / "alone", batches)))


def _synced_alone(path: Path, batches: list[bytes]) -> list[float]:
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    taken = []
    for batch in batches:
        began = time.perf_counter()
        os.write(descriptor, batch)
        sync(descriptor)
        taken.append(time.perf_counter() - began)
    os.close(descriptor)
    return taken


def _percentiles(seconds: list[float]) -> Percentiles:
    in_order = sorted(seconds)
    return Percentiles(*(in_order[int(share * (len(in_order) - 1))] * 1000 for share in (0.5, 0.99, 0.999)))


class Costs(NamedTuple):
    """Of one call, us."""

    closed: float  # acquired, and its success
    refused: float  # asked, and CircuitOpen caught


def measure_breaker(calls: int, runs: int) -> Costs:
    """So many calls in a row: of a closed breaker, and of an open one."""
    closed, opened = (
        Breaker(failure_threshold=1, recovery_seconds=3600.0, success_threshold=1) for _ in ("closed", "open")
    )
    opened.acquire().failure("measured")
    passed = seconds(lambda: _passing(closed, calls), runs)
    refused = seconds(lambda: _refused(opened, calls), runs)
    return Costs(passed / calls * 1e6, refused / calls * 1e6)


def _passing(breaker: Breaker, calls: int) -> None:
    for _ in range(calls):
        breaker.acquire().success()


def _refused(breaker: Breaker, calls: int) -> None:
    for _ in range(calls):
        try:
            breaker.acquire()
        except CircuitOpen:
            continue
