"""A small run of two symbols with every kind of event, told by the engine; journals made by hand; drawn events.

Drawn events are of every type, each with amounts in the places that a drawn first line declares. No assertion.
"""

import hashlib
import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
from hypothesis import strategies as st

from safla.core import engine
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.candles import Series, align, digest
from safla.core.scale import to_text
from safla.core.timeframes import LAST_MS
from safla.core.values import Columns, Detail, Grid, Market, Plan, Rules, Signals, State
from safla.journal import events as e
from safla.journal.amounts import MEASURES, MONEY, PRICE, RATIO_PLACES
from safla.journal.chain import ORIGIN, Chain
from safla.journal.encode import NO_INPUT, Input
from safla.journal.event_texts import WriteFunction
from safla.journal.events import Event, RunStarted, SymbolScale
from safla.journal.reader import read
from safla.journal.writer import LineEncoder

HOUR = 3_600_000
BEGIN = 1_700_006_400_000  # 2023-11-15T00:00Z
CANDLES = 300  # at the end a position is open
BALANCE = 10**12  # 100 000 with 7 decimals
RULES = Rules(
    step_ms=HOUR, start_ts=BEGIN + 20 * HOUR, warm_up=5, settle=5, max_gap_candles=0, sell_on_gap=1,
    max_fill_delay_candles=0, optimistic=0, touch=0, target_improvement=0, commission_ppm=1_000,
    maker_commission_ppm=500, base_slippage_ppm=200, impact_ppm=100_000, max_slippage_ppm=5_000,
    confidence_cap_ppm=900_000, confidence_threshold_ppm=1_000,
    max_position=3 * 10**11, position_size_ppm=1_000_000, equity_share_ppm=0, risk_ppm=0,
    max_exposure_ppm=400_000, stop_loss_ppm=20_000,
    take_profit_ppm=30_000, trailing_stop_ppm=0, trailing_activation_ppm=0,
    stop_distance=0, target_distance=0, trail_distance=0,
    break_even_after_ppm=0, break_even_offset_ppm=0, max_held_candles=0, max_open_positions=2,
    max_daily_loss_ppm=4_000, max_drawdown_ppm=15_000, drawdown_pause_days=1, max_daily_trades=4,
    cooldown_candles=1, flatten=1,
)  # fmt: skip
MARKET = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)


class Run(NamedTuple):
    """All that decides a small run."""

    series: tuple[Series, ...]
    grid: Grid
    signals: Signals


@cache
def small_run(candles: int = CANDLES) -> Run:
    """Two symbols with gaps, candles without volume, and many signals."""
    rng = np.random.default_rng(5)
    series = []
    for name in ("BTC/USDT", "ETH/USDT"):
        close = np.maximum(1_000_000 + np.cumsum(rng.integers(-9_000, 9_000, candles)), 10_000)
        first = np.concatenate([close[:1], close[:-1]])
        high = np.maximum(first, close) + rng.integers(0, 4_000, candles)
        low = np.minimum(first, close) - rng.integers(0, 4_000, candles)
        volume = rng.integers(1, 10**10, candles) * (rng.random(candles) > 0.1)
        kept = rng.random(candles) > 0.02
        ts = BEGIN + np.arange(candles) * HOUR
        columns = Columns(*(column[kept] for column in (ts, first, high, low, close, volume)))
        series.append(Series(name, 2, 5, columns))
    grid = align([one.columns for one in series])
    signal = (rng.random(grid.open.shape) < 0.3).astype(np.int8) - (rng.random(grid.open.shape) < 0.1).astype(np.int8)
    signal[grid.open == 0] = 0
    return Run(tuple(series), grid, Signals(signal, rng.random(signal.shape) / 100))


def first_event(detail: Detail, symbols: Iterable[str] = ("BTC/USDT", "ETH/USDT")) -> RunStarted:
    """The first line of the small run."""
    return RunStarted(
        ts=BEGIN, schema=e.SCHEMA, rules=e.RULES, name="a small run", detail=detail, timeframe="1h",
        start=RULES.start_ts,
        quote="USDT", money_decimals=7, balance="100000.0000000", symbols=[scale(one) for one in symbols],
        plan={"risk.stop_loss_pct": "0.02", "execution.on_gap": "sell"},
    )  # fmt: skip


def scale(symbol: str) -> SymbolScale:
    """The scale of a symbol of the small run."""
    return SymbolScale(
        symbol=symbol, price_decimals=2, quantity_decimals=5, volume_decimals=5, tick="0.01", lot="0.00001",
        min_notional="0.0000000",
    )  # fmt: skip


@cache
def small_journal(
    detail: Detail = "candles", *, size: int = 300, check_moves: bool = False, write: WriteFunction | None = None
) -> bytes:
    """The journal of the small run, folded in blocks of so many timestamps; an operator halts and resumes it."""
    run = small_run()
    plan = Plan(RULES, np.array([MARKET, MARKET], np.int64))
    lines = LineEncoder(first_event(detail), check_moves=check_moves, write=write)
    out = blank_out(2, size, 4_096)
    state = engine.begin(new_state(BALANCE, 2), out, BEGIN)
    text = []
    for first, last in _cuts(len(run.grid.ts), size):
        part = Grid(run.grid.ts[first:last], *(column[:, first:last] for column in run.grid[1:]))
        signals = run.signals.part(first, last)
        state, folded, broken = engine.advance(plan, state, part, signals, out)
        assert (folded, broken) == (last - first, 0)
        used = int(out.used[0])
        text.append(lines.block(part, folded, rows=out.rows[:used], strengths=out.strength[:used]))
        out.used[0] = 0
        state = _command(lines, plan, state, out, last, text)
    state = engine.finish(state, out)
    text.append(lines.closing(out.rows[: int(out.used[0])], state, digest=digest(run.series, "1h"), stop=NO_INPUT))
    return b"".join(text)


def _command(lines: LineEncoder, plan: Plan, state: State, out: v.Out, at: int, text: list[bytes]) -> State:
    if at not in _COMMANDS:
        return state
    if _COMMANDS[at] == "halt":
        state = engine.halt(plan, state, out, v.OPERATOR)
    else:
        state = engine.resume(state, out, v.OPERATOR)
    text.append(lines.outside(out.rows[: int(out.used[0])], Input(f"a {_COMMANDS[at]}", BEGIN + at * HOUR, f"{at}-x")))
    out.used[0] = 0
    return state


_COMMANDS = {120: "halt", 130: "resume"}


def _cuts(timestamps: int, size: int) -> list[tuple[int, int]]:
    edges = sorted({*range(0, timestamps, size), *_COMMANDS, timestamps})
    return list(pairwise(edges))


@cache
def small_events(detail: Detail = "candles") -> tuple[Event, ...]:
    """The events of the small run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(small_journal(detail))
        return tuple(line.event for line in read(path))


def lines_of(events: Iterable[Event]) -> bytes:
    """Events as a journal, by our own chain."""
    chain = Chain(0, ORIGIN)
    return b"".join(chain.line(event) for event in events)


def chained(texts: Iterable[bytes]) -> bytes:
    """Texts of events as a journal, by the words of J10 alone: an oracle that shares no line with the package."""
    p, lines = "0" * 32, []
    for n, text in enumerate(texts, start=1):
        head = f'{{"n":{n},"p":"{p}","e":{text.decode("latin-1")},"h":"'.encode("latin-1")
        p = hashlib.blake2b(head, digest_size=16).hexdigest()
        lines.append(head + p.encode() + b'"}\n')
    return b"".join(lines)


SYMBOLS = ("BTC/USDT", "ETH/USDT", "1INCH/USDT:USDT")
UNITS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-1_000, 1_000))
TIMES = st.integers(0, LAST_MS)
COUNTS = st.integers(0, 2**63 - 1)
NUMBERS = st.integers(1, 2**63 - 1)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


def amounts(places: int) -> st.SearchStrategy[str]:
    """Any amount of 64 bits with so many places."""
    return UNITS.map(lambda units: to_text(units, places))


@st.composite
def first_lines(draw: st.DrawFn) -> RunStarted:
    """A first line with up to three symbols and 0 to 18 places."""
    scales = []
    for symbol in SYMBOLS[: draw(st.integers(1, len(SYMBOLS)))]:
        price = draw(st.integers(0, 18))
        quantity = draw(st.integers(0, 18 - price))
        scales.append((symbol, price, quantity, draw(st.integers(0, 18))))
    money = max(price + quantity for _, price, quantity, _ in scales)
    return RunStarted(
        ts=draw(TIMES), schema=e.SCHEMA, rules=e.RULES, name=draw(TEXTS),
        detail=draw(st.sampled_from(e.DETAILS)), timeframe="1h",
        start=draw(TIMES), quote="USDT", money_decimals=money, balance=draw(amounts(money)),
        symbols=[
            SymbolScale(
                symbol=symbol, price_decimals=price, quantity_decimals=quantity, volume_decimals=volume,
                tick=draw(amounts(price)), lot=draw(amounts(quantity)), min_notional=draw(amounts(money)),
            )
            for symbol, price, quantity, volume in scales
        ],
        plan=draw(st.dictionaries(TEXTS, TEXTS, max_size=5)),
    )  # fmt: skip


@st.composite
def events(draw: st.DrawFn, started: RunStarted, struct: type[Any]) -> Event:
    """An event of a type, as this run could write it."""
    scale = draw(st.sampled_from(started.symbols))
    drawn = _fields(draw, struct, started, scale)
    if struct is e.OrderRejected:
        unit = MEASURES.get(drawn["reason"])
        places = {MONEY: started.money_decimals, PRICE: scale.price_decimals}.get(unit or "", 0)
        for name in ("value", "limit"):
            drawn[name] = draw(st.none() | amounts(places)) if unit else None
    event: Event = struct(**drawn)
    return event


def _fields(draw: st.DrawFn, struct: type[Any], started: RunStarted, scale: SymbolScale) -> dict[str, Any]:
    hints = get_type_hints(struct, include_extras=True)
    return {name: _value(draw, hint, started, scale) for name, hint in hints.items()}


def _value(draw: st.DrawFn, hint: Any, started: RunStarted, scale: SymbolScale) -> Any:
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        e.Price: amounts(scale.price_decimals),
        e.Quantity: amounts(scale.quantity_decimals),
        e.Volume: amounts(scale.volume_decimals),
        e.Money: amounts(started.money_decimals),
        e.Ratio: amounts(RATIO_PLACES),
        e.Measure: amounts(0),
        e.Time: TIMES,
        e.Count: COUNTS,
        e.Ordinal: NUMBERS,
        e.ShortText: TEXTS,
        e.Hex: st.text("0123456789abcdef", min_size=32, max_size=32),
        e.JournalSymbol: st.just(scale.symbol),
        e.SymbolName: st.just(scale.symbol),
        bool: st.booleans(),
    }
    if hint in kinds:
        return draw(kinds[hint])
    if hint == list[e.Mark]:
        scales = draw(st.lists(st.sampled_from(started.symbols), max_size=3))
        return [e.Mark(**_fields(draw, e.Mark, started, one)) for one in scales]
    inner = get_args(hint)
    if type(None) in inner:
        return (draw(st.booleans()) and _value(draw, inner[0], started, scale)) or None
    return draw(st.sampled_from(inner))
