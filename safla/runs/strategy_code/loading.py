"""The one place that executes code of users: a module is made from the very bytes that were hashed (C3).

The folder of a strategy is not on the search path, and nothing that Python compiled there before is used. Its modules
live in a package of their own, to which `import helper` in one of them is redirected where there is such a file; every
other import is the usual one. This also holds for imports inside functions, at whatever time these are called.
"""

import builtins
import importlib
import itertools
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from safla.errors import StrategyError
from safla.runs.strategy_code.sources import SourceFiles
from safla.text import printable

if TYPE_CHECKING:
    from importlib.abc import Loader  # importing it takes as long as all else here

_PREFIX = "_safla_strategy_"
_numbers = itertools.count(1)  # a package for each load, so that two strategies may have helpers of the same name


def names_of(sources: SourceFiles, *, name: str) -> Mapping[str, Any]:
    """Execute the main file, and return what it defines. StrategyError for whatever it raises.

    name  of the strategy, for the message
    """
    package = f"{_PREFIX}{next(_numbers)}"
    finder = _Finder(package, sources)
    sys.meta_path.insert(0, finder)
    try:
        return vars(importlib.import_module(f"{package}.{sources.main.removesuffix('.py')}"))
    except (Exception, SystemExit) as error:  # code of users may raise anything
        sys.meta_path.remove(finder)
        for module in [module for module in sys.modules if module.partition(".")[0] == package]:
            del sys.modules[module]
        raise raised(error, name=name, doing=f"while {sources.main} was imported") from error


def installed_names(module: str, *, name: str) -> Mapping[str, Any]:
    """Import an installed module, and return what it defines. StrategyError for whatever it raises."""
    try:
        return vars(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # code of users may raise anything
        raise raised(error, name=name, doing=f"while {module} was imported") from error


def raised(error: BaseException, *, name: str, doing: str) -> StrategyError:
    """The error for an exception that the code of a strategy raised, with the line of code that raised it."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        place = f"{error.filename}:{error.lineno or 0}:{error.offset or 0}"
        return StrategyError(printable(f"{place}: {error.msg}"), code="code_syntax")
    return StrategyError(printable(f"strategy {name}: {error_text(error)}, {doing}"), code="strategy_raised")


def error_text(error: BaseException) -> str:
    """The exception that code of a user raised, and the line of that code."""
    called = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in called if frame.filename != __file__ and "importlib" not in frame.filename]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())[:200]
    return f"raised {type(error).__name__}{': ' if text else ''}{text}{place}"


class _Finder:
    """Finds the modules of one strategy, and executes them: a finder and loader of `importlib`."""

    def __init__(self, package: str, sources: SourceFiles) -> None:
        self._package, self._sources = package, sources
        self._builtins = {**vars(builtins), "__import__": self._import}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """The specification of a module of this strategy; None for any other."""
        package, _, module = fullname.partition(".")
        if package != self._package:
            return None
        file, is_package = (None, True) if not module else self._file(module)
        if module and file is None:
            return None
        origin = None if file is None else str(self._sources.folder / file)
        spec = ModuleSpec(fullname, cast("Loader", self), origin=origin, is_package=is_package)
        spec.has_location = origin is not None
        return spec

    def create_module(self, _spec: ModuleSpec, /) -> None:
        """Leave the making of a module to `importlib`."""

    def exec_module(self, module: ModuleType) -> None:
        """Execute a module. Its imports come back to `_import`."""
        name = module.__name__.partition(".")[2]
        file, _ = self._file(name) if name else (None, True)
        if file is not None:
            code = compile(self._sources.files[file], str(self._sources.folder / file), "exec", dont_inherit=True)
            module.__dict__["__builtins__"] = self._builtins
            exec(code, module.__dict__)  # noqa: S102 - the one place

    def _file(self, module: str) -> tuple[str | None, bool]:
        """The file of a module, and whether it is a package."""
        path = module.replace(".", "/")
        if f"{path}/__init__.py" in self._sources.files:
            return f"{path}/__init__.py", True
        return (f"{path}.py" if f"{path}.py" in self._sources.files else None), False

    def _import(
        self, name: str, names: Mapping[str, Any] | None = None, local: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (), level: int = 0,
    ) -> ModuleType:  # fmt: skip
        """`__import__` for the modules of this strategy: a name that has a file beside it is that file."""
        first = name.partition(".")[0]
        if level or self._file(first)[0] is None:
            return builtins.__import__(name, names, local, fromlist, level)
        module = builtins.__import__(f"{self._package}.{name}", names, local, fromlist, 0)
        return module if fromlist else sys.modules[f"{self._package}.{first}"]
