"""The register of the kinds of indicators. A kind is a row of the table of its file, and one test."""

from safla.strategies.indicators import averages, exponential
from safla.strategies.indicators.kind import Kind

KINDS: dict[str, Kind] = {
    **averages.KINDS,
    **exponential.KINDS,
}
