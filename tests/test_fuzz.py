"""Mutated pictures, weights and requests: some of tests/fuzz.py."""

import pytest
from fuzz import fuzz


@pytest.mark.parametrize("kind, count", [("pictures", 1500), ("weights", 400), ("requests", 600)])
def test_mutated_files(kind, count, tmp_path):
    """python tests/fuzz.py does the same, for longer."""
    counts = fuzz(kind, 1, range(count), tmp_path / "found")
    assert [name for name in counts if name.startswith("FOUND")] == [], counts
    assert sum(counts.values()) == count and len(counts) >= 2, counts
