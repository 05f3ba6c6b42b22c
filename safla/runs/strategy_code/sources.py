"""The source files of a strategy: the named one, and those beside it that it imports. They are read, never executed.

Which files belong to a strategy follows from their `import` statements alone, wherever in a file they stand. So the
same files are found before anything runs, and a later import finds no other bytes than those that were hashed (C5).
"""

import ast
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safla.errors import StrategyError
from safla.fs import is_ours_alone
from safla.text import printable

MOST_FILES = 100
MOST_BYTES = 2**20  # of a file
MOST_BYTES_IN_ALL = 2**22
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)  # of a name: a folder, or a file without .py
_SAFELY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class SourceFiles(NamedTuple):
    """The files of a strategy."""

    folder: Path  # of the named file, links resolved
    main: str  # the named file
    files: Mapping[str, bytes]  # by the name relative to the folder, with / between its parts


def sources_of(path: Path) -> SourceFiles:
    """Read a file and all that it imports from its folder. StrategyError where one of them cannot be used as code."""
    real = Path(os.path.realpath(path))
    files: dict[str, bytes] = {}
    waiting = [real.name]
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        files[name] = read_source(real.parent / name)
        if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES_IN_ALL:
            raise StrategyError(
                f"{real}: imports more than {MOST_FILES} files or {MOST_BYTES_IN_ALL:,} bytes from its folder; install "
                "what does not belong to the strategy as a package",
                code="code_unreadable",
            )
        waiting += _imported_files(real.parent, name, content=files[name])
    return SourceFiles(real.parent, real.name, dict(sorted(files.items())))


def is_source_name(name: str) -> bool:
    """Whether a relative name consists of parts of ASCII letters, digits, _ and -, and ends in .py."""
    return name.endswith(".py") and all(_PART.fullmatch(part) for part in name.removesuffix(".py").split("/"))


def read_source(path: Path, *, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file of Python that only this user or root can change. StrategyError for any other."""
    if not is_source_name(path.name):
        raise _unusable(path, "its name has other characters than letters, digits, _ and -; rename it")
    try:
        descriptor = os.open(path, _SAFELY)
    except FileNotFoundError as error:
        raise _unusable(path, "there is no such file") from error
    except OSError as error:
        raise _unusable(path, f"it cannot be read, or is a link: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(path, "it is not a regular file")
        if not is_ours_alone(path) or not is_ours_alone(path.parent):
            raise _unusable(
                path, "others can change it or its folder; make both yours, and writable for nobody else (chmod go-w)"
            )
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise _unusable(path, f"it has more than {most:,} bytes")
    return content


def _unusable(path: Path, why: str) -> StrategyError:
    return StrategyError(f"{printable(str(path))}: cannot be used as code: {why}", code="code_unreadable")


def _imported_files(folder: Path, name: str, *, content: bytes) -> Iterator[str]:
    """The names of the files in the folder that a file imports."""
    package = tuple(name.split("/")[:-1])
    for module in _imported_modules(_parsed(folder / name, content), package):
        yield from _files_of(folder, module)


def _parsed(path: Path, content: bytes) -> ast.Module:
    try:
        return ast.parse(content, str(path))
    except SyntaxError as error:
        place = f"{path}:{error.lineno or 0}:{error.offset or 0}"
        raise StrategyError(f"{printable(place)}: {error.msg}", code="code_syntax") from error
    except (ValueError, RecursionError, MemoryError) as error:
        text = "has NUL bytes" if isinstance(error, ValueError) else "is nested too deeply"
        raise StrategyError(f"{printable(str(path))}: {text}", code="code_syntax") from error


def _imported_modules(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The modules that a file may import, by the parts of their names. package: the one that the file is in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)  # a module, or a name in the one before it


def _files_of(folder: Path, module: tuple[str, ...]) -> Iterator[str]:
    """The files of a module and of the packages that it is in, as far as there are such files."""
    place = folder
    for part in module:
        if not _PART.fullmatch(part):
            return
        if os.path.lexists(place / part / "__init__.py"):
            place = place / part
            yield (place / "__init__.py").relative_to(folder).as_posix()
            continue
        if os.path.lexists(place / f"{part}.py"):
            yield (place / f"{part}.py").relative_to(folder).as_posix()
        return
