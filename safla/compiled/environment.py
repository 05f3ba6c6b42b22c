"""The environment in which the engine library is built: numba and a linker, apart from the environment of safla."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from safla.compiled.library import LIBRARY, PACKAGE, cache_folder, library
from safla.errors import HostError

PACKAGES = Path(__file__).with_name("packages.txt")  # numba and what the sources import, with versions and hashes
LINKER = Path(__file__).with_name("linker.txt")  # ziglang, for a machine without `cc`
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
HASHED = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement")


def build_for_user(folder: Path | None, say: Callable[[str], None]) -> Path:
    """Build the library for this machine. Returns its path. HostError where that fails.

    folder  None: the user's cache folder, where runs find it

    The environment is made in a temporary folder and removed at the end; it takes about 400 MB there.
    """
    target = (folder or cache_folder()).absolute()
    with tempfile.TemporaryDirectory(prefix="safla-engine-") as work:
        say("installing the compiler, about 60 MB to download")
        python = make_environment(Path(work) / "environment")
        say("compiling the engine")
        (Path(work) / "sources").mkdir()
        (Path(work) / "sources" / "safla").symlink_to(PACKAGE)  # and no other package of this environment
        command = [str(python), "-m", "safla.compiled.builder", "--to", str(target)]
        _run(command, environment={"PYTHONPATH": str(Path(work) / "sources")})
    if folder is not None:
        return target / LIBRARY
    library.cache_clear()
    found = library()
    if found.library is None:
        raise HostError(f"the engine library was built, but cannot be used: {found.reason}", code="engine_not_compiled")
    return found.library.path


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with the compiler, and the linker where this machine has none. Returns its Python."""
    _run([sys.executable, "-m", "venv", str(folder)])
    python = folder / "bin" / "python"
    for packages in (PACKAGES, *(() if shutil.which("cc") else (LINKER,))):
        _run([str(python), *PIP, *HASHED, str(packages)])
    return python


def main() -> None:
    """Make the environment in the folder that is named: `make engine` keeps one."""
    try:
        make_environment(Path(sys.argv[1]))
    except HostError as error:
        sys.exit(str(error))


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command. HostError with the last line of what it says where it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    found = subprocess.run(command, env={**kept, **(environment or {})}, capture_output=True, text=True, check=False)  # noqa: S603
    if found.returncode:
        said = (found.stderr.strip() or found.stdout.strip() or "no message").splitlines()[-1]
        raise HostError(
            f"the engine library cannot be built: {said[:300]}; runs are interpreted meanwhile", code="compiler_failed"
        )


if __name__ == "__main__":
    main()
