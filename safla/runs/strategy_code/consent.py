"""Which code a configuration may have executed (C1, C2), and what is wrong with it. Nothing is executed here."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from safla.config.code_file import KEY, CodeFile
from safla.config.loader import Loaded
from safla.errors import ConfigError, Problem, StrategyError
from safla.runs.strategy_code.place import CodePlace, FilePlace
from safla.runs.strategy_code.sources import read_source
from safla.runs.strategy_code.trust import is_of_a_run, is_trusted, list_path
from safla.strategies.register import STRATEGIES
from safla.text import printable

MOST_PARSED = 2**18  # bytes of a file that is parsed without being run
SECONDS = 20.0  # that parsing may take
# A process of its own: text that is nested deeply enough crashes the parser. It compiles, and executes nothing.
PARSER = """
import json, sys
try:
    compile(sys.stdin.buffer.read(), "code", "exec", dont_inherit=True)
except SyntaxError as error:
    print(json.dumps([error.lineno or 0, error.offset or 0, error.msg]))
except ValueError as error:
    print(json.dumps([0, 0, str(error)]))
else:
    print("null")
"""


def consented(
    loaded: Loaded, given: Mapping[str, CodePlace], *, environment: Mapping[str, str]
) -> Mapping[str, CodePlace]:
    """The places of code by name that may be executed: the given ones, and the file of a trusted folder.

    ConfigError for a file in another folder, unless the strategy comes from elsewhere.
    """
    name, code = loaded.config.strategy.name, loaded.code
    if code is None or name in given or name in STRATEGIES:
        return given
    if (problem := _untrusted(code, name, environment)) is not None:
        raise ConfigError([problem])
    return {**given, name: FilePlace(code.folder / code.file, code.object_name)}


def code_problems(loaded: Loaded, given: Mapping[str, CodePlace], *, environment: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the code of a configuration, as far as that shows without executing it (C4)."""
    name = loaded.config.strategy.name
    try:
        places = consented(loaded, given, environment=environment)
    except ConfigError as error:
        return error.problems
    place = places.get(name)
    if name in STRATEGIES or not isinstance(place, FilePlace):
        return []
    if loaded.code is None or name in given:
        return list(_unparsable(place.path, shown=str(place.path), where="--strategy"))
    return list(_unparsable(place.path, shown=loaded.code.shown, where=loaded.code.where))


def _unparsable(path: Path, *, shown: str, where: str) -> Iterator[Problem]:
    try:
        content = read_source(Path(os.path.realpath(path)), most=MOST_PARSED)
    except StrategyError as error:
        yield Problem(where, "" if where == "--strategy" else KEY, str(error), code="code_unusable")
        return
    found: tuple[int, int, str] | None
    try:
        done = subprocess.run(  # noqa: S603 - a program of ours
            [sys.executable, "-I", "-S", "-W", "ignore", "-c", PARSER], input=content, capture_output=True,
            timeout=SECONDS, check=False, env={},
        )  # fmt: skip
        found = json.loads(done.stdout) if done.returncode == 0 else (0, 0, "is nested too deeply to be parsed")
    except subprocess.TimeoutExpired:
        found = (0, 0, f"takes more than {SECONDS:.0f} s to be parsed")
    if found is not None:
        line, column, text = found
        yield Problem(
            printable(f"{shown}:{line}:{column}" if line else shown), "", printable(str(text)), code="code_unusable"
        )


def _untrusted(code: CodeFile, name: str, environment: Mapping[str, str]) -> Problem | None:
    """Why the file may not run; None where it may."""
    folder = os.path.realpath(code.folder)
    what = f"{code.file} is code"
    if is_of_a_run(code.folder):
        text = f"{what}, and no code of a run folder is executed; name a file of yours with --strategy"
        return Problem(code.where, KEY, text, code="code_not_trusted")
    if not is_trusted(code.folder, list_path(environment)):
        text = f"{what}, and nothing in {printable(folder)} may run yet; allow it once with: safla trust "
        text += f"{shlex.quote(folder)} -- or name it for this run: --strategy {shlex.quote(f'{name}={code.shown}')}"
        return Problem(code.where, KEY, printable(text), code="code_not_trusted")
    if os.path.realpath(code.folder / code.file) != os.path.join(folder, code.file):
        text = f"{code.file} is a link, or in one; write the file there itself"
        return Problem(code.where, KEY, text, code="code_not_trusted")
    return None
