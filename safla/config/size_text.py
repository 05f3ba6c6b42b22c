"""How an entry is sized, in one line: the same words in the resolved configuration and in the summary of a run."""

from decimal import Decimal

from safla.config.types import plain
from safla.core.scale import MILLION, share_down


def size_text(amount: str, *, equity_share_ppm: int, risk_ppm: int, cap_ppm: int) -> str:
    """The most that an entry takes: at full confidence, and with no limit of the account met (S23).

    amount            the part of max_position_size_usd at full confidence, as text; empty if there is none
    equity_share_ppm  0: none
    risk_ppm          of the equity, that is lost at the stop; 0: none
    cap_ppm           full confidence
    """
    spent = [_of_equity(share_down(equity_share_ppm, cap_ppm))] * (equity_share_ppm > 0) + [amount] * bool(amount)
    parts = [f"{' and '.join(spent)} at most, commission included"] * bool(spent)
    if risk_ppm > 0:
        lost = _of_equity(share_down(risk_ppm, cap_ppm))
        parts.append(f"so much that its stop loses {lost} at most, commissions included")
    return f"{', and '.join(parts)} (confidence is {plain(Decimal(cap_ppm) / MILLION)} at most)"


def _of_equity(ppm: int) -> str:
    return f"{plain(Decimal(ppm) / 10_000)} % of the equity"
