"""What a paper run hands on once it is synced: to logs, monitoring and the terminal. They can change nothing."""

from collections.abc import Callable
from typing import NamedTuple

from safla.core.values import State
from safla.journal.events import Event


class Update(NamedTuple):
    """What one timestamp, or one input from outside, came to. Acknowledged: its lines are on the disk (J23)."""

    ts: int  # open time of the candle, ms
    events: tuple[Event, ...]  # in the order of their lines, candles included
    state: State  # behind it
    lines: int  # of the journal
    came: float  # when the candles were there, seconds, monotonic
    synced: float  # when the lines were


Listener = Callable[[Update], None]
