"""The page under load, and its end under load: half a minute of tests/soak.py."""

from soak import soak


def test_under_load_and_stopped_under_load():
    figures, wrong = soak(30)
    assert wrong == [], figures
    kinds = ("good", "bad", "left", "dropped", "slow", "idle", "endless", "greedy", "odd", "told to wait")
    assert all(figures[kind] for kind in kinds), figures
