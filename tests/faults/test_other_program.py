"""Row 22: a program that decides otherwise than what is recorded says where, in both forms, and touches nothing."""

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
CHANGES = {  # a function of the core as one of its rooms knows it, what stands there instead, the fields that differ
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
    """The program is another once the run is recorded; the fields in which the first differing line differs."""
    place, name, other, fields = CHANGES[request.param]
    monkeypatch.setattr(place, name, other)
    return fields


def both_forms(said):
    """The number of the first differing line, the line there, and the line now."""
    n = int(re.search(r"line (\d+)", said)[1])
    there = re.search(r"^  there: (.*)$", said, re.MULTILINE)[1]
    now = re.search(r"^  now: +(.*)$", said, re.MULTILINE)[1]
    return n, there, now


def check_forms(said, text, fields):
    """Both forms of one line, which differ in these fields and in no word of what stands before."""
    n, there, now = both_forms(said)
    assert there.encode() == text.splitlines()[n - 1]
    before, after = json.loads(there), json.loads(now)
    assert (before["n"], before["p"]) == (after["n"], after["p"])
    assert {key for key in before["e"] if before["e"][key] != after["e"][key]} == fields


def test_row_22_a_run_names_the_first_differing_line_in_both_forms_and_touches_nothing(folder, changed, capsys):
    text = journal(folder)
    said = refused(folder, capsys, again, code=1)
    assert "is not what this run decides; the file was not changed" in said
    check_forms(said, text, changed)


def test_row_22_an_unfinished_run_is_not_gone_on_with_by_another_program(folder, changed, capsys):
    text = journal(folder)
    put(folder, text[: starts(text)[-2]], head_at(text, -2))
    check_forms(refused(folder, capsys, again, code=1), text, changed)


def test_row_22_a_replay_answers_no_with_the_same_line_while_the_books_hold(folder, changed, capsys):
    text = journal(folder)
    with untouched(folder):
        answer, books = replayed(folder, capsys), replayed(folder, capsys, "--books")
    check_answer(answer, 1)
    check_forms(answer.out.partition("first difference in ")[2], text, changed)
    check_answer(books, 0)


def test_row_22_the_program_that_wrote_it_confirms_it_again_after_another_was_refused(folder, capsys):
    text = journal(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(account, "fee", lambda amount, rate_ppm: fee(amount, rate_ppm) + 1)
        check_answer(again(folder, capsys), 1)
    answer = again(folder, capsys)
    check_answer(answer, 0)
    assert "(the same journal, byte for byte)" in answer.out
    assert journal(folder) == text
