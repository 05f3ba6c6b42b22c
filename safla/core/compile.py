"""The same functions, compiled: numba is imported here and nowhere else, when a run is long enough to repay it (D2).

The one room of the core that looks at files: at its own sources, to name the folder of compiled code.
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

WORTH_A_CACHED_LOOP = 50_000  # candles of all symbols from which a loop out of the cache repays the import of numba
WORTH_COMPILING = 800_000  # and from which compiling anew repays itself

COMPILED_ROOMS = ("core", "strategies")  # of the package: they hold the @pure functions

_READY = "ready"  # written into the folder once it holds everything: the hash and the name of each file
_CODE = "*.nb[ic]"  # what numba writes: an index a function, and the code


def pays(candles: int) -> bool:
    """Whether compiled code is the quicker way for so many candles (all symbols together)."""
    return candles >= WORTH_COMPILING or (candles >= WORTH_A_CACHED_LOOP and is_cached())


def is_cached() -> bool:
    """Whether the compiled forms of exactly these sources lie in the user's cache folder, as they were written."""
    folder = cache_folder()
    try:
        if not all(is_ours_alone(path) for path in (folder, *folder.rglob("*"))):
            return False
        seals = dict(line.split(" ", 1)[::-1] for line in (folder / _READY).read_text("utf-8").splitlines())
        return bool(seals) and all(_seal(folder / name) == seal for name, seal in seals.items())
    except (OSError, ValueError):
        return False


def cache_folder() -> Path:
    """Where compiled code lies: a folder named by every source that is, the Python, numba and processor in use."""
    package = Path(__file__).parents[1]
    total = hashlib.blake2b(digest_size=12)
    for path in sorted(path for room in COMPILED_ROOMS for path in (package / room).rglob("*.py")):
        total.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for fact in (sys.version, importlib.metadata.version("numba"), platform.machine(), str(package)):
        total.update(fact.encode() + b"\0")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "safla" / "compiled" / total.hexdigest()


def compiled_loop() -> engine.Loop:
    """`engine.fold`, compiled, or out of the cache."""
    loop: engine.Loop = _compiled(engine.fold)
    return loop


def compiled_columns(function: Function) -> Function:
    """A @pure strategy, compiled, or out of the cache. A strategy without the mark is returned as it is."""
    found: Function = _compiled(function) if function in PURE else function
    return found


def mark_ready() -> None:
    """Say that the cache holds what a run needs, and how its files must be; called after the first compiled run."""
    folder = cache_folder()
    if not folder.is_dir() or is_cached():
        return
    lines = [f"{_seal(path)} {path.relative_to(folder)}\n" for path in sorted(folder.rglob(_CODE))]
    (folder / _READY).write_text("".join(lines), "utf-8")
    for path in folder.rglob("*"):  # numba and the line above make them as the umask says
        path.chmod(path.stat().st_mode & ~0o022)


def has_room() -> bool:
    """Whether compiled code can be kept; where it cannot, it is compiled anew by each process."""
    folder = cache_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return is_ours_alone(folder) and os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def is_ours_alone(path: Path) -> bool:
    """Whether no other user but root can change a file or folder, or put another in its place.

    What is loaded as code must be that (Z8): the path itself and every folder above it, before and after links are
    followed. A folder above it may be open to all where nobody can rename the names of others there, as in /tmp.
    """
    real = Path(os.path.realpath(path))
    above = {*Path(os.path.abspath(path)).parents, *real.parents}
    try:
        return all(_is_closed(one.lstat()) for one in (path, real)) and all(
            _is_closed(one.stat(), or_kept=True) for one in above
        )
    except OSError:
        return False


def _is_closed(facts: os.stat_result, *, or_kept: bool = False) -> bool:
    """or_kept: it may be open where names are kept for those who made them."""
    harmless = stat.S_ISLNK(facts.st_mode) or (or_kept and facts.st_mode & stat.S_ISVTX)
    return facts.st_uid in (0, os.geteuid()) and bool(harmless or not facts.st_mode & 0o022)


def _seal(path: Path) -> str:
    """The hash of a file of compiled code: a damaged one would end the process, or worse, run (Z8)."""
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
    """Tell numba of every @pure function, so that those which call each other find each other.

    Code that is not sealed is compiled anew: nobody knows whether a dying process, or a disk, left all of it.
    """
    import numba
    from numba.extending import register_jitable

    if has_room() and not is_cached():
        for path in cache_folder().rglob(_CODE):
            path.unlink(missing_ok=True)
    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    for function in PURE:
        register_jitable(function)
