"""The JSON Schema for editors: what it accepts and rejects, and that every key is described."""

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

from safla.config.reference import keys
from safla.config.schema import config_schema, reference_table

SEED = Path(__file__).with_name("seed-config.yaml")


def validator() -> jsonschema.Draft202012Validator:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def seed() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(SEED.read_text())
    return loaded


def test_the_seed_configuration_is_valid_by_the_schema() -> None:
    assert [error.message for error in validator().iter_errors(seed())] == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("risk", "stop_los_pct", 0.02),
        ("risk", "stop_loss_pct", "0.02"),
        ("risk", "stop_loss_pct", 1),
        ("risk", "max_open_positions", 1.5),
        ("simulation", "commission_rate", 0.06),
        ("market_data", "timeframe", "1w"),
        ("exchange", "sandbox", "no"),
        ("symbols", "primary", ["btc"]),
        ("data", "start", "yesterday"),
        ("strategy", "parameters", {"X": 1}),
    ],
)
def test_a_wrong_key_or_value_is_rejected_by_the_schema(section: str, key: str, value: object) -> None:
    config = seed()
    config.setdefault(section, {})[key] = value
    assert list(validator().iter_errors(config)) != []


def test_the_defaults_of_the_schema_are_valid_by_the_schema() -> None:
    schema = config_schema()
    for section in [schema, *schema["$defs"].values()]:
        for name, field in section.get("properties", {}).items():
            if "default" in field:
                whole = {**field, "$defs": schema["$defs"]}
                assert list(jsonschema.Draft202012Validator(whole).iter_errors(field["default"])) == [], name


def test_every_key_has_a_meaning_and_says_what_it_allows() -> None:
    for key in keys().values():
        assert "" not in (key.meaning, key.allowed), key.name
        assert "\n" not in key.meaning, key.name


def test_the_table_has_a_row_for_every_key() -> None:
    table = reference_table()
    missing = [key.name for key in keys().values() if key.default != "-" and f"| `{key.name}` |" not in table]
    assert missing == []


INDICATOR = {"strategy": {"indicators": {"x": {"type": "bollinger", "period": 20, "deviations": 1.5}}}}


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"period": "length", "source": "hl2", "timeframe": "1d"}, True),
        ({"period": 0}, False),
        ({"perod": 20}, False),
        ({"type": "boll"}, False),
        ({"type": "sma", "deviations": 2}, False),
        ({"timeframe": "90m"}, False),
    ],
)
def test_an_indicator_has_the_keys_of_its_kind(changes: dict[str, Any], valid: bool) -> None:
    given = {**INDICATOR["strategy"]["indicators"]["x"], **changes}
    assert validator().is_valid({"strategy": {"indicators": {"x": given}}}) == valid
