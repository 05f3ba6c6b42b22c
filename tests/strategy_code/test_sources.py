"""The files of a strategy: which belong to it, which are rejected, and that reading executes nothing."""

import os

import pytest

from safla.errors import StrategyError
from safla.runs.strategy_code import sources
from safla.runs.strategy_code.sources import read_source, sources_of
from tests.errors import raises_code
from tests.strategy_code.samples import put


def test_the_imports_of_a_file_and_of_its_helpers_are_its_files_wherever_they_stand(tmp_path):
    main = put(tmp_path / "mine.py", "import numpy, levels\ndef late():\n    from parts.deep import table as t\n")
    put(tmp_path / "levels.py", "import os.path\n")
    put(tmp_path / "parts/__init__.py", "")
    put(tmp_path / "parts/deep/__init__.py", "from .. import other\nfrom . import near\n")
    put(tmp_path / "parts/deep/table.py", "import mine\n")
    put(tmp_path / "parts/deep/near.py", "")
    put(tmp_path / "parts/other.py", "")
    put(tmp_path / "unused.py", "")
    put(tmp_path / "numpy/not_a_package.py", "")
    assert set(sources_of(main).files) == {
        "mine.py", "levels.py", "parts/__init__.py", "parts/deep/__init__.py", "parts/deep/table.py",
        "parts/deep/near.py", "parts/other.py",
    }  # fmt: skip


def test_a_package_comes_before_a_module_of_its_name_as_in_python(tmp_path):
    main = put(tmp_path / "mine.py", "import part\n")
    put(tmp_path / "part/__init__.py", "")
    put(tmp_path / "part.py", "")
    assert set(sources_of(main).files) == {"mine.py", "part/__init__.py"}


def test_a_file_that_others_can_change_is_no_code(tmp_path):
    main = put(tmp_path / "mine.py", "import helper\n")
    helper = put(tmp_path / "helper.py", "")
    for path, mode in ((main, 0o666), (main, 0o664), (helper, 0o622), (tmp_path, 0o777), (tmp_path, 0o775)):
        before = path.stat().st_mode
        path.chmod(mode)
        with raises_code(StrategyError, "code_unreadable", match="others can change it"):
            sources_of(main)
        path.chmod(before)
    assert len(sources_of(main).files) == 2


def test_a_sticky_folder_is_no_place_for_code(tmp_path):
    main = put(tmp_path / "shared/mine.py")
    (tmp_path / "shared").chmod(0o1777)
    with raises_code(StrategyError, "code_unreadable", match="others can change it"):
        sources_of(main)


@pytest.mark.parametrize("name", ["mine.txt", "mi ne.py", "strat\u00e9gie.py", "a.b.py", ".py"])
def test_a_file_of_another_name_is_no_code(tmp_path, name):
    with raises_code(StrategyError, "code_unreadable", match="rename it"):
        sources_of(put(tmp_path / name))


def test_what_is_no_regular_file_is_no_code(tmp_path):
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "folder.py").mkdir()
    put(tmp_path / "there.py")
    (tmp_path / "link.py").symlink_to("there.py")
    main = put(tmp_path / "mine.py", "import link\n")
    for path in (tmp_path / "fifo.py", tmp_path / "folder.py", tmp_path / "gone.py", main):
        with raises_code(StrategyError, "code_unreadable"):
            sources_of(path)


def test_a_link_on_the_command_line_leads_to_the_folder_of_its_file(tmp_path):
    put(tmp_path / "there/mine.py", "import helper\n")
    put(tmp_path / "there/helper.py", "")
    (tmp_path / "link.py").symlink_to("there/mine.py")
    assert set(sources_of(tmp_path / "link.py").files) == {"mine.py", "helper.py"}


def test_reading_is_bounded(tmp_path, monkeypatch):
    large = put(tmp_path / "large.py", "#" * (sources.MOST_BYTES + 1))
    with raises_code(StrategyError, "code_unreadable", match="more than"):
        read_source(large)
    assert len(read_source(put(tmp_path / "large.py", "#" * sources.MOST_BYTES))) == sources.MOST_BYTES
    monkeypatch.setattr(sources, "MOST_FILES", 2)
    main = put(tmp_path / "mine.py", "import one, two\n")
    put(tmp_path / "one.py", "")
    assert len(sources_of(main).files) == 2
    put(tmp_path / "two.py", "")
    with raises_code(StrategyError, "code_unreadable", match="more than 2 files"):
        sources_of(main)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (\n", r"mine\.py:1:5: '\(' was never closed"),
        (b"x = '\xff'\n", r"mine\.py:1:"),
        ("x = 1\0\n", r"mine\.py"),
        ("x = " + "(" * 500 + ")" * 500, r"mine\.py"),
    ],
)
def test_what_is_not_python_is_named_with_its_place(tmp_path, text, said):
    with raises_code(StrategyError, "code_syntax", match=said):
        sources_of(put(tmp_path / "mine.py", text))
