"""Rows 2 and 10: the process dies before or after each call that touches the disk; nothing is lost."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from safla.journal import append
from tests.runs import journal, run, small

DIED = 77
CALLS = ("open", "write", "fsync", "rename", "ftruncate", "mkdir")
ALONE = "journal.detail=candles"  # no Parquet file, for its threads do not survive a fork


class Counter:
    """Counts the calls, and ends the process at the k-th: before it or after it."""

    def __init__(self, dies_at: int, when: str) -> None:
        self.count = 0
        self.dies_at = dies_at
        self.when = when

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.dies_at and self.when == "before":
                os._exit(DIED)
            answer = call(*arguments, **named)
            if self.count == self.dies_at and self.when == "after":
                os._exit(DIED)
            return answer

        return counted


def in_a_child(work: Callable[[], None], counter: Counter) -> int:
    """Run in a forked process under the counter; its exit code: DIED, or how many calls there were."""
    child = os.fork()
    if child == 0:
        for name in CALLS:
            setattr(os, name, counter.around(getattr(os, name)))
        append._sync = counter.around(append._sync)
        try:
            work()
        finally:
            os._exit(min(counter.count, DIED - 1))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def undisturbed(tmp_path, monkeypatch):
    monkeypatch.setattr(append, "BATCH", 20_000)  # several writes
    run(small(tmp_path, ALONE), tmp_path / "undisturbed")
    return journal(tmp_path / "undisturbed")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
@pytest.mark.parametrize("when", ["before", "after"])
def test_row_2_a_death_at_any_call_loses_nothing(tmp_path, undisturbed, when):
    loaded = small(tmp_path, ALONE)
    calls = in_a_child(lambda: run(loaded, tmp_path / "count"), Counter(0, when))
    assert 20 < calls < DIED - 1
    for k in range(1, calls + 1):
        folder = tmp_path / f"{when}-{k}"
        assert in_a_child(lambda folder=folder: run(loaded, folder), Counter(k, when)) == DIED
        run(loaded, folder)
        assert journal(folder) == undisturbed, k
        assert not list(folder.glob("*.tmp"))
        assert run(loaded, folder).again


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_row_10_a_death_inside_recovery_is_recovered_from(tmp_path, undisturbed):
    """J42: a torn tail, and then a death at each call of the start that mends it."""
    loaded = small(tmp_path, ALONE)
    torn = undisturbed[: len(undisturbed) // 2]
    for k in range(1, 40):
        folder = tmp_path / f"torn-{k}"
        folder.mkdir(mode=0o700)
        (folder / "journal.jsonl").write_bytes(torn)
        died = in_a_child(lambda folder=folder: run(loaded, folder), Counter(k, "after")) == DIED
        run(loaded, folder)
        assert journal(folder) == undisturbed, k
        if not died:
            return
    pytest.fail("a start has fewer calls than that")
