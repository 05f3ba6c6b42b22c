"""The configuration models: defaults, strictness, and defaults that depend on other keys (Z4, S16, J8)."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from safla.config.model import Config
from safla.config.types import milliseconds
from safla.core.candles import iso
from safla.core.timeframes import TIMEFRAMES, Timeframe
from safla.strategies.register import STRATEGIES, GivenDistances


def test_the_timeframes_match_those_of_the_core() -> None:
    assert set(get_args(Timeframe)) == set(TIMEFRAMES)


def test_an_empty_configuration_has_all_defaults() -> None:
    config = Config.model_validate({})
    assert (config.mode, config.symbols.primary, config.journal.detail) == ("backtest", ("BTC/USDT",), "decisions")
    assert config.market_data.lookback_candles == 100


@pytest.mark.parametrize(("slow", "confirm", "lookback"), [(30, 0, 100), (99, 0, 100), (100, 0, 101), (99, 2, 102)])
def test_the_lookback_is_at_least_the_warm_up(slow: int, confirm: int, lookback: int) -> None:
    config = Config.model_validate({"strategy": {"slow_period": slow, "confirm_within_candles": confirm}})
    assert config.market_data.lookback_candles == lookback


@pytest.mark.parametrize(
    ("strategy", "largest"),
    [
        ({}, Decimal(10000)),
        ({"equity_share_pct": Decimal("0.2")}, None),
        ({"equity_share_pct": Decimal("0.2"), "max_position_size_usd": Decimal(5000)}, Decimal(5000)),
        ({"equity_share_pct": None}, Decimal(10000)),
        ({"risk_per_trade_pct": Decimal("0.01")}, None),
    ],
)
def test_a_size_by_the_equity_leaves_out_the_default_of_the_largest_position(
    strategy: dict[str, Any], largest: Decimal | None
) -> None:
    assert Config.model_validate({"strategy": strategy}).strategy.max_position_size_usd == largest


def test_the_detail_of_paper_mode_is_candles_unless_it_is_set() -> None:
    assert Config.model_validate({"mode": "paper"}).journal.detail == "candles"
    assert Config.model_validate({"journal": {"detail": "trades"}}).journal.detail == "trades"


def test_a_configuration_is_immutable() -> None:
    with pytest.raises(ValidationError):
        Config().risk.cooldown_candles = 5  # type: ignore[misc]


def test_no_value_is_converted_and_no_input_is_shown_in_errors() -> None:
    for wrong in (
        {"risk": {"max_open_positions": "hunter2"}},
        {"risk": {"cooldown_candles": True}},
        {"hunter2": "hunter2x"},
    ):
        with pytest.raises(ValidationError) as error:
            Config.model_validate(wrong)
        assert "hunter2x" not in str(error.value)
        assert "input_value" not in str(error.value)


def test_rules_between_keys_apply_to_configurations_made_in_python() -> None:
    with pytest.raises(ValidationError, match=r"fast_period, strategy\.slow_period: expected an integer < slow_period"):
        Config.model_validate({"strategy": {"fast_period": 40}})


def test_exposure_and_position_size_of_one_are_legal() -> None:
    from decimal import Decimal

    config = Config.model_validate(
        {"risk": {"max_portfolio_exposure_pct": 1}, "strategy": {"position_size_pct": Decimal(1)}}
    )
    assert config.risk.max_portfolio_exposure_pct == config.strategy.position_size_pct == 1


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01", 0),
        ("2024-01-01", 1_704_067_200_000),
        ("2024-01-01T01:00", 1_704_070_800_000),
        ("2024-01-01 01:00:00Z", 1_704_070_800_000),
        ("2024-01-01T01:00:00+01:00", 1_704_067_200_000),
        ("2024-01-01T00:00:00.5", 1_704_067_200_500),
        ("1704067200000", 1_704_067_200_000),
        (1_704_067_200_000, 1_704_067_200_000),
    ],
)
def test_a_date_is_utc_unless_it_names_a_time_zone(text: object, ms: int) -> None:
    assert milliseconds(text) == ms
    assert milliseconds(iso(ms)) == ms


@pytest.mark.parametrize(
    "text", ["2024", 2024, "20240101", "2024-W01", "2024-13-01", "01.02.2024", "now", "2024-01-01T25:00"]
)
def test_an_invalid_date_is_rejected_and_not_guessed(text: object) -> None:
    with pytest.raises(ValueError, match=r"date|month|day|hour|range"):
        milliseconds(text)


def with_distances(monkeypatch: pytest.MonkeyPatch, *, trail: bool = False) -> None:
    """Let rsi give the distances of stop and target, or of the trail (S30)."""
    given = GivenDistances(stop=not trail, target=not trail, trail=trail)
    monkeypatch.setitem(STRATEGIES, "rsi", STRATEGIES["rsi"]._replace(distances=lambda parameters: given))


def test_a_distance_of_the_strategy_leaves_out_the_default_of_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    with_distances(monkeypatch)
    risk = Config.model_validate({"strategy": {"name": "rsi"}}).risk
    assert (risk.stop_loss_pct, risk.take_profit_pct) == (None, None)
    with_distances(monkeypatch, trail=True)
    risk = Config.model_validate({"strategy": {"name": "rsi"}}).risk
    assert (risk.stop_loss_pct, risk.take_profit_pct) == (Decimal("0.02"), Decimal("0.05"))


def test_a_distance_and_its_share_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    with_distances(monkeypatch)
    with pytest.raises(ValidationError, match=r"risk.stop_loss_pct, strategy.stop_distance: rsi gives"):
        Config.model_validate({"strategy": {"name": "rsi"}, "risk": {"stop_loss_pct": Decimal("0.01")}})


def test_a_size_by_risk_takes_the_stop_that_the_strategy_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    sized = {"strategy": {"name": "rsi", "risk_per_trade_pct": Decimal("0.01")}, "risk": {"stop_loss_pct": None}}
    with pytest.raises(ValidationError, match="needs a stop"):
        Config.model_validate(sized)
    with_distances(monkeypatch)
    assert Config.model_validate(sized).strategy.max_position_size_usd is None
