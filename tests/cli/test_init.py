"""`safla init` writes a valid file and never overwrites another."""

from pathlib import Path

import pytest

from safla.cli import main


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
