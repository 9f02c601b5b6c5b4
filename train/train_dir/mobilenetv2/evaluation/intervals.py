"""Exact confidence intervals of counts of correct answers."""

import math
from typing import Any, Dict, Tuple

from scipy.special import betaincinv

LEVEL = 0.95  # confidence level


def exact_interval(correct: int, count: int, level: float = LEVEL) -> Tuple[float, float]:
    """The exact confidence interval of a proportion (Clopper and Pearson, Biometrika 26, 1934), 0-1; (0, 1) if count is 0.

    A true proportion outside of it would give as many correct answers, or as few, in at most (1 - level) / 2 of all samples.
    Raises ValueError unless 0 <= correct <= count.
    """
    if not 0 <= correct <= count:
        raise ValueError(f"{correct} of {count}")
    tail = (1 - level) / 2
    low = betaincinv(correct, count - correct + 1, tail) if correct else 0.0
    high = betaincinv(correct + 1, count - correct, 1 - tail) if correct < count else 1.0
    return float(low), float(high)


def interval_percent(correct: int, count: int) -> Tuple[int, int]:
    """`exact_interval` in percent, rounded outwards."""
    low, high = exact_interval(correct, count)
    return math.floor(100 * low), math.ceil(100 * high)


def describe_count(correct: int, count: int) -> str:
    """Text such as "40 of 40 right: above 91 %" or "35 of 40 right: 73 % to 96 %"."""
    lower, upper = interval_percent(correct, count)
    text = f"{correct} of {count} right"
    if not count:
        return text
    if correct == count:
        return f"{text}: above {lower} %"
    return f"{text}: below {upper} %" if not correct else f"{text}: {lower} % to {upper} %"


def count_with_interval(correct: int, count: int) -> Dict[str, Any]:
    """correct, count, and in percent share, low and high: the proportion and its exact interval."""
    low, high = interval_percent(int(correct), int(count))
    share = 100 * int(correct) / int(count) if count else 0.0
    return {"correct": int(correct), "count": int(count), "share": share, "low": low, "high": high}
