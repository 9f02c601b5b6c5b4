"""How far a picture is from everything that was learned, so that a cat is called neither dog nor croissant.

Nearest neighbours by cosine, in the directions that matter for telling things apart. Where the weights come with a classifier
of many classes, its matrix says which these are; otherwise they are the directions in which the training photos differ most.
Photos of one class may be more alike than those of another, so the distance of a picture is compared with the mean distance of
training photos that resemble the same class, the class baseline. Of what was tried (plain features, Mahalanobis, energy,
residuals and more), this rejects most outliers."""

from dataclasses import dataclass, replace
from typing import Dict, Optional, Tuple

import numpy as np

from .metrics import unit_rows

DIRECTIONS = 384  # of the features, at most; with 128, a quarter fewer outliers are rejected
REFERENCES = 1000  # training photos that are kept, at most
NEIGHBOURS = 8  # training photos of a class that count for a picture, at most a quarter of the smallest class
OUTLIERS = 4  # the same of pictures in the folder `neither`
PULL = 0.7  # weight of their similarity against that of the training photos
PREFIX = "neither."  # of the tensors' names in a checkpoint
# Names in a checkpoint -> attributes of the detector.
TENSORS = {
    "projection": "projection",
    "centre": "center",
    "references": "references",
    "labels": "labels",
    "usual": "class_baseline",
    "strangers": "outliers",
}


@dataclass(frozen=True)
class OutlierDetector:
    """projection: f32 [channels, D]; center: f32 [D], what is subtracted after it. references, outliers: f16 [R, D] and [S, D],
    of length 1: training photos, and pictures that are neither (S may be 0). labels: i32 [R], of the references.
    class_baseline: f32 [classes], mean distance of the training photos that resemble a class. neighbours: how many references
    count. threshold: a picture with a higher score is rejected."""

    projection: np.ndarray
    center: np.ndarray
    references: np.ndarray
    labels: np.ndarray
    class_baseline: np.ndarray
    outliers: np.ndarray
    neighbours: int
    threshold: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """f32 [N, channels] (`Features.center`) -> f32 [N]: 0 for an average photo, about 0.3 for an outlier."""
        distance, resembled = self.compare(features)
        return distance - self.class_baseline[resembled]

    def compare(self, features: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """f32 [N, channels] -> distance f32 [N], from -1 up, and the class that is resembled most, i64 [N]."""
        rows = self._rows(features)
        similar = rows @ self.references.astype(np.float32).T
        classes = range(len(self.class_baseline))
        near = np.stack([_highest(similar[:, self.labels == label], self.neighbours) for label in classes], 1)
        distance = -near.max(1)
        if len(self.outliers):
            distance += PULL * _highest(rows @ self.outliers.astype(np.float32).T, OUTLIERS)
        return distance, near.argmax(1)

    def nearest(self, features: np.ndarray, count: int) -> np.ndarray:
        """f32 [N, channels] -> i64 [N, count]: the most similar references, the nearest first."""
        similar = self._rows(features) @ self.references.astype(np.float32).T
        return np.argsort(-similar, axis=1, kind="stable")[:, :count]

    def _rows(self, features: np.ndarray) -> np.ndarray:
        return unit_rows(features @ self.projection - self.center)

    def rejects(self, features: np.ndarray) -> np.ndarray:
        """f32 [N, channels] -> bool [N]: a picture of neither class."""
        return self.score(features) > self.threshold

    def tensors(self) -> Dict[str, np.ndarray]:
        """What a checkpoint has to hold, by name; at most 4 MB, for 636 photos 2.4 MB."""
        numbers = np.array([self.neighbours, self.threshold], np.float32)
        arrays = {name: getattr(self, attribute) for name, attribute in TENSORS.items()}
        arrays["labels"] = self.labels.astype(np.float32)  # checkpoints hold no integers
        # MindSpore stores no empty tensors.
        return {PREFIX + name: value for name, value in {**arrays, "numbers": numbers}.items() if value.size}

    @classmethod
    def from_tensors(cls, tensors: Dict[str, np.ndarray], channels: int, classes: int) -> "OutlierDetector":
        """The inverse of `tensors`, for features f32 [N, channels]. Raises ValueError, in words, for what does not fit."""
        try:
            projection, center, references, labels, class_baseline, numbers = (
                tensors[PREFIX + name] for name in ("projection", "centre", "references", "labels", "usual", "numbers")
            )
        except KeyError as error:
            raise ValueError(f"the tensor {error.args[0]} is missing") from None
        outliers = tensors.get(PREFIX + "strangers", np.zeros((0, len(center)), np.float16))
        width = projection.shape[-1]
        fits = projection.shape == (channels, width) and center.shape == (width,) and numbers.shape == (2,)
        fits = fits and all(rows.ndim == 2 and rows.shape[1] == width for rows in (references, outliers))
        fits = fits and labels.shape == (len(references),) and class_baseline.shape == (classes,)
        if not fits or not np.isin(labels, np.arange(classes)).all() or not 1 <= numbers[0] <= len(references):
            raise ValueError("the tensors for the answer 'neither' do not fit together")
        finite = all(
            np.isfinite(array).all() for array in (projection, center, references, outliers, class_baseline, numbers)
        )
        if not finite:
            raise ValueError("the tensors for the answer 'neither' are not finite numbers")
        labels = labels.astype(np.int32)
        return cls(projection, center, references, labels, class_baseline, outliers, int(numbers[0]), float(numbers[1]))


@dataclass(frozen=True)
class Rejections:
    """threshold: a picture with a higher score is rejected. scores: f32 [N] by split; what there is none of is missing or
    empty."""

    threshold: float
    scores: Dict[str, np.ndarray]

    def count(self, split: str) -> Tuple[int, int]:
        """Pictures of a split that are rejected, and all of them."""
        scores = np.asarray(self.scores.get(split, ()), np.float64)
        return int((scores > self.threshold).sum()), len(scores)


def fit_detector(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    projection: np.ndarray,
    outliers: Optional[np.ndarray],
    rejection_rate: float,
    seed: int = 0,
) -> Tuple[OutlierDetector, np.ndarray]:
    """features f32 [N, channels] of the training photos (`Features.center`), labels i32 [N], fold i64 [N]
    (folds.assign_folds), projection f32 [channels, D] (`directions`), outliers f32 [S, channels] -> Neither, and the scores
    f32 [N] of the photos, held out.

    The threshold is the score that a share of `rejection_rate` of the training photos exceeds, each of them scored against the
    photos of the other folds only. It uses no validation photo and none of the outliers' scores."""
    classes, rows = labels.max() + 1, features @ projection
    distances, resembled = np.empty(len(features), np.float32), np.empty(len(features), int)
    left = [np.bincount(labels[fold != number], minlength=classes).min() for number in np.unique(fold)]
    neighbours = min(NEIGHBOURS, max(1, int(min(left)) // 4))  # the same in all folds, or the threshold would not fit
    for number in np.unique(fold):
        held = fold == number
        rest = _model(rows[~held], labels[~held], projection, outliers, neighbours, classes, seed)
        distances[held], resembled[held] = rest.compare(features[held])
    model = _model(rows, labels, projection, outliers, neighbours, classes, seed)
    means = [
        distances[resembled == label].mean() if label in resembled else distances.mean() for label in range(classes)
    ]
    class_baseline = np.array(means, np.float32)
    scores = distances - class_baseline[resembled]
    threshold = float(np.quantile(scores, 1 - rejection_rate, method="higher"))
    return replace(model, class_baseline=class_baseline, threshold=threshold), scores


def reference_indices(count: int, seed: int) -> np.ndarray:
    """i64: which of so many training photos are kept as references, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:REFERENCES])


def outlier_directions(features: np.ndarray, classifier: Optional[np.ndarray] = None) -> np.ndarray:
    """features f32 [N, channels] of training photos; classifier f32 [K, channels]: the last layer that came with the backbone,
    or None -> f32 [channels, D].

    With a classifier of many classes: its strongest singular directions, weighted by their share in the variance of its logits.
    It must not be one of these classes alone, and the backbone must be the one that it was trained with.
    """
    from scipy.linalg import eigh  # a quarter of a second that the page can do without

    head = classifier is not None and len(classifier) > DIRECTIONS
    rows = np.asarray(classifier if head else features, np.float32)
    rows = rows - rows.mean(0)
    channels = rows.shape[1]
    # The eigenvectors of the small square matrix are the singular vectors of the large one, an order of magnitude faster.
    strength, vectors = eigh(rows.T @ rows, subset_by_index=(max(0, channels - DIRECTIONS), channels - 1))
    return np.ascontiguousarray((vectors * strength if head else vectors)[:, ::-1], np.float32)


def _model(
    rows: np.ndarray,
    labels: np.ndarray,
    projection: np.ndarray,
    outliers: Optional[np.ndarray],
    neighbours: int,
    classes: int,
    seed: int,
) -> OutlierDetector:
    """rows: f32 [N, D], features @ projection -> a detector without a threshold and without a class baseline."""
    center = np.mean(
        [rows[labels == label].mean(0) for label in np.unique(labels)], 0
    )  # of the classes, however many photos they have
    kept = reference_indices(len(rows), seed)
    others = np.zeros((0, rows.shape[1]), np.float32)
    if outliers is not None and len(outliers):
        others = unit_rows(outliers @ projection - center)
    return OutlierDetector(
        projection=projection,
        center=center,
        references=unit_rows(rows[kept] - center).astype(np.float16),
        labels=labels[kept].astype(np.int32),
        class_baseline=np.zeros(classes, np.float32),
        outliers=others.astype(np.float16),
        neighbours=neighbours,
        threshold=0.0,
    )


def _highest(similar: np.ndarray, count: int) -> np.ndarray:
    """f32 [N, R] -> f32 [N]: the mean of the `count` highest of each row; without columns, -1, the lowest cosine."""
    count = min(count, similar.shape[1])
    if not count:
        return np.full(len(similar), -1, np.float32)
    return np.partition(similar, -count, axis=1)[:, -count:].mean(1)
