"""The table of docs/exchange.md: each failure is classified by its status first and by its ccxt class second."""

import ccxt
import pytest

from safla.errors import Bug, ConfigError, DataError, ExchangeError
from safla.exchange import failures
from safla.exchange.failures import RequestFailed, of_code, of_error, of_status
from safla.exchange.retry import UNSAID_WAIT

# status, retried, counted by the breaker, shuts the rate limiter, stops all requests
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
def test_these_statuses_classify_a_failure_without_its_body(
    status: int, retried: bool, counted: bool, shuts: bool, stops: bool
):
    kind = of_status(status)
    assert kind is not None
    judged = RequestFailed("it", kind)
    assert (judged.retried, judged.counted, judged.shuts, kind.stops) == (retried, counted, shuts, stops)
    assert isinstance(judged.final("binance"), ExchangeError)


@pytest.mark.parametrize("status", [200, 201, 400, 404, 401])
def test_other_statuses_do_not_classify_a_failure(status: int):
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
def test_each_ccxt_error_is_retried_counted_and_finally_raised_as_in_the_table(
    error: type[Exception], retried: bool, counted: bool, stays: type[Exception]
):
    judged = of_error(error("binance said so"))
    assert (judged.retried, judged.counted) == (retried, counted)
    assert isinstance(judged.final("binance BTC/USDT 1h"), stays)


@pytest.mark.parametrize("parsed", [{"code": -1120}, {"code": -1120, "msg": "Invalid interval."}])
def test_an_unsupported_interval_is_a_configuration_error(parsed: object):
    kind = of_code(parsed)
    assert kind is not None
    error = RequestFailed("Invalid interval.", kind).final("binance")
    assert isinstance(error, ConfigError)
    assert error.problems[0].key == "market_data.timeframe"


@pytest.mark.parametrize(
    "parsed", [{}, {"code": -1121}, {"code": "-1120"}, {"code": [-1120]}, {"code": {}}, [-1120], None, "-1120", 7]
)
def test_other_error_codes_are_left_to_ccxt(parsed: object):
    assert of_code(parsed) is None


def test_an_exceeded_rate_limit_without_a_wait_time_shuts_the_rate_limiter_for_the_default_wait():
    judged = of_error(ccxt.RateLimitExceeded("binance -1003"))
    assert (judged.shuts, judged.floor) == (True, UNSAID_WAIT)


@pytest.mark.parametrize("error", [KeyError("symbols"), TypeError("NoneType"), ValueError("x"), ZeroDivisionError()])
def test_an_exception_in_the_ccxt_parser_is_a_bad_answer(error: Exception):
    judged = of_error(error)
    assert (judged.retried, judged.counted, judged.kind) == (True, True, failures.BAD_ANSWER)
    assert "the answer cannot be parsed" in str(judged)


def test_a_bad_row_that_stays_is_a_data_error():
    assert isinstance(RequestFailed("low 0 is not above 0", failures.BAD_ROW).final("binance"), DataError)


@pytest.mark.parametrize("said", ["a\nb", "\x1b[31mred", "\u202egnp", "x" * 5000])
def test_a_message_of_an_exchange_is_shown_on_one_short_printable_line(said: str):
    shown = failures.said(said)
    assert shown.isprintable()
    assert len(shown) <= 6 * failures.SHOWN_LETTERS
