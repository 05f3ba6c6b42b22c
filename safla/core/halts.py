"""Halts of the whole account: how one opens, and how it is lifted. A set of rules stands beside the modes (S15)."""

from safla.core import values as v
from safla.core.account import emit, emit_marks, expire, move, place
from safla.core.machine import HALT, HALTED, RESUME, RESUME_LONG
from safla.core.pure import pure
from safla.core.values import Int64, Out, Rules


@pure
def is_open(account: Int64, rule: int) -> bool:
    """Whether a rule is among the open halts."""
    return int(account[v.HALT_OF_RULE + rule]) > 0


@pure
def open_halt(
    rules: Rules, account: Int64, book: Int64, out: Out, ts: int, rule: int, limit_ppm: int, reference: int
) -> None:
    """Open a halt: one row for the account, then entries expire, modes move, and positions get their exit (S15).

    limit_ppm, reference  what was met (money units); NONE for a halt from outside
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
            place(account, book, out, s, ts, v.SELL, v.BY_HALT, v.NONE)


@pure
def lift(account: Int64, out: Out, ts: int, rule: int, by: int) -> None:
    """Lift the halt of a rule. After a drawdown the peak starts anew at the equity of this moment (S15)."""
    number = int(account[v.HALT_OF_RULE + rule])
    account[v.HALT_OF_RULE + rule] = 0
    account[v.OPEN_HALTS] -= 1
    if rule == v.DRAWDOWN:
        account[v.PEAK] = int(account[v.EQUITY])
    emit(out, v.RESUMED, ts, v.NONE, (by, number, int(account[v.PEAK])))


@pure
def resume_modes(account: Int64, book: Int64, out: Out, ts: int) -> None:
    """When the last halt is lifted, every symbol leaves the halt: to long with a position, else to warming."""
    if int(account[v.OPEN_HALTS]) > 0:
        return
    for s in range(len(book)):
        move(book, out, s, ts, RESUME_LONG if int(book[s, v.QUANTITY]) > 0 else RESUME)
