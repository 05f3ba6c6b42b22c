"""The register of the kinds of indicators. A kind is a row of the table of its file, and one test."""

from safla.strategies.indicators import (
    anchored,
    averages,
    changes,
    choppiness,
    exponential,
    extremes,
    momentum,
    ranges,
    smoothed,
    smoothed_candles,
    spread,
    trend,
    volume,
)
from safla.strategies.indicators.kind import Kind

KINDS: dict[str, Kind] = {
    **averages.KINDS,
    **exponential.KINDS,
    **extremes.KINDS,
    **spread.KINDS,
    **changes.KINDS,
    **choppiness.KINDS,
    **volume.KINDS,
    **anchored.KINDS,
    **smoothed_candles.KINDS,
    **smoothed.KINDS,
    **ranges.KINDS,
    **momentum.KINDS,
    **trend.KINDS,
}
