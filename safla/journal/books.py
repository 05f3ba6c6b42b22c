"""The books of a run: its events alone, folded and compared with `==` (J43, B1-B9). No engine, no file."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from safla.journal.conduct import Conduct
from safla.journal.difference import Difference
from safla.journal.events import Event, RunEnded, RunStarted
from safla.journal.ledger import Ledger

MOST_DIFFERENCES = 100  # that are listed; all are counted

LEFT_OUT = {  # what the lines of a detail do not tell, and so was not checked
    "trades": (
        "B7: orders, modes and the answers to signals",
        "B8: entries while warming",
        "B9: the count of candles",
    ),
    "decisions": ("B9: the count of candles",),
    "candles": (),
}


class Books(NamedTuple):
    """What the events came to. They hold if `differing` is 0."""

    differing: int  # how many differences there are
    differences: tuple[Difference, ...]  # the first MOST_DIFFERENCES of them
    counts: dict[str, int]  # how many events of each type
    left_out: tuple[str, ...]
    ended: bool  # there is a run_ended; without it the run is unfinished, which is no difference


def check(events: Iterable[Event]) -> Books:
    """Fold all events of a journal, the first line included. Their amounts and symbols were checked by the reader."""
    numbered = enumerate(events, start=1)
    _, started = next(numbered)
    assert isinstance(started, RunStarted), "the reader lets no other event be the first"
    ledger, conduct = Ledger(started), Conduct(started)
    counts = Counter({"run_started": 1})
    listed: list[Difference] = []
    differing, ended = 0, False
    for n, event in numbered:
        counts[str(event.__struct_config__.tag)] += 1
        late = [Difference(n, "B9", "run_ended is the last line", "another line", "no more")] if ended else []
        for difference in chain(late, ledger.take(n, event), conduct.take(n, event)):
            differing += 1
            if len(listed) < MOST_DIFFERENCES:
                listed.append(difference)
        ended = ended or isinstance(event, RunEnded)
    return Books(differing, tuple(listed), dict(sorted(counts.items())), LEFT_OUT[started.detail], ended)
