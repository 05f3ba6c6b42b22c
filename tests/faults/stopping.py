"""The command line with one function that sends its own process a signal as it is entered: how a phase is met exactly.

    python -m tests.faults.stopping SIGNAL TIMES STUCK MOMENT MODULE:NAME WORD...

TIMES signals are sent, one behind the other; STUCK is 1 where the function does not come to an end by itself. The file
MOMENT gets the moment, seconds of the monotonic clock.
"""

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from safla.__main__ import program
from safla.runs import interrupt


def replaced(target: str, number: int, *, times: int, stuck: bool, moment: Path) -> None:
    """Put the sending of the signal in front of a function."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    place = importlib.import_module(module)
    for owner in owners:
        place = getattr(place, owner)
    original = getattr(place, name)

    def entered(*arguments: Any, **named: Any) -> Any:
        if not moment.exists():
            moment.write_text(str(time.monotonic()))
            for _ in range(times):
                os.kill(os.getpid(), number)
            for _ in range(3_000 if stuck else 0):
                time.sleep(0.01)
        return original(*arguments, **named)

    setattr(place, name, entered)
    if times > 1:
        interrupt.GRACE_SECONDS = 60  # so that it is the second signal that ends the process


if __name__ == "__main__":
    number, times, stuck, moment, target, *words = sys.argv[1:]
    replaced(target, int(number), times=int(times), stuck=stuck == "1", moment=Path(moment))
    sys.argv = ["safla", *words]
    program()
