"""Which code a run executes: strategies of safla come before --strategy, strategy.file and entry points (C1, C3)."""

from collections.abc import Mapping

from safla.runs.strategy_code.identity import code_from, one_object
from safla.runs.strategy_code.installed import LoadedStrategy, from_entry_point, from_module
from safla.runs.strategy_code.loading import names_of
from safla.runs.strategy_code.place import CodePlace, FilePlace
from safla.runs.strategy_code.sources import sources_of
from safla.strategies.register import STRATEGIES
from safla.text import printable


def loaded_strategy(name: str, given: Mapping[str, CodePlace]) -> LoadedStrategy | None:
    """Execute the code of a strategy. None for one of safla's, and where nothing has this name.

    given  the places by name, which the user consented to
    Raise StrategyError for code that cannot be used or is no strategy.
    """
    if name in STRATEGIES:
        return None
    place = given.get(name)
    if place is None:
        return from_entry_point(name)
    if not isinstance(place, FilePlace):
        return from_module(place, name=name)
    sources = sources_of(place.path)
    code = code_from(sources.files)
    names = names_of(sources, name=name)
    return LoadedStrategy(one_object(names, place.object_name, where=printable(str(place.path))), code)
