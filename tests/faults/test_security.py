"""Z1 to Z9, Z16 and Z21 of docs/faults.md: input from outside is data, and it is bounded.

Row 54 tests Z7 too, row 52 Z2 and row 58 Z5; outputs are in test_security_outputs.py, Z11 is in test_secrets.py.
"""

import ast
import importlib
import os
import pkgutil
import random
import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pydantic import BaseModel

import safla
from safla.config import yaml_reader
from safla.config.loader import load
from safla.config.model import Config
from safla.config.schema import config_schema
from safla.errors import ConfigError
from safla.journal.events import journal_schema
from safla.runs import folder as run_folder
from tests.faults.command import ROOT
from tests.faults.invariants import CANARY, GOOD, check_answer, refused, untouched
from tests.small_runs import rehashed, run, small

MODULES = [
    found.name for found in pkgutil.walk_packages(safla.__path__, "safla.") if not found.name.endswith("__main__")
]

# --- Parsing (Z1 to Z6) ----------------------------------------------------------------------------------------------


def test_z1_only_one_module_reads_yaml_and_only_by_the_safe_pure_python_parser():
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "safla").rglob("*.py")
        if re.search(r"^\s*(import|from) (ruamel|yaml)", path.read_text(), re.MULTILINE)
    ]
    assert readers == ["safla/config/yaml_reader.py"]
    calls = [node for node in ast.walk(ast.parse((ROOT / readers[0]).read_text())) if isinstance(node, ast.Call)]
    made = [ast.unparse(call) for call in calls if ast.unparse(call.func) == "YAML"]
    assert made == ["YAML(typ='safe', pure=True)"]


def test_z1_a_file_of_64_kib_is_read_and_one_byte_more_is_rejected(ask):
    Path("c.yaml").write_text(GOOD + "#" * (65_536 - len(GOOD)))
    check_answer(ask("validate", "c.yaml"), 0)
    Path("c.yaml").write_text(GOOD + "#" * (65_537 - len(GOOD)))
    assert refused(ask, "c.yaml") == [
        "c.yaml: is larger than 65536 bytes, the limit for a configuration; split it with `extends`"
    ]
    (problem,) = refused(ask, "good.yaml", f"symbols.primary=[{' ' * 65_536}]")
    assert problem.startswith("--set: symbols.primary: is larger than 65536 bytes")


@pytest.mark.parametrize(
    ("fits", "too_much", "said"),
    [
        ("[" * 15 + "]" * 15, "[" * 16 + "]" * 16, "is nested deeper than 16"),
        ("[" + "1," * 4_997 + "]", "[" + "1," * 4_998 + "]", "holds more than 5000 values"),
    ],
    ids=["depth", "nodes"],
)
def test_z2_the_limits_of_depth_and_number_of_values_are_exact(ask, fits, too_much, said):
    Path("c.yaml").write_text(f"mode: {fits}\n")
    assert refused(ask, "c.yaml") == ["c.yaml:1:7: mode: expected backtest or paper, got a list"]
    Path("c.yaml").write_text(f"mode: {too_much}\n")
    (problem,) = refused(ask, "c.yaml")
    assert said in problem


@pytest.mark.parametrize(
    "error",
    [
        ValueError, UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), OverflowError, KeyError, IndexError, AttributeError,
        TypeError, AssertionError, RecursionError, NotImplementedError,
    ],
    ids=str,
)  # fmt: skip
def test_z3_any_exception_of_the_parser_is_a_configuration_error(ask, monkeypatch, error):
    class Parser:
        def __init__(self, **options):
            pass

        def parse(self, text):
            raise error

    monkeypatch.setattr(yaml_reader, "YAML", Parser)
    assert refused(ask, "good.yaml") == ["good.yaml:1:1: not valid YAML: it cannot be parsed"]


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for below in model.__subclasses__():
        yield from sections(below)


def test_z4_every_section_forbids_extra_keys_is_strict_frozen_finite_and_hides_its_input():
    kinds = list(sections(Config.__mro__[1]))
    assert Config in kinds
    assert len(kinds) > 20
    for kind in kinds:
        asked = {key: kind.model_config.get(key) for key in ("extra", "strict", "frozen", "hide_input_in_errors")}
        assert asked == {"extra": "forbid", "strict": True, "frozen": True, "hide_input_in_errors": True}, kind
        assert kind.model_config.get("allow_inf_nan") is False, kind


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9" * 12 + "." + "9" * 12, True), ("9" * 13, False), ("0." + "0" * 12 + "1", False), ("0" * 65, False),
        ("1" * 60_000, False), ("1E+1000000", False),
    ],
    ids=lambda value: str(value)[:12],
)  # fmt: skip
def test_z5_a_number_has_at_most_12_digits_before_and_after_the_point(text, number):
    assert isinstance(yaml_reader.scalar(text), str) != number


def patterns() -> dict[str, re.Pattern[str]]:
    """Every regular expression that outside text meets: in modules, the configuration and the journal events."""
    found = {}
    for name in MODULES:
        for value in vars(importlib.import_module(name)).values():
            for one in value if isinstance(value, tuple) else (value,):
                one = one[0] if isinstance(one, tuple) and one else one
                if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                    found[one.pattern] = one
    for schema in (str(config_schema()), str(journal_schema())):
        for text in re.findall(r"'pattern': (?:'([^']*)'|\"([^\"]*)\")", schema):
            source = (text[0] or text[1]).encode().decode("unicode_escape")
            found.setdefault(source, re.compile(source))
    return found


PIECES = [
    *("0", "9", "1.", "0.0", "A", "a", "/", "//", "A/", "AB/CD:", ":", "-", "_", " ", "\t", "\n", "e-", "{", "}", "{a"),
    *("[", "@", "//a@", "http://", "2024-01-01", "T00:00", "+00:00", "1m", "x", "é", "\u0661", "\0", "\x1b[", ".."),
    *("token", "key", "api"),
]


def hostile(chance: random.Random) -> str:
    """A text that almost matches a pattern many times over, and then does not."""
    few = chance.choices(PIECES, k=chance.randint(1, 3))
    return "".join(few) * chance.choice([1, 10, 100]) + chance.choice(["", "!", "\n", "\0", "x", "/"])


def test_z6_no_regular_expression_takes_a_millisecond_for_any_of_10_000_hostile_texts(chance):
    texts = [hostile(chance) for _ in range(10_000)]
    known = patterns()
    assert len(known) > 25
    for pattern in known.values():
        match = pattern.fullmatch if pattern.pattern.startswith(("^", "(", r"\d", "[")) else pattern.search
        began = time.thread_time()
        for text in texts:
            match(text)
        if (time.thread_time() - began) / len(texts) > 20e-6:  # below this mean none can have taken a millisecond
            assert [text[:40] for text in texts if slow(match, text)] == [], pattern.pattern


def slow(match, text: str) -> bool:
    """Whether the best of three matches takes over a millisecond; one slow match may be due to the machine."""
    best = 1.0
    for _ in range(3):
        began = time.thread_time()
        match(text)
        best = min(best, time.thread_time() - began)
    return best > 1e-3


# --- Names (Z7), keys (Z9) -------------------------------------------------------------------------------------------


def test_z7_a_run_name_has_letters_digits_and_dashes_alone_whatever_the_file_is_called(tmp_path, chance):
    from safla.runs.backtest import prepare

    plan = prepare(small(tmp_path)).run
    for _ in range(500):
        stem = "".join(chance.choices("a-_./\\~ \0\n\x1b\u202eéZ9$`'\"*", k=chance.randint(0, 90)))
        name = run_folder.name_of(plan, stem=stem, candles="paper")
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,60}-[0-9a-f]{8}", name), stem


KEYS = [
    "api_key", "apiKey", "api-key", "API_KEY", "secret", "client_secret", "password", "passphrase", "private_key",
    "token", "credentials", "mnemonic",
]  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_z9_a_secret_key_is_rejected_with_a_hint_in_any_place_and_its_value_is_never_shown(ask, monkeypatch, name):
    ways = [f"exchange: {{{name}: {CANARY}}}", f"{name}: {CANARY}", f"strategy: {{parameters: {{{name}: {CANARY}}}}}",
            f"exchange:\n  {name}:\n    - {CANARY}\n", f"exchange: {{{name}: {{a: {CANARY}}}}}"]  # fmt: skip
    for text in ways:
        Path("c.yaml").write_text(text)
        (problem,) = refused(ask, "c.yaml")
        assert f"{name}: secrets are not needed, backtest and paper use public data" in problem
    (problem,) = refused(ask, "good.yaml", f"exchange.{name}={CANARY}")
    assert problem.startswith(f"--set: exchange.{name}: secrets are not needed")
    variable = f"SAFLA__EXCHANGE__{name.upper()}"
    monkeypatch.setenv(variable, CANARY)
    (problem,) = refused(ask, "good.yaml")
    assert problem.startswith(f"{variable}: exchange.")
    assert "secrets are not needed" in problem


def test_z9_a_secret_key_that_an_environment_variable_splits_into_two_parts_is_rejected_too(ask, monkeypatch):
    monkeypatch.setenv("SAFLA__API__KEY", CANARY)
    (problem,) = refused(ask, "good.yaml")
    assert problem.startswith("SAFLA__API__KEY: api.key: secrets are not needed")


# --- Inputs of the configuration (Z16) -------------------------------------------------------------------------------

CAPS = [
    ("symbols.primary", "[{}]", "A{}/USDT", 50, "symbols.primary"),
    ("symbols.test", "[{}]", "A{}/USDT", 50, "symbols.test"),
    ("markets", "{{{}}}", "A{}/USDT: {{}}", 100, "markets"),
    ("strategy.parameters", "{{{}}}", "p{}: 1", 50, "strategy.parameters"),
    ("data.path", "[{}]", "a{}.csv", 1000, "data.path"),
]


@pytest.mark.parametrize(("key", "outer", "inner", "most", "named"), CAPS, ids=[row[0] for row in CAPS])
def test_z16_every_list_and_map_of_the_configuration_has_a_bound(key, outer, inner, most, named):
    def asked(count: int) -> str:
        return f"{key}={outer.format(', '.join(inner.format(n) for n in range(count)))}"

    with pytest.raises(ConfigError) if key == "strategy.parameters" else nullcontext() as found:
        load(None, sets=[asked(most)])
    assert found is None or "sma_crossover takes no parameters" in str(found.value)
    with pytest.raises(
        ConfigError, match=rf"{named}: expected .*, got a (list|map); it has [0-9,]+ items, at most {most}"
    ):
        load(None, sets=[asked(most + 1)])


# --- The journal (Z21) -----------------------------------------------------------------------------------------------

FORGED = [
    (b'"symbol":"BTC/USDT"', b'"symbol":"BTC/USDT\\n{}"', "a symbol with a new line"),
    (b'"symbol":"BTC/USDT"', b'"symbol":"BTC/USDT","type":"filled"', "a field twice"),
    (b'"schema":3', b'"schema":"3"', "a text for a number"),
    (b'"schema":3', b'"schema":3.0', "a float for a number"),
    (b'"schema":3', b'"schema":true', "a boolean for a number"),
    (b'"schema":3', b'"schema":3,"more":1', "an unknown field"),
    (b'"schema":3', b'"schema": 3', "a space"),
    (b'"schema":3,', b"", "a field less"),
    (b'"name":"Small"', b'"name":"Sm\\u0061ll"', "another spelling"),
    (b'"name":"Small"', b'"name":"' + b"x" * 66_000 + b'"', "a line over 64 KiB"),
]


@pytest.mark.parametrize(("old", "new", "kind"), FORGED, ids=[row[2] for row in FORGED])
def test_z21_a_line_not_exactly_as_safla_writes_it_is_rejected(ask, tmp_path, old, new, kind):
    run(small(tmp_path), tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    (tmp_path / "run" / "head").unlink()
    assert old in path.read_bytes()
    path.write_bytes(rehashed(path.read_bytes().replace(old, new, 1)))
    with untouched(tmp_path):
        answer = ask("replay", tmp_path / "run")
    check_answer(answer, 4)
    assert re.search(r"line [1-9]\d*", answer.err)
    assert len(answer.err) < 600
    assert os.fspath(path) in answer.err
