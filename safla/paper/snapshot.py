"""Where a paper run stands, for whoever looks at it: the state behind a line of its journal, written by its session.

`safla status` uses it, so that it need not fold a year of candles. No start, replay or figure does: those fold.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from safla.core import values as v
from safla.core.machine import MODES
from safla.core.timeframes import LAST_MS
from safla.core.values import State
from safla.errors import HostError, JournalError
from safla.journal.files import JOURNAL, open_to_read
from safla.runs.folder import SNAPSHOT

MAX_BYTES = 2**20

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state behind the n-th line, which ends at a byte of the journal and has the hash h."""

    n: int
    offset: int
    h: str
    account: list[int]
    book: list[list[int]]

    @property
    def state(self) -> State:
        """As the engine has it."""
        return State(np.array(self.account, np.int64), np.array(self.book, np.int64))


def write_snapshot(folder: Path, *, n: int, offset: int, h: str, state: State) -> None:
    """Replace the snapshot of a run. It is not synced, and what fails is no matter: nothing depends on it."""
    text = msgspec.json.encode(Snapshot(n, offset, h, state.account.tolist(), state.book.tolist()))
    temporary = folder / f"{SNAPSHOT}.tmp"
    with suppress(OSError):
        with os.fdopen(os.open(temporary, _FLAGS, 0o600), "wb") as file:
            file.write(text)
        os.rename(temporary, folder / SNAPSHOT)


def read_snapshot(folder: Path, *, symbols: int) -> Snapshot | None:
    """The snapshot of a run of so many symbols, if it belongs to the line of the journal that it names."""
    try:
        with open_to_read(folder / SNAPSHOT) as file:
            found = msgspec.json.decode(file.read(MAX_BYTES), type=Snapshot)
        if len(found.account) != v.ACCOUNT_FIELDS or [len(row) for row in found.book] != [v.SYMBOL_FIELDS] * symbols:
            return None
        if not _is_sound(found.state):  # OverflowError: numbers beyond 64 bits
            return None
        with open_to_read(folder / JOURNAL) as file:
            file.seek(max(0, found.offset - len(found.h) - 3))
            named = file.read(len(found.h) + 3)
    except (HostError, JournalError, msgspec.MsgspecError, OverflowError, ValueError, OSError):
        return None
    return found if named == found.h.encode() + b'"}\n' else None


def _is_sound(state: State) -> bool:
    """Whether every code has a name and every time is one: who sends a run folder can write anything there."""
    book, account = state.book, state.account
    waits = (book[:, v.ORDER] != 0).astype(np.int64)  # then it has a side and a reason
    codes = [
        (book[:, v.MODE], 0, len(MODES)),
        (book[:, v.ORDER_SIDE], waits, len(v.SIDES)),
        (book[:, v.ORDER_REASON], waits, len(v.REASONS)),
    ]
    times = [account[v.LAST_TS], *book[:, v.TS], *book[:, v.OPENED]]
    return all(bool(((low <= code) & (code < end)).all()) for code, low, end in codes) and all(
        one == v.NONE or 0 <= one <= LAST_MS for one in times
    )
