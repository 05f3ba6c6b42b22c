"""The answers of strategies in each of their forms, checked (C10): arrays for all candles, or one for a candle."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from safla.core.candles import iso
from safla.core.values import Int64
from safla.errors import StrategyError
from safla.runs.look_ahead import StrategyAnswer

FIELDS = ("signal", "strength")
PRICES = ("entry_price", "stop_distance", "target_distance", "trail_distance")  # the engine does not take them yet
FORMS = "an array signal, a tuple of two arrays (signal, strength), or a dict of arrays with these names"


class Answer(NamedTuple):
    """What a strategy may answer: numbers from `on_candle`, arrays with a number for each candle from a function.

    signal    1 enters, -1 exits, 0 does nothing
    strength  a finite number >= 0, from which the confidence follows; it may be NaN where the signal is 0
    The prices are part of the form, but this release takes none: an answer with one is a StrategyError.
    """

    signal: Any
    strength: Any = None  # None: 1
    entry_price: Any = None
    stop_distance: Any = None
    target_distance: Any = None
    trail_distance: Any = None


def checked(name: str, ts: Int64, *, answer: Any) -> StrategyAnswer:
    """The answer for all candles as columns of int8 and float64. StrategyError names strategy and candle if not valid.

    ts  the open times of the candles
    """
    columns = _columns(name, answer)
    for label, column in columns.items():
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iuf":
            kind = f"an array of {column.dtype}" if isinstance(column, np.ndarray) else type(column).__name__
            raise StrategyError(
                f"strategy {name}: {label} is {kind}, expected a numpy array of numbers", code="invalid_signals"
            )
        if column.shape != ts.shape:
            raise StrategyError(
                f"strategy {name}: {label} has shape {column.shape}, expected {ts.shape}", code="invalid_signals"
            )
    signal = columns["signal"]
    strength = columns.get("strength", np.ones(len(ts)))
    for label, bad in (
        ("signal is not -1, 0 or +1", _first_bad_signal(signal)),
        ("strength is not a number >= 0", _first_bad_strength(signal, strength)),
    ):
        if bad is not None:
            raise StrategyError(f"strategy {name}: {label} at the candle {iso(int(ts[bad]))}", code="invalid_signals")
    strengths = np.array(strength, np.float64)
    strengths[np.isnan(strengths)] = 0  # NaN passed the check only without a signal, as before a rolling mean begins
    return StrategyAnswer(np.array(signal, np.int8), strengths)


def _columns(name: str, answer: Any) -> dict[str, Any]:
    """The columns of an answer by their names: signal, and strength if there is one."""
    if isinstance(answer, np.ndarray):
        return {"signal": answer}
    if isinstance(answer, Answer):
        return _named(name, {field: value for field, value in answer._asdict().items() if value is not None})
    if isinstance(answer, Mapping):
        return _named(name, answer)
    if isinstance(answer, tuple) and len(answer) == len(FIELDS):
        return dict(zip(FIELDS, answer, strict=True))
    raise StrategyError(f"strategy {name}: returned {type(answer).__name__}, expected {FORMS}", code="invalid_signals")


def _named(name: str, values: Mapping[Any, Any]) -> dict[str, Any]:
    for field in values:
        if field in PRICES:
            text = f"{field}, which this release does not take; use risk.stop_loss_pct and the like, and leave it out"
            raise StrategyError(f"strategy {name}: returned {text}", code="invalid_signals")
        if field not in FIELDS:
            text = f"returned {ascii(field)[:80]}, expected {', '.join(FIELDS)}"
            raise StrategyError(f"strategy {name}: {text}", code="invalid_signals")
    if "signal" not in values:
        raise StrategyError(f"strategy {name}: returned no signal, expected {FORMS}", code="invalid_signals")
    return dict(values)


def _first_bad_signal(signal: "np.ndarray") -> int | None:
    bad = (signal != 1) & (signal != 0)
    if signal.dtype.kind != "u":  # an unsigned column cannot hold -1
        bad &= signal != -1
    return int(bad.argmax()) if bad.any() else None


def _first_bad_strength(signal: "np.ndarray", strength: "np.ndarray") -> int | None:
    if strength.min() >= 0 and strength.max() < np.inf:  # false for NaN; the fast test, nearly always enough
        return None
    bad = ~(np.isfinite(strength) & (strength >= 0)) & ~(np.isnan(strength) & (signal == 0))
    return int(bad.argmax()) if bad.any() else None


class CandleAnswer(NamedTuple):
    """The answer of a strategy for one candle, checked."""

    signal: int
    strength: float


NOTHING = CandleAnswer(0, 0.0)
_PLAIN = {-1: CandleAnswer(-1, 1.0), 0: NOTHING, 1: CandleAnswer(1, 1.0)}


def checked_candle(name: str, answer: Any) -> CandleAnswer:
    """The answer of `on_candle`: -1, 0 or 1, or an Answer of numbers. StrategyError for any other."""
    if type(answer) is int and answer in _PLAIN:  # nearly always
        return _PLAIN[answer]
    fields = {"signal": answer}
    if isinstance(answer, Answer):
        fields = _named(name, {field: value for field, value in answer._asdict().items() if value is not None})
    signal, strength = fields["signal"], fields.get("strength", 1.0)
    if not _is_number(signal) or signal not in _PLAIN:
        text = f"on_candle returned {ascii(signal)[:80]}, expected -1, 0, 1 or safla.Answer(signal, strength=...)"
        raise StrategyError(f"strategy {name}: {text}", code="invalid_signals")
    if not _is_number(strength) or not (0 <= strength < math.inf or (math.isnan(strength) and signal == 0)):
        text = f"on_candle returned the strength {ascii(strength)[:80]}, expected a number >= 0"
        raise StrategyError(f"strategy {name}: {text}", code="invalid_signals")
    return CandleAnswer(int(signal), 0.0 if math.isnan(strength) else float(strength))


def _is_number(value: Any) -> bool:
    """Whether it is an integer or a float of Python or numpy. A bool is none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
