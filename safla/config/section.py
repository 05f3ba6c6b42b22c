"""What every section of the configuration shares: how a key is declared and how strictly it is read. No key is here."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def key(default: Any, meaning: str, *, plan: bool = False, **more: Any) -> Any:
    """A field: its default, what it means, and whether it is part of the plan (J15)."""
    return Field(default, description=meaning, json_schema_extra={"plan": True} if plan else None, **more)


def section(kind: type["Section"], meaning: str) -> Any:
    """A field that holds a section, all of it with its defaults."""
    return Field(default_factory=kind, description=meaning)


class Section(BaseModel):
    """Unknown keys are refused, nothing is converted, nothing changes, no input is shown (Z4)."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False, validate_default=True
    )
