"""The plain values of the core: NamedTuples of integers, named columns of the state, and the rows that it emits.

Units: price, quantity, volume and money are integers in units of 10^-decimals of their symbol or of the run (D1),
times are ms UTC, rates are parts per million. 0 switches off an optional rule.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

if TYPE_CHECKING:  # to check a configuration needs no arrays, and numpy takes a fifth of that time to import
    import numpy as np
    import numpy.typing as npt


class ArrayType(NamedTuple):
    """What an annotation says of an array; compiled/library.py makes the arguments of compiled code from it."""

    dtype: str
    dimensions: int


Int64 = Annotated["npt.NDArray[np.int64]", ArrayType("int64", 1)]
Int64Table = Annotated["npt.NDArray[np.int64]", ArrayType("int64", 2)]
Int8 = Annotated["npt.NDArray[np.int8]", ArrayType("int8", 1)]
Int8Table = Annotated["npt.NDArray[np.int8]", ArrayType("int8", 2)]
Float64 = Annotated["npt.NDArray[np.float64]", ArrayType("float64", 1)]
Float64Table = Annotated["npt.NDArray[np.float64]", ArrayType("float64", 2)]
Mask = Annotated["npt.NDArray[np.bool_]", ArrayType("bool", 1)]

Detail = Literal["trades", "decisions", "candles"]  # of a journal; each has the events of the levels before it

DAY_MS = 86_400_000
NONE = -1  # means null, for numbers that are never negative


class Rules(NamedTuple):
    """What the configuration says about the handling of every candle, the same for all symbols."""

    step_ms: int  # the timeframe
    start_ts: int  # the first candle after the lookback (S16)
    warm_up: int  # candles that the strategy needs, from the first of the run on
    settle: int  # candles that it needs after a gap, 1 to warm_up (S29)
    max_gap_candles: int
    sell_on_gap: int  # 0 or 1
    max_fill_delay_candles: int
    optimistic: int  # 0 or 1: where one candle reaches stop and target, the target came first (S12)
    touch: int  # 0 or 1: touching a target fills it (S11)
    target_improvement: int  # 0 or 1: where an opening gap passes the target, it is filled at the open (S9)
    commission_ppm: int
    maker_commission_ppm: int
    base_slippage_ppm: int
    impact_ppm: int
    max_slippage_ppm: int
    confidence_cap_ppm: int
    confidence_threshold_ppm: int  # the strength of confidence 1; 0: every entry has the cap
    max_position: int  # money; 0: none
    position_size_ppm: int
    equity_share_ppm: int  # 0: none
    risk_ppm: int  # of the equity, the most that an entry may lose at its stop; 0: none (S31)
    max_exposure_ppm: int
    stop_loss_ppm: int  # 0: none
    take_profit_ppm: int  # 0: none
    trailing_stop_ppm: int  # 0: none
    trailing_activation_ppm: int
    stop_distance: int  # 0 or 1: the strategy gives it, in place of the share (S30)
    target_distance: int
    trail_distance: int
    break_even_after_ppm: int  # 0: none (S43)
    break_even_offset_ppm: int
    max_held_candles: int  # 0: none (S32)
    max_open_positions: int
    max_daily_loss_ppm: int  # 0: none
    max_drawdown_ppm: int  # 0: none
    drawdown_pause_days: int  # 0: until a person resumes
    max_daily_trades: int  # 0: none
    cooldown_candles: int
    flatten: int  # 0 or 1: a halt sells every position


class Market(NamedTuple):
    """The numbers of one symbol's market that orders and fills need (S3, S25)."""

    tick: int  # price units
    lot: int  # quantity units
    k: int  # price * quantity * k is money (D1)
    min_notional: int  # money
    quantity_up: int  # quantity * quantity_up and volume * volume_up have the same scale
    volume_up: int


NOT_GIVEN: Any = None  # in place of an array of which there is none; `engine.advance` puts an empty one there


class Plan(NamedTuple):
    """What stays the same for a whole run: the rules, and a row of Market numbers for each symbol."""

    rules: Rules
    markets: Int64Table  # [symbols, fields of Market]
    target_steps: Int64Table = NOT_GIVEN  # [steps, 2], ascending: candles after that of the entry, gain in ppm (S40)


class Columns(NamedTuple):
    """The candles of one symbol, each column int64[n], in ascending order of time."""

    ts: Int64
    open: Int64
    high: Int64
    low: Int64
    close: Int64
    volume: Int64


class Grid(NamedTuple):
    """The candles of all symbols on one time grid: ts int64[n], the others int64[symbols, n]; 0: no candle there."""

    ts: Int64
    open: Int64Table
    high: Int64Table
    low: Int64Table
    close: Int64Table
    volume: Int64Table


class Signals(NamedTuple):
    """A strategy's columns on that grid, [symbols, n]: signal int8 (+1 enter, -1 exit, 0), strength float64.

    The others are distances in price units, NONE where one is not known (S30). A strategy that does not give one has no
    column of it.
    """

    signal: Int8Table
    strength: Float64Table
    stop: Int64Table = NOT_GIVEN  # below the fill price, at an entry
    target: Int64Table = NOT_GIVEN  # above it, at an entry
    trail: Int64Table = NOT_GIVEN  # below the highest price, at every candle

    def part(self, first: int, end: int | None = None) -> "Signals":
        """The signals of the timestamps first to end - 1, or to the last one."""
        stop, target, trail = (column if column is NOT_GIVEN else column[:, first:end] for column in self[2:])
        return Signals(self.signal[:, first:end], self.strength[:, first:end], stop, target, trail)


# --- The state: two int64 arrays with named columns, changed in place ------------------------------------------------

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
    ORDERS,  # how many were placed so far, which is the number of the last
    TRADES,
    HALTS,
    OPEN_HALTS,
    HALT_OF_RULE,  # four columns, one for each of HALT_RULES: the number of its open halt, 0 for none
    _HALT_1,
    _HALT_2,
    _HALT_3,
    DRAWDOWN_DAY,  # the UTC day, counted from 1970, on which the drawdown halt opened
    REALISED,  # net profit of all closed trades
    FEES,
    ROWS_FOLDED,  # candles of all symbols
    LAST_TS,  # the last timestamp folded
    BROKEN,  # 1 + the index of the symbol that would pass a bound of D1, 0 for none
) = range(23)
ACCOUNT_FIELDS = 23

# a symbol
(
    MODE,
    SEEN,  # candles folded
    GAP,  # SEEN at the last gap: SEEN - GAP candles are known since
    TS,  # of its last candle, NONE before the first
    CLOSE,  # its last
    VOLUME,  # its last above 0, 0 before the first
    ORDER,  # the number of the order that waits, 0 for none
    ORDER_SIDE,
    ORDER_REASON,
    CONFIDENCE,  # ppm, of a waiting entry
    ORDER_STOP,  # the distances of a waiting entry, price units, NONE for none (S30)
    ORDER_TARGET,
    ORDER_TRAIL,
    BLOCKED,  # candles without volume since the waiting entry was placed
    QUANTITY,  # of the open position, 0 for none
    ENTRY,  # price
    ENTRY_FEE,
    ENTRY_SEEN,  # SEEN before the candle of its entry
    OPENED,  # ms
    TRADE,
    STOP_LEVEL,
    TARGET_LEVEL,
    TRAIL_LEVEL,
    ARM_LEVEL,
    HIGHEST,  # the highest price since the fill
    EVEN_LEVEL,  # STOP_LEVEL once break-even has raised it, else 0 (S43)
    COOLING,  # 1 + SEEN before the candle of the last losing exit, 0 if there was none
    STOOD_SIGNAL,  # the last signal that was written (S28)
    STOOD_REASON,  # why it was rejected, at the decision or at the open; NO_REASON where it was not
    STOOD_SEEN,  # SEEN at the last candle with a signal, written or standing
    STOOD_ENTERS,  # how many signals stood after the lookback
    STOOD_EXITS,
) = range(32)
SYMBOL_FIELDS = 32


class State(NamedTuple):
    """The state of a run: account int64[fields], book int64[symbols, fields]."""

    account: Int64
    book: Int64Table


# --- Codes -----------------------------------------------------------------------------------------------------------

BUY, SELL = 1, 2
SIDES = (None, "buy", "sell")

ENTER_SIGNAL, EXIT_SIGNAL = 1, -1
UNASKED = 2  # in place of a signal: the strategy failed there, so nothing is decided (J17)

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
    "time_stop",
    "stop_loss",
    "break_even",
    "trailing_stop",
    "take_profit",
    "target_step",
    # why a waiting order expired
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
    TIME_STOP,
    STOP_LOSS,
    BREAK_EVEN,
    TRAILING_STOP,
    TAKE_PROFIT,
    TARGET_STEP,
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

# --- Output: rows of int64, each of which becomes a line of the journal ----------------------------------------------

KINDS = (
    "mark",  # part of the day_started or halted row before it
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

# Every row begins with kind, ts and symbol (NONE for the account). These are the numbers that follow, in order.
ROW_FIELDS = {
    MARK: ("quantity", "price"),
    DAY_STARTED: ("cash", "equity", "peak"),
    MODE_CHANGED: ("trigger", "source", "target"),
    SIGNAL: ("signal",),  # its strength is in Out.strength
    ORDER_PLACED: ("order", "side", "reason", "confidence", "stop", "target", "trail"),  # ppm, prices; NONE for null
    ORDER_REJECTED: ("order", "side", "reason", "value", "limit"),  # NONE for null; the reason gives the unit (J16)
    ORDER_EXPIRED: ("order", "side", "reason"),
    FILLED: ("order", "trade", "side", "reason", "reference", "price", "quantity", "fee", "cash", "other"),  # S12
    TRADE_CLOSED: ("trade", "opened", "quantity", "entry", "exit", "gross", "fees", "net", "reason"),
    HALTED_ROW: ("halt", "rule", "limit", "equity", "reference"),  # limit in ppm; NONE for null
    RESUMED: ("by", "halt", "peak"),
}
ROW_WIDTH = 3 + max(map(len, ROW_FIELDS.values()))


class Out(NamedTuple):
    """Where the engine writes what happened. The reader empties it.

    rows      int64[room, ROW_WIDTH], laid out by ROW_FIELDS
    strength  float64[room], of the rows that are signals
    used      int64[1], how many rows are filled
    equity    int64[timestamps of the block], money, marked at each close
    trough    the same with each open position at the candle's low, or at its stop where that is higher
    """

    rows: Int64Table
    strength: Float64
    used: Int64
    equity: Int64
    trough: Int64
