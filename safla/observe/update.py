"""The update that a run gives to logs, monitoring and views after its lines are synced. Listeners change nothing."""

from collections.abc import Callable
from typing import NamedTuple

from safla.core.values import State
from safla.journal.events import Event


class Update(NamedTuple):
    """The result of one timestamp, or of one outside input. Its lines are on the disk: it is acknowledged (J23)."""

    ts: int  # open time of the candle, ms
    events: tuple[Event, ...]  # in the order of their lines, candles included
    state: State  # after the timestamp or input
    lines: int  # number of lines in the journal
    came: float  # when the candles arrived, seconds, monotonic
    synced: float  # when the lines were synced, seconds, monotonic


Listener = Callable[[Update], None]
