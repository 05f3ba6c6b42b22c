"""Completion by bash, zsh and fish: the shell passes its request in _SAFLA_COMPLETE and the words in COMP_WORDS."""

import os
from collections.abc import Callable, Sequence

import click
from click.shell_completion import shell_complete, split_arg_string

VARIABLE = "_SAFLA_COMPLETE"
NAME = "safla"


def completed(program: Callable[[Sequence[str]], click.Command]) -> int | None:
    """Answer a request of the shell and return the exit code; None without one. program: makes the commands."""
    instruction = os.environ.get(VARIABLE)
    if instruction is None:
        return None
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))[1:]
    return shell_complete(program(words), {}, NAME, VARIABLE, instruction)
