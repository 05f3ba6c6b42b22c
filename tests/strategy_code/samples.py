"""Strategies as files, for tests: a breakout over some hours, and a folder with a configuration that names it."""

from pathlib import Path

ARRAY = """\
import numpy as np


class Breakout:
    warm_up = 25

    def __call__(self, candles, parameters):
        signal, hours = np.zeros(len(candles), np.int8), {hours}
        signal[hours:] = np.sign(candles.close[hours:] - candles.close[:-hours])
        return signal, np.abs(signal).astype(float)


strategy = Breakout()
"""
MINE = ARRAY.format(hours=24)
OTHER = ARRAY.format(hours=12)
CONFIG = """\
strategy: {name: mine}
data: {source: synthetic, synthetic: {candles: 600}}
"""


def put(path: Path, text: str | bytes = MINE) -> Path:
    """Write a file that nobody else can change."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)
    return path


WINDOW = MINE.replace("    warm_up = 25\n", "    warm_up = 25\n    window = 30\n")
CANDLE = """\
from collections import deque

import safla


class Strategy:
    warm_up = 25

    def __init__(self, parameters, market):
        self.closes = deque(maxlen=25)

    def on_candle(self, candle):
        self.closes.append(candle.close)
        if len(self.closes) < 25:
            return 0
        move = candle.close - self.closes[0]
        return safla.Answer((move > 0) - (move < 0), strength=1)
"""
FORMS = {"array": MINE, "window": WINDOW, "candle": CANDLE}  # three forms of one rule
PAPER = """\
mode: paper
paper: {source: replay, speed: max}
symbols: {primary: [BTC/USDT, ETH/USDT]}
strategy: {name: mine}
data: {source: synthetic, synthetic: {candles: 400, holes: 4}, start: 2024-01-03}
"""
