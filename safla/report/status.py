"""What `safla status` prints: lines of text, or an object for programs. Nothing is computed here."""

from typing import Any

import msgspec

from safla.core.candles import iso
from safla.observe.format import account_lines, ascii_only, event_line
from safla.observe.snapshot import AccountSnapshot, Position, SymbolSnapshot
from safla.paper.control import Command
from safla.paper.status import RunStatus
from safla.runs.folder import Holder
from safla.text import counted


def status_lines(found: RunStatus) -> list[str]:
    """The run, its process, its journal, its account, the pending commands, and the last events, as lines."""
    head = [f"run        {_run(found)}", f"process    {_process(found.holder)}", f"journal    {_journal(found)}"]
    if found.account is not None:
        head += account_lines(found.account, now=None if found.ended else found.seen)
    if found.monitored is not None and not found.ended:
        head.append(f"monitoring {ascii_only(found.monitored['time'])}  {ascii_only(found.monitored['text'])}")
    if found.note is not None:
        head.append(f"note       {ascii_only(found.note)}")
    head += [f"waiting    {_command(command)}" for command in found.requests.commands]
    head += [f"ignored    {ascii_only(file.name)}: {file.why}" for file in found.requests.rejected]
    if found.last:
        head += ["last events", *(f"  {event_line(event)}" for event in found.last)]
    return head


def status_object(found: RunStatus) -> dict[str, Any]:
    """The status as an object for programs: amounts and ratios are texts, times UTC, null where there is none."""
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
        "account": _account(found.account) if found.account else None,
        "monitoring": found.monitored,
        "waiting": [msgspec.to_builtins(command) for command in found.requests.commands],
        "ignored": [file._asdict() for file in found.requests.rejected],
        "last_events": [msgspec.to_builtins(event) for event in found.last],
        "by_snapshot": found.by_snapshot,
        "note": found.note,
    }


def _command(command: Command) -> str:
    note = "" if command.note is None else f": {command.note}"
    halt = "" if command.halt is None else f" of halt {command.halt}"
    return f"{command.kind}{halt}, given {iso(command.given)}{note}"


def _state(found: RunStatus) -> str:
    if found.tail is None:
        return "begun"
    return "ended" if found.ended else "unfinished"


def _run(found: RunStatus) -> str:
    mode = found.mode or "backtest or paper (there is no config.yaml)"
    if found.started is None:
        return f"not known yet, {mode}"
    symbols = counted(len(found.started.symbols), "symbol")
    return f"{ascii_only(found.started.name)}, {mode}, {found.started.timeframe}, {symbols}"


def _process(holder: Holder) -> str:
    if holder.held is None:
        return "unknown"
    if not holder.held:
        return "not running"
    return f"running, pid {holder.pid}" if holder.pid is not None else "running, pid not known yet"


def _journal(found: RunStatus) -> str:
    if found.tail is None:
        return "begun, no complete line yet"
    torn = f"; {counted(found.tail.torn, 'byte')} of an incomplete line after them" if found.tail.torn else ""
    how = "; from the snapshot of its session (`safla replay` verifies it)" if found.by_snapshot else ""
    return f"{counted(found.tail.lines, 'line')}, last hash {found.tail.h}, {_state(found)}{torn}{how}"


def _account(account: AccountSnapshot) -> dict[str, Any]:
    values = account._asdict()
    values["candle"] = _time(values.pop("ts"))
    values["closed"] = _time(account.closed)
    values["open_halts"] = [halt._asdict() for halt in account.open_halts]
    values["symbols"] = [_symbol(symbol) for symbol in account.symbols]
    return values


def _symbol(symbol: SymbolSnapshot) -> dict[str, Any]:
    values = symbol._asdict()
    values["candle"] = _time(values.pop("ts"))
    values["position"] = _position(symbol.position) if symbol.position else None
    values["waiting"] = symbol.waiting._asdict() if symbol.waiting else None
    return values


def _position(position: Position) -> dict[str, Any]:
    return {**position._asdict(), "opened": iso(position.opened)}


def _time(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
