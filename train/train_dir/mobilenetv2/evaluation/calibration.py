"""Temperature scaling and reliability of confidences (Guo et al., On Calibration of Modern Neural Networks, ICML 2017)."""

from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple

import numpy as np

from .metrics import log_softmax

BINS = 15
LOWEST, HIGHEST = 0.05, 20.0  # range of temperatures


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T in [LOWEST, HIGHEST] that minimizes the cross-entropy of logits / T.

    logits: f32 [N, C] of photos that the classifier was not trained on. labels: i32 [N]. These are smoothed by 1 / (N + 2): if
    all N answers are correct, the confidence is fitted to (N + 1) / (N + 2) instead of 1.
    """
    from scipy.optimize import minimize_scalar  # takes a quarter of a second, and the page does not need it

    count, classes = logits.shape
    wrong = 1 / (count + 2)
    targets = np.full((count, classes), wrong / max(1, classes - 1))
    targets[np.arange(count), labels] = 1 - wrong

    def loss(log_temperature: float) -> float:
        return -float((targets * log_softmax(logits.astype(np.float64) / np.exp(log_temperature))).sum()) / count

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


class Reliability(NamedTuple):
    """bins: of equal width, each with low and high (confidence, 0-1), count, and mean confidence and accuracy (0-1; 0 in an
    empty bin). ece: expected calibration error, 0-1: mean of |accuracy - confidence| of the bins, weighted by count."""

    bins: List[Dict[str, float]]
    ece: float


@dataclass(frozen=True)
class Calibration:
    """temperature: divisor of the logits. before, after: reliability with temperature 1 and with this one. source: the answers
    that it was fitted to, of so many training photos: "folds", by classifiers that were trained without them; "unseen", by a
    network that was; "learned", by last layers that were, while the rest of the network has learned them; "none" of none."""

    temperature: float
    before: Reliability
    after: Reliability
    source: str
    photos: int

    def to_json(self) -> Dict[str, Any]:
        """Where the temperature comes from, for checkpoint and metrics.json."""
        return {"source": self.source, "photos": self.photos}


def reliability(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0, bins: int = BINS) -> Reliability:
    """logits f32 [N, C], labels i32 [N] -> accuracy by confidence, and expected calibration error."""
    confidence = np.exp(log_softmax(logits / np.float32(temperature)).max(1))
    correct = logits.argmax(1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins include their upper end
    rows = []
    for index in range(bins):
        in_bin = bin_of == index
        rows.append(
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "count": int(in_bin.sum()),
                "confidence": float(confidence[in_bin].mean()) if in_bin.any() else 0.0,
                "accuracy": float(correct[in_bin].mean()) if in_bin.any() else 0.0,
            }
        )
    total = sum(row["count"] for row in rows)
    gaps = sum(row["count"] * abs(row["accuracy"] - row["confidence"]) for row in rows)
    return Reliability(rows, gaps / total if total else 0.0)
