"""How far a run is: a bar on a terminal, lines now and then elsewhere, nothing when asked to be quiet."""

import io

import pytest

from safla.runtime import progress
from safla.runtime.progress import Progress, watching

HALF = Progress(done=500, total=1000, equity="99.50 USDT", modes="long flat", trades=7)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_elsewhere_a_line_is_printed_now_and_then(capsys, monkeypatch, seconds):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", seconds)
    with watching(quiet=False) as watch:
        watch(HALF)
    out, err = capsys.readouterr()
    assert out == ""
    if seconds:
        assert err == ""
    else:
        assert err.startswith("500 of 1000 candles, ")
        assert err.endswith("/s, equity 99.50 USDT, long flat, 7 trades\n")


def test_on_a_terminal_a_bar_shows_candles_equity_modes_and_trades(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with watching(quiet=False) as watch:
        watch(HALF)
    assert "500/1000" in terminal.getvalue()
    assert "99.50 USDT" in terminal.getvalue()


def test_a_quiet_run_says_nothing(capsys):
    with watching(quiet=True) as watch:
        watch(HALF)
    assert capsys.readouterr() == ("", "")
