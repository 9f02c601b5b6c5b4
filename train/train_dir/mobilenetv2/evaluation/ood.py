"""Outlier (out-of-distribution) detection: a cat is answered with neither "dog" nor "croissants".

The score is the sum of two k-nearest-neighbor distances (`neighbors.Neighborhood`). One compares the features as they are: what
is on no training photo is far from all of them. The other compares what the pretrained weights' own classifier sees in them,
around a point half-way from the training photos to pictures of anything: there, what resembles the classes and is something else
stands out. docs/methods.md has the figures of both, and of what else was tried."""

from dataclasses import dataclass, replace
from typing import Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from .neighbors import Neighborhood, draw_references, fit_neighborhood

DIRECTIONS = 384  # dimensions of the projection, at most; with 128, a quarter fewer outliers are rejected
MOST_NEIGHBORS = 8  # in files of format version 3
NEVER = 1e6  # a threshold above every score: nothing is rejected
PREFIX = "neither."  # of the tensor names in a checkpoint
# Tensor names in a checkpoint -> attributes of the projected neighborhood, and of the plain one.
PROJECTED = {
    "projection": "projection",
    "centre": "center",
    "references": "references",
    "labels": "labels",
    "usual": "class_baseline",
    "strangers": "outliers",
}
NUMBERS = ("numbers", "neighbors")  # the largest of the second, threshold, and scales; the second by class
PLAIN = {"plain.references": "references", "plain.usual": "class_baseline", "plain.strangers": "outliers"}


@dataclass(frozen=True)
class OutlierDetector:
    """projected, plain: what the score is the sum of, with the same labels and number of neighbors. plain is None in files of
    format version 3. threshold: images with a higher score are rejected; from NEVER on, none is."""

    projected: Neighborhood
    plain: Optional[Neighborhood]
    threshold: float

    @property
    def neighborhoods(self) -> Tuple[Neighborhood, ...]:
        """Those that there are."""
        return (self.projected, self.plain) if self.plain else (self.projected,)

    def score(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] (`Features.center`) -> f32 [N]: about 0 for a training photo, 5 for an outlier."""
        return np.sum([one.score(features) for one in self.neighborhoods], 0)

    @property
    def active(self) -> bool:
        """Whether any image can be rejected."""
        return self.threshold < NEVER

    @property
    def labels(self) -> np.ndarray:
        """i32 [R], of the references."""
        return self.projected.labels

    def with_neighborhoods(self, change: Callable[[Neighborhood], Neighborhood]) -> "OutlierDetector":
        """The same with both neighborhoods changed."""
        return replace(self, projected=change(self.projected), plain=self.plain and change(self.plain))

    def with_outliers(self, kept: np.ndarray) -> "OutlierDetector":
        """The same with some of its known outliers. kept: bool [S]."""
        return self.with_neighborhoods(lambda one: replace(one, outliers=one.outliers[kept]))

    def for_classes(self, present: Sequence[Sequence[int]]) -> "OutlierDetector":
        """The same for other classes, see `Neighborhood.for_classes`."""
        return self.with_neighborhoods(lambda one: one.for_classes(present))

    def nearest(self, features: np.ndarray, count: int, among: int) -> np.ndarray:
        """features f32 [N, channels] -> i64 [N, count]: indices of the most similar of the first `among` references, nearest
        first."""
        similarity = self.projected.project(features) @ self.projected.references[:among].astype(np.float32).T
        return np.argsort(-similarity, axis=1, kind="stable")[:, :count]

    def rejects(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> bool [N]: whether the score exceeds the threshold."""
        return self.score(features) > self.threshold

    def tensors(self) -> Dict[str, np.ndarray]:
        """The tensors for a checkpoint, by name: at most 6 MB; 4 MB for 636 photos."""
        arrays = {name: getattr(self.projected, attribute) for name, attribute in PROJECTED.items()}
        numbers = [self.projected.neighbors.max(), self.threshold]
        if self.plain:
            arrays.update({name: getattr(self.plain, attribute) for name, attribute in PLAIN.items()})
            numbers += [self.projected.scale, self.plain.scale]
        # Checkpoints hold no integers.
        arrays.update(labels=self.labels.astype(np.float32), neighbors=self.projected.neighbors.astype(np.float32))
        # MindSpore stores no empty tensors.
        arrays["numbers"] = np.array(numbers, np.float32)
        return {PREFIX + name: value for name, value in arrays.items() if value.size}

    @classmethod
    def from_tensors(cls, tensors: Dict[str, np.ndarray], channels: int, classes: int) -> "OutlierDetector":
        """The inverse of `tensors`, for features f32 [N, channels] and this number of classes.

        Raises ValueError if tensors are missing, of a wrong shape, or not finite."""
        given = {name: tensors[PREFIX + name] for name in (*PROJECTED, *PLAIN, *NUMBERS) if PREFIX + name in tensors}
        both = "plain.references" in given
        needed = [*PROJECTED, "numbers", *(PLAIN if both else ())]
        missing = [name for name in needed if name not in given and not name.endswith("strangers")]
        if missing:
            raise ValueError(f"the tensor {PREFIX}{missing[0]} is missing")
        if not all(np.isfinite(array).all() for array in given.values()):
            raise ValueError("the tensors for the answer 'neither' are not finite numbers")
        numbers, labels = given["numbers"], given["labels"]
        # Files up to format version 4 have one number for all classes.
        neighbors = given.get("neighbors", np.full(classes, numbers.flat[0] if numbers.size else 0))
        fits = numbers.shape == (4 if both else 2,) and labels.ndim == 1 and np.isin(labels, np.arange(classes)).all()
        if not fits or not 1 <= neighbors.min() <= neighbors.max() <= MOST_NEIGHBORS or not (numbers[2:] > 0).all():
            raise ValueError("the tensors for the answer 'neither' do not fit together")

        def neighborhood(names: Dict[str, str], scale: float) -> Neighborhood:
            found = {attribute: given[name] for name, attribute in names.items() if name in given}
            return Neighborhood(
                projection=found.get("projection"),
                center=found.get("center"),
                references=found["references"],
                labels=labels.astype(np.int32),
                class_baseline=found["class_baseline"],
                outliers=found.get("outliers", np.zeros((0, *found["references"].shape[1:]), np.float16)),
                neighbors=neighbors.astype(np.int32),
                scale=scale,
            )

        projected = neighborhood(PROJECTED, float(numbers[2]) if both else 1.0)
        plain = neighborhood(PLAIN, float(numbers[3])) if both else None
        if not all(one.fits(channels, classes) for one in (projected, plain) if one):
            raise ValueError("the tensors for the answer 'neither' do not fit together")
        return cls(projected, plain, float(numbers[1]))


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
    groups: np.ndarray,
    projection: np.ndarray,
    background: np.ndarray,
    outliers: np.ndarray,
    rejection_rate: float,
    seed: int = 0,
) -> Tuple[OutlierDetector, np.ndarray]:
    """Fit a detector; returns it and the scores f32 [N] of the training photos, each by a detector without it and its copies.

    features: f32 [N, channels] of the training photos (`Features.center`). labels: i32 [N]. groups: i64 [N]
    (`copy_search.copy_groups`). projection: f32 [channels, D] (`outlier_directions`). background: f32 [channels]
    (`mobilenet_v2.expected_features`). outliers: f32 [S, channels], known outliers. rejection_rate: as in `conformal_threshold`.
    The threshold depends neither on the validation set nor on the scores of the outliers."""
    drawn = draw_references(labels, groups, seed)
    projected, scores = fit_neighborhood(features, drawn, projection, background, outliers)
    plain, more = fit_neighborhood(features, drawn, None, background, outliers)
    scores = scores + more
    return OutlierDetector(projected, plain, conformal_threshold(scores, labels, rejection_rate)), scores


def conformal_threshold(scores: np.ndarray, labels: np.ndarray, rejection_rate: float) -> float:
    """The threshold that a new photo exceeds with a probability of at most `rejection_rate` (0-1), on the mean of the classes.

    scores: f32 [N], of photos that the detector was not fitted to. labels: i32 [N]. All classes weigh alike, so that the photos
    of a small class are not those that are rejected. It is the quantile of split conformal prediction (Vovk et al., Algorithmic
    Learning in a Random World, 2005), whose promise holds for any distribution. With fewer than 1 / rejection_rate - 1 photos
    that would be infinite: then it is the upper end of the prediction interval of a normal distribution."""
    counts = np.bincount(labels)
    weights = 1 / counts[labels]
    weights /= weights.sum()
    # Of as many photos, all of equal weight, the threshold would be as sure. Two photos that are compared with each other say
    # the same, so of each class one does not count.
    tell = np.maximum(counts[counts > 0] - 1, 1)
    count = len(tell) ** 2 / (1 / tell).sum()
    order = np.argsort(scores, kind="stable")
    enough = np.cumsum(weights[order]) >= (1 - rejection_rate) * (1 + 1 / count) - 1e-9
    if enough.any():
        return float(scores[order][enough.argmax()])
    from scipy.stats import t  # takes a quarter of a second, and the page does not need it

    mean = weights @ scores
    deviation = np.sqrt(weights @ (scores - mean) ** 2 * count / max(count - 1, 1))
    return float(mean + t.ppf(1 - rejection_rate, max(count - 1, 1)) * deviation * np.sqrt(1 + 1 / count))


def extend_detector(
    start: OutlierDetector,
    features: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    rejection_rate: float,
    seed: int = 0,
) -> Tuple[OutlierDetector, np.ndarray]:
    """`start` with the training photos as further references; returns it and the scores f32 [N] of these photos, each by a
    detector without it and its copies.

    The threshold only rises, to the `conformal_threshold` of these photos. More references only lower a score, so what `start`
    accepts is accepted. Of its references, at most REFERENCES stay. Arguments as in `fit_detector`; start: its classes are those
    of `labels` (`OutlierDetector.for_classes`)."""
    drawn, old = draw_references(labels, groups, seed), reference_indices(start.labels, seed)
    projected, scores = start.projected.extended(features, drawn, old)
    plain = None
    if start.plain:
        plain, more = start.plain.extended(features, drawn, old)
        scores = scores + more
    threshold = max(start.threshold, conformal_threshold(scores, labels, rejection_rate))
    return OutlierDetector(projected, plain, threshold), scores


def reference_indices(labels: np.ndarray, seed: int) -> np.ndarray:
    """i64, sorted indices of the training photos, of labels i32 [N], that are stored as references."""
    return np.flatnonzero(draw_references(labels, np.arange(len(labels)), seed).kept)


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
