"""The tree follows its rules (docs/architecture.md). Each exception has a reason, and a needless exception fails."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from safla.error_codes import CODES
from tests.tidy import rules
from tests.tidy.source import ROOT, Findings, Found, Source, imported, nodes, read, sources

SHOWN = "made for display alone; nothing is decided by it"
STRENGTH = "strength is the one float that goes on"
VALUES = "a value is a double of + - * / and sqrt in the order of the source, and no money (V1)"
FILES_OF_VALUES = (
    "anchored averages changes choppiness division exponential extremes momentum parameters ranges smoothed "
    "smoothed_candles spread trend volume".split()
)
ONE_PASS = "on every candle: a call would cost more than the candle does, and an `if` keeps calls off the hot path"
OUR_TABLE = "the names stand in a table of ours, so that a command imports only what it needs"
FOREIGN = "a strategy is foreign code: whatever it raises becomes an error that names it"
AS_CCXT = "it stands in the place of a method of ccxt"
CONSENT = "a user has named this code (C1): it runs here and nowhere else"
THE_ONE = "the one place where whatever was not foreseen becomes exit 70"


class Rule(NamedTuple):
    """One rule, and where it holds."""

    breaches: Callable[[Source], Findings]
    folder: str
    planted: str  # a module that breaks it, so that a rule which finds nothing is seen to be looking
    exceptions: Mapping[str, str] = MappingProxyType({})  # the places that may differ, each with its reason
    path: str = "safla/core/planted.py"  # of the planted module


RULES = (
    Rule(
        rules.arrows,
        "safla",
        "from safla.runs import fold\n",
        {
            "safla/strategies/__init__.py:__getattr__": "programs of the first system import SMAStrategy from there",
            "safla/compiled/builder.py": "it names what it compiles, and no run imports it",
        },
    ),
    Rule(rules.pure_imports, "safla/core", "import datetime\n"),
    Rule(rules.pure_imports, "safla/metrics", "import datetime\n"),
    Rule(rules.pure_imports, "safla/strategies", "import datetime\n"),
    Rule(rules.impure, "safla/core", "def f():\n    print()\n"),
    Rule(rules.impure, "safla/metrics", "def f():\n    print()\n"),
    Rule(rules.impure, "safla/strategies", "def f():\n    print()\n"),
    Rule(
        rules.floats,
        "safla/core",
        "def f(a, b):\n    return a / b\n",
        {
            "safla/core/step.py:decide": STRENGTH,
            "safla/core/scale.py:to_price": "a price of a strategy becomes an integer here, once",
            "safla/core/scale.py:ratio": SHOWN,
            "safla/core/sizing.py:confidence_ppm": "a strength becomes an integer here, once",
        },
    ),
    Rule(
        rules.floats,
        "safla/strategies",
        "def f(a, b):\n    return a / b\n",
        {
            "safla/strategies/sma_crossover.py:feed": STRENGTH,
            "safla/strategies/rsi.py:feed": STRENGTH,
            "safla/strategies/rules/tokens.py:did_you_mean": "how near a word must be, for a message",
            "safla/strategies/rules/units.py:literal_in_units": "a literal of a sentence becomes a double here, once",
            "safla/strategies/rules/symbol_rules.py:SymbolRules.feed": STRENGTH,
            **{f"safla/strategies/indicators/{name}.py": VALUES for name in FILES_OF_VALUES},
        },
    ),
    Rule(
        rules.inexact,
        "safla/strategies/indicators",
        "def f(x, a):\n    return math.exp(x) + sum(a) + a.mean() + x**2\n",
        {"safla/strategies/indicators/sources.py": "hours of integers, which have a remainder"},
    ),
    Rule(rules.not_plain, "safla/core", "@pure\ndef f(a, b=1):\n    return a\n"),
    Rule(rules.not_plain, "safla/strategies", "@pure\ndef f(a, b=1):\n    return a\n"),
    Rule(rules.early, "safla", "import polars as pl\n"),
    Rule(rules.late, "safla", "def f():\n    import json\n"),
    Rule(rules.long_module, "safla", "pass\n" * 501),
    Rule(
        rules.long_function,
        "safla",
        "def f():\n" + "    pass\n" * 60,
        {"safla/core/engine.py:fold": ONE_PASS},
    ),
    Rule(
        rules.deep,
        "safla",
        "def f():\n for a in b:\n  with a:\n   while a:\n    if a:\n     pass\n",
        {"safla/core/engine.py:fold": ONE_PASS, "safla/strategies/sma_crossover.py:feed": ONE_PASS},
    ),
    Rule(rules.undocumented, "safla", '"""A module."""\nclass A:\n    """A."""\n    def b(self): pass\n'),
    Rule(rules.words, "safla", "def f(kline): pass\n"),
    Rule(
        rules.coded,
        "safla",
        'TEXT = "a price off its grid (S3)"\n',
        {"safla/journal/audit.py": "the rules of the audit are named in the answer of `safla replay`"},
    ),
    Rule(rules.ruleless, "safla", "", path="safla/data/helpers.py"),
    Rule(rules.ruleless, "tests", "", path="tests/utils/planted.py"),
    Rule(
        rules.wide,
        "safla",
        "def f(a: int, b: bool): pass\n",
        {
            **{f"safla/exchange/transport.py:StrictExchange.{name}": AS_CCXT for name in ("fetch", "parse_ohlcvs")},
            "safla/cli/arguments.py:PathName.convert": "it stands in the place of a method of click",
        },
        path="safla/data/planted.py",
    ),
    Rule(
        rules.forbidden,
        "safla",
        "exec('')\n",
        {
            "safla/__main__.py": "it takes the current folder off the search path, for what lies there is not ours",
            "safla/cli/__init__.py:_loaded": OUR_TABLE,
            "safla/compiled/builder.py": "it makes functions from the annotations of ours, and imports ours by name",
            "safla/cli/data/__init__.py:_Data.resolve_command": OUR_TABLE,
            "safla/cli/schema.py:_function": OUR_TABLE,
            "safla/runs/strategy_code/loading.py": CONSENT,
        },
    ),
    Rule(
        rules.broad,
        "safla",
        "try:\n    pass\nexcept (OSError, Exception):\n    pass\n",
        {
            "safla/cli/__init__.py:main": THE_ONE,
            "safla/api/registered.py": FOREIGN,
            "safla/errors.py:attempt": "whatever is raised, the run goes on",
            "safla/runs/candle_signals.py": FOREIGN,
            "safla/runs/strategy_calls.py": FOREIGN,
            "safla/runs/strategy_code/loading.py": FOREIGN,
        },
    ),
    Rule(
        rules.worldly,
        "safla",
        "import time\nbegan = time.time()\n",
        {
            "safla/__main__.py:main": "numpy looks there how many threads to start",
            "safla/compiled/builder.py:_object_code": "numba takes its processor from there; no run has this process",
            "safla/compiled/environment.py:_run": "the compiler's processes keep it",
            "safla/compiled/library.py:cache_folder": "the user's cache folder is the same for all runs",
            "safla/exchange/client.py:Feed.__init__": "the default of an argument: how long a retry waits",
            "safla/paper/control.py:new_command": "the default of an argument: two commands at once need two names",
        },
        path="safla/data/planted.py",
    ),
    Rule(
        rules.trusting,
        "safla",
        "def f(cell):\n    assert cell.isdigit()\n",
        {
            "safla/exchange/circuit_breaker.py": "no answer comes there: callers and checked keys alone",
            "safla/exchange/rate_limiter.py": "no answer comes there: callers and checked keys alone",
            "safla/exchange/server_time.py:ServerTime.carried": "whoever asks for it has asked for now() before",
            "safla/data/source.py:_paths": "config/constraints.py has refused a source of files without a path",
            "safla/journal/append.py:Appender._write": "whoever calls it after an error is ours",
            "safla/journal/audit.py:audit_lines": "the reader lets no other event be the first",
        },
        path="safla/data/planted.py",
    ),
    Rule(rules.mute, "tests", "def test_it():\n    pass\n", path="tests/test_planted.py"),
)
NAMES = [f"{rule.breaches.__name__} in {rule.folder}" for rule in RULES]
ENTRANCES = {
    "safla",
    *(f"safla.{face}" for face in rules.FACES),
    "safla.__main__",
    "safla.strategies.rules.explain",  # for a command that explains a candle, which is not there yet
    "tests.options",
}  # run or configured


@cache
def found_in(breaches: Callable[[Source], Findings], folder: str) -> list[Found]:
    """What breaks a rule anywhere in a folder."""
    return [one for source in sources(folder) for one in breaches(source)]


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_the_tree_follows_the_rule(rule: Rule) -> None:
    bare = [str(one) for one in found_in(rule.breaches, rule.folder) if not one.places & rule.exceptions.keys()]
    assert bare == [], "\n".join(bare)


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_no_exception_is_needless(rule: Rule) -> None:
    needed = {place for one in found_in(rule.breaches, rule.folder) for place in one.places}
    assert rule.exceptions.keys() - needed == set()


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_a_planted_violation_is_found_and_a_clean_module_passes(rule: Rule) -> None:
    assert list(rule.breaches(read(rule.path, rule.planted))) != []
    assert list(rule.breaches(read("safla/core/planted.py", '"""Nothing."""\n'))) == []


@pytest.mark.parametrize("folder", ["safla", "tests"])
def test_every_module_is_imported_or_run_somewhere(folder: str) -> None:
    wanted = {name for source in sources(folder) for _, name in imported(source.tree)}
    wanted |= {name.rpartition(".")[0] for name in wanted}  # `from a import b` names a, and a.b where that is a module
    lonely = {source.module for source in sources(folder) if not is_run(source)} - wanted
    assert lonely - ENTRANCES == set()


def test_no_public_name_is_defined_twice() -> None:
    planted = [read(f"safla/{name}.py", "class Rows:\n    pass\n") for name in ("one", "two")]
    assert rules.twice(planted) == {"Rows": ["safla/one.py", "safla/two.py"]}
    assert rules.twice(list(sources("safla"))) == {}


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "safla").rglob("*.py")}
    assert {folder.relative_to(ROOT).as_posix() for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_the_help_page_is_shown_without_slow_imports() -> None:
    code = "import sys, safla.cli; safla.cli.main(['--help']); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    modules = set(shown.splitlines()[-1].split())
    assert "click" in modules
    assert modules & (rules.SLOW | {"loguru", "msgspec", "numpy", "pydantic", "rich", "ruamel", "transitions"}) == set()


def is_run(source: Source) -> bool:
    """Whether Python or pytest finds the file by its name, or a person runs it."""
    return Path(source.path).name.startswith(("test_", "conftest", "__")) or 'if __name__ == "__main__":' in source.text


# --- Codes ------------------------------------------------------------------------------------------------------------


def test_every_rule_cited_in_the_code_is_in_docs() -> None:
    marks = re.compile(r"(?:\*\*|^#+ |^\| )([A-Z][0-9]{1,2}[a-z]?)\b", re.MULTILINE)  # bold, a heading, a row
    texts = [path.read_text() for path in (ROOT / "docs").rglob("*.md")]
    there = {code for text in texts for code in marks.findall(text)}
    cited = {code: source.path for source in sources("safla") for code in rules.cited(source)}
    assert {code: path for code, path in cited.items() if code not in there} == {}


TABLE = "safla/error_codes.py"
ALL = {code for codes in CODES.values() for code in codes}


def given(source: Source) -> set[str]:
    """The texts that are given as `code=` somewhere in a module."""
    values = [node.value for node in nodes(source.tree) if isinstance(node, ast.keyword) and node.arg == "code"]
    return {
        text.value
        for value in values
        for text in nodes(value)
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and not isinstance(value, ast.Call)
    }


def literals(source: Source) -> set[str]:
    """All texts in a module."""
    return {node.value for node in nodes(source.tree) if isinstance(node, ast.Constant)} - {None}


def test_every_code_in_the_source_is_in_the_table() -> None:
    known = {*ALL, ""}  # "": that of the class
    assert {source.path: given(source) - known for source in sources("safla") if given(source) - known} == {}


def test_every_code_of_the_table_is_used() -> None:
    used = set().union(*(literals(source) for source in sources("safla") if source.path != TABLE))
    assert ALL - used == set()


# --- Packages ---------------------------------------------------------------------------------------------------------


DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, GROUPS = DECLARED["project"], DECLARED["dependency-groups"]


def canonical(name: str) -> str:
    """A distribution's name, however it is spelled."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> set[str]:
    """The distributions that pyproject.toml names, with those of some extras."""
    groups = {**PROJECT["optional-dependencies"], **GROUPS}
    lines = [*PROJECT["dependencies"], *(line for one in extras for line in groups[one])]
    return {canonical(re.split(r"[ \[<>=!~;]", line)[0]) for line in lines}


@cache
def packages(folder: str) -> set[str]:
    """Returns the packages that a folder imports, without the standard library and safla."""
    found = [node for source in sources(folder) for node in nodes(source.tree)]
    names = [alias.name for node in found if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in found if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"safla", "tests"}


def undeclared(folder: str, *extras: str) -> list[str]:
    """What a folder imports and no dependency brings under its own name."""
    brought = packages_distributions()
    known = declared(*extras)
    return sorted(
        name for name in packages(folder)
        if not {canonical(one) for one in brought.get(name, [name])} & known
    )  # fmt: skip


def test_every_package_that_safla_imports_is_a_declared_dependency() -> None:
    assert undeclared("safla", "metrics", "engine") == []


def test_every_package_that_the_tests_import_is_declared() -> None:
    assert undeclared("tests", "metrics", "dev", "bench") == []


def test_an_undeclared_import_is_detected() -> None:
    assert "numpy" in packages("safla")
    assert "hypothesis" in undeclared("tests")
