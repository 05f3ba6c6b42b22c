"""The table of docs/exchange.md: what each failure means, judged by status first and by the class of ccxt second."""

import ccxt
import pytest

from safla.errors import Bug, ConfigError, DataError, ExchangeError
from safla.exchange import failures
from safla.exchange.failures import RequestFailed, of_code, of_error, of_status
from safla.exchange.retry import UNSAID_WAIT

# status, tried again, counted by the breaker, the gate shuts, nothing more is asked of anybody
STATUSES = [
    (429, True, False, True, False),
    (418, False, False, False, True),
    (451, False, False, False, True),
    (403, True, True, False, False),
    (500, True, True, False, False),
    (502, True, True, False, False),
    (503, True, True, False, False),
    (504, True, True, False, False),
    (301, True, True, False, False),
    (307, True, True, False, False),
]


@pytest.mark.parametrize(("status", "retried", "counted", "shuts", "stops"), STATUSES)
def test_a_status_speaks_before_the_body_does(status: int, retried: bool, counted: bool, shuts: bool, stops: bool):
    kind = of_status(status)
    assert kind is not None
    judged = RequestFailed("it", kind)
    assert (judged.retried, judged.counted, judged.shuts, kind.stops) == (retried, counted, shuts, stops)
    assert isinstance(judged.final("binance"), ExchangeError)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 401])
def test_of_other_statuses_the_body_has_to_say(status: int):
    assert of_status(status) is None


@pytest.mark.parametrize(
    ("error", "retried", "counted", "stays"),
    [
        (ccxt.RequestTimeout, True, True, ExchangeError),
        (ccxt.NetworkError, True, True, ExchangeError),
        (ccxt.ExchangeNotAvailable, True, True, ExchangeError),
        (ccxt.OnMaintenance, True, True, ExchangeError),
        (ccxt.OperationFailed, True, True, ExchangeError),
        (ccxt.ExchangeError, True, True, ExchangeError),
        (ccxt.BadResponse, True, True, ExchangeError),
        (ccxt.NullResponse, True, True, ExchangeError),
        (ccxt.RateLimitExceeded, True, False, ExchangeError),
        (ccxt.DDoSProtection, True, False, ExchangeError),
        (ccxt.InvalidNonce, False, False, ExchangeError),
        (ccxt.AuthenticationError, False, False, ExchangeError),
        (ccxt.PermissionDenied, False, False, ExchangeError),
        (ccxt.AccountSuspended, False, False, ExchangeError),
        (ccxt.OperationRejected, False, False, ExchangeError),
        (ccxt.RestrictedLocation, False, False, ExchangeError),
        (ccxt.MarketClosed, False, False, ExchangeError),
        (ccxt.BadSymbol, False, False, ConfigError),
        (ccxt.NotSupported, False, False, ConfigError),
        (ccxt.InvalidProxySettings, False, False, ConfigError),
        (ccxt.BadRequest, False, False, Bug),
        (ccxt.ArgumentsRequired, False, False, Bug),
        (ccxt.InvalidOrder, False, False, Bug),
        (ccxt.InsufficientFunds, False, False, Bug),
        (ccxt.CancelPending, False, False, Bug),
    ],
)
def test_what_ccxt_raises_is_tried_again_counted_and_ends_as_the_table_says(
    error: type[Exception], retried: bool, counted: bool, stays: type[Exception]
):
    judged = of_error(error("binance said so"))
    assert (judged.retried, judged.counted) == (retried, counted)
    assert isinstance(judged.final("binance BTC/USDT 1h"), stays)


@pytest.mark.parametrize("parsed", [{"code": -1120}, {"code": -1120, "msg": "Invalid interval."}])
def test_an_interval_that_is_not_served_is_the_configurations_matter(parsed: object):
    kind = of_code(parsed)
    assert kind is not None
    error = RequestFailed("Invalid interval.", kind).final("binance")
    assert isinstance(error, ConfigError)
    assert error.problems[0].key == "market_data.timeframe"


@pytest.mark.parametrize(
    "parsed", [{}, {"code": -1121}, {"code": "-1120"}, {"code": [-1120]}, {"code": {}}, [-1120], None, "-1120", 7]
)
def test_of_other_codes_ccxt_has_to_say(parsed: object):
    assert of_code(parsed) is None


def test_the_rate_that_was_too_high_waits_and_shuts_the_gate_though_nobody_said_how_long():
    judged = of_error(ccxt.RateLimitExceeded("binance -1003"))
    assert (judged.shuts, judged.floor) == (True, UNSAID_WAIT)


@pytest.mark.parametrize("error", [KeyError("symbols"), TypeError("NoneType"), ValueError("x"), ZeroDivisionError()])
def test_what_ccxt_cannot_read_is_a_bad_answer(error: Exception):
    judged = of_error(error)
    assert (judged.retried, judged.counted, judged.kind) == (True, True, failures.BAD_ANSWER)
    assert "the answer cannot be parsed" in str(judged)


def test_a_bad_row_that_stays_is_a_matter_of_data():
    assert isinstance(RequestFailed("low 0 is not above 0", failures.BAD_ROW).final("binance"), DataError)


@pytest.mark.parametrize("said", ["a\nb", "\x1b[31mred", "\u202egnp", "x" * 5000])
def test_what_an_exchange_says_stands_on_one_short_line(said: str):
    shown = failures.said(said)
    assert shown.isprintable()
    assert len(shown) <= 6 * failures.SHOWN_LETTERS
