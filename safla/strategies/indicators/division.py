"""Division, which never fails: what a kind says where the divisor is 0 (V6, V15)."""

import math

from safla.core.pure import pure


@pure
def quotient(a: float, b: float, otherwise: float) -> float:
    """a / b; where b is 0, what the kind says of it, or NaN where a is not known."""
    if b != 0:
        return a / b
    return math.nan if math.isnan(a) else otherwise
