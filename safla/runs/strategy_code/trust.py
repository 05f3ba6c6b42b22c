"""The folders whose configurations may name code: a list of the user's own, which no download can bring along (C2)."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from safla.errors import HostError, UsageError
from safla.fs import TEMPORARY, is_ours_alone, locked, make_folders, read_own, replace
from safla.journal.files import JOURNAL
from safla.text import printable

MOST_BYTES = 2**20  # of the list
DOWNLOADS = "downloads"  # a folder of this name in the home directory


class TrustedFolder(NamedTuple):
    """A line of the list. A folder is known by device and inode too: another one of the same name is not trusted."""

    device: int
    inode: int
    path: str

    @property
    def is_there(self) -> bool:
        """Whether the path still is this folder, and only this user and root can change it."""
        return _known(self.path) == self and is_ours_alone(Path(self.path))


def list_path(environment: Mapping[str, str]) -> Path:
    """The file with the list: below XDG_CONFIG_HOME, else in ~/.config."""
    base = environment.get("XDG_CONFIG_HOME", "")
    return Path(base if os.path.isabs(base) else os.path.expanduser("~/.config")) / "safla" / "trusted"


def trusted_folders(path: Path) -> list[TrustedFolder]:
    """The folders of a list; none where there is no list. HostError where it is not the user's alone, or damaged."""
    try:
        content = read_own(path, most=MOST_BYTES)
        if content is None:
            return []
        if not is_ours_alone(path):
            raise HostError(
                f"{path}: others can change it or its folder; correct their permissions", code="not_our_file"
            )
        return [_entry(line) for line in os.fsdecode(content).splitlines()]
    except ValueError as error:
        raise HostError(f"{path}: is damaged: {error}; correct or delete it", code="cannot_read") from error


def is_trusted(folder: Path, path: Path) -> bool:
    """Whether a folder is on the list. One that lies in a folder of the list is not on it."""
    known = _known(os.path.realpath(folder))
    return known is not None and known.is_there and known in trusted_folders(path)


def trust(folder: Path, path: Path) -> TrustedFolder:
    """Add a folder to the list. UsageError for one that takes up what others bring, HostError for one of others."""
    real = os.path.realpath(folder)
    known = _known(real)
    if known is None:
        raise UsageError(f"{printable(str(folder))}: is not a folder; name one that exists", code="invalid_argument")
    if why := _unsuitable(real):
        text = f"{printable(real)}: cannot be trusted: {why}; make a folder for your strategies alone"
        raise UsageError(text, code="invalid_argument")
    if not is_ours_alone(Path(real)):
        text = "others can change it, or a folder above it; make it yours, and writable for nobody else (chmod go-w)"
        raise HostError(f"{printable(real)}: cannot be trusted: {text}", code="not_our_file")
    make_folders(path.parent.parent, path.parent.name)
    with locked(path.with_name(f"{path.name}.lock"), exclusive=True):
        _write(path, [*(entry for entry in trusted_folders(path) if entry.path != real), known])
    return known


def distrust(folder: Path, path: Path) -> bool:
    """Take a folder from the list, whether it still exists or not. Returns whether it was there."""
    names = {os.path.abspath(folder), os.path.realpath(folder)}
    if not path.exists():
        return False
    with locked(path.with_name(f"{path.name}.lock"), exclusive=True):
        entries = trusted_folders(path)
        rest = [entry for entry in entries if entry.path not in names]
        if len(rest) < len(entries):
            _write(path, rest)
    return len(rest) < len(entries)


def is_of_a_run(folder: Path) -> bool:
    """Whether a folder is one of a run, or lies in one: no code is ever run from there by its configuration."""
    real = Path(os.path.realpath(folder))
    return any(os.path.lexists(place / JOURNAL) for place in (real, *real.parents))


def _unsuitable(real: str) -> str:
    """Why nobody should trust a folder; "" for any other."""
    home = os.path.realpath(os.path.expanduser("~"))
    shared = {os.path.realpath(place) for place in ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir())}  # noqa: S108
    if printable(real) != real:
        return "its path has characters that cannot be shown"
    if real in (home, "/"):
        return "everything comes to lie there"
    if real in shared or (os.path.dirname(real) == home and os.path.basename(real).lower() == DOWNLOADS):
        return "what others send comes to lie there"
    return "it is the folder of a run, or in one" if is_of_a_run(Path(real)) else ""


def _known(path: str) -> TrustedFolder | None:
    """The entry for a path; None where there is no folder, or a link to one."""
    try:
        facts = os.lstat(path)
    except (OSError, ValueError):
        return None
    return TrustedFolder(facts.st_dev, facts.st_ino, path) if stat.S_ISDIR(facts.st_mode) else None


def _entry(line: str) -> TrustedFolder:
    device, inode, path = line.split(" ", 2)
    if not os.path.isabs(path):
        raise ValueError(f"expected DEVICE INODE PATH, got {printable(line)[:80]}")
    return TrustedFolder(int(device), int(inode), path)


def _write(path: Path, entries: list[TrustedFolder]) -> None:
    text = "".join(
        f"{entry.device} {entry.inode} {entry.path}\n" for entry in sorted(entries, key=lambda one: one.path)
    )
    path.with_name(path.name + TEMPORARY).unlink(missing_ok=True)  # from a process that died while it wrote
    replace(path, os.fsencode(text))
