"""Where a run stands: account, open halts, each symbol; as values and as a person reads it. It computes nothing."""

from collections.abc import Sequence
from typing import Any

from safla.config.plan import RunPlan
from safla.core import values as v
from safla.core.candles import Scale, iso
from safla.core.machine import MODES
from safla.core.scale import to_text
from safla.core.values import State
from safla.journal.events import Event
from safla.text import counted

LEVELS = (("stop", v.STOP_LEVEL), ("trail", v.TRAIL_LEVEL), ("target", v.TARGET_LEVEL))


def stand(run: RunPlan, ts: int, *, state: State) -> dict[str, Any]:
    """The stand behind the candle that opens at ts; amounts as text with all their places, null where there is none."""
    account = [int(number) for number in state.account]
    fields = {"cash": v.CASH, "equity": v.EQUITY, "peak": v.PEAK, "day_start": v.DAY_START}
    return {
        "candle": iso(ts),
        "quote": run.quote,
        **{name: to_text(account[field], run.money_decimals) for name, field in fields.items()},
        "trades": account[v.TRADES],
        "entries_today": account[v.DAY_ENTRIES],
        "open_halts": [name for rule, name in enumerate(v.HALT_RULES) if account[v.HALT_OF_RULE + rule] > 0],
        "symbols": [
            {
                "symbol": symbol,
                "mode": MODES[row[v.MODE]],
                "close": to_text(row[v.CLOSE], scale.price_decimals) if row[v.CLOSE] > 0 else None,
                "position": _position(row, scale),
                "order": _order(row),
            }
            for symbol, scale, row in zip(run.symbols, run.scales, state.book.tolist(), strict=True)
        ],
    }


def _position(row: list[int], scale: Scale) -> dict[str, Any] | None:
    if row[v.QUANTITY] == 0:
        return None
    return {
        "quantity": to_text(row[v.QUANTITY], scale.quantity_decimals),
        "entry": to_text(row[v.ENTRY], scale.price_decimals),
        "opened": iso(row[v.OPENED]),
        **{name: to_text(row[at], scale.price_decimals) if row[at] > 0 else None for name, at in LEVELS},
    }


def _order(row: list[int]) -> dict[str, Any] | None:
    if row[v.ORDER] == 0:
        return None
    return {"order": row[v.ORDER], "side": v.SIDES[row[v.ORDER_SIDE]], "reason": v.REASONS[row[v.ORDER_REASON]]}


def stand_lines(told: dict[str, Any]) -> list[str]:
    """The same, a line each."""
    quote = told["quote"]
    marks = f"(peak {told['peak']} {quote}, start of the day {told['day_start']} {quote})"
    return [
        f"candle   {told['candle']}",
        f"cash     {told['cash']} {quote}",
        f"equity   {told['equity']} {quote} {marks}",
        f"trades   {told['trades']:,} ({counted(told['entries_today'], 'entry', plural='entries')} today)",
        f"halts    {' '.join(told['open_halts']) or 'none open'}",
        *map(_symbol_line, told["symbols"]),
    ]


def watched_lines(told: dict[str, Any], events: Sequence[Event]) -> list[str]:
    """One timestamp as it passes by: the stand in a line, and below it what happened."""
    symbols = ", ".join(f"{one['symbol']} {one['close'] or 'no candle yet'} {one['mode']}" for one in told["symbols"])
    halts = f", halted by {' '.join(told['open_halts'])}" if told["open_halts"] else ""
    return [f"{told['candle']}  {symbols}, equity {told['equity']} {told['quote']}{halts}", *map(_event_line, events)]


def _event_line(event: Event) -> str:
    fields = [(name, getattr(event, name)) for name in event.__struct_fields__[1:]]
    told = ", ".join(f"{name} {value}" for name, value in fields if value is not None and not isinstance(value, list))
    return f"  {event.__struct_config__.tag}: {told}"


def _symbol_line(told: dict[str, Any]) -> str:
    position, order = told["position"], told["order"]
    text = f"{told['symbol']}  {told['close'] or 'no candle yet'}  {told['mode']}"
    if position:
        levels = [f"{name} {position[name]}" for name, _ in LEVELS if position[name]]
        bought = f"{position['quantity']} bought at {position['entry']} ({position['opened']})"
        text += f", {bought}, {', '.join(levels) or 'no level'}"
    if order:
        text += f", order {order['order']} waits to {order['side']} ({order['reason']})"
    return text
