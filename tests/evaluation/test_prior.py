"""Uneven classes: how strongly the prior correction is chosen, and where it stays away."""

import numpy as np
import pytest

from mobilenetv2.evaluation.metrics import balanced_accuracy
from mobilenetv2.evaluation.prior import are_uneven, choose_correction


def held_out(counts, seed, noise=1.0):
    """Logits of a classifier that is as sure of the frequencies as of what it sees."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    seen = 2 * np.eye(len(counts))[labels] + noise * random.normal(size=(len(labels), len(counts)))
    return (seen + np.log(np.array(counts) / sum(counts))).astype(np.float32), labels


@pytest.mark.parametrize("count", [1, 3, 7, 100])
def test_classes_of_equal_size_are_left_exactly_as_they_are(count):
    logits, labels = held_out([count] * 5, 0)
    found = choose_correction(logits, labels, np.ones(len(labels), bool))
    assert found.strength == 0 and not found.offset.any() and found.offset.dtype == np.float32
    assert found.before == found.after == balanced_accuracy(logits, labels)


@pytest.mark.parametrize("counts", [[318, 6], [300, 100, 30, 10, 3], [60] * 3 + [6] * 3])
def test_it_helps_the_small_classes_and_costs_no_more_than_it_gains(counts):
    logits, labels = held_out(counts, 1)
    found = choose_correction(logits, labels, np.ones(len(labels), bool))
    assert found.strength > 0
    np.testing.assert_allclose(found.offset, found.strength * np.log(np.array(counts) / np.mean(counts)), rtol=1e-5)
    new, new_labels = held_out(counts, 2)
    fresh, fresh_labels = held_out([200] * len(counts), 3)
    fresh += np.log(np.array(counts) / sum(counts)).astype(np.float32)  # as learned from the uneven photos
    gain = balanced_accuracy(fresh - found.offset, fresh_labels) - balanced_accuracy(fresh, fresh_labels)
    loss = ((new.argmax(1) == new_labels).mean()) - ((new - found.offset).argmax(1) == new_labels).mean()
    assert gain > 0.05 and loss <= gain


def test_a_gain_within_noise_is_none():
    logits, labels = held_out([400, 100], 4)
    logits -= np.log(np.array([0.8, 0.2])).astype(np.float32)  # nothing of the frequencies is left to take back
    assert choose_correction(logits, labels, np.ones(len(labels), bool)).strength == 0


def test_uneven_are_classes_of_which_one_has_three_times_as_many():
    for counts, uneven in (
        ([30, 10], True),
        ([29, 10, 20], False),
        ([1, 3], True),
        ([5, 5], False),
        ([2, 2, 1], False),
    ):
        assert are_uneven(np.repeat(np.arange(len(counts)), counts)) == uneven


def test_photos_that_cannot_be_answered_decide_nothing():
    logits, labels = held_out([100, 20, 1], 5)
    asked = labels < 2
    found = choose_correction(logits, labels, asked)
    logits[-1] = [50, 0, 0]
    other = choose_correction(logits, labels, asked)
    assert (found.strength, found.before, found.after) == (other.strength, other.before, other.after)
    assert choose_correction(logits, labels, np.zeros(len(labels), bool)).strength == 0
