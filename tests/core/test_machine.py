"""The table of modes: which moves are legal and which are not, and that the array made from it agrees (D4)."""

import itertools
from collections import Counter

import pytest

from safla.core.machine import MODES, TABLE, TRIGGERS, moved, moves, next_mode
from safla.errors import IllegalMove
from tests.errors import raises_code
from tests.options import Golden

LEGAL = {(trigger, source): target for trigger, source, target in TABLE}
PAIRS = list(itertools.product(MODES, TRIGGERS))


def test_the_mode_transitions_match_the_golden_matrix(golden: Golden) -> None:
    golden("modes.txt", matrix())


@pytest.mark.parametrize(("mode", "trigger"), PAIRS)
def test_the_machine_and_its_array_agree_on_every_legal_and_illegal_transition(mode: str, trigger: str) -> None:
    code = moves()[MODES.index(mode), TRIGGERS.index(trigger)]
    if (trigger, mode) in LEGAL:
        assert next_mode(mode, trigger) == MODES[code] == LEGAL[trigger, mode]
        assert moved(MODES.index(mode), TRIGGERS.index(trigger)) == code
    else:
        assert code == -1
        with pytest.raises(IllegalMove, match=f"^{trigger} while {mode}: "):
            next_mode(mode, trigger)
        with pytest.raises(AssertionError, match="no such move"):
            moved(MODES.index(mode), TRIGGERS.index(trigger))


def test_no_trigger_has_two_rows_for_one_source() -> None:
    rows = Counter((trigger, source) for trigger, source, _ in TABLE)
    assert {pair for pair, count in rows.items() if count > 1} == set()


def test_every_source_and_every_target_is_a_mode() -> None:
    named = {mode for _, *pair in TABLE for mode in pair}
    assert named == set(MODES)


@pytest.mark.parametrize(("mode", "trigger"), [("flat", "buy"), ("sleeping", "stop"), ("", "")])
def test_an_unknown_trigger_or_mode_is_an_illegal_transition(mode: str, trigger: str) -> None:
    with raises_code(IllegalMove, "illegal_move"):
        next_mode(mode, trigger)


@pytest.mark.parametrize("mode", MODES)
def test_a_run_can_be_stopped_in_any_mode(mode: str) -> None:
    assert next_mode(mode, "stop") == "idle"


def matrix() -> str:
    """Returns moves() as text with a row for each mode and a column for each trigger."""
    rows = [("", *TRIGGERS)]
    rows += [
        (mode, *("-" if code < 0 else MODES[code] for code in codes))
        for mode, codes in zip(MODES, moves(), strict=True)
    ]
    widths = (10, *(max(10, len(trigger) + 1) for trigger in TRIGGERS))
    lines = ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"
