"""Bugs that tests must notice (FAULTS 5): the old text, what is put in its place, and who must complain."""

from typing import NamedTuple


class Planted(NamedTuple):
    """One change of one file; the old text stands there exactly once."""

    number: int
    name: str
    file: str
    old: str
    new: str
    tests: str


SCENARIOS = "tests/core/test_scenarios.py"
CROSSOVER = "tests/core/strategies"
SURVEY = "tests/journal/test_survey.py"

PLANTED = (
    Planted(
        3, "sync-again", "journal/append.py",
        "            _sync(self._descriptor)\n",
        "            try:\n                _sync(self._descriptor)\n            except OSError:\n"
        "                _sync(self._descriptor)\n",
        "tests/faults/test_disk.py",
    ),
    Planted(
        4, "short-write-kept", "journal/append.py",
        "if written != len(batch):",
        "if written < 0:",
        "tests/faults/test_disk.py",
    ),
    Planted(
        5, "torn-is-enough", "journal/survey.py",
        'blocks of the disk were not written"\n    return "corrupt", what',
        'blocks of the disk were not written"\n    return "torn", what',
        SURVEY,
    ),
    Planted(
        6, "head-unread", "journal/survey.py",
        'if head is None or found.kind == "corrupt":',
        "if True:",
        SURVEY,
    ),
    Planted(
        7, "chain-of-one", "journal/line.py",
        """raw.startswith(b'{"n":%d,"p":"%b","e":' % (n, p))""",
        """raw.startswith(b'{"n":%d,"p":"' % n)""",
        SURVEY,
    ),
    Planted(
        10, "lax-reader", "journal/line.py",
        "if _ENCODER.encode(event) != text:",
        "if text == b'':",
        "tests/journal/test_reader.py",
    ),
    Planted(
        11, "local-time", "core/step.py",
        "    day = ts // v.DAY_MS\n    account[v.DAY_END]",
        "    day = (ts + 20_700_000) // v.DAY_MS\n    account[v.DAY_END]",
        SCENARIOS,
    ),
    Planted(
        12, "float-sma", "core/strategies/sma_crossover.py",
        "        if a > b:\n",
        "        if float(fast_sum) / fast > float(slow_sum) / slow:\n",
        CROSSOVER,
    ),
    Planted(
        13, "tie-crosses", "core/strategies/sma_crossover.py",
        "        if a > b:\n",
        "        if a >= b:\n",
        CROSSOVER,
    ),
    Planted(
        14, "looks-ahead", "core/engine.py",
        "signal = int(signals[s, t])",
        "signal = int(signals[s, min(t + 1, len(ts) - 1)])",
        "tests/runtime/test_backtest.py",
    ),
    Planted(
        16, "stop-without-gap", "core/protect.py",
        "return Hit(stop_reason(levels), price, 0)",
        "return Hit(stop_reason(levels), max(levels.stop, levels.trail), 0)",
        SCENARIOS,
    ),
    Planted(
        17, "target-first", "core/protect.py",
        "if beyond and (rules.optimistic == 1 or not stopped):",
        "if beyond:",
        SCENARIOS,
    ),
    Planted(
        18, "fee-down", "core/fills.py",
        "    return share_up(notional, rate_ppm)",
        "    return notional * rate_ppm // 1_000_000",
        "tests/core/test_fills.py",
    ),
    Planted(
        19, "slip-for-us", "core/fills.py",
        "price = reference - share_up(",
        "price = reference + share_up(",
        SCENARIOS,
    ),
    Planted(
        20, "one-trade-more", "core/step.py",
        "entries >= rules.max_daily_trades",
        "entries > rules.max_daily_trades",
        SCENARIOS,
    ),
    Planted(
        21, "halt-forgotten", "core/step.py",
        "if paused and is_open(account, v.DRAWDOWN):",
        "if is_open(account, v.DRAWDOWN):",
        SCENARIOS,
    ),
)  # fmt: skip
