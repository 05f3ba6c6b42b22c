"""The event structs: the order of fields, the words, the detail levels, and the schema made of them."""

import json
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core import machine
from safla.core import values as v
from safla.core.timeframes import TIMEFRAMES
from safla.journal import events as e
from safla.journal.amounts import MEASURES, Amounts
from safla.journal.chain import decode_event
from tests.journal.sample import events, first_lines, small_events, small_journal
from tests.scale import examples

WORDS = (
    (e.Mode, machine.MODES),
    (e.Trigger, machine.TRIGGERS),
    (e.Timeframe, tuple(TIMEFRAMES)),
    (e.Side, v.SIDES[1:]),
    (e.HaltRule, v.HALT_RULES),
    (e.Resumer, v.RESUMERS),
    (e.RejectedReason, v.REASONS[v.WHILE_HALTED :]),
    (e.Detail, e.DETAILS),
)
FIELDS = """
run_started schema rules name detail timeframe start quote money_decimals balance symbols plan
candle symbol open high low close volume
candle_missing symbol
day_started cash equity peak marks
mode_changed symbol trigger source target
signal symbol signal strength
order_placed symbol order side reason confidence stop target trail
order_rejected symbol order side reason value limit
order_expired symbol order side reason
filled symbol order trade side reason reference price quantity fee cash ambiguous
trade_closed symbol trade opened quantity entry exit gross fees net reason
halted halt rule value limit equity reference marks note given id
resumed by halt peak note given id
run_ended candles digest cash equity peak realised fees trades marks given id
"""


def test_the_fields_are_in_the_order_of_the_format() -> None:
    found = [(struct.__struct_config__.tag, *struct.__struct_fields__) for struct in e.LEVELS]
    assert found == [(row.split()[0], "ts", *row.split()[1:]) for row in FIELDS.strip().splitlines()]


@pytest.mark.parametrize(("words", "core"), WORDS)
def test_the_closed_lists_of_words_match_the_core(words: Any, core: tuple[str, ...]) -> None:
    assert get_args(words) == core


def test_the_reasons_of_orders_match_the_core() -> None:
    reasons = {*get_args(e.PlacedReason), *get_args(e.ExpiredReason), *get_args(e.FilledReason)}
    assert reasons | {*get_args(e.RejectedReason)} == set(v.REASONS[1:])


def test_only_rejection_reasons_have_measures() -> None:
    assert set(MEASURES) == {*get_args(e.RejectedReason)} - {"halted", "already_long", "not_long"}


def test_every_event_has_a_level_and_no_default_and_no_float() -> None:
    assert set(e.LEVELS) == set(get_args(e.Event))
    for struct in e.LEVELS:
        kinds = [field.type for field in msgspec.structs.fields(struct)]
        assert all(field.required for field in msgspec.structs.fields(struct)), struct
        assert "float" not in str(kinds), struct


def test_every_kind_of_row_but_the_mark_is_an_event() -> None:
    assert {*v.KINDS[1:], "run_started", "candle", "candle_missing", "run_ended"} == {
        one.__struct_config__.tag for one in e.LEVELS
    }


@examples(gate=25, full=60)
@given(st.data())
@pytest.mark.parametrize("struct", e.LEVELS)
def test_every_event_has_one_spelling_and_passes_the_strict_checks(struct: type[Any], data: st.DataObject) -> None:
    started = data.draw(first_lines())
    event = started if struct is e.RunStarted else data.draw(events(started, struct))
    text = msgspec.json.encode(event, order="deterministic")
    assert decode_event(text) == event
    assert text.isascii()
    if struct is not e.RunStarted:
        Amounts(started).check(event)


def test_the_schema_is_deterministic_and_valid() -> None:
    schema = e.journal_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.dumps(schema) == json.dumps(e.journal_schema())


def test_every_event_is_described_in_the_schema() -> None:
    parts = e.journal_schema()["$defs"]
    assert all(parts[struct.__name__]["description"] for struct in e.LEVELS)


def test_the_schema_accepts_the_lines_of_a_run() -> None:
    validator = jsonschema.Draft202012Validator(e.journal_schema())
    for line in small_journal().splitlines()[:150]:
        validator.validate(json.loads(line))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"type":"run_started"', b'"type":"ran"'),
        (b'"rules":3,', b""),
        (b'"rules":3,', b'"rules":3,"x":1,'),
        (b'"100000.0000000"', b"100000.0"),
        (b'"symbol":"BTC/USDT"', b'"symbol":"btc"'),
    ],
)
def test_the_schema_rejects_invalid_lines(old: bytes, new: bytes) -> None:
    line = small_journal().splitlines()[0]
    assert old in line
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(line.replace(old, new)), e.journal_schema())


def test_the_small_run_has_every_type_of_event() -> None:
    assert {type(event) for event in small_events()} == set(e.LEVELS)
