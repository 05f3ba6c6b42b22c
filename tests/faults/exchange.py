"""A fake exchange and a client of it on one clock, for the rows of the exchange; the store as text. No test here."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from safla.clock import Clock
from safla.config.loader import load
from safla.config.model import Config
from safla.data import service
from safla.data.backfill import DownloadResult
from safla.data.service import FetchRequest
from safla.data.store import store
from safla.data.store.store import SeriesKey
from safla.errors import SaflaError
from safla.exchange.client import Feed, feed_of
from tests.exchange.clock import Ticking
from tests.fake_exchange import START_MS, Asked, FakeExchange, Market, synthetic

MINUTE = 60_000
START = START_MS
SYMBOL = "BTC/USDT"
LIMIT = 50  # candles a page
GRACE = 0.01  # seconds that a loop looks at its sockets before the clock jumps: both ends of them are in it

Answer = TypeVar("Answer")
Row = tuple[int, ...]

_WHEN = re.compile(rb'"at":"[^"]*"|"seal":"[^"]*"')  # when something was stored, and the seal over that
_SINCE = re.compile(rb"\[(\d+,\d+),\d+\]")  # a gap, and since when it is believed


class Came(NamedTuple):
    """What a fetch came to."""

    got: tuple[DownloadResult, ...]  # empty where it could not begin
    errors: tuple[SaflaError, ...]  # of all that failed
    counts: Counter[str]
    seconds: float  # that passed on the clock

    @property
    def error(self) -> SaflaError:
        """The only error; there must be one."""
        (error,) = self.errors
        return error


class Meeting:
    """A fake exchange and whoever asks it, in one loop and on one clock: a wait costs no time, and both see it pass."""

    def __init__(self, cache: Path, *sets: str, markets: Iterable[Market] | None = None, **fake: Any) -> None:
        self.cache = cache
        self.fake = FakeExchange([minutes(120)] if markets is None else markets, **fake)
        self.ticking = Ticking()
        self.clock = Clock(self._now, self.fake.clock.wall, self.ticking.sleep)
        self._sets = sets
        self._began = self.fake.clock.now_ms

    def run(self, main: Callable[[], Awaitable[Answer]], *, grace: float = GRACE) -> Answer:
        """Whatever is to be done while the exchange is served. It may be served again and again."""

        async def while_served() -> Answer:
            async with self.fake:
                return await main()

        return self.ticking.run(while_served(), grace=grace)

    def fetched(self, *symbols: str, **ask: Any) -> Came:
        """One fetch, in a loop of its own."""
        return self.run(lambda: self.fetch(*symbols, **ask))

    async def fetch(self, *symbols: str, start: int | None = START, end: int | None = None, **ask: Any) -> Came:
        """One fetch, within `run`."""
        began = self.ticking.now
        asked = FetchRequest(symbols or (SYMBOL,), start, end, **ask)
        try:
            fetched = await service.fetch(self.config(), asked, clock=self.clock)
        except SaflaError as error:
            return Came((), (error,), Counter(), self.ticking.now - began)
        errors = tuple(one.error for one in fetched.got if one.error is not None)
        return Came(fetched.got, errors, fetched.counts, self.ticking.now - began)

    def feed(self, *sets: str) -> Feed:
        """What asks for single pages, within `run`; sets: what is to be otherwise."""
        return feed_of(self.config(*sets).exchange, clock=self.clock)

    def config(self, *sets: str) -> Config:
        """The configuration of the client; the exchange must have been served for it to have an address."""
        return configured(self.fake.rest_url, self.cache, *self._sets, *sets)

    def asked(self, name: str | None = "klines", *, since: float = 0.0) -> list[Asked]:
        """The requests of one name, or all of them (None), from a second of the clock on."""
        return [one for one in self.fake.requests if name in (None, one.name) and self.second(one) >= since]

    def second(self, one: Asked) -> float:
        """When a request came, on the clock of the client."""
        return (one.virtual_ms - self._began) / 1000

    def _now(self) -> float:
        """The client's clock; the exchange's goes with it, and so does the one on the wall."""
        passed = round(self.ticking.now * 1000) - (self.fake.clock.now_ms - self._began)
        self.fake.clock.advance(max(0, passed))
        return self.ticking.now


def minutes(count: int, *, name: str = "BTCUSDT", seed: int = 1, gaps: Iterable[int] = ()) -> Market:
    """A symbol with so many SYNTHETIC candles of a minute, from START on."""
    return Market(name, {"1m": synthetic(START, MINUTE, count, seed=seed, gaps=gaps)})


def configured(url: str, cache: Path, *sets: str) -> Config:
    """A configuration that asks an address for candles of a minute, small pages of them."""
    own = (f"exchange.rest_url={url}", "market_data.timeframe=1m", f"market_data.fetch_limit={LIMIT}")
    return load(None, sets=(*own, f"storage.cache_directory={cache}", *sets), environment={}).config


def at(minute: int) -> int:
    """The opening time of a candle."""
    return START + minute * MINUTE


def rows(cache: Path, symbol: str = SYMBOL) -> list[Row]:
    """Every candle that is stored."""
    series = store.stored_candles(SeriesKey(cache, "binance", symbol, "1m"), (0, at(10_000_000))).series
    return [] if series is None else list(zip(*(column.tolist() for column in series.columns), strict=True))


def kept(cache: Path) -> dict[str, bytes]:
    """Every file of a store and its bytes: the same twice where the same is stored, whenever and however it came."""
    files = [one for one in sorted(cache.rglob("*")) if one.is_file() and one.name != "lock"]
    return {one.relative_to(cache).as_posix(): _SINCE.sub(rb"[\1]", _WHEN.sub(b"", one.read_bytes())) for one in files}


class Whole(NamedTuple):
    """What a fetch came to in which nothing broke."""

    files: dict[str, bytes]
    rows: list[Row]


def undisturbed(cache: Path, *sets: str, markets: Iterable[Market] | None = None, **ask: Any) -> dict[str, bytes]:
    """What a store holds after a fetch in which nothing breaks."""
    meeting = Meeting(cache, *sets, markets=markets)
    came = meeting.fetched(*(_name(one) for one in meeting.fake.markets.values()), **ask)
    assert came.errors == ()
    return kept(cache)


def whole_of(cache: Path, candles: int) -> Whole:
    """The store of a fetch of so many minutes in which nothing breaks."""
    return Whole(undisturbed(cache, markets=[minutes(candles)]), rows(cache))


def check_heals(meeting: Meeting, whole: Whole, *, candles: int) -> None:
    """Once nothing breaks any more, the next fetch ends in the store of an undisturbed one."""
    meeting.fake.mend()
    meeting.ticking.advance(3_600.0)
    assert meeting.fetched(end=at(candles)).errors == ()
    assert kept(meeting.cache) == whole.files


def _name(market: Market) -> str:
    return f"{market.base}/{market.quote}"
