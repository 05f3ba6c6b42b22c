"""Row 22: a program whose decisions differ from the journal names the first difference and changes no file."""

import json
import re

import pytest

from safla.core import account, exits, step
from safla.core.fills import fee
from safla.core.values import TRAILING_STOP
from tests.compiled_engine import without_library
from tests.faults.damage import again, finished, head_at, put, refused, replayed, starts
from tests.faults.invariants import check_answer, untouched
from tests.small_runs import journal

SALE = {"price", "fee", "cash"}
CHANGES = {  # a function of the core, as a module imports it; its replacement; the fields that differ
    "a fee of one unit more": (account, "fee", lambda amount, rate_ppm: fee(amount, rate_ppm) + 1, {"fee", "cash"}),
    "a sale without slippage": (step, "sold_at", lambda _rules, _market, price, *_volume: price, SALE),
    "a stop by another name": (exits, "stop_reason", lambda _levels: TRAILING_STOP, {"reason"}),
}


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch):
    without_library(monkeypatch)


@pytest.fixture
def folder(tmp_path):
    return finished(tmp_path)


@pytest.fixture(params=CHANGES)
def changed(request, folder, monkeypatch):
    """Change the program after the run is recorded; the fields that differ in the first differing line."""
    place, name, other, fields = CHANGES[request.param]
    monkeypatch.setattr(place, name, other)
    return fields


def both_forms(said):
    """The number of the first differing line, the recorded line, and the line that the program writes now."""
    n = int(re.search(r"line (\d+)", said)[1])
    there = re.search(r"^  there: (.*)$", said, re.MULTILINE)[1]
    now = re.search(r"^  now: +(.*)$", said, re.MULTILINE)[1]
    return n, there, now


def check_forms(said, text, fields):
    """The recorded and the new line differ in these fields alone, and have the same number and previous hash."""
    n, there, now = both_forms(said)
    assert there.encode() == text.splitlines()[n - 1]
    before, after = json.loads(there), json.loads(now)
    assert (before["n"], before["p"]) == (after["n"], after["p"])
    assert {key for key in before["e"] if before["e"][key] != after["e"][key]} == fields


def test_row_22_a_run_by_a_changed_program_shows_old_and_new_first_difference_and_changes_no_file(
    folder, changed, capsys
):
    text = journal(folder)
    said = refused(folder, capsys, again, code=1)
    assert "is not what this run decides; the file was not changed" in said
    check_forms(said, text, changed)


def test_row_22_a_changed_program_does_not_continue_an_unfinished_run(folder, changed, capsys):
    text = journal(folder)
    put(folder, text[: starts(text)[-2]], head_at(text, -2))
    check_forms(refused(folder, capsys, again, code=1), text, changed)


def test_row_22_a_replay_by_a_changed_program_exits_1_with_the_first_difference_while_the_books_pass(
    folder, changed, capsys
):
    text = journal(folder)
    with untouched(folder):
        answer, books = replayed(folder, capsys), replayed(folder, capsys, "--books")
    check_answer(answer, 1)
    check_forms(answer.out.partition("first difference in ")[2], text, changed)
    check_answer(books, 0)


def test_row_22_the_original_program_confirms_the_journal_after_a_changed_program_was_rejected(folder, capsys):
    text = journal(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account, "fee", lambda amount, rate_ppm: fee(amount, rate_ppm) + 1)
        check_answer(again(folder, capsys), 1)
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert "(the same journal, byte for byte)" in answer.out
    assert journal(folder) == text
