"""The status of a run as text: every line and every field, whatever is missing."""

import json

import pytest

from safla.paper.control import Command, Rejected, Requests
from safla.paper.status import look
from safla.report.status import status_lines, status_object
from safla.runs.folder import Holder
from tests.small_runs import run, small

CANDLES = ("data.synthetic.candles=120", "journal.detail=candles")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    place = tmp_path_factory.mktemp("status")
    run(small(place, *CANDLES), place / "run")
    return look(place / "run", say=pytest.fail, clock=lambda: 1_704_510_000.0)


def line(found, name):
    return next(text for text in status_lines(found) if text.startswith(f"{name} "))


def test_the_status_shows_a_run_from_its_name_to_its_last_events(found):
    lines = status_lines(found)
    assert lines[0] == "run        Small, backtest, 1h, 2 symbols"
    assert lines[1] == "process    not running"
    assert lines[2] == f"journal    {found.tail.lines} lines, last hash {found.tail.h}, ended"
    assert [text.split()[0] for text in lines[3:11]] == [
        "candle", "equity", "drawdown", "today", "trades", "halts", "BTC/USDT", "ETH/USDT",
    ]  # fmt: skip
    assert lines[-6] == "last events"
    assert "run ended: " in lines[-1]
    assert all(text.isascii() and text.isprintable() for text in lines)


def test_the_age_of_the_last_candle_is_shown_for_an_active_run(found):
    assert " ago" not in line(found, "candle")
    closed = found.account.closed / 1000
    assert line(found._replace(ended=False, seen=closed + 90), "candle").endswith(", closed 1 min 30 s ago")


@pytest.mark.parametrize(
    ("holder", "words"),
    [
        (Holder(held=True, pid=417), "running, pid 417"),
        (Holder(held=True, pid=None), "running, pid not known yet"),
        (Holder(held=False, pid=None), "not running"),
        (Holder(held=None, pid=None), "unknown"),
    ],
)
def test_the_process_is_named_if_it_is_known(found, holder, words):
    assert line(found._replace(holder=holder), "process") == f"process    {words}"


def test_a_torn_tail_and_a_note_are_shown(found):
    torn = found._replace(ended=False, tail=found.tail._replace(torn=17), account=None, note="none \x1b[2J is known")
    assert line(torn, "journal").endswith(", unfinished; 17 bytes of an incomplete line after them")
    assert line(torn, "note") == "note       none \\x1b[2J is known"
    assert not any(text.startswith("equity") for text in status_lines(torn))


def test_the_last_monitoring_values_are_shown_for_an_active_run(found):
    monitoring = {"time": "2026-01-02T03:04:05.678Z", "text": "breaker closed, lag 0.4 s\x1b[2J", "breaker": "closed"}
    going_on = found._replace(ended=False, monitored=monitoring)
    assert line(going_on, "monitoring") == r"monitoring 2026-01-02T03:04:05.678Z  breaker closed, lag 0.4 s\x1b[2J"
    assert status_object(going_on)["monitoring"] == monitoring
    assert not any(text.startswith("monitoring") for text in status_lines(found._replace(monitored=monitoring)))


def test_the_status_of_a_run_that_has_just_started_is_three_lines(found):
    begun = found._replace(started=None, tail=None, account=None, last=(), ended=False, mode="paper")
    assert status_lines(begun) == [
        "run        not known yet, paper", "process    not running", "journal    begun, no complete line yet",
    ]  # fmt: skip
    status = status_object(begun)
    assert (status["state"], status["lines"], status["name"], status["account"]) == ("begun", 0, None, None)


def test_the_json_object_has_the_same_content(found):
    status = json.loads(json.dumps(status_object(found)))
    assert list(status) == [
        "journal", "state", "mode", "held", "pid", "name", "timeframe", "detail", "lines", "hash", "torn_bytes",
        "account", "monitoring", "waiting", "ignored", "last_events", "by_snapshot", "note",
    ]  # fmt: skip
    assert (status["state"], status["mode"], status["held"], status["torn_bytes"]) == ("ended", "backtest", False, 0)
    account = status["account"]
    assert account["equity"] == found.account.equity
    assert account["candle"].endswith("Z")
    assert [one["symbol"] for one in account["symbols"]] == ["BTC/USDT", "ETH/USDT"]
    assert status["last_events"][-1]["type"] == "run_ended"
    assert (status["waiting"], status["ignored"]) == ([], [])


def test_waiting_commands_are_listed_in_order_and_invalid_files_with_their_reason(found):
    halt = Command("1767323045678-0a1b2c3d", "0" * 32, 1_767_323_045_678, "halt", None, "lunch [bold]")
    resume = Command("1767323045679-0a1b2c3d", "0" * 32, 1_767_323_045_679, "resume", 3, None)
    asked = found._replace(requests=Requests((halt, resume), (Rejected("\x1b[2J.json", "it is for another run"),)))
    lines = status_lines(asked)
    place = lines.index("waiting    halt, given 2026-01-02T03:04:05.678Z: lunch [bold]")
    assert lines[place + 1 : place + 3] == [
        "waiting    resume of halt 3, given 2026-01-02T03:04:05.679Z",
        r"ignored    \x1b[2J.json: it is for another run",
    ]
    status = json.loads(json.dumps(status_object(asked)))
    assert [(one["id"], one["kind"], one["given"], one["halt"], one["note"]) for one in status["waiting"]] == [
        (halt.id, "halt", halt.given, None, "lunch [bold]"),
        (resume.id, "resume", resume.given, 3, None),
    ]
    assert status["ignored"] == [{"name": "\x1b[2J.json", "why": "it is for another run"}]


def test_positions_orders_and_halts_are_json_objects(tmp_path):
    run(small(tmp_path, *CANDLES, "risk.max_daily_loss_pct=null", "risk.max_drawdown_pct=null"), tmp_path / "run")
    (tmp_path / "run" / "head").unlink()
    path = tmp_path / "run" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    bought = next(n for n, text in enumerate(lines) if b'"side":"buy","reason":"signal","reference"' in text)
    after = next(n for n in range(bought, len(lines)) if b'"type":"candle"' in lines[n])
    path.write_bytes(b"".join(lines[:after]))
    account = status_object(look(path, say=pytest.fail))["account"]
    held = [one["position"] for one in account["symbols"] if one["position"]]
    assert [sorted(one) for one in held] == [
        ["entry", "opened", "quantity", "stop", "stop_is", "target", "unrealised"]
    ] * len(held)
    assert held[0]["opened"] == account["candle"]
    assert (account["drawdown_limit"], account["day_loss_limit"], account["open_halts"]) == (None, None, [])
