"""Row 54: names that could lead to other folders or control a terminal are rejected or escaped; nothing leaks out."""

import os
from pathlib import Path

import pytest

from tests.faults.command import safla
from tests.faults.invariants import GOOD, check_answer, check_run, refused, untouched
from tests.scale import some_of

NO_NAMES = [
    "../x",
    "../../../../tmp/x",
    "/etc/passwd",
    "a\0b",
    "x" * 300,
    "CON",
    "\x1b[2Jx",
    "\u202etxt",
    "\x9b1mx",
    "\ud800",
]
KEYS = [
    ("system.name", NO_NAMES),
    ("symbols.primary", NO_NAMES),
    ("strategy.name", [*NO_NAMES, "os.system"]),
    ("exchange.name", NO_NAMES),
    ("logging.files.trades", [*NO_NAMES, "../trades.log", "a/b.log", "CON.log", "com1.log"]),
    ("storage.logs_directory", ["a\0b", "\x1b[2Jx", "\x9b1mx", "\ud800", "x" * 1001]),
    ("data.path", ["a\0b", "\x1b[2Jx", "\x9b1mx", "\ud800", "x" * 1001]),
]  # a path of the user may lead anywhere; a name may not


@pytest.mark.parametrize(("key", "texts"), KEYS, ids=[key for key, _ in KEYS])
def test_row_54_a_name_that_could_escape_its_folder_or_control_a_terminal_is_rejected(ask, tmp_path, key, texts):
    for text in texts:
        quoted = '"' + "".join(f"\\u{ord(one):04x}" for one in text) + '"'
        tree = quoted
        for name in reversed(key.split(".")):
            tree = f"{{{name}: {tree}}}"
        Path("c.yaml").write_text(tree)
        with untouched(tmp_path):
            problems = refused(ask, "c.yaml")
            assert f": {key}: " in problems[0]
            assert len(problems[0]) < 400
            (problem,) = refused(ask, "good.yaml", f"{key}={quoted}")
        assert problem.startswith(f"--set: {key}: ")


@pytest.mark.parametrize("text", ["a\0b", "\x1b[2Jx", "\ud800", "x" * 1001, ""])
def test_row_54_an_impossible_file_name_in_extends_is_rejected(ask, text):
    Path("c.yaml").write_text('extends: "' + "".join(f"\\u{ord(one):04x}" for one in text) + '"\n')
    (problem,) = refused(ask, "c.yaml")
    assert problem.startswith("c.yaml:1:10: extends: ")
    assert "expected a path or a list of paths, got " in problem


NO_ARGUMENTS = [
    ("validate", "{}"), ("run", "{}"), ("run", "good.yaml", "--out", "{}"), ("run", "good.yaml", "--symbols", "{}"),
    ("replay", "{}"), ("replay", "run", "--until", "{}"), ("init", "{}"), ("schema", "--write", "{}"), ("{}",),
    ("run", "good.yaml", "--set", "system.name={}"), ("run", "good.yaml", "--fail-on", "{} > 1"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", NO_ARGUMENTS, ids=" ".join)
@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["NUL", "half a pair"])
def test_row_54_an_argument_with_a_nul_or_a_lone_surrogate_is_wrong_usage(ask, tmp_path, arguments, text):
    with untouched(tmp_path):
        check_answer(ask(*(one.replace("{}", text) for one in arguments)), 2)


ESCAPES = ["\x1b[2J\x1b]0;x\x07evil", "\u202etxt.lmay", "\x9b31mred", "new\nline", "\udcff", "[link=x]{0}%s"]


@pytest.mark.parametrize("name", ESCAPES, ids=ascii)
def test_row_54_a_strange_configuration_file_name_is_escaped_in_output_and_in_folder_names(ask, tmp_path, name):
    Path(f"{name}.yaml").write_text(GOOD)
    check_answer(ask("validate", f"{name}.yaml"), 0)
    resolved = ask("validate", "--resolved", f"{name}.yaml")
    check_answer(resolved, 0)
    there = {path.name for path in tmp_path.rglob("*")}
    answer = ask("run", f"{name}.yaml", "--quiet")
    check_answer(answer, 0)
    (folder,) = Path("logs").iterdir()
    assert folder.name.replace("-", "").replace("_", "").isalnum()
    assert folder.name.isascii()
    assert {path.name for path in tmp_path.rglob("*")} - there == {"logs", folder.name, *(os.listdir(folder))}
    for path in folder.iterdir():
        assert b"\x1b" not in path.read_bytes() or path.suffix == ".parquet"
    check_run(folder, max_positions=3)


@pytest.mark.parametrize("name", ["../beside", "a/../b", "CON", "-x", "./~", *ESCAPES], ids=ascii)
def test_row_54_a_run_writes_only_into_the_folder_given_by_out(ask, tmp_path, name):
    out = Path(name)
    with untouched(Path("good.yaml")):
        answer = ask("run", "good.yaml", "--quiet", f"--out={name}")
    check_answer(answer, 0)
    below = {path.resolve() for path in tmp_path.rglob("*")} - {Path.cwd(), Path("good.yaml").resolve()}
    assert all(path.is_relative_to(out.resolve()) or path == Path("a").resolve() for path in below)
    check_run(out, max_positions=3)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "good.yaml", "--out", "x" * 300), 6),
        (("init", "x" * 300), 6),
        (("schema", "--write", "x" * 300), 6),
        (("validate", "x" * 300), 3),
        (("run", "good.yaml", "--out", ".", "--force"), 2),
        (("run", "good.yaml", "--out", "", "--force"), 2),
        (("run", "good.yaml", "--out", "/", "--force"), 2),
        (("run", "good.yaml", "--out", "..", "--force"), 2),
        (("run", "good.yaml", "--symbols", "../x"), 2),
    ],
)  # fmt: skip
def test_row_54_an_impossible_path_or_name_is_rejected_and_nothing_is_written(ask, tmp_path, arguments, code):
    with untouched(tmp_path):
        check_answer(ask(*arguments), code)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # a locale without umlauts


@pytest.mark.parametrize(
    ("variables", "name", "why"),
    [
        ({}, b"Gr\xf6\xdfe", "is not valid UTF-8; rename it"),  # Latin-1, as on an old disk
        pytest.param(
            ASCII,
            "Größe".encode(),
            "cannot be read in ascii; set LC_ALL=C.UTF-8 or PYTHONUTF8=1",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_row_54_a_folder_name_that_cannot_be_decoded_is_reported_as_the_cause(tmp_path, variables, name, why):
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    (folder / "c.yaml").write_text("data: {source: csv, path: c.csv}\n")
    for command in ("run", "validate"):
        answer = safla(command, "c.yaml", cwd=folder, env=variables)
        check_answer(answer, 3)
        assert answer.err.startswith('c.yaml:1:27: data.path: "c.csv" is relative to this file, and the folder ')
        assert answer.err.endswith(f"{why}\n")
    (folder / "c.yaml").write_text("data: {source: synthetic, synthetic: {candles: 50}}\n")
    answer = safla("run", "c.yaml", "--quiet", cwd=folder, env=variables)  # without relative paths it runs
    check_answer(answer, 0)


@some_of(
    "text",
    [
        "data: {source: csv, path: /ü.csv}",
        "storage: {logs_directory: lüg}",
        "storage: {cache_directory: ü}",
        "extends: ü.yaml",
    ],
    every=3,
)
def test_row_54_a_path_that_the_locale_cannot_encode_is_rejected_with_its_key(tmp_path, text):
    (tmp_path / "c.yaml").write_text(f"{text}\n", encoding="utf-8")
    answer = safla("run", "c.yaml", cwd=tmp_path, env=ASCII)
    check_answer(answer, 3)
    assert "cannot be written in ascii; set LC_ALL=C.UTF-8 or PYTHONUTF8=1" in answer.err
    assert [one.name for one in tmp_path.iterdir()] == ["c.yaml"]
