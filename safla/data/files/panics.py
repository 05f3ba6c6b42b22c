"""Suppress what a compiled library prints to stderr when it panics, in a process that runs nothing but safla."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

BEGIN = b"\nthread '"
STDERR = 2
MAX_SAID_BYTES = 2**20  # of held output that are written to stderr afterwards

_one_at_a_time = threading.Lock()
_ours: list[bool] = []  # not empty once this process runs nothing but safla
_kept: list[int] = []  # the descriptor of the real stderr, while output is held


def silence() -> None:
    """Declare that this process runs nothing but safla, so that its stderr may be held for a while."""
    _ours.append(True)


def stderr() -> int:
    """The descriptor of the real stderr, also while output is held: for code that prints and then ends the process."""
    return _kept[-1] if _kept else STDERR


@contextlib.contextmanager
def hold_stderr() -> Iterator[None]:
    """Hold what the block writes to stderr, then write it out up to the text of a panic.

    Nothing is held in a process that runs other code too: its threads and children write to the same stderr.
    """
    if not _ours:
        yield
        return
    with _one_at_a_time:
        descriptors = _redirect()
        if descriptors is None:
            yield
            return
        kept, held_in = descriptors
        _kept.append(kept)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, STDERR)
            _kept.clear()
            os.write(kept, os.pread(held_in, MAX_SAID_BYTES, 0).partition(BEGIN)[0])
            os.close(held_in)
            os.close(kept)


def _redirect() -> tuple[int, int] | None:
    """Redirect stderr into memory. Returns the descriptors of the old stderr and of the memory; None if that fails."""
    try:
        sys.stderr.flush()
        kept = os.dup(STDERR)
    except (OSError, ValueError):
        return None
    try:
        held_in = os.memfd_create("stderr")
    except (OSError, AttributeError):  # only Linux has memfd_create
        os.close(kept)
        return None
    os.dup2(held_in, STDERR)
    return kept, held_in
