"""Made-up features, and what is tested with the numbers that the program uses."""

import numpy as np

from mobilenetv2.config import DEFAULTS
from mobilenetv2.evaluation import cross_validation, ood, regression

PENALTY, SMOOTHING = DEFAULTS["head"]["weight_decay"], DEFAULTS["head"]["label_smoothing"]


def assign_folds(labels, groups, seed):
    return cross_validation.assign_folds(labels, groups, seed, DEFAULTS["head"]["folds"])


def out_of_fold(features, labels, fold, classes):
    return cross_validation.out_of_fold(features, labels, fold, classes, PENALTY, SMOOTHING)


def softmax_regression(features, labels, classes, penalty=PENALTY):
    return regression.softmax_regression(features, labels, classes, penalty, SMOOTHING)


def fit_detector(features, labels, projection, outliers=None, rejection_rate=0.02, background=None):
    """No two photos are copies; the background is zero if it is not said."""
    groups, outliers = np.arange(len(labels)), features[:0] if outliers is None else outliers
    background = np.zeros(features.shape[1], np.float32) if background is None else background
    return ood.fit_detector(features, labels, groups, projection, background, outliers, rejection_rate)


def clouds(random, count, spread=0.5, channels=40):
    """Features of two classes, two views each, that overlap a little."""
    labels = np.repeat(np.int32([0, 1]), count)
    middle = np.random.default_rng(99).normal(0, 0.35, (2, channels))[labels, None]
    return (middle + random.normal(0, spread, (2 * count, 2, channels)) + 1).astype(np.float32), labels
