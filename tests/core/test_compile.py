"""The compiled loop and a compiled strategy: where they are kept, when they pay, and equal results (D2)."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.core import compile as compiling
from safla.core.engine import Loop, fold
from safla.core.values import Columns
from safla.strategies.sma_crossover import Crossover, begin, feed
from tests.core.scenario import read
from tests.core.story import run


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache folder; nothing compiled before is used."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(compiling, "_DISPATCHERS", {})
        yield folder


@pytest.fixture(scope="module")
def loop(cache: Path) -> Loop:
    """The compiled loop, which has run, so that its code lies in the cache."""
    compiled = compiling.compiled_loop()
    first = min((Path(__file__).parents[1] / "scenarios").glob("*.txt"))
    run(next(read(first)), compiled)
    return compiled


def test_every_scenario_is_the_same_compiled_as_interpreted(loop: Loop) -> None:
    for path in sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt")):
        for scenario in read(path):
            for (row, *interpreted), (_, *compiled) in zip(run(scenario), run(scenario, loop), strict=True):
                assert plain(compiled) == plain(interpreted), f"{scenario.name}: line {row.line}"


def test_a_pure_strategy_is_the_same_compiled_as_interpreted(cache: Path) -> None:
    close = np.array([1_000 + i * 7_919 % 83 for i in range(500)], np.int64)
    columns = Columns(np.arange(500), close, close, close, close, close)
    parameters = Crossover(3, 7, 1_000, 500, 2)
    compiled, state = compiling.compiled_feed(feed), begin(parameters)
    assert compiled is not feed
    answers = []
    for form in (feed, compiled):
        signal, strength = np.zeros(500, np.int8), np.zeros(500)
        after = form(state, columns, 0, parameters, signal, strength)
        answers.append((tuple(after), signal.tolist(), strength.tolist()))
    assert answers[0] == answers[1]
    assert np.count_nonzero(answers[0][1]) > 20


def test_a_function_is_compiled_once(loop: Loop) -> None:
    assert compiling.compiled_loop() is loop
    assert loop is not fold


def test_the_cache_is_ready_once_it_is_marked_and_then_pays_earlier(cache: Path, loop: Loop) -> None:
    assert not compiling.is_cached()
    assert not compiling.pays(compiling.WORTH_COMPILING - 1)
    assert compiling.pays(compiling.WORTH_COMPILING)
    compiling.mark_ready()
    assert compiling.is_cached()
    assert compiling.pays(compiling.WORTH_A_CACHED_LOOP)
    assert not compiling.pays(compiling.WORTH_A_CACHED_LOOP - 1)
    assert compiling.cache_folder().is_relative_to(cache)


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_damaged_code_is_not_taken_and_makes_room_for_new(
    cache: Path, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    compiling.mark_ready()
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiling.is_cached()
    code = sorted(tmp_path.rglob("*.nbc"))
    code[0].unlink() if damage is None else code[0].write_bytes(damage)
    assert not compiling.is_cached()
    compiling._register_all()
    assert list(tmp_path.rglob("*.nb[ic]")) == []


def test_code_that_others_can_change_is_not_taken(
    cache: Path, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiling.mark_ready()
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiling.is_cached()
    for path in compiling.cache_folder().rglob("*"):  # code, index, the folder that numba makes, and what seals them
        mode = path.stat().st_mode
        path.chmod(mode | 0o020)
        assert not compiling.is_cached(), path.name
        path.chmod(mode)
    assert compiling.is_cached()


def test_code_is_closed_to_others_whatever_the_umask_is(
    cache: Path, loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for path in compiling.cache_folder().rglob("*"):  # as under the umask 002, the usual one of many systems
        path.chmod(0o775 if path.is_dir() else 0o664)
    compiling.mark_ready()
    assert compiling.is_cached()


def test_sound_code_is_left_where_it_lies(cache: Path, loop: Loop) -> None:
    compiling.mark_ready()
    code = sorted(cache.rglob("*.nb[ic]"))
    compiling._register_all()
    assert sorted(cache.rglob("*.nb[ic]")) == code != []


def test_without_a_folder_nothing_is_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiling.mark_ready()
    assert not compiling.is_cached()
    assert list(tmp_path.iterdir()) == []


def test_without_the_variable_the_cache_is_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compiling.cache_folder().is_relative_to(tmp_path / ".cache" / "safla")


def test_another_source_has_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiling.cache_folder()
    source = Path(compiling.__file__)
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read_bytes(path) + (b"#" if path == source else b""))
    assert compiling.cache_folder() != before


def plain(values: Any) -> Any:
    """Arrays as lists, at any depth."""
    return [plain(value) for value in values] if isinstance(values, (list, tuple)) else values.tolist()


def test_where_nothing_can_be_kept_it_is_compiled_without_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not compiling.has_room()
    assert not compiling.is_cached()
    compiling.mark_ready()  # does nothing without a folder
    assert not compiling.is_cached()
