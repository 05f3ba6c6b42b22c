"""A case told by the reference, and the engine's rows in the reference's words. No assertion."""

from typing import Any

from safla.core import values as v
from tests.properties.folding import Folded, in_words
from tests.properties.market import Case
from tests.properties.reference import Reference


def reference_of(case: Case, closed: bool = True) -> Reference:
    """The reference, run over a case."""
    reference = Reference(case.rules, case.markets, case.balance)
    reference.run(timeline(case), case.commands, closed)
    return reference


def timeline(case: Case) -> list[tuple[int, dict[int, Any]]]:
    """The candles and signals of all symbols by time, as plain numbers."""
    moments: dict[int, dict[int, Any]] = {}
    for place, (columns, signals) in enumerate(zip(case.columns, case.signals, strict=True)):
        for ts, *row in zip(*(column.tolist() for column in (*columns, *signals)), strict=True):
            moments.setdefault(ts, {})[place] = tuple(row)
    return sorted(moments.items())


def story(folded: Folded) -> list[dict[str, Any]]:
    """The engine's rows in the words of the reference."""
    strengths = iter(folded.strengths)
    return [in_words(row) | ({"strength": next(strengths)} if row[0] == v.SIGNAL else {}) for row in folded.rows]
