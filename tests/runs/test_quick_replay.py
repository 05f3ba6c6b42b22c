"""A replay that finds no difference takes a quick way; its result is that of the strict way."""

from pathlib import Path
from typing import Any

import pytest

from safla.errors import SaflaError
from safla.journal.events import DETAILS
from safla.runs import replay
from safla.runs.replay import ReplayResult, replay_run
from tests.paper.paper_runs import run_paper
from tests.small_runs import journal, run, small


def replayed(folder: Path) -> ReplayResult:
    return replay_run(folder, books_only=False, engine="auto", say=lambda text: None)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Any:
    """strict(folder): the result of the strict way."""

    def by_the_strict_way(folder: Path) -> ReplayResult:
        with monkeypatch.context() as patch:
            patch.setattr(replay, "_confirmed", lambda journal, **options: None)
            return replayed(folder)

    return by_the_strict_way


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[ReplayResult | None]:
    """What the quick way came to, for each replay."""
    found: list[ReplayResult | None] = []
    confirmed = replay._confirmed

    def noted(journal: Any, **options: Any) -> ReplayResult | None:
        found.append(None)
        found[-1] = confirmed(journal, **options)
        return found[-1]

    monkeypatch.setattr(replay, "_confirmed", noted)
    return found


@pytest.mark.parametrize("detail", DETAILS)
def test_a_finished_run_is_confirmed_the_quick_way(tmp_path: Path, quick: Any, strict: Any, detail: str) -> None:
    run(small(tmp_path, f"journal.detail={detail}", "data.synthetic.holes=20"), tmp_path / "run")
    result = replayed(tmp_path / "run")
    assert quick == [result]
    assert result == strict(tmp_path / "run")
    assert result.books.counts["run_ended"] == 1


def test_a_paper_run_is_confirmed_the_quick_way(tmp_path: Path, quick: Any, strict: Any) -> None:
    run_paper(tmp_path / "run")
    assert replayed(tmp_path / "run") == strict(tmp_path / "run") == quick[0]


@pytest.mark.parametrize("detail", DETAILS)
def test_an_unfinished_run_without_a_checkpoint_is_confirmed_too(
    tmp_path: Path, quick: Any, strict: Any, detail: str
) -> None:
    run(small(tmp_path, f"journal.detail={detail}"), tmp_path / "run")
    lines = journal(tmp_path / "run").splitlines(keepends=True)
    (tmp_path / "run" / "journal.jsonl").write_bytes(b"".join(lines[: len(lines) // 2]))
    (tmp_path / "run" / "head").unlink()
    result = replayed(tmp_path / "run")
    assert result == strict(tmp_path / "run")
    assert quick[0] == result


@pytest.mark.parametrize("detail", DETAILS)
def test_a_changed_byte_anywhere_is_left_to_the_strict_way(
    tmp_path: Path, quick: Any, detail: str, chance: Any
) -> None:
    run(small(tmp_path, f"journal.detail={detail}"), tmp_path / "run")
    text = journal(tmp_path / "run")
    for place in [chance.randrange(len(text)) for _ in range(12)]:
        changed = bytes([text[place] ^ 1])
        (tmp_path / "run" / "journal.jsonl").write_bytes(text[:place] + changed + text[place + 1 :])
        quick.clear()
        try:
            result = replayed(tmp_path / "run")
        except SaflaError:
            result = None
        assert quick == [None]
        assert result is None or result.decisions is None or result.decisions.difference is not None


def test_a_torn_line_and_a_checkpoint_beyond_the_end_are_left_to_the_strict_way(tmp_path: Path, quick: Any) -> None:
    run(small(tmp_path), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    text = path.read_bytes()
    path.write_bytes(text + b'{"n":')
    assert replayed(tmp_path / "run").tail.torn == 5
    path.write_bytes(text[: text.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(SaflaError):
        replayed(tmp_path / "run")
    assert quick == [None, None]
