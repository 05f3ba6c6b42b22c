"""What this process takes of its machine: processor, memory, descriptors, threads, network, garbage collector."""

import gc
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from safla.errors import attempt

if TYPE_CHECKING:
    import psutil

Reading = Callable[[], float | None]


def readings() -> Mapping[str, Reading]:
    """One reading a figure. Each may raise whatever psutil raises.

    cpu_pct     of this process, of one core, since the reading before: two busy cores are 200
    memory_pct  of the machine, in use: at its end processes are killed
    rss_bytes   of this process
    """
    import psutil

    @cache
    def process() -> "psutil.Process":
        return psutil.Process()

    def cpu_pct() -> float:
        return float(process().cpu_percent())

    attempt(cpu_pct)  # the first has nothing before it
    return {
        "cpu_pct": cpu_pct,
        "memory_pct": lambda: psutil.virtual_memory().percent,
        "rss_bytes": lambda: process().memory_info().rss,
        "descriptors": lambda: process().num_fds(),
        "threads": lambda: process().num_threads(),
        "sent_bytes": lambda: psutil.net_io_counters().bytes_sent,
        "received_bytes": lambda: psutil.net_io_counters().bytes_recv,
        **{f"gc_{young}": _collections(young) for young in range(3)},
    }


def _collections(young: int) -> Reading:
    return lambda: gc.get_stats()[young]["collections"]
