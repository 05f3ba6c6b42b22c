"""Where the code of a strategy is: NAME=FILE.py[:OBJECT] or NAME=PACKAGE.MODULE:OBJECT, as text of a command line."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from safla.config.paths import home
from safla.errors import UsageError
from safla.text import printable

EXPECTED = "expected NAME=FILE.py, NAME=FILE.py:OBJECT or NAME=PACKAGE.MODULE:OBJECT, such as mine=mine.py"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)  # the pattern of strategy.name
OBJECT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}", re.ASCII)
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)


class FilePlace(NamedTuple):
    """An object in a file of Python."""

    path: Path
    object_name: str  # "" where the file has only one

    def __str__(self) -> str:
        return f"{self.path}:{self.object_name}" if self.object_name else str(self.path)


class ModulePlace(NamedTuple):
    """An object in an installed module."""

    module: str
    object_name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.object_name}"


CodePlace = FilePlace | ModulePlace


def places_of(options: Sequence[str]) -> dict[str, CodePlace]:
    """The places of the options `--strategy`, by the names of the strategies. UsageError for what is none."""
    places: dict[str, CodePlace] = {}
    for option in options:
        name, sign, where = option.partition("=")
        if not sign or not NAME.fullmatch(name):
            raise UsageError(f"--strategy {printable(option)[:80]}: {EXPECTED}", code="invalid_argument")
        if name in places:
            raise UsageError(f"--strategy {name}: is given twice; keep one", code="invalid_argument")
        places[name] = _place(option, where)
    return places


def _place(option: str, where: str) -> CodePlace:
    file, _, object_name = where.rpartition(":")
    if where.endswith(".py"):  # a colon before may be part of its name
        file, object_name = where, ""
    if file.endswith(".py") and (file == where or OBJECT.fullmatch(object_name)):
        try:
            return FilePlace(Path(home(file)), object_name)
        except ValueError as error:
            raise UsageError(f"--strategy {printable(option)[:80]}: {error}", code="invalid_argument") from error
    if OBJECT.fullmatch(object_name) and _MODULE.fullmatch(file):
        return ModulePlace(file, object_name)
    raise UsageError(f"--strategy {printable(option)[:80]}: {EXPECTED}", code="invalid_argument")
