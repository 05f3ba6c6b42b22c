"""A result is the same with a journal, without a journal, and when loaded from a run folder."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safla.errors import Interrupted, JournalError
from safla.report.summary import summarise
from safla.runs import backtest
from safla.runs.engine_choice import choose
from safla.runs.result import RunResult, load_result, simulate_plan
from safla.runs.runner import Block
from tests.errors import raises_code
from tests.small_runs import journal, run, small


class Lines:
    """A recorder that keeps the lines of the journal."""

    def __init__(self, most: int = 10**9) -> None:
        self.text, self.most = b"", most

    def block(self, block: Block) -> None:
        """Keep them, and end the run where there are too many."""
        self.text += block.lines
        if len(self.text) > self.most:
            raise Interrupted("enough")


def prepared(tmp_path: Path) -> tuple[backtest.Prepared, dict[str, Any]]:
    found = backtest.prepare(small(tmp_path))
    return found, {"forms": choose("interpreted", found.run.strategy, candles=0, say=pytest.fail)}


def summary(result: RunResult) -> dict[str, Any]:
    return summarise(result, risk_free_rate=0.0)


def test_a_result_is_the_same_with_and_without_a_journal(tmp_path: Path) -> None:
    it, forms = prepared(tmp_path)
    lines = Lines()
    with_lines = simulate_plan(it.run, it.series, recorder=lines, **forms)
    without = simulate_plan(it.run, it.series, **forms)
    assert summary(without) == summary(with_lines)
    assert np.array_equal(without.rows, with_lines.rows)
    run(small(tmp_path), tmp_path / "run")
    assert lines.text == journal(tmp_path / "run")


def test_without_a_recorder_no_journal_line_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it, forms = prepared(tmp_path)
    monkeypatch.setattr("safla.runs.runner.LineEncoder", pytest.fail)
    assert len(simulate_plan(it.run, it.series, **forms).ts) > 0


def test_a_recorder_can_end_the_run(tmp_path: Path) -> None:
    it, forms = prepared(tmp_path)
    with raises_code(Interrupted, "interrupted", match="enough"):
        simulate_plan(it.run, it.series, recorder=Lines(most=1000), **forms)


@pytest.mark.parametrize("detail", ["trades", "decisions", "candles"])
def test_the_result_of_a_run_can_be_loaded_from_its_folder(tmp_path: Path, detail: str) -> None:
    ended = run(small(tmp_path, f"journal.detail={detail}"), tmp_path / "run")
    for path in (tmp_path / "run", tmp_path / "run" / "journal.jsonl"):
        assert summary(load_result(path, engine="interpreted")) == summary(ended.outcome)


def test_the_folder_of_an_interrupted_run_gives_its_result_so_far(tmp_path: Path) -> None:
    run(small(tmp_path, "journal.detail=candles"), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    (tmp_path / "run" / "head").unlink()
    assert 0 < len(load_result(tmp_path / "run", engine="interpreted").ts) < 900


def test_a_folder_without_a_run_has_no_result(tmp_path: Path) -> None:
    with raises_code(JournalError, "journal_not_found"):
        load_result(tmp_path)
