"""What `safla schema indicators` and docs/indicators.md say of the kinds of indicators, made from KINDS."""

from collections.abc import Iterator
from typing import Any

from safla.config.reference import ConfigKey, parameter_keys
from safla.core.timeframes import TIMEFRAMES
from safla.strategies.indicators.kind import Kind
from safla.strategies.indicators.register import KINDS

USUAL_PERIOD = 20  # for the rows of a kind whose period has no default
UNITS = {
    "source": "unit of the source",
    "price": "price",
    "volume": "volume",
    "number": "number",
    "whole": "whole number",
}


def indicators_table() -> str:
    """All kinds as a table of Markdown."""
    cells = [
        (f"`{name}`", kind.meaning, ", ".join(_parameters(kind)), ", ".join(_outputs(kind, short=True)), _rows(kind),
         kind.reference)
        for name, kind in sorted(KINDS.items())
    ]  # fmt: skip
    rows = [f"| {' | '.join(cell or '-' for cell in row)} |" for row in cells]
    head = "| kind | value | parameters | outputs | rows | equals |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])


def indicator_text(name: str) -> str:
    """One kind for a terminal. KeyError for one that is not there."""
    kind = KINDS[name]
    lines = [f"{name}: {kind.meaning}", ""]
    if kind.source is not None:
        lines.append(f"  {'source':<14} any column; default {kind.source}")
    for key in _keys(kind):
        default = "required" if key.default == "-" else f"default {key.default}"
        lines.append(f"  {key.path[-1]:<14} {key.allowed}; {default}: {key.meaning}")
    lines.append(f"  {'outputs':<14} {', '.join(_outputs(kind, short=False))}")
    lines.append(f"  {'rows':<14} {_rows(kind)}{_usual(kind)}: until the first value{_seed(kind)}")
    if kind.reference:
        lines.append(f"  {'equals':<14} {kind.reference}")
    return "\n".join(lines) + "\n"


def indicators_text() -> str:
    """All kinds in a line each, for a terminal."""
    return "".join(f"{name:<15} {kind.meaning}\n" for name, kind in sorted(KINDS.items()))


def _keys(kind: Kind) -> list[ConfigKey]:
    return parameter_keys(kind.section)


def _parameters(kind: Kind) -> Iterator[str]:
    if kind.source is not None:
        yield f"`source` {kind.source}"
    for key in _keys(kind):
        yield f"`{key.path[-1]}`{'' if key.default == '-' else f' {key.default}'}"


def _outputs(kind: Kind, *, short: bool) -> Iterator[str]:
    several = len(kind.outputs) > 1
    for name, unit in kind.outputs.items():
        main = " (main)" if several and name == kind.main else ""
        if short:
            yield f"`{name}`{main}" if several else UNITS[unit]
        else:
            yield f"{name}{main}: {UNITS[unit]}"


def _rows(kind: Kind) -> str:
    """Rows until the first value / until the seed no longer decides, with the defaults, on hours."""
    keys, step_ms = usual_keys(kind), TIMEFRAMES["1h"]
    first = kind.first(keys, step_ms)
    auto = kind.auto(keys, step_ms) if kind.auto is not None else first
    return str(first) if auto == first else f"{first} / {auto}"


def _seed(kind: Kind) -> str:
    return " / until its seed no longer decides" if "/" in _rows(kind) else ""


def _usual(kind: Kind) -> str:
    required = any(field.is_required() for field in kind.section.model_fields.values())
    return f" with period {USUAL_PERIOD}" if required else ""


def usual_keys(kind: Kind) -> Any:
    """The parameters of a kind by their defaults; a period that has none is USUAL_PERIOD."""
    required = [name for name, field in kind.section.model_fields.items() if field.is_required()]
    return kind.section(**dict.fromkeys(required, USUAL_PERIOD))
