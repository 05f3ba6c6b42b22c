"""How the values of a summary are written as text: money, ratios, numbers, durations, counts."""

import math
from collections.abc import Callable
from typing import Any

SummaryDict = dict[str, Any]  # the content of summary.json
Format = Callable[[Any, SummaryDict], str]  # of a value that is not null, and the summary that it is part of

UNITS = (
    ("minute", 1 / 60, 60),
    ("hour", 1, 48),
    ("day", 24, 730),
    ("year", 365 * 24, math.inf),
)  # name, hours of one, and below how many of them it is used


def duration(hours: float) -> str:
    """Hours in the unit that fits, with one decimal: 45 minutes, 47.5 hours, 254.1 days, 7.8 years.

    Minutes below an hour, hours below two days, days below two years of 365 days; the rounded value decides.
    """
    rounded, name = next((n, name) for name, size, below in UNITS if (n := round(hours / size, 1)) < below)
    return f"{rounded:,g} {name if rounded == 1 else f'{name}s'}"


def money(value: float, summary: SummaryDict) -> str:
    """An amount of the quote currency."""
    return f"{value:,.2f} {summary['quote']}"


def percent(value: float, _summary: SummaryDict) -> str:
    """A ratio as a percentage."""
    return f"{value:.2%}"


def number(value: float, _summary: SummaryDict) -> str:
    """A figure without a unit."""
    return f"{value:.3f}"


def multiple(value: float, _summary: SummaryDict) -> str:
    """A multiple of the amount at risk."""
    return f"{value:.2f} R"


def count(value: int, _summary: SummaryDict) -> str:
    """A count."""
    return f"{value:,}"


def hours(value: float, _summary: SummaryDict) -> str:
    """A duration."""
    return duration(value)


def bps(value: float, _summary: SummaryDict) -> str:
    """What each fill could cost more."""
    return f"{value:.2f} bps more on every fill"


def of_gross(value: float, _summary: SummaryDict) -> str:
    """A share of what the winning trades gained before commission."""
    return f"{value:.2%} of the gross profit"


def of_candles(value: float, _summary: SummaryDict) -> str:
    """A share of the candles."""
    return f"{value:.2%} of the candles"


def drawdown_hours(value: float, summary: SummaryDict) -> str:
    """How long the max drawdown lasted, and from when to when."""
    fall = summary["drawdown"]
    return f"{duration(value)}, {fall['start']} to {fall['end'] or 'the end, not recovered'}"


def reasons(value: dict[str, int], _summary: SummaryDict) -> str:
    """Counts by reason."""
    if not value:
        return "0"
    return f"{sum(value.values()):,}: {', '.join(f'{reason} {times:,}' for reason, times in value.items())}"


def limits(value: list[str], _summary: SummaryDict) -> str:
    """The limits that are switched off."""
    return ", ".join(LIMITS[name] for name in value)


LIMITS = {"stop_loss": "no stop loss", "daily_loss": "no daily loss limit", "drawdown": "no drawdown limit"}


def named(value: str, summary: SummaryDict) -> str:
    """The name of the run with its symbols and timeframe."""
    return f"{value}: {' '.join(summary['symbols'])} {summary['timeframe']}"


def candles(value: int, summary: SummaryDict) -> str:
    """A count of candles, and their period."""
    return f"{value:,}, {summary['start']} to {summary['end']}"


def text(value: str, _summary: SummaryDict) -> str:
    """A text, unchanged."""
    return value


def halt_text(value: dict[str, Any], _summary: SummaryDict) -> str:
    """An open halt."""
    return f"{value['rule']} since {value['since']}: no new entries"


def position(value: dict[str, Any], summary: SummaryDict) -> str:
    """An open position, and what closing it would cost."""
    closing = f"commission {value['closing_commission']:,.2f}, slippage {value['closing_slippage']:,.2f}"
    profit = f"profit {money(value['profit'], summary)}"
    return f"{value['quantity']:g} {value['symbol']}, {profit}; closing it: {closing}"
