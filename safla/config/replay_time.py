"""How long a paper run over history takes, as far as the configuration tells. No candle is read for this."""

import math
from typing import TYPE_CHECKING

from safla.core.timeframes import TIMEFRAMES

if TYPE_CHECKING:
    from safla.config.model import Config

HOUR_SECONDS = 3_600


def speed_of(text: str) -> float:
    """The speed that `1x`, `60x` or `max` names: how many times faster than real time, infinity for `max`."""
    return math.inf if text == "max" else float(text.removesuffix("x"))


def replay_seconds(config: "Config") -> int | None:
    """How long the replay of a paper run waits between its candles in all; None where the period is not known.

    It is known from data.start and data.end, and from data.synthetic. Gaps take as long as the candles would.
    """
    if config.mode != "paper" or config.paper.source != "replay":
        return None
    start, end = config.data.start, config.data.end
    if config.data.source == "synthetic":
        made = config.data.synthetic
        made_until = made.start + made.candles * TIMEFRAMES[config.data.timeframe or config.market_data.timeframe]
        start = made.start if start is None else max(start, made.start)
        end = made_until if end is None else min(end, made_until)
    if start is None or end is None:
        return None
    waits = end - start - TIMEFRAMES[config.market_data.timeframe]  # the first candle comes at once
    return int(max(0, waits) / 1000 / speed_of(config.paper.speed))


def duration_text(seconds: int) -> str:
    """Whole hours, or days from two days on."""
    hours = round(seconds / HOUR_SECONDS)
    return f"{hours} hour{'' if hours == 1 else 's'}" if hours < 48 else f"{round(hours / 24)} days"
