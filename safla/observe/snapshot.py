"""Where a run stands, as plain values made of its state: what a person asks of it. No file, no clock, no words.

Amounts are decimal texts with all their places (J13), shares are texts with six (J14); what is undefined is None.
"""

from typing import NamedTuple

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Scale
from safla.core.machine import MODES
from safla.core.scale import ratio, to_text
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import State

PPM_PLACES = 6  # a limit of so many millionths, as text


class Position(NamedTuple):
    """What is held of one symbol, valued at its last close."""

    quantity: str
    entry: str  # price of the fill
    opened: int  # ms
    stop: str | None  # in force: the higher of stop and trail (S27)
    stop_is: str | None  # stop_loss or trailing_stop
    target: str | None
    unrealised: str  # money: quantity * (close - entry), before any fee


class Waiting(NamedTuple):
    """An order that waits for the next open."""

    order: int
    side: str
    reason: str


class SymbolStanding(NamedTuple):
    """One symbol."""

    symbol: str
    mode: str
    ts: int | None  # open time of its last candle, ms
    close: str | None
    position: Position | None
    waiting: Waiting | None


class AccountHalt(NamedTuple):
    """A rule that halts the account, and the number of its halt (J15)."""

    rule: str
    halt: int


class AccountSnapshot(NamedTuple):
    """The account and its symbols behind the last timestamp folded; "day" is that UTC day."""

    name: str
    timeframe: str
    quote: str
    ts: int | None  # open time of the last candle of all, ms
    closed: int | None  # when it closed, ms
    cash: str
    equity: str
    peak: str
    drawdown: str | None  # share of the peak
    drawdown_limit: str | None
    day_profit: str  # money, below zero for a loss
    day_loss: str | None  # share of the day's start; zero where there is none
    day_loss_limit: str | None
    day_entries: int
    day_entries_limit: int | None
    open_halts: tuple[AccountHalt, ...]
    trades_closed: int
    realised: str  # sum of net profits
    fees: str  # those of open positions included
    symbols: tuple[SymbolStanding, ...]


def standing(run: RunPlan, state: State) -> AccountSnapshot:
    """Where a run stands behind a state."""
    account = [int(number) for number in state.account]
    rules, places = run.plan.rules, run.money_decimals
    ts = account[v.LAST_TS] if account[v.LAST_TS] != v.NONE else None
    fallen, lost = account[v.PEAK] - account[v.EQUITY], account[v.DAY_START] - account[v.EQUITY]
    return AccountSnapshot(
        name=run.name,
        timeframe=run.timeframe,
        quote=run.quote,
        ts=ts,
        closed=None if ts is None else ts + TIMEFRAMES[run.timeframe],
        cash=to_text(account[v.CASH], places),
        equity=to_text(account[v.EQUITY], places),
        peak=to_text(account[v.PEAK], places),
        drawdown=_share(fallen, account[v.PEAK]),
        drawdown_limit=_limit(rules.max_drawdown_ppm),
        day_profit=to_text(-lost, places),
        day_loss=_share(max(0, lost), account[v.DAY_START]),
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


def _symbol(run: RunPlan, s: int, row: list[int]) -> SymbolStanding:
    scale = run.scales[s]
    return SymbolStanding(
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
    stop, trail = row[v.STOP_LEVEL], row[v.TRAIL_LEVEL]
    trailing = trail > stop
    in_force = max(stop, trail)
    return Position(
        quantity=to_text(row[v.QUANTITY], scale.quantity_decimals),
        entry=to_text(row[v.ENTRY], scale.price_decimals),
        opened=row[v.OPENED],
        stop=_price(in_force, scale),
        stop_is=v.REASONS[v.TRAILING_STOP if trailing else v.STOP_LOSS] if in_force > 0 else None,
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
