"""How many labels are wrong, and which: on scores that are drawn from known classes."""

import numpy as np
import pytest

from mobilenetv2.evaluation import label_noise
from mobilenetv2.evaluation.label_noise import count_likely, fit_label_noise


def drawn(count, classes, spread, rate, seed=0):
    """Two scores of each class, labels of which a share is wrong, and which are."""
    random = np.random.default_rng(seed)
    true = (np.arange(count) % classes).astype(np.int32)
    scores = [
        (scale * (4 * np.eye(classes)[true] + random.normal(0, spread, (count, classes)))).astype(np.float32)
        for scale in (0.01, 30)
    ]
    wrong = np.zeros(count, bool)
    wrong[random.permutation(count)[: round(rate * count)]] = True
    return (
        scores,
        np.where(wrong, (true + random.integers(1, classes, count)) % classes, true).astype(np.int32),
        wrong,
    )


@pytest.mark.parametrize("count, classes, spread", [(400, 2, 1.5), (400, 10, 1.5), (600, 5, 2.5)])
@pytest.mark.parametrize("rate", [0, 0.05, 0.1])
def test_the_rate_is_found_and_the_wrong_labels_are(count, classes, spread, rate):
    scores, labels, wrong = drawn(count, classes, spread, rate)
    found = fit_label_noise(scores, labels, np.ones(count, bool))
    assert found.rate == pytest.approx(rate, abs=0.015)
    np.testing.assert_allclose(found.confidences.sum(1), 1, rtol=1e-5)
    number = count_likely(found.wrong)
    listed = np.argsort(-found.wrong, kind="stable")[:number]
    if rate:
        assert wrong[listed].sum() >= 0.7 * wrong.sum() and wrong[listed].mean() >= 0.7
    else:
        assert number == 0


def test_difficult_classes_are_not_taken_for_wrong_labels():
    """Half of the answers by each score are wrong, and no label is."""
    scores, labels, _ = drawn(600, 5, 3.5, 0)
    assert np.mean([(one.argmax(1) == labels).mean() for one in scores]) == pytest.approx(0.5, abs=0.05)
    assert count_likely(fit_label_noise(scores, labels, np.ones(600, bool)).wrong) == 0


def test_of_many_photos_a_part_is_enough(monkeypatch):
    scores, labels, _ = drawn(3000, 4, 2.0, 0.05)
    whole = fit_label_noise(scores, labels, np.ones(3000, bool))
    monkeypatch.setattr(label_noise, "FITTED", 1100)
    part = fit_label_noise(scores, labels, np.ones(3000, bool))
    assert part.rate != whole.rate and part.rate == pytest.approx(whole.rate, abs=0.015)
    assert part.wrong.shape == whole.wrong.shape and np.corrcoef(part.wrong, whole.wrong)[0, 1] > 0.98


def test_what_cannot_be_judged_has_no_part():
    scores, labels, wrong = drawn(400, 4, 1.5, 0.05)
    found = fit_label_noise(scores, labels, ~wrong)
    assert found.rate < 0.005 and not found.wrong[wrong].any()
    nothing = fit_label_noise(scores, labels, np.zeros(400, bool))
    assert nothing.rate == 0 and not nothing.wrong.any() and (nothing.confidences == 0.25).all()


@pytest.mark.parametrize(
    "wrong, number",
    [
        ([0, 0, 0], 0),
        ([0.2, 0.1, 0.1], 0),  # half a wrong label is not expected
        ([0.01, 0.99, 0.02], 1),
        ([0.9, 0.1, 0.8, 0.1], 2),
        ([0.3, 0.3, 0.3, 0.0], 3),  # none is probable, but together they are one
    ],
)
def test_the_list_with_the_best_balance(wrong, number):
    assert count_likely(np.float32(wrong)) == number
