"""The run folder: its name, the process that holds it, and that nothing is overwritten (docs/journal.md, J9, J30)."""

import subprocess
import sys
from pathlib import Path

import pytest

from safla.errors import HostError, UsageError
from safla.runs import folder
from safla.runs.backtest import backtest_folder, prepare
from tests.errors import raises_code
from tests.processes import Process
from tests.small_runs import run, small


def named(tmp_path, *sets, stem="small"):
    return backtest_folder(prepare(small(tmp_path, *sets)), stem=stem, out=None).name


def test_the_name_depends_only_on_plan_detail_and_candles(tmp_path):
    usual = named(tmp_path)
    assert named(tmp_path, "logging.backup_count=2") == usual
    others = ("risk.stop_loss_pct=0.03", "journal.detail=trades", "data.end=2024-02-01", "system.random_seed=5")
    assert len({usual, *(named(tmp_path, one) for one in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("stem", "begins"),
    [
        ("btc", "btc-"),
        ("../../etc/passwd", "etc-passwd-"),
        ("a b\x1b[31m", "a-b--31m-"),
        ("ñ", "run-"),
        ("x" * 300, "x" * 60),
    ],
)
def test_a_name_is_a_slug_and_never_raw_text(tmp_path, stem, begins):
    name = named(tmp_path, stem=stem)
    assert name.startswith(begins)
    assert len(name) <= 69
    assert "/" not in name


def test_a_second_process_is_told_the_holder_of_the_run_and_the_first_is_unaffected(tmp_path):
    folder.make(tmp_path / "run", force=False)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom safla.runs.folder import lock_run\n"
        "with lock_run(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", program, str(tmp_path / "run")]
    with Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as first:
        assert first.stdout.readline() == b"held\n"
        with raises_code(HostError, "run_locked", match=f"pid {first.pid}"):
            run(small(tmp_path), tmp_path / "run")
        (tmp_path / "run" / "journal.jsonl").touch()
        with raises_code(HostError, "run_locked"):
            folder.make(tmp_path / "run", force=True)  # nor is it set aside from under the first
        first.communicate(b"")
    run(small(tmp_path), tmp_path / "run")  # a lock file without a holder is no obstacle


@pytest.mark.parametrize("make", ["symlink", "folder"])
def test_a_lock_that_is_not_a_private_file_is_rejected(tmp_path, make):
    folder.make(tmp_path / "run", force=False)
    lock = tmp_path / "run" / "lock"
    if make == "symlink":
        lock.symlink_to(tmp_path / "elsewhere")
    else:
        lock.mkdir()
    with raises_code(HostError, "not_our_file", match="lock: "):
        run(small(tmp_path), tmp_path / "run")
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_folder_that_is_a_link_or_a_file_is_rejected(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with raises_code(HostError, "not_our_file"):
            folder.make(tmp_path / name, force=False)


def test_files_left_before_the_first_line_do_not_block_a_start(tmp_path):
    folder.make(tmp_path / "run", force=False)
    with folder.lock_run(tmp_path / "run"):
        pass
    (tmp_path / "run" / "candles.parquet.tmp").write_bytes(b"half")
    run(small(tmp_path), tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.tmp"))


def test_a_folder_with_a_foreign_file_is_not_a_run_folder(tmp_path):
    folder.make(tmp_path / "run", force=False)
    (tmp_path / "run" / "letter.txt").write_text("mine")
    with raises_code(UsageError, "not_a_run_folder", match=r"letter\.txt"):
        folder.make(tmp_path / "run", force=False)


@pytest.mark.parametrize("names", [["config.yaml"], ["server.log"], ["journal.jsonl", "essay.txt"], ["lock", "a.py"]])
@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_the_user_is_neither_written_to_nor_renamed(tmp_path, names, force):
    (tmp_path / "mine").mkdir()
    for name in names:
        (tmp_path / "mine" / name).write_text("dear diary")
    with pytest.raises(UsageError, match=rf"mine: not a run folder: it holds {names[-1]}; choose another with --out"):
        folder.make(tmp_path / "mine", force=force)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["mine", *names])


@pytest.mark.parametrize("lost", [["head", "lock"], ["journal.jsonl"]])
def test_the_remains_of_a_run_can_be_renamed_aside(tmp_path, lost):
    run(small(tmp_path), tmp_path / "run")
    for name in lost:
        (tmp_path / "run" / name).unlink()
    folder.make(tmp_path / "run", force=True)
    assert (tmp_path / "run.1" / "summary.json").exists() or (tmp_path / "run.1" / "candles.parquet").exists()


def test_a_configuration_with_other_values_replaces_the_existing_one(tmp_path):
    run(small(tmp_path), tmp_path / "run")
    kept = tmp_path / "run" / "config.yaml"
    before = kept.stat().st_ino
    run(small(tmp_path), tmp_path / "run")
    run(small(tmp_path, "report.risk_free_rate=0"), tmp_path / "run")  # the same value from elsewhere
    assert kept.stat().st_ino == before
    run(small(tmp_path, "report.risk_free_rate=0.04"), tmp_path / "run")
    assert "risk_free_rate: 0.04" in kept.read_text()


def test_older_runs_are_renamed_aside_with_increasing_numbers(tmp_path):
    for count in range(3):
        folder.make(tmp_path / "run", force=True)
        with folder.lock_run(tmp_path / "run"):
            pass
        (tmp_path / "run" / "journal.jsonl").write_text('{"n":1,"p":"')
        (tmp_path / "run" / "number").write_text(str(count))
    kept = {path.name: (path / "number").read_text() for path in tmp_path.iterdir()}
    assert kept == {"run": "2", "run.1": "0", "run.2": "1"}
