"""Who may name code (C1, C2): a file of configuration in a trusted folder, the command line, an installed package."""

import shlex

import pytest

import safla
from safla.config.loader import load
from safla.errors import ConfigError, StrategyError
from tests.errors import raises_code
from tests.faults.command import inside
from tests.faults.invariants import check_answer
from tests.small_runs import journal
from tests.strategy_code.samples import CANDLE, CONFIG, MINE, OTHER, put

NAMED = CONFIG.replace("name: mine}", "name: mine, file: mine.py}")
EXITS = "import os\nos._exit(99)\n"  # whoever executes it is gone


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder whose configuration names a file of code. It is not trusted."""
    folder = tmp_path / "my bots"
    folder.mkdir(mode=0o755)
    monkeypatch.chdir(folder)
    put(folder / "mine.yaml", NAMED)
    put(folder / "mine.py", EXITS)
    return folder


@pytest.fixture
def trusted(place, capsys):
    """The same, trusted, with a strategy that works."""
    check_answer(inside(capsys, "trust", place), 0)
    put(place / "mine.py", MINE)
    return place


def rejected(capsys, code, *words, said=""):
    """The error with which the command ends before anything is executed, whose code is as given."""
    answer = inside(capsys, *words)
    check_answer(answer, 3)
    assert said in answer.err
    (problem,) = safla.validate(words[1])
    assert problem.code == code
    return answer.err


def test_code_of_a_folder_that_is_not_trusted_is_not_executed_and_the_message_says_both_ways_on(place, capsys):
    said = rejected(capsys, "code_not_trusted", "run", "mine.yaml")
    assert said.startswith("mine.yaml:1:30: strategy.file: mine.py is code, and nothing in ")
    trusting, _, naming = said.partition("allow it once with: ")[2].strip().partition(" -- or name it for this run: ")
    assert shlex.split(trusting) == ["safla", "trust", str(place)]
    put(place / "mine.py", MINE)
    check_answer(inside(capsys, "run", "mine.yaml", *shlex.split(naming), "--out", "one"), 0)
    check_answer(inside(capsys, *shlex.split(trusting)[1:]), 0)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "two"), 0)
    assert journal(place / "one") == journal(place / "two")


def test_the_commands_of_the_message_are_quoted_for_a_shell(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "a';touch x;'"
    put(folder / "mine.yaml", NAMED)
    monkeypatch.chdir(tmp_path)
    answer = inside(capsys, "run", folder / "mine.yaml")
    check_answer(answer, 3)
    trusting, _, naming = answer.err.partition("once with: ")[2].strip().partition(" -- or name it for this run: ")
    assert shlex.split(trusting) == ["safla", "trust", str(folder)]
    assert shlex.split(naming) == ["--strategy", f"mine={folder / 'mine.py'}"]


def test_code_of_a_trusted_folder_runs_by_the_command_and_from_python(trusted, capsys):
    check_answer(inside(capsys, "validate", "mine.yaml"), 0)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    result = safla.run("mine.yaml", out="api")
    assert journal(trusted / "api") == journal(trusted / "run")
    assert safla.simulate("mine.yaml").summary["trades"] == result.summary["trades"]
    assert safla.validate("mine.yaml") == []


def test_a_moved_folder_is_not_trusted(trusted, capsys, monkeypatch):
    put(trusted / "mine.py", EXITS)
    moved = trusted.rename(trusted.with_name("moved"))
    monkeypatch.chdir(moved)
    rejected(capsys, "code_not_trusted", "run", "mine.yaml", said=str(moved))


def test_a_configuration_of_another_folder_needs_the_trust_of_its_own(trusted, capsys, monkeypatch):
    base = put(trusted.parent / "base/base.yaml", NAMED)
    put(trusted.parent / "base/mine.py", EXITS)
    put(trusted / "mine.yaml", "extends: ../base/base.yaml\n")
    said = rejected(capsys, "code_not_trusted", "run", "mine.yaml", said=f"safla trust {shlex.quote(str(base.parent))}")
    assert "../base/base.yaml:1:30" in said
    check_answer(inside(capsys, "trust", base.parent), 0)
    put(base.parent / "mine.py", MINE)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    put(trusted / "mine.yaml", "extends: ../base/base.yaml\nstrategy: {file: own.py}\n")
    put(trusted / "own.py", OTHER)
    put(base.parent / "mine.py", EXITS)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "own"), 0)


@pytest.mark.parametrize(
    "file", ["../mine.py", "/mine.py", "~/mine.py", "a/../mine.py", "./mine.py", "mine.txt", "mine.py:", "mine.py:a.b",
             "mi ne.py", "mine.py\\n", "a//mine.py"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_no_file_of_code(trusted, file):
    put(trusted / "mine.yaml", CONFIG.replace("name: mine}", f'name: mine, file: "{file}"}}'))
    (problem,) = safla.validate("mine.yaml")
    assert problem.key == "strategy.file"
    assert problem.code == "invalid_value"


def test_a_link_is_no_file_of_code(trusted, capsys):
    put(trusted.parent / "elsewhere/mine.py", EXITS)
    (trusted / "link.py").symlink_to("../elsewhere/mine.py")
    (trusted / "folder").symlink_to("../elsewhere")
    for file in ("link.py", "folder/mine.py"):
        put(trusted / "mine.yaml", NAMED.replace("mine.py", file))
        rejected(capsys, "code_not_trusted", "run", "mine.yaml", said="is a link")


def test_a_file_in_a_folder_below_is_of_the_trusted_folder(trusted, capsys):
    put(trusted / "parts/mine.py", MINE)
    put(trusted / "mine.yaml", NAMED.replace("mine.py", "parts/mine.py:strategy"))
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    assert (trusted / "run/strategy/mine.py").read_text() == MINE


def test_code_that_others_can_change_is_not_executed_in_a_trusted_folder(trusted, capsys):
    put(trusted / "mine.py", EXITS).chmod(0o666)
    rejected(capsys, "code_unusable", "run", "mine.yaml", said="others can change it")
    (trusted / "mine.py").chmod(0o644)
    trusted.chmod(0o777)
    rejected(capsys, "code_not_trusted", "run", "mine.yaml")


def test_neither_the_environment_nor_set_nor_a_dict_names_code(trusted, capsys, monkeypatch):
    put(trusted / "mine.py", EXITS)
    put(trusted / "plain.yaml", CONFIG)
    answer = inside(capsys, "run", "plain.yaml", "--set", "strategy.file=mine.py")
    check_answer(answer, 3)
    assert answer.err.startswith("--set: strategy.file: names code")
    for arguments in ({"config": {"strategy": {"name": "mine", "file": "mine.py"}}},
                      {"config": "plain.yaml", "set": {"strategy.file": "mine.py"}}):  # fmt: skip
        with raises_code(ConfigError, "code_not_allowed"):
            safla.run(**arguments)
    monkeypatch.setenv("SAFLA__STRATEGY__FILE", "mine.py")
    answer = inside(capsys, "run", "plain.yaml")
    check_answer(answer, 3)
    assert answer.err.startswith("SAFLA__STRATEGY__FILE: strategy.file: names code")


def test_a_program_that_runs_configurations_of_others_runs_no_code_of_theirs(trusted):
    put(trusted / "mine.py", EXITS)
    with raises_code(ConfigError, "code_not_allowed"):
        safla.run("mine.yaml", root=trusted)
    assert [problem.code for problem in safla.validate("mine.yaml", root=trusted)] == ["code_not_allowed"]


def test_null_names_no_code_from_wherever_it_comes(trusted, capsys):
    put(trusted / "mine.py", EXITS)
    ours = ("--set", "strategy.file=null", "--set", "strategy.name=rsi")
    check_answer(inside(capsys, "run", "mine.yaml", *ours, "--out", "run"), 0)
    assert not (trusted / "run/strategy").exists()


def test_the_command_line_comes_before_the_file_and_both_behind_strategies_of_ours(trusted, capsys):
    put(trusted / "mine.py", EXITS)
    put(trusted / "other.py", OTHER)
    check_answer(inside(capsys, "run", "mine.yaml", "--strategy", "mine=other.py", "--out", "run"), 0)
    assert (trusted / "run/strategy/other.py").exists()
    put(trusted / "ours.yaml", NAMED.replace("name: mine", "name: rsi"))
    (problem,) = safla.validate("ours.yaml")
    assert (problem.key, problem.code) == ("strategy.file", "keys_do_not_fit")
    put(trusted / "ours.yaml", CONFIG.replace("name: mine", "name: rsi"))
    check_answer(inside(capsys, "run", "ours.yaml", "--strategy", "rsi=mine.py", "--out", "ours"), 0)


def test_a_configuration_in_a_run_folder_names_no_code(trusted, capsys):
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    kept = load(trusted / "run/config.yaml", strategies=("mine",))
    assert kept.code is None
    assert kept.config.strategy.file is None
    put(trusted / "run/theirs.yaml", NAMED)
    put(trusted / "run/mine.py", EXITS)
    said = rejected(capsys, "code_not_trusted", "run", "run/theirs.yaml", said="no code of a run folder is executed")
    assert "safla trust" not in said
    again = inside(capsys, "run", "run/config.yaml", "--strategy", "mine=mine.py", "--out", "run")
    assert "byte for byte" in again.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "raised ZeroDivisionError"),
        ("raise SystemExit(0)\n", "raised SystemExit"),
        ("x = 1\n", "neither Strategy nor strategy"),
        ("strategy = 1\nStrategy = 2\n", "both Strategy and strategy"),
        ("strategy = 1\n", "is not callable"),
        ("def strategy(candles, parameters):\n    pass\n", "has no warm_up"),
        ("import helper\n", "No module named 'helper'"),
    ],
)
def test_code_that_gives_no_strategy_is_exit_3_and_nothing_is_written(trusted, capsys, text, said):
    put(trusted / "mine.py", text)
    answer = inside(capsys, "run", "mine.yaml", "--out", "run")
    check_answer(answer, 3)
    assert said in answer.err
    assert not (trusted / "run").exists()


def test_the_lookback_follows_the_warm_up_of_the_code(trusted, capsys):
    put(trusted / "mine.py", MINE.replace("warm_up = 25", "warm_up = 150"))
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    put(trusted / "mine.py", CANDLE.replace("warm_up = 25", "warm_up = 150"))
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "candle"), 0)
    put(trusted / "mine.yaml", NAMED + "market_data: {lookback_candles: 100}\n")
    answer = inside(capsys, "run", "mine.yaml", "--out", "short")
    check_answer(answer, 3)
    assert "expected at least the warm-up of 150 candles" in answer.err


# --- Installed packages ----------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """installed(name): a distribution that offers the strategy `mine`."""

    def install(name, *, text=MINE):
        folder = tmp_path / f"site-{name}"
        put(folder / name / "__init__.py", "")
        put(folder / name / "breakout.py", text)
        put(folder / f"{name}-1.2.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        put(folder / f"{name}-1.2.dist-info/top_level.txt", f"{name}\n")
        put(folder / f"{name}-1.2.dist-info/entry_points.txt", f"[safla.strategies]\nmine = {name}.breakout:strategy\n")
        monkeypatch.syspath_prepend(str(folder))

    return install


def test_an_installed_distribution_offers_a_strategy_by_its_name_alone(place, capsys, installed):
    put(place / "mine.yaml", CONFIG)
    installed("bought_one")
    check_answer(inside(capsys, "validate", "mine.yaml"), 0)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    check_answer(inside(capsys, "replay", "run"), 0)
    assert (place / "run/strategy/bought_one/breakout.py").exists()
    result = safla.run("mine.yaml", out="api")
    assert journal(result.folder) == journal(place / "run")
    module = ("--strategy", "mine=bought_one.breakout:strategy")
    again = inside(capsys, "run", "mine.yaml", *module, "--out", "run")
    assert "byte for byte" in again.out


def test_a_file_comes_before_an_entry_point(trusted, capsys, installed):
    installed("bought_two", text=EXITS)
    check_answer(inside(capsys, "run", "mine.yaml", "--out", "run"), 0)
    assert (trusted / "run/strategy/mine.py").exists()


def test_two_distributions_with_one_name_are_rejected(place, capsys, installed):
    put(place / "mine.yaml", CONFIG)
    installed("bought_three", text=EXITS)
    installed("bought_four", text=EXITS)
    answer = inside(capsys, "run", "mine.yaml")
    check_answer(answer, 3)
    assert "several distributions: bought_four, bought_three" in answer.err


def test_a_module_that_cannot_be_imported_is_named(place, capsys):
    put(place / "mine.yaml", CONFIG)
    answer = inside(capsys, "run", "mine.yaml", "--strategy", "mine=not_installed_at_all:strategy")
    check_answer(answer, 3)
    assert "ModuleNotFoundError" in answer.err
    with raises_code(StrategyError, "invalid_strategy", match="has no loads_of"):
        safla.runs.strategy_code.chosen.loaded_strategy(
            "mine", safla.runs.strategy_code.place.places_of(["mine=json:loads_of"])
        )
