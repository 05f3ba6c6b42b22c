"""How many decimal places each amount of a run has, and the check that events are written so (J13, J14)."""

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple, get_args, get_type_hints

from safla.core.scale import to_units
from safla.journal.events import (
    LEVELS,
    DayStarted,
    Event,
    Fact,
    Halted,
    Mark,
    Money,
    OrderRejected,
    Price,
    Quantity,
    Ratio,
    RunEnded,
    RunStarted,
    SymbolScale,
    Volume,
)

RATIO_PLACES = 6
MOST = 2**63 - 1  # the largest amount, in integer units

COUNT, MONEY, PRICE = "count", "money", "price"
MEASURES = {  # the unit of `value` and `limit` of a rejection; reasons that have neither are not listed (J16)
    "warming": COUNT,
    "order_waiting": COUNT,
    "cooldown": COUNT,
    "max_open_positions": COUNT,
    "max_daily_trades": COUNT,
    "max_exposure": MONEY,
    "insufficient_cash": MONEY,
    "below_lot": MONEY,
    "no_level": PRICE,
    "below_min_notional": MONEY,
}


class AmountPlaces(NamedTuple):
    """The decimal places of one symbol's amounts; price * quantity * k is money (D1)."""

    price: int
    quantity: int
    volume: int
    k: int


class Scales(NamedTuple):
    """The decimal places of a run: those of money, and those of each symbol, in configuration order."""

    money: int
    symbols: dict[str, AmountPlaces]


def amount_places(started: RunStarted) -> Scales:
    """The decimal places that a first line declares. Raises ValueError for a line that no run can have."""
    symbols = {scale.symbol: _places_of_symbol(scale, started.money_decimals) for scale in started.symbols}
    if len(symbols) != len(started.symbols) or not symbols:
        raise ValueError("symbols: the list is empty, or has a symbol twice")
    return Scales(started.money_decimals, symbols)


def _places_of_symbol(scale: SymbolScale, money_decimals: int) -> AmountPlaces:
    rest = money_decimals - scale.price_decimals - scale.quantity_decimals
    if rest < 0:
        raise ValueError(f"symbols: {scale.symbol} has more price and quantity decimals than money has")
    return AmountPlaces(scale.price_decimals, scale.quantity_decimals, scale.volume_decimals, 10**rest)


class Field(NamedTuple):
    """A field of an event that holds an amount."""

    name: str
    kind: Any  # Price, Quantity, Volume, Money or Ratio
    nullable: bool


_KINDS = (Price, Quantity, Volume, Money, Ratio)


def _fields(struct: type) -> tuple[Field, ...]:
    fields = []
    for name, hint in get_type_hints(struct, include_extras=True).items():
        kinds = [kind for kind in (hint, *get_args(hint)) if kind in _KINDS]
        if kinds:
            fields.append(Field(name, kinds[0], nullable=hint not in _KINDS))
    return tuple(fields)


_STRUCTS: tuple[type, ...] = (*LEVELS, SymbolScale, Mark)
FIELDS = {struct: _fields(struct) for struct in _STRUCTS}


class Amounts:
    """Checks the amounts and symbols of one run's events."""

    def __init__(self, started: RunStarted) -> None:
        self.scales = amount_places(started)
        money = {Money: self.scales.money, Ratio: RATIO_PLACES}
        self._places: dict[str | None, dict[Any, int]] = {None: money}
        for symbol, scale in self.scales.symbols.items():
            self._places[symbol] = {**money, Price: scale.price, Quantity: scale.quantity, Volume: scale.volume}
        self._checks: dict[tuple[type[Fact], str | None], Callable[[Any], None]] = {}
        self._check(started)
        for symbol_scale in started.symbols:
            self._check(symbol_scale)

    def check(self, event: Event) -> None:
        """Raise ValueError, which names the field, unless every amount has the places that the first line declares."""
        key = (type(event), getattr(event, "symbol", None))
        check = self._checks.get(key)
        if check is None:
            check = self._checks[key] = self._check_of(*key)
        check(event)

    def _check_of(self, struct: type[Fact], symbol: str | None) -> Callable[[Any], None]:
        """The check for one type of event and one symbol."""
        places, fields = self._places_of(symbol), FIELDS[struct]
        if struct is OrderRejected:
            return self._check_measures
        if struct in (DayStarted, Halted, RunEnded):
            return self._check_with_marks
        if not fields:
            return _nothing
        if any(field.nullable for field in fields):
            return self._check
        # A journal has millions of these events: one regular expression tests all amounts of an event at once.
        match = re.compile(",".join(_pattern(places[field.kind]) for field in fields)).fullmatch
        texts: Callable[[Any], Any] = attrgetter(*(field.name for field in fields))
        several = len(fields) > 1

        def check(event: Any) -> None:
            amounts = texts(event)
            if not match(",".join(amounts) if several else amounts):  # negative, near the 64-bit limit, or wrong
                self._check(event)

        return check

    def _check_with_marks(self, event: DayStarted | Halted | RunEnded) -> None:
        self._check(event)
        for mark in event.marks:
            self._check(mark)

    def _check(self, struct: Any) -> None:
        places = self._places_of(getattr(struct, "symbol", None))
        for name, kind, _ in FIELDS[type(struct)]:
            value = getattr(struct, name)
            if value is not None:
                _check_amount(name, value, places=places[kind])

    def _check_measures(self, event: OrderRejected) -> None:
        unit = MEASURES.get(event.reason)
        kinds = self._places_of(event.symbol)
        places = {MONEY: kinds[Money], PRICE: kinds[Price]}.get(unit or COUNT, 0)
        for name, value in (("value", event.value), ("limit", event.limit)):
            if value is not None and unit is None:
                raise ValueError(f"{name}: must be null for the reason {event.reason}")
            if value is not None:
                _check_amount(name, value, places=places)

    def _places_of(self, symbol: str | None) -> dict[Any, int]:
        if symbol not in self._places:
            raise ValueError(f"symbol: {symbol} is not in the first line")
        return self._places[symbol]


def _nothing(_event: Event) -> None:
    return


def _pattern(places: int) -> str:
    """A pattern of amounts that are not negative and have at most 18 digits, so that they always fit into 64 bits."""
    whole = rf"(?:0|[1-9][0-9]{{0,{17 - places}}})" if places < 18 else "0"
    return rf"{whole}\.[0-9]{{{places}}}" if places else whole


def _check_amount(name: str, text: str, *, places: int) -> None:
    try:
        units = to_units(text, places)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    if not -MOST - 1 <= units <= MOST:
        raise ValueError(f"{name}: {text[:40]} is beyond 64 bits")
