"""The @pure functions, compiled by numba, which is imported only here and only for runs that are long enough (D2).

The only module of the core that reads files: its sources, to name the folder of compiled code, and that folder.
"""

import hashlib
import importlib
import importlib.metadata
import os
import platform
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safla.core import engine
from safla.core.pure import PURE, Function

WORTH_A_CACHED_LOOP = 50_000  # candles of all symbols: from here on a cached loop repays the import of numba
WORTH_COMPILING = 800_000  # from here on even compiling it repays itself

COMPILED_ROOMS = ("core", "strategies")  # the packages with @pure functions

_READY = "ready"  # written into the folder once it is complete: the hash and the name of each file
_CODE = "*.nb[ic]"  # what numba writes: for each function an index and its code


def pays(candles: int) -> bool:
    """Whether compiled code is faster for so many candles (all symbols together)."""
    return candles >= WORTH_COMPILING or (candles >= WORTH_A_CACHED_LOOP and is_cached())


def is_cached() -> bool:
    """Whether the user's cache folder has the compiled code of exactly these sources, undamaged."""
    folder = cache_folder()
    try:
        if not all(is_ours_alone(path) for path in (folder, *folder.rglob("*"))):
            return False
        seals = dict(line.split(" ", 1)[::-1] for line in (folder / _READY).read_text("utf-8").splitlines())
        return bool(seals) and all(_seal(folder / name) == seal for name, seal in seals.items())
    except (OSError, ValueError):
        return False


def cache_folder() -> Path:
    """The folder of compiled code, named by a hash over the sources, the Python, numba and processor in use."""
    package = Path(__file__).parents[1]
    total = hashlib.blake2b(digest_size=12)
    for path in sorted(path for room in COMPILED_ROOMS for path in (package / room).rglob("*.py")):
        total.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for fact in (sys.version, importlib.metadata.version("numba"), platform.machine(), str(package)):
        total.update(fact.encode() + b"\0")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "safla" / "compiled" / total.hexdigest()


def compiled_loop() -> engine.Loop:
    """`engine.fold`, compiled or from the cache."""
    loop: engine.Loop = _compiled(engine.fold)
    return loop


def compiled_feed(feed: Function) -> Function:
    """The `feed` of a strategy's fold, compiled or from the cache."""
    compiled: Function = _compiled(feed)
    return compiled


def mark_ready() -> None:
    """Record that the cache is complete, with the hash of each file; called after the first compiled run."""
    folder = cache_folder()
    if not folder.is_dir() or is_cached():
        return
    lines = [f"{_seal(path)} {path.relative_to(folder)}\n" for path in sorted(folder.rglob(_CODE))]
    (folder / _READY).write_text("".join(lines), "utf-8")
    for path in folder.rglob("*"):  # numba and the line above create them with the umask, which may let others write
        path.chmod(path.stat().st_mode & ~0o022)


def has_room() -> bool:
    """Whether compiled code can be kept; if it cannot, each process compiles it again."""
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return is_ours_alone(folder) and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def is_ours_alone(path: Path) -> bool:
    """Whether no other user but root can change a file or folder, or put another in its place.

    This must hold for all that is loaded as code (Z8): for the path itself and for every folder above it, before and
    after links are followed. A folder above may be writable for all if it is sticky, as /tmp is.
    """
    real = Path(os.path.realpath(path))
    above = {*Path(os.path.abspath(path)).parents, *real.parents}
    try:
        return all(_is_closed(entry.lstat()) for entry in (path, real)) and all(
            _is_closed(folder.stat(), or_sticky=True) for folder in above
        )
    except OSError:
        return False


def _is_closed(status: os.stat_result, *, or_sticky: bool = False) -> bool:
    """Whether only the user and root can write there. or_sticky: or others too, if the folder is sticky."""
    harmless = stat.S_ISLNK(status.st_mode) or (or_sticky and status.st_mode & stat.S_ISVTX)
    return status.st_uid in (0, os.geteuid()) and bool(harmless or not status.st_mode & 0o022)


def _seal(path: Path) -> str:
    """The hash of a file of compiled code. Damaged code would crash the process, or worse, run (Z8)."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


_DISPATCHERS: dict[Callable[..., Any], Any] = {}


def _compiled(function: Callable[..., Any]) -> Any:
    if not _DISPATCHERS:
        _register_all()
    if function not in _DISPATCHERS:
        import numba

        _DISPATCHERS[function] = numba.njit(function, cache=has_room(), nogil=True)
    return _DISPATCHERS[function]


def _register_all() -> None:
    """Register every @pure function with numba, so that they can call each other.

    Cached code without a valid list of hashes is deleted and compiled again: a process that died, or a full disk, may
    have left part of it.
    """
    import numba
    from numba.extending import register_jitable

    if has_room() and not is_cached():
        for path in cache_folder().rglob(_CODE):
            path.unlink(missing_ok=True)
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    for function in PURE:
        register_jitable(function)
