"""Outlier (out-of-distribution) detection: a cat is answered with neither "dog" nor "croissants".

The score is a k-nearest-neighbor cosine distance in a projection of the features. If the pretrained weights include a
classifier of many classes, the projection is taken from its weight matrix; otherwise it consists of the principal components of
the training photos. Photos of one class may be more alike than those of another, so the class baseline is subtracted from the
distance: the mean distance of training photos nearest to that class. Of the methods tried (plain features, Mahalanobis, energy,
residuals and more), this one rejects the most outliers."""

from dataclasses import dataclass, replace
from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from .metrics import unit_rows

DIRECTIONS = 384  # dimensions of the projection, at most; with 128, a quarter fewer outliers are rejected
REFERENCES = 1000  # training photos that are stored, at most
NEIGHBORS = 8  # nearest references of a class that are averaged, at most a quarter of the smallest class
OUTLIERS = 4  # nearest known outliers that are averaged
PULL = 0.7  # weight of the similarity to known outliers; that to references has 1
NEVER = 10.0  # a threshold above every score: nothing is rejected
PREFIX = "neither."  # of the tensor names in a checkpoint
# Tensor names in a checkpoint -> attributes of the detector.
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
    """projection: f32 [channels, D]. center: f32 [D], subtracted after the projection. references, outliers: f16 [R, D] and
    [S, D], unit rows: training photos, and known outliers (S may be 0). labels: i32 [R], of the references. class_baseline:
    f32 [classes], mean distance of the training photos nearest to each class. neighbors: number of references that are
    averaged. threshold: images with a higher score are rejected; from NEVER on, none is."""

    projection: np.ndarray
    center: np.ndarray
    references: np.ndarray
    labels: np.ndarray
    class_baseline: np.ndarray
    outliers: np.ndarray
    neighbors: int
    threshold: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] (`Features.center`) -> f32 [N]: about 0 for a training photo, 0.3 for an outlier."""
        distance, nearest = self.compare(features)
        return distance - self.class_baseline[nearest]

    def compare(self, features: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """features f32 [N, channels] -> distance f32 [N], at least -1 - PULL, and nearest class i64 [N]."""
        rows = self._project(features)
        similarity = rows @ self.references.astype(np.float32).T
        classes = range(len(self.class_baseline))
        near = np.stack([_mean_highest(similarity[:, self.labels == label], self.neighbors) for label in classes], 1)
        distance = -near.max(1)
        if len(self.outliers):
            distance += PULL * _mean_highest(rows @ self.outliers.astype(np.float32).T, OUTLIERS)
        return distance, near.argmax(1)

    @property
    def active(self) -> bool:
        """Whether any image can be rejected."""
        return self.threshold < NEVER

    def for_classes(self, present: Sequence[Sequence[int]]) -> "OutlierDetector":
        """The same for other classes. present: for each of them, the present numbers of what it is made of.

        A class that is made of nothing has no references and the class baseline NaN, which `extend_detector` fills in. References
        of classes that are in none are left out."""
        becomes = np.full(len(self.class_baseline), -1, np.int32)
        baseline = np.full(len(present), np.nan, np.float32)
        for label, numbers in enumerate(present):
            becomes[list(numbers)] = label
            if numbers:
                baseline[label] = self.class_baseline[list(numbers)].mean()
        labels = becomes[self.labels]
        references = self.references[labels >= 0]
        return replace(self, references=references, labels=labels[labels >= 0], class_baseline=baseline)

    def nearest(self, features: np.ndarray, count: int, among: int) -> np.ndarray:
        """features f32 [N, channels] -> i64 [N, count]: indices of the most similar of the first `among` references, nearest
        first."""
        similarity = self._project(features) @ self.references[:among].astype(np.float32).T
        return np.argsort(-similarity, axis=1, kind="stable")[:, :count]

    def _project(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> unit rows f32 [N, D]."""
        return unit_rows(features @ self.projection - self.center)

    def rejects(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> bool [N]: whether the score exceeds the threshold."""
        return self.score(features) > self.threshold

    def tensors(self) -> Dict[str, np.ndarray]:
        """The tensors for a checkpoint, by name: at most 4 MB; 2.4 MB for 636 photos."""
        numbers = np.array([self.neighbors, self.threshold], np.float32)
        arrays = {name: getattr(self, attribute) for name, attribute in TENSORS.items()}
        arrays["labels"] = self.labels.astype(np.float32)  # checkpoints hold no integers
        # MindSpore stores no empty tensors.
        return {PREFIX + name: value for name, value in {**arrays, "numbers": numbers}.items() if value.size}

    @classmethod
    def from_tensors(cls, tensors: Dict[str, np.ndarray], channels: int, classes: int) -> "OutlierDetector":
        """The inverse of `tensors`, for features f32 [N, channels] and this number of classes.

        Raises ValueError if tensors are missing, of a wrong shape, or not finite."""
        found = {attribute: tensors[PREFIX + name] for name, attribute in TENSORS.items() if PREFIX + name in tensors}
        missing = [name for name, attribute in TENSORS.items() if attribute not in (*found, "outliers")]
        missing += [] if PREFIX + "numbers" in tensors else ["numbers"]
        if missing:
            raise ValueError(f"the tensor {PREFIX}{missing[0]} is missing")
        projection, numbers = found["projection"], tensors[PREFIX + "numbers"]
        found.setdefault("outliers", np.zeros((0, projection.shape[-1]), np.float16))
        detector = cls(**found, neighbors=0, threshold=0.0)
        width, references = projection.shape[-1], detector.references
        fits = projection.shape == (channels, width) and detector.center.shape == (width,) and numbers.shape == (2,)
        fits = fits and all(rows.ndim == 2 and rows.shape[1] == width for rows in (references, detector.outliers))
        fits = fits and detector.labels.shape == (len(references),) and detector.class_baseline.shape == (classes,)
        if not fits or not np.isin(detector.labels, np.arange(classes)).all() or not 1 <= numbers[0] <= len(references):
            raise ValueError("the tensors for the answer 'neither' do not fit together")
        if not all(np.isfinite(array).all() for array in (*found.values(), numbers)):
            raise ValueError("the tensors for the answer 'neither' are not finite numbers")
        labels = detector.labels.astype(np.int32)
        return replace(detector, labels=labels, neighbors=int(numbers[0]), threshold=float(numbers[1]))


@dataclass(frozen=True)
class Rejections:
    """threshold: images with a higher score are rejected. scores: f32 [N] of "train", "val" and "outliers"; a split without
    images is missing or empty."""

    threshold: float
    scores: Dict[str, np.ndarray]

    def rejected(self, split: str) -> np.ndarray:
        """bool [N]: which images of a split are rejected; empty where there are no scores of it."""
        return np.asarray(self.scores.get(split, ()), np.float64) > self.threshold

    def count(self, split: str) -> Tuple[int, int]:
        """Number of rejected images of a split, and of all its images."""
        rejected = self.rejected(split)
        return int(rejected.sum()), len(rejected)


def fit_detector(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    projection: np.ndarray,
    outliers: Optional[np.ndarray],
    rejection_rate: float,
    seed: int = 0,
) -> Tuple[OutlierDetector, np.ndarray]:
    """Fit a detector; returns it and the out-of-fold scores f32 [N] of the training photos.

    features: f32 [N, channels] of the training photos (`Features.center`). labels: i32 [N]. fold: i64 [N]
    (`cross_validation.assign_folds`). projection: f32 [channels, D] (`outlier_directions`). outliers: f32 [S, channels], known
    outliers, or None. The threshold is the score that a share `rejection_rate` (0-1) of the training photos exceeds
    out-of-fold. It depends neither on the validation set nor on the scores of the outliers."""
    classes, rows = labels.max() + 1, features @ projection
    distances, nearest = np.empty(len(features), np.float32), np.empty(len(features), int)
    smallest = [np.bincount(labels[fold != number], minlength=classes).min() for number in np.unique(fold)]
    neighbors = min(NEIGHBORS, max(1, int(min(smallest)) // 4))  # the same in all folds, as they share the threshold
    for number in np.unique(fold):
        held = fold == number
        rest = _build_detector(rows[~held], labels[~held], projection, outliers, neighbors, classes, seed)
        distances[held], nearest[held] = rest.compare(features[held])
    model = _build_detector(rows, labels, projection, outliers, neighbors, classes, seed)
    means = [distances[nearest == label].mean() if label in nearest else distances.mean() for label in range(classes)]
    class_baseline = np.array(means, np.float32)
    scores = distances - class_baseline[nearest]
    threshold = float(np.quantile(scores, 1 - rejection_rate, method="higher"))
    return replace(model, class_baseline=class_baseline, threshold=threshold), scores


def extend_detector(
    start: OutlierDetector,
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    rejection_rate: float,
    seed: int = 0,
) -> Tuple[OutlierDetector, np.ndarray]:
    """`start` with the training photos as further references; returns it and the out-of-fold scores f32 [N] of these photos.

    Projection, center and class baseline stay, and the threshold only rises, to the score that a share `rejection_rate` (0-1)
    of the photos exceeds out-of-fold. More references only lower a score, so what `start` accepts is accepted. The new
    references come first. Of those of `start`, at most REFERENCES stay. Arguments as in `fit_detector`; start: its classes are
    those of `labels`. The class baseline of a class that it does not know, NaN, is that of the photos."""
    rows = start._project(features).astype(np.float16)
    old = reference_indices(len(start.references), seed)

    def with_rows(chosen: np.ndarray) -> OutlierDetector:
        references = np.concatenate([rows[chosen], start.references[old]])
        return replace(start, references=references, labels=np.concatenate([labels[chosen], start.labels[old]]))

    distances, nearest = np.empty(len(features), np.float32), np.empty(len(features), np.int64)
    for number in np.unique(fold):
        held = fold == number
        distances[held], nearest[held] = with_rows(np.flatnonzero(~held)).compare(features[held])
    baseline = start.class_baseline.copy()
    for label in np.flatnonzero(np.isnan(baseline)):
        baseline[label] = distances[nearest == label].mean() if label in nearest else distances.mean()
    scores = distances - baseline[nearest]
    needed = float(np.quantile(scores, 1 - rejection_rate, method="higher"))
    model = with_rows(reference_indices(len(rows), seed))
    neighbors = min(start.neighbors, len(model.references))
    found = replace(model, class_baseline=baseline, neighbors=neighbors, threshold=max(start.threshold, needed))
    return found, scores


def reference_indices(count: int, seed: int) -> np.ndarray:
    """i64 [min(count, REFERENCES)]: sorted indices of the training photos that are stored as references, drawn with `seed`."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:REFERENCES])


def outlier_directions(features: np.ndarray, classifier: Optional[np.ndarray] = None) -> np.ndarray:
    """The projection f32 [channels, D] of `fit_detector`, from features f32 [N, channels] of the training photos.

    classifier: f32 [K, channels], weight of the last layer of the pretrained network, or None. If K > DIRECTIONS: its strongest
    right singular vectors, each times its squared singular value. Otherwise: principal components of the features. The features
    must be of the backbone that the classifier was trained with.
    """
    from scipy.linalg import eigh  # takes a quarter of a second, and the page does not need it

    use_classifier = classifier is not None and len(classifier) > DIRECTIONS
    rows = np.asarray(classifier if use_classifier else features, np.float32)
    rows = rows - rows.mean(0)
    channels = rows.shape[1]
    # Eigenvectors of the Gram matrix are the singular vectors of `rows`, and an order of magnitude faster to compute.
    strength, vectors = eigh(rows.T @ rows, subset_by_index=(max(0, channels - DIRECTIONS), channels - 1))
    return np.ascontiguousarray((vectors * strength if use_classifier else vectors)[:, ::-1], np.float32)


def _build_detector(
    rows: np.ndarray,
    labels: np.ndarray,
    projection: np.ndarray,
    outliers: Optional[np.ndarray],
    neighbors: int,
    classes: int,
    seed: int,
) -> OutlierDetector:
    """rows f32 [N, D] (features @ projection) -> a detector with class baseline and threshold 0."""
    # The mean of the class means, so that large classes do not weigh more.
    center = np.mean([rows[labels == label].mean(0) for label in np.unique(labels)], 0)
    kept = reference_indices(len(rows), seed)
    unit_outliers = np.zeros((0, rows.shape[1]), np.float32)
    if outliers is not None and len(outliers):
        unit_outliers = unit_rows(outliers @ projection - center)
    return OutlierDetector(
        projection=projection,
        center=center,
        references=unit_rows(rows[kept] - center).astype(np.float16),
        labels=labels[kept].astype(np.int32),
        class_baseline=np.zeros(classes, np.float32),
        outliers=unit_outliers.astype(np.float16),
        neighbors=neighbors,
        threshold=0.0,
    )


def _mean_highest(similarity: np.ndarray, count: int) -> np.ndarray:
    """f32 [N, R] -> f32 [N]: mean of the `count` highest values of each row; without columns -1, the lowest cosine."""
    count = min(count, similarity.shape[1])
    if not count:
        return np.full(len(similarity), -1, np.float32)
    return np.partition(similarity, -count, axis=1)[:, -count:].mean(1)
