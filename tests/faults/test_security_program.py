"""Z25 and Z26 of docs/faults.md: sockets, programs and files that a run touches, and the locks for installation."""

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.faults.command import ROOT
from tests.faults.invariants import untouched
from tests.small_runs import SMALL

# A process that reports its use of sockets and every operation that can change a disk.
DRIVER = """\
import json, os, sys
DOORS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.chmod",
         "os.chown", "os.utime", "os.setxattr", "shutil.move", "shutil.copyfile", "tempfile.mkstemp"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
seen = []
def hook(event, arguments):
    if event.startswith(("socket.", "ftplib.", "http.", "smtplib.", "urllib.", "subprocess.", "os.system", "os.exec")):
        seen.append([event, repr(arguments)])
    if event in DOORS:
        seen.append([event, repr(arguments)])
    if event == "open" and arguments[0] != os.devnull and isinstance(arguments[2], int) and arguments[2] & WRITES:
        seen.append([event, str(arguments[0])])
sys.addaudithook(hook)
from safla.cli import main
code = main(sys.argv[1:])
sys.stderr.write(json.dumps(seen))
sys.exit(code)
"""


def knocks(place: Path, *arguments: str) -> list[tuple[str, str]]:
    """The sockets, programs and disk changes that a command attempts."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments], cwd=place, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [tuple(one) for one in json.loads(done.stderr.splitlines()[-1])]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "c.yaml").write_text(SMALL)
    return folder


@pytest.fixture(scope="module")
def of_a_run(place):
    return knocks(place, "run", "c.yaml", "--out", "run", "--quiet", "--engine", "interpreted")


def test_z25_a_backtest_opens_no_socket_and_starts_no_program(of_a_run):
    assert [one for one in of_a_run if one[0] not in ("open", "os.rename", "os.mkdir")] == []


def test_z25_a_backtest_writes_only_into_its_folder(of_a_run):
    written = [
        name for event, name in of_a_run if event == "open" and not name.isdigit()
    ]  # a number is a descriptor that was opened before
    assert any(name.endswith("journal.jsonl") for name in written)  # proof that the hook works
    assert [name for name in written if not name.startswith("run/")] == []


QUESTIONS = [(), ("--books",), ("--json",), ("--until", "2024-01-03"), ("--set", "risk.stop_loss_pct=0.03")]


@pytest.mark.parametrize(
    "question", [QUESTIONS[0], *(pytest.param(one, marks=pytest.mark.soak) for one in QUESTIONS[1:])], ids=" ".join
)
def test_z25_a_replay_writes_nothing_and_opens_no_socket(place, of_a_run, question):
    with untouched(place):
        assert knocks(place, "replay", "run", "--engine", "interpreted", *question) == []


LOCKS = sorted((ROOT / ".lock").glob("*.txt"))
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s;]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_z26_every_requirement_is_pinned_to_one_release_with_hashes(path):
    lines = re.sub(r" *\\\n *", " ", path.read_text()).splitlines()
    assert len(lines) > 20
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def recipes() -> list[str]:
    """The installing commands of the Makefile, with its variables replaced."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    variables = dict(re.findall(r"^([A-Z]+) :?= (.*)$", text, re.MULTILINE))
    lines = [line.strip() for line in text.splitlines() if line.startswith("\t")]
    for _ in range(3):
        lines = [re.sub(r"\$\(([A-Z]+)\)", lambda name: variables.get(name[1], name[0]), line) for line in lines]
    return [line for line in lines if re.search(r"\bpip\b.* install\b", line)]


def test_z26_installations_from_a_lock_require_hashes_and_wheels():
    locked = [line for line in recipes() if "--requirement" in line]
    assert len(locked) >= 2
    for line in locked:
        assert "--require-hashes --only-binary :all:" in line
        assert re.search(r"--requirement \.lock/\w+\.txt$", line)
    rest = [line for line in recipes() if line not in locked]
    ours = [line for line in rest if "--no-deps" in line and line.endswith("--editable .")]
    tools = [line for line in rest if line.endswith("install --quiet uv")]  # run by hand, to renew the locks
    assert sorted(rest) == sorted(ours + tools)


WHEEL = {
    "METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}


def test_z26_a_wheel_with_changed_bytes_is_not_installed(tmp_path):
    wheel = tmp_path / "planted-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("planted.py", "")
        for name, text in WHEEL.items():
            archive.writestr(f"planted-1.0.dist-info/{name}", text)
    options = shlex.split(next(line for line in recipes() if "--require-hashes" in line).partition(" -m ")[2])
    lock = tmp_path / "lock.txt"
    lock.write_text(f"planted==1.0 --hash=sha256:{sha256(wheel.read_bytes()).hexdigest()}\n")
    assert pip(options, lock) == 0
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    assert pip(options, lock) == 1


def pip(options: list[str], lock: Path) -> int:
    """The exit code of an installation of the lock with the Makefile's options, from its folder alone."""
    command = [*options[: options.index("--requirement")], "--requirement", str(lock), "--no-index"]
    more = ["--find-links", str(lock.parent), "--target", str(lock.parent / "there"), "--no-cache-dir"]
    return subprocess.run(
        [sys.executable, "-m", *command, *more], capture_output=True, timeout=60, check=False
    ).returncode
