"""The names of strategies that installed distributions offer (C1): looked up only if nothing else has a name."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "safla.strategies"


class KnownNames(Collection[str]):
    """The names that code is given for, and those of entry points, which are looked up only if another is asked for."""

    def __init__(self, given: Collection[str]) -> None:
        self._given = given

    def __contains__(self, name: object) -> bool:
        return name in self._given or (isinstance(name, str) and bool(entry_points_of(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def entry_points_of(name: str) -> "list[EntryPoint]":
    """The entry points of this name that installed distributions offer. Nothing is imported."""
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    found = {(one.value, one.dist.name if one.dist else ""): one for one in entry_points(group=GROUP, name=name)}
    return list(found.values())
