"""The time for `data.path` depends on the files of its folder, never on a tree of folders, and grows linearly."""

import time
from pathlib import Path

import pytest

import safla
from safla.errors import ConfigError, DataError
from tests.errors import raises_code

SECONDS = 20  # of CPU time; a hang would take minutes


def of(path: object, **more: object) -> dict[str, object]:
    return {"data": {"source": "file", "path": path}, **more}


def test_a_pattern_over_the_whole_disk_is_rejected_before_any_folder_is_listed(tmp_path: Path) -> None:
    began = time.process_time()
    (problem,) = safla.validate(of("/*/*/*/*/*/*/zzz*"))
    assert (problem.key, problem.text[:38]) == ("data.path", '* is not allowed in a folder name ("*"')
    with raises_code(ConfigError, "invalid_value", match=r"data\.path: "):
        safla.run(of([f"/*/*/*/{number}*" for number in range(1_000)]), out=tmp_path / "run")
    assert time.process_time() - began < SECONDS


def test_a_thousand_patterns_over_one_large_folder_are_rejected_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("full")
    folder.mkdir()
    for number in range(3_000):
        (folder / f"{number}.csv").touch()
    began = time.process_time()
    config = of([f"{folder}/*{number}*" for number in range(1_000)])
    loaded = safla.load_config(config)
    assert any("more than 1,000,000 names" in warning for warning in loaded.warnings)
    with raises_code(DataError, "file_too_large"):
        safla.run(config, out=tmp_path / "run")
    assert time.process_time() - began < SECONDS


def test_many_missing_files_are_ten_warnings_and_a_count_of_the_rest() -> None:
    began = time.process_time()
    symbols = {"primary": [f"A{number}/USDT" for number in range(20)]}
    config = of([f"/nowhere/{{symbol}}-{number}-*.csv" for number in range(1_000)], symbols=symbols)
    warnings = [one for one in safla.load_config(config).warnings if "data.path" in one]
    assert len(warnings) == 11
    assert warnings[-1] == "config: data.path: 19,990 more do not exist"
    assert time.process_time() - began < SECONDS


def test_the_time_per_file_is_about_the_same_for_many_files_and_for_few(tmp_path: Path) -> None:
    def seconds(files: int) -> float:
        folder = tmp_path / str(files)
        folder.mkdir()
        for number in range(files):
            rows = (f"{(number * 10 + row) * 3_600_000 + 1_704_067_200_000},10,11,9,10,1\n" for row in range(10))
            (folder / f"{number:04}.csv").write_text("timestamp,open,high,low,close,volume\n" + "".join(rows))
        began = time.process_time()
        safla.run(of(f"{folder}/*.csv"), out=tmp_path / f"run-{files}")
        return time.process_time() - began

    seconds(2)  # lazy imports are not measured
    few, many = seconds(25), seconds(200)
    assert many < few * 8 * 4
