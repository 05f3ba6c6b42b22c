"""What `safla status` says of a run: lines for a person, an object for a program. It computes nothing."""

from typing import Any

import msgspec

from safla.core.candles import iso
from safla.observe.format import ascii_only, event_line, standing_lines
from safla.observe.snapshot import AccountSnapshot, Position, SymbolStanding
from safla.paper.control import Command
from safla.paper.status import RunStatus
from safla.runs.folder import Holder
from safla.text import counted


def status_lines(found: RunStatus) -> list[str]:
    """The run, its process, its journal, where it stands, and what happened last."""
    head = [f"run        {_run(found)}", f"process    {_process(found.holder)}", f"journal    {_journal(found)}"]
    if found.standing is not None:
        head += standing_lines(found.standing, now=None if found.ended else found.seen)
    if found.monitored is not None and not found.ended:
        head.append(f"monitoring {ascii_only(found.monitored['time'])}  {ascii_only(found.monitored['text'])}")
    if found.note is not None:
        head.append(f"note       {ascii_only(found.note)}")
    head += [f"waiting    {_command(one)}" for one in found.requests.commands]
    head += [f"ignored    {ascii_only(one.name)}: {one.why}" for one in found.requests.rejected]
    if found.last:
        head += ["last events", *(f"  {event_line(event)}" for event in found.last)]
    return head


def status_object(found: RunStatus) -> dict[str, Any]:
    """The same for programs: amounts and shares as text, times as UTC, null where there is none."""
    started, tail = found.started, found.tail
    return {
        "journal": str(found.journal),
        "state": _state(found),
        "mode": found.mode,
        "held": found.holder.held,
        "pid": found.holder.pid,
        "name": started.name if started else None,
        "timeframe": started.timeframe if started else None,
        "detail": started.detail if started else None,
        "lines": tail.lines if tail else 0,
        "hash": tail.h if tail else None,
        "torn_bytes": tail.torn if tail else None,
        "standing": _standing(found.standing) if found.standing else None,
        "monitoring": found.monitored,
        "waiting": [msgspec.to_builtins(one) for one in found.requests.commands],
        "ignored": [one._asdict() for one in found.requests.rejected],
        "last_events": [msgspec.to_builtins(event) for event in found.last],
        "by_snapshot": found.by_snapshot,
        "note": found.note,
    }


def _command(one: Command) -> str:
    note = "" if one.note is None else f": {one.note}"
    halt = "" if one.halt is None else f" of halt {one.halt}"
    return f"{one.kind}{halt}, given {iso(one.given)}{note}"


def _state(found: RunStatus) -> str:
    if found.tail is None:
        return "begun"
    return "ended" if found.ended else "unfinished"


def _run(found: RunStatus) -> str:
    mode = found.mode or "backtest or paper (no config.yaml tells)"
    if found.started is None:
        return f"not known yet, {mode}"
    symbols = counted(len(found.started.symbols), "symbol")
    return f"{ascii_only(found.started.name)}, {mode}, {found.started.timeframe}, {symbols}"


def _process(holder: Holder) -> str:
    if holder.held is None:
        return "cannot be told"
    if not holder.held:
        return "none holds it"
    return f"pid {holder.pid} holds it" if holder.pid is not None else "one holds it that has not told its number yet"


def _journal(found: RunStatus) -> str:
    if found.tail is None:
        return "begun, no whole line yet"
    torn = f"; {counted(found.tail.torn, 'byte')} of a line that is not whole after them" if found.tail.torn else ""
    how = "; as its session wrote it down (`safla replay` verifies)" if found.by_snapshot else ""
    return f"{counted(found.tail.lines, 'line')}, last hash {found.tail.h}, {_state(found)}{torn}{how}"


def _standing(told: AccountSnapshot) -> dict[str, Any]:
    values = told._asdict()
    values["candle"] = _time(values.pop("ts"))
    values["closed"] = _time(told.closed)
    values["open_halts"] = [one._asdict() for one in told.open_halts]
    values["symbols"] = [_symbol(one) for one in told.symbols]
    return values


def _symbol(told: SymbolStanding) -> dict[str, Any]:
    values = told._asdict()
    values["candle"] = _time(values.pop("ts"))
    values["position"] = _position(told.position) if told.position else None
    values["waiting"] = told.waiting._asdict() if told.waiting else None
    return values


def _position(held: Position) -> dict[str, Any]:
    return {**held._asdict(), "opened": iso(held.opened)}


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
