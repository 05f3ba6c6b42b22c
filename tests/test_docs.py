"""The documents are true and complete: generated parts are up to date, and commands and examples run.

In README.md and docs/ a block of `sh` or `python` after `<!-- run -->` is run, where `make run` has been; a block of
`text` right after it is what it prints on stdout. After `<!-- run in make soak -->` it is run there alone. The parts
between `<!-- NAME -->` and `<!-- /NAME -->` are generated. --update-golden writes all of that again, and the lines of a
journal that a document shows.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from safla import errors
from safla.cli import COMMANDS, program
from safla.cli.schema import generated
from safla.config.indicator_reference import indicators_table
from safla.config.reference import keys
from safla.core.machine import TABLE
from safla.core.values import HALT_RULES, REASONS, RESUMERS
from safla.error_codes import CODES
from safla.journal.events import Fact
from tests.fake_exchange import Market, served, synthetic
from tests.scale import some_of
from tests.tidy.source import ROOT

README = ROOT / "README.md"
DOCUMENTS = sorted(path.relative_to(ROOT).as_posix() for path in (README, *(ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(
    r"^<!-- run( in make soak)? -->\n+```(sh|python)\n(.*?)^```\n(?:\n*```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL
)


@cache
def reference() -> str:
    """The reference of keys and events, as it is generated."""
    return generated()["README.md"]


def diagram() -> str:
    """Returns the table of modes as a diagram with a line for each row (D4)."""
    rows = [f"    {source} --> {target}: {trigger}" for trigger, source, target in TABLE]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> idle", *rows, "```"])


def commands() -> str:
    """The commands as a table."""
    rows = [f"| `safla {name}` | {meaning} |" for name, (_, meaning) in COMMANDS.items()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def codes() -> str:
    """The codes of errors as a table."""
    rows = [
        f"| `{code}` | `{kind}` | {getattr(errors, kind).exit_code} | {meaning} |"
        for kind, meanings in CODES.items()
        for code, meaning in meanings.items()
    ]
    return "\n".join(["| code | class | exit | what it means, and what to do |", "|---|---|---|---|", *rows])


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Returns each command and subcommand by the words after `safla`."""
    for name in COMMANDS:
        command = program([name]).commands[name]
        yield name, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for inner in command.commands:
                _, one, _ = command.resolve_command(context, [inner])
                assert one is not None, "a group has the commands that it lists"
                yield f"{name} {inner}", one


@pytest.fixture(scope="module")
def exchange() -> Iterator[str]:
    """The address of an exchange for what is typed: SYNTHETIC hours of three symbols, one with a gap."""
    markets = [
        Market(f"{base}USDT", {"1h": synthetic(1_704_067_200_000, 3_600_000, 3000, seed=seed, gaps=gaps)})
        for base, seed, gaps in (("BTC", 1, ()), ("ETH", 2, (700, 701, 702)), ("SOL", 3, ()))
    ]
    with served(markets) as fake:
        yield fake.rest_url


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, exchange: str) -> Path:
    """A folder in which `make run` has been called."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "bin").mkdir()
    there = f"export SAFLA__EXCHANGE__REST_URL={exchange}"
    (folder / "bin" / "safla").write_text(f'#!/bin/sh\n{there}\nexec "{sys.executable}" -m safla "$@"\n')
    (folder / "bin" / "safla").chmod(0o755)
    for name in ("configs", "tests"):
        (folder / name).symlink_to(ROOT / name)
    stored = "safla data import configs/data/SYNTHETIC-BTCUSDT-1h-2024.zip --symbol BTC/USDT"
    begun = "safla run configs/paper.yaml --set paper.source=replay --set paper.speed=1x --quiet"
    left = f"timeout --preserve-status -s INT 6 {begun} || test $? -eq 130"  # at 1x, after the lookback
    for script in ("safla run configs/btc.yaml", stored, left):  # what the examples of some commands look at
        result = run(folder, script)
        assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that folder, for one test alone."""
    return Path(shutil.copytree(made, tmp_path / "copy", symlinks=True))


def run(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """What a script answers that is typed in a folder."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def update(path: Path, before: str, after: str) -> None:
    """Write a document whose text has changed."""
    if after != before:
        path.write_text(after, encoding="utf-8")


@pytest.mark.parametrize(
    ("document", "name", "text"),
    [
        ("docs/semantics.md", "modes", diagram()),
        ("README.md", "commands", commands()),
        ("docs/errors.md", "codes", codes()),
        ("docs/indicators.md", "indicators", indicators_table()),
    ],
)
def test_every_generated_part_of_a_document_is_up_to_date(
    document: str, name: str, text: str, update_golden: bool
) -> None:
    path = ROOT / document
    before = path.read_text(encoding="utf-8")
    part = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->\n)", re.DOTALL)
    assert len(part.findall(before)) == 1, f"{document} has no part between <!-- {name} --> and <!-- /{name} -->"
    fresh = part.sub(lambda _: f"{text}\n", before)
    if update_golden:
        update(path, before, fresh)
    assert path.read_text(encoding="utf-8") == fresh, "python -m pytest tests/test_docs.py --update-golden"


def test_the_readme_has_one_command_that_runs_and_one_that_tests() -> None:
    first = re.search(r"^```sh\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert first is not None
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make run", "make test"]


@some_of(
    "document",
    [one for one in DOCUMENTS if BLOCK.search((ROOT / one).read_text(encoding="utf-8"))],
    keep=("README.md", "docs/candles.md", "docs/configuration.md"),
)
def test_examples_in_documents_run_and_print_the_shown_output(
    document: str, folder: Path, release: bool, update_golden: bool
) -> None:
    path = ROOT / document
    before = after = path.read_text(encoding="utf-8")
    for turn in ("first", "second") if release else ("first",):  # a reader may run the examples again
        for block in BLOCK.finditer(before):
            long, language, script, printed = block.groups()
            if long and not (release or update_golden):
                continue
            (folder / "typed.py").write_text(script)
            result = run(folder, script if language == "sh" else f"{sys.executable} typed.py")
            assert result.returncode == 0, f"{turn} time: {script}{result.stderr}"
            if update_golden and printed is not None:
                shown = block[0].removesuffix(f"{printed}```\n")
                after = after.replace(block[0], f"{shown}{result.stdout}```\n")
            else:
                assert printed in (None, "", result.stdout) or turn == "second", script
    update(path, before, after)


def test_journal_lines_in_documents_match_the_example(folder: Path, update_golden: bool) -> None:
    (journal,) = folder.glob("logs/btc-*/journal.jsonl")
    lines = journal.read_text().splitlines()
    line = re.compile(r'^\{"n":(\d+),.*$', re.MULTILINE)
    shown = 0
    for path in (ROOT / document for document in DOCUMENTS):
        before = path.read_text(encoding="utf-8")
        after = line.sub(lambda found: lines[int(found[1]) - 1], before)
        shown += len(line.findall(before))
        if update_golden:
            update(path, before, after)
        else:
            assert before == after, path
    assert shown >= 1


def test_links_in_documents_have_existing_targets() -> None:
    link = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
    for path in (ROOT / name for name in (*DOCUMENTS, "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")):
        for target in link.findall(path.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (path.parent / target).exists(), f"{path}: {target}"


@some_of("name", [name for name, _ in every_command()], every=7)
def test_the_help_of_every_command_ends_in_an_example_that_runs(name: str, folder: Path) -> None:
    page = run(folder, f"safla {name} --help").stdout
    last = page.rstrip().splitlines()[-1].strip()
    assert last.startswith(f"Example: safla {name}"), page
    if name == "engine build":
        pytest.skip("it downloads a compiler; make engine shows that it works")
    result = run(folder, last.removeprefix("Example: "))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_every_option_and_command_has_a_help_text(name: str) -> None:
    command = dict(every_command())[name]
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert command.get_short_help_str() != ""
    assert [one.name for one in options if not one.help] == []


def test_the_reference_has_a_row_for_every_key_and_every_event() -> None:
    names = [key.name for key in keys().values() if key.default != "-"]
    names += [str(event.__struct_config__.tag) for event in Fact.__subclasses__()]
    assert [name for name in names if f"| `{name}` |" not in reference()] == []


def test_the_reference_names_every_reason_code() -> None:
    assert [code for code in (*REASONS[1:], *HALT_RULES, *RESUMERS) if not re.search(rf"\b{code}\b", reference())] == []
