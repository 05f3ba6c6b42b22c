"""Parsing of JSON and candle rows of an exchange (X2, X4, Z17), without a socket."""

from typing import Any

import pytest

from safla.exchange import transport
from safla.exchange.failures import RequestFailed

ROW = [1_704_067_200_000, "1.5", "2", "1", "1.7", "3", 1_704_070_799_999, "4", 5, "6", "7", "0"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", []),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        ("[1.50, -2.0e5, 3]", ["1.50", "-2.0e5", 3]),  # numbers with a point stay text
        ('["1.50"]', ["1.50"]),
    ],
)
def test_json_is_parsed_without_floats(text: str, found: Any):
    assert transport.parse(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "<html>",
        "null",
        '[[1,"2"',
        "[NaN]",
        "[Infinity]",
        '{"a":1,"a":2}',
        '{"a":{"b":1,"b":2}}',
        "[" * 100_000,
        "[1]x",
    ],
)
def test_text_that_is_not_json_or_empty_is_a_bad_answer(text: str):
    with pytest.raises(RequestFailed) as refused:
        transport.parse(text)
    assert (refused.value.retried, refused.value.counted) == (True, True)
    assert len(str(refused.value)) < 300


class Bare:
    """The part of a ccxt class that the rows need."""

    id = "binance"

    def parse_ohlcv(self, row: Any, market: Any = None) -> Any:
        return row[:6]


def rows(given: Any, *, name: str = "binance") -> Any:
    one = transport.strict_class(Bare)()
    one.id = name
    return one.parse_ohlcvs(given, None, "1h", 0, 1000, False)


def test_rows_keep_their_order_and_none_is_sorted_or_dropped():
    late = [ROW[0] + 3_600_000, *ROW[1:6], ROW[6] + 3_600_000, *ROW[7:]]
    assert [row[0] for row in rows([late, ROW, ROW])] == [late[0], ROW[0], ROW[0]]


@pytest.mark.parametrize("given", [None, {}, "text", 5])
def test_a_response_that_is_not_a_list_of_candles_is_a_bad_answer(given: Any):
    with pytest.raises(RequestFailed, match="expected a list of candles, got"):
        rows(given)


@pytest.mark.parametrize(
    "row",
    [None, {}, ROW[:4], [*ROW, "1"], ["1704067200000", *ROW[1:]], [*ROW[:6], "1704070799999", *ROW[7:]],
     [*ROW[:6], ROW[6] + 1, *ROW[7:]], [ROW[0] * 1000, *ROW[1:6], ROW[6] * 1000, *ROW[7:]]],
)  # fmt: skip
def test_a_row_with_a_wrong_shape_or_timeframe_is_a_bad_row(row: Any):
    with pytest.raises(RequestFailed, match="not a candle of this timeframe"):
        rows([ROW, row])


def test_rows_of_other_exchanges_are_parsed_by_ccxt():
    assert rows([[1, "2"]], name="kraken") == [[1, "2"]]
    with pytest.raises(RequestFailed, match="expected rows of candles, got"):
        rows([None], name="kraken")
