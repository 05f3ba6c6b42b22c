"""RiskManager: the size, limit and level rules of the core for programs with floats. It has no rules of its own."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple, TypeVar

from safla.api.configuration import ConfigSource, load_config
from safla.compat.entries import MOST_PLACES, decimals_of, entry, exact, plan_of, to_float, units_of
from safla.compat.strategy import Signal
from safla.config.plan import RunPlan
from safla.core import exits, risk
from safla.core import values as v
from safla.core.scale import MILLION
from safla.errors import UsageError

PositionSide = Literal["long", "short"]

UNNAMED = "BASE/QUOTE"  # the symbol of a signal without one
CONFIDENCE_PLACES = 6  # parts per million
TICK = 1  # in units of MOST_PLACES decimals: a price without a symbol has no exchange's tick size

_Level = Callable[[int, int, int], int]  # price, distance in ppm, tick
_Function = TypeVar("_Function", bound=Callable[..., int])

_STOPS: dict[str, _Level] = {"long": exits.stop_below, "short": exits.short_stop_above}
_TARGETS: dict[str, _Level] = {"long": exits.target_above, "short": exits.short_target_below}
_GROSS = {"long": exits.gross_of_long, "short": exits.gross_of_short}


class RiskCheck(NamedTuple):
    """Whether a signal may be acted on.

    allowed       whether it may
    reason        "allowed", "no_signal" for HOLD, else the rejection as in the journal (S24): halted, max_exposure,
                  insufficient_cash, below_lot, no_level, below_min_notional
    max_quantity  the most that may be bought, or the signal's quantity for SELL; in the base currency, 0 if not allowed
    """

    allowed: bool
    reason: str
    max_quantity: float


class RiskManager:
    """The rules of a configuration for an account without positions.

    initial_balance  in the quote currency; it replaces simulation.initial_balance_usd
    config           a path, a dict, what load_config gives; None for ./config.yaml if it exists, else the defaults

    UsageError for amounts that are not numbers >= 0, ConfigError for an invalid configuration.

        risk = RiskManager(100_000)
        risk.check_trade_risk(signal, balance=98_500).max_quantity
    """

    def __init__(self, initial_balance: float, config: ConfigSource = None) -> None:
        balance = exact(initial_balance, "initial_balance")
        if balance == 0:
            raise UsageError("initial_balance: expected an amount > 0, got 0", code="invalid_argument")
        loaded = load_config(config)
        simulation = loaded.config.simulation.model_copy(update={"initial_balance_usd": balance})
        self._loaded = loaded._replace(config=loaded.config.model_copy(update={"simulation": simulation}))
        self._peak = balance  # the highest balance so far

    def check_trade_risk(self, signal: Signal, balance: float) -> RiskCheck:
        """Whether a signal may be acted on, and how much: S23 and S24 with `balance` as cash and as equity.

        BUY is rejected as `halted` where the balance is max_drawdown_pct below the highest one passed so far (S15).
        Only the engine checks rules that need days or positions (max_daily_trades, max_daily_loss_pct,
        max_open_positions). SELL is never rejected: no limit may prevent an exit (J16).
        """
        cash = exact(balance, "balance")
        self._peak = max(self._peak, cash)
        if signal.signal == "HOLD":
            return RiskCheck(False, "no_signal", 0.0)
        if signal.signal == "SELL":
            return RiskCheck(True, "allowed", signal.quantity)
        return self._check_buy(signal, cash)

    def _check_buy(self, signal: Signal, cash: Decimal) -> RiskCheck:
        price, volume = exact(signal.price, "price"), exact(signal.volume, "volume")
        run = self._plan(signal.symbol, price, volume)
        scale, money, limit = run.scales[0], run.money_decimals, run.plan.rules.max_drawdown_ppm
        if risk.loss_met(units_of(self._peak, money), units_of(cash, money), limit):
            return RiskCheck(False, str(v.REASONS[v.WHILE_HALTED]), 0.0)
        allowed = entry(
            run,
            confidence=units_of(exact(signal.confidence, "confidence"), CONFIDENCE_PLACES),
            cash=units_of(cash, money),
            price=units_of(price, scale.price_decimals),
            volume=units_of(volume, scale.volume_decimals),
        )
        if allowed.quantity == 0:
            return RiskCheck(False, str(v.REASONS[allowed.reason]), 0.0)
        return RiskCheck(True, "allowed", to_float(allowed.quantity, scale.quantity_decimals))

    def _plan(self, symbol: str, price: Decimal, volume: Decimal) -> RunPlan:
        """The plan with the decimals of `markets`, else with those of the signal's numbers (S3)."""
        market = self._loaded.config.markets.get(symbol)
        fixed = (market.price_decimals, market.volume_decimals) if market else (None, None)
        seen = (min(decimals_of(number), MOST_PLACES) for number in (price, volume))
        places = [signal if market is None else market for market, signal in zip(fixed, seen, strict=True)]
        return plan_of(self._loaded, symbol or UNNAMED, price_decimals=places[0], volume_decimals=places[1])

    def stop_loss_price(self, entry_price: float, side: PositionSide = "long") -> float | None:
        """The stop-loss price of a position that was filled at a price (S27), to 8 decimals; None without a stop-loss.

        A long's stop lies below the price, a short's above it.
        """
        return self._level(entry_price, side, _STOPS, distance=self._loaded.config.risk.stop_loss_pct)

    def take_profit_price(self, entry_price: float, side: PositionSide = "long") -> float | None:
        """The take-profit price (S27), to 8 decimals; None without a target. A short's lies below the entry price."""
        return self._level(entry_price, side, _TARGETS, distance=self._loaded.config.risk.take_profit_pct)

    def position_profit(
        self, entry_price: float, exit_price: float, quantity: float, side: PositionSide = "long"
    ) -> float:
        """The profit of a position before fees, in the quote currency: a short earns what a long would lose."""
        bought, sold = _price(entry_price, "entry_price"), _price(exit_price, "exit_price")
        amount = units_of(exact(quantity, "quantity"), MOST_PLACES)
        return to_float(_of(_GROSS, side)(bought, sold, amount, 1), 2 * MOST_PLACES)

    def _level(
        self, price: float, side: PositionSide, levels: dict[str, _Level], *, distance: Decimal | None
    ) -> float | None:
        level = _of(levels, side)
        units = _price(price, "entry_price")
        if units <= TICK:
            raise UsageError(f"entry_price: expected a price above 0.00000001, got {price}", code="invalid_argument")
        return None if distance is None else to_float(level(units, int(distance * MILLION), TICK), MOST_PLACES)


def _price(price: float, what: str) -> int:
    return units_of(exact(price, what), MOST_PLACES)


def _of(functions: dict[str, _Function], side: str) -> _Function:
    if side not in functions:
        raise UsageError(f"side: expected long or short, got {ascii(side)[:20]}", code="invalid_argument")
    return functions[side]
