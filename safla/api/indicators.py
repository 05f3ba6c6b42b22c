"""The indicators for Python programs: for each kind a function of arrays, and a class that takes one row at a time.

They are made from KINDS, over the same folds as those of a configuration, so their values, periods and seeds are the
same. `safla/indicators.py` gives them their names.
"""

import inspect
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from pydantic import ValidationError

from safla.compiled.library import fastest
from safla.config.reference import parameter_keys
from safla.core.candles import row_blocks
from safla.core.values import Columns, Float64
from safla.errors import UsageError
from safla.section import Section
from safla.strategies.indicators.graph import Graph, Indicator
from safla.strategies.indicators.kind import Kind
from safla.strategies.indicators.register import KINDS
from safla.strategies.indicators.sources import RAW

ANY_STEP = 1  # ms; no kind reads a source that depends on the length of a candle
MEANS: dict[str, tuple[str, ...]] = {"hlc3": ("high", "low", "close"), "ohlc4": ("open", "high", "low", "close")}


class CallForm(NamedTuple):
    """How a kind is called."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]  # the arrays that it takes, in their order
    read: tuple[str, ...]  # the columns that its folds read
    parameters: list[inspect.Parameter]
    answer: Callable[..., Any] | None  # makes a NamedTuple of several outputs; None: there is one


def form_of(name: str) -> CallForm:
    """The form of a kind: arrays first (ts, source, then prices and volume), then its parameters by their keys."""
    kind = KINDS[name]
    made: set[str] = set()
    read: set[str] = set()
    for node in kind.nodes:
        read |= {one for one in node.inputs if one not in made}
        made |= set(node.outputs)
    raw = {part for one in read for part in MEANS.get(one, (one,))}
    inputs = tuple(one for one in ("ts", "source", *RAW) if one in raw)
    parameters = [
        inspect.Parameter(
            one, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=field.annotation,
            default=inspect.Parameter.empty if field.is_required() else field.default,
        )
        for one, field in kind.section.model_fields.items()
    ]  # fmt: skip
    answer = namedtuple(class_name(name) + "Values", list(kind.outputs)) if len(kind.outputs) > 1 else None
    return CallForm(name, kind, inputs, tuple(sorted(read)), parameters, answer)


def class_name(name: str) -> str:
    """The name of the class of a kind: since_highest -> SinceHighest."""
    return "".join(part.capitalize() for part in name.split("_"))


def meaning(form: CallForm) -> str:
    """The docstring of a kind's function and class."""
    kind, keys = form.kind, parameter_keys(form.kind.section)
    lines = [f"{form.name}: {kind.meaning}."]
    lines += ["", *(f"{key.path[-1]:<12} {key.meaning}: {key.allowed}" for key in keys)] if keys else []
    if len(kind.outputs) > 1:
        lines += ["", f"Returns {', '.join(kind.outputs)}."]
    return "\n".join([*lines, "", "NaN: not known, before the first value and where an input is NaN."])


class KindFold:
    """A kind with its parameters, fed with blocks of rows."""

    def __init__(self, form: CallForm, keys: Section) -> None:
        self._form = form
        wanted = [f"{form.name}.{output}" for output in form.kind.outputs]
        definitions = {form.name: Indicator(form.name, keys, "source")}
        given = [*form.read, *RAW]  # no column is read from candles of integers
        self._graph = Graph(definitions, wanted, step_ms=ANY_STEP, given=given, compiled=fastest)

    def feed(self, inputs: dict[str, Any]) -> list[Float64]:
        """The outputs for a block. inputs: arrays of one length by name."""
        rows = len(next(iter(inputs.values())))
        ts = inputs.get("ts", np.zeros(rows, np.int64))
        nothing = np.full(rows, np.nan)
        columns = {**dict.fromkeys(RAW, nothing), **inputs}
        for mean, parts in MEANS.items():
            if mean in self._form.read:
                columns[mean] = sum(columns[part] for part in parts) / len(parts)
        return list(self._graph.feed(Columns(ts, *[ts] * len(RAW)), columns).values())


def keys_from(form: CallForm, arguments: tuple[Any, ...], named: dict[str, Any]) -> Section:
    """The parameters from a call. UsageError for one that is unknown, missing or outside its range."""
    try:
        bound = inspect.Signature(form.parameters).bind(*arguments, **named)
        return form.kind.section(**bound.arguments)
    except TypeError as error:
        raise UsageError(f"{form.name}: {error}", code="invalid_argument") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        allowed = next(key.allowed for key in parameter_keys(form.kind.section) if key.path[-1] == name)
        text = f"{form.name}: {name}: expected {allowed}, got {first['input']!r}"
        raise UsageError(text, code="invalid_argument") from None


def function_of(form: CallForm) -> Callable[..., Any]:
    """The function of a kind."""

    def calculate(*arguments: Any, **named: Any) -> Any:
        count = len(form.inputs)
        missing = [one for one in form.inputs[len(arguments) :] if one not in named]
        if missing:
            raise UsageError(f"{form.name}: expected the arrays {', '.join(form.inputs)}", code="invalid_argument")
        values = [*arguments[:count], *(named.pop(one) for one in form.inputs[len(arguments) :])]
        fold = KindFold(form, keys_from(form, arguments[count:], named))
        inputs = {name: _array(form, name, value) for name, value in zip(form.inputs, values, strict=True)}
        rows = {len(array) for array in inputs.values()}
        if len(rows) != 1:
            raise UsageError(f"{form.name}: expected arrays of one length, got {sorted(rows)}", code="invalid_argument")
        out = np.empty((len(form.kind.outputs), rows.pop()))
        for part in row_blocks(out.shape[1]):
            out[:, part] = fold.feed({name: array[part] for name, array in inputs.items()})
        return out[0] if form.answer is None else form.answer(*out)

    return _described(calculate, form, form.name, [_parameter(one) for one in form.inputs] + form.parameters)


def class_of(form: CallForm) -> type[Any]:
    """The class of a kind, whose `step` takes a row and gives its value, as in `on_candle` of a strategy."""

    def begin(self: Any, *arguments: Any, **named: Any) -> None:
        self._fold = KindFold(form, keys_from(form, arguments, named))

    def step(self: Any, *row: float) -> Any:
        if len(row) != len(form.inputs):
            raise UsageError(f"{form.name}: expected {', '.join(form.inputs)} of a row", code="invalid_argument")
        cells = {name: _array(form, name, [value]) for name, value in zip(form.inputs, row, strict=True)}
        values = [float(column[0]) for column in self._fold.feed(cells)]
        return values[0] if form.answer is None else form.answer(*values)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    step.__doc__ = f"The value at the next row, of {', '.join(form.inputs)}."
    methods = {
        "__init__": _described(begin, form, "__init__", [own, *form.parameters]),
        "step": _described(step, form, "step", [own, *map(_parameter, form.inputs)]),
    }
    return type(class_name(form.name), (), {"__doc__": meaning(form), "__module__": "safla.indicators", **methods})


def _parameter(name: str) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _described(
    function: Callable[..., Any], form: CallForm, name: str, parameters: list[inspect.Parameter]
) -> Callable[..., Any]:
    """Give a function the name, signature and docstring by which a person knows it."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = "safla.indicators"
    function.__doc__ = function.__doc__ or meaning(form)
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def _array(form: CallForm, name: str, value: Any) -> Any:
    """An input as an array; ts as int64 ms. UsageError for what is none."""
    try:
        array = np.ascontiguousarray(value, np.int64 if name == "ts" else np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{form.name}: {name}: expected an array of numbers", code="invalid_argument") from None
    if array.ndim != 1:
        raise UsageError(
            f"{form.name}: {name}: expected one dimension, got {array.ndim}", code="invalid_argument"
        )  # fmt: skip
    return array


FORMS = {name: form_of(name) for name in KINDS}
FUNCTIONS = {name: function_of(form) for name, form in FORMS.items()}
CLASSES = {class_name(name): class_of(form) for name, form in FORMS.items()}
