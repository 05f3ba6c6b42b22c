"""Strategies of installed packages: modules by name, and those that a distribution offers as entry points (C3)."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safla.errors import ConfigError, Problem, StrategyError
from safla.runs.strategy_code.entry_points import entry_points_of
from safla.runs.strategy_code.identity import code_from, one_object
from safla.runs.strategy_code.loading import installed_names
from safla.runs.strategy_code.place import ModulePlace
from safla.runs.strategy_code.sources import MOST_BYTES_IN_ALL, MOST_FILES, is_source_name
from safla.strategies.register import Code


class LoadedStrategy(NamedTuple):
    """An object that code of a user defines, and that code."""

    strategy: Any
    code: Code


def from_entry_point(name: str) -> LoadedStrategy | None:
    """The strategy that an installed distribution offers under a name; None where none does.

    ConfigError where two distributions do.
    """
    offered = entry_points_of(name)
    if not offered:
        return None
    if len(offered) > 1:
        owners = ", ".join(sorted(one.dist.name if one.dist else "?" for one in offered))
        text = f"{name} is offered by several distributions: {owners}; remove one, or name the code with --strategy"
        raise ConfigError([Problem("", "strategy.name", text, code="strategy_unknown")])
    module, _, object_name = offered[0].value.partition(":")
    return from_module(ModulePlace(module.strip(), object_name.strip()), name=name)


def from_module(place: ModulePlace, *, name: str) -> LoadedStrategy:
    """The strategy in an installed module, with the files of that module's package that are imported now."""
    strategy = one_object(installed_names(place.module, name=name), place.object_name, where=place.module)
    package = place.module.partition(".")[0]
    return LoadedStrategy(strategy, code_from(_files_of(package), distribution=_distribution(package)))


def _files_of(package: str) -> Mapping[str, bytes]:
    """The sources of a package's modules that are imported, by their names relative to the folder that it lies in."""
    files: dict[str, bytes] = {}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name.partition(".")[0] != package or not isinstance(path, str) or not path.endswith(".py"):
            continue
        file = "/".join((*name.split("."), "__init__")) if hasattr(module, "__path__") else name.replace(".", "/")
        if is_source_name(f"{file}.py"):
            files[f"{file}.py"] = Path(path).read_bytes()
        if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_BYTES_IN_ALL:
            raise StrategyError(
                f"{package}: has more than {MOST_FILES} modules or {MOST_BYTES_IN_ALL:,} bytes; keep the strategy in a "
                "package of its own, which imports the rest",
                code="code_unreadable",
            )
    return files


def _distribution(package: str) -> tuple[str, str] | None:
    """Name and version of the distribution that a package is from; None where it is from none."""
    from importlib.metadata import packages_distributions, version

    names = packages_distributions().get(package)
    return (names[0], version(names[0])) if names else None
