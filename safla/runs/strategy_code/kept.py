"""The files of a strategy's code in its run folder, for people: safla never executes them (C7)."""

from pathlib import Path

from safla.errors import HostError
from safla.fs import TEMPORARY, make_folders, read_own, replace
from safla.runs.folder import STRATEGY_FILES
from safla.runs.strategy_code.sources import MOST_BYTES_IN_ALL, is_source_name
from safla.strategies.register import Code


def keep_code(folder: Path, code: Code | None) -> None:
    """Write the files of the code into a run folder, unless they are there. HostError for what is not only ours there.

    What the code had before stays: a run goes on with the same code alone, up to the ends of its lines.
    """
    for name, content in () if code is None else code.files:
        *parts, file = name.split("/")
        assert is_source_name(name), "only files of such names are read"
        path = make_folders(folder, STRATEGY_FILES, *parts) / file
        try:
            there = read_own(path, most=MOST_BYTES_IN_ALL)
        except ValueError as error:
            raise HostError(f"{path}: {error}; move it away", code="not_our_file") from error
        if there is None:
            path.with_name(path.name + TEMPORARY).unlink(missing_ok=True)  # from a process that died while it wrote
            replace(path, content)
