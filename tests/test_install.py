"""Installation of safla: its name, content of the wheel, and the Dockerfile, in fresh environments."""

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import numpy
import pytest

from safla.cli import main
from safla.compiled.library import LIBRARY, MANIFEST, library
from tests.tidy.source import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEXTS = [ROOT / name for name in ("README.md", "CHANGELOG.md", "Dockerfile", "Makefile", "pyproject.toml")]
TEXTS += [path for folder in ("safla", "configs", "schemas", "docs") for path in (ROOT / folder).rglob("*.*")
          if path.suffix in {".py", ".md", ".yaml", ".json"}]  # fmt: skip
# Commands of pip with their words, and the other project that is called safla.
ELSEWHERE = re.compile(r"(pipx?|uvx?)( tool)? (install|add|inject|run)[^\n`]*[ '\"]safla(?![_/.\w])|(?<![\w-])safla\[")
INSTALLED = re.compile(r"\b(?:pip|pipx|uv|uv tool|uv pip) (?:install|add|inject|run)((?: +[^\s;#`&)]+)*)")
VALUED = {"--requirement", "-r", "--only-binary"}  # options whose next word is no package
DEPENDENCIES = Path(numpy.__file__).parents[1]  # where those of this process lie


def test_the_distribution_has_its_own_name_and_the_command_is_safla(capsys):
    assert PROJECT["name"] == "safla-trading"
    assert list(PROJECT["scripts"]) == ["safla"]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"safla {PROJECT['version']}\n"


@pytest.mark.parametrize(
    "text",
    ["pip install safla", "pipx install safla", "pip install -U safla", "python -m pip install 'safla[metrics]'",
     "needs `safla[metrics]`", "pip install safla-trading", "pipx install 'safla-trading[metrics]'",
     "uv tool install safla-trading"],
)  # fmt: skip
def test_the_pattern_finds_install_commands_of_the_other_project(text):
    assert ELSEWHERE.search(text)


def test_no_text_installs_the_other_project_named_safla():
    found = [(path.name, match[0]) for path in TEXTS for match in ELSEWHERE.finditer(path.read_text(encoding="utf-8"))]
    assert len(TEXTS) > 200
    assert found == []


def from_an_index(text: str) -> list[str]:
    """What the commands of pip in a text would take from a package index under a name."""
    found = []
    for command in INSTALLED.finditer(text):
        before = ""
        for word in command[1].split():
            name = word.strip("'\",.")
            if word[0] not in "-.{" and name and before not in VALUED and not word.startswith(("'.", '".')):
                found.append(name)
            before = word
    return found


def test_a_hint_that_installs_a_package_from_an_index_is_detected():
    assert from_an_index("click is not installed; python -m pip install click") == ["click"]
    assert from_an_index("pip install -U 'polars[x]' foo; then") == ["polars[x]", "foo"]
    assert from_an_index("pip install .; pip install '.[metrics]'; pip install --requirement .lock/run.txt") == []


def test_no_hint_installs_safla_by_a_name_that_others_could_register():
    found = [(path.name, name) for path in TEXTS for name in from_an_index(path.read_text(encoding="utf-8"))]
    assert found == []


# --- In a fresh place ------------------------------------------------------------------------------------------------


def typed(words: list[str], *, cwd: Path, environment: dict[str, str] | None = None, seconds: int = 60) -> str:
    """Returns the output of a program that is called with the given environment only."""
    done = subprocess.run(
        words, cwd=cwd, env=environment or {}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the project, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "-m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir"
    typed([sys.executable, *build.split(), str(folder), str(ROOT)], cwd=folder, environment=dict(os.environ))
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_contains_only_the_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    built = {f"safla/compiled/{name}" for name in (LIBRARY, MANIFEST) if (ROOT / "safla/compiled" / name).exists()}
    others = {"safla/py.typed", "safla/compiled/packages.txt", "safla/compiled/linker.txt"}
    kinds = ("*.py", "*.pyi", "presets/*.yaml")
    ours = {str(path.relative_to(ROOT)) for kind in kinds for path in (ROOT / "safla").rglob(kind)} | others | built
    tag = "manylinux_2_17_x86_64" if built else "any"
    assert wheel.name == f"safla_trading-{PROJECT['version']}-py3-none-{tag}.whl"
    assert {name for name in names if ".dist-info/" not in name} == ours


def test_an_installed_wheel_runs_in_an_empty_folder(wheel, tmp_path):
    # given a new environment with the wheel, which finds the packages that it needs where this process has them
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    venv.create(environment, with_pip=False)
    (packages,) = environment.glob("lib/python*/site-packages")
    install = "-m pip --disable-pip-version-check install --quiet --no-deps --no-index --target"
    typed([sys.executable, *install.split(), str(packages), str(wheel)], cwd=tmp_path, environment=dict(os.environ))
    (packages / "dependencies.pth").write_text(f"{DEPENDENCIES}\n")
    empty.mkdir()
    safla = [str(environment / "bin" / "python"), "-m", "safla"]
    place = "import safla; print(safla.__file__)"
    assert typed([safla[0], "-c", place], cwd=empty).startswith(str(packages))
    shown = json.loads(typed([*safla, "engine", "show", "--json"], cwd=empty))
    assert shown["compiled"] == (library().library is not None)
    # when the first commands of the README are run without any shell variables
    typed([*safla, "init"], cwd=empty)
    out = typed([*safla, "run", "config.yaml", "--quiet"], cwd=empty)
    # then it ran on candles that are called synthetic
    assert out.splitlines()[0].split(maxsplit=1) == ["source", "synthetic, trends built in"]
    assert sorted(path.name for path in empty.iterdir()) == ["config.yaml", "logs"]
    assert len(list((empty / "logs").glob("config-*/journal.jsonl"))) == 1


DOCKERFILE = [line.split(maxsplit=1) for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1].isalpha()]
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def copied() -> list[str]:
    """The names that the Dockerfile copies."""
    return [name for word, rest in DOCKERFILE if word == "COPY" for name in rest.split()[:-1]]


def test_the_dockerfile_copies_only_existing_files_that_are_not_ignored():
    kept = [pattern.removeprefix("!") for pattern in IGNORED if pattern.startswith("!")]
    assert IGNORED[0] == "*"
    for name in copied():
        assert (ROOT / name).exists()
        assert any(fnmatch(name, pattern) for pattern in kept), name


def test_the_container_does_not_run_as_root_and_writes_only_to_a_volume():
    words = [word for word, _ in DOCKERFILE]
    user = next(rest for word, rest in DOCKERFILE if word == "USER")
    volume = next(rest for word, rest in DOCKERFILE if word == "VOLUME")
    assert int(user.partition(":")[0]) > 0
    assert "RUN" not in words[words.index("USER") :]
    assert [rest for word, rest in DOCKERFILE if word == "WORKDIR"][-1] == volume


@pytest.mark.soak
def test_the_lines_of_the_dockerfile_install_and_run_in_a_fresh_environment(tmp_path):
    # given an environment without packages in the place of the image, and its folders below one of the test's
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    variables = {
        name: value for name, value in os.environ.items() if name.lower().startswith(("pip_", "http", "no_proxy"))
    }
    variables |= {
        "PATH": f"{environment / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PIP_RETRIES": "1",
        "PIP_TIMEOUT": "20",
    }
    here = tmp_path

    def placed(text: str) -> str:
        return re.sub(r"(?<![\w./])/(src|runs)\b", lambda found: f"{tmp_path}/{found[1]}", text)

    # when each line is followed
    for word, rest in DOCKERFILE:
        if word == "WORKDIR":
            here = Path(placed(rest))
            here.mkdir(exist_ok=True)
        elif word == "ENV":
            variables |= dict(pair.split("=", 1) for pair in placed(rest).split())
        elif word == "COPY":
            *names, target = rest.split()
            for name in names:
                place = here / target / name if target == "./" else here / target
                place.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-r", str(ROOT / name), str(place)], check=True)
        elif word == "RUN":
            followed(placed(rest), cwd=here, environment=variables)
    entry, called = (json.loads(dict(DOCKERFILE)[word]) for word in ("ENTRYPOINT", "CMD"))
    program = [str(environment / "bin" / entry[0]), *entry[1:]]
    typed([*program, "init"], cwd=here, environment=variables)
    out = typed([*program, *called], cwd=here, environment=variables)
    # then it ran, and wrote into the volume alone
    assert here == tmp_path / "runs"
    assert "net profit" in out
    assert len(list(here.glob("logs/*/summary.json"))) == 1


def followed(script: str, *, cwd: Path, environment: dict[str, str]) -> None:
    """Runs one line; without the package registry the test is skipped."""
    done = subprocess.run(
        ["sh", "-euc", script], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    unreachable = re.search(
        "No matching distribution|Failed to establish|Temporary failure|Connection|Max retries", done.stderr
    )
    if done.returncode and unreachable and "--requirement" in script:
        pytest.skip(f"the registry of packages cannot be reached: {unreachable[0]}")
    assert done.returncode == 0, f"{script}: {done.stderr}"
