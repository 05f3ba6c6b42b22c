"""The others at the job that all can do, each as its manual says; one that is not installed is left out.

The job: SMA 10/30, long only, as many whole coins as a fixed sum buys, commission 0.1 %, no stops or slippage, the next
open (fast-trade: the same close, and parts of coins). `python -m tests.bench.peers NAME FILE` does it in a process.
"""

import importlib.util
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from safla.core.values import Columns
from tests.bench import job

DEPOSIT, SUM, FEE = 1e9, 9e6, 0.001  # quote coins; the deposit never binds
FAST, SLOW = 10, 30

Bools = npt.NDArray[np.bool_]


class Answer(NamedTuple):
    """What shows that it was the same job: closed trades, and equity at the end, quote coins."""

    trades: int
    equity: float


class Prices(NamedTuple):
    """Candles as floats, which all the others take; ts in ms."""

    ts: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any


class Peer(NamedTuple):
    """One system: what must be importable, what it takes, and its run over that."""

    name: str
    module: str
    taken: Callable[[Prices], Any]  # made once and not measured: frames, indexes
    run: Callable[[Any], Answer]

    @property
    def label(self) -> str:
        """Its name with the release that is installed."""
        return f"{self.name} {version(self.module.replace('_', '-'))}"


def prices(columns: Columns) -> Prices:
    """The candles of the job as floats."""
    return Prices(columns.ts, *(column / 100 for column in columns[1:]))


def installed() -> list[Peer]:
    """Those of the table that are here."""
    return [peer for peer in PEERS if importlib.util.find_spec(peer.module)]


def raptorbt_run(taken: Prices) -> Answer:
    """Rust; arrays of signals in."""
    import raptorbt

    above = raptorbt.sma(taken.close, FAST) > (slow := raptorbt.sma(taken.close, SLOW))
    below = raptorbt.sma(taken.close, FAST) < slow
    config = raptorbt.BacktestConfig(initial_capital=DEPOSIT, fees=FEE, slippage=0.0, fill_timing="next_bar_open")
    size = raptorbt.InstrumentConfig(lot_size=1.0, alloted_capital=SUM)
    found = raptorbt.run_single_backtest(
        *taken, began(above), began(below), 1, 1.0, "BTC", config, None, size
    )  # fmt: skip
    return Answer(int(found.metrics.total_closed_trades), float(found.metrics.end_value))


def vectorbt_run(taken: dict[str, Any], engine: str) -> Answer:
    """numba or Rust; arrays of signals in."""
    import vectorbt as vbt  # type: ignore[import-untyped]

    vbt.settings["engine"] = engine
    fast, slow = (vbt.MA.run(taken["close"], periods) for periods in (FAST, SLOW))
    entries, exits = (
        crossed.shift(1, fill_value=False) for crossed in (fast.ma_crossed_above(slow), fast.ma_crossed_below(slow))
    )
    found = vbt.Portfolio.from_signals(
        close=taken["close"], entries=entries, exits=exits, price=taken["open"], size=taken["coins"], fees=FEE,
        init_cash=DEPOSIT, freq="1min",
    )  # fmt: skip
    return Answer(int(found.trades.closed.count()), float(found.final_value()))


def vectorbt_taken(taken: Prices) -> dict[str, Any]:
    """Series without an index of time: with one that knows zones it takes fourteen seconds instead of 0.07."""
    import pandas as pd  # type: ignore[import-untyped]

    coins = np.floor(SUM / (1 + FEE) / taken.open)
    return {"open": pd.Series(taken.open), "close": pd.Series(taken.close), "coins": pd.Series(coins)}


def fast_trade_run(taken: Any) -> Answer:
    """polars and numba; a declarative description in."""
    from fast_trade import run_backtest  # type: ignore[import-untyped]

    described = {
        "base_balance": DEPOSIT, "freq": "1Min", "comission": 100 * FEE, "max_lot_size": SUM, "lot_size": 1.0,
        "start": "2023-01-01", "stop": "2099-01-01", "symbol": "BTC", "exchange": "none",
        "datapoints": [
            {"name": "fast", "transformer": "sma", "args": [FAST]},
            {"name": "slow", "transformer": "sma", "args": [SLOW]},
        ],
        "enter": [["fast", ">", "slow"]], "exit": [["fast", "<", "slow"]], "any_enter": [], "any_exit": [],
        "trailing_stop_loss": 0, "exit_on_end": False,
    }  # fmt: skip
    found = run_backtest(described, df=taken, summary=False)["df"]
    left = np.diff(found["in_trade"].to_numpy().astype(np.int8))
    return Answer(int(np.count_nonzero(left == -1)), float(found["adj_account_value"][-1]))


def fast_trade_taken(taken: Prices) -> Any:
    """A polars frame with a column of dates."""
    import polars as pl

    named = {"date": taken.ts, **dict(zip(Prices._fields[1:], taken[1:], strict=True))}
    return pl.DataFrame(named).with_columns(pl.from_epoch("date", time_unit="ms"))


def backtesting_run(taken: Any) -> Answer:
    """A Python loop; a class with a method for each candle in."""
    import backtesting  # type: ignore[import-untyped]

    class Crossing(backtesting.Strategy):  # type: ignore[misc]
        """Both averages come in as columns; a cross acts at the next open."""

        def init(self) -> None:
            """Cross-overs of the whole history, as its manual advises."""
            close = self.data.Close.s
            fast, slow = (close.rolling(periods).mean().to_numpy() for periods in (FAST, SLOW))
            self.up = self.I(lambda: began(fast > slow), plot=False)
            self.down = self.I(lambda: began(fast < slow), plot=False)

        def next(self) -> None:
            """One candle."""
            if self.up[-1] and not self.position:
                self.buy(size=int(self.data.Coins[-1]))
            elif self.down[-1] and self.position:
                self.position.close()

    test = backtesting.Backtest(taken, Crossing, cash=DEPOSIT, commission=FEE, trade_on_close=False)
    found = test.run()
    return Answer(int(found["# Trades"]), float(found["Equity Final [$]"]))


def backtesting_taken(taken: Prices) -> Any:
    """A frame that also holds, for each candle, the coins that the sum will buy at the next open."""
    import pandas as pd

    coins = np.floor(SUM / (1 + FEE) / np.append(taken.open[1:], taken.open[-1]))
    named = dict(zip(("Open", "High", "Low", "Close", "Volume"), taken[1:], strict=True))
    return pd.DataFrame({**named, "Coins": coins}, index=pd.to_datetime(taken.ts, unit="ms"))


def began(state: Any) -> Bools:
    """Where a state begins, not counting one that holds from the first candle on."""
    found = np.zeros(len(state), np.bool_)
    found[1:] = state[1:] & ~state[:-1]
    return found


def our_run(columns: Columns) -> Answer:
    """safla's engine and signals at this job, compiled."""
    from safla.core.engine import fold
    from safla.strategies import sma_crossover
    from tests.compiled_engine import compiled_entry

    folded = job.fold(columns, compiled_entry(fold), compiled_entry(sma_crossover.feed), common=True)
    return Answer(folded.trades - folded.positions, folded.equity / job.MONEY)


PEERS = (
    Peer("raptorbt", "raptorbt", lambda taken: taken, raptorbt_run),
    Peer("vectorbt, Rust", "vectorbt_rust", vectorbt_taken, lambda taken: vectorbt_run(taken, "rust")),
    Peer("vectorbt, numba", "vectorbt", vectorbt_taken, lambda taken: vectorbt_run(taken, "numba")),
    Peer("fast-trade", "fast_trade", fast_trade_taken, fast_trade_run),
    Peer("backtesting.py", "backtesting", backtesting_taken, backtesting_run),
)


def main() -> None:
    """Do the job in this process, from a file of float columns, and print the answer."""
    warnings.simplefilter("ignore")
    name, path = sys.argv[1:]
    columns = np.load(Path(path))
    peer = next(one for one in PEERS if one.name == name)
    print(*peer.run(peer.taken(Prices(columns[0].astype(np.int64), *columns[1:]))))


if __name__ == "__main__":
    main()
