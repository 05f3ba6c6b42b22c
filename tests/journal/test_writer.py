"""The writer turns each kind of row into lines in a fixed order; no division into blocks changes a byte."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from safla.core import machine
from safla.core import values as v
from safla.core.account import new_state
from safla.core.values import Grid, Int64
from safla.errors import IllegalMove
from safla.journal.chain import decode_event
from safla.journal.encode import NO_INPUT, Input
from safla.journal.events import (
    DETAILS,
    LEVELS,
    CandleEvent,
    CandleMissing,
    ModeChanged,
    OrderExpired,
    OrderPlaced,
    RunEnded,
    RunStarted,
)
from safla.journal.writer import LineEncoder
from tests.errors import raises_code
from tests.journal.sample import BALANCE, BEGIN, HOUR, first_event, small_events, small_journal

NEXT = BEGIN + HOUR


def rows_of(*rows: tuple[int, ...]) -> Int64:
    """Returns rows of the engine from a short notation."""
    table = np.zeros((len(rows), v.ROW_WIDTH), np.int64)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table


def grid_of(*candles: tuple[int, int]) -> Grid:
    """Timestamps from BEGIN; a number for each symbol, 0 where it has no candle."""
    opens = np.array(candles, np.int64).T
    ts = BEGIN + HOUR * np.arange(len(candles))
    return Grid(ts, opens, opens + 2, opens - 1, opens + 1, opens * 10)


def events_in(text: bytes) -> list[dict[str, Any]]:
    """The events of lines, as plain JSON."""
    return [json.loads(line)["e"] for line in text.splitlines()]


def event_names(text: bytes) -> list[str]:
    """The events of lines in short: type, and symbol where it has one."""
    return [" ".join(filter(None, (event["type"], event.get("symbol")))) for event in events_in(text)]


ROWS: dict[str, tuple[list[tuple[int, ...]], str]] = {
    "a day with marks": (
        [(v.DAY_STARTED, NEXT, v.NONE, 5, 123, 10**12), (v.MARK, NEXT, 1, 150_000, 6_000_010)],
        (
            '{"type":"day_started","ts":1700010000000,"cash":"0.0000005","equity":"0.0000123","peak":"100000.0000000",'
            '"marks":[{"symbol":"ETH/USDT","quantity":"1.50000","price":"60000.10"}]}'
        ),
    ),
    "a move": (
        [(v.MODE_CHANGED, NEXT, 0, machine.RESUME_LONG, machine.HALTED, machine.LONG)],
        (
            '{"type":"mode_changed","ts":1700010000000,"symbol":"BTC/USDT","trigger":"resume_long","source":"halted",'
            '"target":"long"}'
        ),
    ),
    "an enter signal": (
        [(v.SIGNAL, NEXT, 0, v.ENTER_SIGNAL)],
        '{"type":"signal","ts":1700010000000,"symbol":"BTC/USDT","signal":"enter","strength":"0.012346"}',
    ),
    "an exit signal": (
        [(v.SIGNAL, NEXT, 1, v.EXIT_SIGNAL)],
        '{"type":"signal","ts":1700010000000,"symbol":"ETH/USDT","signal":"exit","strength":"0.012346"}',
    ),
    "a buy order": (
        [(v.ORDER_PLACED, NEXT, 0, 7, v.BUY, v.BY_SIGNAL, 900_000, 12_345, v.NONE, 1)],
        (
            '{"type":"order_placed","ts":1700010000000,"symbol":"BTC/USDT","order":7,"side":"buy","reason":"signal",'
            '"confidence":"0.900000","stop":"123.45","target":null,"trail":"0.01"}'
        ),
    ),
    "a buy order without confidence": (
        [(v.ORDER_PLACED, NEXT, 0, 7, v.BUY, v.BY_SIGNAL, 0, v.NONE, v.NONE, v.NONE)],
        (
            '{"type":"order_placed","ts":1700010000000,"symbol":"BTC/USDT","order":7,"side":"buy","reason":"signal",'
            '"confidence":"0.000000","stop":null,"target":null,"trail":null}'
        ),
    ),
    "a sell order": (
        [(v.ORDER_PLACED, NEXT, 0, 8, v.SELL, v.DATA_GAP, *(v.NONE,) * 4)],
        (
            '{"type":"order_placed","ts":1700010000000,"symbol":"BTC/USDT","order":8,"side":"sell","reason":"data_gap",'
            '"confidence":null,"stop":null,"target":null,"trail":null}'
        ),
    ),
    "an order that expires": (
        [(v.ORDER_EXPIRED, NEXT, 0, 8, v.BUY, v.END_OF_DATA)],
        '{"type":"order_expired","ts":1700010000000,"symbol":"BTC/USDT","order":8,"side":"buy","reason":"end_of_data"}',
    ),
    "a buy": (
        [(v.FILLED, NEXT, 0, 8, 3, v.BUY, v.BY_SIGNAL, 6_000_000, 6_001_200, 1, 60, 10**12 - 1, 0)],
        (
            '{"type":"filled","ts":1700010000000,"symbol":"BTC/USDT","order":8,"trade":3,"side":"buy","reason":"signal",'
            '"reference":"60000.00","price":"60012.00","quantity":"0.00001","fee":"0.0000060","cash":"99999.9999999",'
            '"ambiguous":false}'
        ),
    ),
    "an ambiguous stop": (
        [(v.FILLED, NEXT, 0, 0, 3, v.SELL, v.STOP_LOSS, 1, 1, 100_000, 0, 0, 1)],
        (
            '{"type":"filled","ts":1700010000000,"symbol":"BTC/USDT","order":0,"trade":3,"side":"sell","reason":"stop_loss",'
            '"reference":"0.01","price":"0.01","quantity":"1.00000","fee":"0.0000000","cash":"0.0000000","ambiguous":true}'
        ),
    ),
    "a losing trade": (
        [(v.TRADE_CLOSED, NEXT, 1, 3, BEGIN, 100_000, 200, 100, -10_000_000, 30_001, -10_030_001, v.TAKE_PROFIT)],
        (
            '{"type":"trade_closed","ts":1700010000000,"symbol":"ETH/USDT","trade":3,"opened":1700006400000,'
            '"quantity":"1.00000","entry":"2.00","exit":"1.00","gross":"-1.0000000","fees":"0.0030001","net":"-1.0030001",'
            '"reason":"take_profit"}'
        ),
    ),
    "a drawdown": (
        [(v.HALTED_ROW, NEXT, v.NONE, 2, v.DRAWDOWN, 100_000, 2 * 10**7, 3 * 10**7), (v.MARK, NEXT, 0, 1, 1)],
        (
            '{"type":"halted","ts":1700010000000,"halt":2,"rule":"drawdown","value":"0.333333","limit":"0.100000",'
            '"equity":"2.0000000","reference":"3.0000000","marks":[{"symbol":"BTC/USDT","quantity":"0.00001","price":"0.01"}],'
            '"note":"a note","given":7,"id":"an-id"}'
        ),
    ),
    "a loss of nothing": (
        [(v.HALTED_ROW, NEXT, v.NONE, 1, v.DAILY_LOSS, 1, 0, 0)],
        (
            '{"type":"halted","ts":1700010000000,"halt":1,"rule":"daily_loss","value":null,"limit":"0.000001",'
            '"equity":"0.0000000","reference":"0.0000000","marks":[],"note":"a note","given":7,"id":"an-id"}'
        ),
    ),
    "an operator": (
        [(v.HALTED_ROW, NEXT, v.NONE, 3, v.OPERATOR, v.NONE, 7, v.NONE)],
        (
            '{"type":"halted","ts":1700010000000,"halt":3,"rule":"operator","value":null,"limit":null,"equity":"0.0000007",'
            '"reference":null,"marks":[],"note":"a note","given":7,"id":"an-id"}'
        ),
    ),
    "a resume": (
        [(v.RESUMED, NEXT, v.NONE, v.BY_OPERATOR, 3, 10**12)],
        (
            '{"type":"resumed","ts":1700010000000,"by":"operator","halt":3,"peak":"100000.0000000","note":"a note",'
            '"given":7,"id":"an-id"}'
        ),
    ),
}
REFUSALS = (
    # reason, value, limit in units, and as text
    (v.WHILE_HALTED, v.NONE, v.NONE, "halted", None, None),
    (v.ALREADY_LONG, v.NONE, v.NONE, "already_long", None, None),
    (v.WHILE_WARMING, 0, 31, "warming", "0", "31"),
    (v.ORDER_WAITING, 12, v.NONE, "order_waiting", "12", None),
    (v.COOLDOWN, 1, 3, "cooldown", "1", "3"),
    (v.MAX_OPEN_POSITIONS, 3, 3, "max_open_positions", "3", "3"),
    (v.MAX_DAILY_TRADES, 10, 10, "max_daily_trades", "10", "10"),
    (v.MAX_EXPOSURE, 61, 60, "max_exposure", "0.0000061", "0.0000060"),
    (v.INSUFFICIENT_CASH, 0, v.NONE, "insufficient_cash", "0.0000000", None),
    (v.BELOW_LOT, 1, 2, "below_lot", "0.0000001", "0.0000002"),
    (v.NO_LEVEL, 0, 1, "no_level", "0.00", "0.01"),
    (v.BELOW_MIN_NOTIONAL, 10**7, 10**8, "below_min_notional", "1.0000000", "10.0000000"),
    (v.NOT_LONG, v.NONE, v.NONE, "not_long", None, None),
)


@pytest.mark.parametrize("name", ROWS)
def test_each_kind_of_row_becomes_its_event(name: str) -> None:
    rows, expected = ROWS[name]
    lines = LineEncoder(first_event("decisions"))
    lines.block(grid_of(), 0, rows=rows_of(), strengths=np.zeros(0))
    table = rows_of(*rows)
    if rows[0][0] == v.SIGNAL:
        text = lines.block(grid_of(), 0, rows=table, strengths=np.full(1, 0.0123456))
    else:
        text = lines.outside(table, Input("a note", 7, "an-id"))
    (line,) = text.splitlines()
    assert line.partition(b'"e":')[2][:-40].decode() == expected
    assert type(decode_event(expected.encode())) in LEVELS


def test_every_kind_of_row_is_covered_by_the_table() -> None:
    assert {row[0] for rows, _ in ROWS.values() for row in rows} | {v.ORDER_REJECTED} == set(range(len(v.KINDS)))


@pytest.mark.parametrize("rejection", REFUSALS, ids=lambda rejection: rejection[3])
def test_a_rejection_states_its_two_numbers_in_their_unit(rejection: tuple[Any, ...]) -> None:
    reason, value, limit, *expected = rejection
    row = rows_of((v.ORDER_REJECTED, NEXT, 0, 5, v.BUY, reason, value, limit))
    lines = LineEncoder(first_event("decisions"))
    (event,) = events_in(lines.outside(row, NO_INPUT))
    assert [event["reason"], event["value"], event["limit"]] == expected


def test_the_first_timestamp_begins_with_run_started_then_the_symbols_then_the_candles() -> None:
    rows = rows_of(
        (v.MODE_CHANGED, BEGIN, 0, machine.START, machine.IDLE, machine.WARMING),
        (v.MODE_CHANGED, BEGIN, 1, machine.START, machine.IDLE, machine.WARMING),
        (v.DAY_STARTED, BEGIN, v.NONE, BALANCE, BALANCE, BALANCE),
        (v.SIGNAL, NEXT, 1, v.ENTER_SIGNAL),
    )
    lines = LineEncoder(first_event("candles"))
    text = lines.block(grid_of((100, 0), (101, 200)), 2, rows=rows, strengths=np.zeros(4))
    assert event_names(text) == [
        "run_started",
        "mode_changed BTC/USDT",
        "mode_changed ETH/USDT",
        "candle BTC/USDT",
        "candle_missing ETH/USDT",
        "day_started",
        "candle BTC/USDT",
        "candle ETH/USDT",
        "signal ETH/USDT",
    ]


def test_a_block_without_a_timestamp_has_only_its_rows() -> None:
    lines = LineEncoder(first_event("candles"))
    start = rows_of((v.MODE_CHANGED, BEGIN, 0, machine.START, machine.IDLE, machine.WARMING))
    text = lines.block(grid_of((1, 1)), 0, rows=start, strengths=np.zeros(1))
    assert event_names(text) == ["run_started", "mode_changed BTC/USDT"]
    assert lines.block(grid_of((1, 1)), 0, rows=rows_of(), strengths=np.zeros(0)) == b""


def test_a_candle_is_written_with_the_decimals_of_its_symbol() -> None:
    lines = LineEncoder(first_event("candles"))
    (_, event, missing) = events_in(lines.block(grid_of((100, 0)), 1, rows=rows_of(), strengths=np.zeros(0)))
    assert event == {
        "type": "candle", "ts": BEGIN, "symbol": "BTC/USDT", "open": "1.00", "high": "1.02", "low": "0.99",
        "close": "1.01", "volume": "0.01000",
    }  # fmt: skip
    assert missing == {"type": "candle_missing", "ts": BEGIN, "symbol": "ETH/USDT"}


def test_a_price_of_one_unit_is_a_candle_and_a_price_of_zero_is_a_missing_candle() -> None:
    lines = LineEncoder(first_event("candles"))
    text = lines.block(grid_of((1, 0)), 1, rows=rows_of(), strengths=np.zeros(0))
    assert [(one["type"], one.get("open")) for one in events_in(text)] == [
        ("run_started", None),
        ("candle", "0.01"),
        ("candle_missing", None),
    ]


def test_a_position_of_one_unit_is_marked_in_the_last_line() -> None:
    state = new_state(BALANCE, 2)
    state.account[v.LAST_TS] = BEGIN
    state.book[0, [v.QUANTITY, v.CLOSE]] = 1, 250
    text = LineEncoder(first_event("candles")).closing(rows_of(), state, digest="0" * 32, stop=NO_INPUT)
    assert events_in(text)[-1]["marks"] == [{"symbol": "BTC/USDT", "quantity": "0.00001", "price": "2.50"}]


def test_the_last_line_describes_the_final_state() -> None:
    state = new_state(BALANCE, 2)
    state.account[[v.LAST_TS, v.ROWS_FOLDED, v.TRADES, v.POSITIONS, v.REALISED, v.FEES]] = NEXT, 3, 5, 1, -7, 9
    state.book[1, [v.QUANTITY, v.CLOSE]] = 100_000, 250
    lines = LineEncoder(first_event("trades"))
    expired = rows_of((v.ORDER_EXPIRED, NEXT, 0, 8, v.BUY, v.END_OF_DATA))
    (event,) = events_in(lines.closing(expired, state, digest="ab" * 16, stop=Input(None, 5, "who")))
    assert event == {
        "type": "run_ended", "ts": NEXT, "candles": 3, "digest": "ab" * 16, "cash": "100000.0000000",
        "equity": "100000.0000000", "peak": "100000.0000000", "realised": "-0.0000007", "fees": "0.0000009",
        "trades": 4, "marks": [{"symbol": "ETH/USDT", "quantity": "1.00000", "price": "2.50"}],
        "given": 5, "id": "who",
    }  # fmt: skip


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_division_into_blocks_changes_no_byte(detail: Any, size: int) -> None:
    assert small_journal(detail, size=size) == small_journal(detail)


@pytest.mark.parametrize("detail", DETAILS)
def test_a_lower_detail_has_the_same_events_with_lines_left_out(detail: Any) -> None:
    kept = {event for event, level in LEVELS.items() if DETAILS.index(level) <= DETAILS.index(detail)}
    started, *others = small_events("candles")
    assert isinstance(started, RunStarted)
    expected = [msgspec.structs.replace(started, detail=detail), *(one for one in others if type(one) in kept)]
    assert list(small_events(detail)) == expected


def test_the_closing_lines_come_last() -> None:
    *_, before, ended = small_events()
    assert isinstance(ended, RunEnded)
    assert isinstance(before, ModeChanged)
    assert before.trigger == "stop"


def test_candles_come_before_the_events_of_their_timestamp() -> None:
    seen: set[int] = set()
    for event in small_events()[3:]:
        is_input = isinstance(event, CandleEvent | CandleMissing)
        assert not (is_input and event.ts in seen)
        if not is_input:
            seen.add(event.ts)


def test_each_timestamp_has_one_candle_line_per_symbol_in_order() -> None:
    candles = [(event.ts, event.symbol) for event in small_events() if isinstance(event, CandleEvent | CandleMissing)]
    times = sorted({ts for ts, _ in candles})
    assert candles == [(ts, symbol) for ts in times for symbol in ("BTC/USDT", "ETH/USDT")]
    assert any(isinstance(event, CandleMissing) for event in small_events())


def test_an_external_command_keeps_its_note_and_its_resulting_events_have_none() -> None:
    notes = [event.note for event in small_events() if hasattr(event, "note") and event.note]
    assert notes == ["a halt", "a resume"]


def test_the_orders_of_a_run_are_numbered_without_a_gap() -> None:
    placed = [event.order for event in small_events() if isinstance(event, OrderPlaced)]
    assert placed == list(range(1, len(placed) + 1))
    assert any(isinstance(event, OrderExpired) for event in small_events())


def test_the_state_machine_allows_every_mode_change_of_the_run() -> None:
    assert small_journal("decisions", check_moves=True) == small_journal("decisions")


@pytest.mark.parametrize(
    "move",
    [
        (machine.ENTER, machine.WARMING, machine.LONG),
        (machine.EXIT, machine.LONG, machine.WARMING),
    ],
)
def test_an_illegal_mode_change_is_an_internal_error_if_checks_are_on(move: tuple[int, int, int]) -> None:
    row = rows_of((v.MODE_CHANGED, NEXT, 0, *move))
    with raises_code(IllegalMove, "illegal_move"):
        LineEncoder(first_event("decisions"), check_moves=True).outside(row, NO_INPUT)
    assert LineEncoder(first_event("decisions"), check_moves=False).outside(row, NO_INPUT) != b""
