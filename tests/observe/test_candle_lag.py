"""How late candles come, by the exchange's clock; what is history is never late."""

from safla.journal.events import Halted
from safla.observe.candle_lag import Lag
from tests.observe.fakes import EVENTS, HOUR, START, Hands, candle, update

CANDLE = candle("BTC/USDT", START)


class Case:
    """An exchange whose clock is so far ahead of ours, seconds; None: it has none, or it was not read."""

    def __init__(self, *, ahead: float | None = 0.0, live_from: int = START) -> None:
        self.hands = Hands()
        self.lag = Lag(
            lambda: None if ahead is None else self.hands.wall + ahead, live_from=live_from, step_ms=HOUR,
            monotonic=lambda: self.hands.monotonic,
        )  # fmt: skip
        self.hands.pass_(3600.5)


def test_it_is_from_the_close_until_the_candles_came_whenever_it_is_asked_for() -> None:
    case = Case(ahead=2.0)
    came = update(CANDLE, came=case.hands.monotonic)
    for _ in range(3):
        assert case.lag.of(came) == 2.5
        case.hands.pass_(100.0)  # the listener is late; the candle was not


def test_the_latest_candles_are_remembered_and_what_is_no_candle_changes_nothing() -> None:
    case = Case()
    assert case.lag.latest is None
    case.lag.listen(update(CANDLE, came=case.hands.monotonic))
    case.lag.listen(update(EVENTS["halted"], came=case.hands.monotonic + 50.0))
    assert isinstance(EVENTS["halted"], Halted)
    assert case.lag.latest == 0.5


def test_history_and_the_lookback_have_none() -> None:
    for case in (Case(ahead=None), Case(live_from=START + HOUR)):
        case.lag.listen(update(CANDLE, came=case.hands.monotonic))
        assert case.lag.latest is None
