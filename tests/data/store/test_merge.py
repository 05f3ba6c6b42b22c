"""Merging new candles with stored candles (S2): new, identical and restated candles."""

from safla.data.store.merge import merge_series
from tests.data.series import candles


def test_without_stored_candles_all_candles_are_new() -> None:
    met = merge_series(None, candles(range(3)), accept=False)
    assert (met.added, met.same, met.restated, len(met.changed)) == (3, 0, (), 3)


def test_identical_candles_change_nothing() -> None:
    held = candles(range(3))
    met = merge_series(held, candles(range(3), price=4), accept=True)
    assert met.series is held
    assert (met.added, met.same, met.restated, met.changed.tolist()) == (0, 3, (), [])


def test_new_candles_are_inserted_in_order_and_restated_candles_are_reported_and_skipped() -> None:
    held = candles([1, 3, 5])
    offered = candles([0, 3, 4], shift=1)
    met = merge_series(held, offered, accept=False)
    assert (met.added, met.same) == (2, 0)
    assert [one.ts for one in met.restated] == [int(held.columns.ts[1])]
    assert met.changed.tolist() == [int(offered.columns.ts[0]), int(offered.columns.ts[2])]
    assert met.series.columns.low.tolist() == [
        *offered.columns.low[:1], held.columns.low[0], held.columns.low[1], offered.columns.low[2], held.columns.low[2],
    ]  # fmt: skip


def test_restated_candles_replace_stored_candles_if_this_is_allowed() -> None:
    met = merge_series(candles([1, 3]), candles([3], shift=1), accept=True)
    assert len(met.restated) == 1
    assert met.changed.tolist() == [int(candles([3]).columns.ts[0])]
    assert met.series.columns.low.tolist() == [
        int(candles([1]).columns.low[0]), int(candles([3], shift=1).columns.low[0]),
    ]  # fmt: skip
