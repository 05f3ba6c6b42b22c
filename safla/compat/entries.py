"""What an entry may be for an account that holds nothing: S23 and S24 asked of the core, floats made into integers."""

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

MOST_PLACES = 8  # of a price or a volume (S3)


class Entry(NamedTuple):
    """What may be bought, quantity units, and why not where that is 0."""

    quantity: int
    reason: int  # a code of core/values.py, NO_REASON where nothing is refused


def plan_of(loaded: Loaded, symbol: str, *, price_decimals: int, volume_decimals: int) -> RunPlan:
    """The plan for one symbol: the scales that `markets` names, else those that its candles were seen to have (S3)."""
    nothing = Columns(*(np.zeros(0, np.int64) for _ in Columns._fields))
    series = [Series(symbol, price_decimals, volume_decimals, nothing)]
    return make_plan(loaded.config, (symbol,), scales=scales(loaded.config, series), start=0)


def entry(run: RunPlan, *, confidence: int, cash: int, price: int, volume: int) -> Entry:
    """The quantity of S23 with nothing held yet, or the rejection of S24.

    confidence  parts per million
    cash        money units, equity too
    price       the reference, price units: an entry fills at the next open, and this is the last close
    volume      of the last candle that had any, volume units; 0: none yet (S25)
    """
    rules, market = run.plan.rules, market_of(run.plan.markets, 0)
    room = share_down(cash, rules.max_exposure_ppm)
    amount = sizing.budget(rules, confidence, cash, room)
    rejection = risk.rejected_for_cash(0, room, amount, cash)
    if rejection.reason != v.NO_REASON:
        return Entry(0, rejection.reason)
    quantity, filled_at = sizing.sized(rules, market, amount, price, volume)
    stop = exits.stop_in_force(rules, exits.levels_from(rules, market.tick, filled_at))
    rejection = risk.rejected_for_size(market, amount, filled_at, quantity, stop)
    return Entry(0 if rejection.reason != v.NO_REASON else quantity, rejection.reason)


def exact(value: object, what: str) -> Decimal:
    """A number as it is written: 0.1 is a tenth. UsageError for what is no finite number of at least 0."""
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or number < 0 or number > LIMIT:
        raise UsageError(f"{what}: {ascii(value)[:40]} is no number from 0 to 2**62")
    return number


def decimals_of(number: Decimal) -> int:
    """How many decimals a number has, zeros at the end left out."""
    exponent = number.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "the number is finite"
    return max(0, -exponent)


def units_of(number: Decimal, places: int) -> int:
    """A number in units of 10^-places, rounded down where it has more decimals."""
    return int(number.scaleb(places))


def to_float(units: int, places: int) -> float:
    """Units as a float: the nearest one that there is."""
    return float(to_text(units, places))
