"""`safla schema`: prints the schemas, or writes every generated file. One version always writes the same bytes."""

import difflib
import importlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from safla.cli.arguments import PATH
from safla.cli.output_file import write_output
from safla.errors import UsageError

# Each schema with the module and function that make it; the module is imported only when it is needed.
SCHEMAS = {
    "config": ("safla.config.schema", "config_schema"),
    "journal": ("safla.journal.events", "journal_schema"),
    "summary": ("safla.report.figures", "summary_schema"),
}
INDICATORS, PRESETS = "indicators", "presets"


@click.command("schema", epilog="Example: safla schema config")
@click.argument(
    "which",
    type=click.Choice([*sorted(SCHEMAS), INDICATORS, PRESETS]),
    required=False,
    metavar="[config|journal|summary|indicators|presets]",
)
@click.argument("kind", required=False, metavar="[NAME]")
@click.option("--write", "folder", type=PATH, metavar="DIR", help="Write all schemas and a README.md into a folder.")
def command(*, which: str | None, kind: str | None, folder: Path | None) -> None:
    """Print the JSON Schema of a configuration, a journal line or a summary, or write all with --write.

    `indicators` prints the kinds of indicators, `indicators NAME` what one of them is and takes; `presets` prints the
    strategies that come with safla, `presets NAME` the file of one.
    """
    if (which is None) == (folder is None) or (kind is not None and which not in (INDICATORS, PRESETS)):
        raise click.UsageError("expected config, journal, summary, indicators [NAME] or presets [NAME], or --write DIR")
    if which == INDICATORS:
        click.echo(_indicators(kind), nl=False)
        return
    if which == PRESETS:
        click.echo(_presets(kind), nl=False)
        return
    if which is not None:
        click.echo(_text(which), nl=False)
        return
    target = folder or Path()
    if not target.is_dir():
        raise UsageError(f"--write {target}: no such folder; make it first", code="invalid_argument")
    texts = generated()
    for name in texts:
        if (target / name).is_dir():
            raise UsageError(
                f"--write {target}: {name} is a folder there; name another folder", code="invalid_argument"
            )
    for name, text in texts.items():
        write_output(target / name, text)
        click.echo(target / name)


def generated() -> dict[str, str]:
    """The content of every generated file by its name."""
    return {**{f"{name}.schema.json": _text(name) for name in SCHEMAS}, "README.md": _page()}


def _text(name: str) -> str:
    return json.dumps(_function(*SCHEMAS[name])(), indent=2) + "\n"


def _presets(name: str | None) -> str:
    """The presets with their first lines, or the file of one. UsageError for one that is not there."""
    from safla.config.presets import preset_names, preset_text

    if name is None:
        width = max(map(len, preset_names())) + 2
        return "".join(f"{one:<{width}}{preset_text(one).partition(chr(10))[0][2:]}\n" for one in preset_names())
    _refuse_unknown(name, preset_names(), what="preset", listed_by=PRESETS)
    return preset_text(name)


def _indicators(kind: str | None) -> str:
    """The kinds of indicators, or one of them. UsageError for one that is not there."""
    from safla.config import indicator_reference
    from safla.strategies.indicators.register import KINDS

    if kind is None:
        return indicator_reference.indicators_text()
    _refuse_unknown(kind, KINDS, what="kind of indicator", listed_by=INDICATORS)
    return indicator_reference.indicator_text(kind)


def _refuse_unknown(name: str, known: Collection[str], *, what: str, listed_by: str) -> None:
    """UsageError with the nearest name for one that is not known. listed_by: the word that lists them."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; safla schema {listed_by} lists them"
        raise UsageError(f"{name[:80]}: unknown {what}{hint}", code="invalid_argument")


def _function(module: str, name: str) -> Callable[[], Any]:
    function: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return function


def _page() -> str:
    """The reference: every key of the configuration, every event of a journal, every figure of a summary."""
    events = _function(*SCHEMAS["journal"])()["$defs"]
    parts = _function(*SCHEMAS["summary"])()["$defs"]
    return PAGE.format(
        keys=_function("safla.config.schema", "reference_table")(),
        parameters=_function("safla.config.schema", "parameters_table")(),
        events="".join(_event(name, schema) for name, schema in events.items()),
        figures="".join(_figure(name, schema) for name, schema in parts["Summary"]["properties"].items()),
        parts="".join(_part(name, schema) for name, schema in parts.items() if name != "Summary"),
    )


PAGE = """\
# Reference

Generated by `safla schema --write schemas` from the models: edit those, not this page. `config.schema.json`,
`journal.schema.json` and `summary.schema.json` beside it say the same for editors and programs.

## Every key of the configuration

Later wins: defaults, `extends`, the file, variables such as `SAFLA__RISK__STOP_LOSS_PCT=0.03`, `--set KEY=VALUE`.
Keys ending in `_pct` are fractions, 0.02 is 2 %; `_bps` are 1/10 000. *Plan*: the key can change decisions, is recorded
in the journal's first line, and must be equal for a run to be continued. Codes in parentheses are rules in `docs/`.

{keys}
## Every parameter of the strategies that come with safla

`sma_crossover` has keys of its own in `strategy`. A strategy from Python says itself which parameters it takes.

{parameters}
## Every event of a journal

One JSON object a line, in an envelope with its number, the hash of the line before and its own. Amounts are texts with
the decimals that the first line declares; `null` means that there is none. Rows without an event are parts of others.

| event | part | fields | meaning |
|---|---|---|---|
{events}
## Every figure of a summary

`--fail-on` takes every figure that is a number or null. Null means undefined; `undefined` has the reason. Figures
have 12 significant digits; a year has 365 days; figures of daily returns need 30 of them, `var_95`, `cvar_95` and
`probabilistic_sharpe` 100, `sqn` and `kelly` 30 trades, `cagr` and `calmar` 30 days.

| figure | unit | meaning |
|---|---|---|
{figures}
| part | fields | meaning |
|---|---|---|
{parts}"""


def _event(name: str, schema: dict[str, Any]) -> str:
    event = "".join(f"`{name}`" for name in schema["properties"].get("type", {}).get("enum", ()))
    return f"| {event} {_part(name, schema)}"


def _part(name: str, schema: dict[str, Any]) -> str:
    fields = {field: kind for field, kind in schema["properties"].items() if field != "type"}
    shown = ", ".join(f"`{field}` ({_kind(kind)})" for field, kind in fields.items())
    return f"| {name} | {shown} | {' '.join(schema.get('description', '').split())} |\n"


def _figure(name: str, schema: dict[str, Any]) -> str:
    return f"| `{name}` | {schema.get('title') or _kind(schema)} | {schema['description']} |\n"


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    reference = schema.get("$ref", "").rpartition("/")[2]
    return str(schema.get("title") or reference or schema.get("type", "text"))
