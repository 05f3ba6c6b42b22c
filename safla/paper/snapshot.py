"""The snapshot of a paper run: the state of the engine after a line of its journal, written by its session.

`safla status` reads it, so that it need not fold a year of candles. Nothing else trusts it: starting, replay and
figures fold the journal.
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
    """The state after the n-th line of the journal, which ends at byte `offset` and has the hash h."""

    n: int
    offset: int
    h: str
    account: list[int]
    book: list[list[int]]

    @property
    def state(self) -> State:
        """The same as arrays of the engine."""
        return State(np.array(self.account, np.int64), np.array(self.book, np.int64))


def write_snapshot(folder: Path, *, n: int, offset: int, h: str, state: State) -> None:
    """Replace the snapshot of a run. It is not synced and errors are ignored: nothing depends on it."""
    text = msgspec.json.encode(Snapshot(n, offset, h, state.account.tolist(), state.book.tolist()))
    temporary = folder / f"{SNAPSHOT}.tmp"
    with suppress(OSError):
        with os.fdopen(os.open(temporary, _FLAGS, 0o600), "wb") as file:
            file.write(text)
        os.rename(temporary, folder / SNAPSHOT)


def read_snapshot(folder: Path, *, symbols: int) -> Snapshot | None:
    """The snapshot of a run with so many symbols; None where it is damaged or the journal has no such line."""
    try:
        with open_to_read(folder / SNAPSHOT) as file:
            read = msgspec.json.decode(file.read(MAX_BYTES), type=Snapshot)
        if len(read.account) != v.ACCOUNT_FIELDS or [len(row) for row in read.book] != [v.SYMBOL_FIELDS] * symbols:
            return None
        if not _is_sound(read.state):  # OverflowError: numbers beyond 64 bits
            return None
        with open_to_read(folder / JOURNAL) as file:
            file.seek(max(0, read.offset - len(read.h) - 3))
            line_end = file.read(len(read.h) + 3)  # the hash of a line is its last field
    except (HostError, JournalError, msgspec.MsgspecError, OverflowError, ValueError, OSError):
        return None
    return read if line_end == read.h.encode() + b'"}\n' else None


def _is_sound(state: State) -> bool:
    """Whether all codes and times are valid: a run folder may come from somebody else, with anything in this file."""
    book, account = state.book, state.account
    has_order = (book[:, v.ORDER] != 0).astype(np.int64)  # then side and reason are at least 1
    codes = [
        (book[:, v.MODE], 0, len(MODES)),
        (book[:, v.ORDER_SIDE], has_order, len(v.SIDES)),
        (book[:, v.ORDER_REASON], has_order, len(v.REASONS)),
    ]
    times = [account[v.LAST_TS], *book[:, v.TS], *book[:, v.OPENED]]
    return all(bool(((low <= code) & (code < end)).all()) for code, low, end in codes) and all(
        time == v.NONE or 0 <= time <= LAST_MS for time in times
    )
