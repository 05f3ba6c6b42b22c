"""Fills and closed trades of a run as columns, for the figures and tables of trades. Nothing is summed here."""

import itertools
from typing import NamedTuple

import numpy as np

from safla.compiled.library import fastest
from safla.core import values as v
from safla.core.values import Float64, Int64
from safla.metrics.excursions import excursions
from safla.metrics.trades import first_stops, r_multiple
from safla.runs.result import RunResult


class Fills(NamedTuple):
    """Every fill in order: columns int64[fills], in the units of its symbol and of the run's money."""

    ts: Int64  # the open time of its candle, ms
    symbol: Int64  # index of the symbol in the run
    trade: Int64
    side: Int64  # values.BUY, values.SELL
    reason: Int64  # code of values.REASONS
    reference: Int64
    price: Int64
    quantity: Int64
    fee: Int64
    cash: Int64  # after the fill
    other: Int64  # the code of the other level that the candle spans (S12), 0: none
    k: Int64  # price * quantity * k is money


class Trades(NamedTuple):
    """Every closed trade in the order of closing: columns [trades], amounts as in Fills, ratios as floats."""

    symbol: Int64
    trade: Int64
    opened: Int64  # the open times of the candles of its fills, ms
    closed: Int64
    quantity: Int64
    entry: Int64
    exit: Int64
    gross: Int64
    fees: Int64
    net: Int64
    reason: Int64
    net_pct: Float64  # net over the entry's notional
    r: tuple[float | None, ...]  # net over the amount at risk with the first stop; None without a stop
    mae: Float64  # the furthest that prices went against the trade, over the entry price
    mfe: Float64  # the furthest that prices went for the trade, over the entry price


def fills_of(outcome: RunResult) -> Fills:
    """The fills of a run."""
    rows = _rows(outcome, v.FILLED)
    fields = _fields(rows, v.FILLED)
    del fields["order"]
    return Fills(ts=rows[:, 1], symbol=rows[:, 2], k=outcome.run.plan.markets[rows[:, 2], 2], **fields)


def trades_of(outcome: RunResult, fills: Fills) -> Trades:
    """The closed trades of a run. fills: the result of fills_of for the same run."""
    rows = _rows(outcome, v.TRADE_CLOSED)
    symbol, closed = rows[:, 2], rows[:, 1]
    fields = _fields(rows, v.TRADE_CLOSED)
    notional = fields["entry"] * fields["quantity"] * outcome.run.plan.markets[symbol, 2]
    mae, mfe = np.zeros(len(rows)), np.zeros(len(rows))
    reference = fills.reference[fills.side == v.SELL]  # each exit closes a trade, in the same order
    for place, series in enumerate(outcome.series):
        own = symbol == place
        mae[own], mfe[own] = excursions(
            series.columns, fields["opened"][own], closed[own], fields["entry"][own], reference[own]
        )
    return Trades(
        symbol=symbol,
        closed=closed,
        net_pct=fields["net"] / notional,
        r=_multiples(outcome, symbol, fields),
        mae=mae,
        mfe=mfe,
        **fields,
    )


def _rows(outcome: RunResult, kind: int) -> Int64:
    rows: Int64 = outcome.rows[outcome.rows[:, 0] == kind]
    return rows


def _fields(rows: Int64, kind: int) -> dict[str, Int64]:
    return {name: rows[:, 3 + place] for place, name in enumerate(v.ROW_FIELDS[kind])}


def _distances(outcome: RunResult, numbers: Int64) -> Int64:
    """The distances of stop, target and trail with which the entries of trades were placed (S30), [trades, 3]."""
    placed, filled = (
        _fields(_rows(outcome, v.ORDER_PLACED), v.ORDER_PLACED),
        _fields(_rows(outcome, v.FILLED), v.FILLED),
    )
    if not len(placed["order"]):  # no strategy that gives them, so the rows were not kept
        return np.full((len(numbers), 3), v.NONE, np.int64)
    bought = filled["side"] == v.BUY
    orders = filled["order"][bought][np.searchsorted(filled["trade"][bought], numbers)]  # both ascend
    places = np.searchsorted(placed["order"], orders)
    return np.column_stack([placed[name][places] for name in ("stop", "target", "trail")])


def _multiples(outcome: RunResult, symbol: Int64, fields: dict[str, Int64]) -> tuple[float | None, ...]:
    rules = outcome.run.plan.rules._replace(take_profit_ppm=0)  # only the stop level is needed
    ticks, _, ks, *_ = outcome.run.plan.markets[symbol].T
    entries, stops = np.ascontiguousarray(fields["entry"]), np.zeros(len(symbol), np.int64)
    fastest(first_stops)(rules, np.ascontiguousarray(ticks), entries, _distances(outcome, fields["trade"]), stops)
    columns = (fields["net"], entries, stops, fields["quantity"], ks)
    return tuple(itertools.starmap(r_multiple, zip(*(column.tolist() for column in columns), strict=True)))
