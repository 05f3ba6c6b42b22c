"""The engine library: the functions marked @entry_point, compiled ahead of time, called through ctypes (D2).

builder.py makes it: a file `engine.bin`, and `engine.json`, which names the sources that it was made from. It is used
only if each of these sources is still the same, so that it never decides otherwise than the functions themselves.
"""

import ctypes
import hashlib
import json
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_origin

import numpy as np

from safla.core.pure import Function, entry_point_name
from safla.core.values import ArrayType
from safla.fs import is_ours_alone

PACKAGE = Path(__file__).parents[1]
PACKAGED = Path(__file__).parent  # where the library of a package lies
LIBRARY, MANIFEST = "engine.bin", "engine.json"  # as .so it would look like a module of Python
ABI = 1  # of the calls; another number in the manifest is another library


class Library:
    """The opened library."""

    def __init__(self, path: Path, entries: list[str]) -> None:
        self.path = path
        self._entries = entries
        self._object = ctypes.CDLL(str(path))  # each call releases the interpreter lock

    def compiled(self, function: Function) -> Function | None:
        """The compiled form of a function that is marked @entry_point; None if the library does not have it."""
        name = entry_point_name(function)
        if name not in self._entries:
            return None
        compiled: Function = _call(getattr(self._object, symbol(name)), Signature(function), name)
        return compiled


class Found(NamedTuple):
    """The library, or why there is none."""

    library: Library | None
    reason: str  # empty if there is one


@cache
def library() -> Found:
    """The library of exactly these sources: from the package, else from the user's cache folder."""
    reasons = []
    for folder in (PACKAGED, cache_folder()):
        if not (folder / MANIFEST).exists():
            continue
        entries, reason = _checked(folder)
        if not reason:
            try:
                return Found(Library(folder / LIBRARY, entries), "")
            except OSError as error:  # such as a file system that allows no code
                reason = f"it cannot be opened: {error}"
        reasons.append(f"{folder / LIBRARY}: {reason}")
    return Found(None, "; ".join(reasons) or "the engine library is not built")


def fastest(function: Function) -> Function:
    """The compiled form of an entry point where there is one, else the function itself."""
    found, _ = library()
    return (found and found.compiled(function)) or function


def cache_folder() -> Path:
    """Where `safla engine build` puts the library of a user."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "safla" / "engine"


def platform_name() -> str:
    """The platform of this process, such as linux-x86_64."""
    return f"{sys.platform}-{platform.machine().lower()}"


def source_hash(name: str) -> str:
    """The hash of a source of the package, by its path in it."""
    return hashlib.blake2b((PACKAGE / name).read_bytes(), digest_size=16).hexdigest()


def seal(path: Path) -> str:
    """The hash of the library itself. A damaged one would end the process, or worse, go on (Z8)."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def symbol(name: str) -> str:
    """The name in the library of an entry such as `safla.core.engine:fold`."""
    return name.replace(".", "_").replace(":", "_")


def _checked(folder: Path) -> tuple[list[str], str]:
    """The entries of the library in a folder, and why it cannot be used; the reason is empty if it can."""
    if not all(is_ours_alone(folder / name) for name in (LIBRARY, MANIFEST)):
        return [], "others than you can change it"
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        abi, made_for, sources, entries = (manifest[key] for key in ("abi", "platform", "sources", "entries"))
        if abi != ABI or made_for != platform_name():
            return [], f"it is for {made_for}, this is {platform_name()}"
        if not all(source_hash(name) == recorded for name, recorded in sources.items()):
            return [], "it was built from other sources"
        if seal(folder / LIBRARY) != manifest["library"]:
            return [], "it is damaged"
        return [str(entry) for entry in entries], ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [], "it is damaged"


# --- Calls -----------------------------------------------------------------------------------------------------------
#
# An entry takes the address of int64 cells: those of its parameters in order, then room for those of its result. A
# number takes a cell (a float its bits), an array its address and shape, a NamedTuple the cells of its fields.


class Record(NamedTuple):
    """A NamedTuple type, with the types of its fields."""

    cls: Any
    fields: tuple["Type", ...]


Type = type[int] | type[float] | ArrayType | Record


class Signature:
    """The types of an entry's parameters and of its result, from its annotations."""

    def __init__(self, function: Callable[..., Any]) -> None:
        annotations = dict(function.__annotations__)
        answer = annotations.pop("return")
        self.parameters = tuple(map(type_of, annotations.values()))
        self.result = None if answer is None else type_of(answer)


def type_of(annotation: Any) -> Type:
    """The type that an annotation names. TypeError for one that compiled code cannot take."""
    if annotation in (int, float):
        return int if annotation is int else float
    if get_origin(annotation) is Annotated:
        for note in get_args(annotation)[1:]:
            if isinstance(note, ArrayType):
                return note
    if isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields"):
        return Record(annotation, tuple(map(type_of, annotation.__annotations__.values())))
    raise TypeError(f"{annotation} is no number, no array of values.py and no NamedTuple of these")


def size_of(kind: Type | None) -> int:
    """How many cells a value takes."""
    if isinstance(kind, ArrayType):
        return 1 + kind.dimensions
    if isinstance(kind, Record):
        return sum(map(size_of, kind.fields))
    return 0 if kind is None else 1


def _call(address: Any, signature: Signature, name: str) -> Any:
    """A Python function that calls an entry. AssertionError if an argument has another type or an assertion fails."""
    address.restype = ctypes.c_int32
    address.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    room = size_of(signature.result)

    def call(*arguments: Any) -> Any:
        cells = [
            cell for kind, value in zip(signature.parameters, arguments, strict=True) for cell in _cells(kind, value)
        ]
        block = (ctypes.c_int64 * (len(cells) + room))(*cells)
        status, problem = ctypes.c_int64(0), ctypes.c_void_p(None)
        code = address(ctypes.byref(status), ctypes.byref(problem), ctypes.addressof(block))
        assert code == 0, f"{name}: compiled code ended with status {code}"
        return None if signature.result is None else _value(signature.result, iter(block[len(cells) :]))

    return call


def _cells(kind: Type, value: Any) -> Iterator[int]:
    if kind is int:
        yield int(value)
    elif kind is float:
        yield struct.unpack("<q", struct.pack("<d", value))[0]
    elif isinstance(kind, ArrayType):
        assert value.dtype == np.dtype(kind.dtype), f"expected an array of {kind.dtype}, got {value.dtype}"
        assert value.ndim == kind.dimensions, f"expected {kind.dimensions} dimensions, got {value.ndim}"
        assert value.flags.c_contiguous, "expected a contiguous array"
        yield value.__array_interface__["data"][0]
        yield from value.shape
    else:
        assert isinstance(kind, Record), "there are no other types"
        for field, item in zip(kind.fields, value, strict=True):
            yield from _cells(field, item)


def _value(kind: Type, cells: Iterator[int]) -> Any:
    if kind is int:
        return next(cells)
    if kind is float:
        return struct.unpack("<d", struct.pack("<q", next(cells)))[0]
    assert isinstance(kind, Record), "an entry returns no array"
    return kind.cls(*(_value(field, cells) for field in kind.fields))
