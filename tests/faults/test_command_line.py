"""Rows 60 to 62: wrong usage, an output that is closed, full or already exists, a limited terminal or none."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from safla.cli import COMMANDS
from safla.text import printable
from tests.faults.command import ROOT, safla
from tests.faults.invariants import CANARY, GOOD, check_answer, check_run, untouched
from tests.processes import Process
from tests.scale import some_of
from tests.small_runs import SMALL

# --- Row 60 ----------------------------------------------------------------------------------------------------------

WRONG_USAGE = [
    (("rn",), "No such command 'rn'. Did you mean 'run'?"),
    (("validat", "good.yaml"), "Did you mean 'validate'?"),
    (("\x1b[31m",), "No such command '\\x1b[31m'."),
    (("--versoin",), "Did you mean '--version'?"),
    (("run",), "no configuration is named, and there is no config.yaml here"),
    (("run", "good.yaml", "more.yaml"), "unexpected extra argument (more.yaml)"),
    (("run", "good.yaml", "--quite"), "'--quiet'"),
    (("run", "good.yaml", "--ot", "x"), "'--out'"),
    (("run", "good.yaml", "--out"), "Option '--out' requires an argument"),
    (("run", "good.yaml", "--engine", "compild"), "'compild' is not one of 'auto', 'interpreted', 'compiled'"),
    (("run", "good.yaml", "--symbols", "third"), "'third' is not one of 'primary', 'test'"),
    (("run", "good.yaml", "--\x1b[31m"), "No such option '--\\x1b[31m'."),
    (("run", "good.yaml", f"--api-key={CANARY}"), "No such option '--api-key'"),
    (("validate",), "no configuration is named, and there is no config.yaml here"),
    (("run", "good.yaml", "--out="), "expected a path, got an empty text; is a variable of the shell unset?"),
    (("replay", "~nobodyofthatname/run"), "~nobodyofthatname has no home directory here"),
    (("validate", "--resolve", "good.yaml"), "Did you mean '--resolved'?"),
    (("validate", "--resolved", "--json", "good.yaml"), "name one FILE, without --json"),
    (("replay",), "Missing argument 'RUN'"),
    (("replay", "run", "--book"), "Did you mean '--books'?"),
    (("replay", "run", "--until", "never"), "--until never: expected a time"),
    (("init", "a.yaml", "b.yaml"), "unexpected extra argument (b.yaml)"),
    (("schema",), "or --write DIR"),
    (("schema", "confg"), "'confg' is not one of 'config', 'journal'"),
    (("schema", "config", "--write", "."), "or --write DIR"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG_USAGE, ids=[ascii(" ".join(row[0])) for row in WRONG_USAGE])
def test_row_60_wrong_usage_ends_with_exit_2_the_reason_and_one_example(ask, tmp_path, arguments, said):
    with untouched(tmp_path):
        answer = ask(*arguments)
    check_answer(answer, 2)
    assert said in answer.err
    examples = [line for line in answer.err.splitlines() if line.startswith("Example: safla ")]
    assert len(examples) == 1
    command = arguments[0] if arguments[0] in COMMANDS else ""
    assert examples[0].startswith((f"Example: safla {command}", "Example: safla init"))


BAD_OPTIONS = [
    (("--set", "risk.stop_loss_pct"), "expected KEY=VALUE, such as risk.stop_loss_pct=0.03"),
    (("--set", "=1"), "expected KEY=VALUE"),
    (("--set", f"apikey:{CANARY}"), "--set: expected KEY=VALUE"),
    (("--set", f"exchange.secret {CANARY}"), "--set: expected KEY=VALUE"),
    (("--fail-on", "trades >> 1"), "expected METRIC OP NUMBER"),
    (("--fail-on", "sharp > 1"), "sharp: no such figure; did you mean sharpe?"),
]


@pytest.mark.parametrize(("options", "said"), BAD_OPTIONS, ids=[" ".join(row[0]) for row in BAD_OPTIONS])
def test_row_60_a_malformed_option_value_ends_with_exit_2_before_the_run_starts(ask, tmp_path, options, said):
    with untouched(tmp_path):
        answer = ask("run", "good.yaml", *options)
    check_answer(answer, 2)
    assert said in answer.err


# --- Row 61 ----------------------------------------------------------------------------------------------------------


def fifo(path):
    os.mkfifo(path)


TAKEN = {
    "file": lambda path: path.write_text("mine"),
    "folder": lambda path: path.mkdir(),
    "FIFO": fifo,
    "link": lambda path: path.symlink_to("good.yaml"),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_row_61_init_does_not_overwrite_whatever_exists_at_its_path(ask, tmp_path, kind):
    TAKEN[kind](Path("taken"))
    with untouched(tmp_path):
        answer = ask("init", "taken")
    check_answer(answer, 2)
    assert "taken: exists and is not overwritten" in answer.err


@pytest.mark.parametrize("kind", ["file", "FIFO", "link", "link to nothing"])
def test_row_61_neither_schemas_nor_a_run_are_written_to_a_path_that_is_not_a_folder(ask, tmp_path, kind):
    TAKEN[kind](Path("taken"))
    with untouched(tmp_path):
        check_answer(ask("schema", "--write", "taken"), 2)
        check_answer(ask("run", "good.yaml", "--quiet", "--out", "taken"), 6)


def test_row_61_a_folder_with_the_name_of_a_schema_file_is_rejected_before_any_file_is_written(ask, tmp_path):
    Path("out/README.md").mkdir(parents=True)
    with untouched(tmp_path):
        answer = ask("schema", "--write", "out")
    check_answer(answer, 2)
    assert "README.md is a folder there" in answer.err
    with untouched(tmp_path):
        check_answer(ask("schema", "--write", ""), 2)  # as in a script whose variable is not set


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Makes a folder with two configurations and a run of one of them."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "good.yaml").write_text(GOOD)
    (folder / "small.yaml").write_text(SMALL)
    check_answer(safla("run", "small.yaml", "--out", "small", "--quiet", cwd=folder), 0)
    return folder


def shell(place, command):
    """Runs a command in a shell; the exit code is that of the first program of the pipe."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script = f"{command.replace('safla', f'{sys.executable} -m safla', 1)}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script], cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip


PIPES = [
    "safla run small.yaml --out small --json --quiet | head -1",
    "safla run small.yaml --out small | true",
    "safla schema config | head -1",
    "safla --help | true",
]


@some_of("command", PIPES, keep=PIPES[1:3])
def test_row_61_a_pipe_whose_reader_closes_early_causes_no_error(place, command):
    done = shell(place, command)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["run good.yaml --out closed", "init closed.yaml"])
def test_row_61_with_stdout_closed_no_command_starts_its_work(place, command):
    with untouched(place):
        done = shell(place, f"safla {command} >&-")
    assert (done.returncode, done.stderr) == (
        6,
        b"safla: stdout is closed, so the result cannot be printed; open it, or redirect it to a file\n",
    )


def test_row_61_with_all_standard_streams_closed_no_run_starts(place):
    with untouched(place):
        assert shell(place, "safla run good.yaml --out closed <&- >&- 2>&-").returncode == 6


def test_row_61_a_run_needs_neither_stdin_nor_stderr(place):
    done = shell(place, "safla run small.yaml --out deaf <&- 2>&-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (place / "deaf" / "journal.jsonl").read_bytes() == (place / "small" / "journal.jsonl").read_bytes()
    check_run(place / "deaf", max_positions=3)


def test_row_61_library_output_to_a_closed_stderr_never_reaches_a_file_of_the_run(place):
    driver = (
        "import os, sys\n"
        "from safla.cli import main\n"
        "from safla.journal import append\n"
        "sync = append._sync\n"
        "append._sync = lambda descriptor: (os.write(2, b'a word of a library'), sync(descriptor))\n"
        "sys.exit(main(['run', 'small.yaml', '--out', 'words', '--quiet']))\n"
    )
    (place / "driver.py").write_text(driver)
    assert shell(place, f"{sys.executable} driver.py <&- 2>&-").returncode == 0
    assert (place / "words" / "journal.jsonl").read_bytes() == (place / "small" / "journal.jsonl").read_bytes()


@pytest.mark.parametrize("command", ["schema config", "run small.yaml --out small --quiet"])
def test_row_61_a_full_stdout_ends_with_exit_6_and_one_line(place, command):
    done = shell(place, f"safla {command} > /dev/full")
    assert (done.returncode, done.stderr) == (6, b"safla: No space left on device\n")


# --- Row 62 ----------------------------------------------------------------------------------------------------------

TERMINALS = {
    "one column, dumb": {"COLUMNS": "1", "TERM": "dumb", "NO_COLOR": "1"},
    "no sense": {"COLUMNS": "-7", "LINES": "x", "TERM": "", "FORCE_COLOR": "1", "LC_ALL": "xx_YY.none"},
    "ascii": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
ASKED = (
    ("run", "small.yaml", "--out", "small"),
    ("run", "small.yaml", "--out", "small", "--json"),
    ("replay", "small"),
    ("validate", "--resolved", "small.yaml"),
    ("validate", "grün-Ω.yaml"),
    ("validate", "none-Ω.yaml"),
    ("run", "--help"),
)
DRIVER = "import sys; from safla.cli import main; [print(f'\\0{main(one.split())}') for one in sys.argv[1:]]"


def answers(place, variables):
    """Returns the output of all commands of ASKED, run in one process, which an encoding error would end."""
    (place / "grün-Ω.yaml").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *map(" ".join, ASKED)], cwd=place, stdin=subprocess.DEVNULL, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables}, capture_output=True, check=False,
    )  # fmt: skip
    assert b"Error" not in done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert done.returncode == 0
    return done.stdout.decode().split("\0"), done.stderr.decode()


@pytest.fixture(scope="module")
def rich(place):
    """Returns the output without any limitation of the terminal."""
    return answers(place, {"PYTHONIOENCODING": "utf-8"})


@some_of("terminal", TERMINALS, keep=("C",))
def test_row_62_output_is_complete_on_a_limited_terminal_or_without_one(place, rich, terminal):
    whole, talk = rich
    printed, said = answers(place, TERMINALS[terminal])
    if terminal == "C":  # this locale cannot decode the file names, so their bytes are shown
        letters = [(letter, printable(letter.encode().decode("ascii", "surrogateescape"))) for letter in "üΩ"]
        for letter, spelled in letters:
            whole, talk = [one.replace(letter, spelled) for one in whole], talk.replace(letter, spelled)
    assert said == talk
    assert [one.partition("\n")[0] for one in printed[1:]] == ["0", "0", "0", "0", "0", "3", "0"]
    assert printed[:6] == whole[:6]  # the second is --json
    assert "".join(printed[6].split()) == "".join(whole[6].split())  # the help text wraps at other places


def on_a_terminal(place, *arguments, columns, **variables):
    """Runs a command whose stderr is a terminal. Returns exit code, stdout, and all that the terminal received."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **variables}
    with Process(
        [sys.executable, "-m", "safla", *arguments], cwd=place, env=environment, stdin=theirs, stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        sent = b""
        with suppress(OSError):  # EIO: the other side has closed the terminal
            while block := os.read(ours, 65_536):
                sent += block
        out = process.stdout.read()
    os.close(ours)
    return process.returncode, out.decode(), sent.decode()


SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize(("columns", "variables"), [(80, {}), (1, {"NO_COLOR": "1"}), (80, {"TERM": "dumb"})])
def test_row_62_the_progress_bar_restores_the_terminal(place, rich, columns, variables):
    code, out, sent = on_a_terminal(place, "run", "small.yaml", "--out", "small", columns=columns, **variables)
    assert (code, out) == (0, rich[0][0])
    assert sent.count("\x1b[?25l") == sent.count("\x1b[?25h")  # the cursor is shown again
    assert sent == "" or sent.endswith(("\x1b[2K", "\n"))  # and it is on an empty line
    assert SEQUENCE.sub("", sent).replace("\r", "").replace("\n", "").isprintable()
    assert "TERM" not in variables or "\x1b" not in sent
    assert "NO_COLOR" not in variables or "m" not in [found[-1] for found in SEQUENCE.findall(sent)]
