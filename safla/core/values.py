"""The plain values of the core: NamedTuples of integers, named columns of the state, and the rows that come out.

Units: price, quantity, volume and money are integers in units of 10^-decimals of their symbol or of the run (D1),
times are ms UTC, rates parts per million. 0 switches an optional rule off.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]

Detail = Literal["trades", "decisions", "candles"]  # of a journal: each has the events of those before it

DAY_MS = 86_400_000
NONE = -1  # "null" in a number that is never negative


class Rules(NamedTuple):
    """What the configuration decides about every candle and all symbols alike (CONFIG.md, keys marked as plan)."""

    step_ms: int  # the timeframe
    start_ts: int  # the first candle behind the lookback (S16)
    warm_up: int  # candles that the strategy needs
    max_gap_candles: int
    sell_on_gap: int  # 0 or 1
    max_fill_delay_candles: int
    optimistic: int  # 0 or 1: in a candle that spans both levels the target came first (S12)
    touch: int  # 0 or 1: a target is filled by a touch (S11)
    target_improvement: int  # 0 or 1: a target jumped over gives the open (S9)
    commission_ppm: int
    maker_commission_ppm: int
    base_slippage_ppm: int
    impact_ppm: int
    max_slippage_ppm: int
    entry_threshold_ppm: int
    max_position: int  # money
    position_size_ppm: int
    max_exposure_ppm: int
    stop_loss_ppm: int  # 0: none
    take_profit_ppm: int  # 0: none
    trailing_stop_ppm: int  # 0: none
    trailing_activation_ppm: int
    max_open_positions: int
    max_daily_loss_ppm: int  # 0: none
    max_drawdown_ppm: int  # 0: none
    drawdown_pause_days: int  # 0: until a person resumes
    max_daily_trades: int  # 0: none
    cooldown_candles: int
    flatten: int  # 0 or 1: a halt sells what is held


class Market(NamedTuple):
    """What one symbol's order needs to know of its market (S3, S25)."""

    tick: int  # price units
    lot: int  # quantity units
    k: int  # price * quantity * k is money (D1)
    min_notional: int  # money
    quantity_up: int  # quantity * quantity_up and volume * volume_up are in one scale
    volume_up: int


class Plan(NamedTuple):
    """What the engine is told once: the rules, and a row of Market numbers for each symbol."""

    rules: Rules
    markets: Int64  # [symbols, fields of Market]


class Columns(NamedTuple):
    """The candles of one symbol, each column int64[n], in ascending order of time."""

    ts: Int64
    open: Int64
    high: Int64
    low: Int64
    close: Int64
    volume: Int64


class Grid(NamedTuple):
    """The candles of all symbols on one time grid: ts int64[n], the others int64[symbols, n]; 0 where there is none."""

    ts: Int64
    open: Int64
    high: Int64
    low: Int64
    close: Int64
    volume: Int64


class Signals(NamedTuple):
    """A strategy's columns on that grid, [symbols, n]: signal int8 (+1 enter, -1 exit, 0), strength float64."""

    signal: Int8
    strength: Float64


# --- The state: two int64 arrays with named columns, the one thing in the core that is written to ---------------------

# the account
(
    CASH,
    EQUITY,  # at the last mark
    PEAK,
    DAY_START,  # equity at the day's start
    DAY_END,  # ms: the first time that belongs to the next UTC day
    DAY_ENTRIES,
    POSITIONS,  # how many are open
    WAITING,  # how many orders wait
    WAITING_ENTRIES,
    ORDERS,  # how many were numbered
    TRADES,
    HALTS,
    OPEN_HALTS,
    HALT_OF_RULE,  # four columns, one a rule: the number of its open halt, 0 for none
    _HALT_1,
    _HALT_2,
    _HALT_3,
    DRAWDOWN_DAY,  # the UTC day, counted from 1970, on which the drawdown halt opened
    REALISED,  # sum of net
    FEES,
    ROWS_FOLDED,  # candles of all symbols
    LAST_TS,  # of the last timestamp folded
    BROKEN,  # 1 + the symbol at which a bound of D1 would break, 0 for none
) = range(23)
ACCOUNT_FIELDS = 23

# a symbol
(
    MODE,
    SEEN,  # candles folded
    GAP,  # SEEN when the last gap was met: SEEN - HOLE candles are known since
    TS,  # of its last candle, NONE before the first
    CLOSE,  # its last
    VOLUME,  # its last above 0, 0 before the first
    ORDER,  # the number of the order that waits, 0 for none
    ORDER_SIDE,
    ORDER_REASON,
    CONFIDENCE,  # ppm, of a waiting entry
    BLOCKED,  # candles without volume that a waiting entry has met
    QUANTITY,  # of the open position, 0 for none
    ENTRY,  # price
    ENTRY_FEE,
    OPENED,  # ms
    TRADE,
    STOP_LEVEL,
    TARGET_LEVEL,
    TRAIL_LEVEL,
    ARM_LEVEL,
    HIGHEST,  # since the fill
    COOLING,  # 1 + SEEN before the candle of the last losing exit, 0 for none
) = range(22)
SYMBOL_FIELDS = 22


class State(NamedTuple):
    """Where a run stands: account int64[fields], book int64[symbols, fields]."""

    account: Int64
    book: Int64


# --- Codes -----------------------------------------------------------------------------------------------------------

BUY, SELL = 1, 2
SIDES = (None, "buy", "sell")

ENTER_SIGNAL, EXIT_SIGNAL = 1, -1
UNASKED = 2  # where a signal would stand: the strategy failed there, and nothing is decided (J17)

HALT_RULES = ("daily_loss", "drawdown", "operator", "strategy_error")
DAILY_LOSS, DRAWDOWN, OPERATOR, STRATEGY_ERROR = range(len(HALT_RULES))

RESUMERS = ("new_day", "pause", "operator")
NEW_DAY, PAUSE, BY_OPERATOR = range(len(RESUMERS))

REASONS = (
    None,
    # why an order was placed or a fill was made
    "signal",
    "halt",
    "data_gap",
    "stop_loss",
    "trailing_stop",
    "take_profit",
    # why a waiting order was given up
    "no_volume",
    "end_of_data",
    # why an order was rejected (S24)
    "halted",
    "already_long",
    "warming",
    "order_waiting",
    "cooldown",
    "max_open_positions",
    "max_daily_trades",
    "max_exposure",
    "insufficient_cash",
    "below_lot",
    "no_level",
    "below_min_notional",
    "not_long",
)
(
    NO_REASON,
    BY_SIGNAL,
    BY_HALT,
    DATA_GAP,
    STOP_LOSS,
    TRAILING_STOP,
    TAKE_PROFIT,
    NO_VOLUME,
    END_OF_DATA,
    WHILE_HALTED,
    ALREADY_LONG,
    WHILE_WARMING,
    ORDER_WAITING,
    COOLDOWN,
    MAX_OPEN_POSITIONS,
    MAX_DAILY_TRADES,
    MAX_EXPOSURE,
    INSUFFICIENT_CASH,
    BELOW_LOT,
    NO_LEVEL,
    BELOW_MIN_NOTIONAL,
    NOT_LONG,
) = range(len(REASONS))

# --- What comes out: rows of int64, one a line of the journal --------------------------------------------------------

KINDS = (
    "mark",  # belongs to the day_started or halted before it
    "day_started",
    "mode_changed",
    "signal",
    "order_placed",
    "order_rejected",
    "order_expired",
    "filled",
    "trade_closed",
    "halted",
    "resumed",
)
(
    MARK,
    DAY_STARTED,
    MODE_CHANGED,
    SIGNAL,
    ORDER_PLACED,
    ORDER_REJECTED,
    ORDER_EXPIRED,
    FILLED,
    TRADE_CLOSED,
    HALTED_ROW,
    RESUMED,
) = range(len(KINDS))

# Every row begins with kind, ts and symbol (NONE for the account); these are its numbers behind them, in order.
ROW_FIELDS = {
    MARK: ("quantity", "price"),
    DAY_STARTED: ("cash", "equity", "peak"),
    MODE_CHANGED: ("trigger", "source", "target"),
    SIGNAL: ("signal",),  # its strength stands in Out.strength
    ORDER_PLACED: ("order", "side", "reason", "confidence"),  # ppm, NONE for a sell
    ORDER_REJECTED: ("order", "side", "reason", "value", "limit"),  # NONE for null; the reason says the unit (J16)
    ORDER_EXPIRED: ("order", "side", "reason"),
    FILLED: ("order", "trade", "side", "reason", "reference", "price", "quantity", "fee", "cash", "other"),  # S12
    TRADE_CLOSED: ("trade", "opened", "quantity", "entry", "exit", "gross", "fees", "net", "reason"),
    HALTED_ROW: ("halt", "rule", "limit", "equity", "reference"),  # limit in ppm; NONE for null
    RESUMED: ("by", "halt", "peak"),
}
ROW_WIDTH = 3 + max(map(len, ROW_FIELDS.values()))


class Out(NamedTuple):
    """Where the engine writes what happened; it is emptied by whoever reads it.

    rows      int64[room, ROW_WIDTH], as ROW_FIELDS says
    strength  float64[room], of the rows that are signals
    used      int64[1], how many rows are filled
    equity    int64[timestamps of the block], money, the mark of each
    trough    the same with each open position at the candle's low, or at its stop where that is higher (SEMANTICS 7)
    """

    rows: Int64
    strength: Float64
    used: Int64
    equity: Int64
    trough: Int64
