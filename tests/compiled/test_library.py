"""The engine library: equal results, and when it is not used (D2, Z8)."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from safla.compiled import library as library_module
from safla.compiled.library import (
    ABI,
    LIBRARY,
    MANIFEST,
    cache_folder,
    library,
    platform_name,
    size_of,
    type_of,
)
from safla.core import values as v
from safla.core.account import blank_out, new_state
from safla.core.engine import fold
from safla.core.pure import ENTRY_POINTS, entry_point_name
from safla.core.values import ArrayType, Columns, Grid, Rules, Signals
from safla.strategies import rsi, sma_crossover
from safla.strategies.rsi import Rsi
from safla.strategies.sma_crossover import Crossover
from tests.compiled_engine import compiled_entry, needs_library
from tests.core.scenario import read, run

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))
NOBODY = 65_534


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The library in the user's cache folder, and none in the package."""
    needs_library()
    folder = tmp_path / "cache" / "safla" / "engine"
    folder.mkdir(mode=0o700, parents=True)
    for name in (LIBRARY, MANIFEST):
        shutil.copy(Path(library_module.__file__).with_name(name), folder / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(library_module, "PACKAGED", tmp_path)
    library.cache_clear()
    yield folder
    library.cache_clear()


def reason() -> str:
    """Why there is no library."""
    library.cache_clear()
    found = library()
    assert found.library is None
    return found.reason


def test_every_entry_is_in_the_library() -> None:
    needs_library()
    assert [entry_point_name(function) for function in ENTRY_POINTS if compiled_entry(function) is None] == []


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_every_scenario_is_the_same_compiled_as_interpreted(path: Path) -> None:
    loop = compiled_entry(fold)
    for scenario in read(path):
        for (row, *interpreted), (_, *compiled) in zip(run(scenario), run(scenario, loop), strict=True):
            assert plain(compiled) == plain(interpreted), f"{scenario.name}: line {row.line}"


@pytest.mark.parametrize(
    ("strategy", "parameters"), [(sma_crossover, Crossover(3, 7, 1_000, 500, 2)), (rsi, Rsi(5, 40, 60))]
)
def test_a_strategy_is_the_same_compiled_as_interpreted(strategy: Any, parameters: Any) -> None:
    close = np.array([1_000 + i * 7_919 % 83 for i in range(500)], np.int64)
    columns, answers = Columns(np.arange(500), close, close, close, close, close), []
    for feed in (strategy.feed, compiled_entry(strategy.feed)):
        signal, strength = np.zeros(500, np.int8), np.zeros(500)
        state = feed(strategy.begin(parameters), columns, 0, parameters, signal, strength)
        answers.append((state, signal.tolist(), strength.tolist()))
    assert answers[0] == answers[1]
    assert type(answers[0][0]) is type(answers[1][0])
    assert np.count_nonzero(answers[0][1]) > 20


def test_read_only_columns_are_taken_too() -> None:
    close = np.arange(100, 200, dtype=np.int64)
    close.flags.writeable = False
    columns, parameters = Columns(*(close,) * 6), Crossover(3, 7, 0, 0, 0)
    signal, strength = np.zeros(100, np.int8), np.zeros(100)
    state = compiled_entry(sma_crossover.feed)(
        sma_crossover.begin(parameters), columns, 0, parameters, signal, strength
    )
    assert state.seen == 100


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        (np.zeros(10), "expected an array of int8, got float64"),
        (np.zeros((1, 10), np.int8), "expected 1 dimensions, got 2"),
        (np.zeros(20, np.int8)[::2], "expected a contiguous array"),
    ],
)
def test_an_array_of_another_form_is_refused_before_the_call(signal: Any, said: str) -> None:
    columns, parameters = Columns(*(np.arange(1, 11),) * 6), Crossover(3, 7, 0, 0, 0)
    feed = compiled_entry(sma_crossover.feed)
    with pytest.raises(AssertionError, match=said):
        feed(sma_crossover.begin(parameters), columns, 0, parameters, signal, np.zeros(10))


def test_a_failed_assertion_in_compiled_code_is_one_in_python() -> None:
    rules = Rules(*(1,) * len(Rules._fields))
    one, out = np.full((1, 1), 100, np.int64), blank_out(1, 1, 10)
    grid, signals = Grid(one[0], *(one,) * 5), Signals(
        np.zeros((1, 1), np.int8), np.zeros((1, 1)), *(np.zeros((1, 0), np.int64),) * 3
    )  # fmt: skip
    for loop in (fold, compiled_entry(fold)):
        state = new_state(1_000, 1)
        state.account[v.POSITIONS] = state.book[0, v.QUANTITY] = 1  # of a symbol that is idle, which cannot be:
        state.book[0, v.STOP_LEVEL] = 200  # its exit is an illegal move
        with pytest.raises(AssertionError):
            loop(rules, np.ones((1, 6), np.int64), np.zeros((0, 2), np.int64), grid, signals, state, out)


class Odd(NamedTuple):
    """A NamedTuple with what compiled code cannot take."""

    text: str


@pytest.mark.parametrize("annotation", [str, Odd, list[int], Annotated[int, "a note"]])
def test_a_type_that_compiled_code_cannot_take_is_named(annotation: Any) -> None:
    with pytest.raises(TypeError, match="is no number, no array"):
        type_of(annotation)


def test_an_array_has_a_cell_for_its_address_and_one_for_each_dimension() -> None:
    assert [size_of(kind) for kind in (int, float, ArrayType("int64", 1), ArrayType("int8", 2), None)] == [
        1,
        1,
        2,
        3,
        0,
    ]


def test_the_library_in_the_users_cache_serves_where_the_package_has_none(cached: Path) -> None:
    found = library()
    assert found.library is not None
    assert found.library.path == cached / LIBRARY
    assert found.library.compiled(plain) is None  # a function that it does not have


def test_without_one_the_reason_is_that_it_is_not_built(cached: Path) -> None:
    (cached / MANIFEST).unlink()
    assert reason() == "the engine library is not built"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("abi", ABI + 1, "it is for "),
        ("platform", "plan9-vax", f"it is for plan9-vax, this is {platform_name()}"),
        ("sources", {"core/engine.py": "0" * 32}, "it was built from other sources"),
        ("sources", {"core/gone.py": "0" * 32}, "it is damaged"),
        ("sources", ["core/engine.py"], "it is damaged"),
        ("library", "0" * 32, "it is damaged"),
        ("entries", None, "it is damaged"),
    ],
)
def test_a_library_that_is_not_of_these_sources_and_this_machine_is_not_used(
    cached: Path, key: str, value: Any, said: str
) -> None:
    manifest = json.loads((cached / MANIFEST).read_text())
    manifest[key] = value
    (cached / MANIFEST).write_text(json.dumps(manifest))
    assert said in reason()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_manifest_that_cannot_be_read_is_a_damaged_library(cached: Path, text: bytes) -> None:
    (cached / MANIFEST).write_bytes(text)
    assert reason().endswith("it is damaged")


@pytest.mark.parametrize("change", ["cut", "changed", "gone"])
def test_damaged_code_is_not_opened(cached: Path, change: str) -> None:
    code = (cached / LIBRARY).read_bytes()
    if change == "gone":
        (cached / LIBRARY).unlink()
    else:
        (cached / LIBRARY).write_bytes(code[: len(code) // 2] if change == "cut" else code[:-1] + bytes([code[-1] ^ 1]))
    assert reason()


def test_a_file_that_is_no_library_is_not_opened_as_one(cached: Path) -> None:
    (cached / LIBRARY).write_bytes(b"no code")
    manifest = json.loads((cached / MANIFEST).read_text())
    manifest["library"] = library_module.seal(cached / LIBRARY)
    (cached / MANIFEST).write_text(json.dumps(manifest))
    assert "it cannot be opened: " in reason()


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o1777], ids=oct)
@pytest.mark.parametrize("above", [0, 1, 2], ids=["engine", "safla", "cache"])
def test_row_14_compiled_code_is_not_taken_from_where_others_can_write(cached: Path, above: int, mode: int) -> None:
    (cached, *cached.parents)[above].chmod(mode)
    if mode == 0o1777:  # as in /tmp: others can add names there, and rename none of ours
        library.cache_clear()
        assert library().library is not None
    else:
        assert "others than you can change it" in reason()


@pytest.mark.parametrize("name", [LIBRARY, MANIFEST])
def test_row_14_compiled_code_that_others_can_write_is_not_taken(cached: Path, name: str) -> None:
    (cached / name).chmod(0o664)
    assert "others than you can change it" in reason()


def test_row_14_a_link_on_the_way_to_compiled_code_is_followed_to_all_its_folders(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "cache").rename(tmp_path / "open" / "real")
    (tmp_path / "cache").symlink_to(tmp_path / "open" / "real")
    library.cache_clear()
    assert library().library is not None
    (tmp_path / "open").chmod(0o775)
    assert "others than you can change it" in reason()


def test_row_14_compiled_code_of_another_user_is_not_taken(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(cached / LIBRARY, NOBODY, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert "others than you can change it" in reason()


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "safla" / "engine"


def plain(values: Any) -> Any:
    """Arrays as lists, at any depth."""
    return [plain(value) for value in values] if isinstance(values, (list, tuple)) else values.tolist()
