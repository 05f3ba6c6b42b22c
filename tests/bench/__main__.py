"""Print the table: `python -m tests.bench`, or `python -m tests.bench --quick` for its shape alone."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from safla.core import compile as core_compile
from safla.core.strategies import STRATEGIES
from tests.bench import floors, job

ROOT = Path(__file__).parents[2]


def seconds(work: Callable[[], object], runs: int) -> float:
    """The median of several runs, behind one that is not counted."""
    work()
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def process(*arguments: str, runs: int, **variables: str) -> float:
    """The median wall time of a whole process."""

    def work() -> None:
        command = [sys.executable, "-m", "safla", *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, **variables})

    return seconds(work, runs)


def rows(size: int, runs: int) -> list[tuple[str, str, str]]:
    """What was measured, the figure, its target."""
    columns = job.candles(size)
    loop = core_compile.compiled_loop()
    strategy = core_compile.compiled_columns(STRATEGIES["sma_crossover"].columns)
    folded = job.fold(columns, loop, strategy)
    print(f"the job: {size} candles, {folded.trades} trades, equity {folded.equity / job.MONEY:.2f}", file=sys.stderr)
    compiled = seconds(lambda: job.fold(columns, loop, strategy), runs) / size
    bare = floors.numba_pass()
    floats = [column.astype(float) for column in columns[1:5]]
    single = seconds(lambda: bare(*floats), runs) / size
    vectors = seconds(lambda: floors.numpy_signals(columns), runs) / size
    part = type(columns)(*(column[: size // 20] for column in columns))
    interpreted = seconds(lambda: job.fold(part, None), 3) / len(part.ts)
    return [
        ("engine and signals, compiled, warm", f"{compiled * 1e9:.1f} ns a candle", "50"),
        ("floor: one compiled pass of the bare arithmetic", f"{single * 1e9:.1f} ns a candle", ""),
        ("floor: numpy, signals without stops", f"{vectors * 1e9:.1f} ns a candle", ""),
        ("engine and signals, interpreted", f"{interpreted * 1e6:.1f} us a candle", "50"),
        ("`safla --help`, whole process", f"{process('--help', runs=runs) * 1e3:.0f} ms", "150"),
        (
            "`safla validate configs/btc.yaml`, whole process",
            f"{process('validate', 'configs/btc.yaml', runs=runs) * 1e3:.0f} ms",
            "400",
        ),
        ("compiling for the first time", f"{cold():.1f} s", "10"),
    ]


def cold() -> float:
    """Seconds that a first compiled run takes beyond one out of the cache."""
    program = (
        "import time; began = time.perf_counter()\n"
        "from safla.core import compile as core; from safla.core.strategies import STRATEGIES\n"
        "from tests.bench import job\n"
        "job.fold(job.candles(100), core.compiled_loop(), core.compiled_columns(STRATEGIES['sma_crossover'].columns))\n"
        "print(time.perf_counter() - began)"
    )
    command = [sys.executable, "-c", program]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        first, second = (
            float(subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment).stdout)
            for _ in range(2)
        )
    return first - second


def main() -> None:
    """Measure and print."""
    quick = "--quick" in sys.argv
    print("| what | measured | target |\n|---|---|---|")
    for what, figure, target in rows(20_000 if quick else job.YEAR, 2 if quick else 5):
        print(f"| {what} | {figure} | {target} |")


if __name__ == "__main__":
    main()
