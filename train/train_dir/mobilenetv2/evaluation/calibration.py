"""Confidences that mean what they say: one temperature for all logits (Guo et al., On Calibration of Modern Neural Networks,
ICML 2017)."""

from dataclasses import dataclass
from typing import Dict, List, NamedTuple

import numpy as np

from .metrics import log_softmax

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """logits f32 [N, C] of photos that the classifier did not learn from, labels i32 [N] -> the temperature: logits / it are
    the most likely ones.

    The labels are smoothed by 1 / (N + 2): where all N are right, the confidence is fitted to (N + 1) / (N + 2) and not to 1.
    """
    from scipy.optimize import minimize_scalar  # a quarter of a second that the page can do without

    count, classes = logits.shape
    wrong = 1 / (count + 2)
    targets = np.full((count, classes), wrong / max(1, classes - 1))
    targets[np.arange(count), labels] = 1 - wrong

    def loss(scale: float) -> float:
        return -float((targets * log_softmax(logits.astype(np.float64) / np.exp(scale))).sum()) / count

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


class Reliability(NamedTuple):
    """bins: of equal width, each with low and high (confidence, 0-1), count, confidence and accuracy (means, 0-1; 0 where the
    bin is empty). ece: expected calibration error, 0-1: |accuracy - confidence| in the mean over the photos."""

    bins: List[Dict[str, float]]
    ece: float


@dataclass(frozen=True)
class Calibration:
    """temperature: logits are divided by it. before, after: with the temperature 1 and with this one."""

    temperature: float
    before: Reliability
    after: Reliability


def reliability(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0, bins: int = BINS) -> Reliability:
    """logits f32 [N, C], labels i32 [N] -> how often answers of similar confidence are right."""
    confidence = np.exp(log_softmax(logits / np.float32(temperature)).max(1))
    right = logits.argmax(1) == labels
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # the upper end belongs to a bin
    rows = []
    for index in range(bins):
        inside = number == index
        rows.append(
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "count": int(inside.sum()),
                "confidence": float(confidence[inside].mean()) if inside.any() else 0.0,
                "accuracy": float(right[inside].mean()) if inside.any() else 0.0,
            }
        )
    total = sum(row["count"] for row in rows)
    gaps = sum(row["count"] * abs(row["accuracy"] - row["confidence"]) for row in rows)
    return Reliability(rows, gaps / total if total else 0.0)
