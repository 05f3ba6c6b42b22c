"""The engine matches an independent implementation of docs/semantics.md, event by event (S4-S27)."""

from hypothesis import given

from safla.core import values as v
from safla.core.values import DAILY_LOSS, Columns, Float64, Int8, Market
from safla.strategies.register import STRATEGIES
from safla.strategies.sma_crossover import Crossover
from tests.properties import reference
from tests.properties.cases import (
    HOUR,
    QUIET,
    Case,
    Command,
    cases,
    crossovers,
    fold,
    history,
    reference_of,
    story,
    written,
)
from tests.scale import examples

MARKET = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)


@examples(gate=100, full=600)
@given(cases(symbols=1, candles=40, commands=True))
def test_events_of_one_symbol_match_the_reference(case: Case) -> None:
    assert_same_story(case)


@examples(gate=100, full=600)
@given(cases(symbols=3, candles=25, commands=True))
def test_events_of_several_symbols_match_the_reference(case: Case) -> None:
    assert_same_story(case)


@examples(gate=100, full=200)
@given(cases(symbols=2, candles=40, crossover=True))
def test_events_of_a_crossover_run_match_the_reference(case: Case) -> None:
    assert_same_story(case)


@examples(gate=50, full=100)
@given(history(candles=40, price=12, step_ms=HOUR, threshold_ppm=0), crossovers(1_000))
def test_crosses_match_fractions_including_ties(drawn: tuple[Columns, Int8, Float64], parameters: Crossover) -> None:
    closes = drawn[0].close
    signal, strength = STRATEGIES["sma_crossover"].columns(drawn[0], parameters)
    assert signal.tolist() == reference.crossover(closes.tolist(), parameters)
    assert [bool(one) for one in strength] == [bool(one) for one in signal]


def test_an_entry_whose_stop_price_would_be_zero_is_rejected() -> None:
    # S24: what is bought must be sellable; bought at one tick, its stop is at 0 (S27: at least one tick away)
    rules = QUIET._replace(stop_loss_ppm=20_000, max_position=1_000_000)
    market = Market(tick=25, lot=1, k=1, min_notional=5_000, quantity_up=1, volume_up=1)
    assert_same_story(written(rules, market, 1_000_000, ((25, 25), (1, 0))))


def test_a_persisting_daily_loss_halts_again_after_its_halt_was_lifted() -> None:
    # S15 asks at every mark; `safla resume --halt N` may name the halt of a daily loss (J45)
    rules = QUIET._replace(max_daily_loss_ppm=10_000, max_position=1_000_000)
    case = written(rules, MARKET, 1_000_000, ((1_000, 1_000, 900, 900, 900), (1, 0, 0, 0, 0)))
    assert_same_story(case._replace(commands=(Command(3, "resume", DAILY_LOSS),)))


def test_an_account_without_equity_halts_every_day() -> None:
    # S15 to the letter: nothing lost of nothing is a loss of 100 %
    rules = QUIET._replace(
        max_daily_loss_ppm=1_000_000, max_slippage_ppm=500_000, max_position=1_000, step_ms=24 * HOUR
    )
    case = written(rules, MARKET._replace(tick=2), 900, ((1, 1, 1, 1, 1, 1), (1, 0, -1, 0, 0, 0)))
    assert_same_story(case)


def test_an_account_without_equity_halts_again_after_its_pause() -> None:
    # S15 to the letter, as above: the peak starts again at 0, and nothing lost of nothing is a drawdown of 100 %
    rules = QUIET._replace(
        max_drawdown_ppm=1_000_000,
        drawdown_pause_days=1,
        max_slippage_ppm=500_000,
        max_position=1_000,
        step_ms=24 * HOUR,
    )
    case = written(rules, MARKET._replace(tick=2), 900, ((1, 1, 1, 1, 1, 1), (1, 0, -1, 0, 0, 0)))
    assert_same_story(case)


def assert_same_story(case: Case) -> None:
    folded, reference = fold(case), reference_of(case)
    assert folded.status == 0
    assert story(folded) == reference.story
    assert (folded.equity, folded.trough) == (reference.equity, reference.trough)
    account = folded.state.account
    assert account[[v.CASH, v.EQUITY, v.PEAK, v.DAY_START]].tolist() == [
        reference.cash, reference.marked, reference.peak, reference.day_start
    ]  # fmt: skip
