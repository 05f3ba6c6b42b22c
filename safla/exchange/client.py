"""An exchange as a source of closed candles: its rules for orders, and pages of candles (EXCHANGE 5).

Every request passes one rate limiter and one circuit breaker; every answer is judged (transport.py,
pages.py). What is stored and which page is asked for next is decided in backfill.py.
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
from safla.exchange.circuit_breaker import Breaker, CircuitOpen, Move
from safla.exchange.failures import BAD_ANSWER, BAD_ROW, RequestFailed, of_clock, of_error, row_said
from safla.exchange.rate_limiter import RateLimiter
from safla.exchange.retry import Again, Patience
from safla.exchange.server_time import ClockReading, ServerTime
from safla.exchange.transport import HttpAnswer, Row

BUSY = 0.8  # of the weight that an exchange allows: above it we hold back, for others may share the address
MINUTE = 60.0  # seconds: the weight is counted again from zero at each
AT_ONCE = 8  # requests in flight: so many may be too many before the first answer says so
WEIGHT = 2  # of a page of candles

Answer = TypeVar("Answer")

# Of the call that is under way: whether the gate was passed for a request that has not left yet.
_passes: ContextVar[list[bool]] = ContextVar("passes")

logger.disable("safla")  # until somebody gives the log a place (observe/event_log.py): a library is silent


class Ban:
    """That an exchange wants to hear nothing until a moment, from whatever feed of the process (X1, R3)."""

    def __init__(self) -> None:
        self.until = -math.inf  # seconds, monotonic
        self.text = ""  # what is said to whoever asks before


class WeightLimit:
    """How much weight an exchange allows a minute, and how much of this minute's is used."""

    def __init__(self) -> None:
        self.weight: int | None = None  # that is allowed; None: it did not say yet
        self._used, self._until = 0, -math.inf  # of the minute that ends then, seconds, monotonic

    def heard(self, used: int, *, until: float) -> bool:
        """So much is used of the minute that ends then. Whether that is so much that nothing more may be asked."""
        same = abs(until - self._until) < MINUTE / 2
        self._used, self._until = max(used, self._used) if same else used, until
        return used > self._most()

    def wait(self, in_flight: int, now: float) -> float:
        """Seconds until one more may be asked for beside those in flight, which may not be counted yet; 0: at once."""
        full = now < self._until and self._used + WEIGHT * (in_flight + 1) > self._most()
        return self._until - now if full else 0.0

    def _most(self) -> float:
        return BUSY * (factory.WEIGHT_A_MINUTE if self.weight is None else self.weight)


_SHARED: dict[tuple[object, ...], tuple[RateLimiter, Breaker, Ban, WeightLimit]] = {}


def feed_of(config: ExchangeSection, *, clock: Clock = SYSTEM) -> "Feed":
    """The feed of an exchange. All of a process that go to one exchange share gate, breaker, ban and allowance."""
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
    """One exchange, asked for candles. An async context manager; it holds connections."""

    def __init__(
        self, config: ExchangeSection, *, gate: RateLimiter, breaker: Breaker, ban: Ban, allowance: WeightLimit,
        clock: Clock = SYSTEM, chance: Callable[[float, float], float] = random.uniform,
    ) -> None:  # fmt: skip
        self.name = config.name
        self.honours_since = config.name.startswith("binance")  # a page is the oldest candles from there on, always
        self.counts: Counter[str] = Counter()  # requests, retries, and the moves of the breaker
        self.weight: int | None = None  # used within this minute, where the exchange says so
        self.config, self.clock, self._chance = config, clock, chance
        self._gate, self._breaker, self._ban, self._allowance = gate, breaker, ban, allowance
        self.time = ServerTime(self.name, clock=clock, ask=lambda: self._ask(self._server_time, "its clock"))
        self._patience = Patience(config.retry_attempts, float(config.retry_delay_seconds))
        self._stopped: SaflaError | None = None
        self._ccxt: Any = None
        self._unheard: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._ccxt = factory.make_exchange(self.config)
        self._ccxt.heard = self._heard
        self._ccxt.before = self._before
        self._ccxt.allowed = self._allowed
        self._ccxt.under_way = lambda ts, step: self.time.known and self.time.carried().within(ts, step)
        self._ccxt.retry_after = lambda text: retry.retry_after(text, now=self._wall())
        self._ccxt.until = lambda seconds: iso(math.ceil(self.clock.wall() + seconds) * 1000)
        self._unheard = self._breaker.listen(self._moved)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unheard()
        await self._ccxt.close()

    async def rules(self, symbols: Sequence[str]) -> dict[str, OrderRules]:
        """What the exchange asks of an order in each symbol today (S3). ConfigError for a symbol it does not have."""
        for few in (symbols, ()):  # where one of them is not there, all are loaded, to say what is
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
        """The symbols whose markets trade no more, as the exchange says today (S6a)."""
        await self._load(symbols)
        return frozenset(symbol for symbol in symbols if self.over(symbol))

    async def learn_limits(self, symbols: Sequence[str]) -> None:
        """Ask how much may be asked, where that is not known and so many symbols are asked for that it matters."""
        if self._allowance.weight is not None or len(symbols) <= AT_ONCE:
            return
        try:
            await self._ask(partial(factory.ask_limits, self._ccxt, symbols[0]), "its limits")
        except SaflaError as error:  # candles are asked for all the same, and say what is wrong
            logger.warning("{}: how much it allows is not known: {}", self.name, error)

    def assume(self, symbols: Sequence[str]) -> bool:
        """Whether candles of the symbols can be asked for without asking for the symbols first."""
        return factory.assume(self._ccxt, symbols)

    def over(self, symbol: str) -> bool | None:
        """Whether the exchange says that a market is over; None where it was not asked for its symbols yet."""
        status = factory.status(self._ccxt, symbol)
        return None if status is None else status in factory.OVER

    async def is_over(self, symbol: str) -> bool:
        """The same; the exchange is asked where it was not yet."""
        if self.over(symbol) is None:
            try:
                await self.rules((symbol,))
            except ConfigError:
                return False  # it is not there at all, which is no word of an end
        return bool(self.over(symbol))

    @property
    def stopped(self) -> bool:
        """Whether nothing more may be asked of it (418, 451, a long Retry-After)."""
        return self._stopped is not None or self.clock.monotonic() < self._ban.until

    @property
    def breaker(self) -> str:
        """The state of the breaker."""
        return self._breaker.state

    def spent(self) -> int:
        """Requests within the last minute, of the whole process."""
        return self._gate.spent()

    @property
    def markets(self) -> list[Any]:
        """What ccxt knows of the exchange's symbols by now."""
        return list((self._ccxt.markets or {}).values())

    async def before_connection(self) -> None:
        """Pass the rate limiter for a connection of a stream, as for a request (X6). ExchangeError after a ban."""
        self._refuse_stopped()
        await self._gate.enter()
        self._refuse_stopped()
        self.counts["connections"] += 1

    async def page(
        self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None,
        sound: Callable[[Series], object] = lambda found: None, bad: list[pages.BadRow] | None = None,
        cut: Callable[[int], object] = lambda ts: None,
    ) -> Series | None:  # fmt: skip
        """The first candles that open at since or later, limit at most; the unfinished one may be among them.

        until  ms, exclusive; None: no end
        sound  raises DataError for a page that the caller cannot take, which is as one with a bad row
        bad    where a caller can do without some candles: the rows that are none are left out, and told here (S6a)
        cut    told of a last row that could not be taken because its candle is not over, ms: when that opens
        returns None for an empty page. DataError for a page with a row that stays bad; ExchangeError.
        """
        factory.refuse_timeframe(self._ccxt, timeframe)
        origin = f"{self.name} {symbol} {timeframe}"
        parameters = {} if until is None else {"until": until - 1}
        await self.time.now()

        async def asked() -> Series | None:
            rows: list[Row] = await self._ccxt.fetch_ohlcv(symbol, timeframe, since, limit, parameters)
            later = pages.ahead(rows, self.time.latest())
            if later is not None:  # a bad row, or our clock stood still in a sleep
                await self.time.recheck(f"{symbol}: a candle of {iso(later)} is served", self._server_time)
            now = self.time.carried()
            expected = pages.PageRequest(origin, symbol, TIMEFRAMES[timeframe], since, limit, now.most, now.least)
            try:
                return pages.check_page(rows, expected, sound=sound, cut=cut)
            except DataError as error:
                if bad is None:
                    raise RequestFailed(str(error), BAD_ROW) from error
            try:
                found, bad[:] = pages.sound_rows(rows, expected, sound=sound, cut=cut)
            except DataError as error:
                raise RequestFailed(str(error), BAD_ROW) from error
            return found

        return await self._ask(asked, origin)

    async def _load(self, symbols: Sequence[str], *, wanted: Sequence[str] = ()) -> None:
        request = partial(factory.load_markets, self._ccxt, symbols, config=self.config, wanted=wanted)
        await self._ask(request, "its symbols")

    async def _ask(self, request: Callable[[], Awaitable[Answer]], subject: str) -> Answer:
        """One answer, through gate, retries and breaker (R1). The error of a person for whatever stays."""
        self._refuse_stopped()
        subject = subject if subject.startswith(self.name) else f"{self.name}, {subject}"
        try:
            return await retry.call(
                lambda: self._judged(request, subject), patience=self._patience, gate=self._gate, breaker=self._breaker,
                chance=self._chance, sleep=self.clock.sleep, told=lambda again: self._again(again, subject),
            )  # fmt: skip
        except CircuitOpen as error:
            raise _rejected(error, subject) from error
        except RequestFailed as error:
            final = error.final(subject)
            if error.kind.stops or error.floor > retry.LONGEST_WAIT:
                self._stop(final, seconds=error.floor)
            logger.error("{}", final)
            raise final from error

    async def _judged(self, request: Callable[[], Awaitable[Answer]], subject: str) -> Answer:
        _passes.set([True])
        try:
            return await _read(request)
        except RequestFailed as error:
            error.subject = error.subject or subject
            raise

    async def _server_time(self) -> ClockReading:
        sent = self.clock.monotonic()
        try:
            found = await _read(self._ccxt.fetch_time)
        except RequestFailed as error:
            error = of_clock(error)
            error.subject = f"{self.name}, its clock"
            raise error from error.__cause__
        if type(found) is not int or found <= 0:
            raise RequestFailed(f"its clock says {row_said(found)}", BAD_ANSWER)
        return ClockReading(found, sent, self.clock.monotonic())

    async def _before(self) -> None:
        """A call that sends more than one request passes the gate for each; none leaves once all was stopped."""
        passes = _passes.get()
        if passes:
            passes.pop()
        else:
            await self._gate.enter()
        self._refuse_stopped()
        self.counts["requests"] += 1

    def _stop(self, final: SaflaError, *, seconds: float) -> None:
        """Nothing more is asked of it for any symbol: by this feed, and for so long by no other."""
        self._stopped = final
        if seconds > 0:
            self._ban.until, self._ban.text = self.clock.monotonic() + seconds, str(final)

    def _refuse_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped
        if self.clock.monotonic() < self._ban.until:
            raise ExchangeError(self._ban.text)

    def _allowed(self, weight: int) -> None:
        self._allowance.weight = weight

    def _heard(self, heard: HttpAnswer) -> None:
        used = heard.headers.get("x-mbx-used-weight-1m", "")
        if not (used.isdecimal() and len(used) < 10):
            return
        self.weight = int(used)
        rest = MINUTE - (self.time.carried().least / 1000 if self.time.known else self.clock.wall()) % MINUTE  # X8
        if self._allowance.heard(self.weight, until=self.clock.monotonic() + rest):
            self.counts["held back"] += 1
            self._gate.shut(rest)
            logger.warning("{}: {} weight used of this minute's; nothing is asked for {:.0f} s", self.name, used, rest)

    def _again(self, again: Again, subject: str) -> None:
        self.counts["retries"] += 1
        logger.warning("{}: {}; try {} in {:.1f} s", subject, again.cause, again.attempt + 1, again.wait)

    def _moved(self, move: Move) -> None:
        self.counts[f"breaker {move.target}"] += 1
        logger.warning("{}: breaker {} to {} ({}, {})", self.name, move.source, move.target, move.cause, move.count)

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall(), UTC)


async def _read(request: Callable[[], Awaitable[Answer]]) -> Answer:
    """What a request brings. RequestFailed for whatever it raises."""
    from ccxt.base import errors

    try:
        return await request()
    except (errors.BaseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise of_error(error) from error


def _rejected(error: CircuitOpen, subject: str) -> SaflaError:
    """The error for a person whom an open breaker rejects: the failure that it is open for, and its exit code."""
    why = error.__cause__
    text = f"the breaker is open after too many failures; try again in {math.ceil(error.retry_after)} s"
    if not isinstance(why, RequestFailed):
        return ExchangeError(f"{subject}: {text}")
    last = why.told(why.subject or subject)
    return why.kind.stays(f"{last if error.tried else f'{subject}: not asked; the last failure was: {last}'}; {text}")
