"""Measure and print: `python -m tests.bench`, with `--quick` for the shape alone, `--json FILE` for programs."""

import argparse
import gc
import json
import os
import platform
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from safla import cli
from safla.core.engine import fold
from safla.strategies import sma_crossover
from tests.bench import job, measures, peers
from tests.bench.timing import process, seconds
from tests.compiled_engine import compiled_entry

YEAR, DECADE = job.YEAR, 10 * job.YEAR


class Figure(NamedTuple):
    """One line of a table: what was measured, in which unit, and what docs/performance.md asks for."""

    what: str
    value: float
    unit: str
    target: float | None = None
    stretch: float | None = None
    note: str = ""


class Sizes(NamedTuple):
    """How much is measured."""

    year: int
    decade: int
    lines: int  # candles of the journal that is gone through
    runs: int


FULL = Sizes(YEAR, DECADE, 1_000_000, 5)
QUICK = Sizes(20_000, 40_000, 5_000, 1)


def main() -> None:
    """Measure, print markdown, and write JSON where it is asked for."""
    warnings.simplefilter("ignore")
    gc.set_threshold(cli.CYCLES)  # as the program does
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few candles: the shape of the tables, not the speed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    asked = parser.parse_args()
    sizes = QUICK if asked.quick else FULL
    tables = measured(sizes)
    text = {"machine": machine(), "sizes": sizes._asdict(), "tables": {}}
    print(f"{text['machine']}\n")
    for title, figures in tables:
        print(f"**{title}**\n\n{markdown(figures)}\n")
        text["tables"][title] = [figure._asdict() for figure in figures]
    if asked.json:
        asked.json.write_text(json.dumps(text, indent=2) + "\n")


def measured(sizes: Sizes) -> list[tuple[str, list[Figure]]]:
    """Every table, in the order in which a reader asks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        side = side_by_side(sizes, folder)
        processes = whole_processes(sizes, folder)
        whole_peers = peers_whole(sizes, folder)
        lines = journal_speeds(sizes, folder)
        stored = candles_stored(sizes, folder)
        synced = paper_synced(sizes, folder)
    return [
        (f"In process, {sizes.year} candles, warm, the same job for all", side),
        (f"Whole processes, {sizes.year} candles: start, load, run", [*processes, *whole_peers]),
        ("The journal", lines),
        (f"Candles: {sizes.year} minutes from an exchange on the loopback, one page after the other", stored),
        ("Paper: a candle, from its arrival to its synced line", synced),
        ("The breaker", breaker_costs(sizes)),
    ]


def side_by_side(sizes: Sizes, folder: Path) -> list[Figure]:
    """safla, the peers and the floors in one process, on the same candles."""
    columns = job.candles(sizes.year)
    floats = peers.prices(columns)
    np.save(folder / "candles.npy", np.array([column.astype(float) for column in floats]))

    def figure(what: str, work: Any, target: float | None = None, stretch: float | None = None) -> Figure:
        taken = seconds(work, sizes.runs) / sizes.year * 1e9
        return Figure(what, taken, "ns a candle", target, stretch)

    loop, feed = compiled_entry(fold), compiled_entry(sma_crossover.feed)
    ours = peers.our_run(columns)
    figures = [
        figure("safla", lambda: peers.our_run(columns), 50, 20)._replace(note=note_of(ours)),
        figure("safla with stops, target, slippage", lambda: job.fold(columns, loop, feed), 50, 20),
    ]
    for peer in peers.installed():
        taken = peer.taken(floats)
        answer = peer.run(taken)
        figures.append(
            figure(peer.label, lambda peer=peer, taken=taken: peer.run(taken))._replace(note=note_of(answer))
        )
    part = type(columns)(*(column[: sizes.year // 20] for column in columns))
    interpreted = seconds(lambda: job.fold(part, None), 1) / len(part.ts) * 1e9
    bare = job.numba_pass()
    return [
        *figures,
        Figure("safla, interpreted", interpreted, "ns a candle", 50_000),
        figure("floor: one compiled pass of the bare arithmetic", lambda: bare(*floats[1:5])),
        figure("floor: numpy, signals without stops", lambda: job.numpy_signals(columns)),
        figure("floor: reading four columns", lambda: [column.sum() for column in floats[1:5]]),
    ]


def whole_processes(sizes: Sizes, folder: Path) -> list[Figure]:
    """safla's own commands."""
    year = measures.minutes(folder, sizes.year, sizes.runs)
    first = measures.first_run(folder)
    replayed = measures.replayed(folder, sizes.runs)
    decade = measures.minutes(folder, sizes.decade, 1)  # its candles are those of the journal below
    hours = measures.hours(folder, sizes.runs)
    trades = json.loads(year.out)["trades"]
    shown = {"--help": (0.044,), "validate configs/btc.yaml": (0.200, 0.150)}
    return [
        Figure("safla run", year.seconds, "s", 0.65, 0.5, f"decisions journal, {trades} trades"),
        Figure("safla run, its memory", year.peak_mb, "MB", 200),
        Figure("safla run, the first on a machine", first.seconds, "s", 0.9, 0.6, "one run, an empty cache folder"),
        Figure(f"safla run, {sizes.decade} candles", decade.seconds, "s", 3.5),
        Figure(f"safla run, {sizes.decade} candles, its memory", decade.peak_mb, "MB", 500),
        Figure("safla run, all candles in the journal", replayed.run.seconds, "s"),
        Figure(
            "safla replay of it", replayed.replay.seconds, "s", 1.5 * replayed.run.seconds, note="1.5 times the run"
        ),
        Figure("safla replay of it, its memory", replayed.replay.peak_mb, "MB"),
        Figure("safla run, interpreted, a year of hours", hours.seconds, "s", 1.0),
        Figure("safla run, interpreted, a year of hours, its memory", hours.peak_mb, "MB", 150),
        *(
            Figure(f"safla {words}", process("-m", "safla", *words.split(), runs=sizes.runs).seconds, "s", *marks)
            for words, marks in shown.items()
        ),
    ]


def peers_whole(sizes: Sizes, folder: Path) -> list[Figure]:
    """The others: start, load the candles from .npy, run; nothing is written."""
    figures = []
    for peer in peers.installed():
        taken = process("-m", "tests.bench.peers", peer.name, str(folder / "candles.npy"), runs=max(1, sizes.runs // 2))
        figures.append(Figure(peer.label, taken.seconds, "s", note=f"no journal; {taken.peak_mb:.0f} MB"))
    return figures


def journal_speeds(sizes: Sizes, folder: Path) -> list[Figure]:
    """Lines made, verified and recovered."""
    found = measures.measure_journal(folder, sizes.lines)
    return [
        Figure("append, folded to synced", found.append_us, "us an event", 10, 2, f"{found.lines} lines"),
        Figure("a candle live: interpreted, with its line", found.live_us, "us a candle", 25),
        Figure("chain", found.chain, "lines a second", 500_000),
        Figure("strict", found.strict, "lines a second", 300_000),
        Figure("recovery of half of it, and on to its end", found.recovery_s, "s", 5, 1),
    ]


def candles_stored(sizes: Sizes, folder: Path) -> list[Figure]:
    """Fetched, as whole processes, and read back."""
    found = measures.measure_candles(folder / "candles", sizes.year, max(1, sizes.runs // 2))
    return [
        Figure("safla data fetch", found.fetched.seconds, "s", 20, note="judged, stored, each page synced"),
        Figure("safla data fetch, its memory", found.fetched.peak_mb, "MB", 300),
        Figure("ccxt alone", found.ccxt.seconds, "s", note="floats in a list; nothing judged or stored"),
        Figure("floor: the pages by aiohttp alone", found.pages.seconds, "s", note="bytes, thrown away"),
        Figure("read back from the store", found.read_seconds * 1000, "ms", 150, note="hashes verified"),
    ]


def paper_synced(sizes: Sizes, folder: Path) -> list[Figure]:
    """What a candle takes until it may be told, and what of that is the disk (docs/faults.md)."""
    found = measures.measure_paper(folder / "paper", max(500, sizes.lines // 100))
    rows = (("p50", 1.0, None), ("p99", 1.0, None), ("p99.9", None, 1.0))
    figures = [
        Figure(f"synced candle in paper: {share}", value, "ms", target, stretch)
        for (share, target, stretch), value in zip(rows, found.candle, strict=True)
    ]
    alone = zip(rows, found.floor, strict=True)
    return [*figures, *(Figure(f"floor: its writes and fdatasyncs: {row[0]}", value, "ms") for row, value in alone)]


def breaker_costs(sizes: Sizes) -> list[Figure]:
    """What guarding a call costs (docs/faults.md)."""
    found = measures.measure_breaker(sizes.lines // 5, sizes.runs)
    return [
        Figure("breaker: closed call", found.closed, "us", 0.5, 0.25, "with its success"),
        Figure("breaker: refused call", found.refused, "us", 2, 1),
    ]


def note_of(answer: peers.Answer) -> str:
    """What shows that it was the same job."""
    return f"{answer.trades} trades, equity {answer.equity:.2f}"


def markdown(figures: list[Figure]) -> str:
    """A table."""
    rows = [
        f"| {one.what} | {shown(one.value)} {one.unit} | {shown(one.target)} | {shown(one.stretch)} | {one.note} |"
        for one in figures
    ]
    return "\n".join(["| what | measured | target | stretch | |", "|---|---|---|---|---|", *rows])


def shown(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """Where it was measured."""
    names = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "polars"))
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {names}; medians of several runs."


if __name__ == "__main__":
    sys.exit(main())
