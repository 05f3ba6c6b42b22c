"""Processes that merge into a store: one that dies at each of its calls that touch the disk, one that merges pages.

    python -m tests.faults.merging SLICE|ALL FOLDER BEGIN
    python -m tests.faults.merging pages CACHE FIRST STEP

The first is tests/faults/dying.py with a merge in the place of a command: in a copy of the folder BEGIN, twice. The
second merges fifty pages, every STEP-th hour from the hour FIRST on.
"""

import importlib
import sys
from pathlib import Path

from tests.faults import dying

PAGES, CANDLES = 50, 20


def once(words: list[str]) -> int:
    """The merge that dies: into two months, with a stretch without candles, and candles of other values."""
    from safla.data.store import store
    from tests.data.series import AT, candles, place, span

    where = place(Path(words[0]))
    store.merge(where, candles([*range(10, 50)]), source="late", at=AT + 1, absent=[span(60, 70), span(2, 4)])
    store.merge(where, candles([12, 13], shift=1), source="late", at=AT + 2)
    return 0


def pages(cache: Path, first: int, step: int) -> None:
    """Fifty pages, one after the other."""
    from tests.data.series import candles, merge, place

    for page in range(PAGES):
        hours = range(first + page * CANDLES * step, first + (page + 1) * CANDLES * step, step)
        merge(place(cache), candles(hours))


if __name__ == "__main__":
    if sys.argv[1] == "pages":
        pages(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        dying.prepare()
        for name in ("safla.data.store.store", "tests.data.series"):  # before the forks, so that they are imported once
            importlib.import_module(name)
        dying.each(once, Path(sys.argv[2]), Path(sys.argv[3]), ["{}"], thorough=sys.argv[1] == "ALL")
