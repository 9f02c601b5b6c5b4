"""Uneven classes: the share of a class in the training photos speaks for it in every answer. How much of that is taken back is
chosen on held-out photos."""

from dataclasses import dataclass
from typing import Any, Dict

import numpy as np

from .metrics import balanced_accuracy

IMBALANCE = 3.0  # photos of the largest class / photos of the smallest, from which on classes are uneven
STRENGTHS = np.arange(11) / 10


@dataclass(frozen=True)
class PriorCorrection:
    """Logit adjustment (Menon et al., ICLR 2021), answers by logits - strength * log(frequency of the class).

    strength: 0 (nothing is changed) to 1 (each class as if it were as frequent as the others). offset: f32 [C], to be subtracted
    from the logits. before, after: balanced accuracy (0-1) of the held-out photos without and with it."""

    strength: float
    offset: np.ndarray
    before: float
    after: float

    def to_json(self) -> Dict[str, Any]:
        """For metrics.json and the checkpoint."""
        return {"strength": self.strength, "balanced_accuracy": {"before": self.before, "after": self.after}}


def are_uneven(labels: np.ndarray) -> bool:
    """Whether the classes differ so much that a correction is tried: with less there is under a point to be gained."""
    counts = np.unique(labels, return_counts=True)[1]
    return bool(counts.max() >= IMBALANCE * counts.min())


def choose_correction(logits: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> PriorCorrection:
    """The strength with the best balanced accuracy on held-out photos, averaged over each strength and the ones beside it,
    because few photos of small classes decide. No strength that costs more accuracy than it gains balanced accuracy, and 0 where
    the gain is within its standard error.

    logits: f32 [N, C], out-of-fold. labels: i32 [N]. asked: bool [N], photos that could be answered right
    (`CrossValidation.asked`)."""
    counts = np.bincount(labels, minlength=logits.shape[1])
    frequency = np.log(counts / counts.mean()).astype(np.float32)
    logits, labels = logits[asked], labels[asked]
    if not frequency.any() or not len(labels):
        found = balanced_accuracy(logits, labels) if len(labels) else 0.0
        return PriorCorrection(0.0, np.zeros_like(frequency), found, found)
    right = np.array([(logits - np.float32(one) * frequency).argmax(1) == labels for one in STRENGTHS], float)
    edges = np.concatenate([right[:1], right, right[-1:]])
    smooth = (edges[:-2] + edges[1:-1] + edges[2:]) / 3
    weights = 1 / np.bincount(labels)[labels]
    weights /= weights.sum()
    gain, loss = smooth @ weights - smooth[0] @ weights, smooth[0].mean() - smooth.mean(1)
    best = int(np.where(loss <= gain + 1e-9, gain, -1).argmax())
    error = np.sqrt((smooth[best] - smooth[0]) ** 2 @ weights**2)
    best = best if gain[best] > error else 0
    strength = float(STRENGTHS[best])
    return PriorCorrection(
        strength, np.float32(strength) * frequency, float(right[0] @ weights), float(right[best] @ weights)
    )
