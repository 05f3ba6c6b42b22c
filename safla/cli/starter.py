"""The texts that `safla init` writes: a configuration, and a strategy of one's own with its configuration and test."""

_CONFIGURATION = """\
# A run of safla. Percentages are fractions: 0.02 is 2 %. Every key can be left out.
# `safla validate FILE --resolved` shows every key and default, `safla schema --write DIR` describes them all.
system:
  name: {name:<27}# shown in reports and in the journal
  random_seed: 42                  # the only source of chance
symbols:
  primary: [BTC/USDT]              # traded, in this order; one quote currency
  test: [ETH/USDT]                 # used instead with --symbols test
market_data:
  timeframe: 1h                    # 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d
data:
  source: synthetic                # made up, trends built in; real ones: exchange, file, vision
  # path: data/{{symbol}}-{{timeframe}}.csv    # for file and vision; relative to this file
  # time_zone: UTC                 # of dates in files that name none
  # start: 2024-01-01              # UTC; the end is exclusive
  # end: 2025-01-01
  synthetic:
    candles: 8760                  # a year of hours
simulation:
  initial_balance_usd: 100000      # in the quote currency
  commission_rate: 0.001           # of the notional: 0.1 %
  slippage:
    base_bps: 2                    # 1/10 000, against us
    impact_coefficient: 0.1        # times our share of the last volume
    max_slippage_bps: 50
{strategy}risk:
  stop_loss_pct: 0.02              # below the fill price; null: none
  take_profit_pct: 0.05            # above the fill price; null: none
  trailing_stop_pct: null          # below the highest price since the fill
  max_open_positions: 3
  max_portfolio_exposure_pct: 0.6  # of equity
  max_daily_loss_pct: 0.05         # halts until the next UTC day; null: never
  max_drawdown_pct: 0.1            # halts until `safla resume`; null: never
  max_daily_trades: 10
"""

_CROSSOVER = """\
strategy:
  name: sma_crossover
  fast_period: 10                  # candles
  slow_period: 30                  # candles
  entry_threshold_pct: 0.001       # how far the averages must be apart
  exit_threshold_pct: 0.0005
  max_position_size_usd: 10000     # quote currency; an entry spends 0.9 of it at most, commission included
"""

_OWN = """\
strategy:
  name: {name}
  file: {name}.py{pad}# its code, which runs once this folder is trusted: safla trust FOLDER
  parameters:                      # a number or a word each, for the code
    candles: 20
  max_position_size_usd: 10000     # quote currency; an entry spends 0.9 of it at most, commission included
"""

_CODE = """\
\"""A strategy: it enters above the highest high of some candles, and exits below their lowest low.

safla run {name}.yaml
\"""

from collections import deque


class Strategy:
    \"""One object for each symbol, asked about every closed candle once, in order, in history as in paper trading.\"""

    @staticmethod
    def warm_up(parameters):
        \"""How many candles it needs before its first signal.\"""
        return parameters["candles"] + 1

    def __init__(self, parameters, market):
        self.highs = deque(maxlen=parameters["candles"])
        self.lows = deque(maxlen=parameters["candles"])

    def on_candle(self, candle):
        \"""1 enters, -1 exits, 0 does nothing. safla.Answer(1, strength=0.5) would say how strong the signal is.\"""
        signal = 0
        if len(self.highs) == self.highs.maxlen:
            signal = (candle.close > max(self.highs)) - (candle.close < min(self.lows))
        self.highs.append(candle.high)
        self.lows.append(candle.low)
        return signal
"""

_TEST = """\
\"""Tests of {name}.py: python -m pytest test_{name}.py\"""

from pathlib import Path
from types import SimpleNamespace

import safla

from {name} import Strategy

CONFIG = Path(__file__).with_name("{name}.yaml")


def answers(closes):
    \"""What the strategy answers for candles of these closes.\"""
    strategy = Strategy({{"candles": 3}}, None)
    return [strategy.on_candle(SimpleNamespace(close=close, high=close + 1, low=close - 1)) for close in closes]


def test_it_enters_above_the_highest_high_and_exits_below_the_lowest_low():
    assert answers([10, 11, 12, 13, 13.5, 15, 9]) == [0, 0, 0, 0, 0, 1, -1]


def test_a_run_trades_and_its_replay_decides_the_same(tmp_path):
    result = safla.run(CONFIG, strategies={{"{name}": Strategy}}, out=tmp_path / "run")
    assert result.summary["trades"] > 0
    assert safla.replay(result.folder, strategies={{"{name}": Strategy}}).holds
"""

STARTER = _CONFIGURATION.format(name="first-run", strategy=_CROSSOVER)


def strategy_files(name: str) -> dict[str, str]:
    """The files of a strategy with this name, by their names: configuration, code and test."""
    own = _OWN.format(name=name, pad=" " * max(1, 24 - len(name)))
    return {
        f"{name}.yaml": _CONFIGURATION.format(name=name, strategy=own),
        f"{name}.py": _CODE.format(name=name),
        f"test_{name}.py": _TEST.format(name=name),
    }


# What stands before the text of a preset.
PRESET_HEAD = """\
# A run of safla on synthetic candles. `safla validate FILE --resolved` shows every key and default.
symbols:
  primary: [BTC/USDT]
market_data:
  timeframe: 1h
data:
  source: synthetic                # made up, trends built in; real ones: exchange, file, vision
  synthetic:
    candles: 8760                  # a year of hours
"""
