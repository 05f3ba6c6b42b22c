"""Log files: one JSON object per line, in UTC, bounded, and silent unless they are configured."""

import json
import logging
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from freezegun import freeze_time
from loguru import logger

import safla
from safla.config.model import Config
from safla.journal.chain import ORIGIN, Chain
from safla.journal.events import LEVELS, Filled
from safla.observe import event_log
from safla.observe.event_lines import TABLE
from safla.observe.format import WORDS
from tests.observe.fakes import EVENTS, START, update


@pytest.fixture(autouse=True)
def as_it_was():
    """loguru is global to the process, so a test leaves it silent."""
    yield
    logger.remove()
    logger.disable("safla")


def config(folder: Path, **more: object) -> Config:
    return Config.model_validate({"storage": {"logs_directory": str(folder)}, **more})


def said(text: str, *, level: str = "WARNING") -> None:
    """Makes a record as a module of safla does."""
    logger.patch(lambda record: record.update(name="safla.exchange.client")).log(level, "{}", text)


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_one_object_with_time_level_module_and_text(tmp_path: Path):
    with freeze_time("2026-01-02T03:04:05.678Z"), event_log.of_exchange(config(tmp_path)):
        said("try 2 in 1.0 s")
    expected = {"time": "2026-01-02T03:04:05.678Z", "level": "WARNING", "room": "safla.exchange.client"}
    assert lines(tmp_path / "data" / "market_data.log") == [expected | {"text": "try 2 in 1.0 s"}]
    assert lines(tmp_path / "data" / "errors.log") == [expected | {"text": "try 2 in 1.0 s"}]


def test_the_level_decides_which_files_have_a_line(tmp_path: Path):
    with event_log.of_exchange(config(tmp_path, system={"log_level": "INFO"})):
        for level in ("DEBUG", "INFO", "ERROR"):
            said(level, level=level)
    assert [line["text"] for line in lines(tmp_path / "data" / "market_data.log")] == ["INFO", "ERROR"]
    assert [line["text"] for line in lines(tmp_path / "data" / "errors.log")] == ["ERROR"]


@pytest.mark.parametrize("text", ["{0} {extra[x]} {{", "<red>a</red>", "a\nb", "\x1b[31m", "\u202e", '"}\n{"x":"'])
def test_text_of_an_exchange_cannot_forge_a_line(tmp_path: Path, text: str):
    with event_log.of_exchange(config(tmp_path)):
        said(text)
    content = (tmp_path / "data" / "market_data.log").read_text()
    assert len(content.splitlines()) == 1
    assert content.rstrip("\n").isprintable()


def test_no_file_is_written_without_records(tmp_path: Path):
    with event_log.of_exchange(config(tmp_path)):
        pass
    assert list(tmp_path.rglob("*.log")) == []


def test_files_are_rotated_and_old_files_removed(tmp_path: Path):
    sizes = {"logging": {"max_file_size_mb": 1, "backup_count": 1}}
    with event_log.of_exchange(config(tmp_path, **sizes)):
        for _ in range(40):
            said("x" * 100_000)
    files = sorted((tmp_path / "data").glob("market_data*.log"))
    assert len(files) == 2
    assert all(one.stat().st_size <= 1_100_000 for one in files)


def test_nothing_is_logged_outside_the_with_block(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with event_log.of_exchange(config(tmp_path)):
        pass
    said("nobody hears that")
    assert capsys.readouterr() == ("", "")


def test_loggers_of_other_libraries_write_only_warnings(tmp_path: Path):
    with event_log.of_exchange(config(tmp_path)):
        levels = {name: logging.getLogger(name).level for name in event_log.OTHERS}
    assert set(levels.values()) == {logging.WARNING}


# --- The five files of a run -----------------------------------------------------------------------------------------

PAPER = {"mode": "paper"}


def of_events(tmp_path: Path, *names: str, **more: object) -> dict[str, list[dict[str, object]]]:
    """Returns the content of each file after a run with these events."""
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER, **more), say=pytest.fail) as listen:
        for name in names:
            listen(update(EVENTS[name]))
    return {path.stem: lines(path) for path in tmp_path.glob("*.log")}


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_has_its_file_and_its_text(tmp_path: Path, event: str):
    found = of_events(tmp_path, event)
    files = {"filled": "trades", "closed": "trades", "candle": "market_data", "missing": "market_data"}
    file = files.get(event, "decisions")
    expected = (WORDS[type(EVENTS[event])](EVENTS[event]), msgspec.to_builtins(EVENTS[event])["type"])
    assert [(line["text"], line["event"]) for line in found[file]] == [expected]
    assert found.keys() - {file} == ({"errors"} if event in ("missing", "halted", "resumed") else set())


def test_every_event_of_a_journal_is_in_a_file():
    assert TABLE.keys() == LEVELS.keys() == {type(one) for one in EVENTS.values()}


def test_a_line_has_time_level_module_and_text_then_the_fields_of_its_event(tmp_path: Path):
    line = of_events(tmp_path, "filled")["trades"][0]
    assert list(line)[:4] == ["time", "level", "room", "text"]
    assert line["time"].endswith("Z")
    fields = msgspec.to_builtins(EVENTS["filled"])
    assert {name: line[name] for name in fields if name != "type"} == {n: v for n, v in fields.items() if n != "type"}


def test_the_first_line_of_a_run_does_not_contain_the_plan(tmp_path: Path):
    assert "plan" not in of_events(tmp_path, "started")["decisions"][0]


def test_a_candle_line_has_its_lag_and_its_write_latency(tmp_path: Path):
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail, late=lambda update: 2.5001) as listen:
        listen(update(EVENTS["candle"], came=7.0, synced=7.00025))
    line = lines(tmp_path / "market_data.log")[0]
    assert (line["lag_seconds"], line["latency_ms"]) == (2.5, 0.25)


def test_candles_of_history_have_no_lag(tmp_path: Path):
    assert of_events(tmp_path, "candle")["market_data"][0]["lag_seconds"] is None


def test_requests_to_an_exchange_during_a_run_are_logged_with_its_candles(tmp_path: Path):
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail):
        said("try 2 in 1.0 s")
        with event_log.of_exchange(config(tmp_path)):
            said("both hear that")
        said("still heard")
    assert [line["text"] for line in lines(tmp_path / "market_data.log")] == [
        "try 2 in 1.0 s",
        "both hear that",
        "still heard",
    ]
    assert len(lines(tmp_path / "errors.log")) == 3
    assert [line["text"] for line in lines(tmp_path / "data" / "errors.log")] == ["both hear that"]


def test_sinks_of_the_caller_are_kept_and_records_of_other_libraries_are_in_no_file(tmp_path: Path):
    heard: list[str] = []
    logger.add(lambda message: heard.append(message.record["message"]), format="{message}")
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail):
        logger.patch(lambda record: record.update(name="my.program")).warning("of another program")
    logger.patch(lambda record: record.update(name="my.program")).warning("later")
    assert heard == ["of another program", "later"]
    assert list(tmp_path.glob("*.log")) == []


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_the_configured_level_applies_to_a_run(tmp_path: Path, level: str):
    found = of_events(tmp_path, "filled", "candle", "signal", "halted", system={"log_level": level})
    assert found.keys() == ({"decisions", "errors"} if level == "WARNING" else {"errors"})


def test_z11_no_secret_is_in_a_line_of_a_run_in_any_spelling(tmp_path: Path):
    url = "https://hooks.example.org/services/cAnary0123456789"
    given = config(tmp_path, **PAPER, monitoring={"webhook_url": url})
    with event_log.of_run(tmp_path, given, secrets=["value-of-a-key"], say=pytest.fail) as listen:
        for text in (url, quote(url, safe=""), b64encode(f"x{url}".encode()).decode(), "value-of-a-key"):
            said(f"a {text} b")
            listen(update(msgspec.structs.replace(EVENTS["halted"], note=text[:200])))
    content = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert content.count("[hidden]") == 4 * (
        2 + 4
    )  # in the text, of an event in its note too, each in errors.log as well
    for part in ("cAnary", "value-of", b64encode(b"0123456789ab").decode()[:12]):
        assert part not in content


def test_z10_no_variable_of_an_error_is_in_a_line(tmp_path: Path):
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail):
        try:
            secret = "a local variable"
            raise ValueError(len(secret))
        except ValueError:
            logger.patch(lambda record: record.update(name="safla.x")).exception("it failed")
    assert [line["text"] for line in lines(tmp_path / "errors.log")] == ["it failed"]
    assert "a local" not in (tmp_path / "errors.log").read_text()


def test_z13_an_event_cannot_forge_a_line(tmp_path: Path):
    event = msgspec.structs.replace(EVENTS["halted"], note='"}\n{"x": "\x1b[31m\u202e\x7f {extra[line]} <red>')
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail) as listen:
        listen(update(event))
    content = (tmp_path / "decisions.log").read_text()
    assert len(content.splitlines()) == 1
    assert content.rstrip("\n").isprintable()
    assert lines(tmp_path / "decisions.log")[0]["note"] == '"}\\n{"x": "\\x1b[31m\\u202e\\x7f {extra[line]} <red>'


def test_a_field_of_an_event_cannot_replace_a_common_field_of_all_lines(tmp_path: Path):
    with event_log.of_run(tmp_path, config(tmp_path, **PAPER), say=pytest.fail):
        fields = {"text": "forged", "time": "never", "free": {"a": ["\x1b"]}}
        logger.patch(lambda record: record.update(name="safla.x")).bind(file="trades", fields=fields).info("true")
    line = lines(tmp_path / "trades.log")[0]
    assert (line["text"], line["time"] == "never", line["free"]) == ("true", False, {"a": ["\x1b"]})


def test_a_block_of_a_backtest_becomes_an_update_with_its_events(tmp_path: Path):
    chain = Chain(7, ORIGIN)
    block = b"".join(chain.line(EVENTS[name]) for name in ("signal", "placed", "filled"))
    state = update().state
    heard = event_log.update_of(block, state)
    assert heard.events == tuple(EVENTS[name] for name in ("signal", "placed", "filled"))
    assert (heard.ts, heard.lines, heard.state) == (START, 10, state)
    assert event_log.update_of(b"", state).events == ()


def test_a_backtest_loses_no_line_however_many_there_are(tmp_path: Path):
    count = 12_000  # more than a queue holds
    with event_log.of_run(
        tmp_path, config(tmp_path, system={"log_level": "INFO"}), beside=False, say=pytest.fail
    ) as listen:
        listen(update(*[EVENTS["signal"]] * count))
    assert len((tmp_path / "decisions.log").read_bytes().splitlines()) == count


def test_the_log_files_contain_the_journal_of_a_backtest(tmp_path: Path):
    plan = {"strategy": {"entry_threshold_pct": 0, "exit_threshold_pct": 0}}
    candles = {"data": {"source": "synthetic", "synthetic": {"candles": 2000}}}
    result = safla.run(plan | candles, out=tmp_path / "run")
    heard = event_log.update_of(result.journal.read_bytes(), update().state)
    with event_log.of_run(tmp_path / "run", config(tmp_path), beside=False, say=pytest.fail) as listen:
        listen(heard)
    fills = [line for line in lines(tmp_path / "run" / "trades.log") if line["event"] == "filled"]
    assert len(fills) == sum(isinstance(one, Filled) for one in heard.events) > 20
    assert [line["price"] for line in fills] == [one.price for one in heard.events if isinstance(one, Filled)]
