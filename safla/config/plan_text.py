"""A configuration as text: the plan in the journal's first line (J15) and the resolved YAML for people. No files."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError

from safla.config.constraints import not_of
from safla.config.loader import Loaded
from safla.config.model import Config
from safla.config.presets import KEY
from safla.config.reference import find, is_date, leaves, value_text
from safla.config.size_text import size_text
from safla.config.trading import MarketSection
from safla.config.types import plain
from safla.config.yaml_reader import SourceLocation, plain_value, read_value, scalar
from safla.core.scale import MILLION
from safla.core.timeframes import TIMEFRAMES
from safla.errors import ConfigError, Problem
from safla.text import printable

APART = ("symbols", "markets", "journal")  # sections with fields of their own in the first line (J15)
BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*", re.ASCII)  # text that needs no quotes in YAML, except SPECIAL
CODE = "strategy.code"  # in the plan: the identity of a strategy's code (C5), which is no key of a configuration
COLUMN = 56  # at which comments begin in the resolved configuration


def plan_texts(config: Config) -> dict[str, str]:
    """Return every key of the plan except symbols, markets and detail: dotted, sorted, in canonical text (J15)."""
    texts: dict[str, str] = {}
    for path, value in leaves(config):
        known = find(path)
        if known and known.plan and path[0] not in APART and value != {} and is_used(config, path):
            texts[".".join(path)] = value_text(value)
    return dict(sorted(texts.items()))


def is_used(config: Config, path: tuple[str, ...]) -> bool:
    """Whether a key means something for the strategy of the configuration."""
    return path[0] != "strategy" or path[1] not in not_of(config.strategy.name)


def with_code(texts: Mapping[str, str], identity: str | None) -> dict[str, str]:
    """Return the plan with the identity of a strategy's code; None: without one."""
    rest = {key: text for key, text in texts.items() if key != CODE}
    return rest if identity is None else dict(sorted({**rest, CODE: identity}.items()))


def from_plan_texts(
    texts: Mapping[str, str],
    *,
    symbols: tuple[str, ...],
    markets: Mapping[str, MarketSection],
    detail: str,
    timeframe: str,
    strategies: tuple[str, ...] = (),
) -> Config:
    """Return the configuration of a plan: the inverse of plan_texts. Keys outside the plan have their defaults.

    strategies  names that Python adds to the register (D5)
    Raise ConfigError for a key that is not part of the plan and for a value that its key does not take.
    """
    problems: list[Problem] = []
    tree: dict[str, Any] = {"symbols": {"primary": symbols}, "markets": dict(markets), "journal": {"detail": detail}}
    for dotted, text in texts.items():
        if dotted == CODE:
            continue
        path = tuple(dotted.split("."))
        known = find(path)
        if known is None or not known.plan or path[0] in APART:
            problems.append(Problem("plan", printable(dotted), "is not a key of the plan", code="unknown_key"))
            continue
        section = tree
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = text if known.text else _value_of(text)
    if texts.get("market_data.timeframe") != timeframe:
        problems.append(
            Problem(
                "plan", "market_data.timeframe", f"expected the timeframe {printable(timeframe)}", code="invalid_value"
            )
        )
    if problems:
        raise ConfigError(problems)
    try:
        return Config.model_validate(tree, context={"strategies": strategies})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        raise ConfigError([_problem(detail) for detail in details]) from error


def _value_of(text: str) -> Any:
    """Return the value of a text of the plan: a list, or a word."""
    if not text.startswith("["):
        return scalar(text)
    try:
        return plain_value(read_value(text, SourceLocation("plan", 0, 0), problems=[]))
    except ConfigError:
        return text  # which no key takes


def _problem(detail: Any) -> Problem:
    dotted = ".".join(map(str, detail["loc"]))
    known = find(detail["loc"])
    return Problem(
        "plan",
        printable(dotted),
        f"expected {known.allowed}" if known else printable(detail["msg"]),
        code="invalid_value",
    )


class _Line(NamedTuple):
    """A line of the resolved configuration: the name of a section, or a key with its value and origin."""

    depth: int
    text: str
    origin: str


def resolved_yaml(loaded: Loaded) -> str:
    """Return the whole configuration as YAML, with all defaults and the origin of each value.

    Loading it gives the same configuration, except for the webhook URL, which is always treated as a secret and left
    out (Z9): a run that continues from this file has none unless SAFLA__MONITORING__WEBHOOK_URL sets it.
    """
    lines = ["# The resolved configuration: every key, and where its value came from."]
    for line in _lines(loaded):
        text = f"{'  ' * line.depth}{line.text}"
        lines.append(f"{text:<{COLUMN}}  # {line.origin}" if line.origin else text)
    return "\n".join(lines) + "\n"


def _lines(loaded: Loaded) -> Iterator[_Line]:
    above: tuple[str, ...] = ()
    for path, value in leaves(loaded.config):
        if path in (("extends",), KEY) or not is_used(loaded.config, path):
            continue  # already resolved, or of another strategy
        for depth, name in enumerate(path[:-1]):
            if above[: depth + 1] != path[: depth + 1]:
                yield _Line(depth, f"{_scalar(name)}:", "")
        above = path[:-1]
        origin = printable(loaded.origins[".".join(path)])
        if isinstance(value, SecretStr):
            shown, origin = "null", f"{origin}, kept out of this file"
        else:
            shown = _value(path, value)
        if path in REMARKS:
            origin = f"{origin}; {REMARKS[path](loaded.config)}"
        yield _Line(len(path) - 1, f"{_scalar(path[-1])}: {shown}", origin)


def _entry_size(config: Config) -> str:
    """Say what an entry spends (S23)."""
    from safla.strategies.register import STRATEGIES, keys_of, strength_itself

    section = config.strategy
    strategy = STRATEGIES.get(section.name)
    if strategy is None:
        cap_ppm = strength_itself(None).cap_ppm
    else:
        cap_ppm = strategy.confidence(
            strategy.resolve(keys_of(strategy, section, TIMEFRAMES[config.market_data.timeframe]))
        ).cap_ppm
    amount = section.max_position_size_usd
    return "an entry spends " + size_text(
        "" if amount is None else plain(amount * section.position_size_pct * cap_ppm / MILLION),
        equity_share_ppm=int((section.equity_share_pct or 0) * MILLION),
        risk_ppm=int((section.risk_per_trade_pct or 0) * MILLION),
        cap_ppm=cap_ppm,
    )


REMARKS: dict[tuple[str, ...], Callable[[Config], str]] = {("strategy", "max_position_size_usd"): _entry_size}


def _value(path: tuple[str, ...], value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, str):
        return _scalar(value)
    return value_text(value, date=is_date(path))


def _scalar(text: str) -> str:
    bare = BARE.fullmatch(text) and scalar(text) == text and text.lower() not in SPECIAL
    return text if bare else json.dumps(text)


SPECIAL = frozenset(["yes", "no", "on", "off", "y", "n", "true", "false", "null"])  # not text for other YAML readers
