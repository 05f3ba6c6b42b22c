"""The size of an entry for an account without positions: S23 and S24 of the core, and floats as exact integers."""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import numpy as np

from safla.config.loader import Loaded
from safla.config.plan import RunPlan, make_plan, scales
from safla.core import exits, risk, sizing
from safla.core import values as v
from safla.core.account import market_of
from safla.core.candles import Series
from safla.core.scale import LIMIT, share_down, to_text
from safla.core.values import Columns
from safla.errors import UsageError

NO_DISTANCES = exits.Distances(v.NONE, v.NONE, v.NONE)  # the crossover gives none
MOST_PLACES = 8  # the most decimals of a price or a volume (S3)


class Entry(NamedTuple):
    """The quantity that may be bought, and the reason where it is 0."""

    quantity: int  # quantity units
    reason: int  # a code of core/values.py; NO_REASON where nothing is rejected


def plan_of(loaded: Loaded, symbol: str, *, price_decimals: int, volume_decimals: int) -> RunPlan:
    """The plan for one symbol, with the decimals that `markets` names, else with those that were seen (S3)."""
    nothing = Columns(*(np.zeros(0, np.int64) for _ in Columns._fields))
    series = [Series(symbol, price_decimals, volume_decimals, nothing)]
    return make_plan(loaded.config, (symbol,), scales=scales(loaded.config, series), start=0)


def entry(run: RunPlan, *, confidence: int, cash: int, price: int, volume: int) -> Entry:
    """The quantity of S23 for an account without positions, or the rejection of S24.

    confidence  parts per million
    cash        money units, also the equity
    price       price units: the last close, as an estimate of the next open, at which an entry fills
    volume      volume units, of the last candle with a volume; 0: none yet (S25)
    """
    rules, market = run.plan.rules, market_of(run.plan.markets, 0)
    room = share_down(cash, rules.max_exposure_ppm)
    amount = sizing.budget(rules, confidence, cash, cash, room)
    rejection = risk.rejected_for_cash(0, room, amount, cash)
    if rejection.reason != v.NO_REASON:
        return Entry(0, rejection.reason)
    loss = share_down(share_down(cash, rules.risk_ppm), confidence)
    quantity, filled_at = sizing.sized(rules, market, amount, loss, NO_DISTANCES, price, volume)
    stop = exits.stop_in_force(rules, exits.levels_from(rules, market.tick, filled_at, NO_DISTANCES))
    rejection = risk.rejected_for_size(market, amount, filled_at, quantity, stop, NO_DISTANCES)
    return Entry(0 if rejection.reason != v.NO_REASON else quantity, rejection.reason)


def exact(value: object, what: str) -> Decimal:
    """A number by its shortest text, so that 0.1 is exactly a tenth. UsageError unless it is from 0 to 2**62."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or number < 0 or number > LIMIT:
        raise UsageError(f"{what}: expected a number from 0 to 2**62, got {ascii(value)[:40]}", code="invalid_argument")
    return number


def decimals_of(number: Decimal) -> int:
    """How many decimals a number has, without zeros at the end."""
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "the number is finite"
    return max(0, -exponent)


def units_of(number: Decimal, places: int) -> int:
    """A number in units of 10^-places, rounded down where it has more decimals."""
    return int(number.scaleb(places))


def to_float(units: int, places: int) -> float:
    """Units as the nearest float."""
    return float(to_text(units, places))
