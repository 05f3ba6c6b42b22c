"""Processes that tests start and do not wait for."""

import subprocess
from typing import Any, AnyStr


class Process(subprocess.Popen[AnyStr]):
    """As its base, but a test that fails inside its `with` kills it, and does not wait for its end, maybe for ever."""

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *error)
