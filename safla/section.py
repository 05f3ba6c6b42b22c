"""The base of all sections of the configuration: how keys are declared, described and validated."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import annotated_types
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

_LIMITS: tuple[tuple[type, str], ...] = (
    (annotated_types.Ge, ">="),
    (annotated_types.Gt, ">"),
    (annotated_types.Le, "<="),
    (annotated_types.Lt, "<"),
)


def key(default: Any, meaning: str, *, plan: bool = False, **more: Any) -> Any:
    """Declare a key: its default, its meaning, and whether it is part of the plan (J15)."""
    return Field(default, description=meaning, json_schema_extra={"plan": True} if plan else None, **more)


def section(kind: type["Section"], meaning: str) -> Any:
    """Declare a key that holds a section whose keys all have defaults."""
    return Field(default_factory=kind, description=meaning)


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, no value is converted or changed, no input is shown (Z4)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False, validate_default=True
    )


def number_range(kind: type, metadata: Sequence[Any]) -> str:
    """Describe a number: "an integer >= 1", "an integer from 0 to 20", "a number > 0 with at most 6 decimals".

    metadata  of a field, or of an annotation
    """
    marks = [inner for mark in metadata for inner in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
    limits = [
        (sign, format(Decimal(str(getattr(mark, limit.__name__.lower()))).normalize(), "f"))
        for mark in marks
        for limit, sign in _LIMITS
        if isinstance(mark, limit)
    ]
    places = [mark.decimal_places for mark in marks if getattr(mark, "decimal_places", None) is not None]
    words = ["an integer" if kind is int else "a number"]
    if [sign for sign, _ in limits] == [">=", "<="]:
        words.append(f"from {limits[0][1]} to {limits[1][1]}")
    elif limits:
        words.append(" and ".join(f"{sign} {value}" for sign, value in limits))
    words += [f"with at most {most} decimals" for most in places]
    return " ".join(words)
