"""Numbers about logits and features."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

ROWS = 256  # photos, or pairs of them, at a time, so that memory stays bounded


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """f32 [N, C] -> f32 [N, C], log of the confidence per class."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def score_answers(logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0) -> Dict[str, Any]:
    """logits f32 [N, C], labels i32 [N] -> count, correct, accuracy (0-1) and loss.

    loss: cross-entropy against the smoothed labels, in nats."""
    correct = int((logits.argmax(1) == labels).sum())
    confidence = log_softmax(logits)
    loss = (
        -(1 - label_smoothing) * confidence[np.arange(len(labels)), labels].mean() - label_smoothing * confidence.mean()
    )
    return {"count": len(labels), "correct": correct, "accuracy": correct / len(labels), "loss": float(loss)}


def confusion_matrix(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """logits f32 [N, C], labels i32 [N] -> i64 [C, C]: row, the true class; column, the answer."""
    classes = logits.shape[1]
    return np.bincount(labels * classes + logits.argmax(1), minlength=classes**2).reshape(classes, classes)


def precision_recall(matrix: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """`confusion` -> precision f64 [C] and recall f64 [C], 0-1; NaN where a class was never answered, or never occurs."""
    right = np.diag(matrix)
    with np.errstate(invalid="ignore"):
        return right / matrix.sum(0), right / matrix.sum(1)


def row_blocks(count: int) -> List[slice]:
    """So many rows, at most ROWS at a time."""
    return [slice(start, start + ROWS) for start in range(0, count, ROWS)]


def mean_and_deviation(rows: np.ndarray, share: Optional[np.ndarray] = None) -> Tuple[np.ndarray, np.float32]:
    """rows f32 [N, D], share f32 [N, 1] of each in the whole, None: all the same -> the mean f32 [D], and how far the numbers
    are from the mean of all of them: their standard deviation."""
    share = np.full((len(rows), 1), 1 / len(rows), np.float32) if share is None else share
    mean = share[:, 0] @ rows
    centre = mean.mean()
    squares = [share[part, 0].astype(float) @ np.square(rows[part] - centre).mean(1) for part in row_blocks(len(rows))]
    return mean, np.float32(np.sqrt(sum(squares)))


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """f32 [N, D] -> the same with rows of length 1, so that their products are cosines; a row of zeros stays."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
