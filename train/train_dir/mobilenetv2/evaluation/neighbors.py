"""k-nearest-neighbor cosine distance from the training photos, relative to what is usual for the nearest class."""

from dataclasses import dataclass, replace
from typing import Optional, Sequence, Tuple

import numpy as np

from .metrics import unit_rows

REFERENCES = 1000  # training photos that are stored, at most
NEIGHBORS = 5  # nearest references of a class that are averaged, at most a quarter of the smallest class
OUTLIERS = 4  # nearest known outliers that are averaged
PULL = 0.7  # weight of the similarity to known outliers; that to references has 1
PRIOR = 5  # photos for which the mean of all classes counts in the baseline of one


@dataclass(frozen=True)
class Neighborhood:
    """projection: f32 [channels, D] and center: f32 [D], subtracted after the projection; both None: the features as they are,
    D = channels. references, outliers: f16 [R, D] and [S, D], unit rows: training photos, and known outliers (S may be 0).
    labels: i32 [R], of the references. class_baseline: f32 [classes], mean distance of the training photos nearest to each
    class. scale: standard deviation of the distances of the training photos from their baseline. neighbors: number of
    references that are averaged."""

    projection: Optional[np.ndarray]
    center: Optional[np.ndarray]
    references: np.ndarray
    labels: np.ndarray
    class_baseline: np.ndarray
    outliers: np.ndarray
    neighbors: int
    scale: float = 1.0

    def score(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> f32 [N]: mean 0 and deviation 1 for training photos, higher for outliers."""
        distance, nearest = self.compare(self.project(features))
        return (distance - self.class_baseline[nearest]) / np.float32(self.scale)

    def project(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> unit rows f32 [N, D]."""
        if self.projection is None:
            return unit_rows(features)
        return unit_rows(features @ self.projection - self.center)

    def compare(self, rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Unit rows f32 [N, D] -> distance f32 [N], at least -1 - PULL, and nearest class i64 [N]."""
        similarity = rows @ self.references.astype(np.float32).T
        classes = range(len(self.class_baseline))
        near = np.stack([_mean_highest(similarity[:, self.labels == label], self.neighbors) for label in classes], 1)
        distance = -near.max(1)
        if len(self.outliers):
            distance += PULL * _mean_highest(rows @ self.outliers.astype(np.float32).T, OUTLIERS)
        return distance, near.argmax(1)

    def fits(self, channels: int, classes: int) -> bool:
        """Whether the shapes are those of a neighborhood of features f32 [N, channels] and this number of classes."""
        width = channels
        if self.projection is not None and self.center is not None:
            width = self.projection.shape[-1]
            if self.projection.shape != (channels, width) or self.center.shape != (width,):
                return False
        rows = all(array.ndim == 2 and array.shape[1] == width for array in (self.references, self.outliers))
        return rows and len(self.references) == len(self.labels) and self.class_baseline.shape == (classes,)

    def for_classes(self, present: Sequence[Sequence[int]]) -> "Neighborhood":
        """The same for other classes. present: for each of them, the present numbers of what it is made of.

        A class that is made of nothing has no references and the class baseline NaN, which `extended` fills in. References of
        classes that are in none are left out."""
        becomes = np.full(len(self.class_baseline), -1, np.int32)
        baseline = np.full(len(present), np.nan, np.float32)
        for label, numbers in enumerate(present):
            becomes[list(numbers)] = label
            if numbers:
                baseline[label] = self.class_baseline[list(numbers)].mean()
        labels = becomes[self.labels]
        kept = labels >= 0
        return replace(self, references=self.references[kept], labels=labels[kept], class_baseline=baseline)

    def extended(
        self, features: np.ndarray, labels: np.ndarray, fold: np.ndarray, new: np.ndarray, old: np.ndarray
    ) -> Tuple["Neighborhood", np.ndarray]:
        """The same with training photos as further references, which come first; and the out-of-fold scores f32 [N] of these.

        features f32 [N, channels], labels i32 [N], fold i64 [N]: of the photos. new, old: indices of the photos, and of the
        present references, that are stored. Projection, center, scale and baseline stay; the baseline of a class that has none
        is that of the photos."""
        rows = self.project(features).astype(np.float16)

        def with_photos(chosen: np.ndarray) -> "Neighborhood":
            references = np.concatenate([rows[chosen], self.references[old]])
            return self._with_references(references, np.concatenate([labels[chosen], self.labels[old]]))

        distances, nearest = np.empty(len(features), np.float32), np.empty(len(features), np.int64)
        for number in np.unique(fold):
            held = fold == number
            distances[held], nearest[held] = with_photos(np.flatnonzero(~held)).compare(rows[held].astype(np.float32))
        baseline = self.class_baseline.copy()
        for label in np.flatnonzero(np.isnan(baseline)):
            baseline[label] = distances[nearest == label].mean() if label in nearest else distances.mean()
        model = with_photos(new)
        neighbors = min(self.neighbors, len(model.references))
        scores = (distances - baseline[nearest]) / np.float32(self.scale)
        return replace(model, class_baseline=baseline, neighbors=neighbors), scores

    def _with_references(self, references: np.ndarray, labels: np.ndarray) -> "Neighborhood":
        return replace(self, references=references.astype(np.float16), labels=labels.astype(np.int32))


def fit_neighborhood(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    order: np.ndarray,
    projection: Optional[np.ndarray],
    outliers: np.ndarray,
) -> Tuple[Neighborhood, np.ndarray]:
    """A neighborhood, and the out-of-fold scores f32 [N] of the training photos, which its baseline and scale are from.

    features: f32 [N, channels], labels: i32 [N], fold: i64 [N], of the training photos. order: i64 [N], their indices; the
    first REFERENCES become references, in a fold the first that are not in it. outliers: f32 [S, channels]."""
    classes = int(labels.max()) + 1
    smallest = [np.bincount(labels[fold != number], minlength=classes).min() for number in np.unique(fold)]
    neighbors = min(NEIGHBORS, max(1, int(min(smallest)) // 4))  # the same in all folds, as they share the threshold

    def build(among: np.ndarray) -> Neighborhood:
        chosen, center = np.sort(among[:REFERENCES]), None
        if projection is not None:
            # The mean of the class means, so that large classes do not weigh more.
            means = [features[among[labels[among] == label]].mean(0) for label in np.unique(labels[among])]
            center = np.mean(means, 0) @ projection
        empty = np.zeros((0, 0), np.float16)
        baseline = np.zeros(classes, np.float32)
        bare = Neighborhood(projection, center, empty, labels[chosen], baseline, empty, neighbors)
        found = bare._with_references(bare.project(features[chosen]), labels[chosen])
        return replace(found, outliers=bare.project(outliers).astype(np.float16))

    distances, nearest = np.empty(len(features), np.float32), np.empty(len(features), int)
    for number in np.unique(fold):
        held = fold == number
        rest = build(order[~held[order]])
        distances[held], nearest[held] = rest.compare(rest.project(features[held]))
    sums = np.bincount(nearest, distances, minlength=classes) + PRIOR * distances.mean()
    baseline = (sums / (np.bincount(nearest, minlength=classes) + PRIOR)).astype(np.float32)
    scores = distances - baseline[nearest]
    scale = max(float(scores.std()), 1e-6)
    return replace(build(order), class_baseline=baseline, scale=scale), scores / np.float32(scale)


def _mean_highest(similarity: np.ndarray, count: int) -> np.ndarray:
    """f32 [N, R] -> f32 [N]: mean of the `count` highest values of each row; without columns -1, the lowest cosine."""
    count = min(count, similarity.shape[1])
    if not count:
        return np.full(len(similarity), -1, np.float32)
    return np.partition(similarity, -count, axis=1)[:, -count:].mean(1)
