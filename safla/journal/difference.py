"""One place where the books of a run do not add up (J43)."""

from typing import NamedTuple


class Difference(NamedTuple):
    """What one line tells, beside what the events before it come to."""

    n: int  # line
    rule: str  # B1 to B9
    what: str
    told: str  # by the line
    found: str  # by the fold
