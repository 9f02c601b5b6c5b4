"""Labels that the neighbours of a photo contradict."""

import numpy as np

from mobilenetv2.checks import mislabelled
from mobilenetv2.evaluation import metrics


def test_neighbours_do_not_depend_on_how_many_photos_are_taken_at_a_time(monkeypatch):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(50, 8)).astype(np.float32), random.integers(0, 2, 50).astype(np.int32)
    features[:, 0] += 2 * labels
    found = []
    for rows in (512, 7):
        monkeypatch.setattr(metrics, "ROWS", rows)
        found.append(mislabelled.other_class_share(features, labels, np.arange(50)))
    np.testing.assert_array_equal(*found)
    assert found[0].min() == 0 and found[0].max() > 0.5
