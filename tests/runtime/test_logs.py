"""What is asked of an exchange is logged: a JSON object a line, UTC, bounded, and silent for those who did not ask."""

import json
import logging
from pathlib import Path

import pytest
from freezegun import freeze_time
from loguru import logger

from safla.config.model import Config
from safla.runtime import logs


@pytest.fixture(autouse=True)
def as_it_was():
    """loguru is one for the process: a test leaves it silent."""
    yield
    logger.remove()
    logger.disable("safla")


def config(folder: Path, **more: object) -> Config:
    return Config.model_validate({"storage": {"logs_directory": str(folder)}, **more})


def said(text: str, *, level: str = "WARNING") -> None:
    """A record as a module of safla makes it."""
    logger.patch(lambda record: record.update(name="safla.data.exchange")).log(level, "{}", text)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_object_with_time_level_room_and_text(tmp_path: Path):
    with freeze_time("2026-01-02T03:04:05.678Z"), logs.of_exchange(config(tmp_path)):
        said("try 2 in 1.0 s")
    expected = {"time": "2026-01-02T03:04:05.678Z", "level": "WARNING", "room": "safla.data.exchange"}
    assert lines(tmp_path / "data" / "market_data.log") == [expected | {"text": "try 2 in 1.0 s"}]
    assert lines(tmp_path / "data" / "errors.log") == [expected | {"text": "try 2 in 1.0 s"}]


def test_levels_decide_which_file_has_a_line(tmp_path: Path):
    with logs.of_exchange(config(tmp_path, system={"log_level": "INFO"})):
        for level in ("DEBUG", "INFO", "ERROR"):
            said(level, level=level)
    assert [line["text"] for line in lines(tmp_path / "data" / "market_data.log")] == ["INFO", "ERROR"]
    assert [line["text"] for line in lines(tmp_path / "data" / "errors.log")] == ["ERROR"]


@pytest.mark.parametrize("text", ["{0} {extra[x]} {{", "<red>a</red>", "a\nb", "\x1b[31m", "\u202e", '"}\n{"x":"'])
def test_what_an_exchange_says_is_data_and_forges_no_line(tmp_path: Path, text: str):
    with logs.of_exchange(config(tmp_path)):
        said(text)
    content = (tmp_path / "data" / "market_data.log").read_text()
    assert len(content.splitlines()) == 1
    assert content.rstrip("\n").isprintable()


def test_nothing_is_written_where_nothing_was_said(tmp_path: Path):
    with logs.of_exchange(config(tmp_path)):
        pass
    assert list(tmp_path.rglob("*.log")) == []


def test_files_are_rotated_and_old_ones_go(tmp_path: Path):
    sizes = {"logging": {"max_file_size_mb": 1, "backup_count": 1}}
    with logs.of_exchange(config(tmp_path, **sizes)):
        for _ in range(40):
            said("x" * 100_000)
    files = sorted((tmp_path / "data").glob("market_data*.log"))
    assert len(files) == 2
    assert all(one.stat().st_size <= 1_100_000 for one in files)


def test_outside_of_the_with_a_library_is_silent(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with logs.of_exchange(config(tmp_path)):
        pass
    said("nobody hears that")
    assert capsys.readouterr() == ("", "")


def test_the_loggers_of_others_say_no_more_than_warnings(tmp_path: Path):
    with logs.of_exchange(config(tmp_path)):
        levels = {name: logging.getLogger(name).level for name in logs.OTHERS}
    assert set(levels.values()) == {logging.WARNING}
