"""Exact intervals of shares, and their words."""

import pytest
from scipy.stats import binom

from mobilenetv2.evaluation.intervals import describe_count, exact_interval


@pytest.mark.parametrize("correct, count", [(0, 7), (1, 7), (35, 40), (40, 40), (142, 143)])
def test_interval_is_exact(correct, count):
    low, high = exact_interval(correct, count)
    assert low <= correct / count <= high
    if correct:
        assert binom.sf(correct - 1, count, low) == pytest.approx(0.025)
    if correct < count:
        assert binom.cdf(correct, count, high) == pytest.approx(0.025)


def test_interval_at_the_ends():
    assert exact_interval(0, 0) == (0, 1)
    assert exact_interval(40, 40) == (pytest.approx(0.025 ** (1 / 40)), 1)
    for wrong in ((-1, 4), (5, 4)):
        with pytest.raises(ValueError):
            exact_interval(*wrong)


@pytest.mark.parametrize(
    "numbers, said",
    [
        ((40, 40), "40 of 40 right: above 91 %"),
        ((143, 143), "143 of 143 right: above 97 %"),
        ((35, 40), "35 of 40 right: 73 % to 96 %"),
        ((0, 10), "0 of 10 right: below 31 %"),
        ((0, 0), "0 of 0 right"),
    ],
)
def test_counts_in_words(numbers, said):
    assert describe_count(*numbers) == said
