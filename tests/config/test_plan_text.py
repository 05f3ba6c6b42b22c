"""A configuration is written as text and read back: the plan (J15) and the resolved YAML."""

import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safla.config.loader import load, load_mapping
from safla.config.plan_text import from_plan_texts, plan_texts, resolved_yaml
from safla.config.types import plain
from safla.errors import ConfigError

SEED = Path(__file__).with_name("seed-config.yaml")


def decimals(least: str, most: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(least), Decimal(most), places=places, allow_nan=False, allow_infinity=False)


SHARES = decimals("0.000001", "0.999999", 6)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["backtest", "paper"]),
        "system": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["a", "My run: 5", "0.5", "null", "true", "1e5", "x # y"]),
                "version": st.sampled_from(["1", "1.0.0", "~", "no", "'"]),
            },
        ),
        "market_data": st.fixed_dictionaries({}, optional={"timeframe": st.sampled_from(["1m", "1h", "1d"])}),
        "simulation": st.fixed_dictionaries(
            {},
            optional={
                "initial_balance_usd": decimals("0.01", "999999999", 2),
                "commission_rate": decimals("0", "0.05", 6),
                "maker_commission_rate": st.none() | decimals("0", "0.05", 6),
            },
        ),
        "strategy": st.fixed_dictionaries(
            {},
            optional={
                "slow_period": st.integers(11, 5000),
                "entry_threshold_pct": decimals("0", "1", 6),
                "confirm_within_candles": st.integers(0, 100),
                "position_size_pct": SHARES,
                "equity_share_pct": st.none() | SHARES,
                "risk_per_trade_pct": st.none() | SHARES,
            },
        ),
        "risk": st.fixed_dictionaries(
            {},
            optional={
                "stop_loss_pct": SHARES,
                "take_profit_pct": st.none() | decimals("0.000001", "100", 6),
                "target_steps": st.lists(decimals("-0.99", "100", 6), max_size=3).map(
                    lambda gains: tuple({"after_candles": 1 + n, "gain_pct": gain} for n, gain in enumerate(gains))
                ),
                "max_candles_held": st.none() | st.integers(1, 100_000),
                "max_daily_trades": st.none() | st.integers(1, 10**9),
                "on_halt": st.sampled_from(["flatten", "block_entries"]),
            },
        ),
        "execution": st.fixed_dictionaries({}, optional={"target_price_improvement": st.booleans()}),
        "data": st.fixed_dictionaries(
            {},
            optional={
                "start": st.integers(10**11, 4 * 10**12),
                "columns": st.just(dict.fromkeys(("ts", "open", "high", "low", "close", "volume"), 3)),
            },
        ),
        "markets": st.just({"BTC/USDT": {"tick": Decimal("0.01"), "price_decimals": 2}}),
    },
)


@settings(max_examples=60, deadline=None)
@given(CONFIGS)
def test_the_plan_as_text_is_read_back_unchanged(mapping: dict[str, Any]) -> None:
    loaded = load_mapping(mapping)
    config = loaded.config
    texts = plan_texts(config)
    again = from_plan_texts(
        texts,
        symbols=loaded.symbols,
        markets=config.markets,
        detail=config.journal.detail,
        timeframe=config.market_data.timeframe,
    )
    for name in ("system", "simulation", "strategy", "risk", "execution", "markets", "journal"):
        if name == "system":
            assert (again.system.name, again.system.version) == (config.system.name, config.system.version)
        else:
            assert getattr(again, name) == getattr(config, name)
    assert again.market_data.lookback_candles == config.market_data.lookback_candles
    assert plan_texts(again) == texts


@settings(max_examples=40, deadline=None)
@given(CONFIGS)
def test_the_resolved_yaml_loads_to_the_same_configuration(mapping: dict[str, Any]) -> None:
    loaded = load_mapping(mapping)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "resolved.yaml"
        file.write_text(resolved_yaml(loaded))
        assert load(file).config == loaded.config


def test_plan_texts_hold_only_the_plan_with_sorted_keys() -> None:
    loaded = load(SEED, sets=["risk.trailing_stop_pct=0.050"])
    texts = plan_texts(loaded.config)
    assert list(texts) == sorted(texts)
    assert texts["risk.trailing_stop_pct"] == "0.05"
    assert texts["simulation.maker_commission_rate"] == "null"
    assert texts["simulation.initial_balance_usd"] == "100000"
    assert texts["execution.target_price_improvement"] == "false"
    assert texts["market_data.lookback_candles"] == "100"
    apart = (
        "symbols.",
        "markets.",
        "journal.",
        "mode",
        "data.",
        "exchange.",
        "paper.",
        "logging.",
        "monitoring.",
        "storage.",
    )
    assert not [key for key in texts if key.startswith(apart)]


def test_parameters_are_in_the_plan_by_their_names() -> None:
    mapping = {
        "strategy": {
            "name": "mine",
            "parameters": {"band": 0.50, "length": 10, "whole": Decimal("7.0"), "kind": "fast"},
        }
    }
    loaded = load_mapping(mapping, strategies=["mine"])
    texts = plan_texts(loaded.config)
    parameters = {key: text for key, text in texts.items() if "parameters" in key}
    assert parameters == {
        "strategy.parameters.band": "0.5",
        "strategy.parameters.kind": "fast",
        "strategy.parameters.length": "10",
        "strategy.parameters.whole": "7",
    }


def test_a_plan_with_unknown_keys_or_invalid_values_is_an_error() -> None:
    def made(**change: str) -> object:
        texts = {
            **plan_texts(load(SEED).config),
            **{key.replace("__", "."): text for key, text in change.items()},
        }
        return from_plan_texts(texts, symbols=("BTC/USDT",), markets={}, detail="trades", timeframe="1h")

    wrong = {
        "mode": "paper",
        "foo": "1",
        "risk__stop_loss_pct": "2",
        "market_data__timeframe": "1d",
        "risk__on_halt": "x",
    }
    for key, text in wrong.items():
        with pytest.raises(ConfigError, match=f"plan: {key.replace('__', '.')}: "):
            made(**{key: text})


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.10", "0.1"), ("1E+2", "100"), ("0E-8", "0"), ("-0.0", "0"), ("1E-8", "0.00000001"), ("10", "10")],
)
def test_a_decimal_has_exactly_one_spelling(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_the_resolved_yaml_names_the_origin_of_each_value() -> None:
    text = resolved_yaml(load(SEED, sets=["risk.stop_loss_pct=0.03"], environment={"SAFLA__MODE": "paper"}))
    lines = {line.split("#")[0].strip(): line.split("# ")[-1] for line in text.splitlines()}
    assert lines["stop_loss_pct: 0.03"] == "--set"
    assert lines["mode: paper"] == "SAFLA__MODE"
    assert lines["fast_period: 10"] == f"{SEED}:34"
    assert lines["detail: candles"] == "default"


def test_a_webhook_stays_out_of_the_resolved_yaml_though_it_came_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("monitoring:\n  webhook_url: https://example.org/hunter2\n")
    text = resolved_yaml(load(tmp_path / "c.yaml"))
    assert "hunter2" not in text
    assert re.search(r"webhook_url: null +# .*c\.yaml:2, kept out of this file\n", text)


def test_a_webhook_from_the_environment_stays_out_of_the_resolved_yaml() -> None:
    outside = load(None, environment={"SAFLA__MONITORING__WEBHOOK_URL": "https://example.org/hunter2"})
    assert "hunter2" not in resolved_yaml(outside)
    assert "SAFLA__MONITORING__WEBHOOK_URL, kept out of this file" in resolved_yaml(outside)


@pytest.mark.parametrize(
    ("strategy", "size"),
    [
        ("max_position_size_usd: 10000", "9000 at most, commission included (confidence is 0.9 at most)"),
        ("position_size_pct: 0.25", "2250 at most, commission included (confidence is 0.9 at most)"),
        ("name: rsi", "10000 at most, commission included (confidence is 1 at most)"),
        ("equity_share_pct: 0.2", "18 % of the equity at most, commission included (confidence is 0.9 at most)"),
        (
            "risk_per_trade_pct: 0.01",
            "so much that its stop loses 0.9 % of the equity at most, commissions included (confidence is 0.9 at most)",
        ),
        (
            "{name: rsi, risk_per_trade_pct: 0.01, max_position_size_usd: 5000}",
            (
                "5000 at most, commission included, and so much that its stop loses 1 % of the equity at most, "
                "commissions included (confidence is 1 at most)"
            ),
        ),
        (
            "{name: rsi, equity_share_pct: 0.125, max_position_size_usd: 5000}",
            "12.5 % of the equity and 5000 at most, commission included (confidence is 1 at most)",
        ),
    ],
)
def test_the_resolved_file_says_how_an_entry_is_sized(tmp_path, strategy, size):
    (tmp_path / "c.yaml").write_text(f"strategy: {{{strategy.strip('{}')}}}\n")
    line = next(one for one in resolved_yaml(load(tmp_path / "c.yaml")).splitlines() if "max_position_size_usd" in one)
    assert line.endswith(f"; an entry spends {size}")
