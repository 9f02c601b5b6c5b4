"""k-fold answers over the training photos from features that are there already: what the classifier says of photos that it has
not learned from, without a validation folder."""

import logging
from typing import Optional, Tuple

import numpy as np
from scipy.optimize import minimize

from .metrics import spread

log = logging.getLogger(__name__)
FOLDS = 5
LABEL_SMOOTHING = 0.1  # as in fit.Plan
# Chosen so that the logits are those of train_head: its Adam, with its own decay, stops before it has converged. On the 143
# real validation photos the differences of the logits correlate by 0.998 with its own, slope 1.03.
DECAY = 2e-2
ITERATIONS = 60  # of L-BFGS, at most


def assign_folds(labels: np.ndarray, groups: np.ndarray, seed: int, folds: int = FOLDS) -> np.ndarray:
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
    features: np.ndarray, labels: np.ndarray, fold: np.ndarray, classes: int
) -> Tuple[np.ndarray, np.ndarray]:
    """features f32 [N, views, channels], labels i32 [N], fold i64 [N] -> logits f32 [N, classes] of view 0 of each photo, by a
    classifier trained on all views of the photos of the other folds; and the same by one trained on all photos."""
    out = np.zeros((len(labels), classes), np.float32)
    start = softmax_regression(features, labels, classes)  # what all of them are close to
    for number in np.unique(fold):
        held = fold == number
        weight, bias = softmax_regression(features, labels, classes, ~held, start)
        out[held] = features[held, 0] @ weight.T + bias
    return out, features[:, 0] @ start[0].T + start[1]


def unit(logits: np.ndarray, answers: np.ndarray) -> np.float32:
    """How many times larger `answers` are than `logits`, f32 [N, C] both, by least squares on what differs between classes."""
    ours, theirs = (rows - rows.mean(1, keepdims=True) for rows in (logits, answers))
    return np.float32((ours * theirs).sum() / max(float((ours**2).sum()), 1e-12))


def softmax_regression(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    learned: Optional[np.ndarray] = None,
    start: Optional[Tuple[np.ndarray, np.ndarray]] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """features f32 [N, views, channels], labels i32 [N], learned bool [N], which photos count, None: all -> weight
    f32 [classes, channels] and bias f32 [classes].

    The objective of head.train_head (cross-entropy with smoothed labels and a quadratic penalty on the weights, on features
    moved and scaled as there), minimised by L-BFGS: the same answers, some tenths of a second. Photos that do not count have the
    weight 0: without them, the features would have to be copied.
    """
    inputs = features.reshape(-1, features.shape[-1])
    learned = np.ones(len(labels), bool) if learned is None else learned
    share = np.repeat(learned, features.shape[1])[:, None] / np.float32(learned.sum() * features.shape[1])
    mean, deviation = spread(inputs, share)
    deviation = max(deviation, np.float32(1e-6))
    targets = np.full((len(inputs), classes), LABEL_SMOOTHING / classes, np.float32)
    targets[np.arange(len(inputs)), np.repeat(labels, features.shape[1])] += 1 - LABEL_SMOOTHING
    shape = (classes, inputs.shape[1])

    def loss(values: np.ndarray) -> Tuple[float, np.ndarray]:
        weight, bias = values[classes:].reshape(shape).astype(np.float32), values[:classes].astype(np.float32)
        logits = inputs @ (weight / deviation).T + (
            bias - weight @ mean / deviation
        )  # without a moved copy of them all
        logits -= logits.max(1, keepdims=True)
        shares = np.exp(logits)
        total = shares.sum(1, keepdims=True)
        entropy = -float((share * targets * (logits - np.log(total))).sum())
        slope = share * (shares / total - targets)
        moved = (slope.T @ inputs - np.outer(slope.sum(0), mean)) / deviation
        gradient = np.concatenate([slope.sum(0), (moved + DECAY * weight).ravel()])
        return entropy + DECAY / 2 * float((weight**2).sum()), gradient.astype(np.float64)

    first = np.zeros(classes + inputs.shape[1] * classes)
    if start:
        first = np.concatenate([start[1] + start[0] @ mean, (start[0] * deviation).ravel()]).astype(np.float64)
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "ftol": 1e-7}).x
    weight = (found[classes:].reshape(shape) / deviation).astype(np.float32)
    return weight, (found[:classes] - weight @ mean).astype(np.float32)
