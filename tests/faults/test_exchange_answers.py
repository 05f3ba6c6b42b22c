"""24 faults of HTTP answers, and rows 35, 40, 41 and 42, through ccxt and real sockets: nothing wrong is stored."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from safla.errors import ConfigError, DataError, ExchangeError
from tests.errors import raises_code
from tests.fake_exchange import ANSWERS, FakeExchange, served
from tests.faults.command import ROOT
from tests.faults.exchange import (
    LIMIT,
    SYMBOL,
    Came,
    Meeting,
    Whole,
    at,
    check_heals,
    kept,
    minutes,
    rows,
    whole_of,
)
from tests.processes import Process
from tests.scale import some_of

CANDLES = 120
TRIES = 4  # of one request: the first try and exchange.retry_attempts retries
TIMEOUT = "exchange.timeout_seconds=0.2"
PLACES = {"klines": 1, "exchangeInfo": 0, "time": 0}  # the endpoint that fails, and how many good answers come before
SHORT = {"slow": {"seconds": 0.05}, "slow_body": {"seconds": 0.05}}
LEGAL = ("slow", "slow_body")  # late, but valid
FINAL = {
    "status": (ConfigError, r"Invalid symbol\. \(code -1121\)"),
    "418": (ExchangeError, r"banned for sending more after too many requests, until 2024-01-01T02:02Z \(status 418"),
    "451": (ExchangeError, r"refuses this region \(status 451"),
}
STAYS = {  # the final error when the answers about candles stay bad
    "429": (ExchangeError, r"too many requests, until 2024-01-01T02:00:0\dZ \(status 429"),
    "500": (ExchangeError, r"unavailable \(status 500: .* \(code -1000\)"),
    "502": (ExchangeError, r"unavailable \(status 502\)$"),
    "503": (ExchangeError, r"unavailable \(status 503: .* \(code -1008\)"),
    "504": (ExchangeError, r"unavailable \(status 504: .* \(code -1007\)"),
    "403": (ExchangeError, r"rejected by its firewall \(status 403\)$"),
    "error_in_200": (ExchangeError, r"\(code -1000\)$"),
    "html_200": (ExchangeError, r"not JSON: HTML, 110 characters$"),
    "empty_body": (ExchangeError, r"not JSON: an empty body$"),
    "null_body": (ExchangeError, r"expected an answer, got null$"),
    "object_body": (ExchangeError, r"expected a list of candles, got dict$"),
    "truncated_json": (ExchangeError, r"not JSON: cut or malformed, [\d,]+ characters$"),
    "garbage_gzip": (ExchangeError, r"broke off \(ClientPayloadError"),
    "hang": (ExchangeError, r"no answer within 0\.2 s$"),
    "reset": (ExchangeError, r"broke off \(ClientOSError"),
    "reset_mid_body": (ExchangeError, r"broke off \(Client"),
    "close_mid_body": (ExchangeError, r"broke off \(ClientPayloadError"),
    "redirect_loop": (ExchangeError, r"redirects to another path, which is not followed \(status 302\)$"),
    "stale_page": (DataError, r"time 1704067200000 is before the requested start, 1704070200000$"),
}


class Child(NamedTuple):
    """The result of a process that fetched candles."""

    code: int
    err: str
    peak: int  # bytes of memory, at most


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Returns the store of a fetch without faults."""
    return whole_of(tmp_path_factory.mktemp("whole"), CANDLES)


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Makes a client with a short timeout."""
    return Meeting(tmp_path / "cache", TIMEOUT, markets=[minutes(CANDLES)])


def check_nothing_wrong(meeting: Meeting, whole: Whole, *, stored: int) -> None:
    """Checks that exactly the first candles are stored, unchanged, and that the next fetch brings the rest."""
    assert rows(meeting.cache) == whole.rows[:stored]
    check_heals(meeting, whole, candles=CANDLES)


def test_the_tables_of_this_file_cover_each_of_the_24_faults_of_an_answer() -> None:
    assert {*FINAL, *STAYS, *LEGAL} == set(ANSWERS)
    assert len(ANSWERS) == 24


@pytest.mark.parametrize("place", PLACES)
@some_of("name", [*STAYS, *LEGAL], every=3)
def test_a_single_bad_answer_costs_one_more_request_and_no_candle(
    name: str, place: str, meeting: Meeting, whole: Whole
) -> None:
    order = meeting.fake.break_(name, path=place, after=PLACES[place], **SHORT.get(name, {}))
    came = meeting.fetched()
    again = int(name not in LEGAL and (name, place) not in {("stale_page", "exchangeInfo"), ("stale_page", "time")})
    assert (came.errors, order.hits) == ((), 1)
    assert kept(meeting.cache) == whole.files
    assert came.counts == {"requests": 5 + again, **({"retries": again} if again else {})}
    assert len(meeting.asked(None)) == 5 + again


@some_of("name", STAYS, every=2)
def test_an_answer_that_stays_bad_is_retried_three_times_and_then_reported_with_the_reason(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, times=None, after=1)
    came = meeting.fetched()
    kind, words = STAYS[name]
    assert (type(came.error), came.counts["retries"]) == (kind, TRIES - 1)
    assert came.error.exit_code == (4 if kind is DataError else 5)
    check_said(came, words)
    assert len(meeting.asked()) == 1 + TRIES
    check_nothing_wrong(meeting, whole, stored=LIMIT)


FINAL_PLACES = [(name, place) for name in FINAL for place in PLACES if (name, place) != ("status", "time")]


@pytest.mark.parametrize(("name", "place"), FINAL_PLACES)
def test_a_final_answer_such_as_a_ban_is_not_retried(name: str, place: str, meeting: Meeting, whole: Whole) -> None:
    meeting.fake.break_(name, times=None, path=place, after=PLACES[place])
    came = meeting.fetched()
    kind, words = FINAL[name]
    assert type(came.error) is (ExchangeError if place == "klines" else kind)  # row 48: the symbol is gone
    check_said(came, words)
    hit = [one for one in meeting.asked(None) if one.faults]
    assert len(hit) == (2 if (name, place) == ("status", "exchangeInfo") else 1)  # the second asks for all symbols
    assert meeting.asked(None)[-1] is hit[-1]
    check_nothing_wrong(meeting, whole, stored=LIMIT if place == "klines" else 0)


@pytest.mark.parametrize("code", [-1121, -1120, -1100, -1102, -1000])
@pytest.mark.parametrize("name", ["status", "error_in_200"])
def test_an_unrelated_error_at_the_server_time_endpoint_is_a_bad_answer_of_the_clock(
    name: str, code: int, meeting: Meeting
) -> None:
    """The request names no symbol, so neither the configuration nor safla is the cause."""
    order = meeting.fake.break_(name, times=None, path="time", code=code, msg="Invalid symbol.")
    came = meeting.fetched()
    assert (type(came.error), came.error.exit_code, order.hits) == (ExchangeError, 5, TRIES)
    assert str(came.error).startswith("binance, its clock: ")
    assert "symbols:" not in str(came.error)


@pytest.mark.parametrize(("pages", "exit_code"), [(0, 3), (1, 5)])
def test_an_unsupported_timeframe_is_a_configuration_error_until_the_first_candles_arrive(
    pages: int, exit_code: int, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_("status", times=None, path="klines", after=pages, code=-1120, msg="Invalid interval.")
    came = meeting.fetched()
    assert (came.error.exit_code, came.counts["retries"]) == (exit_code, 0)
    check_said(came, r"Invalid interval")
    assert ("market_data.timeframe" in str(came.error)) == (pages == 0)
    check_nothing_wrong(meeting, whole, stored=LIMIT * pages)


@pytest.mark.parametrize("place", ["exchangeInfo", "time"])
@some_of("name", sorted(STAYS.keys() - {"stale_page", "hang"}), every=4)
def test_nothing_is_stored_when_server_time_or_symbols_stay_bad(
    name: str, place: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, times=None, path=place)
    error = meeting.fetched().error
    assert (type(error), error.exit_code) == (ExchangeError, 5)
    assert str(error).startswith({"exchangeInfo": "binance, its symbols: ", "time": "binance, its clock: "}[place])
    assert len(meeting.asked(place)) == TRIES
    assert meeting.asked() == []
    check_nothing_wrong(meeting, whole, stored=0)


def test_truncated_gzip_is_retried_like_garbage_gzip(meeting: Meeting, whole: Whole) -> None:
    meeting.fake.break_("garbage_gzip", cut=True, times=2, after=1)
    came = meeting.fetched()
    assert (came.errors, came.counts["retries"]) == ((), 2)
    assert kept(meeting.cache) == whole.files


def check_said(came: Came, words: str) -> None:
    """Checks I9 and I10: the error is one readable line that names the exchange and the reason."""
    text = str(came.error)
    assert re.search(words, text), text
    assert "binance" in text
    assert text.isprintable()
    assert len(text) < 300


# --- Row 35: the network ---------------------------------------------------------------------------------------------

BROKEN: dict[str, dict[str, float]] = {
    "hang": {}, "drip": {"every": 0.01}, "reset": {}, "reset_mid_body": {}, "close_mid_body": {},
}  # fmt: skip
AWAY = {  # an address without an exchange, and the expected error
    "refused": (lambda port: "http://127.0.0.1:1", "ClientConnectorError: .*Connect call failed"),
    "no name": (lambda port: "http://nowhere.invalid", "ClientConnectorDNSError"),
    "no TLS": (lambda port: f"https://127.0.0.1:{port}", "ClientConnectorSSLError"),
}
NO_WAIT = "exchange.retry_delay_seconds=0"


@pytest.mark.parametrize("name", BROKEN)
def test_row_35_a_broken_connection_is_retried_and_five_failures_in_a_row_open_the_breaker(
    name: str, tmp_path: Path, whole: Whole
) -> None:
    meeting = Meeting(tmp_path, TIMEOUT, NO_WAIT, "exchange.retry_attempts=9", markets=[minutes(CANDLES)])
    meeting.fake.break_(name, times=None, after=1, **BROKEN[name])
    came = meeting.fetched()
    check_said(came, r"the breaker is open after too many failures; try again in 30 s$")
    assert (came.error.exit_code, came.counts["retries"], came.counts["breaker open"]) == (5, 5, 1)
    assert len(meeting.asked()) == 1 + 5
    check_nothing_wrong(meeting, whole, stored=LIMIT)


@pytest.mark.parametrize("name", AWAY)
def test_row_35_an_unreachable_exchange_is_tried_four_times_and_then_gives_exit_5(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def looked_up(host: str, *arguments: object, **named: object) -> object:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    url, words = AWAY[name]
    meeting = Meeting(tmp_path)
    with served([minutes(CANDLES)]) as other:
        elsewhere = f"exchange.rest_url={url(other.rest_url.rpartition(':')[2])}"

        async def asked() -> tuple[ExchangeError, int]:
            async with meeting.feed(elsewhere) as feed:
                with pytest.raises(ExchangeError, match=words) as refused:
                    await feed.time.now()
                return refused.value, feed.counts["retries"]

        error, retries = meeting.run(asked, grace=0.03)
    assert (error.exit_code, retries) == (5, TRIES - 1)
    assert str(error).startswith("binance, its clock: cannot be reached, or the connection broke off (")
    assert str(error).isprintable()
    assert not rows(tmp_path)


def test_row_35_a_self_signed_certificate_is_rejected_before_any_request(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(10))
        writer.close()

    meeting = Meeting(tmp_path)

    async def asked() -> str:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=self_signed(tmp_path))
        port = server.sockets[0].getsockname()[1]
        async with server, meeting.feed(f"exchange.rest_url=https://127.0.0.1:{port}") as feed:
            with raises_code(ExchangeError, "exchange_unreachable") as refused:
                await feed.time.now()
        return str(refused.value)

    text = meeting.run(asked)
    assert "ClientConnectorCertificateError" in text
    assert heard == []


@pytest.mark.parametrize(("name", "parameters"), [("hang", {}), ("drip", {"every": 0.02})])
def test_row_35_a_timeout_is_exact_to_ten_percent(name: str, parameters: dict[str, float], tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, "exchange.timeout_seconds=0.3", NO_WAIT, markets=[minutes(CANDLES)])
    meeting.fake.break_(name, times=3, **parameters)
    assert meeting.fetched().errors == ()
    times = [one.monotonic for one in meeting.asked()][:4]
    lasted = [late - early for early, late in pairwise(times)]
    assert min(lasted) >= 0.3
    assert min(lasted) <= 0.33  # the best of three: the machine is shared


@pytest.mark.parametrize("seconds", ["0.1", "4.9", "5.1", "30", "300"])
def test_row_35_no_timeout_is_rounded_up(seconds: str, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path, f"exchange.timeout_seconds={seconds}")
    set_for: list[float] = []

    async def asked() -> None:
        loop = asyncio.get_running_loop()
        call_at = loop.call_at

        def noted(when: float, *arguments: object, **named: object) -> asyncio.TimerHandle:
            set_for.append(when - loop.time())
            return call_at(when, *arguments, **named)  # type: ignore[arg-type]

        async with meeting.feed() as feed:
            loop.call_at = noted  # type: ignore[method-assign]
            await feed.time.now()
            loop.call_at = call_at  # type: ignore[method-assign]

    meeting.run(asked)
    assert [one for one in set_for if abs(one - float(seconds)) < 0.01]


def self_signed(folder: Path) -> ssl.SSLContext:
    """Returns the TLS context of a server with a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context


# --- Row 40: the end of the candles ----------------------------------------------------------------------------------


NO_PAGES = "html_200 empty_body null_body object_body truncated_json garbage_gzip stale_page".split()


@pytest.mark.parametrize("name", NO_PAGES)
def test_row_40_an_invalid_page_is_never_taken_for_the_end_of_the_candles(
    name: str, meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_(name, times=None, after=2)
    came = meeting.fetched()
    assert came.error.exit_code in (4, 5)
    assert [one.missing for one in came.got] == [((at(2 * LIMIT), at(CANDLES)),)]
    assert [one.absent for one in came.got] == [()]
    check_nothing_wrong(meeting, whole, stored=2 * LIMIT)


def test_row_40_an_empty_page_before_the_end_is_requested_again(meeting: Meeting, whole: Whole) -> None:
    meeting.fake.break_("empty_page", after=1)
    came = meeting.fetched()
    assert (came.errors, came.got[0].reasked) == ((), 1)
    assert kept(meeting.cache) == whole.files


def test_row_40_repeated_empty_pages_before_the_end_give_exit_5_and_no_gap_is_recorded(
    meeting: Meeting, whole: Whole
) -> None:
    meeting.fake.break_("empty_page", times=None, after=2)
    came = meeting.fetched()
    check_said(came, r"no candle from 2024-01-01T01:40Z to 2024-01-01T02:00Z, requested twice")
    assert (came.error.exit_code, came.got[0].absent) == (5, ())
    check_nothing_wrong(meeting, whole, stored=2 * LIMIT)


# --- Row 41: oversized bodies ----------------------------------------------------------------------------------------

MEBIBYTE = 2**20
HUGE = {
    "huge_body": r"the body has more than 16 MiB",
    "gzip_bomb": r"the body has more than 16 MiB",
    "deep_json": r"JSON of more than \d+ values or \d+ lists, or nested deeper than 64",
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Returns the peak memory of a fetch without faults, in bytes."""
    with served([minutes(CANDLES)]) as fake:
        child = fetched_alone(fake, tmp_path_factory.mktemp("usual"))
    assert (child.code, child.err) == (0, "")
    return child.peak


@some_of("name", HUGE, keep=("gzip_bomb",))
def test_row_41_an_oversized_body_is_a_bad_answer_and_costs_no_memory(name: str, usual: int, tmp_path: Path) -> None:
    with served([minutes(CANDLES)]) as fake:
        fake.break_(name, times=None, after=1)
        child = fetched_alone(fake, tmp_path)
        assert len([one for one in fake.requests if one.name == "klines"]) == 3
    assert child.code == 5
    assert re.fullmatch(rf"safla: binance BTC/USDT 1m: {HUGE[name]}.*\n", child.err), child.err
    assert child.peak < usual + 40 * MEBIBYTE
    assert len(rows(tmp_path)) == LIMIT


def fetched_alone(fake: FakeExchange, cache: Path) -> Child:
    """Runs the real command with one retry. Returns its result and peak memory."""
    sets = {
        "exchange.rest_url": fake.rest_url, "exchange.retry_attempts": 1, "exchange.retry_delay_seconds": 0,
        "market_data.fetch_limit": LIMIT, "storage.cache_directory": cache, "storage.logs_directory": cache / "logs",
    }  # fmt: skip
    words = ["data", "fetch", SYMBOL, "--timeframe", "1m", "--from", "2024-01-01", "--quiet"]
    more = [word for name, value in sets.items() for word in ("--set", f"{name}={value}")]
    with Process(
        [sys.executable, "-m", "safla", *words, *more], cwd=cache, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        err = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Child(process.returncode, err, usage.ru_maxrss * 1024)


# --- Row 42: redirects -----------------------------------------------------------------------------------------------


DESTINATIONS = {  # a redirect and its target as the error names it
    "another host": "http://127.0.0.1",
    "file:///etc/passwd": "another path",
    "//127.0.0.1/": "//127.0.0.1",
    "": "another path",
    "https://a.example/?token=hunter2": "https://a.example",
}


@some_of("to", DESTINATIONS, keep=("another host", "file:///etc/passwd"))
@pytest.mark.parametrize("place", PLACES)
def test_row_42_a_redirect_is_not_followed(to: str, place: str, meeting: Meeting, whole: Whole) -> None:
    with served([minutes(CANDLES)]) as other:
        location = f"{other.rest_url}/api/v3/{place}" if to == "another host" else to
        meeting.fake.break_("redirect_elsewhere", times=None, path=place, after=PLACES[place], location=location)
        came = meeting.fetched()
        assert other.requests == []
    check_said(came, rf"redirects to {DESTINATIONS[to]}, which is not followed \(status 302\)$")
    assert came.error.exit_code == 5
    assert len([one for one in meeting.asked(None) if one.faults]) == TRIES
    check_nothing_wrong(meeting, whole, stored=LIMIT if place == "klines" else 0)
