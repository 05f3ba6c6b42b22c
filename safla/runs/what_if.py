"""What if: simulate recorded inputs with another plan and compare both runs (J44). It writes only into `out`."""

import difflib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from safla.config.constraints import IMPLAUSIBLE, per_cent_meant
from safla.config.messages import key_like, key_path, no_value
from safla.config.plan import RunPlan
from safla.config.plan_text import CODE
from safla.config.yaml_reader import SourceLocation, scalar
from safla.core.candles import Series
from safla.errors import ConfigError, UsageError
from safla.journal import run_candles
from safla.journal.chain import event_bytes
from safla.journal.files import CANDLES, JOURNAL, journal_of, open_to_read
from safla.runs import folder
from safla.runs.engine_choice import EngineForms, choose
from safla.runs.recording import changed_run, read_recording, run_of
from safla.runs.recovery import JournalAppender
from safla.runs.result import RunRecord, RunResult
from safla.runs.runner import Outside, fold_blocks
from safla.runs.strategy_code.kept import keep_code
from safla.strategies.register import STRATEGIES, Strategy

Write = Callable[[bytes], object]
RunInputs = tuple[tuple[Series, ...], tuple[Outside, ...]]  # the candles, and what else happened

MADE_OF = ("market_data.timeframe",)  # keys that the recorded candles depend on


class WhatIf(NamedTuple):
    """Two runs over the same candles, and the first event in which they differ."""

    before: RunResult | None  # None: the code that it ran is not there, and its journal alone was compared
    after: RunResult
    was: str  # the first different event of `before`; "" if that run ends earlier, or nothing differs
    would_be: str  # that of `after`


def what_if(
    path: Path, sets: Sequence[str], *, engine: str, say: Callable[[str], None], out: Path | None = None,
    register: Mapping[str, Strategy] = STRATEGIES, other_code: bool = False,
) -> WhatIf:  # fmt: skip
    """Simulate a recorded run with a changed plan.

    sets        KEY=VALUE texts; UsageError for a key that the plan does not have
    out         a new folder, which becomes the run folder of the changed run
    register    the strategies by name, including those from Python (D5)
    other_code  whether the strategy of the run has other code in the register than it had (C6)
    """
    started, series, outside, _ = read_recording(path)
    before = run_of(started, register=register, other_code=other_code)
    changes = _changes(sets, started.plan)
    try:
        after = changed_run(started, changes, register=register)
    except ConfigError as error:
        raise ConfigError([problem._replace(where="--set") for problem in error.problems]) from error
    for key in (key for key in changes if key in IMPLAUSIBLE):
        value = scalar(changes[key])
        if text := per_cent_meant(key, None if value is None else Decimal(str(value))):
            say(f"warning: --set: {key}: {text}")
    candles = 2 * sum(len(one.columns.ts) for one in series)
    forms = choose(engine, before.strategy, candles=candles, say=say)
    with _writer(out, after, series=series, say=say) as write:
        if other_code:
            return _compare_with_journal(path, after, inputs=(series, outside), forms=forms, write=write)
        return _compare(before, after, inputs=(series, outside), forms=forms, write=write)


@contextmanager
def _writer(
    out: Path | None, run: RunPlan, *, series: tuple[Series, ...], say: Callable[[str], None]
) -> Iterator[Write]:
    """A function that writes the lines of the changed run into its new folder, or drops them if out is None."""
    if out is None:
        yield lambda lines: None
        return
    if os.path.lexists(out):
        raise UsageError(f"--out {out}: exists already; choose a new folder", code="exists_already")
    folder.make(out, force=False)
    with folder.lock_run(out):
        keep_code(out, run.strategy.code)
        if run.detail != "candles":
            run_candles.write_run_candles(out / CANDLES, series, timeframe=run.timeframe)
        with JournalAppender(out / JOURNAL, say=say) as journal:
            yield journal.append
            journal.finish()


def _changes(sets: Sequence[str], plan: dict[str, str]) -> dict[str, str]:
    """The new values by key. ConfigError names every key without a value."""
    changes, empty = {}, []
    for text in sets:
        try:
            key, value = _change(text, plan)
            changes[key] = value
        except ConfigError as error:
            empty += error.problems
    if empty:
        raise ConfigError(empty)
    return changes


def _change(text: str, plan: dict[str, str]) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        shown = "" if key_like(text) else f" {text[:80]}"  # it may hold a secret (Z9)
        raise UsageError(f"--set{shown}: expected KEY=VALUE, such as risk.stop_loss_pct=0.03", code="invalid_override")
    if key in MADE_OF or key.startswith(("symbols.", "markets.")):
        raise UsageError(
            f"--set {key}: the recorded candles depend on it; start a new run instead", code="invalid_override"
        )
    if key not in plan or key == CODE:
        near = difflib.get_close_matches(key, plan, n=1)
        hint = f"did you mean {near[0]}?" if near else "safla schema config lists the keys marked as plan"
        raise UsageError(f"--set {key}: not a key of the plan; {hint}", code="invalid_override")
    if not value.strip(" "):
        raise ConfigError([no_value(key_path(key), SourceLocation("--set", 0, 0))])
    return key, value


def _compare(before: RunPlan, after: RunPlan, *, inputs: RunInputs, forms: EngineForms, write: Write) -> WhatIf:
    was, would_be = RunRecord(before, inputs[0]), RunRecord(after, inputs[0])
    first = ("", "")
    events_before = _events(before, inputs, record=was, forms=forms, write=lambda lines: None)
    events_after = _events(after, inputs, record=would_be, forms=forms, write=write)
    # Both runs are simulated side by side to their ends, also after the first difference: both results are needed.
    for event, changed in zip_longest(events_before, events_after, fillvalue=b""):
        if first == ("", "") and event != changed:
            first = (event.decode("ascii"), changed.decode("ascii"))
    return WhatIf(was.outcome(), would_be.outcome(), *first)


def _compare_with_journal(path: Path, after: RunPlan, *, inputs: RunInputs, forms: EngineForms, write: Write) -> WhatIf:
    """Simulate the changed run alone, and compare its events with those of the journal."""
    would_be, recorded = RunRecord(after, inputs[0]), _recorded_events(path)
    first, ended = ("", ""), False
    for changed in _events(after, inputs, record=would_be, forms=forms, write=write):
        event = next(recorded, b"")
        ended = ended or not event  # the journal of a run that has not ended: it has no difference there
        if first == ("", "") and not ended and event != changed:
            first = (event.decode("ascii"), changed.decode("ascii"))
    if first == ("", "") and (event := next(recorded, b"")):
        first = (event.decode("ascii"), "")
    return WhatIf(None, would_be.outcome(), *first)


def _recorded_events(path: Path) -> Iterator[bytes]:
    """The events of a journal after its first line, without `n` and hashes. Its chain was verified before."""
    with io.BufferedReader(open_to_read(journal_of(path))) as file:
        for n, line in enumerate(file, 1):
            if n > 1 and line.endswith(b"\n"):
                yield event_bytes(line[:-1], n)


def _events(run: RunPlan, inputs: RunInputs, *, record: RunRecord, forms: EngineForms, write: Write) -> Iterator[bytes]:
    """The events of a run after its first line, without `n` and hashes. Blocks are recorded and written on the way."""
    n = 0
    series, outside = inputs
    for block in fold_blocks(run, series, forms=forms, outside=outside):
        record.add(block)
        write(block.lines)
        for line in block.lines.splitlines():
            n += 1
            if n > 1:
                yield event_bytes(line, n)
