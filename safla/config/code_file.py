"""`strategy.file`: the code that a configuration names, and who may name it (C1, C2). Nothing is opened here."""

import os
from pathlib import Path
from typing import NamedTuple

from safla.config.yaml_reader import Node
from safla.errors import Problem

PATH = ("strategy", "file")
KEY = ".".join(PATH)


class CodeFile(NamedTuple):
    """The code that a configuration names."""

    folder: Path  # of the configuration that names it: this folder has to be trusted
    file: str  # relative to the folder
    object_name: str  # "" where the file has only one
    where: str  # the place in the configuration
    shown: str  # the file as a message shows it: beside the configuration, as that was named


class FileText(str):
    """The text of `strategy.file` in a file of configuration; it knows the folder of that file."""

    __slots__ = ("folder",)

    folder: Path


def marked(layer: Node, folder: Path) -> Node:
    """Return the keys of a file of configuration, in which the text of `strategy.file` knows the folder of the file."""
    section = layer.value.get(PATH[0])
    if section is None or not isinstance(section.value, dict):
        return layer
    node = section.value.get(PATH[1])
    if node is None or not isinstance(node.value, str):
        return layer
    text = FileText(node.value)
    text.folder = folder
    members = {**section.value, PATH[1]: node._replace(value=text)}
    return layer._replace(value={**layer.value, PATH[0]: section._replace(value=members)})


def code_file(node: Node | None, *, allowed: bool, problems: list[Problem]) -> CodeFile | None:
    """Return the code that the merged configuration names; None where it names none, or may not.

    node     the value of `strategy.file`; the model checks its text
    allowed  whether configurations may name code at all: not in programs that run those of other people
    """
    if node is None or not isinstance(node.value, str):
        return None
    if not allowed or not isinstance(node.value, FileText):
        text = "names code, which only a file of configuration in a trusted folder may do; use --strategy instead"
        problems.append(Problem(str(node.place), KEY, text, code="code_not_allowed"))
        return None
    file, _, object_name = node.value.partition(":")
    shown = os.path.join(os.path.dirname(node.place.file), file)
    return CodeFile(node.value.folder, file, object_name, str(node.place), shown)
