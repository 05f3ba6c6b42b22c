"""What holds after every fault (docs/faults.md, I1 to I11), and after a configuration that is refused.

A test checks with them what its own row does not say.
"""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from safla.journal import reader
from safla.journal.events import Event, Filled, OrderPlaced
from safla.runs.replay import replay_run
from tests.faults.command import Answer

MOST_LINES = 5  # on stderr
PROTECTIVE = ("stop_loss", "break_even", "trailing_stop", "take_profit", "target_step")
CANARY = "canary-4f1c9e"  # a secret that no output may show


def check_answer(answer: Answer, code: int) -> None:
    """I8 to I10, and the half of I7 that a stream shows: an answer is whole and at the end, or there is none."""
    assert answer.code == code, answer.err  # I8
    assert "Traceback" not in answer.err  # I9
    lines = [line for line in answer.err.splitlines() if " missing in " not in line]  # gaps: a line for each symbol
    assert code == 3 or len(lines) <= MOST_LINES, answer.err  # 3: every problem at once
    assert code in (0, 1) or answer.out == ""  # I7: nothing was said of a run that was not synced
    if answer.out.startswith("{"):
        json.loads(answer.out)
    for text in (answer.out, answer.err):  # I10
        assert CANARY not in text
        assert not [letter for letter in text if letter != "\n" and not letter.isprintable()]


def check_refused(answer: Answer, said: str) -> None:
    """Exit 6, and one line that says what is missing."""
    check_answer(answer, 6)
    (line,) = answer.err.splitlines()
    assert said in line


def check_run(folder: Path, *, max_positions: int) -> None:
    """I1 to I5 and the half of I11 that the folder shows, of a run that was begun, ended or not."""
    found = replay_run(folder, books_only=False, engine="interpreted", say=lambda text: None)  # I1, J33
    assert found.books.differences == ()  # I2 with B1-B9, I4 and I5 with B2, B7 and B8
    assert found.decisions is not None
    assert found.decisions.difference is None  # I3
    events = [line.event for line in reader.read(folder)]
    check_fills(events, max_positions=max_positions)
    assert not list(folder.glob("*.tmp"))  # I11


def check_fills(events: list[Event], *, max_positions: int) -> None:
    """I4: nothing is sold that is not held, nothing held beyond the limit. I5: one fill, and after its order."""
    held: Counter[str] = Counter()
    placed: set[int] = {0}
    seen: set[tuple[str, str, int]] = set()
    for event in events:
        if isinstance(event, OrderPlaced):
            placed.add(event.order)
        if not isinstance(event, Filled):
            continue
        assert event.order in placed or not any(isinstance(one, OrderPlaced) for one in events)
        assert (event.order == 0) == (event.reason in PROTECTIVE)
        assert (event.symbol, event.side, event.ts) not in seen
        seen.add((event.symbol, event.side, event.ts))
        held[event.symbol] += 1 if event.side == "buy" else -1
        assert held[event.symbol] in (0, 1)
        assert sum(held.values()) <= max_positions


@contextmanager
def untouched(*places: Path) -> Iterator[None]:
    """I11 and J37: every file below the places is there before and after, with the same bytes, mode and name."""
    before = {place: _tree(place) for place in places}
    yield
    assert {place: _tree(place) for place in places} == before


def check_only(place: Path, allowed: set[str]) -> None:
    """I11: nothing lies in a folder but what is named."""
    assert {one.name for one in place.iterdir()} <= allowed


def events_of(folder: Path) -> list[dict[str, object]]:
    """The events of a journal as plain values."""
    lines = (folder / "journal.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line)["e"] for line in lines]


def _tree(place: Path) -> dict[str, tuple[int, str]]:
    return {
        str(one.relative_to(place)): (one.lstat().st_mode, _digest(one)) for one in [place, *sorted(place.rglob("*"))]
    }


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    return hashlib.blake2b(path.read_bytes()).hexdigest()


AT_ONCE = 1.0  # seconds of processor time: 250 ms, with a factor for a slow machine
GOOD = "data: {source: synthetic, synthetic: {candles: 50}}\n"

Ask = Callable[..., Answer]


def refused(ask: Ask, name: str, *sets: str) -> list[str]:
    """The problems of a file that neither command takes: exit 3, in an instant, and nothing is made or changed."""
    errors = []
    for command in ("validate", "run"):
        with untouched(Path.cwd()):
            began = time.process_time()
            answer = ask(command, name, *(option for one in sets for option in ("--set", one)))
            assert time.process_time() - began < AT_ONCE
        check_answer(answer, 3)
        errors.append(answer.err.splitlines())
    assert errors[0] == errors[1]
    return errors[0]
