"""A strict layer over any ccxt class: it checks every answer before ccxt parses it (X1-X4, Z17, Z18).

ccxt alone takes a page of HTML, an empty body or half a JSON for an empty list, takes a body that broke off for a
rejection, and does not read Retry-After.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple

from safla.core.timeframes import TIMEFRAMES
from safla.exchange import bounds, failures
from safla.exchange.failures import BAD_ANSWER, BAD_ROW, NETWORK, RequestFailed, row_said, said

MAX_BODY_BYTES = 16 * 2**20
MOST_PARSED_ON_LOOP = 2**18  # characters, about 3 ms; a page of 1 000 candles of Binance has 170 000
BINANCE_CELLS = 12  # in a row of Binance's candles: open time, five numbers, close time, ...

# Whether the current task waits for markets: ccxt calculates with them, so their numbers need bounds.
_markets_awaited: ContextVar[bool] = ContextVar("markets_awaited", default=False)

Row = list[Any]  # [ms, open, high, low, close, volume] as the exchange wrote them: not sorted, filtered or rounded


class HttpAnswer(NamedTuple):
    """An HTTP answer before it is parsed."""

    status: int
    reason: str
    headers: Mapping[str, str]  # names in lower case
    text: str


class StrictExchange:
    """The methods that `strict` puts before those of a ccxt class: how it sends a request, and how it reads rows."""

    id: str
    timeout: int  # ms
    session: Any
    open: Callable[..., None]
    prepare_request_headers: Callable[..., dict[str, str]]
    handle_errors: Callable[..., None]
    handle_http_status_code: Callable[..., None]
    parse_ohlcv: Callable[..., Row]
    heard: Callable[[HttpAnswer], None]  # called with every answer
    before: Callable[[], Awaitable[None]]  # awaited before every request
    retry_after: Callable[[str | None], float]
    until: Callable[[float], str]  # the time so many seconds from now, as text

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send one request and return its answer as JSON. RequestFailed for every answer that is not a good one."""
        if method != "GET" or body:  # R1: a retry must change nothing at the exchange
            raise RequestFailed(f"{self.id} needs a {method} request here, but only GET is sent", failures.NOT_SERVED)
        self.open(True)
        self.session._retry_connection = False  # else aiohttp repeats a request by itself, uncounted
        request_headers = self.prepare_request_headers(headers)
        await self.before()
        answer = await self._received(url, request_headers)
        self.heard(answer)
        self._judge_status(answer)
        parsed = await _parse_body(answer)
        self._judge_code(parsed)
        self._judge_class(answer, parsed, url=url, method=method, request_headers=request_headers)
        self._judge_kind(parsed, path=url.partition("?")[0])
        if _markets_awaited.get():
            await asyncio.to_thread(bounds.refuse_long_markets, parsed)
        weight = _weight_allowed(parsed)
        if weight is not None:
            self.allowed(weight)
        return parsed

    async def fetch_markets(self, params: Any = None) -> Any:
        """Return the markets as ccxt makes them, from answers within bounds. ccxt calls this by itself, too."""
        before = _markets_awaited.set(True)
        try:
            return await super().fetch_markets({} if params is None else params)  # type: ignore[misc]
        finally:
            _markets_awaited.reset(before)

    def parse_precision(self, precision: Any) -> Any:
        """Return the step for a number of digits, after a check: ccxt loops once for each digit."""
        return super().parse_precision(bounds.checked_places(precision))  # type: ignore[misc]

    def integer_precision_to_amount(self, precision: Any) -> Any:
        """Return the step for a number of digits before the decimal point, after the same check."""
        return super().integer_precision_to_amount(bounds.checked_places(precision))  # type: ignore[misc]

    def under_way(self, ts: object, step_ms: int) -> bool:  # noqa: ARG002 - used by what replaces it
        """Whether a candle that opens at ts, ms, is unfinished. client.py replaces it, for it knows the time."""
        return False

    def allowed(self, weight: int) -> None:
        """Called with the weight that the exchange allows in a minute. client.py replaces it."""

    def parse_ohlcvs(self, ohlcvs: Any, market: Any = None, timeframe: str = "1m", *_as_ccxt_would: Any) -> list[Row]:
        """Return the rows as they came. ccxt would sort and filter them, and return [] for what is not a list (X4)."""
        if not isinstance(ohlcvs, list):
            raise RequestFailed(f"expected a list of candles, got {type(ohlcvs).__name__}", BAD_ANSWER)
        if self.id.startswith("binance"):
            ohlcvs = self._shaped(ohlcvs, step_ms=TIMEFRAMES[timeframe])
        try:
            return [self.parse_ohlcv(row, market) for row in ohlcvs]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RequestFailed(f"expected rows of candles, got {row_said(ohlcvs[:1])}", BAD_ANSWER) from error

    def _shaped(self, rows: list[Any], *, step_ms: int) -> list[Any]:
        """Check the rows of Binance (X4): twelve cells, integer times, a close time one step after the open time.

        The last row may be of an unfinished candle. If its shape is wrong, only its time is kept (S3a).
        """
        for number, row in enumerate(rows, 1):
            fine = isinstance(row, list) and len(row) == BINANCE_CELLS and type(row[0]) is type(row[6]) is int
            if fine and row[6] - row[0] == step_ms - 1:
                continue
            if number == len(rows) and isinstance(row, list) and row and self.under_way(row[0], step_ms):
                return [*rows[:-1], row[:1]]
            raise RequestFailed(f"row {number} of a page is not a candle of this timeframe: {row_said(row)}", BAD_ROW)
        return rows

    async def _received(self, url: str, headers: Mapping[str, str]) -> HttpAnswer:
        import aiohttp
        import yarl

        # ceil_threshold: aiohttp would round long timeouts up to whole seconds.
        limit = aiohttp.ClientTimeout(total=self.timeout / 1000, ceil_threshold=math.inf)
        try:
            async with self.session.get(
                yarl.URL(url, encoded=True), headers=headers, timeout=limit, allow_redirects=False
            ) as answer:
                raw = await _body(answer.content)
                lower = {name.lower(): value for name, value in answer.headers.items()}
                return HttpAnswer(answer.status, answer.reason or "", lower, _text(raw, status=answer.status))
        except TimeoutError as error:
            raise RequestFailed(f"no answer within {self.timeout / 1000:g} s", NETWORK) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # X3: ccxt would take some of these for a rejection
            reason = f": {error}" if isinstance(error, OSError) else ""  # the texts of other errors quote the server
            raise RequestFailed(
                said(f"cannot be reached, or the connection broke off ({type(error).__name__}{reason})"), NETWORK
            ) from error

    def _judge_status(self, answer: HttpAnswer) -> None:
        """Raise RequestFailed if the status alone decides, whatever the body says (X1)."""
        kind = failures.of_status(answer.status)
        if kind is None:
            return
        wait = self.retry_after(answer.headers.get("retry-after")) if answer.status in (429, 418) else None
        until = "" if wait is None else f", until {self.until(wait)}"
        raise RequestFailed(_status_text(answer, until), kind, retry_after=wait)

    def _judge_code(self, parsed: Any) -> None:
        """Raise RequestFailed if the exchange's error code decides: for some, ccxt's class says too little."""
        kind = failures.of_code(parsed)
        if kind is not None:
            raise RequestFailed(failures.error_said(parsed) or "an error code without a text", kind)

    def _judge_class(self, answer: HttpAnswer, parsed: Any, *, url: str, method: str, request_headers: Any) -> None:
        """Raise RequestFailed if ccxt raises one of its errors for the body, or else for the status."""
        from ccxt.base.errors import BaseError

        common = (answer.status, answer.reason, url, method)
        try:
            self.handle_errors(*common, answer.headers, answer.text, parsed, request_headers, None)
            self.handle_http_status_code(*common, "")
        except BaseError as error:
            raise failures.of_error(error, answer=failures.error_said(parsed)) from error

    def _judge_kind(self, parsed: Any, *, path: str) -> None:
        """Raise RequestFailed if candles are expected and it is no list (X2): ccxt would make a list of an object."""
        if self.id.startswith("binance") and path.endswith("/klines") and not isinstance(parsed, list):
            raise RequestFailed(f"expected a list of candles, got {type(parsed).__name__}", BAD_ANSWER)


@cache
def strict_class(kind: type) -> type:
    """Return a subclass of a ccxt class with the methods of Strict before its own."""
    return type(f"Strict{kind.__name__.capitalize()}", (StrictExchange, kind), {})


def parse(text: str) -> Any:
    """Parse JSON. Numbers with a point stay text, so that no float comes between exchange and store (Z17).

    RequestFailed for text that is not JSON, for null, NaN, an object with a name twice, and too much depth or size.
    """
    try:
        bounds.refuse_long_json(text)
    except ValueError as error:
        raise RequestFailed(str(error), BAD_ANSWER) from error
    try:
        value = json.loads(text, parse_float=str, parse_constant=_reject_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RequestFailed(f"not JSON: {failures.body_said(text)}", BAD_ANSWER) from error
    if value is None:
        raise RequestFailed("expected an answer, got null", BAD_ANSWER)
    return value


async def _parse_body(answer: HttpAnswer) -> Any:
    """Parse a body; a long one in a thread, so that the event loop goes on. An error's body need not be JSON."""
    work = parse if 200 <= answer.status < 300 else _parsed_or_none
    if len(answer.text) <= MOST_PARSED_ON_LOOP:
        return work(answer.text)
    return await asyncio.to_thread(work, answer.text)


def _parsed_or_none(text: str) -> Any:
    """Parse the body of an error answer; None if it is not JSON."""
    try:
        return parse(text)
    except RequestFailed:
        return None


def _status_text(answer: HttpAnswer, until: str) -> str:
    """The message for an answer whose status alone is an error."""
    texts = {
        429: "too many requests",
        418: "banned for sending more after too many requests",
        451: "refuses this region",
        403: "rejected by its firewall",
    }
    where = f" to {failures.address_said(answer.headers.get('location', ''))}, which is not followed"
    text = texts.get(answer.status, f"redirects{where}" if answer.status < 400 else "unavailable")
    body = failures.error_said(_parsed_or_none(answer.text))
    return f"{text}{until} (status {answer.status}{': ' if body else ''}{body})"


def _weight_allowed(parsed: Any) -> int | None:
    """The request weight that the exchange allows in a minute, if the answer states it."""
    limits = parsed.get("rateLimits") if isinstance(parsed, dict) else None
    for row in limits if isinstance(limits, list) else ():
        if isinstance(row, dict) and row.get("rateLimitType") == "REQUEST_WEIGHT" and row.get("interval") == "MINUTE":
            number, limit = row.get("intervalNum", 1), row.get("limit")
            if type(number) is type(limit) is int and 1 <= number <= limit:
                return limit // number
    return None


async def _body(content: Any) -> bytes:
    parts, size = [], 0
    async for part in content.iter_any():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise RequestFailed(f"the body has more than {MAX_BODY_BYTES >> 20} MiB", BAD_ANSWER)
        parts.append(part)
    return b"".join(parts)


def _text(raw: bytes, *, status: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if status >= 300:
            return ""
        raise RequestFailed("the body is not UTF-8", BAD_ANSWER) from error


def _reject_constant(word: str) -> Any:
    raise ValueError(word)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("an object has a name twice")
    return unique
