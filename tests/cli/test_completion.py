"""Shell completion: its answers, and that no heavy library is imported for them."""

import os
import subprocess
import sys

import pytest

HEAVY = ("pydantic", "numpy", "ruamel", "ccxt", "numba", "polars", "msgspec", "rich")


def asked(words: str, number: int, *, shell: str = "bash_complete") -> list[str]:
    """Returns the answer of `safla` to a shell, and the heavy libraries that it loaded for it."""
    program = (
        "import sys\nfrom safla.__main__ import main\ncode = main()\nsys.stdout.flush()\n"
        f"print('loaded', code, *sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    environment = {**os.environ, "_SAFLA_COMPLETE": shell, "COMP_WORDS": words, "COMP_CWORD": str(number)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "number", "expected"),
    [
        ("safla ru", 1, ["plain,run"]),
        ("safla re", 1, ["plain,replay", "plain,resume"]),
        ("safla data im", 2, ["plain,import"]),
        ("safla run --f", 2, ["plain,--fail-on", "plain,--force"]),
        ("safla run config.yaml --engine c", 4, ["plain,compiled"]),
        ("safla validate --r", 2, ["plain,--resolved"]),
        ("safla doctor --c", 2, ["plain,--config"]),
        ("safla run ", 2, ["file,"]),
        ("safla run --out ", 3, ["file,"]),
        ("safla zzz", 1, [""]),
    ],
)
def test_commands_options_and_words_are_completed_without_loading_a_library(
    words: str, number: int, expected: list[str]
) -> None:
    *lines, loaded = asked(words, number)
    assert (lines, loaded) == (expected, "loaded 0")


def test_the_options_of_the_commands_below_data_are_completed() -> None:
    assert asked("safla data fetch --ac", 3)[0] == "plain,--accept-restated"


@pytest.mark.parametrize(("shell", "begins"), [("bash", "_safla_completion() {"), ("zsh", "#compdef safla")])
def test_a_shell_gets_its_completion_script(shell: str, begins: str) -> None:
    assert asked("", 0, shell=f"{shell}_source")[0] == begins
