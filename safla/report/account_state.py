"""The account at a candle: cash, open halts, each symbol; as values and as lines of text. No figure is computed."""

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
    """The account after the candle that opens at ts (ms); amounts are texts with all their decimals, null for none."""
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


def stand_lines(account: dict[str, Any]) -> list[str]:
    """The values of `stand` as lines of text."""
    quote = account["quote"]
    marks = f"(peak {account['peak']} {quote}, start of the day {account['day_start']} {quote})"
    return [
        f"candle   {account['candle']}",
        f"cash     {account['cash']} {quote}",
        f"equity   {account['equity']} {quote} {marks}",
        f"trades   {account['trades']:,} ({counted(account['entries_today'], 'entry', plural='entries')} today)",
        f"halts    {' '.join(account['open_halts']) or 'none open'}",
        *map(_symbol_line, account["symbols"]),
    ]


def watched_lines(account: dict[str, Any], events: Sequence[Event]) -> list[str]:
    """One timestamp for `--watch`: the account in one line, then a line for each event."""
    states = (f"{row['symbol']} {row['close'] or 'no candle yet'} {row['mode']}" for row in account["symbols"])
    halts = f", halted by {' '.join(account['open_halts'])}" if account["open_halts"] else ""
    first = f"{account['candle']}  {', '.join(states)}, equity {account['equity']} {account['quote']}{halts}"
    return [first, *map(_event_line, events)]


def _event_line(event: Event) -> str:
    fields = [(name, getattr(event, name)) for name in event.__struct_fields__[1:]]
    text = ", ".join(f"{name} {value}" for name, value in fields if value is not None and not isinstance(value, list))
    return f"  {event.__struct_config__.tag}: {text}"


def _symbol_line(row: dict[str, Any]) -> str:
    position, order = row["position"], row["order"]
    text = f"{row['symbol']}  {row['close'] or 'no candle yet'}  {row['mode']}"
    if position:
        levels = [f"{name} {position[name]}" for name, _ in LEVELS if position[name]]
        bought = f"{position['quantity']} bought at {position['entry']} ({position['opened']})"
        text += f", {bought}, {', '.join(levels) or 'no level'}"
    if order:
        text += f", order {order['order']} waits to {order['side']} ({order['reason']})"
    return text
