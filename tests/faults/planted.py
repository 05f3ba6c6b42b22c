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
CROSSOVER = "tests/core/strategies/test_sma_crossover.py::"
SURVEY = "tests/journal/test_survey.py"

SHORT_WRITES = "tests/faults/test_disk.py::test_row_12_a_short_write_is_cut_back"
ERRORS = "tests/faults/test_disk.py::test_row_13_an_error_of_the_disk_is_not_tried_again"

PLANTED = (
    Planted(
        2, "no-folder-sync", "data/owned.py",
        "        os.rename(temporary, path)\n        sync_folder(path.parent)\n",
        "        os.rename(temporary, path)\n",
        ERRORS,
    ),
    Planted(
        3, "sync-again", "journal/append.py",
        "            _sync(self._descriptor)\n",
        "            try:\n                _sync(self._descriptor)\n            except OSError:\n"
        "                _sync(self._descriptor)\n",
        ERRORS,
    ),
    Planted(
        4, "short-write-kept", "journal/append.py",
        "if written != len(batch):",
        "if written < 0:",
        SHORT_WRITES,
    ),
    Planted(
        5, "torn-is-enough", "journal/survey.py",
        'return Survey(n, h, offset, "corrupt", what)',
        'return Survey(n, h, offset, "torn", what)',
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
        "tests/journal/test_reader.py::test_another_spelling_is_refused_though_its_chain_holds",
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
        CROSSOVER + "test_averages_that_are_nearer_than_a_float_can_tell_still_cross",
    ),
    Planted(
        13, "tie-crosses", "core/strategies/sma_crossover.py",
        "        if a > b:\n",
        "        if a >= b:\n",
        CROSSOVER + "test_equality_is_neither_side",
    ),
    Planted(
        14, "looks-ahead", "core/engine.py",
        "signal = int(signals[s, t])",
        "signal = int(signals[s, min(t + 1, len(ts) - 1)])",
        SCENARIOS,
    ),
    Planted(
        15, "trail-too-early", "core/step.py",
        "protect.exit_inside(rules, levels_of(book, s), low, high)",
        "protect.exit_inside(\n        rules, protect.raise_trail(rules, int(markets[s, 0]), levels_of(book, s), high),"
        " low, high\n    )",
        SCENARIOS,
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
    Planted(
        23, "wall-clock", "resilience/breaker.py",
        "clock: Callable[[], float] = time.monotonic,",
        "clock: Callable[[], float] = time.time,",
        "tests/resilience/test_breaker.py::test_a_breaker_begins_closed_and_asks_the_monotonic_clock",
    ),
    Planted(
        24, "two-probes", "resilience/breaker.py",
        "            if era.probing:\n",
        "            if era.probing and era.count > 0:\n",
        "tests/faults/test_half_open.py",
    ),
    Planted(
        25, "no-retry-after", "resilience/retry.py",
        "wait = max(chance(0.0, _longest(patience, attempt)), floor)",
        "wait = chance(0.0, _longest(patience, attempt))",
        "tests/resilience/test_retry.py::test_a_retry_after_is_a_floor",
    ),
)  # fmt: skip
