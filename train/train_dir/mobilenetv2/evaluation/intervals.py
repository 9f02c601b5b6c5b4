"""How much a count of right answers proves."""

import math
from typing import Any, Dict, Tuple

from scipy.special import betaincinv

LEVEL = 0.95


def exact_interval(correct: int, count: int, level: float = LEVEL) -> Tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson, Biometrika 26, 1934), 0-1; (0, 1) where count is 0.

    A share outside of it would give so many right answers, or so few, in at most (1 - level) / 2 of all samples.
    """
    if not 0 <= correct <= count:
        raise ValueError(f"{correct} of {count}")
    tail = (1 - level) / 2
    low = betaincinv(correct, count - correct + 1, tail) if correct else 0.0
    high = betaincinv(correct + 1, count - correct, 1 - tail) if correct < count else 1.0
    return float(low), float(high)


def interval_percent(correct: int, count: int) -> Tuple[int, int]:
    """`interval` in percent, rounded outwards, never promising more."""
    low, high = exact_interval(correct, count)
    return math.floor(100 * low), math.ceil(100 * high)


def describe_count(correct: int, count: int) -> str:
    """Such as "40 of 40 right: above 91 %" or "35 of 40 right: 73 % to 96 %"."""
    lower, upper = interval_percent(correct, count)
    said = f"{correct} of {count} right"
    if not count:
        return said
    if correct == count:
        return f"{said}: above {lower} %"
    return f"{said}: below {upper} %" if not correct else f"{said}: {lower} % to {upper} %"


def count_with_interval(correct: int, count: int) -> Dict[str, Any]:
    """A count with its exact interval, in percent."""
    low, high = interval_percent(int(correct), int(count))
    share = 100 * int(correct) / int(count) if count else 0.0
    return {"correct": int(correct), "count": int(count), "share": share, "low": low, "high": high}
