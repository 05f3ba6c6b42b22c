"""Synthetic candles as a CSV file, a configuration that names it, and strategies: one is fine, the others are not."""

from decimal import Decimal
from pathlib import Path

import numpy as np

from safla.api.configuration import load_config
from safla.config.plan import price_limit
from safla.core.candles import Series
from safla.data import source

FIRST = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000

CONFIG = """\
data: {source: csv, path: candles.csv}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
risk: {max_drawdown_pct: 0.5}
"""
UNREACHABLE = {
    "exchange": {"rest_url": "http://127.0.0.1:1", "retry_attempts": 0},
    "storage": {"cache_directory": "no-store"},
}


def write(folder: Path, *, candles: int = 400, config: str = CONFIG) -> Path:
    """config.yaml and candles.csv in a folder: hours of a random walk from 2024 on. Returns the configuration."""
    walk = {"source": "synthetic", "synthetic": {"candles": candles, "start": "2024-01-01"}}
    series = read({"data": walk, "system": {"random_seed": 7}})
    lines = ["timestamp,open,high,low,close,volume"]
    for ts, *numbers in zip(*(column.tolist() for column in series.columns), strict=True):
        decimals = [series.price_decimals] * 4 + [series.volume_decimals]
        texts = [str(Decimal(one).scaleb(-places)) for one, places in zip(numbers, decimals, strict=True)]
        lines.append(",".join([str(ts), *texts]))
    (folder / "candles.csv").write_text("\n".join(lines) + "\n")
    (folder / "config.yaml").write_text(config)
    return folder / "config.yaml"


def read(config: object) -> Series:
    """The candles that a configuration names."""
    loaded = load_config(config)
    return source.read(loaded.config, loaded.symbols, price_limit=price_limit(loaded.config)).series[0]


class Breakout:
    """Enters where the close is above that of `candles` before, leaves where it falls below."""

    def warm_up(self, parameters):
        return int(parameters.get("candles", 3)) + 2

    def __call__(self, candles, parameters):
        apart = int(parameters.get("candles", 3)) + 1
        close = candles.close
        signal = np.zeros(len(close), np.int8)
        signal[apart:] = np.sign(close[apart:] - close[:-apart]) * (close[apart:] != close[apart - 1 : -1])
        return signal, np.abs(signal) * 0.01


class Raising(Breakout):
    """Divides by nothing."""

    def __call__(self, candles, parameters):
        raise ZeroDivisionError("no volume")


class Seeing(Breakout):
    """Enters before the close rises."""

    def __call__(self, candles, parameters):
        close = candles.close
        signal = np.zeros(len(close), np.int8)
        signal[:-1] = np.sign(close[1:] - close[:-1])
        return signal, np.abs(signal) * 0.01


def carrying(warm_up):
    """A function with a warm_up of its own."""

    def function(candles, parameters):
        return Breakout()(candles, parameters)

    function.warm_up = warm_up
    return function
