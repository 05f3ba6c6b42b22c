"""The live view of a paper run: drawn on a terminal, lines elsewhere, nothing if quiet; it never fails or waits."""

import io
import re
import threading

import pytest

from safla.core import values as v
from safla.journal.chain import decode_event, event_bytes
from safla.journal.events import CandleEvent, Halted, RunStarted
from safla.observe.live_view import live_view, wrapped
from safla.observe.update import Update
from safla.runs.engine_choice import choose
from safla.runs.recording import read_recording, run_of
from safla.runs.runner import fold_blocks
from tests.small_runs import run, small

SECONDS_A_CANDLE = 3600


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "ascii"

    def isatty(self):
        return True


class Broken(Terminal):
    """A terminal that accepts no output."""

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise BrokenPipeError


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Returns the plan of a run and the updates of its listeners."""
    place = tmp_path_factory.mktemp("story")
    run(small(place, "data.synthetic.candles=200", "journal.detail=candles"), place / "run")
    started, series, outside, _ = read_recording(place / "run")
    plan = run_of(started)
    forms = choose("interpreted", plan.strategy, candles=0, say=pytest.fail)
    n, updates = 0, []
    for block in fold_blocks(plan, series, forms=forms, timestamps=1, outside=outside):
        events = []
        for line in block.lines.splitlines():
            n += 1
            events.append(decode_event(event_bytes(line, n)))
        if len(block.ts):
            updates.append(Update(int(block.ts[0]), tuple(events), block.state, n, 10.0, 10.0004))
    return plan, updates


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    """Returns a terminal of a known size, wherever the test runs."""
    for name, value in (("TERM", "xterm"), ("COLUMNS", "150"), ("LINES", "40")):
        monkeypatch.setenv(name, value)


def shown(story, stream, *, facts=None, clock=lambda: 0.0, monotonic=lambda: 0.0, alerts=(), updates=None):
    plan, everything = story
    with live_view(plan, quiet=False, facts=facts, stream=stream, clock=clock, monotonic=monotonic) as view:
        for one in everything if updates is None else updates:
            view(one)
        for text in alerts:
            view.alert(text)
    return stream.getvalue()


def picture(text):
    """The last picture that was drawn."""
    last = text.rpartition("\x1b[2K")[2]
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", last).rstrip().splitlines()


def test_without_a_terminal_each_fill_halt_and_resume_is_a_line(story):
    lines = shown(story, io.StringIO()).splitlines()
    events = [event for one in story[1] for event in one.events]
    for name, words in (
        ("Filled", " bought "),
        ("Filled", " sold "),
        ("Halted", " halted by "),
        ("Resumed", " lifted by "),
    ):
        assert any(words in line for line in lines), words
        assert name in {type(event).__name__ for event in events}
    count = {name: sum(type(event).__name__ == name for event in events) for name in ("Filled", "Halted", "Resumed")}
    assert sum(" bought " in line or " sold " in line for line in lines) == count["Filled"]
    assert sum(" halted by " in line and "(halt " in line for line in lines) == count["Halted"]
    assert not any("signal, strength" in line for line in lines)


def test_without_a_terminal_one_line_per_minute_shows_that_the_run_continues(story):
    ticks = iter(range(10_000))
    quiet = [one._replace(events=()) for one in story[1][:150]]
    text = shown(
        story, io.StringIO(), updates=quiet, monotonic=lambda: float(next(ticks)), facts=lambda: {"lag": "1 s"}
    )
    lines = text.splitlines()
    assert 2 <= len(lines) <= 3
    assert all(" equity " in line and line.endswith(", lag 1 s") for line in lines)


def test_an_alert_is_printed_at_once_with_its_text_escaped(story):
    text = shown(story, io.StringIO(), updates=[], alerts=["alert: no candle of BTC/USDT for 3 h\x1b[2J\nsecond é"])
    assert text == "alert: no candle of BTC/USDT for 3 h\\x1b[2J\\nsecond \\xe9\n"


def test_on_a_terminal_the_view_shows_every_required_value(story):
    updates = story[1]
    last = next(one for one in reversed(updates) if one.state.account[v.POSITIONS] > 0)
    closed = last.ts / 1000 + SECONDS_A_CANDLE
    lines = picture(
        shown(
            story, Terminal(), updates=[last], clock=lambda: closed + 61, alerts=["cpu 91 % [red]"],
            facts=lambda: {"breaker": "closed", "lag": "0.4 s"},
        )
    )  # fmt: skip
    text = "\n".join(lines)
    assert lines[0].strip().startswith(f"Small, paper, 1h, {last.lines} lines, written in 0.4 ms")
    for words in (
        "closed 1 min 1 s ago", "equity ", "drawdown ", " of 2.00 %", "today ", " of 10 entries", " of 0.20 %",
        "unrealised ", "stop ", "BTC/USDT", "ETH/USDT", "exchange   breaker closed, lag 0.4 s", "cpu 91 % [red]",
    ):  # fmt: skip
        assert words in text, words
    assert text.isascii()


def test_before_the_first_candle_the_view_shows_that_it_waits(story):
    assert "waiting for the first candle" in shown(story, Terminal(), updates=[])


def test_only_the_last_events_and_alerts_are_kept_and_candles_are_not_events(story):
    alerts = [f"alert {n}" for n in range(9)]
    lines = picture(shown(story, Terminal(), alerts=alerts))
    events = [event for one in story[1] for event in one.events if not isinstance(event, CandleEvent | RunStarted)]
    at = lines.index(next(line for line in lines if line.strip() == "last events"))
    assert len(events) > 5
    assert [line.strip()[:4] for line in lines[at + 1 : at + 6]] == ["2024"] * 5
    assert lines[at + 6].strip() == "alerts"
    assert [line.split()[-1] for line in lines[at + 7 :] if line.strip()] == ["6", "7", "8"]


def test_data_is_never_interpreted_as_markup(story):
    updates = story[1]
    halted = Halted(
        updates[0].ts, 1, "operator", None, None, "1.0", None, [], "[bold red]lunch[/] :smile:", updates[0].ts, "1-a"
    )
    text = shown(story, Terminal(), updates=[updates[0]._replace(events=(halted,))])
    assert "[bold red]lunch[/] :smile:" in text


@pytest.mark.parametrize("columns", ["1", "2", "7", "40"])
def test_a_narrow_terminal_shows_what_fits(story, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    text = shown(story, Terminal(), updates=story[1][-1:], alerts=["x" * 300])
    assert max(len(line.strip("\r")) for line in picture(text)) <= int(columns)


def test_no_colour_is_used_if_it_is_disabled(story, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in shown(story, Terminal(), updates=story[1][-1:])


@pytest.mark.parametrize("term", ["dumb", "unknown", "DUMB"])
def test_a_terminal_that_cannot_erase_gets_lines(story, monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    text = shown(story, Terminal(), alerts=["alert: here"])
    assert "\x1b" not in text
    assert text.endswith("alert: here\n")


def test_a_quiet_run_shows_nothing(story, capsys):
    plan, updates = story
    with live_view(plan, quiet=True) as view:
        view(updates[-1])
        view.alert("unheard")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stream", [Broken(), type("Pipe", (Broken,), {"isatty": lambda self: False})()])
def test_a_closed_stream_does_not_end_a_run(story, stream):
    plan, updates = story
    with live_view(plan, quiet=False, stream=stream) as view:
        for one in updates[:20]:
            view(one)
        view.alert("lost")
    assert stream.getvalue() == ""


def test_updates_do_not_wait_for_a_blocked_terminal(story):
    plan, updates = story
    shut, entered = threading.Event(), threading.Event()

    class Stuck(Terminal):
        def write(self, text):
            entered.set()
            shut.wait(10)
            return len(text)

    def watched():
        with live_view(plan, quiet=False, stream=Stuck()) as view:
            views.append(view)
            begun.set()
            leave.wait(10)

    views, begun, leave = [], threading.Event(), threading.Event()
    thread = threading.Thread(target=watched)
    thread.start()
    try:
        assert entered.wait(5)
        shut.set()
        assert begun.wait(5)
        shut.clear()
        for one in updates:
            views[0](one)
        views[0].alert("told")
    finally:
        shut.set()
        leave.set()
        thread.join(10)
    assert not thread.is_alive()


def test_only_stderr_is_written_to(story, capsys):
    plan, updates = story
    with live_view(plan, quiet=False) as view:
        for one in updates:
            view(one)
    out, err = capsys.readouterr()
    assert out == ""
    assert "bought" in err


def test_at_80_columns_nothing_is_truncated(story, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    long = " ".join(f"word{number}" for number in range(40))
    text = " ".join(picture(shown(story, Terminal(), updates=story[1][-1:], alerts=[long])))
    assert [word for word in long.split() if word not in text] == []


def test_an_overlong_line_is_wrapped_below_its_values():
    assert wrapped(["equity     99,000.00 USDT, cash 1,000.00, peak 100,000.00", "", "x"], 44) == [
        "equity     99,000.00 USDT, cash 1,000.00,",
        "           peak 100,000.00",
        "",
        "x",
    ]
