"""The JSON Schema of the configuration, for editors, and a Markdown table of its keys, both made from the models."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from safla.config.model import Config
from safla.config.reference import ConfigKey, keys, parameter_keys
from safla.core.frames import FRAMES
from safla.strategies.indicators.kind import Kind
from safla.strategies.indicators.register import KINDS
from safla.strategies.register import STRATEGIES

# pydantic keeps its own names of constraints for types with a validator before them; these are the JSON Schema names.
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
MAPS = ("properties", "$defs", "patternProperties")
LISTS = {"minLength": "minItems", "maxLength": "maxItems"}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file: numbers with ranges, words as enums, no other keys."""
    schema = _plainer(Config.model_json_schema())
    indicators = schema["$defs"]["StrategySection"]["properties"]["indicators"]
    (pattern,) = indicators["patternProperties"]
    indicators["patternProperties"][pattern] = {"oneOf": [_kind(name, KINDS[name]) for name in sorted(KINDS)]}
    return {"$schema": GenerateJsonSchema.schema_dialect, "title": "safla configuration", **schema}


def _kind(name: str, kind: Kind) -> dict[str, Any]:
    """Return the schema of an indicator of one kind. A parameter may be the name of one of strategy.parameters."""
    given = _plainer(kind.section.model_json_schema())
    parameters = given.get("properties", {})
    named = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$"}
    source = {} if kind.source is None else {"source": {"type": ["string", "number"], "default": kind.source}}
    return {
        "type": "object",
        "description": kind.meaning,
        "properties": {
            "type": {"const": name},
            **source,
            "timeframe": {"enum": list(FRAMES)},
            **{one: {"anyOf": [value, named]} for one, value in parameters.items()},
        },
        "required": ["type", *given.get("required", [])],
        "additionalProperties": False,
    }


def reference_table() -> str:
    """Return a Markdown table of all keys: allowed values, default, whether the key is part of the plan, meaning."""
    rows = [_row(key) for key in keys().values() if key.allowed != "a map of keys" or key.default != "-"]
    head = "| key | allowed | default | plan | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(rows)


def parameters_table() -> str:
    """Return a Markdown table of the parameters of the strategies that come with safla."""
    rows = [
        _row(key._replace(meaning=f"{name}: {key.meaning}"))
        for name, strategy in STRATEGIES.items()
        if strategy.section is not None
        for key in parameter_keys(strategy.section)
    ]
    return "| key | allowed | default | plan | meaning |\n|---|---|---|---|---|\n" + "".join(rows)


def _row(key: ConfigKey) -> str:
    cells = (f"`{key.name}`", key.allowed, f"`{key.default}`", "yes" if key.plan else "", key.meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _plainer(node: Any, *, names: bool = False) -> Any:
    """Clean up the schema of pydantic: decimals become numbers, open maps forbid other keys, generated titles go.

    names  whether the keys of this map are configuration keys, not keywords of JSON Schema
    """
    if isinstance(node, list):
        return [_plainer(item) for item in node]
    if isinstance(node, Decimal):
        return _number(node)
    if not isinstance(node, dict):
        return node
    if names:
        return {name: _plainer(value) for name, value in node.items()}
    return {name: _plainer(value, names=name in MAPS) for name, value in _keywords(node)}


def _keywords(node: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    decimal = "decimal_places" in node
    if decimal:
        yield "type", "number"
    for name, value in node.items():
        if name == "title" or (decimal and name in ("anyOf", "decimal_places")):
            continue
        numeric = decimal or any("decimal_places" in option for option in node.get("anyOf", ()))
        if isinstance(value, str) and numeric and (name == "default" or name in LIMITS):
            value = _number(Decimal(value))  # pydantic writes decimals as text
        name = LIMITS.get(name, name)
        yield (LISTS.get(name, name) if node.get("type") == "array" else name), value
    if "patternProperties" in node:
        yield "additionalProperties", False


def _number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)
