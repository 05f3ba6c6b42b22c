"""The five modes and every legal move between them. No other code defines a move (D4)."""

import numpy as np
from transitions import Machine, MachineError

from safla.core.pure import pure
from safla.errors import IllegalMove

MODES = ("idle", "warming", "flat", "long", "halted")  # the index of a mode in this tuple is its code in the core
IDLE, WARMING, FLAT, LONG, HALTED = range(len(MODES))

TABLE = (
    # trigger   from       to
    ("start", "idle", "warming"),
    ("warm", "warming", "flat"),
    ("rewarm", "flat", "warming"),  # after a gap the known candles no longer fill the window (S4)
    ("enter", "flat", "long"),
    ("exit", "long", "flat"),
    ("exit", "halted", "halted"),  # a position that was open at the halt is closed while it lasts
    ("halt", "warming", "halted"),
    ("halt", "flat", "halted"),
    ("halt", "long", "halted"),
    ("resume", "halted", "warming"),  # not to flat: phase (i) of the next candle checks the window first (S16)
    ("resume_long", "halted", "long"),  # the last halt is lifted, and the position is still open
    *(("stop", mode, "idle") for mode in MODES),  # a run can be stopped in any mode
)
TRIGGERS = tuple(dict.fromkeys(trigger for trigger, _, _ in TABLE))
START, WARM, REWARM, ENTER, EXIT, HALT, RESUME, RESUME_LONG, STOP = range(len(TRIGGERS))

_MACHINE = Machine(
    model=None,
    states=list(MODES),
    initial=None,
    transitions=[list(row) for row in TABLE],
    auto_transitions=False,
    queued=False,
    send_event=False,
    ignore_invalid_triggers=False,
)


class _Cursor:
    """The model that the shared machine changes: a mode, for the duration of one call."""

    __slots__ = ("state",)

    def __init__(self, mode: str) -> None:
        self.state = mode


def next_mode(mode: str, trigger: str) -> str:
    """The mode after a trigger. Raises IllegalMove, which is a bug in safla, for a move that TABLE does not have."""
    cursor = _Cursor(mode)
    try:
        _MACHINE.events[trigger].trigger(cursor)
    except (KeyError, ValueError, MachineError) as error:
        raise IllegalMove(f"{trigger} while {mode}: core/machine.py has no such row", code="illegal_move") from error
    return cursor.state


def moves() -> np.ndarray:
    """The table for the loop: int8[modes, triggers], the code of the next mode, or -1 for an illegal move."""
    array = np.full((len(MODES), len(TRIGGERS)), -1, np.int8)
    for trigger, source, _ in TABLE:
        array[MODES.index(source), TRIGGERS.index(trigger)] = MODES.index(next_mode(source, trigger))
    return array


MOVES = moves().astype(np.int64)  # int64, because compiled code would go on computing in int8


@pure
def moved(mode: int, trigger: int) -> int:
    """The code of the mode after a trigger. An illegal move is a bug in safla: AssertionError, compiled code too."""
    target = int(MOVES[mode, trigger])
    assert target >= 0, "core/machine.py has no such move"
    return target
