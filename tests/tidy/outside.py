"""The rules about what comes from outside: who may ask for it, and how it is checked (Z23, Z27)."""

import ast
import re

from tests.tidy.reading import Findings, Source, at
from tests.tidy.rules import room

READERS = {"candles", "config", "data", "exchange", "journal"}  # the rooms that meet what others wrote

# What an expression asks for, and the rooms that may. The core may nothing of all that (rules.impure).
WORLD = (
    (
        re.compile(r"time\.[a-z_]+|(datetime\.)?(datetime|date)\.(now|utcnow|today)"),
        "the clock",
        {"runs", "paper", "observe", "exchange", "clock"},
    ),
    (re.compile(r"os\.(environb?|getenv)"), "the environment", {"cli"}),
    (re.compile(r"(np\.random|random|secrets|uuid)\.\w+|os\.urandom"), "chance", {"data", "sweep"}),
)


def worldly(source: Source) -> Findings:
    """A clock, the environment or chance in a room that gets them as arguments (Z27, CONTRIBUTING.md)."""
    for node in ast.walk(source.tree):
        for pattern, what, rooms in WORLD:
            asked = isinstance(node, ast.Attribute) and pattern.fullmatch(ast.unparse(node))
            if asked and room(source.module) not in {*rooms, "core", "compat"}:
                yield at(source, node, f"{ast.unparse(node)}: {what} is an argument here")


def trusting(source: Source) -> Findings:
    """An assert where outside input is read: that is checked by exceptions, for asserts are for our bugs (Z23)."""
    if room(source.module) in READERS:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assert):
                yield at(source, node, f"assert {ast.unparse(node.test)}: is that ours to promise?")
