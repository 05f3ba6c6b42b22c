"""An outage of many symbols is reported once, with its cause, and so is its end."""

import asyncio
from pathlib import Path

import pytest

from safla.exchange import live_symbol
from safla.exchange.live_candles import CandleBatch
from safla.exchange.outages import Outages
from tests.data.feeds import BEGAN, Following, pairs
from tests.scale import some_of

NAMES = tuple(f"{letter}{letter}{letter}USDT" for letter in "ABCDEFGHIJKLMNOPQRST")
SYMBOLS = [name.replace("USDT", "/USDT") for name in NAMES]


@pytest.fixture
def reports() -> list[tuple[str, str, str]]:
    return []


@pytest.fixture
def outages(reports: list[tuple[str, str, str]]) -> Outages:
    return Outages("binance", listener=lambda *one: reports.append(one), well="well")


def texts(symbols: list[str]) -> dict[str, str]:
    return {symbol: f"binance {symbol}: status 503" for symbol in symbols}


def test_an_outage_of_many_symbols_is_one_report_with_cause_count_and_the_first_symbols(outages, reports):
    outages.tell("refused", texts(SYMBOLS))
    assert reports == [
        (
            "refused", "",
            "binance AAA/USDT: status 503; 20 symbols in all, also BBB/USDT, CCC/USDT, DDD/USDT and 16 more",
        )
    ]  # fmt: skip


def test_a_repeated_outage_is_not_reported_again_and_its_end_comes_with_the_last_symbol(outages, reports):
    for _ in range(10):
        outages.tell("refused", texts(SYMBOLS))
    for symbol in SYMBOLS[:-1]:
        outages.over(symbol)
    assert len(reports) == 1
    for _ in range(3):
        outages.over(SYMBOLS[-1])
    assert reports[1:] == [("well", "", "binance: all 20 symbols answer again")]


def test_an_outage_of_one_symbol_and_its_end_are_reported_by_name(outages, reports):
    outages.tell("missing", texts(SYMBOLS[:1]))
    outages.over(SYMBOLS[0])
    assert reports == [
        ("missing", "AAA/USDT", "binance AAA/USDT: status 503"),
        ("well", "AAA/USDT", "binance AAA/USDT: it answers again"),
    ]  # fmt: skip


def test_a_growing_outage_is_reported_again_only_when_it_has_doubled(outages, reports):
    for count in range(1, 21):
        outages.tell("refused", texts(SYMBOLS[:count]))
    assert [text.partition("; ")[2].partition(" symbols")[0] for _, _, text in reports] == ["", "2", "4", "8", "16"]


def test_two_causes_are_two_outages(outages, reports):
    outages.tell("refused", texts(SYMBOLS[:2]))
    outages.tell("missing", texts(SYMBOLS[2:4]))
    for symbol in SYMBOLS[:4]:
        outages.over(symbol)
    assert [kind for kind, _, _ in reports] == ["refused", "missing", "well", "well"]


def test_the_recovery_of_a_symbol_without_an_outage_is_not_reported(outages, reports):
    outages.over("AAA/USDT")
    outages.tell("refused", {})
    assert reports == []


@some_of("fault", ["503", "reset", "html_200"], keep=("reset",))
def test_an_outage_of_twenty_symbols_is_reported_once_and_so_is_its_end(fault: str, tmp_path: Path) -> None:
    following = Following(tmp_path, *NAMES, sets=("exchange.timeout_seconds=1",), streams=False)

    async def scene() -> list[CandleBatch]:
        async with following.opened(BEGAN, BEGAN + 12) as source:
            taking = asyncio.ensure_future(_collected(source))
            await following.meeting.clock.sleep(30.0)
            following.fake.break_(fault, times=None, path=None)
            await following.meeting.clock.sleep(300.0)
            following.fake.mend()
            return await taking

    came = following.meeting.run(scene, grace=0.004)
    assert pairs(came) == following.true(BEGAN, BEGAN + 12)
    kinds = [kind for kind in following.kinds() if kind != live_symbol.LATE]
    assert kinds == [live_symbol.REFUSED, live_symbol.WELL]


@pytest.mark.soak
def test_an_hour_of_flapping_with_twenty_symbols_loses_no_candle_and_reports_each_outage_once(tmp_path: Path) -> None:
    """The exchange is up for two minutes and down for four, nine times."""
    following = Following(tmp_path, *NAMES, streams=False)

    async def scene() -> list[CandleBatch]:
        async with following.opened(BEGAN, BEGAN + 60) as source:
            taking = asyncio.ensure_future(_collected(source))
            for _ in range(9):
                await following.meeting.clock.sleep(120.0)
                following.fake.break_("503", times=None, path=None)
                await following.meeting.clock.sleep(240.0)
                following.fake.mend()
            return await taking

    came = following.meeting.run(scene, grace=0.003)
    assert pairs(came) == following.true(BEGAN, BEGAN + 60)
    kinds = [kind for kind in following.kinds() if kind != live_symbol.LATE]
    assert kinds == [live_symbol.REFUSED, live_symbol.WELL] * 9


async def _collected(source: object) -> list[CandleBatch]:
    return [one async for one in source]  # type: ignore[attr-defined]
