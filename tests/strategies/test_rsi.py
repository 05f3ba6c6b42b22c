"""RSI with simple sums is checked against fractions, by the window that ends at a signal, and in a run."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.config.loader import load_mapping
from safla.core.values import Columns
from safla.errors import ConfigError
from safla.strategies.register import STRATEGIES
from safla.strategies.rsi import Rsi, RsiSection, resolve, warm_up
from tests.small_runs import journal, run, small

CLOSES = st.lists(st.integers(95, 105), max_size=60)  # few values, so that levels are met exactly
rsi = STRATEGIES["rsi"].columns
PARAMETERS = st.builds(Rsi, st.integers(2, 6), st.integers(1, 50), st.integers(51, 99))


def columns(closes: list[int]) -> Columns:
    close = np.array(closes, np.int64)
    return Columns(np.arange(len(close), dtype=np.int64), *(close.copy() for _ in range(5)))


def by_the_letter(closes: list[int], parameters: Rsi) -> list[int]:
    """The signals by the definition, in fractions."""
    changes = [after - before for before, after in pairwise(closes)]
    values: list[Fraction | None] = [None] * len(closes)
    for i in range(parameters.period, len(closes)):
        window = changes[i - parameters.period : i]
        gains, losses = sum(max(one, 0) for one in window), sum(max(-one, 0) for one in window)
        values[i] = Fraction(100 * gains, gains + losses) if gains + losses else Fraction(50)
    signals = [0] * len(closes)
    for i, (before, now) in enumerate(pairwise(values), start=1):
        if before is not None and now is not None:
            if before < parameters.oversold <= now:
                signals[i] = 1
            elif before < parameters.overbought <= now:
                signals[i] = -1
    return signals


@given(CLOSES, PARAMETERS)
def test_signals_match_the_definition_in_fractions(closes: list[int], parameters: Rsi) -> None:
    signal, strength = rsi(columns(closes), parameters)
    assert signal.tolist() == by_the_letter(closes, parameters)
    assert strength.tolist() == [float(one != 0) for one in signal]


@given(CLOSES, PARAMETERS)
def test_a_signal_depends_only_on_the_window_that_ends_at_it(closes: list[int], parameters: Rsi) -> None:
    candles, needed = columns(closes), warm_up(parameters)
    signal, _ = rsi(candles, parameters)
    for end in range(needed, len(closes) + 1):
        assert rsi(Columns(*(column[end - needed : end] for column in candles)), parameters)[0][-1] == signal[end - 1]


def test_the_keys_become_integer_parameters() -> None:
    assert resolve(RsiSection(period=9, oversold=20)) == Rsi(9, 20, 70)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"period": 1}, "strategy.parameters.period: expected an integer from 2 to 5000, got 1"),
        ({"oversold": "low"}, "strategy.parameters.oversold: expected an integer from 1 to 99, got low"),
        (
            {"periods": 9},
            "strategy.parameters.periods: unknown parameter of rsi; known here: period, oversold, overbought",
        ),
        ({"oversold": 80}, "strategy.parameters.oversold: expected an integer < overbought (70), got 80"),
    ],
)
def test_an_invalid_value_is_reported_at_its_key(parameters: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=r"strategy\.parameters") as failed:
        load_mapping({"strategy": {"name": "rsi", "parameters": parameters}})
    assert said in str(failed.value)


def test_a_lookback_shorter_than_the_warm_up_is_reported() -> None:
    config = {"strategy": {"name": "rsi", "parameters": {"period": 200}}, "market_data": {"lookback_candles": 150}}
    with pytest.raises(ConfigError, match="at least 202 candles, the warm-up of rsi, got 150"):
        load_mapping(config)
    del config["market_data"]
    assert load_mapping(config).config.market_data.lookback_candles == 202


def test_a_run_trades_by_rsi_and_its_plan_names_every_parameter(tmp_path: Path) -> None:
    sets = ("strategy.name=rsi", "strategy.parameters={period: 9}", "market_data.lookback_candles=11")
    ended = run(small(tmp_path, *sets), tmp_path / "run")
    first = journal(tmp_path / "run").splitlines()[0]
    assert b'"strategy.parameters.overbought":"70"' in first
    assert b'"strategy.parameters.period":"9"' in first
    assert int(ended.outcome.state.account[0]) >= 0
    assert b'"type":"trade_closed"' in journal(tmp_path / "run")
