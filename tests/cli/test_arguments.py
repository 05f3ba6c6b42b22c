"""Paths on the command line and from Python: an unexpanded ~, an empty path, and the default ./config.yaml."""

from pathlib import Path

import click
import pytest

import safla
from safla import cli
from safla.cli.arguments import PathName
from safla.cli.data import COMMANDS as DATA
from tests.small_runs import SMALL


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sets a separate home folder next to the current folder."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def commands() -> list[click.Command]:
    """Every command there is."""
    names = [(name,) for name in cli.COMMANDS if name != "data"] + [("data", name) for name in DATA]
    found = []
    for words in names:
        command: click.Command = cli.program(words)
        with command.make_context("safla", list(words), resilient_parsing=True) as context:
            for word in words:
                assert isinstance(command, click.Group)
                _, inner, _ = command.resolve_command(context, [word])
                assert inner is not None
                command = inner
        found.append(command)
    return found


def test_every_path_of_every_command_is_expanded_in_the_same_way() -> None:
    paths = [one for command in commands() for one in command.params if isinstance(one.type, click.Path)]
    assert len(paths) >= 15
    assert [one.name for one in paths if not isinstance(one.type, PathName)] == []


def test_a_tilde_that_the_shell_did_not_expand_is_the_home_folder(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "small.yaml").write_text(SMALL)
    assert cli.main(["run", "~/small.yaml", "--out=~/run", "--quiet"]) == 0
    assert cli.main(["replay", "~/run"]) == 0
    assert cli.main(["init", "~/new.yaml"]) == 0
    assert cli.main(["doctor", "--config=~/new.yaml", "--json"]) == 0
    assert sorted(one.name for one in home.iterdir()) == ["new.yaml", "run", "small.yaml"]
    assert list(Path.cwd().iterdir()) == []
    assert safla.replay("~/run")
    assert safla.run("~/small.yaml", out="~/run").same_journal
    with pytest.raises(safla.UsageError, match="~nobodyofthatname has no home directory here"):
        safla.run("~/small.yaml", out="~nobodyofthatname/run")
    assert cli.main(["run", "~/small.yaml", "--out", "./~", "--quiet"]) == 0  # a folder of that name, named explicitly
    assert [one.name for one in Path.cwd().iterdir()] == ["~"]
    assert cli.main(["replay", "./~"]) == 0


@pytest.mark.parametrize("command", ["run", "validate"])
def test_without_a_path_config_yaml_of_the_current_folder_is_used(
    home: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert cli.main([command]) == 2
    err = capsys.readouterr().err.splitlines()
    assert err[0] == (
        "safla: no configuration is named, and there is no config.yaml here; name one, or write one with `safla init`"
    )
    assert list(Path.cwd().iterdir()) == []
    Path("config.yaml").write_text(SMALL)
    assert cli.main([command]) == 0
    assert "Small" in capsys.readouterr().out or command == "validate"


@pytest.mark.parametrize(
    "arguments",
    [("run", "--out="), ("run", ""), ("validate", ""), ("replay", ""), ("schema", "--write="), ("init", "")],
)
def test_an_empty_path_is_a_usage_error_and_never_the_current_folder(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert cli.main(arguments) == 2
    assert "expected a path, got an empty text; is a variable of the shell unset?" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [("data", "list"), ("data", "verify"), ("doctor", "--set", "data.source=synthetic")]
)
def test_every_command_reports_a_misspelled_safla_variable(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SAFLA_STORAGE_CACHE_DIRECTORY", "elsewhere")
    assert cli.main(arguments) == 0
    assert "warning: SAFLA_STORAGE_CACHE_DIRECTORY: ignored; " in capsys.readouterr().err


def test_a_run_from_python_notes_a_misspelled_safla_variable(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFLA_RISK_STOP_LOSS_PCT", "0.5")
    result = safla.run({"data": {"source": "synthetic", "synthetic": {"candles": 50}}}, out="run")
    assert result.notes[0] == (
        "warning: SAFLA_RISK_STOP_LOSS_PCT: ignored; write it in upper case with two underscores: "
        "SAFLA__RISK__STOP_LOSS_PCT"
    )
