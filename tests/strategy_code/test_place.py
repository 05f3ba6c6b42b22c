"""`--strategy NAME=WHERE`: which texts name a file or a module."""

from pathlib import Path

import pytest

from safla.errors import UsageError
from safla.runs.strategy_code.place import FilePlace, ModulePlace, places_of
from tests.errors import raises_code


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("mine=mine.py", FilePlace(Path("mine.py"), "")),
        ("mine=a b/mine.py:Turtle", FilePlace(Path("a b/mine.py"), "Turtle")),
        ("mine=/x=y/mine.py", FilePlace(Path("/x=y/mine.py"), "")),
        ("mine=a:b/mine.py", FilePlace(Path("a:b/mine.py"), "")),
        ("mine=package.module:Turtle", ModulePlace("package.module", "Turtle")),
        ("mine=module:turtle", ModulePlace("module", "turtle")),
    ],
)
def test_an_option_names_a_file_or_a_module(option, place):
    assert places_of([option]) == {"mine": place}


@pytest.mark.parametrize(
    "option",
    ["", "mine", "mine=", "=mine.py", "no name=mine.py", "1=mine.py", "mine=mine.txt", "mine=mine.py:",
     "mine=mine.py:1", "mine=package.module", "mine=pack age:x", "mine=:x", "mine=..x:y", "mine=os.system('x'):y"],
)  # fmt: skip
def test_a_text_that_names_neither_is_an_error_of_usage(option):
    with raises_code(UsageError, "invalid_argument", match="expected NAME=FILE.py"):
        places_of([option])


def test_a_name_is_given_once():
    with raises_code(UsageError, "invalid_argument", match="twice"):
        places_of(["mine=a.py", "mine=b.py"])


def test_a_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert places_of(["mine=~/mine.py"]) == {"mine": FilePlace(Path("/home/me/mine.py"), "")}
