"""Row 58: every reader of numbers rejects text that is not a number by Z5, before it computes anything from it."""

import time
from pathlib import Path

import polars as pl
import pytest

from safla.candles import decimals
from safla.config.types import milliseconds
from safla.config.yaml_reader import scalar
from safla.data.files import times
from safla.errors import DataError, UsageError
from safla.report import conditions
from tests.faults.invariants import check_answer, refused, untouched
from tests.scale import bound
from tests.small_runs import rehashed, run, small

NO_NUMBERS = [
    "1_000",
    "\u0661\u0662",
    "1E+1000000",
    "+-1",
    "0x10",
    "9" * 400,
    "1e5e",
    "\uff11",
    "0." + "1" * 400,
    "1" * 60_000,
]
SHORT = [ascii(text)[:12] for text in NO_NUMBERS]
PER_NUMBER = 50e-6  # seconds: 10 µs, with a factor for a busy machine


def of_config(text):
    assert scalar(text) == text


def of_date(text):
    try:
        assert milliseconds(text) == text
    except ValueError:
        return


def of_condition(text):
    try:
        conditions.parse(f"trades > {text}", ["trades"])
    except UsageError:
        return
    raise AssertionError(text)


@pytest.mark.parametrize("reader", [of_config, of_date, of_condition])
@pytest.mark.parametrize("text", NO_NUMBERS, ids=SHORT)
def test_row_58_each_reader_of_a_number_rejects_invalid_text_in_microseconds(reader, text):
    reader(text)  # the first call may be slow
    began = time.process_time()
    for _ in range(500):
        reader(text)
    assert time.process_time() - began < bound(500 * PER_NUMBER)


@pytest.mark.parametrize("text", NO_NUMBERS, ids=SHORT)
def test_row_58_a_column_of_invalid_numbers_is_rejected_in_microseconds_per_cell(text):
    cells = pl.Series("close", [text] * 500)
    for parse in (lambda: decimals.parse(cells.to_frame(), str), lambda: times.parse(cells, str)):
        with pytest.raises(DataError):
            parse()
        began = time.process_time()
        with pytest.raises(DataError):
            parse()
        assert time.process_time() - began < bound(500 * PER_NUMBER)


@pytest.mark.parametrize("text", NO_NUMBERS[:-1], ids=SHORT[:-1])
def test_row_58_no_key_option_or_csv_cell_accepts_an_invalid_number(ask, monkeypatch, text):
    Path("c.yaml").write_text(f"risk: {{max_daily_trades: {text}}}\n")
    (problem,) = refused(ask, "c.yaml")
    assert problem.startswith("c.yaml:1:26: risk.max_daily_trades: ")
    refused(ask, "good.yaml", f"risk.max_daily_trades={text}")
    with untouched(Path.cwd()):
        check_answer(ask("run", "good.yaml", "--fail-on", f"trades > {text}"), 2)
        check_answer(ask("replay", "run", "--until", text), 2)
    Path("c.csv").write_text(f"timestamp,open,high,low,close,volume\n1704067200000,1,1,1,{text},1\n")
    sets = ("--set", "data.source=csv", "--set", "data.path=c.csv")
    with untouched(Path.cwd()):
        answer = ask("run", "good.yaml", *sets)
    check_answer(answer, 4)
    assert "c.csv" in answer.err
    assert ": close " in answer.err


@pytest.mark.parametrize("text", NO_NUMBERS[:-1], ids=SHORT[:-1])
def test_row_58_a_journal_with_an_invalid_number_is_rejected(ask, tmp_path, text):
    run(small(tmp_path), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    (tmp_path / "run" / "head").unlink()
    spelled = text.encode("ascii", "backslashreplace")
    path.write_bytes(rehashed(path.read_bytes().replace(b'"balance":"100000.0000000"', b'"balance":"%b"' % spelled, 1)))
    answer = ask("replay", tmp_path / "run")
    check_answer(answer, 4)
    assert "line 1" in answer.err
