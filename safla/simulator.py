"""TradingSimulator: a backtest as one call, with floats. It runs the engine and writes no run folder."""

import asyncio
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from safla.api.configuration import ConfigSource, load_config
from safla.compat.closing import Closing
from safla.compat.entries import to_float
from safla.compat.risk import RiskCheck, RiskManager
from safla.compat.stored import Moment, for_symbol
from safla.compat.strategy import EPOCH
from safla.core import engine
from safla.core import values as v
from safla.paper.pace import Pace
from safla.report.summary import summarise
from safla.runs.backtest import Prepared, prepare
from safla.runs.engine_choice import choose
from safla.runs.result import RunRecord, RunResult
from safla.runs.runner import fold_blocks

__all__ = ["Performance", "RiskCheck", "RiskManager", "Trade", "TradingSimulator"]


class Trade(NamedTuple):
    """A closed trade. Times are the open times of candles (UTC), amounts are floats in quote or base currency."""

    symbol: str
    opened: datetime
    closed: datetime
    quantity: float
    entry: float
    exit: float
    gross: float
    fees: float
    net: float
    reason: str  # signal, stop_loss, break_even, trailing_stop, take_profit, target_step, halt, data_gap, time_stop


@dataclass(frozen=True, kw_only=True)
class Performance:
    """The result of a backtest. Money is in the quote currency, ratios are fractions; None: undefined.

    total_pnl         the last equity less the initial balance
    total_return      the same over the initial balance
    win_rate          trades with a profit after all costs over all trades
    sharpe_ratio      of daily returns, a year of 365 days; None below 30 days
    max_drawdown      the largest fall from a peak, at candle closes, as a positive ratio
    profit_factor     net wins over net losses
    total_trades      number of closed trades
    commission_paid   commission of all fills, those of open positions included
    equity_curve      equity at the close of each candle, in time order
    trades            the closed trades, in the order in which they were closed
    """

    total_pnl: float
    total_return: float | None
    win_rate: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    profit_factor: float | None
    total_trades: int
    commission_paid: float
    equity_curve: list[float]
    trades: list[Trade]


class TradingSimulator(Closing):
    """A backtest of one symbol over the candles of the `data` section; without that section, over the exchange's.

    symbol  such as "BTC/USDT"; it replaces symbols.primary
    config  a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

        async with TradingSimulator("BTC/USDT", "config.yaml") as simulator:
            result = await simulator.run_backtest(datetime(2024, 1, 1), datetime(2024, 12, 31))
            print(result.total_pnl, result.sharpe_ratio)
    """

    _called = "simulator"

    def __init__(self, symbol: str = "BTC/USDT", config: ConfigSource = None) -> None:
        self._symbol = symbol
        self._loaded = load_config(config)

    async def run_backtest(
        self, start_date: Moment = None, end_date: Moment = None, speed_multiplier: float = math.inf
    ) -> Performance:
        """Run from start_date to end_date (exclusive); None: `data.start` and `data.end`.

        start_date, end_date  datetimes (naive ones are UTC), ISO dates or ms UTC
        speed_multiplier      1.0 is real time, 60.0 a minute a second, infinity as fast as possible

        ExchangeError where candles cannot be downloaded; DataError where there are none in the period; ConfigError for
        an invalid configuration; UsageError when the simulator is closed, also during the run.
        """
        self._refuse_closed()
        pace = Pace(speed_multiplier)
        loaded = for_symbol(self._loaded, self._symbol, start=start_date, end=end_date)
        prepared = await asyncio.to_thread(prepare, loaded)
        outcome = await self._fold(prepared, pace)
        return _performance(outcome, risk_free_rate=float(loaded.config.report.risk_free_rate))

    async def _fold(self, prepared: Prepared, pace: Pace) -> RunResult:
        """Run block by block in a thread, so that the event loop stays free."""
        run, series = prepared.run, prepared.series
        candles = sum(len(candles.columns.ts) for candles in series)
        forms = choose("auto", run.strategy, candles=candles, say=_ignore_note)
        blocks = fold_blocks(
            run, series, forms=forms, timestamps=engine.MAX_BLOCK if pace.unpaced else 1, with_lines=False
        )
        record = RunRecord(run, series)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            record.add(block)
            if len(block.ts) and int(block.ts[-1]) >= run.plan.rules.start_ts:  # the lookback has no pace (S16)
                await pace.wait(int(block.ts[-1]))
            self._refuse_closed()
        return record.outcome(prepared.sources)


def _ignore_note(_text: str) -> None:
    return


def _performance(outcome: RunResult, *, risk_free_rate: float) -> Performance:
    summary = summarise(outcome, risk_free_rate=risk_free_rate)
    begin = int(np.searchsorted(outcome.ts, outcome.run.plan.rules.start_ts))
    return Performance(
        total_pnl=summary["net_profit"],
        total_return=summary["total_return"],
        win_rate=summary["win_rate"],
        sharpe_ratio=summary["sharpe"],
        max_drawdown=summary["max_drawdown"],
        profit_factor=summary["profit_factor"],
        total_trades=summary["trades"],
        commission_paid=summary["commission_paid"],
        equity_curve=(outcome.equity[begin:] / 10.0**outcome.run.money_decimals).tolist(),
        trades=[_trade(outcome, row) for row in outcome.rows.tolist() if row[0] == v.TRADE_CLOSED],
    )


def _trade(outcome: RunResult, row: list[int]) -> Trade:
    run, (_, ts, symbol, *numbers) = outcome.run, row
    fields = dict(zip(v.ROW_FIELDS[v.TRADE_CLOSED], numbers, strict=False))  # rows are padded to the widest kind
    scale, money = run.scales[symbol], run.money_decimals
    return Trade(
        symbol=run.symbols[symbol],
        opened=EPOCH + timedelta(milliseconds=fields["opened"]),
        closed=EPOCH + timedelta(milliseconds=ts),
        quantity=to_float(fields["quantity"], scale.quantity_decimals),
        entry=to_float(fields["entry"], scale.price_decimals),
        exit=to_float(fields["exit"], scale.price_decimals),
        gross=to_float(fields["gross"], money),
        fees=to_float(fields["fees"], money),
        net=to_float(fields["net"], money),
        reason=str(v.REASONS[fields["reason"]]),
    )
