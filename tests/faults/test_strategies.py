"""Rows 30 and 31: a strategy that raises, returns nonsense, writes where it reads, looks ahead, or needs more."""

import json
import re
import sys

import numpy as np
import pytest

from safla.cli import main
from safla.strategies import register
from safla.strategies.register import Strategy
from safla.strategies.sma_crossover import confidence, resolve, warm_up
from tests.faults.command import Answer
from tests.faults.invariants import check_answer, check_run, events_of
from tests.scale import some_of
from tests.small_runs import SMALL, journal

NAME = "sma_crossover"  # the tests replace the function of this strategy
WORDS = ("run", "--engine", "interpreted", "--quiet", "--json")
sma_crossover = register.STRATEGIES[NAME].columns
HOLDS = 900  # candles of one symbol


def raising(error):
    """A strategy that raises as soon as it is called."""

    def function(_columns, _parameters):
        raise error

    return function


def endless(columns, parameters):
    """A strategy that calls itself for ever."""
    return endless(columns, parameters)


def returning(make):
    """A strategy that returns a changed version of a valid signal and strength."""

    def function(columns, parameters):
        return make(*sma_crossover(columns, parameters))

    return function


def printing(columns, parameters):
    """A strategy that prints to stdout, where only the result belongs."""
    print("a strategy talks")
    return sma_crossover(columns, parameters)


def peeking(columns, _parameters):
    """A strategy that knows the next close."""
    signal = np.zeros(len(columns.ts), np.int8)
    signal[:-1] = columns.close[1:] > columns.close[:-1]
    return signal, signal.astype(float)


def normalising(columns, _parameters):
    """A strategy that knows the mean of the whole history."""
    signal = (columns.close > columns.close.mean()).astype(np.int8)
    return signal, signal.astype(float)


def remembering(columns, _parameters):
    """A strategy that needs all candles since the first, and no later one."""
    signal = (np.cumsum(columns.close) % 3 == 0).astype(np.int8)
    return signal, signal.astype(float)


def failing_late(columns, parameters):
    """A strategy that works on all candles, and raises when it is called with fewer."""
    if len(columns.ts) < HOLDS:
        raise ValueError("too few")
    return sma_crossover(columns, parameters)


def plant(patch, function, *, ours=False, window=register.all_candles):
    """Replace the strategy by a function, as a user's or as one of safla's own."""
    function.__module__ = "safla.planted" if ours else "theirs"
    strategy = Strategy(function, warm_up, resolve=resolve, window=window, confidence=confidence)
    patch.setitem(register.STRATEGIES, NAME, strategy)


@pytest.fixture
def answered(tmp_path, monkeypatch, capsys):
    """answered(function): the result of a run with that strategy, a user's or safla's own; its folder is `run`."""
    config = tmp_path / "small.yaml"
    config.write_text(SMALL)

    def run(function, *, ours=False, window=register.all_candles):
        plant(monkeypatch, function, ours=ours, window=window)
        return Answer(main([*WORDS, str(config), "--out", str(tmp_path / "run")]), *capsys.readouterr())

    return run


def mended(columns, parameters):
    """The crossover itself, as a user's strategy."""
    return sma_crossover(columns, parameters)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The journal of an undisturbed run of the corrected strategy."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "small.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, mended)
        assert main([*WORDS, str(folder / "small.yaml"), "--out", str(folder / "run")]) == 0
    check_run(folder / "run", max_positions=3)
    return journal(folder / "run")


def goes_on(answered, tmp_path, whole):
    """0L: with the corrected strategy the same command ends in the journal of an undisturbed run."""
    check_answer(answered(mended), 0)
    assert journal(tmp_path / "run") == whole


RAISED = {
    "a-value-error": (raising(ValueError("no luck")), "raised ValueError: no luck"),
    "no-memory": (raising(MemoryError()), "raised MemoryError"),
    "recursion": (endless, "raised RecursionError"),
    "two-lines-and-control-characters": (raising(ValueError("one\ntwo\x1b[31m")), r"one two\x1b[31m"),
    "an-exit": (lambda _columns, _parameters: sys.exit(0), "raised SystemExit: 0"),
    "an-index": (lambda columns, _parameters: columns.close[10**6], "raised IndexError"),
    "a-write": (lambda columns, _parameters: columns.close.sort(), "raised ValueError"),
    "a-write-after-all": (lambda columns, _parameters: columns.close.setflags(write=True), "raised ValueError"),
}


@some_of(("function", "said"), RAISED.values(), every=3, ids=RAISED)
def test_row_30_a_strategy_that_raises_is_exit_3_with_strategy_symbol_and_candles(
    tmp_path, answered, whole, function, said
):
    answer = answered(function)
    check_answer(answer, 3)
    assert len(answer.err.splitlines()) == 1
    assert f"strategy {NAME}: " in answer.err
    assert said in answer.err
    assert "for BTC/USDT, called with 900 candles to 2024-02-07T14:00Z" in answer.err
    assert not (tmp_path / "run").exists()
    goes_on(answered, tmp_path, whole)


RETURNED = {
    "none": (lambda signal, strength: None, "returned NoneType, expected an array signal"),
    "a list": (lambda signal, strength: signal.tolist(), "returned list, expected an array signal"),
    "three": (lambda signal, strength: (signal, strength, signal), "returned tuple, expected an array signal"),
    "a-list": (lambda signal, strength: (signal.tolist(), strength), "signal is list, expected a numpy array"),
    "no-strength": (lambda signal, strength: (signal, None), "strength is NoneType, expected a numpy array of numbers"),
    "text": (lambda signal, strength: (signal, strength.astype(str)), "strength is an array of <U"),
    "objects": (lambda signal, strength: (signal.astype(object), strength), "signal is an array of object"),
    "times": (lambda signal, strength: (signal, strength.astype("M8[s]")), "strength is an array of datetime64"),
    "too-short": (lambda signal, strength: (signal[1:], strength), "signal has shape (899,), expected (900,)"),
    "too-deep": (lambda signal, strength: (signal, strength[:, None]), "strength has shape (900, 1), expected (900,)"),
    "two": (lambda signal, strength: (signal * 2, strength), "signal is not -1, 0 or +1 at the candle 2024-01-"),
    "half": (lambda signal, strength: (signal / 2, strength), "signal is not -1, 0 or +1 at the candle 2024-01-"),
    "nan": (lambda signal, strength: (signal, strength * np.nan), "strength is not a number >= 0 at the candle"),
    "nan-signal": (lambda signal, strength: (signal * np.nan, strength), "signal is not -1, 0 or +1 at the candle"),
    "below": (lambda signal, strength: (signal, strength - 1), "strength is not a number >= 0 at the candle"),
}


@pytest.mark.parametrize(("make", "said"), RETURNED.values(), ids=RETURNED)
def test_row_30_a_strategy_that_returns_no_signal_is_exit_3_with_the_returned_type_or_value(
    tmp_path, answered, make, said
):
    answer = answered(returning(make))
    check_answer(answer, 3)
    assert len(answer.err.splitlines()) == 1
    assert f"strategy {NAME}: {said}" in answer.err
    assert "for BTC/USDT, called with 900 candles to 2024-02-07T14:00Z" in answer.err
    assert not (tmp_path / "run").exists()


def test_row_30_a_strategy_that_fails_on_a_prefix_alone_is_reported_with_the_last_candle_of_the_prefix(answered):
    answer = answered(failing_late)
    check_answer(answer, 3)
    assert "raised ValueError: too few" in answer.err
    assert re.search(r"for BTC/USDT, called with \d{1,3} candles to 2024-0\S+Z", answer.err)


@pytest.mark.parametrize("function", [raising(ValueError("no luck")), returning(lambda signal, strength: None)])
def test_row_30_a_failure_in_a_built_in_strategy_is_exit_70_with_a_bug_report(tmp_path, answered, function):
    answer = answered(function, ours=True)
    check_answer(answer, 70)
    assert len(answer.err.splitlines()) == 1
    (details,) = (tmp_path / "run").glob("bug-*.txt")
    assert "Traceback" in details.read_text()


def test_row_30_an_interrupt_in_a_strategy_is_exit_130_and_not_a_strategy_error(answered):
    assert answered(raising(KeyboardInterrupt())).code == 130


def test_row_30_output_printed_by_a_strategy_goes_to_stderr_and_not_into_the_result(answered):
    answer = answered(printing)
    assert answer.code == 0
    assert json.loads(answer.out)["name"] == "Small"
    assert set(answer.err.splitlines()) == {"a strategy talks"}


def test_row_30_a_huge_strength_gives_the_maximum_confidence(tmp_path, answered):
    check_answer(answered(returning(lambda signal, strength: (signal, np.where(signal > 0, 1e308, strength)))), 0)
    placed = [one for one in events_of(tmp_path / "run") if one["type"] == "order_placed" and one["side"] == "buy"]
    assert {one["confidence"] for one in placed} == {"0.900000"}


@pytest.mark.parametrize("function", [peeking, normalising])
def test_row_31_a_strategy_that_looks_ahead_is_exit_1_with_the_candle_and_both_signals(
    tmp_path, answered, whole, function
):
    answer = answered(function)
    assert (answer.code, answer.out) == (1, "")
    (line,) = answer.err.splitlines()
    found = re.fullmatch(
        rf"safla: strategy {NAME} looks ahead: BTC/USDT at 2024-\S+Z has signal (.+) on all 900 candles, but (.+) on "
        r"the \d+ that end at 2024-\S+Z \(cut \d+ of 512\); a signal may only depend on candles up to its own",
        line,
    )
    assert found
    assert set(found.groups()) == {"0", "1 (confidence 0.900000)"}
    assert not (tmp_path / "run").exists()
    goes_on(answered, tmp_path, whole)


def test_row_31_a_strategy_that_needs_all_past_candles_does_not_look_ahead(answered):
    assert answered(remembering).code == 0


def test_row_31_a_window_that_is_too_small_is_exit_1(answered):
    assert answered(mended, window=lambda parameters: 9).code == 0
    answer = answered(mended, window=lambda parameters: 8)
    assert answer.code == 1
    assert "looks ahead, or needs more than its window of 8 candles" in answer.err
