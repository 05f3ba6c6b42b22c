"""Runs of a strategy of rules: paper, backtest and replay give the same bytes, cut anywhere and begun again."""

from pathlib import Path
from typing import Any

import pytest

from safla.config.loader import load, load_mapping
from safla.config.plan_text import resolved_yaml
from safla.journal import reader
from safla.journal.events import OrderPlaced
from safla.report.breakdown import limits_off
from safla.runs import backtest, replay, what_if
from safla.runs.engine_choice import choose
from safla.runs.result import simulate_plan
from tests.paper.paper_runs import SMALL, backtest_journal, run_paper
from tests.small_runs import journal

CROSS = {
    "name": "rules",
    "indicators": {"fast": {"type": "sma", "period": 3}, "slow": {"type": "ema", "period": 8}},
    "entry": "fast crosses above slow",
    "exit": {"any": ["fast crosses below slow", "close > 1.03 * slow"]},
    "strength": "100 * (fast - slow) / slow",
    "warm_up": 9,
}
DISTANCES = {
    "name": "rules",
    "parameters": {"risky": 1.5},
    "indicators": {
        "range": {"type": "atr", "period": 5},
        "half": {"type": "highest", "period": 2, "timeframe": "4h"},
    },
    "entry": "close > half 1 candle ago",
    "stop_distance": "risky * range",
    "trail_distance": "3 * range",
    "risk_per_trade_pct": 0.01,
    "warm_up": 16,
}


def config(strategy: dict[str, Any], **risk: Any) -> dict[str, Any]:
    market_data = {**SMALL["market_data"], "lookback_candles": 16}
    return {**SMALL, "market_data": market_data, "strategy": strategy, "risk": {**SMALL["risk"], **risk}}


CONFIGURATIONS = {
    "cross": config(CROSS),
    "distances": config(DISTANCES, trailing_stop_pct=None, max_candles_held=20),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_paper_backtest_and_replay_of_rules_are_the_same_bytes(tmp_path: Path, name: str) -> None:
    asked = CONFIGURATIONS[name]
    run_paper(tmp_path / "paper", config=asked)
    assert journal(tmp_path / "paper") == backtest_journal(tmp_path / "backtest", config=asked)
    placed = [line.event for line in reader.read(tmp_path / "paper") if isinstance(line.event, OrderPlaced)]
    assert len(placed) > 5
    found = replay.replay_run(tmp_path / "paper", books_only=False, engine="auto", say=lambda text: None)
    assert found.decisions is not None
    assert found.decisions.difference is None
    assert found.books.differences == ()


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_paper_run_of_rules_that_was_cut_anywhere_goes_on_to_the_same_bytes(
    tmp_path: Path, name: str, chance: Any
) -> None:
    asked = CONFIGURATIONS[name]
    run_paper(tmp_path, config=asked)
    full = journal(tmp_path)
    for size in sorted(chance.randrange(3_000, len(full)) for _ in range(4)):
        (tmp_path / "journal.jsonl").write_bytes(full[:size])
        (tmp_path / "head").unlink(missing_ok=True)
        run_paper(tmp_path, config=asked)
        assert journal(tmp_path) == full, size


def test_the_compiled_and_the_interpreted_run_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "data: {source: synthetic, synthetic: {candles: 3000}}\n"
        "strategy:\n  name: rules\n  indicators:\n    rsi: {type: rsi}\n"
        "    day: {type: sma, period: 5, timeframe: 1d}\n"
        "  entry: rsi crosses above 40 and close > day\n  exit: rsi > 60\n"
    )
    prepared = backtest.prepare(load(path))
    results = [
        simulate_plan(
            prepared.run, prepared.series,
            forms=choose(engine, prepared.run.strategy, candles=1, say=lambda text: None),
        )
        for engine in ("interpreted", "auto")
    ]  # fmt: skip
    assert results[0].rows.tobytes() == results[1].rows.tobytes()
    assert len(results[0].rows) > 50


def test_the_configuration_that_a_run_keeps_is_the_same_strategy(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "data: {source: synthetic}\nstrategy:\n  name: rules\n  parameters: {level: 100}\n"
        "  indicators: {x: {type: bollinger, period: 7, deviations: 1.5, sample: true}}\n"
        "  entry: {all: [close > x.upper, {none: [close > level, volume < 2]}]}\n  exit: close < x.middle\n"
        "  strength: close / x.middle\n  stop_distance: 2 * (x.upper - x.lower)\n"
    )
    first = load(path)
    kept = tmp_path / "kept.yaml"
    kept.write_text(resolved_yaml(first))
    again = load(kept)
    assert again.config.strategy == first.config.strategy
    assert "fast_period" not in kept.read_text()
    assert first.config.risk.stop_loss_pct is None


def test_a_stop_that_the_strategy_gives_is_no_limit_that_is_off() -> None:
    rules = backtest.prepare(load_mapping(CONFIGURATIONS["distances"], sets=["mode=backtest"])).run.plan.rules
    assert limits_off(rules) == []
    assert limits_off(rules._replace(stop_distance=0)) == ["stop_loss"]


def test_a_what_if_over_a_parameter_of_rules_decides_otherwise(tmp_path: Path) -> None:
    asked = {**SMALL, "strategy": {
        "name": "rules", "parameters": {"length": 3}, "indicators": {"fast": {"type": "sma", "period": "length"}},
        "entry": "close crosses above fast", "exit": "close crosses below fast", "warm_up": 9,
    }}  # fmt: skip
    backtest_journal(tmp_path, config=asked)
    found = what_if.what_if(tmp_path, ["strategy.parameters.length=8"], engine="auto", say=lambda text: None)
    assert found.was != found.would_be
