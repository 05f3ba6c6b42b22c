"""The types of safla.indicators for editors and type checkers: the text of safla/indicators.pyi."""

import inspect
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from safla.api.indicators import FORMS, CallForm, class_name, meaning

HEAD = '''\
# ruff: noqa: A001, A002, E501
# fmt: off
"""The indicators of safla for Python: functions of float arrays, and classes that take one row at a time.

Made by `python -m pytest tests/test_indicators.py --update-golden`.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Times = npt.NDArray[np.int64]
'''


def stub() -> str:
    """The text of the stub."""
    return HEAD + "".join(part for form in FORMS.values() for part in _form(form))


def _form(form: CallForm) -> Iterator[str]:
    several = len(form.kind.outputs) > 1
    name = class_name(form.name)
    if several:
        yield _tuple(f"_{name}Arrays", form, "_Array")
        yield _tuple(f"_{name}Values", form, "float")
    arrays = [f"{one}: {'_Times' if one == 'ts' else '_Array'}" for one in form.inputs]
    cells = [f"{one}: {'int' if one == 'ts' else 'float'}" for one in form.inputs]
    parameters = [_parameter(one) for one in form.parameters]
    text = "\n".join(f"    {line}".rstrip() for line in meaning(form).splitlines()).lstrip()
    yield f"\ndef {form.name}({', '.join(arrays + parameters)}) -> {f'_{name}Arrays' if several else '_Array'}:\n"
    yield f'    """{text}\n    """\n'
    yield f"\nclass {name}:\n"
    yield f'    """{text}\n    """\n'
    yield f"    def __init__({', '.join(['self', *parameters])}) -> None: ...\n"
    yield f"    def step({', '.join(['self', *cells])}) -> {f'_{name}Values' if several else 'float'}:\n"
    yield '        """The value at the next row."""\n'


def _tuple(name: str, form: CallForm, kind: str) -> str:
    return f"\nclass {name}(NamedTuple):\n" + "".join(f"    {output}: {kind}\n" for output in form.kind.outputs)


def _parameter(parameter: inspect.Parameter) -> str:
    shown = f"{parameter.name}: {_type(parameter.annotation)}"
    return shown if parameter.default is inspect.Parameter.empty else f"{shown} = {parameter.default!r}"


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return " | ".join(map(_type, get_args(annotation)))
    if origin is Literal:
        return re.sub("'", '"', f"Literal{list(get_args(annotation))}")
    return "None" if annotation is type(None) else str(annotation.__name__)
