"""`python -m safla` is `safla`: the process around the command line, from its first signal to its exit code.

Python puts the current folder first on the search path of `python -m`. It leaves the path here, before anything else is
imported, so that a `numba.py` of the folder that somebody works in is never executed. safla itself was located before,
and finds its modules through its own folder, so that a clone runs without being installed.

What cannot be changed here: `python -m` itself imports some modules of Python (contextlib, functools, types) before any
line of ours, and finds a `safla` folder of the current folder first; `python -c "import safla"` keeps the entry, and
PYTHONPATH is its user's. The command `safla` and `python -P -m safla` never had the entry.
"""

import os
import sys

if __name__ == "__main__" and not sys.flags.safe_path:  # Python has imported os and sys long before
    try:  # noqa: SIM105  contextlib is no module that Python has imported
        sys.path[:1] = [place for place in sys.path[:1] if place not in ("", os.getcwd())]
    except FileNotFoundError:  # the current folder is gone, and Python put nothing first
        pass

from contextlib import suppress

from safla.errors import INSTALL
from safla.runs import interrupt


def main() -> int:
    """Run the command line as this process; signals are answered before the first import that takes a while."""
    interrupt.answered()
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
    """Run, and leave at once: all is written, and taking the libraries down would take a tenth of a short run."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # nobody listens any more, or nobody ever did
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    program()
