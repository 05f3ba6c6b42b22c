"""The snapshot of a run: account, positions, orders and halts as plain values, from its state. No files, no clock.

Amounts are decimal text with all their places (J13), ratios are text with six (J14); an undefined value is None.
"""

from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Scale
from safla.core.exits import Levels, stop_reason
from safla.core.machine import MODES
from safla.core.scale import ratio, to_text
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import State

PPM_PLACES = 6  # decimal places of a limit in ppm


class Position(NamedTuple):
    """The open position of one symbol, valued at its last close."""

    quantity: str
    entry: str  # price of the fill
    opened: int  # ms
    stop: str | None  # price in force: the higher of stop-loss and trailing stop (S27)
    stop_is: str | None  # stop_loss, break_even or trailing_stop
    target: str | None  # price of the take-profit
    unrealised: str  # money: quantity * (close - entry), without fees


class Waiting(NamedTuple):
    """An order that waits for the next open."""

    order: int
    side: str
    reason: str


class SymbolSnapshot(NamedTuple):
    """The state of one symbol."""

    symbol: str
    mode: str
    ts: int | None  # open time of its last candle, ms
    close: str | None
    position: Position | None
    waiting: Waiting | None


class AccountHalt(NamedTuple):
    """A rule that halts the account now, and the number of its halt (J15)."""

    rule: str
    halt: int


class AccountSnapshot(NamedTuple):
    """The account and its symbols after the last processed timestamp; the day_ fields are about its UTC day."""

    name: str
    timeframe: str
    quote: str
    ts: int | None  # open time of the last candle of all symbols, ms
    closed: int | None  # close time of that candle, ms
    cash: str
    equity: str
    peak: str
    drawdown: str | None  # ratio of the peak
    drawdown_limit: str | None  # None: no limit
    day_profit: str  # money, negative for a loss
    day_loss: str | None  # ratio of the equity at the day's start; 0 if there is no loss
    day_loss_limit: str | None  # None: no limit
    day_entries: int
    day_entries_limit: int | None  # None: no limit
    open_halts: tuple[AccountHalt, ...]
    trades_closed: int
    realised: str  # sum of the net profits of closed trades
    fees: str  # including those of open positions
    symbols: tuple[SymbolSnapshot, ...]


def account_snapshot(run: RunPlan, state: State) -> AccountSnapshot:
    """The snapshot of a run in this state."""
    account = [int(number) for number in state.account]
    rules, places = run.plan.rules, run.money_decimals
    ts = account[v.LAST_TS] if account[v.LAST_TS] != v.NONE else None
    drawdown, day_loss = account[v.PEAK] - account[v.EQUITY], account[v.DAY_START] - account[v.EQUITY]
    return AccountSnapshot(
        name=run.name,
        timeframe=run.timeframe,
        quote=run.quote,
        ts=ts,
        closed=None if ts is None else ts + TIMEFRAMES[run.timeframe],
        cash=to_text(account[v.CASH], places),
        equity=to_text(account[v.EQUITY], places),
        peak=to_text(account[v.PEAK], places),
        drawdown=_share(drawdown, account[v.PEAK]),
        drawdown_limit=_limit(rules.max_drawdown_ppm),
        day_profit=to_text(-day_loss, places),
        day_loss=_share(max(0, day_loss), account[v.DAY_START]),
        day_loss_limit=_limit(rules.max_daily_loss_ppm),
        day_entries=account[v.DAY_ENTRIES],
        day_entries_limit=rules.max_daily_trades or None,
        open_halts=tuple(
            AccountHalt(name, account[v.HALT_OF_RULE + rule])
            for rule, name in enumerate(v.HALT_RULES)
            if account[v.HALT_OF_RULE + rule] > 0
        ),
        trades_closed=account[v.TRADES] - account[v.POSITIONS],
        realised=to_text(account[v.REALISED], places),
        fees=to_text(account[v.FEES], places),
        symbols=tuple(_symbol(run, s, state.book[s].tolist()) for s in range(len(run.symbols))),
    )


def _share(amount: int, whole: int) -> str | None:
    return ratio(amount, whole) if whole > 0 else None


def _limit(ppm: int) -> str | None:
    return to_text(ppm, PPM_PLACES) if ppm > 0 else None


def _symbol(run: RunPlan, s: int, row: list[int]) -> SymbolSnapshot:
    scale = run.scales[s]
    return SymbolSnapshot(
        symbol=run.symbols[s],
        mode=MODES[row[v.MODE]],
        ts=row[v.TS] if row[v.TS] != v.NONE else None,
        close=_price(row[v.CLOSE], scale),
        position=_position(row, scale, k=int(run.plan.markets[s, 2]), places=run.money_decimals),
        waiting=_waiting(row),
    )


def _price(units: int, scale: Scale) -> str | None:
    return to_text(units, scale.price_decimals) if units > 0 else None


def _position(row: list[int], scale: Scale, *, k: int, places: int) -> Position | None:
    if row[v.QUANTITY] == 0:
        return None
    levels = Levels(
        *(row[at] for at in (v.STOP_LEVEL, v.TARGET_LEVEL, v.TRAIL_LEVEL, v.ARM_LEVEL, v.HIGHEST, v.EVEN_LEVEL))
    )
    in_force = max(levels.stop, levels.trail)
    return Position(
        quantity=to_text(row[v.QUANTITY], scale.quantity_decimals),
        entry=to_text(row[v.ENTRY], scale.price_decimals),
        opened=row[v.OPENED],
        stop=_price(in_force, scale),
        stop_is=v.REASONS[stop_reason(levels)] if in_force > 0 else None,
        target=_price(row[v.TARGET_LEVEL], scale),
        unrealised=to_text(row[v.QUANTITY] * (row[v.CLOSE] - row[v.ENTRY]) * k, places),
    )


def _waiting(row: list[int]) -> Waiting | None:
    if row[v.ORDER] == 0:
        return None
    side, reason = v.SIDES[row[v.ORDER_SIDE]], v.REASONS[row[v.ORDER_REASON]]
    assert side is not None, "an order that waits has a side"
    assert reason is not None, "and a reason"
    return Waiting(row[v.ORDER], side, reason)
