"""SMAStrategy: the engine's SMA crossover, candle by candle on the last candles. It has no position and no cash."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np

from safla.api.configuration import ConfigSource, load_config
from safla.candles.validation import Bounds, Origin, check_candles
from safla.compat.entries import MOST_PLACES, decimals_of, entry, exact, plan_of, to_float, units_of
from safla.config.constraints import CROSSOVER
from safla.config.plan import RunPlan, price_limit
from safla.core import sizing
from safla.core import values as v
from safla.core.scale import LIMIT, MILLION
from safla.core.timeframes import TIMEFRAMES
from safla.core.values import Columns
from safla.errors import ConfigError, DataError, Problem, UsageError

SignalWord = Literal["BUY", "SELL", "HOLD"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FIELDS = ("open", "high", "low", "close", "volume")
_WORDS: dict[int, tuple[SignalWord, str]] = {
    v.ENTER_SIGNAL: ("BUY", "golden_cross"),
    v.EXIT_SIGNAL: ("SELL", "death_cross"),
    0: ("HOLD", "no_cross"),
}


class Signal(NamedTuple):
    """The signal at the close of a candle. It can be acted on at the next open at the earliest.

    signal      BUY (enter), SELL (exit) or HOLD
    price       the close, in the quote currency
    quantity    the quantity of S23 with the initial balance as cash; 0 for HOLD
    confidence  0 to 0.9 (S23); 0 for HOLD
    timestamp   the open time of the candle, UTC
    reason      golden_cross, death_cross, no_cross, or warming while the strategy has too few candles
    """

    signal: SignalWord
    price: float
    quantity: float
    confidence: float
    timestamp: datetime
    reason: str
    symbol: str = ""
    volume: float = 0.0  # of the last candle with a volume, in the base currency: slippage depends on it (S25)


class SMAStrategy:
    """The SMA crossover of a configuration, for a loop of your own (S20 to S22).

    symbol  such as "BTC/USDT"
    config  a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

    ConfigError for a configuration with another strategy.

        strategy = SMAStrategy("BTC/USDT")
        signal = strategy.process_candle([1704067200000, 42283.58, 42554.57, 42261.02, 42475.23, 1271.68])
    """

    def __init__(self, symbol: str, config: ConfigSource = None) -> None:
        self._loaded = load_config(config)
        self._symbol = symbol
        name = self._loaded.config.strategy.name
        if name != CROSSOVER:
            where = self._loaded.origins["strategy.name"]
            raise ConfigError(
                [
                    Problem(
                        where,
                        "strategy.name",
                        f"expected {CROSSOVER} for SMAStrategy, got {name}",
                        code="invalid_value",
                    )
                ]
            )
        market = self._loaded.config.markets.get(symbol)
        self._fixed = (market.price_decimals, market.volume_decimals) if market else (None, None)
        self._run = self._plan(self._fixed[0] or 0, self._fixed[1] or 0)
        self._rows: list[tuple[int, ...]] = []  # the last candles, as many as the strategy needs: ms and five integers
        self._count = 0  # of the candles so far, for messages
        self._last: Signal | None = None

    def process_candle(self, candle: Sequence[float]) -> Signal:
        """The signal at the close of one closed candle: [ms, open, high, low, close, volume], in ascending order.

        The same candle again gives the same signal again (S2). DataError for an invalid candle (S3), for one out of
        order, and for one that comes again with other values; UsageError for anything but six numbers.
        """
        if len(candle) != 1 + len(_FIELDS):
            raise UsageError(
                f"candle: expected [ms, {', '.join(_FIELDS)}], got {len(candle)} values", code="invalid_argument"
            )
        ts = int(exact(candle[0], "ms"))
        numbers = [exact(value, name) for name, value in zip(_FIELDS, candle[1:], strict=True)]
        self._widen(numbers)
        row = (ts, *(self._units(number, place) for place, number in enumerate(numbers)))
        if self._last is not None and ts <= self._rows[-1][0]:
            return self._again(row, self._last)
        self._count += 1
        self._check(row)
        self._rows = [*self._rows, row][-self._run.plan.rules.warm_up :]
        self._last = self._signal(row)
        return self._last

    def _plan(self, price_decimals: int, volume_decimals: int) -> RunPlan:
        return plan_of(self._loaded, self._symbol, price_decimals=price_decimals, volume_decimals=volume_decimals)

    def _widen(self, numbers: list[Decimal]) -> None:
        """Raise the decimals to the most seen, unless `markets` names them (S3), and rescale the last candles."""
        before = self._decimals
        seen = max(map(decimals_of, numbers[:4])), min(decimals_of(numbers[4]), MOST_PLACES)
        most = self._fixed[0] if self._fixed[0] is not None else MOST_PLACES
        if seen[0] > most:
            raise DataError(
                f"candle {self._count + 1}: expected a price with at most {most} decimals, got {seen[0]}",
                code="too_many_decimals",
            )
        now = tuple(
            max(old, new) if fixed is None else fixed for old, new, fixed in zip(before, seen, self._fixed, strict=True)
        )
        if now == before:
            return
        self._run = self._plan(*now)
        price, volume = (10 ** (new - old) for new, old in zip(now, before, strict=True))
        factors = (1, price, price, price, price, volume)
        self._rows = [tuple(cell * factor for cell, factor in zip(row, factors, strict=True)) for row in self._rows]
        if any(cell > LIMIT for row in self._rows for cell in row):
            raise DataError(
                f"candle {self._count + 1}: with its decimals the candles before exceed 2**62 units",
                code="number_too_large",
            )

    @property
    def _decimals(self) -> tuple[int, int]:
        """The decimals of price and volume."""
        scale = self._run.scales[0]
        return scale.price_decimals, scale.volume_decimals

    def _units(self, number: Decimal, place: int) -> int:
        units = units_of(number, self._decimals[place == len(_FIELDS) - 1])
        if units > LIMIT:
            raise DataError(
                f"candle {self._count + 1}: {_FIELDS[place]} {number} is above 2**62 units", code="number_too_large"
            )
        return units

    def _again(self, row: tuple[int, ...], last: Signal) -> Signal:
        if row == self._rows[-1]:
            return last
        if row[0] < self._rows[-1][0]:
            raise DataError(
                f"candle {self._count + 1}: time {row[0]} is out of order; candles must ascend",
                code="candles_out_of_order",
            )
        raise DataError(
            f"candle {self._count + 1}: candle_revised: time {row[0]} comes again with other values",
            code="candle_revised",
        )

    def _check(self, row: tuple[int, ...]) -> None:
        config = self._loaded.config
        bounds = Bounds(TIMEFRAMES[config.market_data.timeframe], price_limit(config), *self._decimals)
        origin = Origin("process_candle", "candle", np.array([self._count]))
        check_candles(Columns(*np.array(row, np.int64).reshape(-1, 1)), bounds, origin=origin)

    def _signal(self, row: tuple[int, ...]) -> Signal:
        run, window, rules = self._run, np.array(self._rows, np.int64).T, self._run.plan.rules
        signal, strength = 0, 0.0
        if len(self._rows) == rules.warm_up:
            signals, strengths = run.strategy.columns(Columns(*np.ascontiguousarray(window)), run.parameters)
            signal, strength = int(signals[-1]), float(strengths[-1])
        word, reason = _WORDS[signal]
        volume = next((row[5] for row in reversed(self._rows) if row[5] > 0), 0)
        quantity = confidence = 0
        if signal != 0:
            confidence = sizing.confidence_ppm(strength, rules.confidence_cap_ppm, rules.confidence_threshold_ppm)
            quantity = entry(run, confidence=confidence, cash=run.balance, price=row[4], volume=volume).quantity
        return Signal(
            signal=word,
            price=to_float(row[4], run.scales[0].price_decimals),
            quantity=to_float(quantity, run.scales[0].quantity_decimals),
            confidence=confidence / MILLION,
            timestamp=EPOCH + timedelta(milliseconds=row[0]),
            reason=reason if len(self._rows) == rules.warm_up else "warming",
            symbol=self._symbol,
            volume=to_float(volume, run.scales[0].volume_decimals),
        )
