"""Statistical significance of the daily returns: t-statistic, p-value, probabilistic Sharpe ratio."""

import math

import numpy as np

from safla.core.values import Float64
from safla.metrics.days import NO_VARIATION, daily_rate, too_few
from safla.metrics.metric import FEWEST_DAYS, FEWEST_TAIL_DAYS, Metric, finite_metric
from safla.metrics.sums import deviation, mean

TINY = 1e-300  # replaces a zero by which a step of the continued fraction would divide
CLOSE = 1e-15  # the continued fraction has converged once a step changes it by less
ROUNDING = 1e-12  # a value below it is a zero with rounding errors
MOST_STEPS = 10_000  # of the continued fraction


def t_statistic(returns: Float64) -> Metric:
    """mean(r_d) / (std(r_d) / sqrt(N)), r_d float64[days] (Student 1908)."""
    if len(returns) < FEWEST_DAYS:
        return too_few(returns)
    spread = deviation(returns)
    if spread == 0.0:
        return Metric(None, NO_VARIATION)
    return finite_metric(mean(returns) / spread * math.sqrt(len(returns)))


def p_value(statistic: Metric, days: int) -> Metric:
    """The two-sided p-value of a t-statistic: Student's t with days - 1 degrees of freedom."""
    if statistic.value is None:
        return statistic
    return Metric(two_sided(statistic.value, days - 1))


def two_sided(t: float, degrees: int) -> float:
    """P(|T| >= |t|) of Student's t: I_x(degrees / 2, 1 / 2) at x = degrees / (degrees + t^2)."""
    whole = degrees + t * t
    return incomplete_beta(degrees / 2.0, 0.5, degrees / whole, t * t / whole)


def incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b > 0, 0 <= x <= 1 (DLMF 8.17).

    rest  1 - x, an argument of its own because the difference would lose digits for x near 1
    """
    if x == 0.0 or rest == 0.0:
        return float(rest == 0.0)
    if x > (a + 1.0) / (a + b + 2.0):  # the fraction converges slowly here, but for the mirrored arguments it does not
        return 1.0 - incomplete_beta(b, a, rest, x)
    size = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(size) / a / _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of DLMF 8.17.22, by Lentz's method."""
    whole = upper = 1.0
    lower, change, step = 0.0, 0.0, 0
    while abs(change - 1.0) > CLOSE and step < MOST_STEPS:
        step += 1
        m = step // 2
        factor = m * (b - m) if step % 2 == 0 else -(a + m) * (a + b + m)
        part = factor * x / ((a + step - 1.0) * (a + step))
        lower = 1.0 / _away_from_zero(1.0 + part * lower)
        upper = _away_from_zero(1.0 + part / upper)
        change = lower * upper
        whole *= change
    return whole


def _away_from_zero(value: float) -> float:
    """The value, or TINY if it is closer to 0."""
    return value if abs(value) > TINY else TINY


def probabilistic_sharpe(returns: Float64, risk_free_rate: float) -> Metric:
    """The probability that the true Sharpe ratio is above 0 (Bailey and Lopez de Prado 2012).

    Phi(SR * sqrt(N - 1) / sqrt(1 - skewness * SR + (kurtosis - 1) / 4 * SR^2)), SR of a day, moments of the
    population, kurtosis 3 for the normal distribution. returns float64[days]; risk_free_rate is a yearly rate.
    """
    if len(returns) < FEWEST_TAIL_DAYS:
        return too_few(returns, FEWEST_TAIL_DAYS)
    spread = deviation(returns)
    if spread == 0.0:
        return Metric(None, NO_VARIATION)
    scores = (returns - mean(returns)) / (spread * math.sqrt((len(returns) - 1) / len(returns)))
    ratio = (mean(returns) - daily_rate(risk_free_rate)) / spread
    error = 1.0 - mean(scores * scores * scores) * ratio + (mean(np.square(scores * scores)) - 1.0) / 4.0 * ratio**2
    if error < ROUNDING:  # the variance of the estimate is 0: the returns take two values only
        return Metric(None, "two values alone leave its error undefined")
    return finite_metric(0.5 * math.erfc(-ratio * math.sqrt(len(returns) - 1) / math.sqrt(2.0 * error)))
