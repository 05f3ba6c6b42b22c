"""Mutation testing: the tests of a module notice a change in one place of it (`make mutate` runs all mutants)."""

import ast

import pytest

from tests.faults import mutation
from tests.faults.mutation import mutants

SOURCE = '''
"""1 < 2"""
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import one
LIMIT: int = 7

class Record(Struct, frozen=True):
    pairs = zip(one, two, strict=True)

@where(1)
def count(word: "1 + 1", *, most: int = 3) -> 1 + 1:
    """1 + 1"""
    assert most > 0
    if word and not known(word):
        note(word)
    while most > -1:
        most -= 1
        if most == LIMIT:
            break
    return f"{most + 1}" if word is None else most * 2
'''
CHANGES = """\
6: 7 becomes 8
12: 3 becomes 4
15: And becomes Or
16: note(word) is left out
17: 1 becomes 2
17: Gt becomes GtE
17: minus becomes plus
18: 1 becomes 2
18: Sub becomes Add
19: Eq becomes NotEq
20: Break becomes Continue
21: 2 becomes 3
21: Is becomes IsNot
21: Mult becomes FloorDiv
"""


def test_mutants_change_operators_constants_conditions_and_calls_that_a_run_can_reach() -> None:
    found = [f"{one.line}: {one.what.partition('  ->  ')[2]}\n" for one in mutants(SOURCE)]
    assert "".join(sorted(found, key=lambda text: (int(text.partition(":")[0]), text))) == CHANGES


def test_each_mutant_is_the_module_with_exactly_one_changed_line() -> None:
    plain = ast.unparse(ast.parse(SOURCE)).splitlines()
    for one in mutants(SOURCE):
        changed = one.text.splitlines()
        assert len(changed) == len(plain)
        assert sum(before != after for before, after in zip(plain, changed, strict=True)) == 1
        ast.parse(one.text)


@pytest.mark.parametrize("room", mutation.ROOMS)
def test_every_module_under_mutation_has_test_files_that_exist(room: str) -> None:
    assert len(mutation.files(room)) > 4
    for file in mutation.files(room):
        assert all((mutation.ROOT / name).exists() for group in mutation.groups(room, file) for name in group)


@pytest.mark.soak
def test_tests_notice_a_mutant_and_pass_on_the_unchanged_module(tmp_path) -> None:
    tree = mutation.Tree(tmp_path)
    tests = (("tests/exchange/test_retry.py",),)
    path = mutation.ROOT / "safla" / "exchange" / "retry.py"
    bad, *_ = (one for one in mutants(path.read_text()) if "attempt += 1  ->  Add becomes Sub" in one.what)
    for mutant, noticed in ((bad, 1), (bad._replace(text=path.read_text()), 0)):
        assert tree.meet(mutation.Task("exchange", "exchange/retry.py", mutant, tests)).noticed == noticed
    assert (tmp_path / "safla" / "exchange" / "retry.py").read_bytes() == path.read_bytes()


@pytest.mark.soak
def test_tests_notice_nine_in_ten_mutants_of_each_package(request, figure) -> None:
    """Each package is judged by a sample of a hundred mutants."""
    for room in mutation.MEASURED:
        asked = mutation.drawn(room, most=100, seed=request.config.getoption("--seed"))
        through = [one.task for one in mutation.met(asked, processes=2) if not one.noticed]
        figure(f"mutation of {room}: {len(asked) - len(through)} of {len(asked)} noticed")
        assert len(through) <= (1 - mutation.DUE) * len(asked), through
