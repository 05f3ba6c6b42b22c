"""RiskManager gives the sizes, rejections and exit levels of the core as floats."""

from datetime import UTC, datetime

import pytest

import safla
from tests.compat.test_strategy import FREE, signals

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def signal(word="BUY", price=100.0, quantity=1.0, confidence=0.9, volume=1e9):
    return safla.Signal(word, price, quantity, confidence, NOW, "golden_cross", "BTC/USDT", volume)


@pytest.mark.parametrize(
    ("given", "balance", "config", "answer"),
    [
        (signal("HOLD"), 100_000, {}, (False, "no_signal", 0.0)),
        (signal("SELL", quantity=2.5), 0, {}, (True, "allowed", 2.5)),
        (signal(), 0, {"risk": {"max_drawdown_pct": None}}, (False, "max_exposure", 0.0)),
        (signal(confidence=0.0), 100_000, {}, (False, "insufficient_cash", 0.0)),
        (signal(), 90_000, {}, (False, "halted", 0.0)),
        (signal(price=1e9), 100_000, {"markets": {"BTC/USDT": {"lot": 1}}}, (False, "below_lot", 0.0)),
        (signal(), 100_000, {"markets": {"BTC/USDT": {"min_notional": 20_000}}}, (False, "below_min_notional", 0.0)),
    ],
)  # fmt: skip
def test_a_signal_is_allowed_or_rejected_with_a_reason(given, balance, config, answer):
    assert safla.RiskManager(100_000, config).check_trade_risk(given, balance) == answer


def test_with_an_equal_balance_the_quantity_of_the_signal_can_be_bought():
    bought = signals([100.25, 100.75, 90.25, 110.75])[-1]
    check = safla.RiskManager(100_000, FREE).check_trade_risk(bought, 100_000)
    assert check == (True, "allowed", bought.quantity)
    assert bought.quantity > 0


def test_a_smaller_balance_never_buys_more():
    quantities = [
        safla.RiskManager(100_000, FREE).check_trade_risk(signal(), balance).max_quantity
        for balance in (100_000, 95_000, 91_000)
    ]
    assert quantities == sorted(quantities, reverse=True)
    small = [safla.RiskManager(one, FREE).check_trade_risk(signal(), one).max_quantity for one in (100, 200)]
    assert 0 < small[0] < 0.6
    assert small[0] < small[1] < 1.2


def test_a_drawdown_from_the_highest_reported_balance_halts():
    risk = safla.RiskManager(100_000)
    assert risk.check_trade_risk(signal(), 120_000).allowed
    assert risk.check_trade_risk(signal(), 108_001).allowed
    assert risk.check_trade_risk(signal(), 108_000).reason == "halted"


@pytest.mark.parametrize(
    ("entry", "side", "stop", "target"),
    [
        (100.0, "long", 98.0, 105.0),
        (100.0, "short", 102.0, 95.0),
        (101, "long", 98.98, 106.05),
        (0.01, "short", 0.0102, 0.0095),
    ],
)
def test_stop_and_target_are_on_the_correct_side_of_the_entry(entry, side, stop, target):
    risk = safla.RiskManager(100_000)
    assert risk.stop_loss_price(entry, side) == stop
    assert risk.take_profit_price(entry, side) == target


def test_a_disabled_rule_has_no_level():
    risk = safla.RiskManager(1, {"risk": {"stop_loss_pct": None, "take_profit_pct": None}})
    assert risk.stop_loss_price(100) is None
    assert risk.take_profit_price(100) is None


@pytest.mark.parametrize(("sold", "quantity"), [(110.1, 0.3), (90.5, 2), (100.0, 1e6)])
def test_the_profit_of_a_short_is_the_loss_of_a_long(sold, quantity):
    risk = safla.RiskManager(100_000)
    assert risk.position_profit(100.0, sold, quantity) == -risk.position_profit(100.0, sold, quantity, "short")
    assert risk.position_profit(100.0, 110.1, 0.3) == 3.03


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: safla.RiskManager(0), "initial_balance: expected an amount > 0, got 0"),
        (lambda: safla.RiskManager(-5), "initial_balance: .* got -5"),
        (lambda: safla.RiskManager(float("inf")), "initial_balance: .* got inf"),
        (lambda: safla.RiskManager(1).check_trade_risk(signal(), float("nan")), "^balance: .* got nan"),
        (lambda: safla.RiskManager(1).check_trade_risk(signal(price=-1.0), 1), "^price: .* got -1.0"),
        (lambda: safla.RiskManager(1).stop_loss_price(0), "entry_price: .* got 0"),
        (lambda: safla.RiskManager(1).stop_loss_price(1, "sideways"), "side: expected long or short"),
    ],
)
def test_an_invalid_amount_is_rejected_with_its_name(call, said):
    with pytest.raises(safla.UsageError, match=said):
        call()
