"""Where a run stands, as a person reads it: account, open halts, and a line a symbol. It computes nothing."""

from collections.abc import Iterator

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import iso
from safla.core.machine import MODES
from safla.core.scale import to_text
from safla.core.values import State


def stand_lines(run: RunPlan, ts: int, *, state: State) -> list[str]:
    """The stand behind the candle that opens at ts, a line each."""
    account = [int(number) for number in state.account]

    def money(field: int) -> str:
        return f"{to_text(account[field], run.money_decimals)} {run.quote}"

    lines = [
        f"candle   {iso(ts)}",
        f"cash     {money(v.CASH)}",
        f"equity   {money(v.EQUITY)} (peak {money(v.PEAK)}, start of the day {money(v.DAY_START)})",
        f"trades   {account[v.TRADES]}, {account[v.DAY_ENTRIES]} entries today",
        f"halts    {' '.join(_open_halts(account)) or 'none open'}",
    ]
    return lines + list(_symbols(run, state))


def _open_halts(account: list[int]) -> list[str]:
    return [name for rule, name in enumerate(v.HALT_RULES) if account[v.HALT_OF_RULE + rule] > 0]


def _symbols(run: RunPlan, state: State) -> Iterator[str]:
    for symbol, scale, row in zip(run.symbols, run.scales, state.book.tolist(), strict=True):
        text = f"{symbol}  {MODES[row[v.MODE]]}"
        if row[v.QUANTITY] > 0:
            quantity = to_text(row[v.QUANTITY], scale.quantity_decimals)
            levels = (("stop", v.STOP_LEVEL), ("trail", v.TRAIL_LEVEL), ("target", v.TARGET_LEVEL))
            told = [f"{name} {to_text(row[field], scale.price_decimals)}" for name, field in levels if row[field] > 0]
            entry = to_text(row[v.ENTRY], scale.price_decimals)
            text += f", {quantity} bought at {entry} ({iso(row[v.OPENED])}), {', '.join(told) or 'no level'}"
        if row[v.ORDER] > 0:
            text += f", order {row[v.ORDER]} waits to {v.SIDES[row[v.ORDER_SIDE]]} ({v.REASONS[row[v.ORDER_REASON]]})"
        yield text
