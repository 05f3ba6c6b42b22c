"""The progress of a run is a bar on a terminal, occasional lines elsewhere, and nothing in a quiet run."""

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from contextlib import suppress

import pytest

from safla.runs import progress
from safla.runs.progress import Progress, show_progress

HALF = Progress(done=500, total=1000, equity="99.50 USDT", modes="long flat", trades=7)


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_without_a_terminal_a_line_is_printed_periodically(capsys, monkeypatch, seconds):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", seconds)
    with show_progress(quiet=False) as display:
        display.watch(HALF)
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
    with show_progress(quiet=False) as display:
        display.watch(HALF)
    assert "500/1000" in terminal.getvalue()
    assert "99.50 USDT" in terminal.getvalue()


def test_a_quiet_run_prints_nothing(capsys):
    with show_progress(quiet=True) as display:
        display.watch(HALF)
    assert capsys.readouterr() == ("", "")


def drawn(text: str, *, columns: int = 80) -> list[str]:
    """Returns the lines that a terminal shows after a text: erased text is gone, and long lines are wrapped."""
    rows: list[list[str]] = [[]]
    row = column = 0
    for code, letter, plain in re.findall(r"\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b])", text):
        if letter == "A":
            row -= int(code or 1)
        elif letter == "K":
            rows[row] = [] if code == "2" else rows[row][:column]
        elif plain == "\r":
            column = 0
        elif plain == "\n":
            row += 1
        elif plain:
            if column == columns:
                row, column = row + 1, 0
            rows += [[] for _ in range(row + 1 - len(rows))]
            rows[row] += [" "] * (column + 1 - len(rows[row]))
            rows[row][column] = plain
            column += 1
        rows += [[] for _ in range(row + 1 - len(rows))]
    return ["".join(letters).rstrip() for letters in rows]


def on_a_terminal(*arguments: str, columns: int = 80) -> str:
    """What a command writes to a terminal of that width."""
    process, terminal = pty.fork()
    if process == 0:
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "safla", *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    output = b""
    with suppress(OSError):  # the end of a terminal, where nobody writes any more
        while part := os.read(terminal, 65_536):
            output += part
    os.close(terminal)
    assert os.waitpid(process, 0)[1] == 0, output.decode()
    return output.decode()


def test_notes_and_the_bar_do_not_corrupt_each_other_at_80_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    symbols = [f"COIN{number}/USDT" for number in range(6)]
    for symbol in symbols:
        rows = (f"{1_704_067_200_000 + n * 3_600_000},5,6,4,{4 + n % 3},9" for n in range(3000))
        text = "\n".join(["timestamp_ms,open,high,low,close,volume", *rows])
        (tmp_path / f"a-name-of-a-file-that-is-longer-than-a-line-{symbol.replace('/', '')}.csv").write_text(text)
    (tmp_path / "c.yaml").write_text(
        f"symbols: {{primary: [{', '.join(symbols)}]}}\n"
        'data: {source: csv, path: "a-name-of-a-file-that-is-longer-than-a-line-{symbol}.csv"}\n'
    )
    output = on_a_terminal("run", "c.yaml", "--out", "run", "--engine", "interpreted")
    assert "candles" in output.split("\x1b[?25l")[1], "a bar is drawn"
    assert "━" not in "".join(drawn(output)), "nothing of the bar is left"
    notes = [one for one in drawn(output, columns=1000) if one.startswith(f"{tmp_path}/a-name-of")]
    assert [one.partition("-line-")[2] for one in notes] == [
        f"{symbol.replace('/', '')}.csv: nothing proves that its last candle is closed (data.last_candle)"
        for symbol in symbols
    ]
    assert "━" not in output.split("HALTED" if "HALTED" in output else "run   ")[-1], "the table stands below, whole"


def test_the_figures_of_many_symbols_fit_on_one_line_of_the_bar(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with show_progress(quiet=False) as display:
        display.watch(HALF._replace(modes=" ".join(["long"] * 50)))
        display.note("a note with [markup] and \x1b[31m colour")
    assert max(len(line) for line in drawn(terminal.getvalue())) <= 80
    shown, _, _ = terminal.getvalue().partition("\x1b[?25h")
    assert "\x1b[1A" not in shown  # a bar of two lines would have to go up to begin again
    assert r"a note with [markup] and \x1b[31m colour" in drawn(terminal.getvalue())
