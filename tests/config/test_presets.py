"""Presets: strategies of rules that come with safla, below all that a configuration writes."""

from pathlib import Path
from typing import Any

import pytest

from safla.cli import main
from safla.config.loader import load, load_mapping
from safla.config.plan_text import plan_texts, resolved_yaml
from safla.config.presets import preset_names, preset_text
from safla.errors import ConfigError
from safla.runs import backtest


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_a_whole_strategy_that_trades(name: str) -> None:
    loaded = load_mapping({"data": {"source": "synthetic"}, "strategy": {"preset": name}})
    assert loaded.config.strategy.name == "rules"
    assert loaded.warnings == ()
    result = backtest.simulated(backtest.prepare(loaded), say=lambda text: None)
    assert int(result.state.account[10]) > 3  # trades
    assert preset_text(name).startswith("# ")


def test_what_is_written_beside_a_preset_wins_and_the_plan_does_not_name_it() -> None:
    own = {"preset": "macd_trend", "exit": "macd < 0", "indicators": {"base": {"period": 100}}}
    loaded = load_mapping({"strategy": own, "risk": {"stop_loss_pct": 0.05}})
    texts = plan_texts(loaded.config)
    assert texts["strategy.exit"] == "macd < 0"
    assert texts["strategy.indicators.base.type"] == "sma"
    assert texts["strategy.indicators.base.period"] == "100"
    assert texts["risk.stop_loss_pct"] == "0.05"
    assert "strategy.preset" not in texts
    assert loaded.origins["strategy.entry"].startswith("preset macd_trend:")


def test_the_configuration_that_a_run_keeps_does_not_depend_on_the_preset(tmp_path: Path) -> None:
    first = load_mapping({"strategy": {"preset": "supertrend"}})
    kept = tmp_path / "kept.yaml"
    kept.write_text(resolved_yaml(first))
    again = load(kept)
    assert "preset:" not in kept.read_text()
    assert plan_texts(again.config) == plan_texts(first.config)


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        ({"preset": "macd_tren"}, "strategy.preset: macd_tren is no preset; did you mean macd_trend?"),
        ({"preset": "q"}, "strategy.preset: q is no preset; there are ema_adx, macd_trend, "),
        (
            {"preset": "macd_trend", "name": "rsi"},
            'strategy.preset: a preset is a strategy of rules, and strategy.name is "rsi"; remove one of them',
        ),
        ({"preset": 3}, "strategy.preset: expected a word of at most 40 letters, digits and _.-, or null, got 3"),
    ],
)
def test_a_preset_that_is_none_or_does_not_fit_is_told(strategy: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_mapping({"strategy": strategy})
    assert text in str(raised.value)


def test_the_presets_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "presets"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == preset_names()
    assert main(["schema", "presets", "supertrend"]) == 0
    assert capsys.readouterr().out == preset_text("supertrend")
    assert main(["schema", "presets", "supertrnd"]) == 2
    assert "did you mean supertrend?" in capsys.readouterr().err


@pytest.mark.parametrize("name", preset_names())
def test_init_writes_a_preset_out_as_a_configuration_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "own.yaml"
    assert main(["init", str(path), "--preset", name]) == 0
    own, preset = load(path).config, load_mapping({"strategy": {"preset": name}}).config
    assert own.strategy.model_copy(update={"preset": name}) == preset.strategy
    assert own.risk == preset.risk
    capsys.readouterr()
    assert main(["init", str(tmp_path / "other.yaml"), "--preset", "turtles"]) == 2
    assert "there are ema_adx, macd_trend" in capsys.readouterr().err
    assert main(["init", "--preset", name, "--strategy", "mine"]) == 2
