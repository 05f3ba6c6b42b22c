"""Fills and trades as columns match values of thirteen candles computed by hand, and agree with the account."""

import numpy as np
import pytest

from safla.core import values as v
from safla.report.trades import fills_of, trades_of
from tests.report.tiny import FIRST, HOUR, tiny
from tests.small_runs import run, small


def test_the_trades_of_thirteen_candles_match_values_computed_by_hand(tmp_path):
    outcome = tiny(tmp_path)
    trades = trades_of(outcome, fills_of(outcome))
    assert ((trades.opened - FIRST) // HOUR).tolist() == [3, 6, 9]
    assert ((trades.closed - FIRST) // HOUR).tolist() == [4, 6, 9]
    assert trades.quantity.tolist() == [89, 92, 90]
    assert trades.net.tolist() == [-463, -386, 881]
    assert [v.REASONS[code] for code in trades.reason] == ["stop_loss", "stop_loss", "take_profit"]
    assert trades.net_pct.tolist() == [-463 / 8_900, -386 / 8_924, 881 / 8_910]
    assert trades.r == (-463 / (89 * 5), -386 / (92 * 4), 881 / (90 * 4))
    assert trades.mae.tolist() == [0.05, 4 / 97, 0.0]
    assert trades.mfe.tolist() == [0.04, 0.0, 10 / 99]


def test_trades_of_several_symbols_agree_with_the_account_and_with_their_fills(tmp_path):
    outcome = run(small(tmp_path), tmp_path / "run").outcome
    fills = fills_of(outcome)
    trades = trades_of(outcome, fills)
    sold = fills.side == v.SELL
    assert len(set(trades.symbol.tolist())) == 2
    assert sum(trades.net.tolist()) == int(outcome.state.account[v.REALISED])
    assert sum(fills.fee.tolist()) == int(outcome.state.account[v.FEES])
    assert trades.trade.tolist() == fills.trade[sold].tolist()
    assert trades.exit.tolist() == fills.price[sold].tolist()
    assert np.all(trades.mae >= np.maximum(0, (trades.entry - fills.reference[sold]) / trades.entry))
    assert np.all(trades.mfe >= np.maximum(0, (fills.reference[sold] - trades.entry) / trades.entry))
    for symbol, mae, opened, closed, entry in zip(*(column.tolist() for column in (
        trades.symbol, trades.mae, trades.opened, trades.closed, trades.entry)), strict=True):  # fmt: skip
        columns = outcome.series[symbol].columns
        held = columns.low[(columns.ts >= opened) & (columns.ts < closed)]
        assert mae >= (entry - min([entry, *held.tolist()])) / entry - 1e-15


def test_without_a_stop_loss_a_trade_has_no_r_multiple(tmp_path):
    outcome = tiny(tmp_path, "risk.stop_loss_pct=null")
    assert set(trades_of(outcome, fills_of(outcome)).r) == {None}


@pytest.mark.parametrize("fields", [("ts", "symbol", "k"), ("price", "quantity", "cash")])
def test_every_column_has_a_row_for_each_fill(tmp_path, fields):
    fills = fills_of(tiny(tmp_path))
    assert {len(getattr(fills, field)) for field in fields} == {7}
