"""What a library of compiled code prints when it panics: kept off the stderr of a process that is ours alone."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

BEGIN = b"\nthread '"
STDERR = 2
MAX_SAID_BYTES = 2**20  # of stderr that are given back

_one_at_a_time = threading.Lock()
_ours: list[bool] = []  # filled once this process is ours alone
_kept: list[int] = []  # the descriptor of stderr itself, while it is held


def silence() -> None:
    """Say that this process is ours alone: its stderr may be held for a while."""
    _ours.append(True)


def stderr() -> int:
    """The descriptor of stderr itself, also while it is held: for whoever has to speak and then end the process."""
    return _kept[-1] if _kept else STDERR


@contextlib.contextmanager
def hold_stderr() -> Iterator[None]:
    """Hold what is written to stderr meanwhile, and give it back up to the text of a panic.

    In a process of others nothing is held: their threads and children write to the same stderr.
    """
    if not _ours:
        yield
        return
    with _one_at_a_time:
        aside = _aside()
        if aside is None:
            yield
            return
        kept, held_in = aside
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


def _aside() -> tuple[int, int] | None:
    """Lead stderr into memory: the descriptors of the old one and of the memory; None where the host has no room."""
    try:
        sys.stderr.flush()
        kept = os.dup(STDERR)
    except (OSError, ValueError):
        return None
    try:
        held_in = os.memfd_create("stderr")
    except (OSError, AttributeError):  # other systems have none
        os.close(kept)
        return None
    os.dup2(held_in, STDERR)
    return kept, held_in
