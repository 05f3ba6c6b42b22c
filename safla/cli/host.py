"""What this machine must have before a command loads its libraries (fault row 29).

Where address space, threads or descriptors run out inside polars, numpy or LLVM, the process is aborted with pages of
their own text, or hangs. So a command first takes as much as they need, and gives it back.
"""

import mmap
import os
import threading

from safla.errors import INSTALL, REINSTALL, HostError

ADDRESS_SPACE = 2 * 2**30  # bytes of address space, not of memory; for compiled code 1.4 GiB were too few
DESCRIPTORS = 16
THREADS_A_CORE = 4  # that all libraries together start
SPARE_THREADS = 8
PACKAGES = {"ruamel": "ruamel.yaml"}  # the packages of modules that are named otherwise


def refuse_too_little() -> None:
    """Raise HostError unless address space, descriptors and threads suffice. Five threads take a millisecond."""
    try:
        mmap.mmap(-1, ADDRESS_SPACE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        raise HostError(
            f"no room for {ADDRESS_SPACE >> 20} MiB of address space; raise ulimit -v", code="too_few_resources"
        ) from error
    _try_descriptors()
    _try_threads(THREADS_A_CORE * (os.cpu_count() or 1) + SPARE_THREADS)


def _try_descriptors() -> None:
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(DESCRIPTORS))
    except OSError as error:
        raise HostError(
            f"{DESCRIPTORS} more files cannot be opened: {error.strerror}; raise ulimit -n", code="too_few_resources"
        ) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _try_threads(wanted: int) -> None:
    done = threading.Event()
    begun: list[threading.Thread] = []
    try:
        for _ in range(wanted):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            begun.append(thread)
    except RuntimeError as error:
        raise HostError(
            f"{len(begun)} threads can be started, {wanted} are needed; raise ulimit -u", code="too_few_resources"
        ) from error
    finally:
        done.set()
        for thread in begun:
            thread.join()


def unloadable(error: ImportError) -> HostError:
    """The error for a package that is missing or cannot be loaded, with what to do about it."""
    name = (error.name or "a package").partition(".")[0]
    package = PACKAGES.get(name, name)
    if isinstance(error, ModuleNotFoundError):
        return HostError(f"{package} is not installed; {INSTALL}", code="package_missing")
    reason = (str(error).strip().splitlines() or ["no reason given"])[-1][:200]
    return HostError(f"{package} cannot be loaded: {reason}; {REINSTALL}", code="package_missing")
