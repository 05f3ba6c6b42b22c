"""The shape of a summary: every figure has a unit and a meaning, and what a condition may name is a number or null."""

import msgspec
import pytest

from safla.report.conditions import parse
from safla.report.figures import METRICS, Summary, summary_schema

PROPERTIES = summary_schema()["$defs"]["Summary"]["properties"]


def test_every_field_of_a_summary_says_what_it_is():
    parts = summary_schema()["$defs"]
    assert [(part, field) for part in parts for field, one in parts[part]["properties"].items()
            if "description" not in one] == []  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_a_figure_has_a_unit_and_can_be_named_by_a_condition(name):
    assert PROPERTIES[name]["title"] != ""
    kinds = {one["type"] for one in PROPERTIES[name].get("anyOf", [PROPERTIES[name]])}
    assert kinds <= {"number", "integer", "null"}
    assert parse(f"{name} > 0", METRICS).metric == name


def test_what_is_no_number_is_no_metric():
    others = {field.name for field in msgspec.structs.fields(Summary)} - set(METRICS)
    assert {"name", "start", "open_halts", "drawdown", "years", "undefined"} <= others
    assert all({"string", "array", "object"} & kinds_of(PROPERTIES[name]) for name in others)


def kinds_of(schema):
    """The types that a schema allows; a reference is that of an object."""
    return {one.get("type", "object") for one in schema.get("anyOf", [schema])}


def test_a_summary_takes_no_other_field_and_misses_none():
    schema = summary_schema()["$defs"]["Summary"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == [field.name for field in msgspec.structs.fields(Summary)]
