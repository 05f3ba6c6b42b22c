"""The indicators of safla for Python: functions of float arrays, and classes that take one row at a time.

    from safla.indicators import Rsi, adx, rsi

    values = rsi(close, 14)
    trend = adx(high, low, close, 14).plus
    live = Rsi(14)
    value = live.step(60_000.10)

The values are those of a configuration: the same folds with the same seeds, before whose first value NaN stands.
"""

from safla.api.indicators import CLASSES, FUNCTIONS

__all__ = sorted([*FUNCTIONS, *CLASSES])  # noqa: PLE0605

globals().update(FUNCTIONS, **CLASSES)
