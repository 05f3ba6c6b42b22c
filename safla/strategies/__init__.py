"""Strategies: pure functions of closed candles (D5). SMAStrategy keeps its import path of the first system."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "SMAStrategy":
        from safla.compat.strategy import SMAStrategy

        return SMAStrategy
    raise AttributeError(name)
