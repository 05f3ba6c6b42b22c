"""What identifies the code of a strategy in the plan of a run: a hash of its files (C5)."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safla.errors import StrategyError
from safla.runs.strategy_code.sources import MOST_BYTES, is_source_name
from safla.strategies.register import NO_FILE, Code


def code_from(files: Mapping[str, bytes], *, distribution: tuple[str, str] | None = None) -> Code:
    """The code in files, by their relative names. distribution: name and version of the one that they are from.

    The identity has no absolute path, host or version of Python, and is the same whether lines end in LF or CR LF.
    """
    known = hashlib.blake2b(b"safla-strategy 1\0", digest_size=16)
    for text in distribution or ():
        known.update(text.encode() + b"\0")
    for name, content in sorted(files.items()):
        plain = content.replace(b"\r\n", b"\n")
        known.update(b"%s\0%d\0" % (name.encode(), len(plain)) + plain)
    return Code(known.hexdigest(), tuple(sorted(files.items())))


def code_from_object(strategy: Any) -> Code:
    """The code of an object from Python: the file of its module; NO_FILE where it has none, as in a notebook."""
    owner = strategy if hasattr(strategy, "__module__") and hasattr(strategy, "__qualname__") else type(strategy)
    path = getattr(sys.modules.get(str(owner.__module__)), "__file__", None)
    if not isinstance(path, str) or not path.endswith(".py"):
        return Code(NO_FILE)
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError:
        return Code(NO_FILE)
    if len(content) > MOST_BYTES or not is_source_name(Path(path).name):
        return Code(NO_FILE)
    return code_from({Path(path).name: content})


def one_object(names: Mapping[str, Any], wanted: str, *, where: str) -> Any:
    """The strategy among the names of a module: the wanted one, else the only one of `Strategy` and `strategy`."""
    if wanted:
        if wanted in names:
            return names[wanted]
        raise StrategyError(f"{where}: has no {wanted}; name an object that it defines", code="invalid_strategy")
    there = [name for name in ("Strategy", "strategy") if name in names]
    if len(there) == 1:
        return names[there[0]]
    what = "both Strategy and strategy" if there else "neither Strategy nor strategy"
    raise StrategyError(
        f"{where}: defines {what}; define one of them, or name the object behind the file: FILE.py:OBJECT",
        code="invalid_strategy",
    )
