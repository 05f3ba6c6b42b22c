"""The structure of a summary: each figure has a unit and a meaning; a figure in a condition is a number or null."""

import msgspec
import pytest

from safla.report.conditions import parse
from safla.report.figures import METRICS, Summary, summary_schema

PROPERTIES = summary_schema()["$defs"]["Summary"]["properties"]


def test_every_field_of_a_summary_has_a_description():
    parts = summary_schema()["$defs"]
    assert [(part, field) for part in parts for field, one in parts[part]["properties"].items()
            if "description" not in one] == []  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_a_figure_has_a_unit_and_can_be_used_in_a_condition(name):
    assert PROPERTIES[name]["title"] != ""
    kinds = {one["type"] for one in PROPERTIES[name].get("anyOf", [PROPERTIES[name]])}
    assert kinds <= {"number", "integer", "null"}
    assert parse(f"{name} > 0", METRICS).metric == name


def test_a_field_that_is_not_a_number_is_not_a_metric():
    others = {field.name for field in msgspec.structs.fields(Summary)} - set(METRICS)
    assert {"name", "start", "open_halts", "drawdown", "years", "undefined"} <= others
    assert all({"string", "array", "object"} & kinds_of(PROPERTIES[name]) for name in others)


def kinds_of(schema):
    """The types that a schema allows; a reference is that of an object."""
    return {one.get("type", "object") for one in schema.get("anyOf", [schema])}


def test_a_summary_has_exactly_the_declared_fields():
    schema = summary_schema()["$defs"]["Summary"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == [field.name for field in msgspec.structs.fields(Summary)]
