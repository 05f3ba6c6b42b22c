"""Real hours as columns of indicators."""

from functools import cache
from pathlib import Path

import numpy as np

from tests.strategies.indicators.chains import Array, with_sources

BTC, ETH = "btcusdt-1h-2017-2025.csv.gz", "ethusdt-1h-2020-2025.csv.gz"


@cache
def hours(folder: Path, name: str) -> dict[str, Array]:
    """The columns of a file of real candles, prices in units of 0.01."""
    rows = np.loadtxt(folder / name, delimiter=",", skiprows=1)
    return with_sources(*(np.round(100 * rows[:, at]) for at in (1, 2, 3, 4)), rows[:, 5])
