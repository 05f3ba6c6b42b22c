"""Load files, environment variables and options into one validated configuration, or report all problems at once."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from safla.config import constraints, paths, root_folder, variables
from safla.config.code_file import PATH as CODE
from safla.config.code_file import CodeFile, code_file, marked
from safla.config.messages import PREFIX, at, key_like, no_value, of_validation, order, unknown_key
from safla.config.model import Config
from safla.config.patterns import Folders, TooManyNamesError
from safla.config.presets import layers_of_preset
from safla.config.python_values import Float, ValueBudget, ValuePlace, key_text, read_python
from safla.config.reference import find, leaves, shown_decimals
from safla.config.types import in_capitals, plain
from safla.config.yaml_reader import MAX_NODES, Node, NoValue, SourceLocation, plain_value, read_file, read_value
from safla.errors import ConfigError, Problem, UsageError
from safla.text import printable

MAX_EXTENDS = 4  # length of a chain of `extends`
MAX_FILES = 16
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,1000}")  # of a file in `extends`
PATH = ("data", "path")
MOST_ABSENT = 10  # missing files that are named; the others are counted
DUST = Decimal("1e-12")  # rounding errors of floats up to this are not reported: 0.1 + 0.2 is 0.3

Overrides = Sequence[str] | Mapping[str, Any]  # KEY=VALUE as text, or dotted keys with values of Python


class Loaded(NamedTuple):
    """A valid configuration and where its values came from."""

    config: Config
    symbols: tuple[str, ...]  # in use: symbols.primary or symbols.test
    origins: dict[str, str]  # dotted key -> default, file:line, name of a variable, --set
    files: tuple[str, ...]  # as they were named; later ones override earlier ones
    warnings: tuple[str, ...]
    code: CodeFile | None = None  # what strategy.file names
    notices: tuple[str, ...] = ()  # limits that an explicit null switched off


def load(
    path: Path | None,
    *,
    sets: Overrides = (),
    environment: Mapping[str, str] | None = None,
    symbols: Literal["primary", "test"] = "primary",
    strategies: Collection[str] = (),
    root: Path | None = None,
) -> Loaded:
    """Load a file (None: the defaults), overridden by SAFLA__ variables and then by KEY=VALUE options.

    sets        KEY=VALUE texts, or a mapping of dotted keys to values of Python
    strategies  names that Python adds to the register (D5)
    root        a folder that must contain every path; the default output folders lie in it
    Raise ConfigError with all problems, UsageError for an option that is not KEY=VALUE.
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
    """Load a dict of Python instead of a file; its paths are relative to the current folder. Arguments as in load."""
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
    layers = [*layers_of_preset(layers, problems), *layers]
    layers = [_symbols_in_capitals(layer, problems) for layer in layers]
    problems += [no_value(path, node.place, root=layer) for layer in layers for path, node in _without_value(layer, ())]
    tree = Node({}, "a map", SourceLocation(files[-1] if files else "config", 0, 0), SourceLocation("", 0, 0))
    for layer in layers:
        tree = _merged(tree, layer)
    tree.value.pop("extends", None)  # already resolved into layers
    notes: list[str] = []
    tree = _rounded(tree, (), notes)
    code = code_file(at(tree, CODE), allowed=root is None, problems=problems)
    config = _validated(tree, problems, _known_names(tree, strategies))
    in_use = config.symbols.primary if symbols == "primary" else config.symbols.test
    if not in_use:
        node = at(tree, ("symbols", symbols))
        where = str((node or tree).place)
        raise ConfigError(
            [
                Problem(
                    where, f"symbols.{symbols}", "expected at least one symbol, got an empty list", code="missing_value"
                )
            ]
        )
    origins = {".".join(leaf): _origin(tree, leaf) for leaf, _ in leaves(config)}
    if outside := root_folder.problems(config, in_use, root=root, origins=origins):
        raise ConfigError(outside)
    warnings = [
        *notes,
        *variables.ignored_variables(environment),
        *(_placed(warning, origins) for warning in constraints.notices(config)),
        *_absent(config, in_use, origins),
    ]
    notices = [_placed(notice, origins) for notice in constraints.switched_off(config, origins)]
    return Loaded(config, in_use, origins, tuple(files), tuple(warnings), code, tuple(notices))


def _known_names(tree: Node, strategies: Collection[str]) -> Collection[str]:
    """Return the names of strategies that are known: the given ones, and that of a strategy with `strategy.file`."""
    file, name = at(tree, CODE), at(tree, ("strategy", "name"))
    if file is None or name is None or not isinstance(file.value, str):
        return strategies
    return (*strategies, str(name.value))


def _placed(violation: constraints.Violation, origins: Mapping[str, str]) -> str:
    key = violation.keys[0]
    return f"{origins.get(key, 'default')}: {key}: {violation.text}"


def _layers_of_root(root: Path | None) -> list[Node]:
    """Return a layer that places the default output folders below the root, if there is one."""
    if root is None:
        return []
    storage = Config().storage
    folders = {name: os.path.join(root, getattr(storage, name)) for name in root_folder.STORAGE}
    return [read_python({"storage": folders}, SourceLocation("root", 0, 0))]


def _layers_of_file(
    path: Path, shown: str, above: tuple[str, ...], files: list[str], problems: list[Problem], root: Path | None
) -> list[Node]:
    """Return the layers of a file: first those of the files that it extends, then its own, so that later ones win."""
    node = read_file(path, printable(shown), problems=problems)
    real = os.path.realpath(path)
    layers: list[Node] = []
    extends = node.value.get("extends")
    for text, place in _extended(extends, problems):
        try:
            target = path.parent / paths.expanded(text)
        except ValueError as error:
            problems.append(Problem(str(place), "extends", f"{printable(text)}: {error}", code="invalid_extends"))
            continue
        if root is not None and not root_folder.is_below(target, root):
            problems.append(Problem(str(place), "extends", root_folder.refusal(text), code="outside_root"))
        elif os.path.realpath(target) in (*above, real):
            problems.append(
                Problem(
                    str(place),
                    "extends",
                    f"{printable(text)} extends this file again; remove one",
                    code="invalid_extends",
                )
            )
        elif len(above) >= MAX_EXTENDS or len(files) >= MAX_FILES:
            text = f"more than {MAX_EXTENDS} files deep, or more than {MAX_FILES} in all; copy the keys into this file"
            problems.append(Problem(str(place), "extends", text, code="invalid_extends"))
        else:
            layers += _layers_of_file(target, str(Path(shown).parent / text), (*above, real), files, problems, root)
    files.append(printable(shown))
    folder = Path(os.path.abspath(path)).parent
    return [*layers, marked(_rooted(node, folder, problems), folder)]


def _extended(node: Node | None, problems: list[Problem]) -> list[tuple[str, SourceLocation]]:
    if node is None or node.value in (None, NoValue.HERE):
        return []
    nodes = node.value if isinstance(node.value, list) else [node]
    nodes = [item for item in nodes if item.value is not NoValue.HERE]  # reported with all other missing values
    wrong = [item for item in nodes if not isinstance(item.value, str) or not NAME.fullmatch(item.value)]
    expected = "expected a path or a list of paths"
    problems += [
        Problem(str(item.place), "extends", f"{expected}, got {item.text}", code="invalid_extends") for item in wrong
    ]
    return [(item.value, item.place) for item in nodes if item not in wrong]


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
        return ("markets", rest[0], *(part.lower() for part in rest[1:]))  # a symbol keeps its upper case
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
        raise UsageError(f"--set: expected at most {MAX_NODES:,} options, got {len(sets):,}", code="invalid_override")
    for option in sets:
        name, equals, text = option.partition("=")
        if not equals or not name:
            shown = "" if key_like(name) else f" {printable(name)[:80]}"  # the name may contain a secret (Z9)
            raise UsageError(
                f"--set{shown}: expected KEY=VALUE, such as risk.stop_loss_pct=0.03", code="invalid_override"
            )
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
    """Return a layer with one value at its path; none if the key is unknown.

    budget  shared by all values of the call if they come from Python; None: the value is text
    """
    dotted = printable(".".join(path))
    if budget is not None:
        budget.node(ValuePlace(place, path))
    if find(path) is None or any(map(key_like, path)):
        problems.append(unknown_key(path, place))
        return []
    if path == ("extends",):
        problems.append(
            Problem(str(place), dotted, "is allowed only in a file; write it there", code="invalid_extends")
        )
        return []
    duplicates: list[Problem] = []
    try:
        if budget is None:
            node = read_value(value, place, problems=duplicates)
        else:
            node = read_python(value, place, budget=budget)
    except ConfigError as error:
        for problem in error.problems:
            key = f"{dotted}.{problem.key}" if budget and problem.key else dotted
            problems.append(Problem(str(place), key, problem.text, code=problem.code))
        return []
    problems += [
        Problem(str(place), f"{dotted}.{problem.key}", problem.text, code=problem.code) for problem in duplicates
    ]
    for name in reversed(path):
        node = Node({name: node}, "a map", place, place)
    return [_rooted(node, Path.cwd(), problems)]


def _symbols_in_capitals(layer: Node, problems: list[Problem]) -> Node:
    """Return the layer with the symbols below `markets` in upper case, as in the lists of symbols."""
    markets = layer.value.get("markets")
    if markets is None or not isinstance(markets.value, dict):
        return layer
    members: dict[str, Node] = {}
    for name, node in markets.value.items():
        symbol = in_capitals(name)
        if symbol in members:
            text = f"duplicate of {symbol}; keep one"
            problems.append(Problem(str(node.key_place), f"markets.{printable(name)}", text, code="duplicate_key"))
        members.setdefault(symbol, node)
    return layer._replace(value={**layer.value, "markets": markets._replace(value=members)})


def _without_value(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Yield known keys that are written without a value, and list items without one under the key of their list."""
    if isinstance(node.value, dict):
        for name, inner in node.value.items():
            yield from _without_value(inner, (*path, name))
    elif isinstance(node.value, list):
        yield from ((path, item) for item in node.value if item.value is NoValue.HERE and find(path))
    elif node.value is NoValue.HERE and find(path) and not any(map(key_like, path)):
        yield path, node


def _rooted(layer: Node, folder: Path, problems: list[Problem]) -> Node:
    """Return the layer with data.path made absolute: it is relative to the folder of its file."""
    node = at(layer, PATH)
    if node is None:
        return layer
    relative = [item for item in (node.value if isinstance(node.value, list) else [node]) if _is_relative(item)]
    if relative and (why := paths.unsayable(str(folder))):
        text = f"{relative[0].text} is relative to this file, and the folder {why}"
        problems.append(Problem(str(relative[0].place), "data.path", text, code="invalid_value"))
        return layer
    if isinstance(node.value, list):
        absolute = node._replace(value=[_absolute(item, folder) for item in node.value])
    else:
        absolute = _absolute(node, folder)
    data = layer.value["data"]
    return layer._replace(value={**layer.value, "data": data._replace(value={**data.value, "path": absolute})})


def _absolute(node: Node, folder: Path) -> Node:
    return node._replace(value=os.path.join(folder, node.value)) if _is_relative(node) else node


def _is_relative(node: Node) -> bool:
    return isinstance(node.value, str) and node.value != "" and not node.value.startswith(("/", "~"))


def _merged(low: Node, high: Node) -> Node:
    """Merge two layers: maps are merged key by key, any other value is replaced by that of `high`."""
    if not (isinstance(low.value, dict) and isinstance(high.value, dict)):
        return high
    members = dict(low.value)
    for name, node in high.value.items():
        members[name] = _merged(members[name], node) if name in members else node
    return high._replace(value=members)


def _validated(root: Node, problems: list[Problem], strategies: Collection[str]) -> Config:
    """Validate the tree. Report wrong values and leave them out, so that rules between other keys are checked too."""
    left_out: set[tuple[str, ...]] = set()
    config = None
    for path, node in _secrets(root, ()):
        problems.append(unknown_key(path, node.key_place))
        root = _without(root, path)
    for path in {path for path, _ in _without_value(root, ())}:  # already reported
        rest = _items_with_value(at(root, path))
        left_out |= set() if rest else {path}
        root = _replaced(root, path, rest) if rest else _without(root, path)
    while config is None:  # terminates: each turn leaves out at least one of finitely many nodes
        try:
            config = Config.model_validate(plain_value(root), context={"strategies": strategies})
        except ValidationError as error:
            located = of_validation(error, root, left_out=left_out)
            problems += [problem for _, problem in located]
            wrong = {path for path, _ in located if at(root, path) is not None and path}
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
    members = {key: member for key, member in node.value.items() if key != name or rest}
    if rest and name in members:
        members[name] = _without(members[name], tuple(rest))
    return node._replace(value=members)


def _items_with_value(node: Node | None) -> Node | None:
    """Return a list without its items that have no value; None if nothing remains or the node is not a list."""
    if node is None or not isinstance(node.value, list):
        return None
    items = [item for item in node.value if item.value is not NoValue.HERE]
    return node._replace(value=items) if items else None


def _replaced(node: Node, path: tuple[str, ...], by: Node) -> Node:
    if not path:
        return by
    name, *rest = path
    return node._replace(value={**node.value, name: _replaced(node.value[name], tuple(rest), by)})


def _rounded(node: Node, path: tuple[str, ...], notes: list[str]) -> Node:
    """Round the floats of Python to the decimals of their keys; add a note for each value that this changes."""
    if isinstance(node.value, dict):
        members = {name: _rounded(member, (*path, name), notes) for name, member in node.value.items()}
        return node._replace(value=members)
    if isinstance(node.value, list):
        return node._replace(value=[_rounded(item, path, notes) for item in node.value])
    if not isinstance(node.value, Float):
        return node
    places, whole = shown_decimals(path), round(node.value)
    if places is None:  # the key does not take decimals: the model reports what it expects
        return node._replace(value=whole if abs(whole - node.value) <= DUST else Decimal(node.value))
    value = round(node.value, places)
    if abs(value - node.value) > DUST:
        notes.append(f"{node.place}: {'.'.join(path)}: {node.text} is rounded to {plain(value)} ({places} decimals)")
    return node._replace(value=Decimal(value))


def _origin(root: Node, path: tuple[str, ...]) -> str:
    node = at(root, path)
    return node.key_place.origin if node else "default"


def _absent(config: Config, symbols: tuple[str, ...], origins: dict[str, str]) -> Iterator[str]:
    """Yield a warning for each file of data.path that does not exist: `run` would end with exit 4."""
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
