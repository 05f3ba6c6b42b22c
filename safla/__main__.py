"""`python -m safla` is `safla`: the process around the command line, from its first signal to its exit code."""

import os
import sys
from contextlib import suppress

from safla.runtime import interrupt


def main() -> int:
    """Run the command line as this process; signals are answered before the first import that takes a while."""
    interrupt.answered()
    try:
        from safla import cli
    except ModuleNotFoundError as error:
        if error.name == "click":
            sys.stderr.write("safla: click is not installed; python -m pip install click\n")
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
