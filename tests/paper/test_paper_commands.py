"""Commands to a run on an exchange never act at an open before their time (S15a); silent symbols (S6a)."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from safla.journal.events import CandleEvent, CandleMissing, Filled, Halted, OrderPlaced, Resumed, RunEnded, TradeClosed
from safla.paper import command, runner
from safla.paper.session import session_at
from tests.fake_exchange import Candles, FakeExchange, Market, served
from tests.paper.paper_runs import BEGUN, LOOKBACK, MINUTE, START, Run, put, waiting
from tests.scale import some_of
from tests.small_runs import events, holds, journal

COUNT = 400
RISE = BEGUN + 1  # its close is above the one before: bought at the next open
BOUGHT = RISE + 1
STOPPED = {"stop_loss_pct": 0.01, "take_profit_pct": None}
UNSTOPPED = {"stop_loss_pct": None, "take_profit_pct": None}

Prices = Callable[[int], tuple[float, float, float, float]]  # of a minute: open, high, low, close


def calm(minute: int) -> tuple[float, float, float, float]:
    """About 100, and each open is another, so that a fill tells when it was."""
    opened = 100 + (minute - BEGUN) / 100
    return opened, 102.0, min(opened, 99.5), 100.1 if minute >= RISE else 100.0


def crashing(at: int) -> Prices:
    """It falls by 30 % within a minute, and stays there."""

    def prices(minute: int) -> tuple[float, float, float, float]:
        opened, high, low, close = calm(minute)
        if minute < at:
            return opened, high, low, close
        return (opened, high, 70.0, 70.0) if minute == at else (70 + (minute - at) / 100, 72.0, 69.0, 70.0)

    return prices


def rising(at: int) -> Prices:
    """It rises by half within a minute, and stays there."""

    def prices(minute: int) -> tuple[float, float, float, float]:
        opened, high, low, close = calm(minute)
        if minute < at:
            return opened, high, low, close
        return (opened, 150.0, low, 150.0) if minute == at else (150 + (minute - at) / 100, 152.0, 149.0, 150.0)

    return prices


def market(name: str, prices: Prices = calm, *, count: int = COUNT, missing: frozenset[int] = frozenset()) -> Market:
    rows = [
        (START + minute * MINUTE, *(f"{one:.2f}" for one in prices(minute)), "1000.0")
        for minute in range(count)
        if minute not in missing
    ]
    return Market(name, {"1m": Candles(rows, step_ms=MINUTE)})  # type: ignore[list-item]


class Case:
    """A run on an exchange of which the test has the clock."""

    def __init__(self, folder: Path, fake: FakeExchange, *, symbols: list[str], risk: dict[str, Any]) -> None:
        self.fake, self.paper = fake, folder / "paper"
        self.given = list[int]()  # the minute of each command; the clock may be ahead of what is folded
        self.last = self._late = 0  # the last minute folded; how far the clock was ahead of it at a command
        sections = {
            "symbols": {"primary": symbols},
            "strategy": {"fast_period": 1, "slow_period": 2, "exit_threshold_pct": 0.9},
            "risk": {"trailing_stop_pct": None, "max_drawdown_pct": None, "max_daily_loss_pct": None, **risk},
            "simulation": {"slippage": {"base_bps": 0, "impact_coefficient": 0, "max_slippage_bps": 0}},
        }
        self.run = Run(folder, fake, sections=sections)

    def upto(self, minute: int, *, each: Callable[[int], None] = lambda minute: None, ends: bool = False) -> None:
        """Go on until a minute is folded. each: once, after a minute was folded.

        On a busy machine the exchange's clock may run minutes ahead of the candle that is folded, and a command is
        given by that clock. The run then goes on for so much longer.
        """
        done = set[int]()
        self._late = 0

        def seen() -> None:
            now = minute_of(self.run.updates[-1].ts)
            if now not in done:
                done.add(now)
                each(now)

        self.run.trade(timestamps=COUNT, each=seen, ends=ends, last_ts=lambda: START + (minute + self._late) * MINUTE)
        self.last = minute_of(self.run.updates[-1].ts)

    def down_until(self, minute: int, *, second: float = 30.0) -> None:
        """Nobody is there for a while."""
        self.fake.clock.advance(START + minute * MINUTE + int(second * 1000) - int(self.fake.clock.wall() * 1000))

    def put(self, kind: Any, *, away: float = 0.0, **more: Any) -> None:
        """A command, given now. away: seconds that the clock of this machine is ahead."""
        now = minute_of(int(self.fake.clock.wall() * 1000))
        if self.run.updates:
            self._late = max(self._late, now - minute_of(self.run.updates[-1].ts) - 1)
        self.given.append(now)
        put(self.paper, kind, given=int((self.fake.clock.wall() + away) * 1000), **more)

    def events(self, kind: Any) -> list[Any]:
        return events(self.paper, kind)

    def minutes(self, kind: Any = CandleEvent | CandleMissing, **fields: Any) -> list[int]:
        """When events of a kind were."""
        found = [one for one in self.events(kind) if all(getattr(one, key) == fields[key] for key in fields)]
        return [minute_of(one.ts) for one in found]

    def fills(self, symbol: str = "BTC/USDT") -> list[tuple[int, str, str, Decimal]]:
        """Minute, side, reason and price."""
        found = [one for one in self.events(Filled) if one.symbol == symbol]
        return [(minute_of(one.ts), one.side, one.reason, Decimal(one.price)) for one in found]

    def holds(self) -> bool:
        return holds(self.paper)


def minute_of(ts: int) -> int:
    return (ts - START) // MINUTE


def opened(prices: Prices, minute: int) -> Decimal:
    return Decimal(f"{prices(minute)[0]:.2f}")


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the clock of the exchange much faster than the clock that polls for commands."""
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.0)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Callable[..., Case]]:
    """A case over some markets."""
    contexts = []

    def made(*markets: Market, risk: dict[str, Any] = UNSTOPPED) -> Case:
        context = served(markets, now_ms=START + BEGUN * MINUTE + 5_000)
        fake = context.__enter__()
        contexts.append(context)
        symbols = [one.symbol.replace("USDT", "/USDT") for one in markets]
        return Case(tmp_path, fake, symbols=symbols, risk=risk)

    yield made
    for one in contexts:
        one.__exit__(None, None, None)


def after(minute: int, act: Callable[[], None]) -> Callable[[int], None]:
    """Do something once a minute was folded, which is within the next one."""
    return lambda now: act() if now == minute else None


# --- A running session -----------------------------------------------------------------------------------------------


def test_a_halt_acts_after_its_candle_and_sells_at_the_next_open(case):
    one = case(market("BTCUSDT"))
    one.upto(BOUGHT + 9, each=after(BOUGHT + 3, lambda: one.put("halt", note="lunch")))
    (minute,) = one.given
    assert minute > BOUGHT + 3
    (halted,) = one.events(Halted)
    assert (minute_of(halted.ts), minute_of(halted.given), halted.note) == (minute, minute, "lunch")
    assert one.fills() == [
        (BOUGHT, "buy", "signal", opened(calm, BOUGHT)), (minute + 1, "sell", "halt", opened(calm, minute + 1)),
    ]  # fmt: skip
    assert waiting(one.paper) == ()
    assert one.holds()


def test_a_resume_acts_after_its_candle_and_then_trading_continues(case):
    rise = BOUGHT + 16
    one = case(market("BTCUSDT", rising(rise)))

    def each(minute: int) -> None:
        after(BOUGHT + 1, lambda: one.put("halt"))(minute)
        after(BOUGHT + 9, lambda: one.put("resume", note="on"))(minute)

    one.upto(rise + 3, each=each)
    halt, resume = one.given
    assert one.minutes(Resumed, by="operator") == [resume]
    assert [(minute, side) for minute, side, *_ in one.fills()] == [
        (BOUGHT, "buy"), (halt + 1, "sell"), (rise + 1, "buy"),
    ]  # fmt: skip
    assert one.holds()


def test_a_stop_ends_the_run_after_the_current_candle(case):
    one = case(market("BTCUSDT"))
    one.upto(BOUGHT + 20, each=after(BOUGHT + 3, lambda: one.put("stop", note="enough")), ends=True)
    (ended,) = one.events(RunEnded)
    assert ended.given is not None
    assert one.given == [minute_of(ended.given)] == [one.minutes()[-1]]
    assert "stopped by an operator, for good: enough" in one.run.said
    assert waiting(one.paper) == ()
    assert one.holds()


def test_several_commands_within_one_candle_act_in_order(case):
    one = case(market("BTCUSDT"))

    def all_of_them() -> None:
        for kind in ("halt", "resume", "halt", "stop"):
            one.put(kind)

    one.upto(BOUGHT + 20, each=after(BOUGHT + 3, all_of_them), ends=True)
    assert one.minutes(Halted | Resumed | RunEnded) == one.given
    assert [one.reason for one in one.events(OrderPlaced)] == ["signal", "halt"]
    assert one.holds()


def test_a_halt_during_a_gap_acts_before_the_candle_after_the_gap(case):
    """There is no candle in which it was given: its sale fills at the first open there is, which is later."""
    gap = frozenset(range(BOUGHT + 4, BOUGHT + 30))
    one = case(market("BTCUSDT", missing=gap))
    one.upto(BOUGHT + 3)
    one.down_until(BOUGHT + 26)
    one.put("halt")
    one.upto(BOUGHT + 32)
    assert one.given[0] in gap
    assert one.minutes(Halted) == [BOUGHT + 3]
    assert one.fills()[1:] == [(BOUGHT + 30, "sell", "halt", opened(calm, BOUGHT + 30))]
    assert one.holds()


# --- A session that was away -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("risk", [STOPPED, UNSTOPPED], ids=["stop", "no stop"])
def test_a_halt_after_a_price_crash_sells_nothing_at_an_earlier_price(case, risk):
    """The machine was off as it fell from 100 to 70; the halt was typed when that was over, then the run started."""
    crash = BOUGHT + 30
    one = case(market("BTCUSDT", crashing(crash)), risk=risk)
    one.upto(BOUGHT + 4)
    one.down_until(crash + 2)
    one.put("halt", note="I saw the crash")
    before = journal(one.paper)
    one.upto(crash + 6)
    assert journal(one.paper).startswith(before)
    assert one.minutes() == list(range(BEGUN - LOOKBACK, crash + 7))
    assert one.minutes(Halted) == [crash + 2]
    (minute, side, reason, price), *more = one.fills()[1:]
    assert (side, more) == ("sell", [])
    if risk is STOPPED:
        assert (minute, reason) == (crash, "stop_loss")
        assert 98 < price < 100
    else:
        assert (minute, reason, price) == (crash + 3, "halt", opened(crashing(crash), crash + 3))
    assert one.holds()


def test_a_halt_before_a_price_crash_sells_before_the_crash(case):
    crash = BOUGHT + 30
    one = case(market("BTCUSDT", crashing(crash)))
    one.upto(BOUGHT + 4)
    one.down_until(crash - 2)
    one.put("halt")
    one.down_until(crash + 3)
    one.upto(crash + 5)
    assert one.minutes(Halted) == [crash - 2]
    assert one.fills()[1:] == [(crash - 1, "sell", "halt", opened(calm, crash - 1))]
    assert one.holds()


def test_a_resume_after_a_price_rise_buys_nothing_at_an_earlier_price(case):
    rise = BOUGHT + 30
    one = case(market("BTCUSDT", rising(rise)))
    one.upto(BOUGHT + 6, each=after(BOUGHT + 1, lambda: one.put("halt")))
    (halt,) = one.given
    one.down_until(rise + 2)
    one.put("resume")
    one.upto(rise + 6)
    assert one.minutes(Resumed, by="operator") == [rise + 2]
    assert [(minute, side) for minute, side, *_ in one.fills()] == [(BOUGHT, "buy"), (halt + 1, "sell")]
    assert one.holds()


@some_of("away", [-86_400, -3_600, 3_600, 86_400], keep=(-3_600, 86_400))
def test_a_wall_clock_that_is_wrong_by_hours_neither_backdates_nor_delays_a_halt(case, away):
    """The exchange's clock decides."""
    crash = BOUGHT + 30
    one = case(market("BTCUSDT", crashing(crash)))
    clock = one.fake.clock
    one.run._wall = lambda: clock.wall() + away
    one.upto(BOUGHT + 4)
    one.down_until(crash + 2)
    one.put("halt", away=away)
    one.upto(crash + 6)
    assert one.minutes(Halted) == [crash + 2]
    assert one.fills()[1:] == [(crash + 3, "sell", "halt", opened(crashing(crash), crash + 3))]


def test_a_halt_issued_under_a_fast_wall_clock_does_not_wait_after_the_clock_is_corrected(case):
    one = case(market("BTCUSDT"))
    one.upto(BOUGHT + 4)
    one.down_until(BOUGHT + 26)
    one.put("halt", away=3_600)
    one.upto(BOUGHT + 29)
    assert one.minutes(Halted) == [BOUGHT + 26]
    assert one.holds()


def test_a_stop_without_a_session_applies_waiting_commands_and_ends_the_run(case):
    one = case(market("BTCUSDT"))
    one.upto(BOUGHT + 4)
    one.put("halt", note="first")
    said: list[str] = []
    answer = command.give_command(one.paper, "stop", say=said.append, wall=one.fake.clock.wall)
    assert answer.done
    assert one.minutes()[-1] == BOUGHT + 4
    assert one.minutes(Halted | RunEnded) == [BOUGHT + 4] * 2
    assert said[-2:] == ["halted by an operator: first", "stopped by an operator, for good"]
    assert one.holds()


# --- Silent symbols --------------------------------------------------------------------------------------------------


def test_a_halt_sells_the_active_symbols_while_another_symbol_is_silent(case):
    silent = BOUGHT + 3
    one = case(market("BTCUSDT"), market("ETHUSDT", count=silent))
    one.upto(BOUGHT + 12, each=after(BOUGHT + 6, lambda: one.put("halt", note="panic")))
    assert one.minutes(CandleMissing, symbol="ETH/USDT") == list(range(silent, one.last + 1))
    (halt,) = one.minutes(Halted)
    assert one.given == [halt]
    assert {one.symbol for one in one.events(OrderPlaced) if one.reason == "halt"} == {"BTC/USDT", "ETH/USDT"}
    assert one.fills()[1:] == [(halt + 1, "sell", "halt", opened(calm, halt + 1))]
    assert one.fills("ETH/USDT")[1:] == []
    assert one.holds()


def test_the_stop_loss_of_a_symbol_is_checked_while_another_symbol_is_silent(case):
    crash = BOUGHT + 6
    one = case(market("BTCUSDT", crashing(crash)), market("ETHUSDT", count=BOUGHT + 3), risk=STOPPED)
    one.upto(crash + 3)
    (minute, _, reason, price), = one.fills()[1:]  # fmt: skip
    assert (minute, reason) == (crash, "stop_loss")
    assert 98 < price < 100
    assert [closed.symbol for closed in one.events(TradeClosed)] == ["BTC/USDT"]
    assert one.holds()


def test_a_run_with_missing_candles_equals_the_backtest_over_its_candles(case):
    silent = range(BOUGHT + 3, BOUGHT + 9)
    one = case(market("BTCUSDT"), market("ETHUSDT", missing=frozenset(silent)))
    one.upto(BOUGHT + 14)
    with session_at(one.paper, say=lambda text: None) as (held, _):
        held.stop()
    one.fake.clock.advance(MINUTE)
    end = START + (BOUGHT + 15) * MINUTE
    assert journal(one.paper) == one.run.backtest_journal(start=START + BEGUN * MINUTE, end=end)
    assert one.minutes(CandleMissing, symbol="ETH/USDT") == list(silent)


def test_a_run_interrupted_within_a_timestamp_with_missing_candles_ends_in_the_same_bytes(case):
    """A missing candle that is recorded stays missing, though the exchange serves it by now."""
    one = case(market("BTCUSDT", missing=frozenset(range(BOUGHT + 3, COUNT))), market("ETHUSDT"))
    one.upto(BOUGHT + 8)
    whole = journal(one.paper)
    last = whole.rindex(b'"type":"candle_missing"')
    begin = whole.rindex(b"\n", 0, last) + 1
    ends = [at + 1 for at in range(begin - 1, len(whole)) if whole[at : at + 1] == b"\n"]
    assert len(ends) >= 3
    assert whole[begin : ends[1]].count(b'"type":"candle_missing"') == 1  # that line alone is there
    one.fake.markets["BTCUSDT"].candles = market("BTCUSDT").candles
    for size in sorted({*ends, begin + 1, ends[1] - 1, ends[1] + 1, ends[1] + 60, ends[2] - 1}):
        (one.paper / "journal.jsonl").write_bytes(whole[:size])
        for name in ("head", "snapshot"):
            (one.paper / name).unlink(missing_ok=True)
        one.run.trade(timestamps=1)
        known = whole if size >= ends[1] - 1 else whole[:begin]  # before its line is whole nothing is recorded of it
        assert journal(one.paper).startswith(known), size
    assert one.holds()
