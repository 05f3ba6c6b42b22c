"""The keys of the strategy `rules`: indicators, conditions and strength become definitions and resolved sentences."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from safla.core.frames import FRAMES
from safla.core.values import Float64
from safla.section import number_range
from safla.strategies.indicators.graph import Computed, Indicator
from safla.strategies.indicators.kind import Kind, settle_rows
from safla.strategies.indicators.register import KINDS
from safla.strategies.indicators.sources import SOURCES
from safla.strategies.indicators.warm_up import frame_ms, rows_needed, sum_factors
from safla.strategies.register import TimedKeys
from safla.strategies.rules.grammar import PLAN, parse_condition, parse_value, read_condition
from safla.strategies.rules.look_back import columns_read, look_back
from safla.strategies.rules.names import (
    Column,
    Constant,
    Environment,
    NamedColumn,
    Term,
    resolve_condition,
    resolve_value,
)
from safla.strategies.rules.tokens import did_you_mean, name_problem, tokens
from safla.strategies.rules.tree import NOWHERE, ConditionTree, Mistake, Place, SentenceError, variables_of
from safla.strategies.rules.units import NUMBER, PRICE, VOLUME, MeasureUnit

UNITS: dict[str, MeasureUnit] = {"price": PRICE, "volume": VOLUME, "number": NUMBER, "whole": NUMBER}
Resolved = TypeVar("Resolved")
SHARED = ("type", "source", "timeframe")  # keys of every indicator
SENTENCES = ("entry", "exit", "strength", "stop_distance", "target_distance", "trail_distance")


class Sentence(str):
    """The canonical text of a condition or a value (L12), with what was written, by which its mistakes are placed."""

    __slots__ = ("written",)
    written: Any

    def __new__(cls, text: str, written: Any) -> "Sentence":
        """written: a text, or a map with all, any or none."""
        made = super().__new__(cls, text)
        made.written = written
        return made


class ComputedSource(NamedTuple):
    """A source that is more than a name: its text, its value, and the timeframe whose candles it is made of."""

    text: str
    term: Term
    timeframe: str


class RuleSet(NamedTuple):
    """A strategy of rules, resolved: the parameters of its run."""

    indicators: Mapping[str, Indicator]
    sources: Mapping[str, ComputedSource]  # by the name that the indicators call them
    entry: ConditionTree[Term] | None  # None: it is missing or wrong, which is a problem
    exit: ConditionTree[Term] | None
    strength: Term | None
    stop: Term | None  # distances, in price (S30)
    target: Term | None
    trail: Term | None
    warm_up: int  # candles before the first signal
    settle: int  # candles after a gap before an entry (V18)
    price_factor: int  # a price times this is the largest number that exact sums make (V3)
    volume_factor: int


class RuleProblem(NamedTuple):
    """What is wrong: the key below `strategy`, and in a sentence where."""

    key: tuple[str, ...]
    text: str
    place: Place = NOWHERE
    unless: tuple[str, ...] = ()  # keys with which it may be right, once they are: where one is wrong, it is not told


def rule_set(keys: TimedKeys) -> RuleSet:
    """The strategy; what has a problem is left out of it."""
    return _Reader(keys).whole()


def rule_problems(keys: TimedKeys) -> list[RuleProblem]:
    """All that is wrong with the keys."""
    reader = _Reader(keys)
    reader.whole()
    return reader.problems


def sentence_tree(sentence: object) -> ConditionTree[Any]:
    """The tree of a condition. SentenceError as `read_condition`."""
    written = getattr(sentence, "written", sentence)
    return parse_condition(written, limits=PLAN) if isinstance(written, str) else read_condition(written)


class _Reader:
    """Reads the keys of a strategy, and collects what is wrong."""

    def __init__(self, keys: TimedKeys) -> None:
        self._section, self._step_ms = keys
        self.problems: list[RuleProblem] = []
        self._parameters: dict[str, int | Decimal] = {}
        self._used: set[str] = set()  # parameters
        self._indicators: dict[str, Indicator] = {}
        self._sources: dict[str, ComputedSource] = {}
        self._names: dict[str, NamedColumn] = {name: NamedColumn(UNITS[unit], None, unit == "whole")
                                               for name, unit in SOURCES.items()}  # fmt: skip
        self._definitions: dict[str, Indicator | Computed] = {}
        self._reading: list[str] = []  # indicators whose sources are being read, to find circles

    def whole(self) -> RuleSet:
        """The strategy; what could not be read is left out of it, and a problem."""
        section = self._section
        self._read_parameters()
        for name in section.indicators:
            self._indicator(name)
        entry = self._condition("entry", section.entry)
        if section.entry is None:
            self._wrong(("entry",), "is missing; write a condition, such as fast crosses above slow")
        leave = self._condition("exit", section.exit)
        strength = self._value("strength", section.strength, NUMBER)
        stop = self._value("stop_distance", section.stop_distance, PRICE)
        target = self._value("target_distance", section.target_distance, PRICE)
        trail = self._value("trail_distance", section.trail_distance, PRICE)
        for name in sorted(self._parameters.keys() - self._used) if section.entry is not None else ():
            text = f"{name} is not used; use it in a sentence or as a period, or remove it"
            self.problems.append(RuleProblem(("parameters", name), text, unless=SENTENCES))
        factors = sum_factors(self._definitions, step_ms=self._step_ms)
        warm_up = self._warm_up([part for part in (entry, leave, strength, stop, target, trail) if part is not None])
        settle = self._settle(warm_up)
        return RuleSet(
            self._indicators, self._sources, entry, leave, strength, stop, target, trail, warm_up, settle, *factors
        )

    def _wrong(self, key: tuple[str, ...], text: str, place: Place = NOWHERE) -> None:
        self.problems.append(RuleProblem(key, text, place))

    def _mistakes(self, key: tuple[str, ...], error: SentenceError) -> None:
        for mistake in error.mistakes:
            self._wrong(key, mistake.text, mistake.place)

    # --- Parameters and indicators

    def _read_parameters(self) -> None:
        for name, value in self._section.parameters.items():
            key = ("parameters", name)
            if problem := name_problem(name):
                self._wrong(key, problem)
            elif name in SOURCES:
                self._wrong(key, f"expected another name; {name} is a source")
            elif isinstance(value, str):
                self._wrong(key, f"expected a number, got {value}; rules have no words as parameters")
            else:
                self._parameters[name] = value

    def _indicator(self, name: str) -> None:
        """Read an indicator, after those that its source names. Each is read once."""
        given, key = self._section.indicators[name], ("indicators", name)
        if name in self._definitions or any(problem.key[:2] == key for problem in self.problems):
            return None
        if problem := name_problem(name):
            return self._wrong(key, problem)
        if name in SOURCES or name in self._section.parameters:
            what = "a source" if name in SOURCES else "a parameter"
            return self._wrong(key, f"expected another name; {name} is {what}")
        kind_name = str(given.get("type", ""))
        kind = KINDS.get(kind_name)
        if kind is None and not kind_name:
            return self._wrong(key, f"type is missing; known here: {', '.join(sorted(KINDS))}")
        if kind is None:
            hint = did_you_mean(kind_name, KINDS) or f"; known here: {', '.join(sorted(KINDS))}"
            return self._wrong((*key, "type"), f"{kind_name} is no kind of indicator{hint}")
        timeframe = self._timeframe(given, key)
        values = self._kind_keys(kind, given, key, kind_name)
        self._reading.append(name)
        source = self._source(kind, given, key, timeframe or "")
        self._reading.pop()
        if timeframe is None or source is None:
            return None
        column, unit = source
        for output, what in kind.outputs.items():
            named = NamedColumn(unit if what == "source" else UNITS[what], timeframe or None, what == "whole")
            self._names[f"{name}.{output}"] = named
            if output == kind.main:
                self._names[name] = named
        if values is not None:
            self._indicators[name] = self._definitions[name] = Indicator(kind_name, values, column, timeframe)
        return None

    def _timeframe(self, given: Mapping[str, Any], key: tuple[str, ...]) -> str | None:
        """The timeframe of an indicator, empty for that of the run; None if it is wrong."""
        timeframe = given.get("timeframe", "")
        if timeframe == "":
            return ""
        if timeframe not in FRAMES:
            self._wrong((*key, "timeframe"), f"expected {', '.join(FRAMES)}, got {timeframe}")
            return None
        length = FRAMES[str(timeframe)].length
        if length % self._step_ms or length < self._step_ms:
            text = f"expected a multiple of market_data.timeframe, got {timeframe}"
            self._wrong((*key, "timeframe"), text)
            return None
        return "" if length == self._step_ms else str(timeframe)

    def _kind_keys(self, kind: Kind, given: Mapping[str, Any], key: tuple[str, ...], name: str) -> Any:
        """The parameters of a kind; None if one is wrong."""
        values = {}
        for one, value in given.items():
            if isinstance(value, str) and value in self._parameters:
                self._used.add(value)
                values[one] = self._parameters[value]
            elif one not in SHARED:
                values[one] = value
        try:
            return kind.section.model_validate(values)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            misspelt = any(detail["type"] == "extra_forbidden" for detail in details)
            for detail in details:
                if misspelt and detail["type"] == "missing":
                    continue
                self._wrong_key(kind, name, key, str(detail["loc"][0]), detail["type"], values)
            return None

    def _wrong_key(
        self, kind: Kind, name: str, key: tuple[str, ...], one: str, fault: str, values: Mapping[str, Any]
    ) -> None:
        """Add what is wrong with one parameter of a kind. fault: pydantic's type of the error."""
        fields = kind.section.model_fields
        if fault == "extra_forbidden":
            hint = did_you_mean(one, [*fields, *SHARED]) or f"; {name} takes {', '.join(fields) or 'no parameters'}"
            self._wrong((*key, one), f"unknown key{hint}")
        elif fault == "missing":
            self._wrong(key, f"{one} is missing; {name} needs it")
        else:
            allowed = _taken(fields[one])
            self._wrong((*key, one), f"expected {allowed}, got {values[one]}")

    def _source(
        self, kind: Kind, given: Mapping[str, Any], key: tuple[str, ...], timeframe: str
    ) -> tuple[str, MeasureUnit] | None:
        """The column that an indicator reads, and its unit; None if it is wrong."""
        written = given.get("source", kind.source)
        if kind.source is None:
            if "source" in given:
                self._wrong((*key, "source"), "unknown key; this kind reads candles and has no source")
                return None
            return "", NUMBER
        try:
            tree = parse_value(str(written))
            self._read_before(tree)
            if self._is_broken(str(written)):
                return None
            term = resolve_value(tree, self._environment(timeframe))
        except SentenceError as error:
            self._mistakes((*key, "source"), error)
            return None
        self._count_used(str(written))
        if isinstance(term, Constant):
            self._wrong((*key, "source"), "expected a value that changes, such as close or another indicator")
            return None
        if isinstance(term, Column):
            return term.name, term.unit
        column = f"{written}@{timeframe}"  # no name of a user has a space or @
        self._sources[column] = ComputedSource(str(written), term, timeframe)
        inputs = tuple(dict.fromkeys(read.column.name for read in columns_read(term)))
        self._definitions[column] = Computed(column, inputs, _not_yet, look_back(term)[None], timeframe)
        return column, term.unit

    def _read_before(self, tree: Any) -> None:
        """Read the indicators that a source names."""
        for variable in variables_of(tree):
            name = variable.name.partition(".")[0]
            if name in self._reading:
                circle = " -> ".join([*self._reading[self._reading.index(name) :], name])
                raise SentenceError(Mistake(variable.place, f"the sources go in a circle: {circle}"))
            if name in self._section.indicators:
                self._indicator(name)

    def _environment(self, timeframe: str | None) -> Environment:
        """What a sentence may name. timeframe: of a source, which reads columns of its own timeframe alone (L9)."""
        if timeframe is None:
            return Environment(self._names, self._parameters)
        own = {
            name: column._replace(clock=None)
            for name, column in self._names.items()
            if name in SOURCES or (column.clock or "") == timeframe
        }
        return Environment(own, self._parameters)

    def _count_used(self, text: str) -> None:
        self._used |= {token.text for token in tokens(text, ()) if token.text in self._parameters}

    def _is_broken(self, text: str) -> bool:
        """Whether a sentence names an indicator whose columns are not known, which is told there."""
        names = {token.text.partition(".")[0] for token in tokens(text, ())}
        return bool(names & (self._section.indicators.keys() - {name.partition(".")[0] for name in self._names}))

    # --- Conditions, strength, warm-up

    def _condition(self, name: str, sentence: Any) -> ConditionTree[Term] | None:
        return self._resolved(
            name, sentence, lambda environment: resolve_condition(sentence_tree(sentence), environment)
        )

    def _value(self, name: str, sentence: Any, unit: MeasureUnit) -> Term | None:
        return self._resolved(
            name, sentence, lambda environment: resolve_value(parse_value(str(sentence)), environment, unit=unit)
        )

    def _resolved(self, name: str, sentence: Any, resolve: Callable[[Environment], Resolved]) -> Resolved | None:
        """The sentence of a key, resolved; None where there is none, or it is wrong."""
        if sentence is None:
            return None
        self._count_used(str(sentence))
        if self._is_broken(str(sentence)):
            return None
        try:
            return resolve(self._environment(None))
        except SentenceError as error:
            self._mistakes((name,), error)
            return None

    def _settle(self, warm_up: int) -> int:
        """The longest plain period on the timeframe of the run (V18)."""
        own = [settle_rows(one.keys) for one in self._indicators.values() if not one.timeframe]
        return min(max([1, *own]), warm_up)

    def _warm_up(self, parts: Iterable[Any]) -> int:
        """The candles before the first signal (V16)."""
        first, auto, longest = 1, 1, ""
        if self.problems:
            return 1
        for read in (read for part in parts for read in columns_read(part)):
            name = read.column.name
            rows = rows_needed(self._definitions, name, step_ms=self._step_ms)
            definition = self._definitions.get(name.partition(".")[0])
            length = self._step_ms if definition is None else frame_ms(definition, self._step_ms)
            more = read.candles + read.rows * length // self._step_ms
            auto = max(auto, rows.auto + more)
            if rows.first + more > first:
                first, longest = rows.first + more, name
        wanted = self._section.warm_up
        if wanted == "auto":
            return auto
        if wanted < first:
            text = f"expected at least {first}, the candles until {longest or 'every value'} is known, got {wanted}"
            self._wrong(("warm_up",), text)
        return int(wanted)


def _taken(field: FieldInfo) -> str:
    """What a parameter of a kind takes, in the words that follow "expected"."""
    if field.annotation in (int, float):
        return number_range(int if field.annotation is int else float, field.metadata)
    return " or ".join(str(option) for option in get_args(field.annotation)) or "true or false"


def _not_yet(_first: int, *_columns: Float64) -> Float64:
    """Stands for a computed source until the decimals of the candles are known."""
    raise AssertionError("symbol_rules.py makes the function of a computed source")
