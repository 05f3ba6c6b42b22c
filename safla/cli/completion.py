"""Completion by the shell: what bash, zsh and fish ask for in _SAFLA_COMPLETE. The words come in COMP_WORDS."""

import os
from collections.abc import Callable, Sequence

import click
from click.shell_completion import shell_complete, split_arg_string

VARIABLE = "_SAFLA_COMPLETE"
NAME = "safla"


def completed(program: Callable[[Sequence[str]], click.Command]) -> int | None:
    """Answer the shell, and give the exit code; None where no shell asks. program: the commands for some words."""
    instruction = os.environ.get(VARIABLE)
    if instruction is None:
        return None
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
    return shell_complete(program(words), {}, NAME, VARIABLE, instruction)
