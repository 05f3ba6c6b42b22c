"""What may stand under a name in place of a file of ours; what was there lies elsewhere then, or is gone."""

import os
from pathlib import Path

STRANGER = 65_534  # a user who owns nothing


def symlink(path: Path, elsewhere: Path) -> None:
    path.rename(elsewhere / path.name)
    path.symlink_to(elsewhere / path.name)


def link_to_nowhere(path: Path, elsewhere: Path) -> None:
    path.unlink()
    path.symlink_to(elsewhere / "nowhere")


def fifo(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def in_its_place_a_folder(path: Path, _elsewhere: Path) -> None:
    path.unlink()
    path.mkdir()


def hard_link(path: Path, elsewhere: Path) -> None:
    os.link(path, elsewhere / path.name)


def of_another(path: Path, _elsewhere: Path) -> None:
    os.chown(path, STRANGER, STRANGER)
