"""Folds, and answers out of fold."""

import numpy as np
from points import assign_folds, clouds, out_of_fold, softmax_regression


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
