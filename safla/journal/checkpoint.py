"""The file `head` beside a journal records how long the journal was once (J24, J38). It is replaced as a whole."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from safla.errors import JournalError
from safla.journal.events import Hex
from safla.journal.files import open_to_read, replace

HEAD = "head"
MAX_HEAD = 200  # bytes


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The journal was once at least `offset` bytes long, and its line n had the hash h."""

    n: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    offset: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    h: Hex


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint, or None if there is no file. Raises JournalError if it cannot be read (J38)."""
    if not os.path.lexists(path):
        return None
    with open_to_read(path) as file:
        text = file.read(MAX_HEAD)
    try:
        head = msgspec.json.decode(text, type=Checkpoint)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JournalError(
            f"{path}: cannot be read as a checkpoint; to go on without it, delete the file",
            code="checkpoint_unreadable",
        ) from error
    if _text(head) != text:
        raise JournalError(
            f"{path}: is not spelt as safla writes it; to go on without it, delete the file",
            code="checkpoint_unreadable",
        )
    return head


def write_checkpoint(path: Path, head: Checkpoint) -> None:
    """Replace the checkpoint as a whole (J24)."""
    replace(path, _text(head))


def _text(head: Checkpoint) -> bytes:
    return msgspec.json.encode(head) + b"\n"
