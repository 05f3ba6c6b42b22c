"""`python -m safla`, the same as `safla`: the process around the command line, from its first signal to its exit code.

`python -m` puts the current folder first on the module search path. This module removes it before it imports anything
else, so that a `numba.py` in the user's folder is never executed. safla itself is located by then, and finds its
modules through its own folder, so that a clone runs without being installed.

The limits of this: `python -m` itself imports some modules of Python (contextlib, functools, types) before the first
line here, and takes a folder `safla` in the current folder first; `python -c "import safla"` keeps the entry, and
PYTHONPATH is the user's decision. The command `safla` and `python -P -m safla` never have the entry.
"""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:  # Python has already imported os and sys
    try:  # noqa: SIM105  importing contextlib would use the path
        sys.path[:1] = [place for place in sys.path[:1] if place not in ("", os.getcwd())]
    except FileNotFoundError:  # the current folder is gone: Python has put nothing first
        pass

from contextlib import suppress

from safla.errors import INSTALL
from safla.runs import interrupt


def main() -> int:
    """Run the command line as this process. Signals are handled before the first slow import."""
    interrupt.answered()
    # numpy's linear algebra is never used; starting its threads takes longer than many a command.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The allocator of polars returns what it has freed at once: a run takes a tenth less memory, and no more time.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    # No plugin of pydantic is used; to look for them, it reads the entry points of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from safla import cli
    except ModuleNotFoundError as error:
        if error.name == "click":
            sys.stderr.write(f"safla: click is not installed; {INSTALL}\n")
            return 6
        raise
    code = cli.main()
    interrupt.ignored()
    return code


def program() -> None:
    """Run, and exit at once: everything is written, and unloading the libraries takes a tenth of a short run."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the stream is closed, or was from the start
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    program()
