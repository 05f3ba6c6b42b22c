"""The real command without a package: `python -m tests.faults.without PACKAGE WORDS`; `threads` is none of them.

It stands for new threads, and what the system says when the limit on them is met.
"""

import importlib.abc
import sys
import threading

from safla.cli import main


class Missing(importlib.abc.MetaPathFinder):
    """A finder that says of one package that it is not there."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """ModuleNotFoundError for the package and what is in it; of all else it knows nothing."""
        if fullname.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def no_thread(_thread: threading.Thread) -> None:
    """What Thread.start does at a limit."""
    raise RuntimeError("can't start new thread")


if __name__ == "__main__":
    if sys.argv[1] == "threads":
        threading.Thread.start = no_thread
    else:
        sys.meta_path.insert(0, Missing(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
