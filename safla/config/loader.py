"""From files, environment and options to one checked configuration, or to all of its problems at once."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from safla.config import constraints, paths, root_folder, variables
from safla.config.messages import PREFIX, at, key_like, no_value, of_validation, order, unknown_key
from safla.config.model import Config
from safla.config.patterns import Folders, TooManyNamesError
from safla.config.python_values import Float, ValueBudget, ValuePlace, key_text, read_python
from safla.config.reference import find, leaves, shown_decimals
from safla.config.types import in_capitals, plain
from safla.config.yaml_reader import MAX_NODES, Node, NoValue, SourceLocation, read_file, read_value
from safla.errors import ConfigError, Problem, UsageError
from safla.text import printable

MAX_EXTENDS = 4  # files above a file
MAX_FILES = 16
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,1000}")  # of a file that another extends
PATH = ("data", "path")
MOST_ABSENT = 10  # files that are not there and are named
DUST = Decimal("1e-12")  # what floats may be off by without a word: 0.1 + 0.2 is 0.3

Overrides = Sequence[str] | Mapping[str, Any]  # KEY=VALUE as text, or dotted keys with values of Python


class Loaded(NamedTuple):
    """A configuration that holds, and how it came about."""

    config: Config
    symbols: tuple[str, ...]  # in use: symbols.primary or symbols.test
    origins: dict[str, str]  # dotted key -> default, file:line, name of a variable, --set
    files: tuple[str, ...]  # in the order in which they count, as they were named
    warnings: tuple[str, ...]
    notices: tuple[str, ...] = ()  # what is in order and worth knowing: limits that were switched off


def load(
    path: Path | None,
    *,
    sets: Overrides = (),
    environment: Mapping[str, str] | None = None,
    symbols: Literal["primary", "test"] = "primary",
    strategies: Collection[str] = (),
    root: Path | None = None,
) -> Loaded:
    """The configuration of a file (None: the defaults), overlaid by SAFLA__ variables and KEY=VALUE options.

    sets        KEY=VALUE texts, or a mapping of dotted keys to values of Python
    strategies  names that Python adds to the register (D5)
    root        a folder below which every path must lie, and which holds the folders that are written to by default
    Raises ConfigError with every problem, UsageError for an option that is not KEY=VALUE.
    """
    if path:
        root_folder.refuse_outside(path, root, key="config")
    problems: list[Problem] = []
    files: list[str] = []
    layers = _layers_of_file(path, str(path), (), files, problems, root) if path else []
    return _loaded(layers, files, problems, sets, environment or {}, symbols, strategies, root)


def load_mapping(
    mapping: Mapping[str, Any],
    *,
    sets: Overrides = (),
    environment: Mapping[str, str] | None = None,
    symbols: Literal["primary", "test"] = "primary",
    strategies: Collection[str] = (),
    root: Path | None = None,
) -> Loaded:
    """The same from a dict of Python; its paths are relative to the current folder. Arguments as in load."""
    problems: list[Problem] = []
    layer = _rooted(read_python(mapping, SourceLocation("config", 0, 0)), Path.cwd(), problems)
    return _loaded([layer], [], problems, sets, environment or {}, symbols, strategies, root)


def _loaded(
    layers: list[Node],
    files: list[str],
    problems: list[Problem],
    sets: Overrides,
    environment: Mapping[str, str],
    symbols: Literal["primary", "test"],
    strategies: Collection[str],
    root: Path | None,
) -> Loaded:
    layers = [
        *_layers_of_root(root),
        *layers,
        *_layers_of_environment(environment, problems),
        *_layers_of_sets(sets, problems),
    ]
    layers = [_symbols_in_capitals(layer, problems) for layer in layers]
    problems += [no_value(path, node.place, root=layer) for layer in layers for path, node in _without_value(layer, ())]
    tree = Node({}, "a map", SourceLocation(files[-1] if files else "config", 0, 0), SourceLocation("", 0, 0))
    for layer in layers:
        tree = _merged(tree, layer)
    tree.value.pop("extends", None)  # it has been followed
    notes: list[str] = []
    tree = _rounded(tree, (), notes)
    config = _validated(tree, problems, strategies)
    in_use = config.symbols.primary if symbols == "primary" else config.symbols.test
    if not in_use:
        node = at(tree, ("symbols", symbols))
        where = str((node or tree).place)
        raise ConfigError([Problem(where, f"symbols.{symbols}", "is the list in use and empty; name a symbol")])
    origins = {".".join(leaf): _origin(tree, leaf) for leaf, _ in leaves(config)}
    if outside := root_folder.problems(config, in_use, root=root, origins=origins):
        raise ConfigError(outside)
    deserved = (constraints.notices(config), constraints.switched_off(config, origins))
    warnings, notices = ([_placed(one, origins) for one in found] for found in deserved)
    warnings = [*notes, *variables.ignored_variables(environment), *warnings, *_absent(config, in_use, origins)]
    return Loaded(config, in_use, origins, tuple(files), tuple(warnings), tuple(notices))


def _placed(one: constraints.Violation, origins: Mapping[str, str]) -> str:
    return f"{origins.get(one.keys[0], 'default')}: {one.keys[0]}: {one.text}"


def _layers_of_root(root: Path | None) -> list[Node]:
    """The folders that are written to by default, which lie below the root where there is one."""
    if root is None:
        return []
    storage = Config().storage
    folders = {name: os.path.join(root, getattr(storage, name)) for name in root_folder.STORAGE}
    return [read_python({"storage": folders}, SourceLocation("root", 0, 0))]


def _layers_of_file(
    path: Path, shown: str, above: tuple[str, ...], files: list[str], problems: list[Problem], root: Path | None
) -> list[Node]:
    """The file behind those that it extends, in the order in which they count."""
    node = read_file(path, printable(shown), problems=problems)
    real = os.path.realpath(path)
    layers: list[Node] = []
    extends = node.value.get("extends")
    for text, place in _extended(extends, problems):
        try:
            target = path.parent / paths.expanded(text)
        except ValueError as error:
            problems.append(Problem(str(place), "extends", f"{printable(text)}: {error}"))
            continue
        if root is not None and not root_folder.is_below(target, root):
            problems.append(Problem(str(place), "extends", root_folder.refusal(text)))
        elif os.path.realpath(target) in (*above, real):
            problems.append(Problem(str(place), "extends", f"{printable(text)} extends this file again: a circle"))
        elif len(above) >= MAX_EXTENDS or len(files) >= MAX_FILES:
            text = f"goes deeper than {MAX_EXTENDS} files, or past {MAX_FILES} in all; copy the keys here"
            problems.append(Problem(str(place), "extends", text))
        else:
            layers += _layers_of_file(target, str(Path(shown).parent / text), (*above, real), files, problems, root)
    files.append(printable(shown))
    return [*layers, _rooted(node, Path(os.path.abspath(path)).parent, problems)]


def _extended(node: Node | None, problems: list[Problem]) -> list[tuple[str, SourceLocation]]:
    if node is None or node.value in (None, NoValue.HERE):
        return []
    nodes = node.value if isinstance(node.value, list) else [node]
    nodes = [one for one in nodes if one.value is not NoValue.HERE]  # told with all others that have none
    wrong = [one for one in nodes if not isinstance(one.value, str) or not NAME.fullmatch(one.value)]
    problems += [Problem(str(one.place), "extends", f"{one.text}; due is a path or a list of paths") for one in wrong]
    return [(one.value, one.place) for one in nodes if one not in wrong]


def _layers_of_environment(environment: Mapping[str, str], problems: list[Problem]) -> list[Node]:
    layers = []
    for name in sorted(environment):
        if name.startswith(PREFIX):
            path = _path_of_variable(name)
            layers += _layer(path, environment[name], SourceLocation(printable(name), 0, 0), problems)
    return layers


def _path_of_variable(name: str) -> tuple[str, ...]:
    first, *rest = name[len(PREFIX) :].split("__")
    if first == "MARKETS" and rest:
        return ("markets", rest[0], *(part.lower() for part in rest[1:]))  # a symbol is written in capitals
    return (first.lower(), *(part.lower() for part in rest))


def _layers_of_sets(sets: Overrides, problems: list[Problem]) -> list[Node]:
    layers = []
    if isinstance(sets, Mapping):
        budget, place = ValueBudget(), SourceLocation("set", 0, 0)
        for name, value in sets.items():
            where = ValuePlace(place)
            dotted = budget.letters(key_text(name, where), where)
            layers += _layer(tuple(dotted.split(".")), value, place, problems, budget=budget)
        return layers
    if len(sets) > MAX_NODES:
        raise UsageError(f"--set: {len(sets):,} values are given, at most {MAX_NODES} are taken")
    for one in sets:
        name, equals, text = one.partition("=")
        if not equals or not name:
            shown = "" if key_like(name) else f" {printable(name)[:80]}"  # it may hold the value (Z9)
            raise UsageError(f"--set{shown}: KEY=VALUE is due, such as risk.stop_loss_pct=0.03")
        layers += _layer(tuple(name.split(".")), text, SourceLocation("--set", 0, 0), problems)
    return layers


def _layer(
    path: tuple[str, ...],
    value: Any,
    place: SourceLocation,
    problems: list[Problem],
    *,
    budget: ValueBudget | None = None,
) -> list[Node]:
    """A value with the maps around it; none where its key is not ours.

    budget  of the values of Python that it is one of; None: it is text
    """
    dotted = printable(".".join(path))
    if budget is not None:
        budget.node(ValuePlace(place, path))
    if find(path) is None or any(map(key_like, path)):
        problems.append(unknown_key(path, place))
        return []
    if path == ("extends",):
        problems.append(Problem(str(place), dotted, "stands in a file alone; name the other file there"))
        return []
    twice: list[Problem] = []
    try:
        node = read_value(value, place, problems=twice) if budget is None else read_python(value, place, budget=budget)
    except ConfigError as error:
        inner = (f"{dotted}.{one.key}" if budget and one.key else dotted for one in error.problems)
        problems += [Problem(str(place), key, one.text) for key, one in zip(inner, error.problems, strict=True)]
        return []
    problems += [Problem(str(place), f"{dotted}.{one.key}", one.text) for one in twice]
    for name in reversed(path):
        node = Node({name: node}, "a map", place, place)
    return [_rooted(node, Path.cwd(), problems)]


def _symbols_in_capitals(layer: Node, problems: list[Problem]) -> Node:
    """The layer with the names below `markets` in capitals, as the lists of symbols have them."""
    markets = layer.value.get("markets")
    if markets is None or not isinstance(markets.value, dict):
        return layer
    members: dict[str, Node] = {}
    for name, node in markets.value.items():
        capitals = in_capitals(name)
        if capitals in members:
            problems.append(
                Problem(str(node.key_place), f"markets.{printable(name)}", f"is {capitals} again; keep one")
            )
        members.setdefault(capitals, node)
    return layer._replace(value={**layer.value, "markets": markets._replace(value=members)})


def _without_value(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Keys of ours that were written down without a value, or whose list holds nothing at some place."""
    if isinstance(node.value, dict):
        for name, inner in node.value.items():
            yield from _without_value(inner, (*path, name))
    elif isinstance(node.value, list):
        yield from ((path, one) for one in node.value if one.value is NoValue.HERE and find(path))
    elif node.value is NoValue.HERE and find(path) and not any(map(key_like, path)):
        yield path, node


def _rooted(layer: Node, folder: Path, problems: list[Problem]) -> Node:
    """The layer with data.path made absolute: it is relative to the file that says it."""
    found = at(layer, PATH)
    if found is None:
        return layer
    relative = [one for one in (found.value if isinstance(found.value, list) else [found]) if _is_relative(one)]
    if relative and (why := paths.unsayable(str(folder))):
        text = f"{relative[0].text} is relative to this file, and the folder {why}"
        problems.append(Problem(str(relative[0].place), "data.path", text))
        return layer
    if isinstance(found.value, list):
        absolute = found._replace(value=[_absolute(one, folder) for one in found.value])
    else:
        absolute = _absolute(found, folder)
    data = layer.value["data"]
    return layer._replace(value={**layer.value, "data": data._replace(value={**data.value, "path": absolute})})


def _absolute(node: Node, folder: Path) -> Node:
    return node._replace(value=os.path.join(folder, node.value)) if _is_relative(node) else node


def _is_relative(node: Node) -> bool:
    return isinstance(node.value, str) and node.value != "" and not node.value.startswith(("/", "~"))


def _merged(low: Node, high: Node) -> Node:
    """Maps merge, everything else is replaced."""
    if not (isinstance(low.value, dict) and isinstance(high.value, dict)):
        return high
    members = dict(low.value)
    for name, node in high.value.items():
        members[name] = _merged(members[name], node) if name in members else node
    return high._replace(value=members)


def _validated(root: Node, problems: list[Problem], strategies: Collection[str]) -> Config:
    """The model. What is wrong is told and left out, so that the rules between the other keys are looked at as well."""
    left_out: set[tuple[str, ...]] = set()
    config = None
    for path, node in _secrets(root, ()):
        problems.append(unknown_key(path, node.key_place))
        root = _without(root, path)
    for path in {path for path, _ in _without_value(root, ())}:  # each was told where it stands
        rest = _items_with_value(at(root, path))
        left_out |= set() if rest else {path}
        root = _replaced(root, path, rest) if rest else _without(root, path)
    while config is None:  # ends: each turn leaves out at least one node of a tree of at most MAX_NODES a file
        try:
            config = Config.model_validate(_plain(root), context={"strategies": strategies})
        except ValidationError as error:
            found = of_validation(error, root, left_out=left_out)
            problems += [problem for _, problem in found]
            wrong = {path for path, _ in found if at(root, path) is not None and path}
            if not wrong:
                break
            left_out |= wrong
            for path in wrong:
                root = _without(root, path)
    if problems or config is None:
        raise ConfigError(sorted(problems, key=order))
    return config


def _secrets(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    if isinstance(node.value, dict):
        for name, inner in node.value.items():
            if key_like(name):
                yield (*path, name), inner
            else:
                yield from _secrets(inner, (*path, name))


def _without(node: Node, path: tuple[str, ...]) -> Node:
    name, *rest = path
    members = {key: one for key, one in node.value.items() if key != name or rest}
    if rest and name in members:
        members[name] = _without(members[name], tuple(rest))
    return node._replace(value=members)


def _items_with_value(node: Node | None) -> Node | None:
    """A list without its items that hold nothing; None where nothing is left, or it is none."""
    if node is None or not isinstance(node.value, list):
        return None
    items = [one for one in node.value if one.value is not NoValue.HERE]
    return node._replace(value=items) if items else None


def _replaced(node: Node, path: tuple[str, ...], by: Node) -> Node:
    if not path:
        return by
    name, *rest = path
    return node._replace(value={**node.value, name: _replaced(node.value[name], tuple(rest), by)})


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {name: _plain(one) for name, one in node.value.items()}
    if isinstance(node.value, list):
        return tuple(_plain(one) for one in node.value)
    return node.value


def _rounded(node: Node, path: tuple[str, ...], notes: list[str]) -> Node:
    """The tree with floats of Python rounded to the decimals that their keys take, and a note where that is no dust."""
    if isinstance(node.value, dict):
        return node._replace(value={name: _rounded(one, (*path, name), notes) for name, one in node.value.items()})
    if not isinstance(node.value, Float):
        return node
    most, whole = shown_decimals(path), round(node.value)
    if most is None:  # no number with decimals: the model says what is due there
        return node._replace(value=whole if abs(whole - node.value) <= DUST else Decimal(node.value))
    value = round(node.value, most)
    if abs(value - node.value) > DUST:
        notes.append(f"{node.place}: {'.'.join(path)}: {node.text} is taken as {plain(value)}, with {most} decimals")
    return node._replace(value=Decimal(value))


def _origin(root: Node, path: tuple[str, ...]) -> str:
    node = at(root, path)
    return node.key_place.origin if node else "default"


def _absent(config: Config, symbols: tuple[str, ...], origins: dict[str, str]) -> Iterator[str]:
    """A warning for each file of data.path that is not there yet: `run` would end with exit 4."""
    if config.data.source not in constraints.RECORDED:
        return
    folders, where = Folders(), f"{origins['data.path']}: data.path"
    timeframe = config.market_data.timeframe
    written = (
        paths.written(pattern, symbol, timeframe=timeframe) for pattern in config.data.path or () for symbol in symbols
    )
    absent = []
    try:
        absent = [path for path in dict.fromkeys(written) if not any(map(os.path.lexists, folders.matching(path)))]
    except TooManyNamesError as error:
        yield f"{where}: {error}; a run ends with exit 4"
    for path in absent[:MOST_ABSENT]:
        yield f"{where}: {printable(path)} does not exist; a run ends with exit 4"
    if len(absent) > MOST_ABSENT:
        yield f"{where}: {len(absent) - MOST_ABSENT:,} more do not exist"
