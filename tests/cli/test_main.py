"""The command line as a whole: exit codes, help, what is imported; rows 60 to 62 are in tests/faults."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from safla import cli
from safla.errors import Bug, DataError, HostError, Interrupted, SaflaError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The command `init` raises what is put into this list."""
    errors: list[BaseException] = []

    @click.command("init")
    @click.pass_obj
    def command(session: cli.Session) -> None:
        session.folder = Path(os.environ["FOLDER"]) if "FOLDER" in os.environ else None
        raise errors[0]

    monkeypatch.setattr("safla.cli.init.command", command)
    return errors


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DataError("a.csv:7: close is 0"), 4, "safla: a.csv:7: close is 0\n"),
        (HostError("no room"), 6, "safla: no room\n"),
        (Interrupted("stopped", 143), 143, "safla: stopped\n"),
        (SaflaError("\x1b[31mred\u202e"), 70, "safla: \\x1b[31mred\\u202e\n"),
        (KeyboardInterrupt(), 130, ""),
        (
            UnicodeEncodeError("ascii", "\xfc.csv", 0, 1, "ordinal not in range"),
            6,
            "safla: \xfc.csv cannot be written in ascii; set LC_ALL=C.UTF-8 or PYTHONUTF8=1\n",
        ),
        (PermissionError(13, "Permission denied", "x.yaml"), 6, "safla: Permission denied: x.yaml\n"),
    ],
)
def test_an_error_becomes_its_exit_code_and_one_line(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    failing.append(error)
    assert cli.main(["init"]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", said)


@pytest.mark.parametrize("error", [ZeroDivisionError("secret = hunter2"), Bug("a trigger without a row")])
def test_an_internal_error_is_one_line_with_its_details_in_the_run_folder(
    failing: list[BaseException],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: BaseException,
) -> None:
    failing.append(error)
    monkeypatch.setenv("FOLDER", str(tmp_path))
    assert cli.main(["init"]) == 70
    (details,) = tmp_path.iterdir()
    assert "Traceback" in details.read_text()
    assert details.stat().st_mode & 0o777 == 0o600
    err = capsys.readouterr().err
    assert err.splitlines()[-1].endswith(f"the details in {details}")
    assert "Traceback" not in err
    assert "hunter2" not in err


def test_without_a_command_the_help_is_shown_with_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    err = capsys.readouterr().err
    assert all(name in err for name in ["validate", "init", "schema"])


def test_every_command_has_a_line_of_help_and_ends_in_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (_, meaning) in cli.COMMANDS.items():
        assert meaning.endswith(".")
        assert cli.main([name, "--help"]) == 0
        assert f"Example: safla {name}" in capsys.readouterr().out.strip().splitlines()[-1]


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from safla.cli import main; code = main(['--help']);"
        "heavy = {'pydantic', 'numpy', 'ruamel', 'ccxt', 'numba', 'polars', 'msgspec', 'transitions'};"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_validating_imports_no_library_that_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("mode: backtest\n")
    code = (
        f"import sys; from safla.cli import main; code = main(['validate', '{tmp_path}/c.yaml']);"
        "print(code, sorted({'ccxt', 'numba', 'numpy', 'polars', 'msgspec', 'plotly', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("safla")


def test_python_with_disabled_assertions_is_rejected() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "safla", "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "python -O" in done.stderr
