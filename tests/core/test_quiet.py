"""Quiet candles, folded with the state in local numbers, give what the phases of the engine give one by one (D2)."""

import numpy as np
import pytest
from hypothesis import given, settings

from safla.core import engine
from safla.core import values as v
from safla.core.values import Columns, Market
from tests.properties.cases import EPOCH, HOUR, QUIET, Case, Folded, cases, fold

MARKET = Market(tick=1, lot=1, k=1, min_notional=0, quantity_up=1, volume_up=1)
DAY = 24 * HOUR


def by_phases(case: Case, monkeypatch: pytest.MonkeyPatch) -> Folded:
    """The run as the phases fold it, with no candle taken for quiet."""
    with monkeypatch.context() as patch:
        patch.setattr(engine, "fold_quiet", lambda rules, markets, candles, signals, account, book, out, t: t)
        return fold(case)


def assert_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> Folded:
    quick, slow = fold(case), by_phases(case, monkeypatch)
    assert quick[:4] == slow[:4]
    assert quick.status == slow.status
    assert all(map(np.array_equal, quick.state, slow.state))
    return quick


@pytest.mark.parametrize("crossover", [False, True])
def test_drawn_runs_are_those_of_the_phases(monkeypatch: pytest.MonkeyPatch, crossover: bool) -> None:
    @settings(max_examples=100, deadline=None)
    @given(case=cases(candles=40, crossover=crossover, commands=True))
    def check(case: Case) -> None:
        assert_same(case, monkeypatch)

    check()


def run(*symbols: tuple[list[int], list[int], list[int]], hours: list[list[int]] | None = None, **rules: int) -> Case:
    """A run of candles that stand still: for each symbol its prices, volumes and signals, and the hours that it has."""
    columns, signals = [], []
    for place, (prices, volumes, given_signals) in enumerate(symbols):
        price = np.array(prices, np.int64)
        at = np.arange(len(price)) if hours is None else np.array(hours[place])
        columns.append(Columns(EPOCH + HOUR * at, price, price, price, price, np.array(volumes, np.int64)))
        signals.append((np.array(given_signals, np.int8), np.ones(len(price))))
    rule_set = QUIET._replace(max_position=1000, confidence_cap_ppm=1_000_000, settle=1, **rules)
    return Case(rule_set, (MARKET,) * len(symbols), 10_000, tuple(columns), tuple(signals), ())


def quiet_from(case: Case, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """From which timestamp to which `fold_quiet` went."""
    went, real = [], engine.fold_quiet

    def counted(*arguments: object) -> int:
        end = real(*arguments)  # type: ignore[arg-type]
        went.append((int(str(arguments[-1])), end))
        return end

    with monkeypatch.context() as patch:
        patch.setattr(engine, "fold_quiet", counted)
        fold(case)
    return [(first, end) for first, end in went if end > first]


def test_a_flat_market_is_quiet_until_the_next_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    case = run(([100] * 9, [5] * 9, [0, 0, 0, 0, 1, 0, 0, 0, 0]))
    assert_same(case, monkeypatch)
    assert quiet_from(case, monkeypatch) == [(1, 4), (6, 9)]  # the first candle warms, the one after the signal fills


@pytest.mark.parametrize("volumes", [[5, 0, 0, 0], [5, 6, 0, 0], [0, 0, 0, 0], [0, 7, 8, 0]])
def test_the_last_volume_above_zero_is_kept(monkeypatch: pytest.MonkeyPatch, volumes: list[int]) -> None:
    for symbols in (1, 2):
        assert_same(run(*[([100] * 4, volumes, [0] * 4)] * symbols), monkeypatch)


def test_a_symbol_without_candles_stays_quiet_and_one_that_comes_back_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    here, rare = ([100] * 12, [5] * 12, [0] * 12), ([50] * 4, [5] * 4, [0] * 4)
    case = run(here, rare, hours=[list(range(12)), [0, 1, 8, 9]], max_gap_candles=20)
    assert_same(case, monkeypatch)
    assert quiet_from(case, monkeypatch) == [(1, 8), (9, 12)]


def test_a_position_that_meets_nothing_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = [100, 100, 100, 103, 104, 99, 98, 80, 80]
    case = run((prices, [5] * 9, [0, 1, 0, 0, 0, 0, 0, 0, 0]), stop_loss_ppm=100_000, trailing_stop_ppm=0)
    folded = assert_same(case, monkeypatch)
    assert [row[v.ROW_FIELDS[v.FILLED].index("reason") + 3] for row in folded.rows if row[0] == v.FILLED] == [
        v.BY_SIGNAL,
        v.STOP_LOSS,
    ]
    assert quiet_from(case, monkeypatch) == [(3, 7), (8, 9)]


@pytest.mark.parametrize("symbols", [1, 2])
def test_a_new_high_a_halt_and_a_day_end_a_quiet_stretch(monkeypatch: pytest.MonkeyPatch, symbols: int) -> None:
    prices = [100, 100, 100, 101, 102, 102, 90, 90, *[90] * 20]
    signals = [0, 1, *[0] * 26]
    case = run(
        *[(prices, [5] * 28, signals)] * symbols, trailing_stop_ppm=500_000, max_drawdown_ppm=5_000,
        max_daily_loss_ppm=5_000,
    )  # fmt: skip
    folded = assert_same(case, monkeypatch)
    assert {row[0] for row in folded.rows} >= {v.HALTED_ROW, v.DAY_STARTED, v.RESUMED}


def test_a_gap_of_all_symbols_ends_a_quiet_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    symbol = ([100] * 6, [5] * 6, [0] * 6)
    hours = [0, 1, 2, 7, 8, 9]
    for symbols in (1, 2):
        case = run(*[symbol] * symbols, hours=[hours] * symbols)
        assert_same(case, monkeypatch)
        assert quiet_from(case, monkeypatch) == [(1, 3), (4, 6)]
