"""`--strategy` on the command line, end to end: run, replay, what-if and stop with a strategy from a file."""

import json

import pytest

import safla
from safla.journal import reader
from tests.faults.command import inside
from tests.faults.command import safla as command
from tests.faults.invariants import check_answer
from tests.small_runs import journal
from tests.strategy_code.samples import CONFIG, MINE, OTHER, put

STRATEGY = ("--strategy", "mine=mine.py")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a configuration and a strategy, in which the command is called."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.yaml", CONFIG)
    put(tmp_path / "mine.py")
    return tmp_path


def test_the_real_command_runs_a_strategy_of_a_file_and_replays_it(place):
    check_answer(command("run", "mine.yaml", *STRATEGY, "--out", "run", cwd=place), 0)
    check_answer(command("replay", "run", *STRATEGY, cwd=place), 0)
    again = command("run", "mine.yaml", *STRATEGY, "--out", "run", "--json", cwd=place)
    assert json.loads(again.out)["same_journal"] is True
    without = command("replay", "run", cwd=place)
    check_answer(without, 3)
    assert "--strategy mine=FILE.py" in without.err


def test_the_run_keeps_the_files_and_the_plan_their_identity(place, capsys):
    put(place / "mine.py", "import parts.hours\n" + MINE.replace("24", "parts.hours.HOURS"))
    put(place / "parts/__init__.py", "")
    put(place / "parts/hours.py", "HOURS = 24\n")
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    for name in ("mine.py", "parts/hours.py", "parts/__init__.py"):
        kept = place / "run/strategy" / name
        assert kept.read_bytes() == (place / name).read_bytes()
        assert kept.stat().st_mode & 0o777 == 0o600
    assert len(reader.read(place / "run").started.plan["strategy.code"]) == 32
    (place / "run/strategy/mine.py").unlink()
    (place / "run/strategy/mine.py.tmp").write_text("half")
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    assert (place / "run/strategy/mine.py").read_bytes() == (place / "mine.py").read_bytes()
    assert not list((place / "run").rglob("*.tmp"))


def test_a_run_of_a_strategy_of_ours_has_no_code_in_its_plan(place, capsys):
    ours = inside(capsys, "run", "mine.yaml", "--set", "strategy.name=rsi", *STRATEGY, "--out", "run")
    check_answer(ours, 0)
    assert "strategy.name is rsi, so --strategy mine is not used" in ours.err
    assert "strategy.code" not in reader.read(place / "run").started.plan
    assert not (place / "run/strategy").exists()


@pytest.mark.parametrize("changed", ["mine.py", "helper.py"])
def test_other_code_neither_continues_nor_replays_a_run(place, capsys, changed):
    put(place / "mine.py", "import helper\n" + MINE)
    put(place / "helper.py", "X = 1\n")
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    had, bytes_before = reader.read(place / "run").started.plan["strategy.code"], journal(place / "run")
    put(place / changed, (place / changed).read_text() + "\nY = 2\n")
    for words in (("run", "mine.yaml", "--out", "run"), ("replay", "run"), ("replay", "run", "--until", "2024-01-09")):
        answer = inside(capsys, *words, *STRATEGY)
        check_answer(answer, 3)
        assert f" {had}" in answer.err
        assert "strategy/" in answer.err
        assert "--other-code" in answer.err
    assert journal(place / "run") == bytes_before
    check_answer(inside(capsys, "replay", "run", "--books"), 0)


def test_lines_that_end_otherwise_are_the_same_code(place, capsys):
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    put(place / "mine.py", MINE.replace("\n", "\r\n"))
    again = inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run")
    assert "byte for byte" in again.out
    check_answer(inside(capsys, "replay", "run", *STRATEGY), 0)


def test_other_code_is_a_what_if_against_the_journal(place, capsys):
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    same = inside(capsys, "replay", "run", *STRATEGY, "--other-code")
    check_answer(same, 0)
    assert "no difference" in same.out
    put(place / "new.py", OTHER)
    new = ("--strategy", "mine=new.py", "--other-code")
    answer = inside(capsys, "replay", "run", *new, "--json", "--out", "changed")
    check_answer(answer, 0)
    found = json.loads(answer.out)
    assert found["before"]["net_profit"] == json.loads((place / "run/summary.json").read_text())["net_profit"]
    assert found["after"]["net_profit"] != found["before"]["net_profit"]
    assert found["first_difference"]["was"] != found["first_difference"]["would_be"]
    check_answer(inside(capsys, "replay", "changed", "--strategy", "mine=new.py"), 0)
    check_answer(inside(capsys, "replay", "changed", *STRATEGY), 3)
    (place / "run/summary.json").write_text("{}")
    alone = inside(capsys, "replay", "run", *new)
    check_answer(alone, 0)
    assert "before" not in alone.out


def test_other_code_with_half_a_journal_differs_nowhere_behind_its_end(place, capsys):
    check_answer(inside(capsys, "run", "mine.yaml", *STRATEGY, "--out", "run"), 0)
    text = journal(place / "run")
    (place / "run/journal.jsonl").write_bytes(text[: text.index(b"\n", len(text) // 2) + 1])
    (place / "run/head").unlink()
    answer = inside(capsys, "replay", "run", *STRATEGY, "--other-code")
    check_answer(answer, 0)
    assert "no difference" in answer.out


def test_what_a_strategy_prints_is_not_on_stdout(place, capsys):
    called = "        print('called') if len(candles) == 600 else None\n        signal, hours"
    put(place / "mine.py", "print('at import')\n" + MINE.replace("        signal, hours", called))
    for words in (
        ("run", "mine.yaml", "--out", "run"),
        ("replay", "run"),
        ("replay", "run", "--until", "2024-02-09"),
        ("replay", "run", "--watch", "max"),
    ):
        answer = inside(capsys, *words, *STRATEGY, "--json")
        assert answer.code == 0
        assert [json.loads(line) for line in (answer.out.splitlines() if "max" in words else [answer.out])]
        assert "at import\n" in answer.err
        assert "called\n" in answer.err


def test_code_that_was_in_no_file_is_not_compared_and_a_replay_says_so(place, capsys):
    names = {"__name__": "notebook"}
    exec(MINE, names)  # as a cell of a notebook does
    safla.run("mine.yaml", strategies={"mine": names["strategy"]}, out="run")
    assert reader.read(place / "run").started.plan["strategy.code"] == "none"
    assert not (place / "run/strategy").exists()
    answer = inside(capsys, "replay", "run", *STRATEGY)
    check_answer(answer, 0)
    assert "the code was not compared" in answer.err
