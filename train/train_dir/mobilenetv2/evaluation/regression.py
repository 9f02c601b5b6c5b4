"""Softmax regression, solved by L-BFGS in some tenths of a second: the classifier on fixed features."""

from typing import Optional, Tuple, Union

import numpy as np
from scipy.optimize import minimize

from .metrics import mean_and_deviation

ITERATIONS = 60  # of L-BFGS, at most


def softmax_regression(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalty: Union[float, np.ndarray],
    label_smoothing: float,
    included: Optional[np.ndarray] = None,
    start: Optional[Tuple[np.ndarray, np.ndarray]] = None,
    anchor: Optional[Tuple[np.ndarray, np.ndarray]] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """features f32 [N, views, channels], labels i32 [N] -> weight f32 [classes, channels] and bias f32 [classes].

    Minimizes the objective of `training.head.train_classifier`: cross-entropy with smoothed labels, and an L2 penalty on the
    weights (one for all, or of each class, f64 [classes]), on features standardized as there. included: bool [N], the photos to
    train on; None for all. The others get the weight 0, which avoids a copy of the features. anchor: weight and bias that the
    penalty pulls to, the weight only; None for zeros. start: weight and bias to start from; None for those of the anchor."""
    inputs = features.reshape(-1, features.shape[-1])
    included = np.ones(len(labels), bool) if included is None else included
    share = np.repeat(included, features.shape[1])[:, None] / np.float32(included.sum() * features.shape[1])
    mean, deviation = mean_and_deviation(inputs, share)
    deviation = max(deviation, np.float32(1e-6))
    targets = np.full((len(inputs), classes), label_smoothing / classes, np.float32)
    targets[np.arange(len(inputs)), np.repeat(labels, features.shape[1])] += 1 - label_smoothing
    shape = (classes, inputs.shape[1])

    pulled = 0.0 if anchor is None else anchor[0] * deviation
    penalties = np.broadcast_to(penalty, classes)
    penalty_of_rows = penalties[:, None].astype(np.float32)
    rows_by_penalty = [(one, penalties == one) for one in np.unique(penalties)]

    def loss(values: np.ndarray) -> Tuple[float, np.ndarray]:
        weight, bias = values[classes:].reshape(shape).astype(np.float32), values[:classes].astype(np.float32)
        # Standardizes the weights instead of the features, which avoids a copy of the features.
        logits = inputs @ (weight / deviation).T + (bias - weight @ mean / deviation)
        logits -= logits.max(1, keepdims=True)
        exponentials = np.exp(logits)
        total = exponentials.sum(1, keepdims=True)
        entropy = -float((share * targets * (logits - np.log(total))).sum())
        residual = share * (exponentials / total - targets)
        standardized = (residual.T @ inputs - np.outer(residual.sum(0), mean)) / deviation
        change = weight - pulled
        gradient = np.concatenate([residual.sum(0), (standardized + penalty_of_rows * change).ravel()])
        pull = sum(one / 2 * float((change[rows] ** 2).sum()) for one, rows in rows_by_penalty)
        return entropy + pull, gradient.astype(np.float64)

    initial = np.zeros(classes + inputs.shape[1] * classes)
    start = start or anchor
    if start:
        initial = np.concatenate([start[1] + start[0] @ mean, (start[0] * deviation).ravel()]).astype(np.float64)
    solution = minimize(loss, initial, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "ftol": 1e-7}).x
    weight = (solution[classes:].reshape(shape) / deviation).astype(np.float32)
    return weight, (solution[:classes] - weight @ mean).astype(np.float32)
