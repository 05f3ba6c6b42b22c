"""The lag of candles by the clock of the exchange; candles of history have no lag."""

from safla.journal.events import Halted
from safla.observe.candle_lag import Lag
from tests.observe.fakes import EVENTS, HOUR, START, Hands, candle, update

CANDLE = candle("BTC/USDT", START)


class Case:
    """An exchange whose clock is ahead of the local clock, in s; None: it has none, or it was not read."""

    def __init__(self, *, ahead: float | None = 0.0, live_from: int = START) -> None:
        self.hands = Hands()
        self.lag = Lag(
            lambda: None if ahead is None else self.hands.wall + ahead, live_from=live_from, step_ms=HOUR,
            monotonic=lambda: self.hands.monotonic,
        )  # fmt: skip
        self.hands.pass_(3600.5)


def test_the_lag_lasts_from_the_close_to_the_arrival_whenever_it_is_queried() -> None:
    case = Case(ahead=2.0)
    came = update(CANDLE, came=case.hands.monotonic)
    for _ in range(3):
        assert case.lag.of(came) == 2.5
        case.hands.pass_(100.0)  # the listener is late; the candle was not


def test_the_latest_candles_are_kept_and_other_updates_change_nothing() -> None:
    case = Case()
    assert case.lag.latest is None
    case.lag.listen(update(CANDLE, came=case.hands.monotonic))
    case.lag.listen(update(EVENTS["halted"], came=case.hands.monotonic + 50.0))
    assert isinstance(EVENTS["halted"], Halted)
    assert case.lag.latest == 0.5


def test_history_and_the_lookback_have_no_lag() -> None:
    for case in (Case(ahead=None), Case(live_from=START + HOUR)):
        case.lag.listen(update(CANDLE, came=case.hands.monotonic))
        assert case.lag.latest is None
