"""Scenario tables: the text format and its reader. story.py runs them; nothing is asserted here.

    # S9: an opening gap through the stop                 the title names the rules
    stop_loss 5 %, take_profit 10 %                       settings that differ from QUIET
      10000 10100  9900 10000 +1 | -              | flat  open high low close, signal | happened | mode
      10000 10400  9600 10300 .  | buy 10000      | long  further words: v0 volume, s0.5 strength
       9400  9600  9000  9200 .  | stop_loss 9400 | flat
  +2h  9300  9300  9300  9300 .  | -              | flat  two hours after the row before, so one candle is missing
    > halt operator              | halted         | halted    an input between candles: halt RULE, resume RULE, end

Several symbols have a cell each, `-` where one has no candle. `happened` names what came out, in order. Fills,
rejections, expiries, halts and resumes must always be named; of the other words (placed, day, closed, and the triggers
of the machine) all or none in one scenario. An event may be named by its first words only.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from safla.core.values import Grid, Market, Plan, Rules, Signals

HOUR = 3_600_000
MONDAY = 1_704_067_200_000  # 2024-01-01T00:00Z
QUIET = Rules(
    step_ms=HOUR, start_ts=0, warm_up=1, max_gap_candles=0, sell_on_gap=0, max_fill_delay_candles=1,
    optimistic=0, touch=0, target_improvement=0, commission_ppm=0, maker_commission_ppm=0,
    base_slippage_ppm=0, impact_ppm=0, max_slippage_ppm=0, entry_threshold_ppm=0,
    max_position=112_000, position_size_ppm=1_000_000, max_exposure_ppm=1_000_000,  # 10 units at a price of 10 000
    stop_loss_ppm=0, take_profit_ppm=0, trailing_stop_ppm=0, trailing_activation_ppm=0, max_open_positions=9,
    max_daily_loss_ppm=0, max_drawdown_ppm=0, drawdown_pause_days=0, max_daily_trades=0, cooldown_candles=0, flatten=1,
)  # fmt: skip
MARKET = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)
BALANCE = 1_000_000
VOLUME = 1_000_000
UNITS = {"%": 10_000, "bps": 100}  # in parts per million

Words = list[str]


class Bar(NamedTuple):
    """One cell: a candle (all 0 where there is none) with its signal."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    signal: int
    strength: float


class Row(NamedTuple):
    """One line of a table, with its number in the file."""

    line: int
    ts: int
    command: Words  # from outside, empty for candles
    bars: list[Bar]
    happened: list[Words]
    modes: Words


class Scenario(NamedTuple):
    """One table."""

    name: str  # file:line and title
    rules: tuple[str, ...]  # the rules that the title names
    plan: Plan
    balance: int
    symbols: Words
    rows: list[Row]


def read(path: Path) -> Iterator[Scenario]:
    """The scenarios of one file. Text before the first title is a comment."""
    lines = list(enumerate(path.read_text("ascii").splitlines(), 1))
    starts = [place for place, (_, line) in enumerate(lines) if re.match(r"# S\d", line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        number, title = lines[start]
        body = [(n, text) for n, line in lines[start + 1 : end] if (text := line.partition("#")[0].strip())]
        yield _scenario(f"{path.name}:{number} {title[2:]}", body)


def _scenario(name: str, body: list[tuple[int, str]]) -> Scenario:
    rules, market, other = QUIET._asdict(), MARKET._asdict(), {"balance": BALANCE, "begin": MONDAY, "start": 0}
    symbols = ["A"]
    for word, *value in (item.split() for _, line in body if "|" not in line for item in line.split(",")):
        if word == "symbols":
            symbols = value
            continue
        field = f"{word}_ppm" if f"{word}_ppm" in rules else word
        table = next((table for table in (rules, market, other) if field in table), None)
        assert table is not None, f"{name}: no such setting: {word}"
        table[field] = _number(value)
    rules["start_ts"] = other["begin"] + other["start"]
    plan = Plan(Rules(**rules), np.array([Market(**market)] * len(symbols), np.int64))
    rows = list(_rows([(n, line) for n, line in body if "|" in line], other["begin"]))
    return Scenario(name, tuple(re.findall(r"S\d+", name.partition(": ")[0])), plan, other["balance"], symbols, rows)


def _number(words: Words) -> int:
    """A setting's value: a number, a share (`5 %`), an hour of the first day (`22:00`) or hours (`+3h`); none is 1."""
    if not words:
        return 1
    if words[0].endswith(":00"):
        return MONDAY + int(words[0].removesuffix(":00")) * HOUR
    if words[0].endswith("h"):
        return int(words[0].strip("+h")) * HOUR
    return int(Decimal(words[0].replace("_", "")) * (UNITS[words[1]] if len(words) > 1 else 1))


def _rows(lines: list[tuple[int, str]], begin: int) -> Iterator[Row]:
    ts = begin - HOUR
    for number, line in lines:
        *cells, happened, modes = (cell.strip() for cell in line.split("|"))
        events = [] if happened == "-" else [event.split() for event in happened.split(",")]
        if line.startswith(">"):
            yield Row(number, ts, cells[0].strip("> ").split(), [], events, modes.split())
            continue
        later = re.match(r"\+(\d+)h\s+", cells[0])
        ts += int(later[1]) * HOUR if later else HOUR
        cells[0] = cells[0][later.end() :] if later else cells[0]
        yield Row(number, ts, [], [_bar(cell.split()) for cell in cells], events, modes.split())


def _bar(words: Words) -> Bar:
    if words == ["-"]:
        return Bar(0, 0, 0, 0, volume=0, signal=0, strength=0.0)
    first, high, low, last = map(int, words[:4])
    bar = Bar(first, high, low, last, volume=VOLUME, signal=0, strength=0.01)
    for word in words[4:]:
        if word.startswith("v"):
            bar = bar._replace(volume=int(word[1:]))
        elif word.startswith("s"):
            bar = bar._replace(strength=float(word[1:]))
        elif word != ".":
            bar = bar._replace(signal=int(word))
    return bar


def block(rows: list[Row]) -> tuple[Grid, Signals]:
    """The candles and signals of some rows, as one block."""
    table = np.array([row.bars for row in rows])  # rows, symbols, fields of Bar
    *columns, signal, strength = (table[:, :, field].T for field in range(len(Bar._fields)))
    ts = np.array([row.ts for row in rows], np.int64)
    return Grid(ts, *(column.astype(np.int64) for column in columns)), Signals(signal.astype(np.int8), strength)
