"""The events of many rows at once: the bytes that msgspec writes for each of them alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core import values as v
from safla.core.machine import MODES, START, TRIGGERS
from safla.core.scale import LIMIT, to_text
from safla.core.values import Int64
from safla.journal import writer
from safla.journal.encode import CANDLE, CANDLE_MISSING, KINDS, NO_INPUT, PLAIN, RunDecimals, fields_of
from safla.journal.event_bytes import MONEY, PRICE, QUANTITY, RATIO, STRENGTH, VOLUME, put_number, write_events
from safla.journal.event_texts import templates_of
from safla.journal.events import DETAILS
from safla.journal.writer import LineEncoder
from tests.compiled_engine import compiled_entry
from tests.journal.sample import BEGIN, first_event, small_journal

FORMS = ["interpreted", "compiled"]
AMOUNT = st.one_of(st.integers(-LIMIT, LIMIT), st.integers(-20, 20), st.sampled_from([10**n for n in range(19)]))
CODES = {"trigger": TRIGGERS, "source": MODES, "target": MODES, "side": v.SIDES, "reason": v.REASONS}
STRENGTHS = st.one_of(
    st.floats(0, 10), st.sampled_from([0.0, 5e-7, 1.5e-6, 0.0000005, 0.1234565, 1e6, 1e12, 1e300, 123456.1234565])
)


def write_of(form: str) -> Any:
    """`write_events` as it stands, or compiled."""
    return write_events if form == "interpreted" else compiled_entry(write_events)


@pytest.fixture(autouse=True)
def _from_the_first_row_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "FEW", 1)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("form", FORMS)
def test_a_journal_has_the_same_bytes(form: str, detail: Any) -> None:
    assert small_journal(detail, write=write_of(form)) == small_journal(detail)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_so_it_has_in_blocks_of_any_size(size: int) -> None:
    assert small_journal("candles", size=size, write=write_of("compiled")) == small_journal("candles")


@st.composite
def plain_rows(draw: st.DrawFn) -> tuple[Int64, Any]:
    """Rows of plain events with numbers of every size, and their strengths."""
    count = draw(st.integers(1, 12))
    rows = np.zeros((count, v.ROW_WIDTH), np.int64)
    for row in rows:
        kind = draw(st.sampled_from([kind for kind in PLAIN if kind < len(v.KINDS)]))
        row[:3] = kind, BEGIN, draw(st.integers(0, 1))
        for field in fields_of(kind):
            if field.name in CODES:
                row[field.column] = draw(st.integers(1, len(CODES[field.name]) - 1))
            elif field.name == "signal":
                row[field.column] = draw(st.sampled_from([1, -1]))
            elif field.form == RATIO:
                row[field.column] = draw(st.one_of(st.just(v.NONE), st.integers(0, 10**7)))
            elif field.form != STRENGTH:
                row[field.column] = draw(AMOUNT)
        if kind == v.MODE_CHANGED and row[3] == START:
            row[3] += 1  # a start has its place before all candles
    return rows, np.array(draw(st.lists(STRENGTHS, min_size=count, max_size=count)))


@given(plain_rows())
def test_rows_of_any_numbers_have_the_same_bytes(drawn: tuple[Int64, Any]) -> None:
    texts = []
    for write in (None, write_events, compiled_entry(write_events)):
        lines = LineEncoder(first_event("decisions"), write=write)
        lines.chain.line(first_event("decisions"))
        texts.append(lines._lines(*drawn, given=NO_INPUT))
    assert texts[0] == texts[1] == texts[2]


@given(AMOUNT, st.integers(0, 18))
def test_a_number_is_written_as_its_text(value: int, places: int) -> None:
    out = np.zeros(40, np.int8)
    end = put_number(out, 3, value, places)
    assert out[3:end].tobytes().decode() == to_text(value, places)


def test_every_amount_and_word_of_a_plain_event_has_a_form() -> None:
    forms = {(PLAIN[kind].__name__, field.name): field for kind in PLAIN for field in fields_of(kind)}
    assert forms["Filled", "price"].form == PRICE
    assert forms["Filled", "quantity"].form == QUANTITY
    assert forms["TradeClosed", "net"].form == MONEY
    assert forms["CandleEvent", "volume"].form == VOLUME
    assert forms["OrderPlaced", "confidence"].form == RATIO
    assert forms["SignalEvent", "signal"].words[-1] == "exit"


def test_the_longest_event_bounds_every_event() -> None:
    places = RunDecimals(("A" * 20 + "/" + "B" * 20,), (18,), (18,), (18,), 18)
    templates = templates_of(places, list(PLAIN))
    widest = np.full((1, v.ROW_WIDTH), -(2**62), np.int64)
    for kind in PLAIN:
        row = widest.copy()
        row[0, :3] = kind, 2**53, 0
        for field in fields_of(kind):
            if field.words or field.form == STRENGTH:
                row[0, field.column] = 1
        out, ends = np.zeros(templates.longest, np.int8), np.zeros(1, np.int64)
        nothing, no_ends = np.zeros(1, np.int8), np.zeros(1, np.int64)
        micro = np.full(1, 10**12)
        assert write_events(row[:, 0], row, micro, *templates[:5], nothing, no_ends, out, ends) <= templates.longest


def test_a_kind_that_is_not_written_has_no_parts() -> None:
    templates = templates_of(RunDecimals(("BTC/USDT",), (2,), (5,), (5,), 7), [v.FILLED])
    parts = np.diff(templates.first_part)
    assert len(parts) == KINDS
    assert (parts[v.FILLED] > 0, parts[CANDLE], parts[CANDLE_MISSING]) == (True, 0, 0)
