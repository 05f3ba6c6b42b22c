"""A paper account is never restarted silently: an unfinished run of the same configuration is named."""

from pathlib import Path

import pytest

from safla.errors import ConfigError
from safla.paper import runner
from safla.runs.folder import lock_run
from tests.errors import raises_code
from tests.paper.paper_runs import left, loaded, run_paper

OTHER_PLAN = ("risk.stop_loss_pct=0.05", "risk.cooldown_candles=2")


def folder_of(logs: Path, *sets: str, new: bool = False) -> Path:
    """Where a run of paper.yaml would go."""
    given = loaded("paper", (f"storage.logs_directory={logs}", *sets))
    return runner.paper_folder(given, stem="paper", out=None, new=new)


def begun(logs: Path) -> Path:
    """A run of paper.yaml that was interrupted."""
    return left(folder_of(logs), f"storage.logs_directory={logs}")


def test_the_same_plan_continues_in_its_folder(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder_of(tmp_path) == folder


def test_a_changed_plan_is_rejected_with_both_folders_and_the_differences(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    with raises_code(ConfigError, "plan_differs") as caught:
        folder_of(tmp_path, *OTHER_PLAN)
    (problem,) = caught.value.problems
    assert problem.where == str(folder)
    assert "risk.cooldown_candles there 0, here 2; risk.stop_loss_pct there 0.02, here 0.05" in problem.text
    assert f"begin another account in {folder_of(tmp_path, *OTHER_PLAN, new=True)} with --new" in problem.text


def test_an_explicitly_requested_second_account_runs_beside_the_first(tmp_path: Path) -> None:
    begun(tmp_path)
    left(folder_of(tmp_path, *OTHER_PLAN, new=True), f"storage.logs_directory={tmp_path}", *OTHER_PLAN)
    assert folder_of(tmp_path, *OTHER_PLAN) != folder_of(tmp_path)


def test_finished_runs_and_runs_of_another_configuration_do_not_block_a_start(tmp_path: Path) -> None:
    run_paper(folder_of(tmp_path))
    assert folder_of(tmp_path, *OTHER_PLAN).name.startswith("paper-")
    begun(tmp_path / "else")
    (tmp_path / "else" / folder_of(tmp_path / "else").name).rename(tmp_path / "paper-x-01234567")
    assert folder_of(tmp_path, *OTHER_PLAN).name.startswith("paper-")


def test_an_unfinished_run_of_another_version_blocks_a_start(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    text = (folder / "journal.jsonl").read_bytes()
    (folder / "journal.jsonl").write_bytes(text.replace(b'"schema":3', b'"schema":1', 1))
    with raises_code(ConfigError, "plan_differs"):
        folder_of(tmp_path, *OTHER_PLAN)


def test_a_start_that_fails_before_its_first_line_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(RuntimeError), lock_run(folder):
        raise RuntimeError
    assert not folder.exists()
    folder.mkdir()
    with pytest.raises(RuntimeError), lock_run(folder):
        broken_off(folder)
    assert sorted(one.name for one in folder.iterdir()) == ["journal.jsonl", "lock"]


def broken_off(folder: Path) -> None:
    """Fails a start after something was written."""
    (folder / "journal.jsonl").write_bytes(b"x")
    raise RuntimeError
