"""Z9 to Z13, Z17 and Z18 of docs/faults.md for the traffic with an exchange and for its log."""

import asyncio
import itertools
import json
import logging
import re
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from safla.config.model import Config
from safla.config.schema import config_schema
from safla.exchange import factory
from tests.fake_exchange import ANSWERS, FakeExchange, served
from tests.faults.command import ROOT, Answer, inside
from tests.faults.exchange import LIMIT, SYMBOL, Meeting, kept, minutes, rows, undisturbed
from tests.faults.invariants import CANARY, check_answer
from tests.faults.test_secrets import HOOK, check_hidden
from tests.faults.test_security_outputs import RAW, check_shown
from tests.faults.test_security_program import knocks
from tests.scale import some_of
from tests.small_runs import journal

CANDLES = 120
FETCH = ("data", "fetch", SYMBOL, "--timeframe", "1m", "--from", "2024-01-01", "--quiet")
RUN = """\
symbols: {primary: [BTC/USDT]}
strategy: {fast_period: 3, slow_period: 8, entry_threshold_pct: 0, exit_threshold_pct: 0}
market_data: {timeframe: 1m, lookback_candles: 9, fetch_limit: 50}
data: {start: 2024-01-01T00:30:00Z, end: 2024-01-01T02:00:00Z}
"""
Command = Callable[..., Answer]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeExchange]:
    """Starts an exchange with two full pages and a partial one, for clients that do not wait before retries."""
    monkeypatch.chdir(tmp_path)
    with served([minutes(CANDLES)]) as one:
        monkeypatch.setenv("SAFLA__EXCHANGE__REST_URL", one.rest_url)
        monkeypatch.setenv("SAFLA__EXCHANGE__RETRY_DELAY_SECONDS", "0")
        monkeypatch.setenv("SAFLA__MARKET_DATA__FETCH_LIMIT", str(LIMIT))
        yield one


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Returns the real command, run in a folder of its own."""
    return lambda *arguments: inside(capsys, *arguments)


def logged(place: Path) -> list[dict[str, str]]:
    """Returns the lines of a log, after a check that each is one object without control characters."""
    lines = place.read_text().split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines)
    return [json.loads(line) for line in lines]


# --- Keys and secrets (Z9 to Z11) ------------------------------------------------------------------------------------

SAYING = ("redirect_elsewhere", "repeated_keys", "text_price", "null_row", "future_candle")
KEYS = ("api_key", "apiKey", "secret", "password", "private_key", "uid_token")


@pytest.mark.parametrize("name", KEYS)
def test_z9_a_fetch_rejects_an_api_key_with_a_hint_and_sends_no_request(
    name: str, command: Command, fake: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("c.yaml").write_text(f"exchange: {{{name}: {CANARY}}}\n")
    ways = [("--config", "c.yaml"), ("--set", f"exchange.{name}={CANARY}")]
    answers = [command(*FETCH, *way) for way in ways]
    monkeypatch.setenv(f"SAFLA__EXCHANGE__{name.upper()}", CANARY)
    for answer in [*answers, command(*FETCH)]:
        check_answer(answer, 3)
        assert "secrets are not needed, backtest and paper use public data" in answer.err
    check_hidden(command(*FETCH), Path("logs"))
    assert fake.requests == []


def test_z11_a_secret_in_the_environment_appears_nowhere_whatever_the_exchange_answers(
    command: Command, fake: FakeExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFLA__MONITORING__WEBHOOK_URL", HOOK)
    monkeypatch.setenv("BINANCE_API_SECRET", CANARY)
    monkeypatch.setenv("SAFLA__SYSTEM__LOG_LEVEL", "DEBUG")
    Path("c.yaml").write_text(RUN)
    names = sorted({*ANSWERS, *SAYING} - {"hang", "slow", "slow_body", "418", "429"})
    for name in names:
        fake.mend()
        fake.break_(name, times=None, after=1)
        check_hidden(command(*FETCH, "--json", "--set", "exchange.retry_attempts=0"))
    fake.mend()
    check_hidden(command("run", "c.yaml", "--out", "run"))
    check_hidden(Answer(0, "", ""), Path.cwd())
    assert len(logged(Path("logs/data/market_data.log"))) > len(names)


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_z10_no_request_header_appears_in_any_output_at_any_log_level(
    level: str, command: Command, fake: FakeExchange, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(("503", "html_200", "reset", "garbage_gzip")):
        fake.break_(name, after=2 * number)
    fake.break_("451", after=9)
    with caplog.at_level(logging.DEBUG):
        answer = command(*FETCH, "--set", f"system.log_level={level}", "--again")
        more = command(*FETCH, "--set", f"system.log_level={level}", "--again", "--set", "exchange.retry_attempts=0")
    texts = [answer.err, answer.out, more.err, more.out, caplog.text]
    texts += [path.read_text() for path in Path("logs").rglob("*.log")]
    assert any("unavailable (status 503" in text for text in texts)
    for text in texts:
        assert not re.search(
            "user-agent|accept-encoding|authorization|cookie|x-mbx|apikey|python/3", text, re.IGNORECASE
        )


# --- Text of an exchange (Z13) ---------------------------------------------------------------------------------------


def spoken(status: int, reason: str, body: bytes, headers: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    """Returns a handler that answers every request with exactly these bytes."""

    class Spoken(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status, reason)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Tests print no log."""

    return Spoken


@contextmanager
def speaking(status: int, body: bytes, *, reason: str = "OK", **headers: str) -> Iterator[str]:
    """Starts a server that gives everybody the same answer and is not an exchange."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), spoken(status, reason, body, named))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_body(text: str) -> list[tuple[int, bytes]]:
    """Returns answers that contain a text: as it is, in JSON, in almost JSON, as a page."""
    escaped = json.dumps({"code": -1000, "msg": text})
    plain = json.dumps({"code": -2015, "msg": text}, ensure_ascii=False)
    bodies = (text, escaped, plain, f'{{"code":-999,"msg":"{text}"}}', json.dumps({text: text}), f"[{text}]")
    statuses = itertools.cycle([200, 400, 200, 500])
    return [(status, body.encode()) for body, status in zip([*bodies, *bodies], statuses, strict=False)]


@some_of("text", RAW, every=4, ids=ascii)
def test_z13_text_from_an_exchange_is_one_escaped_line_on_stderr_and_in_the_log(
    text: str, command: Command, fake: FakeExchange
) -> None:
    for status, body in as_body(text):
        with speaking(status, body) as url:
            answer = command(*FETCH, "--set", f"exchange.rest_url={url}", "--set", "exchange.retry_attempts=0")
        assert len(answer.err.splitlines()) == 1
        check_shown(answer, 5)
        assert len(answer.err) < 400
    said = logged(Path("logs/data/market_data.log"))
    assert len(said) == len(as_body(text))
    assert not [line for line in said if "\nsafla" in line["text"]]


@pytest.mark.parametrize("text", ["\x1b[31mred", "\x9b31m", "\x7f", "a safla: all is well", "x" * 5_000])
def test_z13_text_in_response_headers_is_escaped_or_left_out(text: str, command: Command, fake: FakeExchange) -> None:
    for status, headers in ((302, {"Location": text}), (429, {"Retry_After": text}), (418, {"Retry_After": text}),
                            (500, {"X_MBX_USED_WEIGHT_1M": text}), (503, {"Content_Type": text})):  # fmt: skip
        with speaking(status, b"", reason=text, **headers) as url:
            answer = command(*FETCH, "--set", f"exchange.rest_url={url}", "--set", "exchange.retry_attempts=0")
        check_shown(answer, 5)
        assert len(answer.err) < 400
    assert len(logged(Path("logs/data/market_data.log"))) == 5


@pytest.mark.parametrize("text", RAW, ids=ascii)
def test_z13_a_symbol_name_from_the_exchange_cannot_control_the_terminal(
    text: str, command: Command, fake: FakeExchange
) -> None:
    fake.markets["EVIL"] = minutes(1, name="EVIL")
    fake.markets["EVIL"].base, fake.markets["EVIL"].quote = f"BTC{text}", "USDT"
    answer = command("data", "fetch", f"BTC{'X' * min(len(text), 17)}/USDT", "--from", "2024-01-01")
    check_shown(answer, 3)
    assert len(answer.err.splitlines()) == 1
    assert ("did you mean " in answer.err) == (len(text) < 15)  # else the names differ too much


# --- Limits of JSON (Z17) --------------------------------------------------------------------------------------------

BROKEN = ("repeated_keys", "nan_constant", "deep_json")
PLACES = {"klines": 1, "exchangeInfo": 0, "time": 0}  # the endpoint that fails, and how many good answers come before


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Returns the store of a fetch without faults."""
    return undisturbed(tmp_path_factory.mktemp("whole"), markets=[minutes(CANDLES)])


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    """Makes a client with a clock of its own."""
    return Meeting(tmp_path / "cache", markets=[minutes(CANDLES)])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BROKEN)
def test_z17_json_with_repeated_keys_nan_or_deep_nesting_is_a_bad_answer(
    name: str, place: str, meeting: Meeting, whole: dict[str, bytes]
) -> None:
    order = meeting.fake.break_(name, path=place, after=PLACES[place])
    came = meeting.fetched()
    assert (came.errors, came.counts["retries"], order.hits) == ((), 1, 1)
    assert kept(meeting.cache) == whole


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BROKEN)
def test_z17_bad_json_in_every_answer_gives_exit_5_and_nothing_of_it_is_stored(
    name: str, place: str, meeting: Meeting
) -> None:
    meeting.fake.break_(name, path=place, times=None, after=PLACES[place])
    came = meeting.fetched()
    assert came.error.exit_code == 5
    assert (": JSON of more than " if name == "deep_json" else ": not JSON: ") in str(came.error)
    assert len([one for one in meeting.asked(None) if one.faults]) == 4
    assert len(rows(meeting.cache)) == (LIMIT if place == "klines" else 0)


FILTERS = {"tickSize": "PRICE_FILTER", "stepSize": "LOT_SIZE", "minNotional": "NOTIONAL"}
NO_NUMBERS = [
    "", "abc", "NaN", "Infinity", "-0.01", "1e-400", "1E+1000000", "1e400", "1_0", "+1", "0x10", "\u0660.\u0661",
    "\x1b[31m", "0" * 400 + "1", "0." + "0" * 18 + "1", "1" * 19, [], {}, True,
]  # fmt: skip


@some_of("name", FILTERS, keep=("stepSize",))
def test_row_58_a_market_rule_that_is_not_a_plain_number_is_a_bad_answer_and_never_stored(
    name: str, tmp_path: Path
) -> None:
    never = "exchange.circuit_breaker.failure_threshold=100"
    meeting = Meeting(tmp_path, "exchange.retry_attempts=1", never, markets=[minutes(CANDLES)])
    for number, stated in enumerate(NO_NUMBERS, 1):
        meeting.fake.markets["BTCUSDT"].filters[FILTERS[name]][name] = stated
        came = meeting.fetched()
        assert (came.error.exit_code, len(meeting.asked("exchangeInfo"))) == (5, 2 * number)
        text = str(came.error)
        assert re.fullmatch(rf"binance, its symbols: (BTC/USDT: )?{name} [ -~]* is not a plain number", text), text
        assert len(text) < 120
    assert meeting.asked() == []
    assert not list(tmp_path.rglob("manifest*"))


# --- Connections (Z18) -----------------------------------------------------------------------------------------------

UNSAFE = re.compile(
    r"verify\s*=\s*False|CERT_NONE|CERT_OPTIONAL|check_hostname\s*=|_create_unverified_context|ssl\s*=\s*False"
    r"|trust_env\s*=\s*True|disable_warnings|validateServerSsl|[a-z]+_?[pP]roxy\w*\s*="
)


def test_z18_no_source_line_disables_certificate_checks_or_uses_a_proxy() -> None:
    assert UNSAFE.search("session.get(url, verify=False)")
    assert UNSAFE.search("exchange.httpsProxy = url")
    found = [path for path in (ROOT / "safla").rglob("*.py") if UNSAFE.search(path.read_text())]
    assert found == []


def test_z18_no_configuration_key_controls_certificate_checks_or_proxies() -> None:
    keys = re.findall(r'"(\w+)": \{', json.dumps(config_schema()))
    assert "rate_limit_per_minute" in keys
    assert [key for key in keys if re.search("verify|tls|ssl|cert|proxy|insecure", key, re.IGNORECASE)] == []


def test_z18_the_http_session_checks_certificates_and_ignores_the_environment() -> None:
    async def looked() -> tuple[object, ...]:
        exchange = factory.make_exchange(Config().exchange)
        exchange.open()
        try:
            context = exchange.session.connector._ssl
            return context.verify_mode, context.check_hostname, exchange.session.trust_env, exchange.verbose
        finally:
            await exchange.close()

    assert asyncio.run(looked()) == (ssl.CERT_REQUIRED, True, False, False)


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def test_z18_a_proxy_and_a_netrc_login_from_the_environment_are_ignored(
    command: Command, fake: FakeExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {CANARY}\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("no_proxy", "")
    with served([minutes(CANDLES)]) as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.rest_url)
        check_answer(command(*FETCH), 0)
        assert proxy.requests == []
    assert {one.status for one in fake.requests} == {200}


def test_z18_a_fetch_connects_only_to_the_configured_host(fake: FakeExchange, tmp_path: Path) -> None:
    with served([minutes(CANDLES)]) as other:
        for number, location in enumerate(
            (f"{other.rest_url}/api/v3/klines", "http://localhost/", "file:///etc/passwd")
        ):
            fake.break_("redirect_elsewhere", after=2 * number, location=location)
        doors = knocks(tmp_path, *FETCH, "--json")
        assert other.requests == []
    called = {re.sub(r"^.*?, (\(.*\))\)$", r"\1", what) for door, what in doors if door == "socket.connect"}
    assert called == {f"('127.0.0.1', {fake.rest_url.rpartition(':')[2]})"}
    asked = {what for door, what in doors if door in ("socket.getaddrinfo", "socket.gethostbyname")}
    assert not [what for what in asked if "127.0.0.1" not in what]
    assert not [door for door, _ in doors if door.startswith(("subprocess.", "os.system", "urllib."))]


# --- Contents of the logs --------------------------------------------------------------------------------------------


def test_retries_and_breaker_changes_are_in_the_data_log_and_in_no_journal(
    command: Command, fake: FakeExchange
) -> None:
    Path("c.yaml").write_text(RUN)
    check_answer(command("run", "c.yaml", "--out", "whole", "--quiet"), 0)
    shutil.rmtree("data")
    fake.break_("503", times=3, after=1)
    breaker = ("--set", "exchange.circuit_breaker.failure_threshold=3")
    quick = ("--set", "exchange.circuit_breaker.recovery_timeout=0.1", "--set", "exchange.retry_attempts=2")
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet", *breaker, *quick), 5)
    assert not Path("run").exists()
    said = [line["text"] for line in logged(Path("logs/data/market_data.log"))]
    assert [text for text in said if re.search(r"; try [23] in 0\.0 s$", text)] != []
    assert [text for text in said if text.startswith("binance: breaker closed to open (")] != []
    fake.mend()
    check_answer(command("run", "c.yaml", "--out", "run", "--quiet"), 0)
    assert journal(Path("run")) == journal(Path("whole"))
    assert not re.search(rb"breaker|try|\b503\b|unavailable", journal(Path("run")).replace(b"entry", b""))
    assert {path.name for path in Path("logs").rglob("*.log")} == {"market_data.log", "errors.log"}
