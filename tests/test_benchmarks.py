"""The arithmetic of the benchmark's table."""

import sys

import pytest
from conftest import ROOT

sys.path.append(str(ROOT / "tests" / "benchmarks"))  # last: there is a page.py
from table import Part, Row, rows, text


def test_medians_and_paired_ratios() -> None:
    times = {"ours": [1, 4, 8], "other": [4, 12, 16], "slow": [None, None, None]}
    part = Part("a", "ms", times, {"ours": 7.0}, {"ours": [1, 3, 9], "other": [20, 30, 10]})
    assert rows(part) == [
        Row("ours", 4, 1, 1, 1, 7.0, 3),
        Row("other", 12, 3, 2, 4, None, 20),
        Row("slow", None, None, None, None, None, None),
    ]
    lines = text([part]).splitlines()
    assert lines[0].split()[-6:] == ["median", "CPU", "ratio", "range", "peak", "MiB"]
    assert lines[1].split() == ["ours", "4.0", "3.0", "1.00", "1.00", "to", "1.00", "7"]
    assert lines[2].split() == ["other", "12.0", "20.0", "3.00", "2.00", "to", "4.00"]
    assert lines[3].split() == ["slow", "never"]


def test_columns_lie_below_their_titles() -> None:
    title = f"a title {'as long as any' * 7}"
    title, line = text([Part(title, "ms", {"ours": [1.5]}, {"ours": 70.0}, {"ours": [2.5]})]).splitlines()
    for name, value in (("median", "1.5"), ("CPU", "2.5"), ("ratio", "1.00"), ("peak MiB", "70")):
        end = title.index(name) + len(name)
        assert line[:end].endswith(value)


def test_rounds_are_paired_before_the_median_is_taken() -> None:
    part = Part("a", "ms", {"ours": [1, 10, 2], "other": [5, 10, 4]}, {})
    assert rows(part)[1].ratio == pytest.approx(2)  # of 5, 1 and 2; of the medians, it would be 2.5
    assert rows(part)[1].median == 5
