"""Conditions on a summary, METRIC OP NUMBER, for --fail-on and the constraints of a sweep (README.md)."""

import difflib
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from safla.errors import UsageError
from safla.report.tables import LABELS

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_SHAPE = re.compile(
    r" *([a-z][a-z0-9_]{0,39}) *(<=|>=|==|!=|<|>) *(-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,12})?) *", re.ASCII
)
_NO_WORD = re.compile(r"[^a-z0-9]+")


class Condition(NamedTuple):
    """One comparison of a figure with a number."""

    text: str
    metric: str
    operator: str
    number: float


def parse(text: str, metrics: Sequence[str]) -> Condition:
    """A condition such as `max_drawdown > 0.2`. Raises UsageError for bad syntax and for an unknown metric."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        shape = f"METRIC OP NUMBER (OP one of {' '.join(OPERATORS)})"
        meant = _meant(text, metrics)
        hint = f"; did you mean '{meant}'?" if meant else ", such as 'max_drawdown > 0.2'"
        raise UsageError(f"not a condition: expected {shape}{hint}", code="invalid_condition")
    metric = match[1]
    if metric not in metrics:
        near = _nearest(metric, metrics)
        hint = f"did you mean {near}?" if near else f"one of {' '.join(metrics)}"
        raise UsageError(f"{metric}: no such figure; {hint}", code="invalid_condition")
    return Condition(text.strip(), metric, match[2], float(match[3]))


def _meant(text: str, metrics: Sequence[str]) -> str | None:
    """The condition that a text with a label of the table means, such as `max drawdown > 0.2`."""
    label, sign, rest = re.match("([^<>=!]*)([<>=!]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    meant = f"{_labelled(metrics).get(_slug(label))} {sign}{rest}"
    return meant if _SHAPE.fullmatch(meant) else None


def _nearest(name: str, metrics: Sequence[str]) -> str | None:
    """The figure with this label in the table of `safla run`, else the one with the most similar name."""
    similar = difflib.get_close_matches(name, metrics, n=1, cutoff=0.7)
    return _labelled(metrics).get(name) or (similar[0] if similar else None)


def _labelled(metrics: Sequence[str]) -> dict[str, str]:
    """The figures by their labels in the table of `safla run`, spelled like keys."""
    return {_slug(label): key for label, key in reversed(LABELS) if key in metrics}


def _slug(label: str) -> str:
    return _NO_WORD.sub("_", label.lower()).strip("_")


def holds(condition: Condition, summary: Mapping[str, Any]) -> bool:
    """Whether a condition is true. Every condition on an undefined figure is: nobody may rely on such a figure."""
    value = summary[condition.metric]
    return value is None or OPERATORS[condition.operator](float(value), condition.number)
