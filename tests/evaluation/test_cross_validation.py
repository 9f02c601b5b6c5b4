"""Folds, and answers out of fold."""

from dataclasses import replace

import numpy as np
from points import PENALTY, SMOOTHING, assign_folds, clouds, out_of_fold, softmax_regression

from mobilenetv2.data.features import Features, FeatureSets
from mobilenetv2.evaluation import ood
from mobilenetv2.evaluation.cross_validation import Known, choose_penalty, cross_validate_features


def test_folds_keep_copies_together_and_classes_even():
    labels = np.repeat(np.int32([0, 1, 2]), (50, 23, 7))
    groups = np.arange(80)
    groups[[3, 9, 27]] = 3  # copies in one class
    groups[[1, 60, 79]] = 1  # and across all three
    fold = assign_folds(labels, groups, 0)
    for copies in ([3, 9, 27], [1, 60, 79]):
        assert len(set(fold[copies])) == 1
    for label in range(3):
        counts = np.bincount(fold[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 2 and counts.min() >= 1
    assert (assign_folds(labels, groups, 0) == fold).all() and (assign_folds(labels, groups, 1) != fold).any()


def test_out_of_fold_never_saw_the_photo():
    random = np.random.default_rng(0)
    inputs, labels = clouds(random, 60)
    noise = random.normal(size=(120, 1, 400)).astype(np.float32)
    fold = assign_folds(labels, np.arange(120), 0)
    weight, bias = softmax_regression(noise, labels, 2)
    assert ((noise[:, 0] @ weight.T + bias).argmax(1) == labels).mean() > 0.8  # learned by heart
    assert (out_of_fold(noise, labels, fold, 2)[0].argmax(1) == labels).mean() < 0.65  # and worth nothing
    held = fold == 2
    weight, bias = softmax_regression(inputs[~held], labels[~held], 2)
    logits = out_of_fold(inputs, labels, fold, 2)[0]
    assert np.abs(logits[held] - (inputs[held, 0] @ weight.T + bias)).max() < 0.02 * np.abs(logits).max()
    assert np.array_equal(logits, out_of_fold(inputs, labels, fold, 2)[0])


def cross_validate(known, outliers=0):
    random = np.random.default_rng(5)
    inputs, labels = clouds(random, 30, 0.1)
    strange = random.normal(0, 1, (outliers, 1, 40)).astype(np.float32)
    features = FeatureSets(*(Features(rows, rows[:, 0]) for rows in (inputs, inputs[:10], strange)))
    numbers = {"folds": 5, "penalty": PENALTY, "label_smoothing": SMOOTHING, "rejection_rate": 0.1, "seed": 0}
    return cross_validate_features(
        features, labels, np.arange(60), None, np.zeros(40, np.float32), known, False, **numbers
    )


def test_a_classifier_that_knows_the_classes_decides_what_is_refused():
    head = np.zeros((2, 40), np.float32), np.zeros(2, np.float32)
    new = cross_validate(None)
    assert new.detector.active and set(new.scores) == {"train", "val", "outliers"}
    # Without a detector nothing says how unlike the pictures are that it knows.
    for detector in (None, replace(new.detector, threshold=ood.NEVER)):
        silent = cross_validate(Known(head, detector))
        assert silent.scores == {} and not silent.detector.active and len(silent.detector.labels) >= 60
        # Known outliers do say it.
        assert cross_validate(Known(head, detector), outliers=8).detector.active
    extended = cross_validate(Known(head, new.detector))
    assert extended.detector.active and len(extended.detector.labels) == 120
    assert extended.detector.threshold >= new.detector.threshold and set(extended.scores) == {
        "train",
        "val",
        "outliers",
    }


def choose(features, labels, candidates=(1.0, 0.3, 0.1, 0.03, 0.01, 1e-3), groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    fold = assign_folds(labels, groups, 0)
    return choose_penalty(features[:, 0], labels, fold, candidates, 0.5, lambda penalty: np.full(2, penalty), 0.0)


def test_noise_is_penalised_more_than_what_tells_the_classes_apart():
    """The strongest penalty where features say nothing of the labels; a weak one where they say everything."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.int32([0, 1]), 60)
    noise = random.normal(0, 1, (120, 1, 40)).astype(np.float32)
    nothing, everything = choose(noise, labels), choose(noise + 8 * labels[:, None, None], labels)
    assert nothing.penalty == 1.0 and everything.penalty <= 1e-2
    assert everything.right == everything.held_out == 120 and 40 < nothing.right < 80
    # A weaker one is not tried once the loss rises.
    assert list(nothing.losses) == [1.0, 0.3] and nothing.losses[0.3] > nothing.losses[1.0]


def test_the_strongest_penalty_within_a_standard_error_is_taken():
    """Not the one with the lowest loss, and never one that is much worse."""
    inputs, labels = clouds(np.random.default_rng(3), 60, spread=1.2)
    choice = choose(inputs, labels, (1.0, 0.5, 0.3, 0.1))
    lowest = min(choice.losses, key=choice.losses.get)
    assert choice.penalty > lowest and choice.losses[choice.penalty] < 1.3 * choice.losses[lowest], choice


def test_photos_that_cannot_be_held_out_choose_nothing():
    """One photo of a class, or one group of copies, is in one fold: the others do not know the class."""
    inputs, labels = clouds(np.random.default_rng(4), 3)
    assert choose(inputs[[0, 3]], labels[[0, 3]]) == (0.5, {}, 0, 0)
    assert choose(inputs, labels, groups=labels) == (0.5, {}, 0, 0)
    # With a class of one photo, the photos of the other class speak.
    assert choose(inputs[:4], labels[:4]).held_out == 3
