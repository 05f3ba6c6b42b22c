"""Row 29: too little address space, descriptors or threads, or a missing package, gives exit 6 and one line."""

import os
import resource
import shutil
import subprocess
import sys

import pytest

from safla.cli import main
from safla.errors import INSTALL
from safla.runs import result
from tests.faults.command import MIB, ROOT, SECONDS, Answer, limited, safla, without
from tests.faults.invariants import check_answer, check_refused, check_run
from tests.scale import some_of
from tests.small_runs import SMALL, journal

NOBODY = 65_534


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns a configuration and the journal of its undisturbed run."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "small.yaml").write_text(SMALL)
    assert main(["run", f"{folder}/small.yaml", "--out", f"{folder}/run", "--engine", "interpreted", "--quiet"]) == 0
    check_run(folder / "run", max_positions=3)
    return folder / "small.yaml", journal(folder / "run")


@pytest.mark.parametrize("engine", ["interpreted", "compiled"])
@pytest.mark.parametrize("mib", [96, 400, 1_200, 2_000])  # where numpy and polars used to abort the process
def test_row_29_too_little_address_space_is_reported_before_a_library_aborts_the_process(tmp_path, whole, engine, mib):
    words = ("run", whole[0], "--out", tmp_path / "run", "--engine", engine)
    check_refused(
        safla(*words, first=limited(resource.RLIMIT_AS, mib * MIB)), "2048 MiB of address space; raise ulimit -v"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("engine", ["interpreted", "compiled"])
def test_row_29_a_run_succeeds_with_the_required_address_space_and_descriptors(tmp_path, whole, engine):
    def first():
        limited(resource.RLIMIT_AS, 2_200 * MIB)()
        limited(resource.RLIMIT_NOFILE, 32)()

    check_answer(safla("run", whole[0], "--out", tmp_path / "run", "--engine", engine, first=first), 0)
    assert journal(tmp_path / "run") == whole[1]


@pytest.mark.parametrize("files", [8, 12, 16])
def test_row_29_too_few_file_descriptors_are_reported(tmp_path, whole, files):
    words = ("run", whole[0], "--out", tmp_path / "run")
    check_refused(safla(*words, first=limited(resource.RLIMIT_NOFILE, files)), "Too many open files; raise ulimit -n")
    assert not (tmp_path / "run").exists()


def test_row_29_continuing_a_run_with_too_little_address_space_leaves_its_journal_unchanged(tmp_path, whole):
    run = tmp_path / "run"
    shutil.copytree(whole[0].with_name("run"), run)
    (run / "head").unlink()
    (run / "journal.jsonl").write_bytes(whole[1][: len(whole[1]) // 2])
    before = journal(run)
    check_refused(safla("run", whole[0], "--out", run, first=limited(resource.RLIMIT_AS, 400 * MIB)), "address space")
    assert journal(run) == before
    check_answer(safla("run", whole[0], "--out", run, "--quiet"), 0)
    assert journal(run) == whole[1]


def test_row_29_a_failure_to_start_threads_is_reported(tmp_path, whole):
    check_refused(without("threads", "run", whole[0], "--out", tmp_path / "run"), "0 threads can be started, ")
    assert not (tmp_path / "run").exists()


def test_row_29_a_process_limit_of_the_system_is_reported(tmp_path, whole):
    """Here the kernel refuses threads. It does not limit root, so root uses another user with read rights of root."""
    command = [sys.executable, "-m", "safla", "run", str(whole[0]), "--out", str(tmp_path / "run")]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root is not limited, and setpriv is not there to be another user")
        reads = "+dac_read_search"
        command = [
            "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", f"--inh-caps={reads}",
            f"--ambient-caps={reads}", *command,
        ]  # fmt: skip
    found = subprocess.run(
        command, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
        preexec_fn=limited(resource.RLIMIT_NPROC, 4),
    )  # fmt: skip
    check_refused(Answer(found.returncode, found.stdout.decode(), found.stderr.decode()), "threads can be started, ")
    assert not (tmp_path / "run").exists()


@some_of("package", "numpy msgspec polars pydantic ruamel.yaml transitions".split(), keep=("msgspec", "ruamel.yaml"))
def test_row_29_a_missing_package_is_reported_with_the_way_to_install_it(tmp_path, whole, package):
    module = package.partition(".")[0]
    answer = without(module, "run", whole[0], "--out", tmp_path / "run", "--engine", "interpreted", "--quiet")
    check_refused(answer, f"safla: {package} is not installed; {INSTALL}")
    assert not (tmp_path / "run" / "journal.jsonl").exists() or whole[1].startswith(journal(tmp_path / "run"))
    assert main(["run", str(whole[0]), "--out", f"{tmp_path}/run", "--engine", "interpreted", "--quiet"]) == 0
    assert journal(tmp_path / "run") == whole[1]


@some_of("module", ["rich", "psutil", "ccxt", "loguru"], keep=("rich", "ccxt"))
def test_row_29_a_package_that_the_run_does_not_need_may_be_missing(tmp_path, whole, module):
    words = ("run", whole[0], "--out", tmp_path / "run", "--engine", "interpreted", "--quiet")
    check_answer(without(module, *words), 0)
    assert journal(tmp_path / "run") == whole[1]


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (MemoryError(), 6, "safla: not enough memory; "),
        (ImportError("no such\nfailed to map segment", name="polars"), 6, "safla: polars cannot be loaded: failed to"),
        (ImportError("cannot import name", name="safla.core"), 70, "safla: a bug in safla: ImportError; "),
    ],
    ids=["memory", "library", "ours"],
)
def test_row_29_a_late_memory_or_import_error_is_reported_in_one_line(
    tmp_path, whole, monkeypatch, capsys, raised, code, said
):
    def fails(*_arguments, **_named):
        raise raised

    words = ["run", str(whole[0]), "--out", f"{tmp_path}/run", "--quiet", "--engine", "interpreted"]
    with monkeypatch.context() as patched:
        patched.setattr(result.RunRecord, "outcome", fails)  # after the last line of the journal
        answer = Answer(main(words), *capsys.readouterr())
    check_answer(answer, code)
    (line,) = answer.err.splitlines()
    assert line.startswith(said)
    assert main(words) == 0
    assert journal(tmp_path / "run") == whole[1]
