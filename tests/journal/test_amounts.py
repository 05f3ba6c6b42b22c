"""The strict reader rejects amounts with wrong decimals in an event whose JSON is valid."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safla.core.scale import to_text
from safla.journal.amounts import AmountPlaces, Amounts, amount_places
from safla.journal.events import (
    CandleEvent,
    DayStarted,
    Event,
    Mark,
    ModeChanged,
    OrderRejected,
    RunStarted,
    SignalEvent,
)
from tests.journal.sample import first_event, scale

CANDLE = CandleEvent(
    ts=0, symbol="BTC/USDT", open="1.00", high="12.34", low="0.01", close="1.00", volume="0.00000"
)  # fmt: skip
DAY = DayStarted(ts=0, cash="0.0000000", equity="-1.0000000", peak="0.0000001", marks=[])
REFUSED = OrderRejected(ts=0, symbol="ETH/USDT", order=0, side="buy", reason="warming", value="3", limit="31")
SPELLINGS = (
    *"1 1.0 1.000 01.00 +1.00 -0.00 .01 1. 1e2 1E-8 NaN Infinity 1,00 1.0a".split(),
    *("", " 1.00", "1.00 ", "1.00\n", "\u0661.\u0660\u0660"),
)


def test_amounts_with_the_declared_decimals_are_accepted() -> None:
    amounts = Amounts(first_event("candles"))
    for event in (CANDLE, DAY, REFUSED):
        amounts.check(event)
    assert set(amounts.scales.symbols) == {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_non_canonical_spelling_of_an_amount_is_rejected(text: str) -> None:
    for name in ("open", "close"):
        with pytest.raises(ValueError, match=f"{name}: not an amount"):
            Amounts(first_event("candles")).check(msgspec.structs.replace(CANDLE, **{name: text}))


@given(units=st.integers(-(2**63), 2**63 - 1), places=st.integers(0, 18))
def test_an_amount_is_accepted_only_with_its_declared_decimals(units: int, places: int) -> None:
    started = first_event("candles")
    own = msgspec.structs.replace(scale("BTC/USDT"), volume_decimals=places)
    amounts = Amounts(msgspec.structs.replace(started, symbols=[own]))
    amounts.check(msgspec.structs.replace(CANDLE, volume=to_text(units, places)))
    with pytest.raises(ValueError, match="volume: not an amount"):
        amounts.check(msgspec.structs.replace(CANDLE, volume=to_text(units, places + 1)))


@pytest.mark.parametrize("text", [to_text(2**63, 2), to_text(-(2**63) - 1, 2), "9" * 5_000 + ".00"], ids=len)
def test_an_amount_beyond_64_bits_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="high: "):
        Amounts(first_event("candles")).check(msgspec.structs.replace(CANDLE, high=text))


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (msgspec.structs.replace(CANDLE, symbol="XRP/USDT"), "symbol: XRP/USDT is not in the first line"),
        (ModeChanged(ts=0, symbol="", trigger="warm", source="warming", target="flat"), "symbol:  is not in"),
        (msgspec.structs.replace(DAY, peak="-0.0000000"), "peak: not an amount"),
        (msgspec.structs.replace(DAY, marks=[Mark("BTC/USDT", "1.00000", "1.000")]), "price: not an amount"),
        (msgspec.structs.replace(DAY, marks=[Mark("XRP/USDT", "1.00000", "1.00")]), "symbol: XRP/USDT"),
        (msgspec.structs.replace(REFUSED, value="3.0"), "value: not an amount"),
        (msgspec.structs.replace(REFUSED, reason="below_lot"), "value: not an amount"),
        (msgspec.structs.replace(REFUSED, reason="halted"), "value: must be null for the reason halted"),
        (SignalEvent(ts=0, symbol="BTC/USDT", signal="enter", strength="0.5"), "strength: not an amount"),
        (SignalEvent(ts=0, symbol="BTC/USDT", signal="enter", strength="-0.000000"), "strength: not an amount"),
    ],
)
def test_a_symbol_unknown_to_the_first_line_is_rejected(event: Event, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Amounts(first_event("candles")).check(event)


@pytest.mark.parametrize("name", ["tick", "lot", "min_notional"])
def test_a_first_line_whose_own_amounts_have_wrong_decimals_is_rejected(name: str) -> None:
    own = msgspec.structs.replace(scale("BTC/USDT"), **{name: "0.1"})
    with pytest.raises(ValueError, match=f"{name}: not an amount"):
        Amounts(msgspec.structs.replace(first_event("candles"), symbols=[own]))


def test_the_scales_are_taken_from_the_first_line() -> None:
    assert amount_places(msgspec.structs.replace(first_event("trades", ["BTC/USDT"]), money_decimals=9)) == (
        9,
        {"BTC/USDT": AmountPlaces(2, 5, 5, k=100)},
    )


@pytest.mark.parametrize(
    ("started", "what"),
    [
        (msgspec.structs.replace(first_event("trades"), symbols=[]), "symbols: the list is empty"),
        (first_event("trades", ["BTC/USDT", "BTC/USDT"]), "symbols: the list is empty, or has a symbol twice"),
        (msgspec.structs.replace(first_event("trades"), money_decimals=6), "more price and quantity decimals"),
        (msgspec.structs.replace(first_event("trades"), balance="100000"), "balance: not an amount"),
    ],
)
def test_an_impossible_first_line_is_rejected(started: RunStarted, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Amounts(started)
