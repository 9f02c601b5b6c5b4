"""The arithmetic of the benchmark's table."""

import sys

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tests" / "benchmarks"))  # last: there is a page.py
from table import Part, Row, rows, text


def test_medians_and_paired_ratios() -> None:
    part = Part("a", "ms", {"ours": [1, 4, 8], "other": [4, 12, 16], "slow": [None, None, None]}, {"ours": 7.0})
    assert rows(part) == [
        Row("ours", 4, 1, 1, 1, 7.0),
        Row("other", 12, 3, 2, 4, None),
        Row("slow", None, None, None, None, None),
    ]
    lines = text([part]).splitlines()
    assert lines[2].split() == ["other", "12.0", "3.00", "2.00", "to", "4.00"]
    assert lines[3].split() == ["slow", "never"]


def test_rounds_are_paired_before_the_median_is_taken() -> None:
    part = Part("a", "ms", {"ours": [1, 10, 2], "other": [5, 10, 4]}, {})
    assert rows(part)[1].ratio == pytest.approx(2)  # of 5, 1 and 2; of the medians, it would be 2.5
    assert rows(part)[1].median == 5
