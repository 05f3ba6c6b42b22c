"""The snapshot of a run has exactly the values of the state, and undefined values are null."""

from decimal import Decimal

import numpy as np
import pytest

from safla.core import values as v
from safla.core.account import new_state
from safla.core.machine import HALTED, LONG, MODES
from safla.core.values import State
from safla.observe.snapshot import AccountHalt, Position, Waiting, account_snapshot
from safla.runs.interrupt import Flag
from safla.runs.replay_watch import ReplayPace, watch_replay
from tests.small_runs import run, small

HOUR = 3_600_000
TS = 1_704_067_200_000


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    return run(small(folder), folder / "run").outcome.run


@pytest.fixture
def state(plan):
    """The state before any event."""
    return new_state(plan.balance, 2)


def put(row, **columns):
    """Sets columns by their names in values.py, so that a test is easy to read."""
    for name, value in columns.items():
        row[getattr(v, name)] = value


def test_before_the_first_candle_the_snapshot_has_cash_and_no_time(plan, state):
    account = account_snapshot(plan, state)
    assert (account.ts, account.closed) == (None, None)
    assert account.cash == account.equity == account.peak == "100000.0000000"
    assert (account.drawdown, account.day_loss, account.day_profit) == ("0.000000", "0.000000", "0.0000000")
    assert [(one.mode, one.ts, one.close, one.position, one.waiting) for one in account.symbols] == [
        ("idle", None, None, None, None)
    ] * 2


def test_the_account_is_shown_with_its_limits(plan, state):
    put(
        state.account, CASH=5 * 10**11, EQUITY=98 * 10**10, PEAK=10**12, DAY_START=99 * 10**10, DAY_ENTRIES=3,
        POSITIONS=1, TRADES=7, REALISED=-123, FEES=45, LAST_TS=TS,
    )  # fmt: skip
    account = account_snapshot(plan, state)
    assert (account.ts, account.closed) == (TS, TS + HOUR)
    assert (account.drawdown, account.drawdown_limit) == ("0.020000", "0.020000")
    assert (account.day_loss, account.day_loss_limit) == ("0.010101", "0.002000")
    assert (account.day_profit, account.realised, account.fees) == ("-1000.0000000", "-0.0000123", "0.0000045")
    assert (account.day_entries, account.day_entries_limit, account.trades_closed) == (3, 10, 6)


def test_a_gain_of_the_day_is_not_a_daily_loss(plan, state):
    put(state.account, EQUITY=101 * 10**10, PEAK=101 * 10**10, DAY_START=10**12)
    account = account_snapshot(plan, state)
    assert (account.day_profit, account.day_loss, account.drawdown) == ("1000.0000000", "0.000000", "0.000000")


def test_a_share_of_zero_is_null(plan, state):
    put(state.account, EQUITY=0, PEAK=0, DAY_START=0)
    account = account_snapshot(plan, state)
    assert (account.drawdown, account.day_loss) == (None, None)


def test_a_limit_that_is_not_set_is_null(plan, state):
    rules = plan.plan.rules._replace(max_drawdown_ppm=0, max_daily_loss_ppm=0, max_daily_trades=0)
    account = account_snapshot(plan._replace(plan=plan.plan._replace(rules=rules)), state)
    assert (account.drawdown_limit, account.day_loss_limit, account.day_entries_limit) == (None, None, None)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((95, 90, 110), ("95.00", "stop_loss", "110.00")),
        ((95, 96, 110), ("96.00", "trailing_stop", "110.00")),
        ((95, 95, 0), ("95.00", "stop_loss", None)),
        ((0, 91, 110), ("91.00", "trailing_stop", "110.00")),
        ((0, 0, 0), (None, None, None)),
    ],
)
def test_the_stop_in_force_is_the_higher_stop_and_is_named(plan, state, levels, expected):
    stop, trail, target = (100 * level for level in levels)
    put(state.book[0], QUANTITY=1, ENTRY=10_000, CLOSE=10_000, STOP_LEVEL=stop, TRAIL_LEVEL=trail, TARGET_LEVEL=target)
    held = account_snapshot(plan, state).symbols[0].position
    assert (held.stop, held.stop_is, held.target) == expected


def test_a_stop_at_break_even_is_named(plan, state):
    put(state.book[0], QUANTITY=1, ENTRY=10_000, CLOSE=10_000, STOP_LEVEL=10_000, EVEN_LEVEL=10_000, TRAIL_LEVEL=9_000)
    assert account_snapshot(plan, state).symbols[0].position.stop_is == "break_even"


def test_a_position_is_valued_exactly_and_shown_with_its_pending_order(plan, state):
    put(
        state.book[1], MODE=LONG, TS=TS, CLOSE=9_950, QUANTITY=123_456, ENTRY=10_001, OPENED=TS - HOUR, ORDER=9,
        ORDER_SIDE=v.SELL, ORDER_REASON=v.BY_SIGNAL,
    )  # fmt: skip
    symbol = account_snapshot(plan, state).symbols[1]
    assert (symbol.symbol, symbol.mode, symbol.ts, symbol.close) == ("ETH/USDT", "long", TS, "99.50")
    assert symbol.position == Position("1.23456", "100.01", TS - HOUR, None, None, None, "-0.6296256")
    assert symbol.waiting == Waiting(9, "sell", "signal")


def test_open_halts_are_shown_by_rule_and_number(plan, state):
    put(state.account, OPEN_HALTS=2)
    state.account[v.HALT_OF_RULE + v.DRAWDOWN] = 4
    state.account[v.HALT_OF_RULE + v.OPERATOR] = 2
    state.book[:, v.MODE] = HALTED
    account = account_snapshot(plan, state)
    assert account.open_halts == (AccountHalt("drawdown", 4), AccountHalt("operator", 2))
    assert {one.mode for one in account.symbols} == {"halted"}


def test_large_amounts_do_not_overflow(plan, state):
    put(state.book[0], QUANTITY=2**40, ENTRY=1, CLOSE=2**40)
    position = account_snapshot(plan, state).symbols[0].position
    assert Decimal(position.unrealised) == Decimal(2**40 * (2**40 - 1)).scaleb(-7)


def test_the_values_of_a_run_are_consistent_at_every_candle(tmp_path):
    run(small(tmp_path, "data.synthetic.candles=300"), tmp_path / "run")
    held = 0
    for seen in watch_replay(
        tmp_path / "run", ReplayPace(None, flag=Flag()), engine="interpreted", say=lambda text: None
    ):
        before = State(seen.state.account.copy(), seen.state.book.copy())
        account = account_snapshot(seen.run, seen.state)
        assert all(np.array_equal(*pair) for pair in zip(before, seen.state, strict=True))
        worth = Decimal(0)
        for one in account.symbols:
            assert one.mode in MODES
            if one.position:
                held += 1
                quantity, close = Decimal(one.position.quantity), Decimal(one.close)
                worth += quantity * close
                assert Decimal(one.position.unrealised) == quantity * (close - Decimal(one.position.entry))
        assert Decimal(account.equity) == Decimal(account.cash) + worth
        assert Decimal(account.drawdown) >= 0
        assert (account.open_halts != ()) == any(one.mode == "halted" for one in account.symbols)
    assert held > 20
