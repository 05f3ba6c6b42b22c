"""A strategy that is asked candle by candle: each candle once, in history as live; what it does after a failure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import safla
from safla.api.registered import registered
from safla.errors import StrategyError
from safla.journal.encode import Input
from safla.journal.events import CandleEvent, Halted, OrderPlaced, SignalEvent
from safla.paper.session import session_at
from safla.runs import candle_signals
from safla.runs.strategy_answers import checked_candle
from tests.errors import raises_code
from tests.paper.paper_runs import backtest_journal, check_any_cut, journal, run_paper
from tests.small_runs import events, given, holds, rehashed

MINE = ("strategy.name=mine", "strategy.entry_threshold_pct=0.01", "strategy.parameters={period: 8}")
BTC = (*MINE, "symbols.primary=[BTC/USDT]", "data.synthetic.holes=0")
FIRST = 1_704_067_200_000 + 3 * 3_600_000  # the first candle with its lookback, ms
HOUR = 3_600_000
WARM_UP = 10


class Sliding:
    """Which way the close has gone since some candles before."""

    warm_up = WARM_UP

    def __init__(self, parameters: Any, _market: Any) -> None:
        self.period, self.closes = parameters["period"], list[int]()

    def on_candle(self, candle: safla.Candle) -> Any:
        self.closes.append(candle.units.close)
        if len(self.closes) <= self.period:
            return 0
        signal = int(np.sign(self.closes[-1] - self.closes[-1 - self.period]))
        return safla.Answer(signal, strength=abs(signal) * 0.004)


def sliding(candles: Any, parameters: Any) -> Any:
    """The same as a function."""
    n, signal = parameters["period"], np.zeros(len(candles), np.int8)
    signal[n:] = np.sign(candles.units.close[n:] - candles.units.close[:-n])
    return {"signal": signal, "strength": np.abs(signal) * 0.004}


sliding.warm_up = WARM_UP  # type: ignore[attr-defined]


@pytest.mark.parametrize("sets", [MINE, BTC])
def test_a_class_decides_as_the_function_of_the_same_rule_in_backtest_and_paper(tmp_path, sets):
    more = given(Sliding)
    run_paper(tmp_path / "paper", sets, **more)
    whole = journal(tmp_path / "paper")
    assert whole == backtest_journal(tmp_path / "backtest", sets, **more)
    assert whole == backtest_journal(tmp_path / "array", sets, **given(sliding))
    assert len(events(tmp_path / "paper", OrderPlaced)) > 5
    assert holds(tmp_path / "paper", more["register"])


def test_blocks_of_any_size_give_the_same_signals(tmp_path, monkeypatch):
    whole = backtest_journal(tmp_path / "whole", MINE, **given(Sliding))
    monkeypatch.setattr(candle_signals, "ROWS_AT_ONCE", 7)
    assert backtest_journal(tmp_path / "blocks", MINE, **given(Sliding)) == whole


def test_a_paper_run_cut_anywhere_ends_in_the_same_bytes(tmp_path, chance):
    check_any_cut(tmp_path, MINE, chance, **given(Sliding))


def test_each_candle_comes_once_in_order_with_the_numbers_that_an_array_function_gets(tmp_path):
    seen: list[safla.Candle] = []
    arrays: list[safla.Candles] = []

    class Noting(Sliding):
        def on_candle(self, candle):
            seen.append(candle)
            return super().on_candle(candle)

    def noting(candles, parameters):
        arrays.append(candles)
        return sliding(candles, parameters)

    noting.warm_up = WARM_UP
    backtest_journal(tmp_path / "one", BTC, **given(Noting))
    backtest_journal(tmp_path / "two", BTC, **given(noting))
    whole = max(arrays, key=len)
    for name in ("ts", "open", "high", "low", "close", "volume"):
        assert [getattr(candle, name) for candle in seen] == getattr(whole, name).tolist()
    rows = zip(*(column.tolist() for column in whole.units[1:]), strict=True)
    assert [tuple(candle.units) for candle in seen] == list(rows)
    facts = {(one.symbol, one.timeframe, one.price_decimals, one.volume_decimals) for one in seen}
    assert facts == {(whole.symbol, whole.timeframe, whole.price_decimals, whole.volume_decimals)}
    assert repr(seen[0]) == f"<safla.Candle BTC/USDT 1h 2024-01-01T03:00Z: close {seen[0].close}>"


def test_numbers_above_the_exact_integers_are_the_floats_of_their_texts():
    maker = candle_signals.CandleMaker("A/B", "1h", 2, 8)
    units = 2**53 + 1
    candle = maker.candle(0, (units, units, units, units, units))
    assert (candle.open, candle.volume) == (float("90071992547409.93"), float("90071992.54740993"))


def test_each_symbol_has_an_object_that_knows_its_market_and_sees_the_others_of_its_time(tmp_path):
    markets: list[Any] = []
    pairs: list[Any] = []

    class Noting(Sliding):
        def __init__(self, parameters, market):
            super().__init__(parameters, market)
            markets.append(market)
            self.symbol = market.symbol

        def on_candle(self, candle):
            assert candle.symbol == self.symbol
            other = candle.of("ETH/USDT" if self.symbol == "BTC/USDT" else "BTC/USDT")
            pairs.append((candle.ts, other and other.ts))
            assert candle.of(candle.symbol) is candle
            with pytest.raises(KeyError):
                candle.of("XRP/USDT")
            return super().on_candle(candle)

    backtest_journal(tmp_path, MINE, **given(Noting))
    assert [(one.symbol, one.timeframe) for one in markets] == [("BTC/USDT", "1h"), ("ETH/USDT", "1h")]
    assert all(one.tick == 10**-one.price_decimals for one in markets)
    assert all(other in (None, own) for own, other in pairs)
    assert None in {other for _, other in pairs}


# --- Failures --------------------------------------------------------------------------------------------------------


def failing(at: int, *, seen: list[int] | None = None, error: BaseException | None = None) -> Any:
    """The strategy, which fails at a candle. seen: collects the times of its candles."""

    class Failing(Sliding):
        def on_candle(self, candle: safla.Candle) -> Any:
            if seen is not None:
                seen.append(candle.ts)
            if candle.ts == at:
                raise error or ValueError("not this one")
            return super().on_candle(candle)

    return Failing


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(0), MemoryError(), RecursionError()])
def test_row_30_a_class_that_raises_ends_a_backtest_before_anything_is_written(tmp_path, error):
    with raises_code(StrategyError, "strategy_raised", match=r"for BTC/USDT at the candle 2024-01-03T21:00Z") as caught:
        backtest_journal(tmp_path / "run", BTC, **given(failing(FIRST + 66 * HOUR, error=error)))
    assert type(error).__name__ in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_row_30_a_class_that_cannot_be_made_is_named_with_its_symbol(tmp_path):
    class Unmade(Sliding):
        def __init__(self, parameters, market):
            raise KeyError("length")

    with raises_code(StrategyError, "strategy_raised", match="KeyError.*while it was made for BTC/USDT"):
        backtest_journal(tmp_path / "run", BTC, **given(Unmade))


@pytest.mark.parametrize(
    "answer",
    [None, 2, True, "enter", 0.5, float("nan"), (1, 0.5), safla.Answer(2), safla.Answer(1, strength=-1),
     safla.Answer(1, strength=float("nan")), safla.Answer(1, strength=float("inf")), safla.Answer(1, strength="much"),
     safla.Answer(1, stop_distance=5.0), safla.Answer(1, entry_price=5.0), safla.Answer(None)],
)  # fmt: skip
def test_what_is_no_answer_for_a_candle_is_an_error(answer):
    with raises_code(StrategyError, "invalid_signals", match="strategy mine: "):
        checked_candle("mine", answer)


@pytest.mark.parametrize(
    ("answer", "signal", "strength"),
    [(1, 1, 1.0), (0, 0, 1.0), (-1.0, -1, 1.0), (np.int8(1), 1, 1.0), (np.float64(-1), -1, 1.0),
     (safla.Answer(1), 1, 1.0), (safla.Answer(1, 0.25), 1, 0.25), (safla.Answer(0, float("nan")), 0, 0.0),
     (safla.Answer(np.int64(1), np.float32(0.5)), 1, 0.5)],
)  # fmt: skip
def test_an_answer_for_a_candle_is_a_number_or_an_answer(answer, signal, strength):
    found = checked_candle("mine", answer)
    assert (found.signal, found.strength or 1.0) == (signal, strength or 1.0)


def cut_before(folder: Path, ts: int) -> None:
    """Leave the lines of the journal before a timestamp, as a kill does."""
    lines = journal(folder).splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if f'"ts":{ts}'.encode() in line)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:place]))
    (folder / "head").unlink()


def resumed(folder: Path, more: Any, *, after: int) -> None:
    """Resume a paper run behind a candle, and let it go on to its end."""
    cut_before(folder, after + HOUR)
    with session_at(folder, say=lambda text: None, register=more["register"]) as (held, _):
        assert held.resume(None, Input("looked at", after, f"{after}-a")) == 1
    run_paper(folder, BTC, **more)


def test_row_30_a_failed_class_is_not_called_while_its_halt_is_open(tmp_path):
    at, seen = FIRST + 80 * HOUR, list[int]()
    more = given(failing(at, seen=seen))
    run_paper(tmp_path, BTC, **more)
    assert seen[-1] == at
    (halted,) = [one for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert (halted.ts, halted.note) == (at, "mine raised ValueError")
    assert [one for one in events(tmp_path, SignalEvent) if one.ts >= at] == []
    assert len(events(tmp_path, CandleEvent)) > 120
    assert holds(tmp_path, more["register"])


@pytest.mark.parametrize("later", [0, 1, 3, 20])
def test_row_30_after_a_resume_new_objects_begin_behind_the_failed_candle(tmp_path, later, chance):
    at = FIRST + 80 * HOUR
    answers = dict[int, object]()
    more = given(noted(failing(at), answers))
    run_paper(tmp_path, BTC, **more)
    resumed(tmp_path, more, after=at + later * HOUR)
    full = journal(tmp_path)
    signals = [one.ts for one in events(tmp_path, SignalEvent)]
    # the first signal may come when the new object has seen its warm-up, and no earlier than the resume
    first = max(at + WARM_UP * HOUR, at + (later + 1) * HOUR)
    assert [ts for ts in signals if at <= ts < first] == []
    assert since(answers, first) == since(undisturbed_answers(tmp_path), first)  # a signal that stands has no line
    assert holds(tmp_path, more["register"])
    for size in sorted(chance.randrange(full.index(b'"strategy_error"'), len(full)) for _ in range(5)):
        (tmp_path / "journal.jsonl").write_bytes(full[:size])
        (tmp_path / "head").unlink(missing_ok=True)
        if b'"by":"operator"' in full[:size]:
            run_paper(tmp_path, BTC, **more)
            assert journal(tmp_path) == full, size


def noted(strategy: type, answers: dict[int, object]) -> type:
    """The strategy, whose answers are put into `answers` by the time of their candle."""

    class Noted(strategy):
        def on_candle(self, candle):
            answers[candle.ts] = super().on_candle(candle)
            return answers[candle.ts]

    return Noted


def since(answers: dict[int, object], first: int) -> dict[int, object]:
    """The answers from a time on."""
    return {ts: answer for ts, answer in answers.items() if ts >= first}


def undisturbed_answers(folder: Path) -> dict[int, object]:
    """What a strategy that never fails answers: it depends on so many last candles alone."""
    answers = dict[int, object]()
    run_paper(folder / "undisturbed", BTC, **given(noted(Sliding, answers)))
    return answers


def test_row_30_a_class_that_fails_at_a_candle_of_its_halt_fails_after_the_resume_and_begins_behind_that(tmp_path):
    at, seen = FIRST + 80 * HOUR, list[int]()

    class Twice(Sliding):
        def on_candle(self, candle):
            seen.append(candle.ts)
            if candle.ts in (at, at + 2 * HOUR):
                raise ValueError("not these")
            return super().on_candle(candle)

    more = given(Twice)
    run_paper(tmp_path, BTC, **more)
    resumed(tmp_path, more, after=at + 4 * HOUR)
    halted = [one.ts for one in events(tmp_path, Halted) if one.rule == "strategy_error"]
    assert halted == [at, at + 5 * HOUR]
    seen.clear()
    resumed(tmp_path, more, after=at + 5 * HOUR)
    assert min(ts for ts in seen if ts > at) == at + 6 * HOUR
    assert holds(tmp_path, more["register"])
    full = journal(tmp_path)
    assert full == rehashed(full)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Sliding({"period": 8}, None), "is an object of Sliding; pass the class Sliding"),
        (type("Windowed", (Sliding,), {"window": 5}), "has on_candle and a window"),
        (type("Placed", (Sliding,), {"on_candle": lambda self, candle, position: 0}), "on_candle takes 2 arguments"),
        (type("Cold", (), {"on_candle": lambda self, candle: 0}), "has no warm_up"),
    ],
)
def test_a_class_that_cannot_be_a_strategy_is_told_why(strategy, said):
    with raises_code(StrategyError, "invalid_strategy", match=said):
        registered({"mine": strategy})


def test_a_warm_up_may_be_a_function_of_the_parameters_in_the_class(tmp_path):
    class Computed(Sliding):
        def warm_up(parameters):
            return parameters["period"] + 2

    whole = backtest_journal(tmp_path / "one", MINE, **given(Computed))
    assert whole == backtest_journal(tmp_path / "two", MINE, **given(Sliding))
