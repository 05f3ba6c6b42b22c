"""A strategy of a file in its three forms: paper, backtest and replay give the same bytes, whatever happens between."""

import json
import time

import pytest

from tests.faults.command import inside, safla
from tests.faults.invariants import check_answer
from tests.faults.paper import answer_of, process
from tests.small_runs import journal
from tests.strategy_code.samples import FORMS, MINE, PAPER, put

BACKTEST = ("--set", "mode=backtest", "--journal-detail", "candles")
KILLS = 2


@pytest.fixture(params=FORMS)
def place(request, tmp_path, monkeypatch):
    """A folder with a strategy in one of the forms, and a paper run that names it."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "mine.yaml", PAPER)
    put(tmp_path / "mine.py", FORMS[request.param])
    return tmp_path


def words(place, out):
    """The command of a paper run."""
    return ["run", place / "mine.yaml", "--strategy", f"mine={place / 'mine.py'}", "--out", place / out, "--quiet"]


def test_paper_backtest_and_replay_of_a_form_give_the_same_bytes(place, capsys):
    check_answer(inside(capsys, *words(place, "paper")), 0)
    check_answer(inside(capsys, *words(place, "backtest"), *BACKTEST), 0)
    assert journal(place / "paper") == journal(place / "backtest")
    assert journal(place / "paper").count(b'"type":"trade_closed"') > 3
    check_answer(inside(capsys, "replay", "paper", "--strategy", "mine=mine.py"), 0)


def test_row_1_a_form_that_is_killed_goes_on_to_the_same_bytes(place, chance):
    began = time.monotonic()
    check_answer(safla(*words(place, "whole")), 0)
    seconds = time.monotonic() - began
    for _ in range(KILLS):
        with process(words(place, "killed")) as running:
            time.sleep(chance.uniform(0.5, 1.0) * seconds)
            running.kill()
            answer_of(running)
    check_answer(safla(*words(place, "killed")), 0)
    assert journal(place / "killed") == journal(place / "whole")


def test_the_forms_of_one_rule_decide_alike(tmp_path, capsys):
    put(tmp_path / "mine.yaml", PAPER)
    events = []
    for form, text in FORMS.items():
        put(tmp_path / "mine.py", text)
        check_answer(inside(capsys, *words(tmp_path, form), *BACKTEST), 0)
        events.append([line.partition(b'"e":')[2][:-37] for line in journal(tmp_path / form).splitlines()[1:]])
    assert events[0] == events[1] == events[2]


def test_stop_without_a_process_takes_the_code_and_ends_the_run(place, capsys):
    check_answer(inside(capsys, *words(place, "whole")), 0)
    lines = journal(place / "whole").splitlines(keepends=True)
    firsts = [n for n, line in enumerate(lines) if b'"type":"candle"' in line and b"BTC/USDT" in line]
    (place / "run").mkdir(mode=0o700)
    put(place / "run/journal.jsonl", b"".join(lines[: firsts[len(firsts) // 2]]))
    put(place / "run/config.yaml", (place / "whole/config.yaml").read_bytes())
    for name in ("journal.jsonl", "config.yaml"):
        (place / "run" / name).chmod(0o600)
    without = inside(capsys, "stop", "run")
    check_answer(without, 3)
    assert "--strategy mine=FILE.py" in without.err
    put(place / "other.py", MINE + "\n")
    check_answer(inside(capsys, "stop", "run", "--strategy", "mine=other.py"), 3)
    check_answer(inside(capsys, "stop", "run", "--strategy", "mine=mine.py"), 0)
    assert journal(place / "run").count(b'"type":"run_ended"') == 1
    check_answer(inside(capsys, "replay", "run", "--strategy", "mine=mine.py"), 0)


def test_halt_and_resume_need_no_code(place, capsys):
    check_answer(inside(capsys, *words(place, "whole")), 0)
    (place / "mine.py").write_text("raise SystemExit(1)")
    lines = journal(place / "whole").splitlines(keepends=True)
    (place / "whole/journal.jsonl").write_bytes(b"".join(lines[:-1]))
    (place / "whole/head").unlink()
    for command in ("halt", "resume"):
        answer = inside(capsys, command, "whole")
        check_answer(answer, 0)
        assert "is requested" in answer.out


def test_status_shows_the_account_of_a_paper_run_without_its_code(place, capsys):
    check_answer(inside(capsys, *words(place, "paper")), 0)
    (place / "mine.py").unlink()
    shown = json.loads(inside(capsys, "status", "paper", "--json").out)
    assert shown["note"] is None
    assert (
        shown["account"]["equity"]
        == json.loads((place / "paper/journal.jsonl").read_bytes().splitlines()[-1])["e"]["equity"]
    )
