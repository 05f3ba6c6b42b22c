"""The measured window of a run begins at its start and has the events of the engine from there."""

import numpy as np

from safla.report.window import Window
from tests.small_runs import run, small


def test_the_window_begins_after_the_lookback_and_ends_with_the_run(tmp_path):
    outcome = run(small(tmp_path, "data.start=2024-01-03"), tmp_path / "run").outcome
    window = Window(outcome)
    start = outcome.run.plan.rules.start_ts
    assert int(window.ts[0]) == start > int(outcome.ts[0])
    assert window.equity.tolist() == outcome.equity[outcome.ts >= start].tolist()
    assert window.ms == int(outcome.ts[-1]) + outcome.run.plan.rules.step_ms - start
    assert window.notional == int(np.sum(window.fills.price * window.fills.quantity * window.fills.k))
