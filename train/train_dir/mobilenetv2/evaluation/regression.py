"""The classifier by another way than training: softmax regression, solved by L-BFGS in some tenths of a second."""

from typing import Optional, Tuple

import numpy as np
from scipy.optimize import minimize

from .metrics import mean_and_deviation

ITERATIONS = 60  # of L-BFGS, at most


def softmax_regression(
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalty: float,
    label_smoothing: float,
    learned: Optional[np.ndarray] = None,
    start: Optional[Tuple[np.ndarray, np.ndarray]] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """features f32 [N, views, channels], labels i32 [N], learned bool [N], which photos count, None: all -> weight
    f32 [classes, channels] and bias f32 [classes].

    The objective of head.train_head (cross-entropy with smoothed labels and a quadratic penalty on the weights, on features
    moved and scaled as there), minimised by L-BFGS: the same answers, some tenths of a second. Photos that do not count have
    the weight 0: without them, the features would have to be copied."""
    inputs = features.reshape(-1, features.shape[-1])
    learned = np.ones(len(labels), bool) if learned is None else learned
    share = np.repeat(learned, features.shape[1])[:, None] / np.float32(learned.sum() * features.shape[1])
    mean, deviation = mean_and_deviation(inputs, share)
    deviation = max(deviation, np.float32(1e-6))
    targets = np.full((len(inputs), classes), label_smoothing / classes, np.float32)
    targets[np.arange(len(inputs)), np.repeat(labels, features.shape[1])] += 1 - label_smoothing
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
        gradient = np.concatenate([slope.sum(0), (moved + penalty * weight).ravel()])
        return entropy + penalty / 2 * float((weight**2).sum()), gradient.astype(np.float64)

    first = np.zeros(classes + inputs.shape[1] * classes)
    if start:
        first = np.concatenate([start[1] + start[0] @ mean, (start[0] * deviation).ravel()]).astype(np.float64)
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "ftol": 1e-7}).x
    weight = (found[classes:].reshape(shape) / deviation).astype(np.float32)
    return weight, (found[:classes] - weight @ mean).astype(np.float32)
