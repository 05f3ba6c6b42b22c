"""Rejections in their order with the numbers that were compared, and the losses that halt (S15, S24, J16)."""

import pytest

from safla.core import values as v
from safla.core.exits import Distances
from safla.core.machine import FLAT, HALTED, LONG, WARMING
from safla.core.risk import (
    EntryRequest,
    Rejection,
    loss_met,
    rejected_entry,
    rejected_exit,
    rejected_for_cash,
    rejected_for_size,
)
from safla.core.scale import LIMIT
from tests.core.scenario import MARKET, QUIET

NONE_GIVEN = Distances(v.NONE, v.NONE, v.NONE)
RULES = QUIET._replace(warm_up=20, settle=8, cooldown_candles=5, max_open_positions=3)
FREE = EntryRequest(mode=FLAT, quantity=0, order=0, seen=30, since_gap=30, since_loss=v.NONE, taken=0)
NOTHING = Rejection(v.NO_REASON, v.NONE, v.NONE)


@pytest.mark.parametrize(
    ("entry", "rejection"),
    [
        (FREE, NOTHING),
        (FREE._replace(mode=HALTED), Rejection(v.WHILE_HALTED, v.NONE, v.NONE)),
        (FREE._replace(mode=LONG, quantity=1), Rejection(v.ALREADY_LONG, v.NONE, v.NONE)),
        (FREE._replace(mode=WARMING, seen=7), Rejection(v.WHILE_WARMING, 7, 20)),
        (FREE._replace(mode=WARMING, seen=19, since_gap=3), Rejection(v.WHILE_WARMING, 19, 20)),
        (FREE._replace(mode=WARMING, seen=20, since_gap=3), Rejection(v.WHILE_WARMING, 3, 8)),
        (FREE._replace(mode=WARMING), Rejection(v.WHILE_WARMING, 30, 8)),  # in the lookback
        (FREE._replace(order=4), Rejection(v.ORDER_WAITING, 4, v.NONE)),
        (FREE._replace(since_loss=0), Rejection(v.COOLDOWN, 0, 5)),
        (FREE._replace(since_loss=4), Rejection(v.COOLDOWN, 4, 5)),
        (FREE._replace(since_loss=5), NOTHING),
        (FREE._replace(taken=2), NOTHING),
        (FREE._replace(taken=3), Rejection(v.MAX_OPEN_POSITIONS, 3, 3)),
        (FREE._replace(taken=4), Rejection(v.MAX_OPEN_POSITIONS, 4, 3)),
    ],
)
def test_an_enter_signal_is_rejected_with_the_numbers_that_were_compared(
    entry: EntryRequest, rejection: Rejection
) -> None:
    assert rejected_entry(RULES, entry) == rejection


def test_of_several_rejection_reasons_the_first_of_s24_is_given() -> None:
    entry = EntryRequest(mode=HALTED, quantity=1, order=1, seen=0, since_gap=0, since_loss=0, taken=9)
    reasons = []
    for better in ({"mode": WARMING}, {"quantity": 0}, {"mode": FLAT}, {"order": 0}, {"since_loss": 5}, {"taken": 0}):
        reasons.append(v.REASONS[rejected_entry(RULES, entry).reason])
        entry = entry._replace(**better)
    assert reasons == ["halted", "already_long", "warming", "order_waiting", "cooldown", "max_open_positions"]
    assert rejected_entry(RULES, entry) == NOTHING


@pytest.mark.parametrize(
    ("quantity", "order", "rejection"),
    [
        (0, 0, Rejection(v.NOT_LONG, v.NONE, v.NONE)),
        (0, 3, Rejection(v.NOT_LONG, v.NONE, v.NONE)),
        (1, 3, Rejection(v.ORDER_WAITING, 3, v.NONE)),
        (1, 0, NOTHING),
    ],
)
def test_an_exit_signal_is_rejected_without_a_position_or_with_a_pending_exit(
    quantity: int, order: int, rejection: Rejection
) -> None:
    assert rejected_exit(quantity, order) == rejection


@pytest.mark.parametrize(
    ("exposed", "allowed", "amount", "rejection"),
    [
        (59, 60, 1, NOTHING),
        (60, 60, 0, Rejection(v.MAX_EXPOSURE, 60, 60)),
        (61, 60, 0, Rejection(v.MAX_EXPOSURE, 61, 60)),
        (0, 0, 0, Rejection(v.MAX_EXPOSURE, 0, 0)),
        (59, 60, 0, Rejection(v.INSUFFICIENT_CASH, 7, v.NONE)),
    ],
)
def test_an_entry_checks_the_position_limit_before_the_cash(
    exposed: int, allowed: int, amount: int, rejection: Rejection
) -> None:
    assert rejected_for_cash(exposed, allowed, amount, 7) == rejection


@pytest.mark.parametrize(
    ("quantity", "price", "stop", "rejection"),
    [
        (0, 100, 95, Rejection(v.BELOW_LOT, 77, 3_000)),  # the budget, and the price of one lot
        (3, 100, 95, Rejection(v.BELOW_MIN_NOTIONAL, 3_000, 4_000)),
        (4, 100, 0, Rejection(v.NO_LEVEL, 0, 1)),  # a stop below one tick is none (S25a)
        (4, 100, 1, Rejection(v.BELOW_MIN_NOTIONAL, 40, 4_000)),
        (0, 100, 0, Rejection(v.BELOW_LOT, 77, 3_000)),
        (4, 100, 99, Rejection(v.BELOW_MIN_NOTIONAL, 3_960, 4_000)),
        (4, 101, 100, NOTHING),
        (4, 100, v.NONE, NOTHING),  # no stop
        (LIMIT, LIMIT, LIMIT, NOTHING),  # what would pass the limit counts as the limit
    ],
)
def test_an_entry_buys_at_least_one_lot_and_enough_to_be_sold(
    quantity: int, price: int, stop: int, rejection: Rejection
) -> None:
    market = MARKET._replace(lot=3, k=10, min_notional=4_000)
    assert rejected_for_size(market, 77, price, quantity, stop, NONE_GIVEN) == rejection


@pytest.mark.parametrize(
    ("reference", "equity", "ppm", "answer"),
    [
        (1_000_000, 990_001, 10_000, False),
        (1_000_000, 990_000, 10_000, True),
        (1_000_000, 989_999, 10_000, True),
        (100_050, 99_050, 10_000, False),  # 1000.5, rounded up
        (100_050, 99_049, 10_000, True),
        (1_000_000, 0, 0, False),
        (1_000_000, 1_000_000, 1, False),
        (1_000_000, 1_000_001, 1, False),
        (1_000_000, 0, 1_000_000, True),
        (1_000_000, 1, 1_000_000, False),
        (LIMIT, 0, 1_000_000, True),
    ],
)
def test_a_loss_limit_is_reached_at_its_share_rounded_up(reference: int, equity: int, ppm: int, answer: bool) -> None:
    assert loss_met(reference, equity, ppm) is answer
