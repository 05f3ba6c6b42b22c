"""The progress of a download is shown on a terminal, in plain lines, or not at all."""

from pathlib import Path

import pytest

from safla.data.backfill import DownloadProgress
from safla.data.store.store import SeriesKey
from safla.runs import download

PLACE = SeriesKey(Path("cache"), "binance", "BTC/USDT", "1h")


def standing(done: int, **more: object) -> DownloadProgress:
    return DownloadProgress(
        **{"place": PLACE, "done": done, "total": 9000, "gaps": 0, "weight": 40, "requests": 20, **more}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (standing(3000), "3000 of 9000 candles, 1500/s, 0 gaps, 20 requests, weight 40"),
        (standing(3000, gaps=1, weight=None), "3000 of 9000 candles, 1500/s, 1 gap, 20 requests"),
        (standing(0), "0 of 9000 candles, 0/s, 0 gaps, 20 requests, weight 40"),
    ],
)
def test_the_progress_shows_share_rate_gaps_requests_and_weight(one: DownloadProgress, text: str):
    assert download.facts(one, seconds=2.0) == text


def test_plain_lines_come_every_two_seconds(capsys: pytest.CaptureFixture[str]):
    times = iter([0.0, 1.0, 2.0, 3.0, 4.5])
    listener = download._lines(lambda: next(times))
    for done in (1000, 2000, 3000, 4500):
        listener(standing(done))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" candles")[0] for line in lines] == [
        "BTC/USDT 1h: 2000 of 9000",
        "BTC/USDT 1h: 4500 of 9000",
    ]


def test_a_quiet_download_prints_nothing(capsys: pytest.CaptureFixture[str]):
    with download.show_download(quiet=True) as listener:
        listener(standing(1))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_per_symbol_and_removes_it_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with download.show_download(quiet=False) as listener:
        listener(standing(3000))
        listener(standing(1, place=PLACE._replace(symbol="ETH/USDT")))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "ETH/USDT 1h" in shown.err
    assert "3000 of 9000 candles" in shown.err
