"""Signals that stand are those that would only repeat the answer of the candle before (S28)."""

import numpy as np
from hypothesis import given, settings

from safla.core import values as v
from tests.properties.cases import Case, cases, fold, of_kind
from tests.scale import examples


def without_standing_signals(case: Case, written: set[tuple[int, int]]) -> Case:
    """The same run with only those signals that have a line. written: their times and symbols."""
    signals = []
    for place, (columns, (signal, strength)) in enumerate(zip(case.columns, case.signals, strict=True)):
        kept = np.array([(ts, place) in written for ts in columns.ts.tolist()])
        signals.append((np.where(kept, signal, 0).astype(np.int8), strength))
    return case._replace(signals=tuple(signals))


@examples(gate=200, full=1_000)
@given(cases(symbols=3, candles=30))
def test_a_run_without_its_standing_signals_has_the_same_events(case: Case) -> None:
    whole = fold(case)
    written = {(row["ts"], row["symbol"]) for row in of_kind(whole.rows, v.SIGNAL)}
    fewer = fold(without_standing_signals(case, written))
    assert fewer.rows == whole.rows
    assert fewer.equity == whole.equity


@examples(gate=100, full=1_000)
@given(cases(symbols=3, candles=30, fixed={"max_daily_trades": 0}))
def test_every_signal_after_the_lookback_is_written_or_counted(case: Case) -> None:
    folded = fold(case)
    start = case.rules.start_ts
    written = [row for row in of_kind(folded.rows, v.SIGNAL) if row["ts"] >= start]
    for code, column in ((v.ENTER_SIGNAL, v.STOOD_ENTERS), (v.EXIT_SIGNAL, v.STOOD_EXITS)):
        given_ = sum(
            int((one[0][columns.ts >= start] == code).sum())
            for one, columns in zip(case.signals, case.columns, strict=True)
        )
        stood = int(folded.state.book[:, column].sum())
        assert given_ == stood + sum(row["signal"] == code for row in written)


@settings(max_examples=100, deadline=None)
@given(cases(symbols=2, candles=40, crossover=True))
def test_no_signal_of_the_crossover_stands(case: Case) -> None:
    assert not fold(case).state.book[:, [v.STOOD_ENTERS, v.STOOD_EXITS]].any()
