"""The client of one exchange (`Feed`): it fetches order rules, market states and pages of candles.

Every request passes one rate limiter and one circuit breaker, and every answer is checked (transport.py, pages.py).
Which page is fetched next, and what is stored, is decided by the callers: data/backfill.py and live_symbol.py.
"""

import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from loguru import logger

from safla.clock import SYSTEM, Clock
from safla.config.operation import ExchangeSection
from safla.config.plan import OrderRules
from safla.core.candles import Series, iso
from safla.core.timeframes import TIMEFRAMES
from safla.errors import ConfigError, DataError, ExchangeError, SaflaError
from safla.exchange import factory, pages, retry
from safla.exchange.circuit_breaker import Breaker, CircuitOpen, StateChange
from safla.exchange.failures import BAD_ANSWER, BAD_ROW, RequestFailed, of_clock, of_error, row_said
from safla.exchange.rate_limiter import RateLimiter
from safla.exchange.retry import NextTry, Patience
from safla.exchange.server_time import ClockReading, ServerTime
from safla.exchange.transport import HttpAnswer, Row

BUSY = 0.8  # share of the allowed weight above which no request goes out: others may share the IP address
MINUTE = 60.0  # seconds; the exchange counts the weight from zero in each minute of its clock
AT_ONCE = 8  # requests in flight: as many may go out before the first answer says that they are too many
WEIGHT = 2  # the weight of a page of candles

Answer = TypeVar("Answer")

# For the current call: holds an item if the rate limiter was passed for a request that has not gone out yet.
_passes: ContextVar[list[bool]] = ContextVar("passes")

logger.disable("safla")  # a library is silent until the application sets up logging (observe/event_log.py)


class Ban:
    """A ban by an exchange: no feed of the process may send it a request until a time (X1, R3)."""

    def __init__(self) -> None:
        self.until = -math.inf  # seconds, monotonic
        self.text = ""  # the error message for requests before that time
        self.code = "banned"  # and its code


class WeightLimit:
    """The weight that an exchange allows in a minute, and how much of it is used in the current minute."""

    def __init__(self) -> None:
        self.weight: int | None = None  # allowed in a minute; None: the exchange has not stated it yet
        self._used, self._until = 0, -math.inf  # the weight used, and the end of its minute in seconds, monotonic

    def heard(self, used: int, *, until: float) -> bool:
        """Note the weight that is used of the minute that ends at `until`. Returns whether it is above the limit."""
        # Answers of one minute may come out of order: the largest count is the latest.
        same = abs(until - self._until) < MINUTE / 2
        self._used, self._until = max(used, self._used) if same else used, until
        return used > self._most()

    def wait(self, in_flight: int, now: float) -> float:
        """Seconds until one more request may go out; 0: now. Those in flight may not be in the count yet: add them."""
        full = now < self._until and self._used + WEIGHT * (in_flight + 1) > self._most()
        return self._until - now if full else 0.0

    def _most(self) -> float:
        return BUSY * (factory.WEIGHT_A_MINUTE if self.weight is None else self.weight)


_SHARED: dict[tuple[object, ...], tuple[RateLimiter, Breaker, Ban, WeightLimit]] = {}


def feed_of(config: ExchangeSection, *, clock: Clock = SYSTEM) -> "Feed":
    """Return a feed. All feeds of a process to one exchange share rate limiter, breaker, ban and weight limit."""
    settings = config.circuit_breaker
    key = (config.name, config.rest_url, config.rate_limit_per_minute, settings, clock)
    if key not in _SHARED:
        allowance = WeightLimit()
        _SHARED[key] = (
            RateLimiter(
                config.rate_limit_per_minute, clock=clock.monotonic, sleep=clock.sleep, at_once=AT_ONCE,
                held=allowance.wait,
            ),
            Breaker(
                failure_threshold=settings.failure_threshold, recovery_seconds=float(settings.recovery_timeout),
                success_threshold=settings.success_threshold, clock=clock.monotonic,
            ),
            Ban(), allowance,
        )  # fmt: skip
    gate, breaker, ban, allowance = _SHARED[key]
    return Feed(config, gate=gate, breaker=breaker, ban=ban, allowance=allowance, clock=clock)


class Feed:
    """The client of one exchange. An async context manager: it holds connections."""

    def __init__(
        self, config: ExchangeSection, *, gate: RateLimiter, breaker: Breaker, ban: Ban, allowance: WeightLimit,
        clock: Clock = SYSTEM, chance: Callable[[float, float], float] = random.uniform,
    ) -> None:  # fmt: skip
        self.name = config.name
        # Whether a page always begins with the oldest candle from `since` on. Others may send their newest ones (X16).
        self.honours_since = config.name.startswith("binance")
        self.counts: Counter[str] = Counter()  # requests, retries, connections, held back, and the moves of the breaker
        self.weight: int | None = None  # used in this minute; None: the exchange does not state it
        self.config, self.clock, self._chance = config, clock, chance
        self._gate, self._breaker, self._ban, self._allowance = gate, breaker, ban, allowance
        self.time = ServerTime(self.name, clock=clock, ask=lambda: self._ask(self._server_time, "its clock"))
        self._patience = Patience(config.retry_attempts, float(config.retry_delay_seconds))
        self._stopped: SaflaError | None = None
        self._ccxt: Any = None
        self._stop_listening: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._ccxt = factory.make_exchange(self.config)
        self._ccxt.heard = self._heard
        self._ccxt.before = self._before
        self._ccxt.allowed = self._allowed
        self._ccxt.under_way = lambda ts, step: self.time.known and self.time.carried().within(ts, step)
        self._ccxt.retry_after = lambda text: retry.retry_after(text, now=self._wall())
        self._ccxt.until = lambda seconds: iso(math.ceil(self.clock.wall() + seconds) * 1000)
        self._stop_listening = self._breaker.listen(self._moved)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_listening()
        await self._ccxt.close()

    async def rules(self, symbols: Sequence[str]) -> dict[str, OrderRules]:
        """Return today's order rules of each symbol (S3). ConfigError for a symbol that the exchange does not have."""
        for few in (symbols, ()):  # if one is missing, load all symbols, so that the error can name similar ones
            try:
                await self._ask(
                    partial(factory.load_markets, self._ccxt, few, config=self.config, wanted=symbols), "its symbols"
                )
            except ConfigError:
                if not few:
                    raise
            if all(symbol in (self._ccxt.markets or ()) for symbol in symbols):
                break
        return {symbol: factory.rules(self._ccxt, symbol) for symbol in symbols}

    async def closed(self, symbols: Sequence[str]) -> frozenset[str]:
        """Return those of the symbols whose markets have ended, by the exchange's answer of today (S6a)."""
        await self._load(symbols)
        return frozenset(symbol for symbol in symbols if self.over(symbol))

    async def learn_limits(self, symbols: Sequence[str]) -> None:
        """Fetch the request limits of the exchange if they are unknown and so many symbols may reach them."""
        if self._allowance.weight is not None or len(symbols) <= AT_ONCE:
            return
        try:
            await self._ask(partial(factory.ask_limits, self._ccxt, symbols[0]), "its limits")
        except SaflaError as error:  # go on: if the exchange is down, the request for candles will say so
            logger.warning("{}: the request limits are unknown: {}", self.name, error)

    def assume(self, symbols: Sequence[str]) -> bool:
        """Whether candles of the symbols can be fetched without fetching the list of symbols first."""
        return factory.assume(self._ccxt, symbols)

    def over(self, symbol: str) -> bool | None:
        """Whether the market has ended, as the exchange states; None if its markets were not fetched yet."""
        status = factory.status(self._ccxt, symbol)
        return None if status is None else status in factory.OVER

    async def is_over(self, symbol: str) -> bool:
        """Whether the market has ended; fetches the markets if necessary."""
        if self.over(symbol) is None:
            try:
                await self.rules((symbol,))
            except ConfigError:
                return False  # an unknown symbol: the exchange does not state an end
        return bool(self.over(symbol))

    @property
    def stopped(self) -> bool:
        """Whether no further request may be sent (after 418, 451 or a long Retry-After)."""
        return self._stopped is not None or self.clock.monotonic() < self._ban.until

    @property
    def breaker(self) -> str:
        """The state of the circuit breaker: closed, open or half_open."""
        return self._breaker.state

    def spent(self) -> int:
        """The number of requests of the whole process within the last minute."""
        return self._gate.spent()

    @property
    def markets(self) -> list[Any]:
        """The markets of the exchange that ccxt has loaded so far."""
        return list((self._ccxt.markets or {}).values())

    async def before_connection(self) -> None:
        """Pass the rate limiter for a connection of a stream, as for a request (X6). ExchangeError after a ban."""
        self._raise_if_stopped()
        await self._gate.enter()
        self._raise_if_stopped()  # a ban may have come during the wait
        self.counts["connections"] += 1

    async def page(
        self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None,
        sound: Callable[[Series], object] = lambda series: None, bad: list[pages.BadRow] | None = None,
        cut: Callable[[int], object] = lambda ts: None,
    ) -> Series | None:  # fmt: skip
        """Return the first candles that open at `since` (ms) or later, at most `limit`; the last may be unfinished.

        until  ms, exclusive; None: no end
        sound  raises DataError for candles that the caller cannot take; they count as bad rows
        bad    a list for the caller that can do without some candles (S6a): bad rows are left out of the page and
               put here. None: a bad row makes the whole page bad
        cut    called with the open time (ms) of a last row that was left out because its candle is unfinished
        Returns None for an empty page. Raises DataError if a row is bad in every try, and ExchangeError.
        """
        factory.refuse_timeframe(self._ccxt, timeframe)
        origin = f"{self.name} {symbol} {timeframe}"
        parameters = {} if until is None else {"until": until - 1}
        await self.time.now()

        async def fetch_and_check() -> Series | None:
            rows: list[Row] = await self._ccxt.fetch_ohlcv(symbol, timeframe, since, limit, parameters)
            later = pages.ahead(rows, self.time.latest())
            if later is not None:  # a bad row, or our clock stood still while this machine slept
                await self.time.recheck(f"{symbol}: a candle of the future came, {iso(later)}", self._server_time)
            now = self.time.carried()
            expected = pages.PageRequest(origin, symbol, TIMEFRAMES[timeframe], since, limit, now.most, now.least)
            try:
                return pages.check_page(rows, expected, sound=sound, cut=cut)
            except DataError as error:
                if bad is None:
                    raise RequestFailed(str(error), BAD_ROW) from error
            try:
                series, bad[:] = pages.sound_rows(rows, expected, sound=sound, cut=cut)
            except DataError as error:
                raise RequestFailed(str(error), BAD_ROW) from error
            return series

        return await self._ask(fetch_and_check, origin)

    async def _load(self, symbols: Sequence[str], *, wanted: Sequence[str] = ()) -> None:
        request = partial(factory.load_markets, self._ccxt, symbols, config=self.config, wanted=wanted)
        await self._ask(request, "its symbols")

    async def _ask(self, request: Callable[[], Awaitable[Answer]], subject: str) -> Answer:
        """Send a request through retries, breaker and rate limiter (R1). Raises SaflaError when it fails for good."""
        self._raise_if_stopped()
        subject = subject if subject.startswith(self.name) else f"{self.name}, {subject}"
        try:
            return await retry.call(
                lambda: self._try(request, subject), patience=self._patience, gate=self._gate, breaker=self._breaker,
                chance=self._chance, sleep=self.clock.sleep, on_retry=lambda again: self._again(again, subject),
            )  # fmt: skip
        except CircuitOpen as error:
            raise _rejected(error, subject) from error
        except RequestFailed as error:
            final = error.final(subject)
            if error.kind.stops or error.floor > retry.LONGEST_WAIT:
                self._stop(final, seconds=error.floor)
            logger.error("{}", final)
            raise final from error

    async def _try(self, request: Callable[[], Awaitable[Answer]], subject: str) -> Answer:
        """Try a request once; the retry loop has passed the rate limiter for it. RequestFailed says what failed."""
        _passes.set([True])
        try:
            return await _read(request)
        except RequestFailed as error:
            error.subject = error.subject or subject
            raise

    async def _server_time(self) -> ClockReading:
        sent = self.clock.monotonic()
        try:
            server_ms = await _read(self._ccxt.fetch_time)
        except RequestFailed as error:
            error = of_clock(error)
            error.subject = f"{self.name}, its clock"
            raise error from error.__cause__
        if type(server_ms) is not int or server_ms <= 0:
            raise RequestFailed(f"expected its time in ms, got {row_said(server_ms)}", BAD_ANSWER)
        return ClockReading(server_ms, sent, self.clock.monotonic())

    async def _before(self) -> None:
        """Called before each request that ccxt sends. A call of ccxt may send several: each passes the rate limiter."""
        passes = _passes.get()
        if passes:
            passes.pop()
        else:
            await self._gate.enter()
        self._raise_if_stopped()  # another task may have met a ban meanwhile
        self.counts["requests"] += 1

    def _stop(self, final: SaflaError, *, seconds: float) -> None:
        """Send no more requests: this feed for good, and no other feed of the process for so many seconds."""
        self._stopped = final
        if seconds > 0:
            self._ban.until, self._ban.text = self.clock.monotonic() + seconds, str(final)
            self._ban.code = final.code

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped
        if self.clock.monotonic() < self._ban.until:
            raise ExchangeError(self._ban.text, code=self._ban.code)

    def _allowed(self, weight: int) -> None:
        self._allowance.weight = weight

    def _heard(self, answer: HttpAnswer) -> None:
        """Read the used weight from an answer. Above the limit, shut the rate limiter until the next minute (X6)."""
        used = answer.headers.get("x-mbx-used-weight-1m", "")
        if not (used.isdecimal() and len(used) < 10):
            return
        self.weight = int(used)
        # What is left of the minute by the exchange's clock (X8); by ours until that is known.
        rest = MINUTE - (self.time.carried().least / 1000 if self.time.known else self.clock.wall()) % MINUTE
        if self._allowance.heard(self.weight, until=self.clock.monotonic() + rest):
            self.counts["held back"] += 1
            self._gate.shut(rest)
            logger.warning("{}: {} of this minute's weight is used; no request for {:.0f} s", self.name, used, rest)

    def _again(self, again: NextTry, subject: str) -> None:
        self.counts["retries"] += 1
        logger.warning("{}: {}; try {} in {:.1f} s", subject, again.cause, again.attempt + 1, again.wait)

    def _moved(self, move: StateChange) -> None:
        self.counts[f"breaker {move.target}"] += 1
        logger.warning("{}: breaker {} to {} ({}, {})", self.name, move.source, move.target, move.cause, move.count)

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall(), UTC)


async def _read(request: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer to a request. RequestFailed for what ccxt raises, and for errors of its parsers."""
    from ccxt.base import errors

    try:
        return await request()
    except (errors.BaseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise of_error(error) from error


def _rejected(error: CircuitOpen, subject: str) -> SaflaError:
    """The error for the user when the breaker rejects: it names the failure that opened it, and has its exit code."""
    why = error.__cause__
    text = f"the breaker is open after too many failures; try again in {math.ceil(error.retry_after)} s"
    if not isinstance(why, RequestFailed):
        return ExchangeError(f"{subject}: {text}", code="exchange_unavailable")
    last = why.text_for(why.subject or subject)
    reason = last if error.tried else f"{subject}: not requested; the last failure was: {last}"
    return why.kind.stays(f"{reason}; {text}")
