"""What the machine could do at best: the floors that figures are held against in the same run."""

from typing import Any

import numpy as np

from safla.core.values import Columns


def numpy_signals(columns: Columns) -> int:
    """Rolling sums and crossings by numpy alone: no fills, no stops."""
    total = np.concatenate(([0], np.cumsum(columns.close)))
    slow = total[30:] - total[:-30]
    fast = (total[10:] - total[:-10])[-len(slow) :]
    above = fast * 30 > slow * 10
    return int(np.count_nonzero(above[1:] & ~above[:-1]))


def numba_pass() -> Any:
    """One compiled pass of the bare arithmetic, floats, with stops and equity: no checks, no events."""
    import numba

    @numba.njit
    def bare(opened: Any, high: Any, low: Any, close: Any) -> float:
        fast = slow = 0.0
        cash, quantity, stop, target = 100_000.0, 0.0, 0.0, 0.0
        above = waits = leaves = False
        peak = 0.0
        for i in range(len(close)):
            if leaves and quantity > 0.0:
                cash += quantity * opened[i] * 0.999
                quantity = 0.0
            if waits and quantity == 0.0:
                quantity = 1000.0 / opened[i]
                cash -= 1001.0
                stop, target = opened[i] * 0.98, opened[i] * 1.05
            waits = leaves = False
            if quantity > 0.0:
                if low[i] <= stop:
                    cash += quantity * stop * 0.999
                    quantity = 0.0
                elif high[i] > target:
                    cash += quantity * target * 0.999
                    quantity = 0.0
            peak = max(peak, cash + quantity * close[i])
            fast += close[i] - (close[i - 10] if i >= 10 else 0.0)
            slow += close[i] - (close[i - 30] if i >= 30 else 0.0)
            if i >= 30:
                now = fast * 30 > slow * 10
                waits = now and not above
                leaves = above and not now
                above = now
        return peak + cash

    return bare
