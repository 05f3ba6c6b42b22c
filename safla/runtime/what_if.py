"""What if: the recorded inputs under another plan, beside what was (J44). It writes nothing."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core.candles import Series
from safla.errors import ConfigError, Problem, UsageError
from safla.journal import reader
from safla.journal.line import event_bytes
from safla.runtime.fold import Block, fold
from safla.runtime.forms import Forms, choose
from safla.runtime.outcome import Outcome, outcome_of, thinned
from safla.runtime.recorded import changed_run, no_rows, noting_candles, run_of, series_of
from safla.runtime.replay import refuse_shortened

MADE_OF = ("market_data.timeframe",)  # what the candles are made of


class WhatIf(NamedTuple):
    """Two runs over the same candles, and the first event that is not the same in both."""

    before: Outcome
    after: Outcome
    was: str  # the event of the first difference, "" where the run ends before it or nothing differs
    would_be: str


def what_if(path: Path, sets: Sequence[str], *, engine: str, say: Callable[[str], None]) -> WhatIf:
    """Run a recorded run under a changed plan. sets: KEY=VALUE; UsageError for a key that the plan has not."""
    journal = reader.read(path)
    refuse_shortened(journal.path)
    changes = dict(_change(text, journal.started.plan) for text in sets)
    try:
        after = changed_run(journal.started, changes)
    except ConfigError as error:
        raise ConfigError([Problem("--set", key, text) for _, key, text in error.problems]) from error
    rows = no_rows(journal.started)
    for _ in noting_candles(journal, rows):
        pass
    series = series_of(journal, rows)
    return _beside(run_of(journal.started), after, series=series, engine=engine, say=say)


def _change(text: str, plan: dict[str, str]) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--set {text}: KEY=VALUE is due, such as risk.stop_loss_pct=0.03")
    if key in MADE_OF or key.startswith(("symbols.", "markets.")):
        raise UsageError(f"--set {key}: the recorded candles are made of it; run anew with another configuration")
    if key not in plan:
        near = difflib.get_close_matches(key, plan, n=1)
        hint = f"did you mean {near[0]}?" if near else "safla schema config lists the keys marked as plan"
        raise UsageError(f"--set {key}: no key of the plan; {hint}")
    return key, value


def _beside(
    before: RunPlan, after: RunPlan, *, series: tuple[Series, ...], engine: str, say: Callable[[str], None]
) -> WhatIf:
    candles = 2 * sum(len(one.columns.ts) for one in series)
    forms = choose(engine, before.strategy.columns, candles=candles, say=say)
    kept: tuple[list[Block], list[Block]] = ([], [])
    first = ("", "")
    tellers = [
        _events(run, series, kept=blocks, forms=forms) for run, blocks in zip((before, after), kept, strict=True)
    ]
    for one, other in zip_longest(*tellers, fillvalue=b""):
        if first == ("", "") and one != other:
            first = (one.decode("ascii"), other.decode("ascii"))
    was, would_be = (outcome_of(run, series, blocks=blocks) for run, blocks in zip((before, after), kept, strict=True))
    return WhatIf(was, would_be, *first)


def _events(run: RunPlan, series: tuple[Series, ...], *, kept: list[Block], forms: Forms) -> Iterator[bytes]:
    """The events of a run behind its first line, without envelopes; its blocks are kept on the way."""
    n = 0
    for block in fold(run, series, forms=forms):
        kept.append(thinned(block))
        for line in block.lines.splitlines():
            n += 1
            if n > 1:
                yield event_bytes(line, n)
