"""Incomplete candles are reported and counted: ends of the window, lookback, large gaps, price jumps."""

import json
from pathlib import Path

import numpy as np
import pytest

from safla.core.candles import Series
from safla.core.values import Columns
from safla.data.coverage import Coverage, RequestedPeriod, covered, notes
from tests.data.tables import csv_file
from tests.faults.command import inside
from tests.small_runs import run, small

HOUR = 3_600_000
START = 1_704_067_200_000  # 2024-01-01
HEADER = "timestamp,open,high,low,close,volume"


def hours(*numbers: int, closes: dict[int, int] | None = None) -> Series:
    """Candles of those hours at 1.00; closes: other prices from an hour on."""
    price = 100
    rows = []
    for number in numbers:
        price = next((close for hour, close in sorted((closes or {}).items(), reverse=True) if number >= hour), 100)
        rows.append((START + number * HOUR, price, price, price, price, 1))
    columns = np.array(rows, np.int64).reshape(-1, 6).T
    return Series("BTC/USDT", 2, 0, Columns(*columns))


def hour(number: int) -> int:
    return START + number * HOUR


def found(series: Series, start: int | None = None, end: int | None = None) -> tuple[Coverage, list[str]]:
    """Returns the coverage of some hours and its notes; the strategy needs 3 candles."""
    asked = RequestedPeriod(None if start is None else hour(start), None if end is None else hour(end))
    window = {"begin": hour(0), "end": hour(100), "step": HOUR}
    coverage = covered(series, asked, **window)
    return coverage, notes(coverage, asked, **window, warm_up=3, decimals=2)


def test_complete_candles_give_no_notes() -> None:
    coverage, lines = found(hours(*range(-5, 100)), start=0, end=100)
    assert (coverage.share, coverage.lookback, lines) == (1.0, 5, [])
    assert found(hours(*range(100)))[1] == []


def test_candles_that_begin_late_or_end_early_are_reported_with_both_times() -> None:
    coverage, lines = found(hours(*range(40, 60)), start=0, end=100)
    assert (coverage.missing_before, coverage.missing_after, coverage.share) == (40, 40, 0.2)
    (line,) = lines
    assert line == (
        "BTC/USDT: candles begin 2024-01-02T16:00Z, data.start asks for 2024-01-01T00:00Z (40 missing); "
        "candles end 2024-01-03T12:00Z, data.end asks for 2024-01-05T04:00Z (40 missing); "
        "no candle before data.start, so the strategy warms up on the first 3 from there"
    )


def test_without_a_configured_start_and_end_the_range_of_all_symbols_is_expected() -> None:
    coverage, lines = found(hours(*range(40, 60)))
    assert (coverage.missing_before, coverage.missing_after) == (40, 40)
    (line,) = lines
    assert line == (
        "BTC/USDT: candles begin 2024-01-02T16:00Z, the run begins 2024-01-01T00:00Z (40 missing); "
        "candles end 2024-01-03T12:00Z, the run ends 2024-01-05T04:00Z (40 missing)"
    )


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (0, "no candle before data.start, so the strategy warms up on the first 3"),
        (1, "only 1 candle before"),
        (2, "only 2 candles before"),
    ],
)
def test_a_lookback_shorter_than_the_warm_up_is_reported(before: int, said: str) -> None:
    (line,) = found(hours(*range(-before, 100)), start=0, end=100)[1]
    assert said in line
    assert found(hours(*range(-3, 100)), start=0, end=100)[1] == []


def test_a_gap_of_a_day_is_reported_and_a_short_gap_is_only_counted() -> None:
    coverage, lines = found(hours(*range(30), *range(60, 100)))
    assert (coverage.gaps, coverage.missing, coverage.largest_candles) == (1, 30, 30)
    assert lines == [
        "BTC/USDT: 30 candles missing in 1 gap, the largest from 2024-01-02T06:00Z to 2024-01-03T12:00Z (30)"
    ]  # fmt: skip
    coverage, lines = found(hours(*range(300), *range(301, 1000)))
    assert (coverage.missing, lines) == (1, [])


def test_many_short_gaps_are_reported() -> None:
    assert "49 candles missing in 49 gaps" in found(hours(*range(0, 99, 2), 99))[1][0]


@pytest.mark.parametrize(("price", "factor"), [(100_000, "1000"), (200, "2"), (50, "0.5"), (10, "0.1")])
@pytest.mark.parametrize("gap", [0, 4])
def test_a_price_jump_is_reported_with_times_prices_and_factor(price: int, factor: str, gap: int) -> None:
    coverage, lines = found(hours(*range(50), *range(50 + gap, 100), closes={50: price}))
    (jump,) = coverage.jumps
    assert (jump.before, jump.after, jump.close, jump.open) == (hour(49), hour(50 + gap), 100, price)
    after = "2024-01-03T02:00Z" if not gap else "2024-01-03T06:00Z"
    assert (
        f"the price jumps by a factor of {factor}: close 1.00 at 2024-01-03T01:00Z, open {price / 100:.2f} at {after}"
        in lines[0]
    )


@pytest.mark.parametrize("price", [199, 51, 101])
def test_a_large_price_move_is_not_a_jump(price: int) -> None:
    assert found(hours(*range(100), closes={50: price}))[0].jumps == ()


def test_only_the_first_of_many_price_jumps_are_reported() -> None:
    coverage, (line,) = found(
        hours(*range(100), closes={place: 100 * 3 ** (place // 10) for place in range(10, 70, 10)})
    )
    assert len(coverage.jumps) == 6
    assert line.count("the price jumps") == 3
    assert line.endswith("; 3 more such jumps")


def test_a_symbol_without_candles_in_the_window_is_reported() -> None:
    coverage, lines = found(hours(200, 201), start=0, end=100)
    assert (coverage.share, coverage.first) == (0.0, None)
    assert lines[0].startswith(
        "BTC/USDT: no candle in the period; data.start asks for 2024-01-01T00:00Z, data.end asks for"
    )


CONFIG = """\
symbols: {primary: [BTC/USDT]}
data: {source: csv, path: a.csv, start: 2023-12-25, end: 2024-02-01}
market_data: {lookback_candles: 9}
strategy: {fast_period: 2, slow_period: 4, entry_threshold_pct: 0, exit_threshold_pct: 0}
"""


def test_a_run_reports_coverage_on_stderr_in_the_summary_and_to_fail_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{hour(n)},{p},{p},{p},{p},1" for n in range(48) for p in (100 + n % 3 if n < 24 else 100_000 + n % 3,)]
    csv_file(tmp_path, HEADER, *rows, name="a.csv")
    (tmp_path / "a.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    conditions = ("coverage < 0.9", "price_jumps > 0", "uncovered_candles > 800", "largest_gap_candles > 0")
    answer = inside(
        capsys, "run", "a.yaml", "--out", "o", "--json", *(word for one in conditions for word in ("--fail-on", one))
    )
    assert answer.code == 1
    summary = json.loads(answer.out)
    assert summary["failed"] == list(conditions[:3])
    assert (summary["uncovered_candles"], summary["price_jumps"]) == (7 * 24 + 29 * 24, 1)
    (symbol,) = summary["symbol_coverage"]
    assert symbol["price_jumps"] == [
        {
            "before": "2024-01-01T23:00Z", "after": "2024-01-02T00:00Z", "close": 102.0, "open": 100_000.0,
            "factor": 980.392156863,
        }
    ]  # fmt: skip
    assert (symbol["missing_before"], symbol["missing_after"], symbol["lookback_candles"]) == (168, 696, 0)
    (line,) = [line for line in answer.err.splitlines() if line.startswith("BTC/USDT: candles begin")]
    for word in ("data.start asks for 2023-12-25", "data.end asks for 2024-02-01", "a factor of 980.4"):
        assert word in line


def test_a_symbol_that_is_listed_late_runs_and_is_reported(tmp_path: Path) -> None:
    for name, first in (("AAA", 0), ("BBB", 30)):
        rows = [f"{hour(n)},100,100,100,100,1" for n in range(first, 48)]
        csv_file(tmp_path, HEADER, *rows, name=f"{name}USDT.csv")
    text = CONFIG.replace("[BTC/USDT]", "[AAA/USDT, BBB/USDT]").replace(
        "a.csv, start: 2023-12-25, end: 2024-02-01", "'{symbol}.csv'"
    )
    said: list[str] = []
    run(small(tmp_path, text=text), tmp_path / "run", say=said.append)
    assert "BBB/USDT: candles begin 2024-01-02T06:00Z, the run begins 2024-01-01T00:00Z (30 missing)" in said
    assert not any(line.startswith("AAA/USDT: candles") for line in said)
