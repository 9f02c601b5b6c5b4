"""Temperature and calibration error: known answers, and what is promised on real photos."""

import numpy as np
import pytest
from conftest import needs_shared
from points import assign_folds, out_of_fold

from mobilenetv2.evaluation.calibration import fit_temperature, reliability


def test_temperature_is_found_again():
    random = np.random.default_rng(1)
    truth = random.normal(0, 2, (4000, 3)).astype(np.float32)
    shares = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    labels = (random.random(4000)[:, None] > shares.cumsum(1)).sum(1).clip(0, 2).astype(np.int32)
    for factor in (0.3, 1.0, 4.0):
        assert fit_temperature(factor * truth, labels) == pytest.approx(factor, rel=0.08)
    before, after = reliability(4 * truth, labels), reliability(4 * truth, labels, 4.0)
    assert before.ece > 0.12 and after.ece < 0.025
    assert sum(row["count"] for row in before.bins) == 4000 and before.bins[0]["count"] == 0 and len(before.bins) == 15


def test_all_right_does_not_promise_everything():
    labels = np.repeat(np.int32([0, 1]), 10)
    logits = 6 * np.eye(2, dtype=np.float32)[labels]
    scaled = logits / fit_temperature(logits, labels)
    assert 1 / (1 + np.exp(scaled.min(1) - scaled.max(1))) == pytest.approx(21 / 22, abs=1e-3)


def test_ece_by_hand():
    logits = np.log(np.float32([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0001, 0.9999]]))
    assert reliability(logits, np.int32([0, 1, 1, 1])).ece == pytest.approx((2 * 0.4 + 0.4 + 0.0001) / 4, abs=1e-4)
    assert reliability(logits[:0], np.zeros(0, np.int32)).ece == 0


@needs_shared
def test_calibration_on_real_photos(real):
    fold = assign_folds(real.labels, np.arange(len(real.labels)), 0)
    logits = out_of_fold(real.train, real.labels, fold, 2)[0]
    assert (logits.argmax(1) == real.labels).sum() >= 630
    temperature = fit_temperature(logits, real.labels)
    assert 0.3 < temperature < 1.1  # a strong penalty makes the classifier too modest
    assert reliability(real.logits, real.val_labels, temperature).ece <= 0.02
