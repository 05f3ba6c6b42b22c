"""Halts of the account: how they open and are lifted. The open halts are a set of rules, apart from the modes (S15)."""

from safla.core import values as v
from safla.core.account import emit, emit_marks, expire, move, place_exit
from safla.core.machine import HALT, HALTED, RESUME, RESUME_LONG
from safla.core.pure import pure
from safla.core.values import Int64, Int64Table, Out, Rules


@pure
def is_open(account: Int64, rule: int) -> bool:
    """Whether a rule is among the open halts."""
    return int(account[v.HALT_OF_RULE + rule]) > 0


@pure
def open_halt(
    rules: Rules, account: Int64, book: Int64Table, out: Out, ts: int, rule: int, limit_ppm: int, reference: int
) -> None:
    """Open a halt: emit a row for the account; then entries expire, modes change, positions get an exit order (S15).

    limit_ppm, reference  the limit, and the equity (money units) that it is a share of; NONE for a halt from outside
    """
    number = int(account[v.HALTS]) + 1
    account[v.HALTS] = number
    account[v.OPEN_HALTS] += 1
    account[v.HALT_OF_RULE + rule] = number
    if rule == v.DRAWDOWN:
        account[v.DRAWDOWN_DAY] = ts // v.DAY_MS
    emit(out, v.HALTED_ROW, ts, v.NONE, (number, rule, limit_ppm, int(account[v.EQUITY]), reference))
    emit_marks(book, out, ts)
    for s in range(len(book)):
        if int(book[s, v.ORDER_SIDE]) == v.BUY:
            expire(account, book, out, s, ts, v.BY_HALT)
        if int(book[s, v.MODE]) != HALTED:
            move(book, out, s, ts, HALT)
        if rules.flatten == 1 and int(book[s, v.QUANTITY]) > 0 and int(book[s, v.ORDER]) == 0:
            place_exit(account, book, out, s, ts, v.BY_HALT)


@pure
def lift(account: Int64, out: Out, ts: int, rule: int, by: int) -> None:
    """Lift the halt of a rule. After a drawdown the peak restarts at the present equity (S15).

    From the old peak the same drawdown would halt the account again at the next candle.
    """
    number = int(account[v.HALT_OF_RULE + rule])
    account[v.HALT_OF_RULE + rule] = 0
    account[v.OPEN_HALTS] -= 1
    if rule == v.DRAWDOWN:
        account[v.PEAK] = int(account[v.EQUITY])
    emit(out, v.RESUMED, ts, v.NONE, (by, number, int(account[v.PEAK])))


@pure
def resume_modes(account: Int64, book: Int64Table, out: Out, ts: int) -> None:
    """Once the last halt is lifted, a symbol with a position becomes long, any other becomes warming."""
    if int(account[v.OPEN_HALTS]) > 0:
        return
    for s in range(len(book)):
        move(book, out, s, ts, RESUME_LONG if int(book[s, v.QUANTITY]) > 0 else RESUME)
