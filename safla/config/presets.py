"""Presets: strategies in sentences that come with safla. One is put below all files of the configuration that names it.

The plan holds what came of it and never its name, so that a later change of a preset changes no recorded run.
"""

import difflib
from collections.abc import Sequence
from pathlib import Path

from safla.config.messages import at
from safla.config.yaml_reader import Node, read_file
from safla.errors import Problem
from safla.text import printable

FOLDER = Path(__file__).parents[1] / "presets"
KEY = ("strategy", "preset")


def preset_names() -> list[str]:
    """The presets that there are."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def preset_text(name: str) -> str:
    """The file of a preset, which may be written out and changed."""
    return (FOLDER / f"{name}.yaml").read_text("utf-8")


def layers_of_preset(layers: Sequence[Node], problems: list[Problem]) -> list[Node]:
    """The layer of the preset that the layers name, which comes before all of them; none if they name none."""
    named = [node for layer in layers if (node := at(layer, KEY)) is not None]
    if not named or not isinstance(named[-1].value, str):
        return []  # whatever else is wrong with it the model tells
    name, place = named[-1].value, str(named[-1].place)
    known = preset_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        problems.append(Problem(place, ".".join(KEY), f"{printable(name)} is no preset; {hint}", code="invalid_value"))
        return []
    others = [node for layer in layers if (node := at(layer, ("strategy", "name"))) is not None]
    if others and others[-1].value != "rules":
        text = f"a preset is a strategy of rules, and strategy.name is {others[-1].text}; remove one of them"
        problems.append(Problem(place, ".".join(KEY), text, code="keys_do_not_fit"))
        return []
    return [read_file(FOLDER / f"{name}.yaml", f"preset {name}", problems=problems)]
