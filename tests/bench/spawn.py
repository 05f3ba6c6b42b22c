"""Run a command as a child of this small process, and tell what it took: JSON on stdout, and nothing else.

A child's highest memory counts that of its parent at the moment of the fork, so the parent must be small.
"""

import json
import os
import sys
import time


def main() -> None:
    """`python spawn.py COMMAND...`; the answer: seconds, peak in KiB, exit code, what it printed."""
    out, err = os.pipe(), os.pipe()
    began = time.perf_counter()
    child = os.posix_spawn(
        sys.argv[1], sys.argv[1:], os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, out[1], 1), (os.POSIX_SPAWN_DUP2, err[1], 2)],
    )  # fmt: skip
    os.close(out[1])
    os.close(err[1])
    if os.fork() == 0:  # one pipe each, so that neither can fill while the other is read
        said = b"".join(iter(lambda: os.read(err[0], 65_536), b""))
        os.write(2, said[-2_000:])
        os._exit(0)
    printed = b"".join(iter(lambda: os.read(out[0], 65_536), b""))
    _, status, usage = os.wait4(child, 0)
    taken = time.perf_counter() - began
    print(json.dumps([taken, usage.ru_maxrss, os.waitstatus_to_exitcode(status), printed.decode()]))


if __name__ == "__main__":
    main()
