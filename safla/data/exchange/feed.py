"""An exchange as a source of closed candles: its rules for orders, and pages of candles (EXCHANGE 5).

Every request passes one gate and one breaker; every answer is judged (strict.py, page.py). What is stored and
which page is asked for next is decided in download.py.
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

from safla.config.operation import Exchange
from safla.config.plan import OrderRules
from safla.core.candles import TIMEFRAMES, Series, iso
from safla.data.exchange import page, venue
from safla.data.exchange.server_time import Read, ServerTime
from safla.data.exchange.strict import Heard, Row
from safla.data.exchange.verdicts import BAD_ANSWER, BAD_ROW, Judged, of_error, said
from safla.errors import ConfigError, DataError, ExchangeError, SaflaError
from safla.resilience import retry
from safla.resilience.breaker import Breaker, CircuitOpen, Move
from safla.resilience.clock import SYSTEM, Clock
from safla.resilience.gate import Gate
from safla.resilience.retry import Again, Patience

BUSY = 0.8  # of the weight that an exchange allows: above it we hold back, for others may share the address
MINUTE = 60.0  # seconds: the weight is counted anew at each

Answer = TypeVar("Answer")

# Of the call that is under way: whether the gate was passed for a request that has not left yet.
_passes: ContextVar[list[bool]] = ContextVar("passes")

logger.disable("safla")  # until somebody gives the log a place (runtime/onlookers/logs.py): a library is silent


class Ban:
    """That an exchange wants to hear nothing until a moment, from whatever feed of the process (X1, R3)."""

    def __init__(self) -> None:
        self.until = -math.inf  # seconds, monotonic
        self.text = ""  # what is said to whoever asks before


_SHARED: dict[tuple[object, ...], tuple[Gate, Breaker, Ban]] = {}


def feed_of(config: Exchange, *, clock: Clock = SYSTEM) -> "Feed":
    """The feed of an exchange. All of a process that go to one exchange share gate, breaker and ban (X1, X6, K1)."""
    settings = config.circuit_breaker
    key = (config.name, config.rest_url, config.rate_limit_per_minute, settings, clock)
    if key not in _SHARED:
        _SHARED[key] = (
            Gate(config.rate_limit_per_minute, clock=clock.monotonic, sleep=clock.sleep),
            Breaker(
                failure_threshold=settings.failure_threshold, recovery_seconds=float(settings.recovery_timeout),
                success_threshold=settings.success_threshold, clock=clock.monotonic,
            ),
            Ban(),
        )  # fmt: skip
    gate, breaker, ban = _SHARED[key]
    return Feed(config, gate=gate, breaker=breaker, ban=ban, clock=clock)


class Feed:
    """One exchange, asked for candles. An async context manager; it holds connections."""

    def __init__(
        self, config: Exchange, *, gate: Gate, breaker: Breaker, ban: Ban, clock: Clock = SYSTEM,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:  # fmt: skip
        self.name = config.name
        self.honours_since = config.name.startswith("binance")  # a page is the oldest candles from there on, always
        self.counts: Counter[str] = Counter()  # requests, retries, and the moves of the breaker
        self.weight: int | None = None  # used within this minute, where the exchange says so
        self.config, self.clock, self._chance = config, clock, chance
        self._gate, self._breaker, self._ban = gate, breaker, ban
        self.time = ServerTime(self.name, clock=clock, ask=lambda: self._ask(self._server_time, "its clock"))
        self._patience = Patience(config.retry_attempts, float(config.retry_delay_seconds))
        self._stopped: SaflaError | None = None
        self._ccxt: Any = None
        self._unheard: Callable[[], None] = lambda: None

    async def __aenter__(self) -> Self:
        self._ccxt = venue.made(self.config)
        self._ccxt.heard = self._heard
        self._ccxt.before = self._before
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
                await self._ask(partial(venue.load, self._ccxt, few, wanted=symbols), "its symbols")
            except ConfigError:
                if not few:
                    raise
            if all(symbol in (self._ccxt.markets or ()) for symbol in symbols):
                break
        return {symbol: venue.rules(self._ccxt, symbol) for symbol in symbols}

    async def closed(self, symbols: Sequence[str]) -> frozenset[str]:
        """The symbols whose markets trade no more, as the exchange says today (S6a)."""
        await self._ask(partial(venue.load, self._ccxt, symbols), "its symbols")
        return frozenset(symbol for symbol in symbols if self.over(symbol))

    def assume(self, symbols: Sequence[str]) -> bool:
        """Whether candles of the symbols can be asked for without asking for the symbols first."""
        return venue.assume(self._ccxt, symbols)

    def over(self, symbol: str) -> bool | None:
        """Whether the exchange says that a market is over; None where it was not asked for its symbols yet."""
        status = venue.status(self._ccxt, symbol)
        return None if status is None else status in venue.OVER

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

    async def dial(self) -> None:
        """Leave for a connection that streams: past the gate, as for a request (X6). ExchangeError where it stopped."""
        self._refuse_stopped()
        await self._gate.enter()
        self._refuse_stopped()
        self.counts["connections"] += 1

    async def page(
        self, symbol: str, timeframe: str, *, since: int, limit: int, until: int | None = None,
        sound: Callable[[Series], object] = lambda found: None, bad: list[page.BadRow] | None = None,
    ) -> Series | None:  # fmt: skip
        """The first candles that open at since or later, limit at most; the unfinished one may be among them.

        until  ms, exclusive; None: no end
        sound  raises DataError for a page that the caller cannot take, which is as one with a bad row
        bad    where a caller can do without some candles: the rows that are none are left out, and told here (S6a)
        returns None for an empty page. DataError for a page with a row that stays bad; ExchangeError.
        """
        venue.refuse_timeframe(self._ccxt, timeframe)
        origin = f"{self.name} {symbol} {timeframe}"
        parameters = {} if until is None else {"until": until - 1}
        await self.time.now()

        async def asked() -> Series | None:
            rows: list[Row] = await self._ccxt.fetch_ohlcv(symbol, timeframe, since, limit, parameters)
            expected = page.Asked(origin, symbol, TIMEFRAMES[timeframe], since, limit, self.time.latest())
            try:
                found = page.judged(rows, expected)
                if found is not None:
                    sound(found)
                return found
            except DataError as error:
                if bad is None:
                    raise Judged(str(error), BAD_ROW) from error
            return sifted(rows, expected)

        def sifted(rows: list[Row], expected: page.Asked) -> Series | None:
            assert bad is not None, "whoever wants all rows sound has its error"
            try:
                found, bad[:] = page.sifted(rows, expected, sound=sound)
            except DataError as error:
                raise Judged(str(error), BAD_ROW) from error
            return found

        return await self._ask(asked, origin)

    async def _ask(self, request: Callable[[], Awaitable[Answer]], subject: str) -> Answer:
        """One answer, through gate, retries and breaker (R1). The error of a person for whatever stays."""
        self._refuse_stopped()
        try:
            return await retry.call(
                lambda: self._judged(request), patience=self._patience, gate=self._gate, breaker=self._breaker,
                chance=self._chance, sleep=self.clock.sleep, told=lambda again: self._again(again, subject),
            )  # fmt: skip
        except CircuitOpen as error:
            seconds = math.ceil(error.retry_after)
            text = f"{self.name}: the breaker is open after too many failures; try again in {seconds} s"
            raise ExchangeError(text) from error
        except Judged as error:
            final = error.final(subject if subject.startswith(self.name) else f"{self.name}, {subject}")
            if error.kind.stops or error.floor > retry.LONGEST_WAIT:
                self._stop(final, seconds=error.floor)
            logger.error("{}", final)
            raise final from error

    async def _judged(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        from ccxt.base import errors

        _passes.set([True])
        try:
            return await request()
        except (errors.BaseError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise of_error(error) from error

    async def _server_time(self) -> Read:
        sent = self.clock.monotonic()
        found = await self._ccxt.fetch_time()
        if type(found) is not int or found <= 0:
            raise Judged(f"its clock says {said(str(found))}", BAD_ANSWER)
        return Read(found, sent, self.clock.monotonic())

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

    def _heard(self, heard: Heard) -> None:
        used = heard.headers.get("x-mbx-used-weight-1m", "")
        if not (used.isdecimal() and len(used) < 10):
            return
        self.weight = int(used)
        if self.weight > BUSY * venue.WEIGHT_A_MINUTE:
            rest = MINUTE - (self.time.latest() / 1000 if self.time.known else self.clock.wall()) % MINUTE  # X8
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
