"""Row 28: hash seed, time zone, locale, development mode, Python, threads and engine do not change a byte of a run.

The normal suite runs three processes, which together use each value of seed, zone, locale and threads once; `--scale
release` runs all combinations. A locale is set even where it is not installed.
"""

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from safla.cli import main
from tests.faults.command import ROOT, SECONDS, Answer, safla
from tests.faults.invariants import check_answer, check_run
from tests.small_runs import SMALL

SEEDS = ("0", "1", "random")
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns")
LOCALES = ("C", "tr_TR.UTF-8", "de_DE.UTF-8")
THREADS = ("1", "2", "8")
DEVELOPMENT = (False, True)
ENGINES = ("interpreted", "compiled")
NEEDED = "import click, msgspec, numpy, polars, pydantic, rich, ruamel.yaml, transitions"

DATED = SMALL.replace("source: synthetic", "source: synthetic\n  start: 2024-01-03\n  end: 2024-02-01 12:00")


class Case(NamedTuple):
    """The environment of a process."""

    python: str
    seed: str
    zone: str
    locale: str
    threads: str
    development: bool
    engine: str


def few() -> list[Case]:
    """Three cases that together use every value of every setting."""
    around = zip(SEEDS, ZONES, LOCALES, THREADS, itertools.cycle(DEVELOPMENT), itertools.cycle(ENGINES), strict=False)
    return [Case(sys.executable, *one) for one in around]


def every() -> list[Case]:
    """All combinations, in every Python that has the packages."""
    return [Case(*one) for one in itertools.product(pythons(), SEEDS, ZONES, LOCALES, THREADS, DEVELOPMENT, ENGINES)]


def pythons() -> list[str]:
    """This Python, and the others on the path that have the packages safla needs."""
    others = [shutil.which(f"python3.{minor}") for minor in range(11, 15) if minor != sys.version_info.minor]
    return [sys.executable, *(one for one in others if one and _suffices(one))]


def _suffices(python: str) -> bool:
    return subprocess.run([python, "-c", NEEDED], capture_output=True, timeout=SECONDS, check=False).returncode == 0


def run_in(case: Case, config: Path, folder: Path) -> None:
    """Run safla in this environment; the run prints nothing."""
    around = {
        "PYTHONHASHSEED": case.seed, "TZ": case.zone, "LC_ALL": case.locale, "LANG": case.locale,
        "POLARS_MAX_THREADS": case.threads, "OMP_NUM_THREADS": case.threads,
    }  # fmt: skip
    development = ["-X", "dev"] if case.development else []
    found = subprocess.run(
        [case.python, *development, "-m", "safla", "run", config, "--out", folder, "--engine", case.engine, "--quiet"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **around}, capture_output=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    check_answer(Answer(found.returncode, found.stdout.decode(), found.stderr.decode()), 0)
    assert found.stderr == b"", case


def digests(folder: Path) -> tuple[str, ...]:
    """The digests of the journal and of the summary of a run."""
    files = [(folder / name).read_bytes() for name in ("journal.jsonl", "summary.json")]
    return tuple(hashlib.blake2b(one, digest_size=16).hexdigest() for one in files)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The digests of a run in this process, after a check of its invariants."""
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "dated.yaml").write_text(DATED)
    assert main(["run", f"{folder}/dated.yaml", "--out", f"{folder}/run", "--engine", "interpreted", "--quiet"]) == 0
    check_run(folder / "run", max_positions=3)
    return digests(folder / "run")


@pytest.mark.parametrize("zone", ZONES)
def test_row_28_journal_and_summary_are_the_same_bytes_in_every_environment(
    tmp_path, release, figure, undisturbed, zone
):
    config = tmp_path / "dated.yaml"
    config.write_text(DATED)
    cases = [case for case in (every() if release else few()) if case.zone == zone]
    for case in cases:
        run_in(case, config, tmp_path / "run")
        assert digests(tmp_path / "run") == undisturbed, case
        shutil.rmtree(tmp_path / "run")
    versions = len({case.python for case in cases})
    figure(f"row 28, {zone}: {len(cases)} surroundings, {versions} Python, one digest {undisturbed[0]}")


@pytest.mark.parametrize(
    ("options", "env"),
    [(("-O",), {}), (("-OO",), {}), ((), {"PYTHONOPTIMIZE": "1"}), ((), {"PYTHONOPTIMIZE": "2"})],
    ids=["-O", "-OO", "1", "2"],
)
def test_row_28_python_with_optimisation_is_rejected_with_exit_2_and_nothing_runs(tmp_path, options, env):
    config = tmp_path / "dated.yaml"
    config.write_text(DATED)
    answer = safla("run", config, "--out", tmp_path / "run", options=options, env=env)
    check_answer(answer, 2)
    assert "python -O removes checks that safla needs" in answer.err
    assert not (tmp_path / "run").exists()
