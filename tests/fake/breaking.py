"""What is to break, when and how often. What a fault does stands in answers.py, pages.py and sockets.py."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, signature
from typing import Any, NamedTuple


@dataclass
class Break:
    """A fault that was ordered."""

    name: str
    times: int | None  # None: for ever
    after: int  # so many that it could have met go well before
    path: str | None  # the last part of it; None: any
    symbol: str | None  # None: any
    interval: str | None
    closing: bool | None = None  # of a stream: only the event that closes a candle, or only the others
    parameters: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    @property
    def over(self) -> bool:
        """Whether it has happened as often as it should."""
        return self.times is not None and self.hits >= self.times

    def meets(self, place: "Place") -> bool:
        """Whether it is meant for that place."""
        wanted = Place(self.path, self.symbol, self.interval, self.closing)
        return all(one is None or one == found for one, found in zip(wanted, place, strict=True))


class Place(NamedTuple):
    """Where something can break. None where the place has no such thing."""

    path: str | None = None
    symbol: str | None = None
    interval: str | None = None
    closing: bool | None = None


class Breaks:
    """All that is ordered, in the order in which it was."""

    def __init__(self) -> None:
        self._ordered: list[Break] = []

    def add(self, order: Break) -> Break:
        """One more."""
        self._ordered.append(order)
        return order

    def mend(self) -> None:
        """Nothing breaks any more."""
        self._ordered.clear()

    def due(self, names: Collection[str], place: Place) -> Iterator[Break]:
        """What could break now and is wanted now. Who lets it happen counts the hit; the others have seen one more."""
        for order in list(self._ordered):
            if order.name in names and not order.over and order.meets(place):
                order.seen += 1
                if order.seen > order.after:
                    yield order


def checked(name: str, tables: Mapping[str, Callable[..., Any]], parameters: Mapping[str, Any]) -> None:
    """A fault that nobody knows, or a parameter that it does not have, is refused when it is ordered."""
    if name not in tables:
        raise ValueError(f"{name}: no fault has this name; there are {', '.join(tables)}")
    known = {key for key, one in signature(tables[name]).parameters.items() if one.kind is Parameter.KEYWORD_ONLY}
    if not parameters.keys() <= known:
        raise TypeError(f"{name} takes {', '.join(sorted(known)) or 'nothing'}, not {', '.join(parameters)}")
