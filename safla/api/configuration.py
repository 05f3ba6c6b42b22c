"""The configuration argument of the functions for Python: nothing, a path, a dict, or a loaded configuration."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from safla.api.registered import GivenStrategy, registered
from safla.config import loader, root_folder
from safla.config.loader import Loaded
from safla.config.paths import home
from safla.errors import ConfigError, Problem, UsageError
from safla.runs.strategy_code.consent import code_problems
from safla.runs.strategy_code.entry_points import KnownNames

DEFAULT = Path("config.yaml")

ConfigSource = str | os.PathLike[str] | Mapping[str, Any] | Loaded | None
OptionalOverrides = Mapping[str, Any] | Sequence[str] | None
SymbolList = Literal["primary", "test"]


def load_config(
    config: ConfigSource = None,
    *,
    set: OptionalOverrides = None,  # noqa: A002  the command's word
    strategies: Mapping[str, GivenStrategy] | None = None,
    symbols: SymbolList = "primary",
    root: str | os.PathLike[str] | None = None,
) -> Loaded:
    """Load and check a configuration from a file or a dict, with all defaults. All others take the result as `config`.

    config      a path; a dict with the keys of a file (its paths are relative to the current folder); None for
                ./config.yaml if it exists, else the defaults
    set         overlays: {"risk.stop_loss_pct": 0.03}, or ["risk.stop_loss_pct=0.03"] as on the command line; numbers
                may be those of numpy, and a float is rounded to the decimals that its key takes, with a warning
    strategies  your functions by name, which strategy.name may use besides the built-in ones (StrategyFunction)
    symbols     the list in use: symbols.primary or symbols.test
    root        for programs that run configurations of other people: a folder in which every path of the configuration
                must be, links resolved; else ConfigError with the key. Default folders are inside it too
    returns     Loaded: `config` (typed, frozen), `symbols`, where each value came from, and warnings

    SAFLA__ variables of the environment override the file, and `set` overrides both, as for the command. Raises
    ConfigError with every problem at once, UsageError for a `set` that is not KEY=VALUE.

        loaded = safla.load_config("config.yaml", set={"strategy.fast_period": 5})
        loaded.config.strategy.fast_period
    """
    below = root_of(root)
    if isinstance(config, Loaded):
        if set or symbols != "primary":
            raise UsageError(
                "config: it is loaded already; pass set and symbols to safla.load_config instead",
                code="invalid_argument",
            )
        if outside := root_folder.problems(config.config, config.symbols, root=below, origins=config.origins):
            raise ConfigError(outside)
        return config
    sets: loader.Overrides = [set] if isinstance(set, str) else set or ()
    names = KnownNames(registered(strategies))
    if isinstance(config, Mapping):
        return loader.load_mapping(
            config, sets=sets, environment=os.environ, symbols=symbols, strategies=names, root=below
        )
    path = path_of(config, "config") if config is not None else DEFAULT if DEFAULT.exists() else None
    return loader.load(path, sets=sets, environment=os.environ, symbols=symbols, strategies=names, root=below)


def root_of(given: str | os.PathLike[str] | None) -> Path | None:
    """The folder in which all paths must be, or None. UsageError where it is not a folder."""
    if given is None:
        return None
    root = path_of(given, "root")
    if not root.is_dir():
        raise UsageError("root: not a folder; name one that exists", code="invalid_argument")
    return root


def path_of(given: str | os.PathLike[str], what: str) -> Path:
    """A path argument, ~ expanded where it is a text. UsageError for an empty one, and for ~name without a home."""
    if isinstance(given, str) and not given:
        raise UsageError(
            f"{what}: expected a path, got an empty text; name one, or leave it out", code="invalid_argument"
        )
    try:
        return Path(home(given) if isinstance(given, str) else given)
    except ValueError as error:
        raise UsageError(f"{what}: {ascii(given)[:80]}: {error}", code="invalid_argument") from error


def validate(
    config: ConfigSource = None,
    *,
    set: OptionalOverrides = None,  # noqa: A002  the command's word
    strategies: Mapping[str, GivenStrategy] | None = None,
    symbols: SymbolList = "primary",
    root: str | os.PathLike[str] | None = None,
) -> list[Problem]:
    """Every problem of a configuration, each with `where` (file:line:column), `key` and `text`; empty if it is valid.

    Arguments as in load_config. UsageError for a `set` that is not KEY=VALUE.

        for problem in safla.validate("config.yaml"):
            print(problem)
    """
    try:
        loaded = load_config(config, set=set, strategies=strategies, symbols=symbols, root=root)
    except ConfigError as error:
        return error.problems
    if loaded.config.strategy.name in (strategies or {}):
        return []
    return code_problems(loaded, {}, environment=os.environ)


def stem(loaded: Loaded) -> str:
    """The first part of the run folder's name: the name of the configuration file, `config` where there is none."""
    return Path(loaded.files[-1]).stem if loaded.files else DEFAULT.stem
