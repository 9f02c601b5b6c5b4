"""Metrics and helpers for logits and features."""

from typing import Any, Dict, List, Optional, Tuple

import numpy as np

ROWS = 256  # photos, or pairs of photos, that are processed at a time, to bound memory
DENSE = 200  # classes, up to which a confusion matrix is recorded as a matrix
SMALLEST_LENGTH = 1e-6  # of a row that is scaled to length 1


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """f32 [N, C] -> f32 [N, C], the logarithm of the confidence of each class."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def score_answers(logits: np.ndarray, labels: np.ndarray, label_smoothing: float = 0.0) -> Dict[str, Any]:
    """logits f32 [N, C], labels i32 [N] -> count, correct, accuracy (0-1), balanced_accuracy (0-1) and loss.

    loss: mean cross-entropy with smoothed labels, in nats."""
    correct = int((logits.argmax(1) == labels).sum())
    log_confidence = log_softmax(logits)
    loss = (
        -(1 - label_smoothing) * log_confidence[np.arange(len(labels)), labels].mean()
        - label_smoothing * log_confidence.mean()
    )
    return {
        "count": len(labels),
        "correct": correct,
        "accuracy": correct / len(labels),
        "balanced_accuracy": balanced_accuracy(logits, labels),
        "loss": float(loss),
    }


def balanced_accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """logits f32 [N, C], labels i32 [N] -> the mean recall, 0-1, of the classes that have photos."""
    photos, right = np.bincount(labels), np.bincount(labels, logits.argmax(1) == labels)
    return float((right[photos > 0] / photos[photos > 0]).mean())


def mean_recall(matrix: np.ndarray) -> float:
    """Confusion matrix i64 [C, C], not all zero -> `balanced_accuracy`."""
    photos = matrix.sum(1)
    return float((np.diag(matrix)[photos > 0] / photos[photos > 0]).mean())


def weakest_first(matrix: np.ndarray) -> List[int]:
    """The classes of a confusion matrix that have photos: the lowest recall first, among equals the fewest photos."""
    photos, right = matrix.sum(1), np.diag(matrix)
    return sorted(np.flatnonzero(photos).tolist(), key=lambda label: (right[label] / photos[label], photos[label]))


def confusion_matrix(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """logits f32 [N, C], labels i32 [N] -> i64 [C, C]: rows are true classes, columns answers."""
    classes = logits.shape[1]
    return np.bincount(labels * classes + logits.argmax(1), minlength=classes**2).reshape(classes, classes)


def record_matrix(matrix: np.ndarray) -> Dict[str, Any]:
    """Confusion matrix i64 [C, C] -> for JSON: "confusion", its rows; of more than DENSE classes "confusions", a list of class,
    answer (as labels) and count of each pair that occurs."""
    if len(matrix) <= DENSE:
        return {"confusion": matrix.tolist()}
    pairs = np.nonzero(matrix)
    return {"confusions": np.stack([*pairs, matrix[pairs]], 1).tolist()}


def read_matrix(record: Dict[str, Any], classes: int) -> np.ndarray:
    """The inverse of `record_matrix`. Raises KeyError, ValueError, TypeError or IndexError for anything else."""
    if "confusion" in record:
        return np.array(record["confusion"], np.int64).reshape(classes, classes)
    matrix = np.zeros((classes, classes), np.int64)
    true, answer, count = np.array(record["confusions"], np.int64).reshape(-1, 3).T
    matrix[true, answer] = count
    return matrix


def precision_recall(matrix: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Confusion matrix i64 [C, C] -> precision f64 [C] and recall f64 [C], 0-1; NaN for a class without answers, or photos."""
    correct = np.diag(matrix)
    with np.errstate(invalid="ignore"):
        return correct / matrix.sum(0), correct / matrix.sum(1)


def row_blocks(count: int) -> List[slice]:
    """Slices of at most ROWS rows that cover `count` rows."""
    return [slice(start, start + ROWS) for start in range(0, count, ROWS)]


def drawn_ranks(labels: np.ndarray, seed: int) -> np.ndarray:
    """labels i32 [N] -> i64 [N]: the place of each row, from 0, among those of its label in random order."""
    counts, ranks = np.bincount(labels), np.empty(len(labels), int)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ranks[order] = np.arange(len(labels)) - (np.cumsum(counts) - counts)[labels[order]]
    return ranks


def mean_and_deviation(rows: np.ndarray, share: Optional[np.ndarray] = None) -> Tuple[np.ndarray, np.float32]:
    """rows f32 [N, D] -> the weighted mean row f32 [D], and the standard deviation of all numbers around their overall mean.

    share: f32 [N, 1], weights of the rows, which sum to 1; None for equal weights."""
    share = np.full((len(rows), 1), 1 / len(rows), np.float32) if share is None else share
    mean = share[:, 0] @ rows
    center = mean.mean()
    squares = [share[part, 0].astype(float) @ np.square(rows[part] - center).mean(1) for part in row_blocks(len(rows))]
    return mean, np.float32(np.sqrt(sum(squares)))


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """f32 [N, D] -> rows scaled to length 1, so that their products are cosines; rows of zeros stay zero."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), SMALLEST_LENGTH)
