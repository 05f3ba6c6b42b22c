"""Lengths of candles, and the last time at which one may open. No numpy, so that a configuration is checked quickly."""

from typing import Literal

Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d"]
Interval = tuple[int, int]  # ms, end exclusive

TIMEFRAMES = {
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
}  # S1: no other length is accepted, because days would not start on its grid

LAST_MS = 4_102_444_800_000  # 2100-01-01; no candle may open later
