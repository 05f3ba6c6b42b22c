"""Fuzzing: inputs out of a seed, what became of each, and a table. `make fuzz SECONDS=60 SEED=7` runs all targets."""

import argparse
import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.faults.command import ROOT
from tests.faults.corpora import mutated
from tests.faults.targets import TARGETS

SLOW_MS = 1_000
TURN_SECONDS = 1.0  # of a target, before the next one's
APART_BYTES = 4 * 2**30  # address space of a process apart: a bomb that unpacks ends it
MOST_GROWTH_BYTES = 300 * 2**20  # of the memory of a process by one input, its first imports included
MOST_SHOWN = 5  # failures of a target
APART_SECONDS = 60  # until a process apart that does not answer is ended


class Outcome(NamedTuple):
    """What became of one input; failure is empty where it was taken, or refused as promised."""

    ms: float
    failure: str


def attempt(name: str, data: bytes, folder: Path) -> Outcome:
    """One input. A slow one has two more chances, for another process may have held the machine.

    One that takes much memory fails at once: the peak of a process only grows.
    """
    ms, before = 0.0, _peak_bytes()
    for _ in range(3):
        began = time.perf_counter()
        try:
            TARGETS[name].attempt(data, folder)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  a panic of polars is no Exception
            return Outcome((time.perf_counter() - began) * 1000, f"{type(error).__name__}: {str(error)[:500].strip()}")
        ms = (time.perf_counter() - began) * 1000
        grown = _peak_bytes() - before
        if grown > MOST_GROWTH_BYTES:
            return Outcome(ms, f"it took {grown >> 20} MiB")
        if ms < SLOW_MS:
            return Outcome(ms, "")
    return Outcome(ms, f"it took {ms:.0f} ms")


def _peak_bytes() -> int:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Apart:
    """The same in a process of its own: if the input ends that process, it is a failure, and another one is started."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Apart":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process:
            self._process.communicate()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The one that takes the next input."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.fuzzing", "--apart", self._name],
                cwd=ROOT, env={**os.environ, "POLARS_MAX_THREADS": "2"},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return self._process

    def attempt(self, data: bytes) -> Outcome:
        """One input."""
        process = self.process
        assert process.stdin
        assert process.stdout
        with contextlib.suppress(BrokenPipeError):  # it has ended, and so it does not answer
            process.stdin.write(len(data).to_bytes(8, "little") + data)
            process.stdin.flush()
        if not select.select([process.stdout], [], [], APART_SECONDS)[0]:
            process.kill()
        answer = process.stdout.readline()
        if answer:
            return Outcome(*json.loads(answer))
        self._process = None
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        return Outcome(0, f"the process ended with {process.wait()}")


def serve(name: str, folder: Path) -> None:
    """What runs in a process apart: inputs come over stdin, a line for each goes to stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (APART_BYTES, APART_BYTES))
    while size := sys.stdin.buffer.read(8):
        data = sys.stdin.buffer.read(int.from_bytes(size, "little"))
        print(json.dumps(attempt(name, data, folder)), flush=True)


@dataclass
class Tally:
    """The row of a target."""

    inputs: int = 0
    seconds: float = 0.0
    slowest_ms: float = 0.0
    failures: list[str] = field(default_factory=list)


class Fuzz:
    """All targets under one seed; input number k of a target is the same under the same seed, whenever it comes."""

    def __init__(self, seed: int, *, folder: Path) -> None:
        self._seed = seed
        self._folder = folder
        self._corpora: dict[str, list[bytes]] = {}
        self._apart = {name: Apart(name) for name, target in TARGETS.items() if target.apart}
        self.tallies = {name: Tally() for name in TARGETS}

    def __enter__(self) -> "Fuzz":
        return self

    def __exit__(self, *error: Any) -> None:
        for one in self._apart.values():
            one.__exit__()

    def input(self, name: str, number: int) -> bytes:
        """An input: one of the corpus, or a fresh one, nearly always after some changes."""
        target = TARGETS[name]
        if name not in self._corpora:
            self._corpora[name] = target.corpus(self._folder)
        chance = Random(f"{name}/{self._seed}/{number}")
        drawn = target.draw is not None and chance.random() < 0.5
        data = target.draw(chance) if target.draw and drawn else chance.choice(self._corpora[name])
        return data if chance.random() < 0.05 else mutated(data, self._corpora[name], chance)

    def one(self, name: str, number: int) -> bytes:
        """Try one input, and count what became of it. Returns the input if it failed."""
        tally, data = self.tallies[name], self.input(name, number)
        found = self._apart[name].attempt(data) if name in self._apart else attempt(name, data, self._folder)
        tally.inputs += 1
        tally.seconds += found.ms / 1000
        tally.slowest_ms = max(tally.slowest_ms, found.ms)
        if not found.failure:
            return b""
        tally.failures.append(f"{name}, seed {self._seed}, number {number}: {found.failure}")
        return data


def table(tallies: dict[str, Tally]) -> str:
    """A line a target."""
    lines = [f"{'target':<10} {'inputs':>9} {'per second':>11} {'slowest ms':>11} {'failures':>9}"]
    for name, one in tallies.items():
        pace = one.inputs / one.seconds if one.seconds else 0
        lines.append(f"{name:<10} {one.inputs:>9,} {pace:>11,.0f} {one.slowest_ms:>11.1f} {len(one.failures):>9}")
    return "\n".join(lines)


def main() -> int:
    """Run the targets in turns for so many seconds, or one input of one of them again. 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzzing", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=20_240_101)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--number", type=int, help="of the one input of --target to try again")
    parser.add_argument("--apart", choices=TARGETS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="safla-fuzz-") as place:
        if asked.apart:
            serve(asked.apart, Path(place))
            return 0
        with Fuzz(asked.seed, folder=Path(place)) as fuzz:
            if asked.number is not None and asked.target:
                _kept(fuzz.one(asked.target, asked.number))
            else:
                _turns(fuzz, [asked.target] if asked.target else list(TARGETS), seconds=asked.seconds)
    shown = [failure for tally in fuzz.tallies.values() for failure in tally.failures[:MOST_SHOWN]]
    print(table(fuzz.tallies), *shown, sep="\n")
    return 1 if shown else 0


def _turns(fuzz: Fuzz, names: list[str], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in names:
            turn = min(end, time.monotonic() + TURN_SECONDS)
            while time.monotonic() < turn:
                _kept(fuzz.one(name, fuzz.tallies[name].inputs))


def _kept(data: bytes) -> None:
    """Save an input that failed, and say where."""
    if not data:
        return
    handle, path = tempfile.mkstemp(prefix="safla-fuzz-", suffix=".input")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    print(f"a failure; its input is kept as {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
