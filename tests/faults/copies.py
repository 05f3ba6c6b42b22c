"""A copy of the sources and their tests, in which one file at a time is changed. No test here."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("safla", "tests", "configs", "schemas", "pyproject.toml")


def copied(place: Path) -> Path:
    """All that tests need, in a folder that is there."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name)  # compiled files too: they hold in the copy, and save its first start
        else:
            shutil.copy(source, place / name)
    return place


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    """The file with another text, for the length of a `with`."""
    before = path.read_text()
    try:
        _write(path, text)
        yield
    finally:
        _write(path, before)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # Python would tell them apart by whole seconds
        compiled.unlink()
