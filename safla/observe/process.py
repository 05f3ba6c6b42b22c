"""Figures of this process and its machine: processor, memory, descriptors, threads, network, garbage collector."""

import gc
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from safla.errors import attempt

if TYPE_CHECKING:
    import psutil

Reading = Callable[[], float | None]


def readings() -> Mapping[str, Reading]:
    """One callable for each figure. Each may raise any error of psutil.

    cpu_pct     processor time of this process since the reading before, in % of one core: two busy cores are 200
    memory_pct  memory of the machine in use; when it runs out, the kernel kills processes
    rss_bytes   resident memory of this process
    """
    import psutil

    @cache
    def process() -> "psutil.Process":
        return psutil.Process()

    def cpu_pct() -> float:
        return float(process().cpu_percent())

    attempt(cpu_pct)  # psutil returns 0 for the first reading, because there is none before it
    return {
        "cpu_pct": cpu_pct,
        "memory_pct": lambda: psutil.virtual_memory().percent,
        "rss_bytes": lambda: process().memory_info().rss,
        "descriptors": lambda: process().num_fds(),
        "threads": lambda: process().num_threads(),
        "sent_bytes": lambda: psutil.net_io_counters().bytes_sent,
        "received_bytes": lambda: psutil.net_io_counters().bytes_recv,
        **{f"gc_{generation}": _collections(generation) for generation in range(3)},
    }


def _collections(generation: int) -> Reading:
    return lambda: gc.get_stats()[generation]["collections"]
