"""Bugs that tests must notice (docs/faults.md): the old text, what is put in its place, and who must complain."""

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
CROSSOVER = "tests/strategies/test_sma_crossover.py::"
SURVEY = "tests/journal/test_verify.py"

PAGES = "tests/faults/test_exchange_pages.py::"
BAD_ONCE = PAGES + "test_row_43_a_page_with_a_bad_row_is_requested_again_and_nothing_is_lost"
LACKING = PAGES + "test_row_43_a_page_that_lacks_candles_once_is_not_taken_for_the_end_or_a_gap"
ANSWERS = "tests/faults/test_exchange_answers.py::"
LIMITS = "tests/faults/test_exchange_limits.py::"

SHORT_WRITES = "tests/faults/test_disk.py::test_row_12_a_short_write_is_cut_back_to_the_last_complete_line"
ERRORS = "tests/faults/test_disk.py::test_row_13_a_disk_error_is_not_retried_and_nothing_is_lost"

PAPER = "tests/faults/test_paper_recorded.py::"
PAPER_HALTS = "tests/faults/test_paper_halts.py::"
COMMANDS = "tests/paper/test_paper_commands.py::"
PAPER_DISK = "tests/faults/test_paper_disk.py::"
PAPER_STRATEGIES = "tests/faults/test_paper_strategies.py::"
LOOK_AHEAD = "tests/runs/test_look_ahead.py::"

PLANTED = (
    Planted(
        1, "ack-before-sync", "paper/session.py",
        """        self.journal.commit()
        synced = self._clock()
        self.journal.renew_anchor(now=any(isinstance(event, ANCHORS) for event in events))
        ts = int(block.state.account[v.LAST_TS])
        if synced - self._snapshot_at >= SNAPSHOT_SECONDS:
            self._write_snapshot()
        self._listener(Update(ts, events, block.state, self.journal.lines, came, synced))
""",
        """        ts = int(block.state.account[v.LAST_TS])
        self._listener(Update(ts, events, block.state, self.journal.lines, came, self._clock()))
        self.journal.commit()
        self.journal.renew_anchor(now=any(isinstance(event, ANCHORS) for event in events))
""",
        PAPER + "test_no_update_is_sent_before_its_lines_are_synced_to_disk",
    ),
    Planted(
        2, "no-folder-sync", "fs.py",
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
        5, "torn-is-enough", "journal/verify.py",
        'return Survey(n, h, offset, "corrupt", what)',
        'return Survey(n, h, offset, "torn", what)',
        SURVEY,
    ),
    Planted(
        6, "head-unread", "journal/verify.py",
        'if head is None or result.kind == "corrupt":',
        "if True:",
        SURVEY,
    ),
    Planted(
        7, "chain-of-one", "journal/chain.py",
        """raw.startswith(b'{"n":%d,"p":"%b","e":' % (n, p))""",
        """raw.startswith(b'{"n":%d,"p":"' % n)""",
        SURVEY,
    ),
    Planted(
        9, "command-twice", "paper/control.py",
        """        given = self.given(command)
        self._say(apply(command, session, given=given))
""",
        """        given = self.given(command)
        remove(self._folder, command)
        self._say(apply(command, session, given=given))
""",
        "tests/faults/test_commands.py::test_row_24_a_session_that_dies_between_a_command_and_its_line_applies_each_once[halt]",
    ),
    Planted(
        8, "fetched-wins", "paper/session.py",
        "return self.rows[: self.known] + rows[self.known :]",
        "return rows",
        PAPER + "test_recorded_candles_win_over_revised_candles_that_are_fetched_later",
    ),
    Planted(
        10, "lax-reader", "journal/chain.py",
        "if _ENCODER.encode(event) != text:",
        "if text == b'':",
        "tests/journal/test_reader.py::test_a_non_canonical_spelling_is_rejected_even_with_a_valid_chain",
    ),
    Planted(
        11, "local-time", "core/step.py",
        "    day = ts // v.DAY_MS\n    account[v.DAY_END]",
        "    day = (ts + 20_700_000) // v.DAY_MS\n    account[v.DAY_END]",
        SCENARIOS,
    ),
    Planted(
        12, "float-sma", "strategies/sma_crossover.py",
        "        if a > b:\n",
        "        if float(fast_sum) / fast > float(slow_sum) / slow:\n",
        CROSSOVER + "test_averages_closer_than_float_precision_still_cross",
    ),
    Planted(
        13, "tie-crosses", "strategies/sma_crossover.py",
        "        if a > b:\n",
        "        if a >= b:\n",
        CROSSOVER + "test_equal_averages_are_on_neither_side_of_a_cross",
    ),
    Planted(
        14, "looks-ahead", "core/engine.py",
        "signal = int(signals[s, t])",
        "signal = int(signals[s, min(t + 1, len(ts) - 1)])",
        SCENARIOS,
    ),
    Planted(
        15, "trail-too-early", "core/step.py",
        "exits.exit_inside(rules, levels_of(book, s), low, high)",
        "exits.exit_inside(\n        rules, exits.raise_stops(rules, int(markets[s, 0]), "
        "int(book[s, v.ENTRY]), levels_of(book, s), high), low, high\n    )",
        SCENARIOS,
    ),
    Planted(
        16, "stop-without-gap", "core/exits.py",
        "return Hit(stop_reason(levels), price, 0)",
        "return Hit(stop_reason(levels), max(levels.stop, levels.trail), 0)",
        SCENARIOS,
    ),
    Planted(
        17, "target-first", "core/exits.py",
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
        20, "one-trade-more", "core/risk.py",
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
        22, "unfinished", "data/backfill.py",
        "closed = now.least - self.step + 1",
        "closed = now.least + 1",
        "tests/data/test_backfill.py::test_the_unfinished_candle_is_served_but_never_stored",
    ),
    Planted(
        23, "wall-clock", "exchange/circuit_breaker.py",
        "clock: Callable[[], float] = time.monotonic,",
        "clock: Callable[[], float] = time.time,",
        "tests/exchange/test_circuit_breaker.py::test_a_breaker_starts_closed_and_uses_the_monotonic_clock",
    ),
    Planted(
        24, "two-probes", "exchange/circuit_breaker.py",
        "            if era.probing:\n",
        "            if era.probing and era.count > 0:\n",
        "tests/faults/test_half_open.py",
    ),
    Planted(
        25, "no-retry-after", "exchange/retry.py",
        "wait = max(chance(0.0, _longest(patience, attempt)), error.floor)",
        "wait = chance(0.0, _longest(patience, attempt))",
        "tests/exchange/test_retry.py::test_a_retry_after_is_a_minimum_of_the_wait",
    ),
    Planted(
        26, "short-is-the-end", "data/backfill.py",
        "            since = want\n\n",
        "            since = want\n            if len(first.columns.ts) < self.limit:\n                return\n\n",
        LACKING,
    ),
    Planted(
        27, "empty-is-believed", "data/backfill.py",
        "        if page is None:  # X10",
        "        if page is None and self.reasked > 0:  # X10",
        LACKING,
    ),
    Planted(
        28, "gap-at-once", "exchange/missing_candles.py",
        "        again = await ask((gaps[0][0], gaps[-1][1]))\n",
        "        again = None\n",
        LACKING,
    ),
    Planted(
        29, "newest-wins", "data/backfill.py",
        "accept_restated=self.order.accept_restated,",
        "accept_restated=True,",
        PAGES + "test_row_43_a_stored_candle_served_again_with_other_values_is_kept_and_the_new_one_set_aside",
    ),
    Planted(
        30, "header-unread", "exchange/transport.py",
        'wait = self.retry_after(answer.headers.get("retry-after"))',
        'wait = self.retry_after(answer.headers.get("Retry-After"))',
        LIMITS + "test_row_36_after_a_429_no_request_is_sent_before_retry_after_has_passed[a number]",
    ),
    Planted(
        31, "ban-unheard", "exchange/failures.py",
        'BANNED = FailureKind(False, False, partial(ExchangeError, code="banned"), stops=True)',
        'BANNED = FailureKind(False, False, partial(ExchangeError, code="banned"))',
        LIMITS + "test_row_37_a_418_is_not_retried_and_no_request_is_sent_before_the_reported_end_of_the_ban",
    ),
    Planted(
        32, "redirect-followed", "exchange/transport.py",
        "allow_redirects=False",
        "allow_redirects=True",
        ANSWERS + "test_row_42_a_redirect_is_not_followed[klines-another host]",
    ),
    Planted(
        33, "row-twice", "exchange/pages.py",
        "(ts <= before,",
        "(ts < before,",
        BAD_ONCE + "[duplicates-2]",
    ),
    Planted(
        34, "future-taken", "exchange/pages.py",
        "(ts > asked.latest,",
        "(ts > MOST_MS,",
        BAD_ONCE + "[future_candle-0]",
    ),
    Planted(
        35, "re-sent-uncounted", "exchange/transport.py",
        "self.session._retry_connection = False",
        "self.session._retry_connection = True",
        ANSWERS + "test_a_single_bad_answer_costs_one_more_request_and_no_candle[reset-klines]",
    ),
    Planted(
        36, "gone-is-never-there", "data/backfill.py",
        "error = self._gone(raised) or raised",
        "error = raised",
        "tests/faults/test_exchange_symbols.py::test_row_48_a_symbol_that_is_delisted_in_the_middle_ends_in_5_stops_no_"
        "other_and_can_be_gone_on_with",
    ),
    Planted(
        37, "proxy-taken", "exchange/factory.py",
        '{"enableRateLimit": False,',
        '{"enableRateLimit": False, "aiohttp_trust_env": True,',
        "tests/faults/test_exchange_security.py::test_z18_a_proxy_and_a_netrc_login_from_the_environment_are_ignored",
    ),
    Planted(
        38, "missing-forgotten", "paper/session.py",
        "return self.rows[: self.known] + rows[self.known :]",
        "return tuple(mine or later for mine, later in zip(self.rows, rows, strict=True))",
        PAPER + "test_a_recorded_missing_candle_stays_missing_when_the_source_serves_it_later",
    ),
    Planted(
        39, "half-a-close", "paper/runner.py",
        "            if last.closing:\n",
        "            if last.closing and session.ended:\n",
        PAPER_HALTS + "test_row_24_closing_lines_cut_by_a_crash_are_completed_by_the_next_start",
    ),
    Planted(
        40, "command-too-early", "paper/runner.py",
        "settled, looked = last is None, -math.inf",
        "settled, looked = True, -math.inf",
        PAPER_HALTS + "test_row_24_a_command_that_waits_at_a_restart_is_executed_after_the_recorded_lines",
    ),
    Planted(
        41, "unnamed", "runs/recovery.py",
        "            self._appender.refuse_moved()\n",
        "",
        PAPER_DISK + "test_row_16_a_journal_moved_replaced_or_deleted_while_open_ends_the_run_at_the_next_batch",
    ),
    Planted(
        42, "asked-again", "runs/incremental.py",
        "if failed or self._open(v.STRATEGY_ERROR):",
        "if failed:",
        PAPER_STRATEGIES + "test_row_30_a_strategy_that_fails_halts_the_account_and_the_run_continues",
    ),
    Planted(
        43, "failure-forgotten", "runs/incremental.py",
        "failed = any(entry.rule == v.STRATEGY_ERROR and not entry.lifts for entry in outside)",
        "failed = False",
        PAPER_STRATEGIES + "test_row_30_a_restart_does_not_call_a_strategy_again_for_the_candle_at_which_it_failed",
    ),
    Planted(
        44, "twice", "paper/runner.py",
        "if arrival.ts <= folded:",
        "if arrival.ts < folded:",
        PAPER + "test_a_paper_run_at_speed_3600x_with_late_candles_equals_the_backtest",
    ),
    Planted(
        60, "no-cut-after-changes", "runs/look_ahead.py",
        "    if len(changes) <= room:\n        cuts.take(changes)\n",
        "    if len(changes) <= room:\n        cuts.take(changes[:0])\n",
        LOOK_AHEAD + "test_candles_are_truncated_after_every_signal_change_if_the_limit_allows",
    ),
    Planted(
        61, "all-candles-first", "runs/look_ahead.py",
        "        values = early.pop(end) if end in early else part(end)\n",
        "        values = part(end)\n",
        LOOK_AHEAD + "test_a_look_ahead_strategy_that_remembers_earlier_calls_is_also_found",
    ),
    Planted(
        62, "raw-strength", "runs/look_ahead.py",
        "confidence = np.minimum(scaled, float(cap_ppm)).astype(np.int32)",
        "confidence = strength[entries].view(np.int64).astype(np.int32)",
        LOOK_AHEAD + "test_an_honest_strategy_passes",
    ),
    Planted(
        63, "repaint-unseen", "runs/signal_sources.py",
        "(before != UNKNOWN) & (before != now)",
        "(before != UNKNOWN) & (now == UNKNOWN)",
        "tests/runs/test_incremental.py::test_a_retracted_signal_halts_the_account_and_names_the_candle",
    ),
    Planted(
        64, "command-in-the-past", "paper/control.py",
        "return command if last_ts >= open_candle or (ahead is not None and ahead > open_candle) else None",
        "return command",
        COMMANDS + "test_a_halt_after_a_price_crash_sells_nothing_at_an_earlier_price",
    ),
    Planted(
        65, "given-again", "paper/control.py",
        "return self._given.setdefault(command.id, min(seen + now.exchange - now.local, now.exchange))",
        "self._given[command.id] = min(command.given + now.exchange - now.local, now.exchange)\n"
        "        return self._given.pop(command.id)",
        "tests/paper/test_control.py::test_a_command_with_a_future_time_counts_from_when_it_was_first_seen",
    ),
    Planted(
        66, "removed-unread", "paper/control.py",
        "            if command.id in self._recorded and command.id not in self._half:\n",
        "            if command.id in self._recorded:\n",
        PAPER_HALTS + "test_row_24_an_interrupted_resume_of_several_halts_lifts_the_rest_with_the_same_command_id",
    ),
)  # fmt: skip
