"""Row 43: 27 faults of a page, through ccxt and real sockets: it is requested again or an error, never stored."""

import re
from pathlib import Path

import pytest

from safla.errors import DataError
from tests.fake_exchange import PAGES, served
from tests.faults.command import inside
from tests.faults.exchange import (
    LIMIT,
    SYMBOL,
    Meeting,
    Whole,
    at,
    check_heals,
    kept,
    minutes,
    rows,
    whole_of,
)
from tests.faults.invariants import check_answer
from tests.scale import some_of

CANDLES = 120
TRIES = 4  # of one page: the first try and exchange.retry_attempts retries
MIDDLE = LIMIT + LIMIT // 2  # the number of the candle in the middle of the second page
AT_ONCE = "exchange.retry_delay_seconds=0"

IN_THE_MIDDLE = f"candle {at(MIDDLE)}: "
NO_NUMBER = "is not a plain decimal number"
BAD = {  # the final error when the second page stays bad: the row, by its time or number, and its value
    "duplicates": r"expected 50 rows at most, got 53$",
    "conflicting_duplicate": r"expected 50 rows at most, got 51$",
    "out_of_order": r"time \d{13} comes after \d{13}; the times of a page must ascend$",
    "descending": rf"time {at(98)} comes after {at(99)}; the times of a page must ascend$",
    "null_fields": rf"{IN_THE_MIDDLE}\[None, '42012.50000000', .*\] are not five numbers$",
    "null_row": r"row 26 of a page is not a candle of this timeframe: None$",
    "nan_strings": rf"{IN_THE_MIDDLE}high 'NaN' {NO_NUMBER}",
    "infinite": rf"{IN_THE_MIDDLE}high 'Infinity' {NO_NUMBER}",
    "text_price": rf"{IN_THE_MIDDLE}close 'n/a' {NO_NUMBER}",
    "empty_string": rf"{IN_THE_MIDDLE}\[.*, None, .*\] are not five numbers$",
    "negative_price": rf"{IN_THE_MIDDLE}open '-42009.50000000' {NO_NUMBER}",
    "zero_price": rf"{IN_THE_MIDDLE}low 0.00 is not above 0$",
    "negative_volume": rf"{IN_THE_MIDDLE}volume '-1.00000000' {NO_NUMBER}",
    "high_below_low": rf"{IN_THE_MIDDLE}high 42007.00 is below open 42009.50$",
    "close_outside_range": rf"{IN_THE_MIDDLE}high 42012.50 is below close 42013.50$",
    "huge_number": rf"{IN_THE_MIDDLE}close '1e400' {NO_NUMBER}",
    "off_grid_timestamp": rf"row 26 of a page is not a candle of this timeframe: \[{at(MIDDLE) + 1_234}, ",
    "future_candle": rf"time {at(CANDLES + 10)} is in the future: the exchange's clock says \d{{13}}$",
    "microseconds": rf"row 1 of a page is not a candle of this timeframe: \[{at(LIMIT)}000, ",
    "string_timestamps": rf"row 1 of a page is not a candle of this timeframe: \['{at(LIMIT)}', ",
    "short_rows": rf"row 1 of a page is not a candle of this timeframe: \[{at(LIMIT)}, .*\]$",
    "extra_columns": rf"row 1 of a page is not a candle of this timeframe: \[{at(LIMIT)}, .*, '0', '0'\]$",
}
HEALED = {  # pages that lack candles: the number of requests and of second requests, for one such page and for all
    "missing": ((6, 1), (7, 2)),  # one for the page, one for the gap
    "short_page": ((5, 0), (10, 0)),  # 25 and 50; 25, 13, 6, 3, ..: the rest is halved until it cannot be cut
    "empty_page": ((6, 1), None),  # for all pages: a test of its own below
}
LEGAL = {  # faults that no check can see in a row: the indices of the cells that differ from an undisturbed run
    "zero_volume": (5,),
    "spike": (2, 4),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Returns the store of a fetch without faults."""
    return whole_of(tmp_path_factory.mktemp("whole"), CANDLES)


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Makes a client and an exchange with 120 candles: two full pages and a partial one."""
    return Meeting(tmp_path / "cache", markets=[minutes(CANDLES)])


def test_row_43_the_tables_of_this_file_have_each_of_the_27_page_faults_once() -> None:
    assert sorted([*BAD, *HEALED, *LEGAL]) == sorted(PAGES)
    assert len(PAGES) == 27


@pytest.mark.parametrize("page", [0, 2])
@some_of("name", BAD, every=3)
def test_row_43_a_page_with_a_bad_row_is_requested_again_and_nothing_is_lost(
    name: str, page: int, meeting: Meeting, whole: Whole
) -> None:
    order = meeting.fake.break_(name, after=page)
    came = meeting.fetched()
    assert (came.errors, order.hits) == ((), 1)
    assert kept(meeting.cache) == whole.files
    assert came.counts == {"requests": 6, "retries": 1}
    assert [one.parameters["startTime"] for one in meeting.asked()].count(str(at(page * LIMIT))) == 2


@some_of("name", BAD, every=2)
def test_row_43_a_page_that_stays_bad_gives_exit_4_with_row_and_value_and_keeps_earlier_pages(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, times=None, after=1)
    came = meeting.fetched()
    text = str(came.error)
    assert (type(came.error), came.error.exit_code) == (DataError, 4)
    assert re.match(rf"binance {SYMBOL} 1m: {BAD[name]}", text), text
    assert text.isprintable()
    assert len(text) < 300
    assert (came.counts["retries"], len(meeting.asked())) == (TRIES - 1, 1 + TRIES)
    assert rows(meeting.cache) == whole.rows[:LIMIT]
    assert came.got[0].missing == ((at(LIMIT), at(CANDLES)),)
    check_heals(meeting, whole, candles=CANDLES)


@some_of("name", BAD, every=5)
def test_row_43_the_command_reports_a_bad_page_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served([minutes(CANDLES)]) as fake:
        fake.break_(name, times=None, after=1)
        sets = (f"exchange.rest_url={fake.rest_url}", AT_ONCE, f"market_data.fetch_limit={LIMIT}")
        places = (f"storage.cache_directory={tmp_path}", f"storage.logs_directory={tmp_path / 'logs'}")
        options = [word for one in (*sets, *places) for word in ("--set", one)]
        answer = inside(
            capsys, "data", "fetch", SYMBOL, "--timeframe", "1m", "--from", "2024-01-01", "--quiet", "--json", *options
        )
    assert answer.code == 4
    assert re.fullmatch(rf"safla: binance {SYMBOL} 1m: {BAD[name].removesuffix('$')}.*\n", answer.err), answer.err
    assert '"exit_code": 4' in answer.out  # the result of each symbol is reported though one failed (X14)
    check_answer(answer._replace(out=""), 4)


@pytest.mark.parametrize("page", [0, 1, 2])
@pytest.mark.parametrize("name", HEALED)
def test_row_43_a_page_that_lacks_candles_once_is_not_taken_for_the_end_or_a_gap(
    name: str, page: int, meeting: Meeting, whole: Whole
) -> None:
    order = meeting.fake.break_(name, after=page)
    came = meeting.fetched()
    requests, reasked = HEALED[name][0]
    assert (came.errors, order.hits) == ((), 1)
    assert kept(meeting.cache) == whole.files
    assert came.got[0].absent == ()
    assert came.got[0].reasked == reasked
    halves = name == "short_page" and page == 2  # the last candles come in two parts
    assert came.counts == {"requests": requests + halves}


@pytest.mark.parametrize("name", [name for name, (_, for_ever) in HEALED.items() if for_ever])
def test_row_43_pages_that_always_lack_candles_are_requested_until_none_is_missing(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, times=None, after=1)
    came = meeting.fetched()
    for_ever = HEALED[name][1]
    assert (came.errors, came.got[0].absent) == ((), ())
    assert (came.counts["requests"], came.got[0].reasked) == for_ever
    assert kept(meeting.cache) == whole.files


def test_row_46_a_recorded_gap_is_requested_again_and_filled_by_a_later_fetch(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, markets=[minutes(CANDLES, gaps=(60, 61))])
    first = meeting.fetched()
    assert (first.errors, first.got[0].absent) == ((), ((at(60), at(62)),))
    assert first.seconds >= 2  # it was requested again after seconds
    meeting.fake.markets["BTCUSDT"] = minutes(CANDLES)  # both answers were wrong
    again = meeting.fetched()
    assert (again.errors, again.got[0].added, again.got[0].reasked) == ((), 2, 1)
    assert len(rows(tmp_path)) == CANDLES
    settled = meeting.fetched()
    assert (settled.got[0].pages, settled.got[0].added) == (0, 0)


def test_row_43_pages_that_stay_empty_give_exit_5_and_are_not_recorded_as_a_gap(meeting: Meeting, whole: Whole) -> None:
    meeting.fake.break_("empty_page", times=None, after=1)
    came = meeting.fetched()
    assert came.error.exit_code == 5
    assert "no candle from 2024-01-01T00:50Z to 2024-01-01T02:00Z, requested twice" in str(came.error)
    assert came.got[0].absent == ()
    assert rows(meeting.cache) == whole.rows[:LIMIT]
    check_heals(meeting, whole, candles=CANDLES)


@pytest.mark.parametrize("name", LEGAL)
def test_row_43_zero_volume_and_a_price_spike_are_accepted_and_no_other_row_changes(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, after=1)
    came = meeting.fetched()
    assert (came.errors, came.counts) == ((), {"requests": 5})
    found = rows(meeting.cache)
    assert found[:MIDDLE] + found[MIDDLE + 1 :] == whole.rows[:MIDDLE] + whole.rows[MIDDLE + 1 :]
    here, there = found[MIDDLE], whole.rows[MIDDLE]
    assert tuple(place for place in range(6) if here[place] != there[place]) == LEGAL[name]
    assert (here[5] == 0, here[2] == 10 * there[2], here[4] == 10 * there[4]) == {
        "zero_volume": (True, False, False),
        "spike": (False, True, True),
    }[name]


@pytest.mark.parametrize("name", LEGAL)
def test_row_43_a_stored_candle_served_again_with_other_values_is_kept_and_the_new_one_set_aside(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    assert meeting.fetched(end=at(LIMIT)).errors == ()
    meeting.fake.break_(name, at=0)
    came = meeting.fetched(end=at(CANDLES))
    assert came.errors == ()
    assert [one.ts for one in came.got[0].restated] == [at(LIMIT - 1)]  # requested again, to be compared (X12)
    assert rows(meeting.cache) == whole.rows


@pytest.mark.parametrize("passed", [1, 30_000, 59_999])
def test_the_unfinished_candle_is_served_and_never_stored(passed: int, tmp_path: Path, whole: Whole) -> None:
    meeting = Meeting(tmp_path, markets=[minutes(CANDLES)], now_ms=at(CANDLES - 1) + passed)
    came = meeting.fetched()
    assert came.errors == ()
    assert rows(tmp_path) == whole.rows[:-1]
    assert meeting.fetched(start=at(CANDLES - 2)).got[0].added == 0
    meeting.ticking.advance((60_000 - passed) / 1000)
    assert meeting.fetched().got[0].added == 1
    assert rows(tmp_path) == whole.rows


AGAIN = ("null_row", "negative_price", "descending", "future_candle", "missing", "short_page")


@pytest.mark.parametrize("name", AGAIN)
def test_row_43_a_bad_answer_to_the_second_request_for_missing_candles_does_not_make_a_gap(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    lacks = meeting.fake.break_("missing", count=6, after=1)
    again = meeting.fake.break_(name, after=2)
    came = meeting.fetched()
    assert (came.errors, lacks.hits, again.hits) == ((), 1, 1)
    assert next(one.faults for one in meeting.asked() if "endTime" in one.parameters) == [name]
    assert came.got[0].absent == ()
    assert kept(meeting.cache) == whole.files


def test_row_43_two_bad_pages_in_a_row_take_two_retries(meeting: Meeting, whole: Whole) -> None:
    meeting.fake.break_("negative_price", after=1)
    meeting.fake.break_("future_candle", after=2)
    came = meeting.fetched()
    assert (came.errors, came.counts["retries"]) == ((), 2)
    assert kept(meeting.cache) == whole.files


# --- The breaker and the reason --------------------------------------------------------------------------------------

HIGH_BELOW_LOW = rf"binance BTC/USDT 1m: {BAD['high_below_low'].removesuffix('$')}"
OPEN = r"the breaker is open after too many failures; try again in \d+ s$"


@pytest.mark.parametrize("attempts", [3, 4, 5, 6, 9])
def test_row_43_a_page_that_stays_bad_gives_exit_4_with_row_and_value_for_any_number_of_retries(
    attempts: int, tmp_path: Path, whole: Whole
) -> None:
    sets = (f"exchange.retry_attempts={attempts}", AT_ONCE)
    meeting = Meeting(tmp_path / "cache", *sets, markets=[minutes(CANDLES)])
    meeting.fake.break_("high_below_low", times=None, after=1)
    came = meeting.fetched()
    assert (type(came.error), came.error.exit_code) == (DataError, 4)
    assert re.match(HIGH_BELOW_LOW, str(came.error))
    assert (re.search(OPEN, str(came.error)) is not None) == (attempts >= 5)
    check_heals(meeting, whole, candles=CANDLES)


def test_row_43_two_symbols_with_bad_pages_each_report_their_row_though_the_breaker_opens(tmp_path: Path) -> None:
    markets = [minutes(CANDLES), minutes(CANDLES, name="ETHUSDT", seed=2)]
    meeting = Meeting(tmp_path / "cache", AT_ONCE, markets=markets)
    meeting.fake.break_("high_below_low", times=None, after=2)
    came = meeting.fetched(SYMBOL, "ETH/USDT")
    assert came.counts["breaker open"] == 1
    assert [(type(one), one.exit_code) for one in came.errors] == [(DataError, 4)] * 2
    for symbol, error in zip((SYMBOL, "ETH/USDT"), came.errors, strict=True):
        assert re.match(rf"binance {symbol} 1m: candle \d+: high \S+ is below open \S+", str(error)), str(error)


def test_row_43_a_request_rejected_by_the_open_breaker_reports_the_page_that_opened_it(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "cache", "exchange.retry_attempts=5", AT_ONCE, markets=[minutes(CANDLES)])
    meeting.fake.break_("high_below_low", times=None, after=1)
    meeting.fetched()
    later = meeting.fetched()  # of the same process: the breaker is open, and no request is sent
    assert (type(later.error), later.error.exit_code) == (DataError, 4)
    expected = rf"binance, its clock: not requested; the last failure was: {HIGH_BELOW_LOW}; {OPEN}"
    assert re.match(expected, str(later.error)), str(later.error)


def test_row_43_a_breaker_opened_by_error_answers_gives_exit_5_and_names_them(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "cache", "exchange.retry_attempts=9", AT_ONCE, markets=[minutes(CANDLES)])
    meeting.fake.break_("503", times=None, after=1)
    came = meeting.fetched()
    assert came.error.exit_code == 5
    assert re.match(rf"binance {SYMBOL} 1m: unavailable \(status 503.*; {OPEN}", str(came.error))


# --- The unfinished candle -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [{2: "1.00000000"}, {4: "NaN"}, {1: None}, {6: 17}, {4: "42000.123456789"}])
def test_a_bad_row_of_the_unfinished_candle_does_not_make_its_page_bad(
    cells: dict[int, object], tmp_path: Path
) -> None:
    now = at(100) + 20_000
    meeting = Meeting(tmp_path / "cache", markets=[minutes(CANDLES)], now_ms=now)
    meeting.fake.form(lambda row: [cells.get(place, cell) for place, cell in enumerate(row)])
    came = meeting.fetched()
    assert (came.errors, came.counts["retries"]) == ((), 0)
    assert [row[0] for row in rows(meeting.cache)] == [at(minute) for minute in range(100)]
