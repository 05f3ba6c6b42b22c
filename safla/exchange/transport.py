"""The strict layer over any ccxt class: an answer is judged before ccxt makes something of it (X1-X4, Z17, Z18).

ccxt by itself takes a page of HTML, an empty body or half a JSON for an empty list, a cut body for a refusal, and
leaves Retry-After unread.
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
MOST_PARSED_ON_LOOP = 2**18  # letters, 3 ms; a page of 1 000 candles of Binance has 170 000
BINANCE_CELLS = 12  # of a row of candles there: open time, five numbers, close time, ...

# Whether the answers of this task are about markets, which ccxt parses at length.
_markets_awaited: ContextVar[bool] = ContextVar("markets_awaited", default=False)

Row = list[Any]  # [ms, open, high, low, close, volume] as the exchange wrote them: nothing sorted, filtered or rounded


class HttpAnswer(NamedTuple):
    """An answer as it came."""

    status: int
    reason: str
    headers: Mapping[str, str]  # names in lower case
    text: str


class Strict:
    """What stands before a ccxt class (`strict`): how it asks, and what it takes for rows of candles."""

    id: str
    timeout: int  # ms
    session: Any
    open: Callable[..., None]
    prepare_request_headers: Callable[..., dict[str, str]]
    handle_errors: Callable[..., None]
    handle_http_status_code: Callable[..., None]
    parse_ohlcv: Callable[..., Row]
    heard: Callable[[HttpAnswer], None]  # told of every answer
    before: Callable[[], Awaitable[None]]  # asked before every request
    retry_after: Callable[[str | None], float]
    until: Callable[[float], str]  # the moment that comes so many seconds from now, for a person

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """One request and its answer as JSON. RequestFailed for whatever is no good answer."""
        if method != "GET" or body:  # R1: what is repeated must change nothing
            raise RequestFailed(f"{self.id} wants a {method} here, and only GET is sent", failures.NOT_SERVED)
        self.open(True)
        self.session._retry_connection = False  # else aiohttp sends a request again by itself, uncounted
        request_headers = self.prepare_request_headers(headers)
        await self.before()
        heard = await self._received(url, request_headers)
        self.heard(heard)
        self._judge_status(heard)
        parsed = await _parsed(heard)
        self._judge_code(parsed)
        self._judge_class(heard, parsed, url=url, method=method, request_headers=request_headers)
        self._judge_kind(parsed, path=url.partition("?")[0])
        if _markets_awaited.get():
            await asyncio.to_thread(bounds.refuse_long_markets, parsed)
        weight = _weight_allowed(parsed)
        if weight is not None:
            self.allowed(weight)
        return parsed

    async def fetch_markets(self, params: Any = None) -> Any:
        """The markets as ccxt makes them, of answers that are within bounds. ccxt calls it by itself too."""
        before = _markets_awaited.set(True)
        try:
            return await super().fetch_markets({} if params is None else params)  # type: ignore[misc]
        finally:
            _markets_awaited.reset(before)

    def parse_precision(self, precision: Any) -> Any:
        """The step that so many digits mean. ccxt makes it with a loop of as many turns."""
        return super().parse_precision(bounds.checked_places(precision))  # type: ignore[misc]

    def integer_precision_to_amount(self, precision: Any) -> Any:
        """The same for digits before the point."""
        return super().integer_precision_to_amount(bounds.checked_places(precision))  # type: ignore[misc]

    def under_way(self, ts: object, step_ms: int) -> bool:  # noqa: ARG002 - of whoever puts something else here
        """Whether a candle that opens then is not over. Whoever knows the exchange's clock puts something else here."""
        return False

    def allowed(self, weight: int) -> None:
        """Told how much weight the exchange allows a minute. Whoever wants to hear it puts something else here."""

    def parse_ohlcvs(self, ohlcvs: Any, market: Any = None, timeframe: str = "1m", *_as_ccxt_would: Any) -> list[Row]:
        """The rows as they came: ccxt would sort them, leave some out, and give nothing for what is no list (X4)."""
        if not isinstance(ohlcvs, list):
            raise RequestFailed(f"{type(ohlcvs).__name__} where a list of candles is due", BAD_ANSWER)
        if self.id.startswith("binance"):
            ohlcvs = self._shaped(ohlcvs, step_ms=TIMEFRAMES[timeframe])
        try:
            return [self.parse_ohlcv(row, market) for row in ohlcvs]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise RequestFailed(f"rows that are no candles: {row_said(ohlcvs[:1])}", BAD_ANSWER) from error

    def _shaped(self, rows: list[Any], *, step_ms: int) -> list[Any]:
        """X4, for the exchange whose rows are known: twelve cells, integer times, and a close time one step on.

        The last row may be of a candle that is not over: only its time is left where it has another shape (S3a).
        """
        for number, row in enumerate(rows, 1):
            fine = isinstance(row, list) and len(row) == BINANCE_CELLS and type(row[0]) is type(row[6]) is int
            if fine and row[6] - row[0] == step_ms - 1:
                continue
            if number == len(rows) and isinstance(row, list) and row and self.under_way(row[0], step_ms):
                return [*rows[:-1], row[:1]]
            raise RequestFailed(f"row {number} of a page is no candle of this timeframe: {row_said(row)}", BAD_ROW)
        return rows

    async def _received(self, url: str, headers: Mapping[str, str]) -> HttpAnswer:
        import aiohttp
        import yarl

        limit = aiohttp.ClientTimeout(total=self.timeout / 1000, ceil_threshold=math.inf)  # never up to whole seconds
        try:
            async with self.session.get(
                yarl.URL(url, encoded=True), headers=headers, timeout=limit, allow_redirects=False
            ) as answer:
                raw = await _body(answer.content)
                found = {name.lower(): value for name, value in answer.headers.items()}
                return HttpAnswer(answer.status, answer.reason or "", found, _text(raw, status=answer.status))
        except TimeoutError as error:
            raise RequestFailed(f"no answer within {self.timeout / 1000:g} s", NETWORK) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # X3: also where ccxt would see a refusal
            reason = f": {error}" if isinstance(error, OSError) else ""  # others quote what a server said
            raise RequestFailed(
                said(f"cannot be reached, or broke off ({type(error).__name__}{reason})"), NETWORK
            ) from error

    def _judge_status(self, heard: HttpAnswer) -> None:
        """X1: a status speaks before the body does."""
        kind = failures.of_status(heard.status)
        if kind is None:
            return
        wait = self.retry_after(heard.headers.get("retry-after")) if heard.status in (429, 418) else None
        until = "" if wait is None else f", until {self.until(wait)}"
        raise RequestFailed(_of_status(heard, until), kind, retry_after=wait)

    def _judge_code(self, parsed: Any) -> None:
        kind = failures.of_code(parsed)
        if kind is not None:
            # Its code says more than ccxt's class.
            raise RequestFailed(failures.error_said(parsed) or "no text with its code", kind)

    def _judge_class(self, heard: HttpAnswer, parsed: Any, *, url: str, method: str, request_headers: Any) -> None:
        """What ccxt makes of the code in a body, or else of the status, as one of its classes."""
        from ccxt.base.errors import BaseError

        told = (heard.status, heard.reason, url, method)
        try:
            self.handle_errors(*told, heard.headers, heard.text, parsed, request_headers, None)
            self.handle_http_status_code(*told, "")
        except BaseError as error:
            raise failures.of_error(error, answer=failures.error_said(parsed)) from error

    def _judge_kind(self, parsed: Any, *, path: str) -> None:
        """X2: ccxt would make a list of an object, an empty one of an empty one."""
        if self.id.startswith("binance") and path.endswith("/klines") and not isinstance(parsed, list):
            raise RequestFailed(f"{type(parsed).__name__} where a list of candles is due", BAD_ANSWER)


@cache
def strict(kind: type) -> type:
    """A ccxt class that is asked, and answers, strictly."""
    return type(f"Strict{kind.__name__.capitalize()}", (Strict, kind), {})


def parse(text: str) -> Any:
    """JSON as an exchange may send it: numbers with a point stay text, so that no float comes between (Z17).

    RequestFailed for what is no JSON, for null, NaN, names that stand twice, and depth.
    """
    try:
        bounds.refuse_long_json(text)
    except ValueError as error:
        raise RequestFailed(str(error), BAD_ANSWER) from error
    try:
        found = json.loads(text, parse_float=str, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RequestFailed(f"no JSON: {failures.body_said(text)}", BAD_ANSWER) from error
    if found is None:
        raise RequestFailed("null where something is due", BAD_ANSWER)
    return found


async def _parsed(heard: HttpAnswer) -> Any:
    work = parse if 200 <= heard.status < 300 else _parsed_or_none
    if len(heard.text) <= MOST_PARSED_ON_LOOP:
        return work(heard.text)
    return await asyncio.to_thread(work, heard.text)


def _parsed_or_none(text: str) -> Any:
    """The body of a refusal, where it is JSON at all."""
    try:
        return parse(text)
    except RequestFailed:
        return None


def _of_status(heard: HttpAnswer, until: str) -> str:
    meant = {
        429: "too many requests",
        418: "banned for going on after too many requests",
        451: "refuses this region",
        403: "refused by its firewall",
    }
    where = f" to {failures.address_said(heard.headers.get('location', ''))}, which is not followed"
    text = meant.get(heard.status, f"redirects{where}" if heard.status < 400 else "unavailable")
    body = failures.error_said(_parsed_or_none(heard.text))
    return f"{text}{until} (status {heard.status}{': ' if body else ''}{body})"


def _weight_allowed(parsed: Any) -> int | None:
    """The weight of requests that is allowed a minute, in an answer that states it (EXCHANGE 1)."""
    limits = parsed.get("rateLimits") if isinstance(parsed, dict) else None
    for one in limits if isinstance(limits, list) else ():
        if isinstance(one, dict) and one.get("rateLimitType") == "REQUEST_WEIGHT" and one.get("interval") == "MINUTE":
            number, limit = one.get("intervalNum", 1), one.get("limit")
            if type(number) is type(limit) is int and 1 <= number <= limit:
                return limit // number
    return None


async def _body(content: Any) -> bytes:
    parts, size = [], 0
    async for part in content.iter_any():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise RequestFailed(f"a body of more than {MAX_BODY_BYTES >> 20} MiB", BAD_ANSWER)
        parts.append(part)
    return b"".join(parts)


def _text(raw: bytes, *, status: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if status >= 300:
            return ""
        raise RequestFailed("no text in UTF-8", BAD_ANSWER) from error


def _refuse_constant(word: str) -> Any:
    raise ValueError(word)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found
