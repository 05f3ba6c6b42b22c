"""`safla init` writes a valid file and never overwrites another."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from safla.cli import main
from tests.tidy.source import ROOT


def test_the_file_that_init_writes_is_valid_and_has_no_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    assert main(["validate", "config.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "config.yaml: valid"
    assert err == ""


def test_running_init_twice_is_not_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    assert main(["init", str(path)]) == 0
    before = path.stat()
    assert main(["init", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{path}: exists already with this content; nothing was written"
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_text(path.read_text() + "# mine\n")
    assert main(["init", str(path)]) == 2


def test_an_existing_file_or_folder_is_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "there.yaml"
    there.write_text("mine")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "nowhere")
    for path in (there, tmp_path, tmp_path / "link.yaml"):
        assert main(["init", str(path)]) == 2
        assert "exists and is not overwritten" in capsys.readouterr().err
    assert there.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    assert main(["init", str(tmp_path / "no" / "x.yaml")]) == 2
    assert main(["init", "a\0b"]) == 2


def test_a_strategy_that_init_writes_runs_once_its_folder_is_trusted_and_its_test_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my bots"
    folder.mkdir(mode=0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    (tmp_path / "settings").mkdir(mode=0o700)
    assert main(["init", "--strategy", "mine"]) == 0
    trusting = capsys.readouterr().out.partition("when you trust this folder: ")[2].splitlines()[0]
    assert shlex.split(trusting) == ["safla", "trust", str(folder)]
    assert main(["run", "mine.yaml", "--quiet"]) == 3  # it trusts nothing itself
    assert main(shlex.split(trusting)[1:]) == 0
    assert main(["validate", "mine.yaml"]) == 0
    assert main(["run", "mine.yaml", "--quiet", "--out", "run", "--fail-on", "trades < 10"]) == 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
    tested = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout


def test_init_of_a_strategy_writes_all_of_its_files_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_mine.py").write_text("mine")
    assert main(["init", "--strategy", "mine"]) == 2
    assert "test_mine.py: exists and is not overwritten" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]
    (tmp_path / "test_mine.py").unlink()
    assert main(["init", "--strategy", "mine"]) == 0
    assert main(["init", "--strategy", "mine"]) == 0
    assert "exist already with this content" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["rsi", "sma_crossover", "no name", "1st", "a/b", ""])
def test_init_writes_no_strategy_of_a_name_that_it_cannot_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--strategy", name]) == 2
    assert main(["init", "x.yaml", "--strategy", "mine"]) == 2
    assert list(tmp_path.iterdir()) == []
