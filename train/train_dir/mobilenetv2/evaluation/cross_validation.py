"""k-fold cross-validation of the classifier, from features that are there already: what it says of photos that it has not
learned from, and which pictures are to be answered with "neither". No validation photo is looked at."""

from dataclasses import dataclass, replace
from typing import Dict, Optional, Tuple

import numpy as np

from ..data.features import FeatureSets
from . import ood
from .ood import OutlierDetector
from .regression import softmax_regression

Head = Tuple[np.ndarray, np.ndarray]  # weight f32 [K, channels], bias f32 [K]


@dataclass(frozen=True)
class CrossValidation:
    """logits: f32 [N, C] of the training photos, each by a classifier that has not learned from it. fitted_logits: of the same
    photos by one that has learned from all of them. detector: says when a picture is rejected; None: never. scores: of the
    detector, f32 [N] of "train" and "outliers", held out, and "val". independent: the features are of a network that did not
    learn from these photos either."""

    logits: np.ndarray
    fitted_logits: np.ndarray
    detector: Optional[OutlierDetector]
    scores: Dict[str, np.ndarray]
    independent: bool


def cross_validate_features(
    features: FeatureSets,
    labels: np.ndarray,
    groups: np.ndarray,
    head: Optional[Head],
    independent: bool,
    folds: int,
    penalty: float,
    label_smoothing: float,
    rejection_rate: float,
    seed: int,
) -> CrossValidation:
    """labels i32 [N], groups i64 [N] (as from duplicates.groups) of the training photos. head: the classifier that came with
    the weights, if the features are of their backbone. penalty, label_smoothing: of `softmax_regression`. rejection_rate: share
    of the training photos, held out, that the detector may reject. The rest is as in `CrossValidation`."""
    fold, classes = assign_folds(labels, groups, seed, folds), int(labels.max()) + 1
    logits, fitted = out_of_fold(features.train.pooled, labels, fold, classes, penalty, label_smoothing)
    centers, outliers = features.train.center, features.outliers.center
    directions = ood.outlier_directions(centers, head[0] if head else None)
    detector, scores = ood.fit_detector(centers, labels, fold, directions, outliers, rejection_rate, seed)
    held_out = {
        "train": scores,
        "val": detector.score(features.val.center),
        "outliers": _held_out(detector, outliers, folds),
    }
    return CrossValidation(logits, fitted, detector, held_out, independent)


def _held_out(detector: OutlierDetector, outliers: np.ndarray, folds: int) -> np.ndarray:
    """f32 [S, channels] -> the score f32 [S] of each by a detector that does not know it."""
    fold = np.arange(len(outliers)) % folds
    scores = np.empty(len(outliers), np.float32)
    for number in np.unique(fold):
        rest = replace(detector, outliers=detector.outliers[fold != number])
        scores[fold == number] = rest.score(outliers[fold == number])
    return scores


def assign_folds(labels: np.ndarray, groups: np.ndarray, seed: int, folds: int) -> np.ndarray:
    """labels i32 [N], groups i64 [N] (as from duplicates.groups) -> i64 [N]: the fold of each photo, 0 ... folds - 1.

    A group stays whole, so that no copy of a held-out photo is learned; the classes are spread evenly; seed decides the rest.
    """
    random = np.random.default_rng(seed)
    counts = np.zeros((folds, int(labels.max()) + 1), int)
    out = np.empty(len(labels), int)
    members = [np.flatnonzero(groups == group) for group in random.permutation(np.unique(groups))]
    for rows in sorted(members, key=len, reverse=True):  # the large ones first, while there is room everywhere
        own = np.bincount(labels[rows], minlength=counts.shape[1])
        fold = min(range(folds), key=lambda fold: (int(counts[fold] @ own), int(counts[fold].sum())))
        out[rows] = fold
        counts[fold] += own
    return out


def out_of_fold(
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, classes: int, penalty: float, label_smoothing: float
) -> Tuple[np.ndarray, np.ndarray]:
    """features f32 [N, views, channels], labels i32 [N], fold i64 [N] -> logits f32 [N, classes] of view 0 of each photo, by a
    classifier trained on all views of the photos of the other folds; and the same by one trained on all photos."""
    out = np.zeros((len(labels), classes), np.float32)
    start = softmax_regression(features, labels, classes, penalty, label_smoothing)  # what all of them are close to
    for number in np.unique(fold):
        held = fold == number
        weight, bias = softmax_regression(features, labels, classes, penalty, label_smoothing, ~held, start)
        out[held] = features[held, 0] @ weight.T + bias
    return out, features[:, 0] @ start[0].T + start[1]


def logit_scale(logits: np.ndarray, answers: np.ndarray) -> np.float32:
    """How many times larger `answers` are than `logits`, f32 [N, C] both, by least squares on what differs between classes."""
    ours, theirs = (rows - rows.mean(1, keepdims=True) for rows in (logits, answers))
    return np.float32((ours * theirs).sum() / max(float((ours**2).sum()), 1e-12))
