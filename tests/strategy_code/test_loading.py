"""Code of users is executed from the bytes that were hashed, with its helpers, and whatever it raises is named."""

import os
import py_compile
import sys

import pytest

from safla.errors import StrategyError
from safla.runs.strategy_code.chosen import loaded_strategy
from safla.runs.strategy_code.place import FilePlace
from tests.errors import raises_code
from tests.strategy_code.samples import put


def load(path, object_name=""):
    """The object in a file, and its code."""
    return loaded_strategy("mine", {"mine": FilePlace(path, object_name)})


def test_an_import_beside_the_file_is_that_file_and_any_other_the_usual_one(tmp_path):
    main = put(
        tmp_path / "mine.py",
        "import json, helper, parts.deep as deep\nfrom parts import deep as again\nimport parts.near\n"
        "strategy = (json, helper.WHO, deep.WHO, again is deep, parts.near.WHO, parts.WHO)\n",
    )
    put(tmp_path / "helper.py", "WHO = __name__, __file__\n")
    put(tmp_path / "parts/__init__.py", "WHO = 'package'\n")
    put(tmp_path / "parts/deep.py", "from . import near\nimport helper\nWHO = near.WHO, helper.WHO[0]\n")
    put(tmp_path / "parts/near.py", "WHO = 'near'\n")
    module, helper, deep, same, near, package = load(main).strategy
    assert module is __import__("json")
    assert helper[1] == str(tmp_path / "helper.py")
    assert deep == ("near", helper[0])
    assert (same, near, package) == (True, "near", "package")
    assert "helper" not in sys.modules
    assert str(tmp_path) not in sys.path


def test_two_strategies_have_their_own_helpers_of_the_same_name(tmp_path):
    for name in ("one", "two"):
        put(tmp_path / name / "mine.py", "import helper\nstrategy = helper.WHO\n")
        put(tmp_path / name / "helper.py", f"WHO = {name!r}\n")
    assert [load(tmp_path / name / "mine.py").strategy for name in ("one", "two")] == ["one", "two"]


def test_an_import_at_call_time_finds_the_bytes_that_were_hashed(tmp_path):
    main = put(tmp_path / "mine.py", "def strategy():\n    import helper\n    return helper.WHO\n")
    put(tmp_path / "helper.py", "WHO = 'hashed'\n")
    loaded = load(main)
    put(tmp_path / "helper.py", "WHO = 'changed since'\n")
    assert loaded.strategy() == "hashed"


def test_a_module_that_no_import_names_is_not_found_beside_the_file(tmp_path):
    main = put(tmp_path / "mine.py", "import importlib\nstrategy = importlib.import_module('hidden')\n")
    put(tmp_path / "hidden.py", "")
    with raises_code(StrategyError, "strategy_raised", match="ModuleNotFoundError"):
        load(main)


def test_what_python_compiled_before_and_compiled_modules_are_never_used(tmp_path):
    main = put(tmp_path / "mine.py", "import helper\nstrategy = helper.WHO\n")
    helper = put(tmp_path / "helper.py", "WHO = 'old'\n")
    py_compile.compile(str(helper))
    facts = helper.stat()
    put(tmp_path / "helper.py", "WHO = 'new'\n")
    os.utime(helper, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # Python itself would take the compiled one
    assert load(main).strategy == "new"
    helper.unlink()
    py_compile.compile(str(main), cfile=str(tmp_path / "helper.pyc"))
    put(tmp_path / "helper.cpython-311-x86_64-linux-gnu.so", "")
    with raises_code(StrategyError, "strategy_raised", match="No module named 'helper'"):
        load(main)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("1 / 0\n", "strategy_raised", r"strategy mine: raised ZeroDivisionError: .*mine\.py:1\), while mine\.py was"),
        ("import sys\nsys.exit(0)\n", "strategy_raised", r"raised SystemExit: 0 \(.*mine\.py:2\)"),
        ("import nowhere_at_all\n", "strategy_raised", r"ModuleNotFoundError.*mine\.py:1\)"),
        ("return 1\n", "code_syntax", r"mine\.py:1:1: 'return' outside function"),
        ("x = 1\n", "invalid_strategy", "defines neither Strategy nor strategy"),
        ("strategy = Strategy = 1\n", "invalid_strategy", "defines both Strategy and strategy"),
    ],
)
def test_code_that_fails_or_defines_no_single_strategy_is_named(tmp_path, text, code, said):
    before = set(sys.modules)
    with raises_code(StrategyError, code, match=said):
        load(put(tmp_path / "mine.py", text))
    assert code == "invalid_strategy" or set(sys.modules) == before


def test_an_object_is_taken_by_its_name(tmp_path):
    main = put(tmp_path / "mine.py", "strategy = 1\nStrategy = 2\nother = 3\n")
    assert [load(main, name).strategy for name in ("strategy", "Strategy", "other")] == [1, 2, 3]
    with raises_code(StrategyError, "invalid_strategy", match="has no another"):
        load(main, "another")


def test_the_identity_follows_the_bytes_and_names_of_the_files_alone(tmp_path):
    def identity(folder, main=b"import helper\nstrategy = 1\n", helper=b"X = 1\n", name="mine.py"):
        put(tmp_path / folder / "helper.py", helper)
        return load(put(tmp_path / folder / name, main)).code.identity

    same = identity("one")
    assert same == identity("two") == identity("three", main=b"import helper\r\nstrategy = 1\r\n")
    others = [
        identity("four", main=b"import helper\nstrategy = 1 \n"),
        identity("five", helper=b"X = 2\n"),
        identity("six", name="yours.py"),
        identity("seven", main=b"import helper\rstrategy = 1\r"),
    ]
    assert len({same, *others}) == 5
