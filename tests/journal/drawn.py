"""Drawn events of every type, each with amounts in the places that a drawn first line declares. No assertion."""

from typing import Any, get_args, get_type_hints

from hypothesis import strategies as st

from safla.core.scale import to_text
from safla.core.timeframes import LAST_MS
from safla.journal import events as e
from safla.journal.amounts import MEASURES, MONEY, PRICE, RATIO_PLACES
from safla.journal.events import Event, RunStarted, SymbolScale

SYMBOLS = ("BTC/USDT", "ETH/USDT", "1INCH/USDT:USDT")
UNITS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-1_000, 1_000))
TIMES = st.integers(0, LAST_MS)
COUNTS = st.integers(0, 2**63 - 1)
NUMBERS = st.integers(1, 2**63 - 1)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)


def amounts(places: int) -> st.SearchStrategy[str]:
    """Any amount of 64 bits with so many places."""
    return UNITS.map(lambda units: to_text(units, places))


@st.composite
def first_lines(draw: st.DrawFn) -> RunStarted:
    """A first line with up to three symbols and 0 to 18 places."""
    scales = []
    for symbol in SYMBOLS[: draw(st.integers(1, len(SYMBOLS)))]:
        price = draw(st.integers(0, 18))
        quantity = draw(st.integers(0, 18 - price))
        scales.append((symbol, price, quantity, draw(st.integers(0, 18))))
    money = max(price + quantity for _, price, quantity, _ in scales)
    return RunStarted(
        ts=draw(TIMES), schema=e.SCHEMA, rules=e.RULES, name=draw(TEXTS),
        detail=draw(st.sampled_from(e.DETAILS)), timeframe="1h",
        start=draw(TIMES), quote="USDT", money_decimals=money, balance=draw(amounts(money)),
        symbols=[
            SymbolScale(
                symbol=symbol, price_decimals=price, quantity_decimals=quantity, volume_decimals=volume,
                tick=draw(amounts(price)), lot=draw(amounts(quantity)), min_notional=draw(amounts(money)),
            )
            for symbol, price, quantity, volume in scales
        ],
        plan=draw(st.dictionaries(TEXTS, TEXTS, max_size=5)),
    )  # fmt: skip


@st.composite
def events(draw: st.DrawFn, started: RunStarted, struct: type[Any]) -> Event:
    """An event of a type, as this run could write it."""
    scale = draw(st.sampled_from(started.symbols))
    drawn = _fields(draw, struct, started, scale)
    if struct is e.OrderRejected:
        unit = MEASURES.get(drawn["reason"])
        places = {MONEY: started.money_decimals, PRICE: scale.price_decimals}.get(unit or "", 0)
        for name in ("value", "limit"):
            drawn[name] = draw(st.none() | amounts(places)) if unit else None
    event: Event = struct(**drawn)
    return event


def _fields(draw: st.DrawFn, struct: type[Any], started: RunStarted, scale: SymbolScale) -> dict[str, Any]:
    hints = get_type_hints(struct, include_extras=True)
    return {name: _value(draw, hint, started, scale) for name, hint in hints.items()}


def _value(draw: st.DrawFn, hint: Any, started: RunStarted, scale: SymbolScale) -> Any:
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        e.Price: amounts(scale.price_decimals),
        e.Quantity: amounts(scale.quantity_decimals),
        e.Volume: amounts(scale.volume_decimals),
        e.Money: amounts(started.money_decimals),
        e.Ratio: amounts(RATIO_PLACES),
        e.Measure: amounts(0),
        e.Time: TIMES,
        e.Count: COUNTS,
        e.Ordinal: NUMBERS,
        e.ShortText: TEXTS,
        e.Hex: st.text("0123456789abcdef", min_size=32, max_size=32),
        e.JournalSymbol: st.just(scale.symbol),
        e.SymbolName: st.just(scale.symbol),
        bool: st.booleans(),
    }
    if hint in kinds:
        return draw(kinds[hint])
    if hint == list[e.Mark]:
        scales = draw(st.lists(st.sampled_from(started.symbols), max_size=3))
        return [e.Mark(**_fields(draw, e.Mark, started, one)) for one in scales]
    inner = get_args(hint)
    if type(None) in inner:
        return (draw(st.booleans()) and _value(draw, inner[0], started, scale)) or None
    return draw(st.sampled_from(inner))
