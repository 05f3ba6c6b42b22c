"""`safla trust`: which folders may be trusted, and when a folder of the list still is the one that was."""

import json
import os
import shlex
import subprocess

import pytest

from safla.errors import HostError, UsageError
from safla.runs.strategy_code import trust as trusting
from safla.runs.strategy_code.trust import distrust, is_trusted, list_path, trust, trusted_folders
from tests.errors import raises_code
from tests.faults.command import inside
from tests.faults.invariants import check_answer


@pytest.fixture
def bots(tmp_path):
    """A folder for strategies."""
    folder = tmp_path / "bots"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture
def path(own_list):
    """The list."""
    return list_path({"XDG_CONFIG_HOME": str(own_list)})


def test_a_trusted_folder_is_on_the_list_until_it_is_removed(bots, path):
    assert not is_trusted(bots, path)
    trust(bots, path)
    trust(bots, path)
    assert [entry.path for entry in trusted_folders(path)] == [str(bots)]
    assert is_trusted(bots, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert distrust(bots, path)
    assert not distrust(bots, path)
    assert not is_trusted(bots, path)


def test_neither_a_folder_below_nor_one_above_is_trusted_with_it(bots, path):
    (bots / "below").mkdir()
    trust(bots, path)
    assert not is_trusted(bots / "below", path)
    assert not is_trusted(bots.parent, path)


def test_a_moved_folder_and_another_one_in_its_place_are_not_trusted(bots, path):
    trust(bots, path)
    bots.rename(bots.with_name("moved"))
    assert not is_trusted(bots.with_name("moved"), path)
    bots.mkdir(mode=0o755)
    assert not is_trusted(bots, path)
    assert [entry.is_there for entry in trusted_folders(path)] == [False]
    bots.rmdir()
    bots.with_name("moved").rename(bots)
    assert is_trusted(bots, path)


def test_a_link_stands_for_the_folder_that_it_leads_to(bots, path):
    link = bots.with_name("link")
    link.symlink_to(bots)
    trust(link, path)
    assert is_trusted(bots, path)
    other = bots.with_name("other")
    other.mkdir(mode=0o755)
    link.unlink()
    link.symlink_to(other)
    assert not is_trusted(link, path)


def test_a_folder_that_others_can_change_is_not_trusted_before_or_later(bots, path):
    for place in (bots, bots.parent):
        before = place.stat().st_mode
        for mode in (0o775, 0o777):
            place.chmod(mode)
            with raises_code(HostError, "not_our_file", match="others can change it"):
                trust(bots, path)
        place.chmod(before)
    trust(bots, path)
    bots.chmod(0o777)
    assert not is_trusted(bots, path)


def test_places_where_things_of_others_come_to_lie_are_not_trusted(tmp_path, path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("Downloads", "downloads"):
        (tmp_path / name).mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/journal.jsonl").touch()
    (tmp_path / "run/strategy").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "a\nb").mkdir()
    places = ("", "Downloads", "downloads", "run", "run/strategy", "file", "gone", "a\nb")
    for place in (*(tmp_path / name for name in places), "/", "/tmp", "/var/tmp"):
        with raises_code(UsageError, "invalid_argument"):
            trust(tmp_path / place, path)
    assert not path.exists()


def test_a_list_that_is_not_the_users_alone_or_damaged_ends_in_an_error(bots, path):
    trust(bots, path)
    text = path.read_bytes()
    for broken in (b"no number here\n", b"1 2\n", b"1 2 relative\n", b"\xff\n"):
        path.write_bytes(text + broken)
        with raises_code(HostError, "cannot_read", match="damaged"):
            is_trusted(bots, path)
    path.write_bytes(text)
    path.chmod(0o666)
    with raises_code(HostError, "not_our_file"):
        is_trusted(bots, path)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    with raises_code(HostError, "not_our_file"):
        is_trusted(bots, path)
    path.parent.chmod(0o700)
    os.rename(path, path.with_name("elsewhere"))
    path.symlink_to("elsewhere")
    with pytest.raises(HostError):
        is_trusted(bots, path)


def test_reading_the_list_is_bounded(bots, path, monkeypatch):
    trust(bots, path)
    monkeypatch.setattr(trusting, "MOST_BYTES", 10)
    with raises_code(HostError, "cannot_read", match="at most 10 are read"):
        trusted_folders(path)


def test_a_half_written_list_of_a_process_that_died_is_no_obstacle(bots, path):
    path.parent.mkdir(mode=0o700)
    path.with_name("trusted.tmp").write_text("half")
    trust(bots, path)
    assert is_trusted(bots, path)


def test_a_relative_path_in_xdg_config_home_does_not_count(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for environment in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "here"}):
        assert list_path(environment) == tmp_path / ".config/safla/trusted"


def test_the_command_adds_lists_and_removes(tmp_path, capsys):
    folder = tmp_path / "my bots"
    folder.mkdir(mode=0o755)
    assert inside(capsys, "trust").out == "no folder is trusted\n"
    added = inside(capsys, "trust", folder)
    check_answer(added, 0)
    assert inside(capsys, "trust").out == f"{folder}\n"
    assert json.loads(inside(capsys, "trust", "--json").out) == [{"path": str(folder), "there": True}]
    back = shlex.split(added.out.partition("take that back with: ")[2])
    assert back == ["safla", "trust", str(folder), "--remove"]
    folder.rename(tmp_path / "elsewhere")
    assert "not trusted now" in inside(capsys, "trust").out
    check_answer(inside(capsys, *back[1:]), 0)
    check_answer(inside(capsys, *back[1:]), 2)
    check_answer(inside(capsys, "trust", "--remove"), 2)
    assert inside(capsys, "trust").out == "no folder is trusted\n"


def test_the_command_as_a_process_of_its_own_trusts_for_the_next(tmp_path, capsys, own_list):
    (tmp_path / "bots").mkdir(mode=0o755)
    script = f"umask 022; {shlex.quote(os.sys.executable)} -m safla trust {shlex.quote(str(tmp_path / 'bots'))}"
    subprocess.run(["/bin/sh", "-c", script], check=True, capture_output=True)
    assert (own_list / "safla/trusted").stat().st_mode & 0o777 == 0o600
    assert inside(capsys, "trust").out == f"{tmp_path / 'bots'}\n"
