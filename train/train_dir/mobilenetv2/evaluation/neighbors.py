"""k-nearest-neighbor cosine distance from the training photos, relative to what is usual for the nearest class."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .metrics import drawn_ranks, row_blocks, unit_rows

REFERENCES = 1000  # training photos that are stored, at most, but one of each class
NEIGHBORS = 3  # nearest references of a class that are averaged, at most a quarter of them
OUTLIERS = 4  # nearest known outliers that are averaged
PULL = 0.7  # weight of the similarity to known outliers; that to references has 1
PRIOR = 20  # photos for which the mean of all classes counts in the baseline of one
APART = 4.0  # more than two cosines differ by
HIDDEN = -1.9  # a similarity below every cosine


class Drawn(NamedTuple):
    """Which training photos become references. labels: i32 [N]. groups: i64 [N], of copies (`copy_search.copy_groups`). kept:
    bool [N], the references. reserve: bool [N], the next one of each class: it stands in for a reference that is itself compared
    with the others, so that this has as many to compare with as a new photo."""

    labels: np.ndarray
    groups: np.ndarray
    kept: np.ndarray
    reserve: np.ndarray

    @property
    def indices(self) -> np.ndarray:
        """i64, sorted: of all that are compared with."""
        return np.flatnonzero(self.kept | self.reserve)

    @property
    def neighbors(self) -> np.ndarray:
        """i32 [classes]: number of references of each class that are averaged."""
        return np.clip(np.bincount(self.labels[self.kept]) // 4, 1, NEIGHBORS).astype(np.int32)

    def hidden(self, part: slice) -> np.ndarray:
        """bool [photos of the part, indices]: what a photo is not compared with."""
        among = self.indices
        stands_in = self.kept[part, None] & (self.labels[part, None] == self.labels[among])
        return (self.groups[part, None] == self.groups[among]) | (self.reserve[among] & ~stands_in)


def draw_references(labels: np.ndarray, groups: np.ndarray, seed: int) -> Drawn:
    """labels i32 [N], groups i64 [N]. As many of each class as it has, or as there is room for; drawn with `seed`."""
    counts, rank = np.bincount(labels), drawn_ranks(labels, seed)
    room = REFERENCES
    while room > 1 and np.minimum(counts, room).sum() > REFERENCES:
        room -= 1
    return Drawn(labels, groups, rank < room, rank == room)


@dataclass(frozen=True)
class Neighborhood:
    """projection: f32 [channels, D] and center: f32 [D], subtracted after the projection; both None: the features as they are,
    D = channels. references, outliers: f16 [R, D] and [S, D], unit rows: training photos, and known outliers (S may be 0).
    labels: i32 [R], of the references. class_baseline: f32 [classes], mean distance of the training photos nearest to each
    class. neighbors: i32 [classes], number of references of each class that are averaged. scale: standard deviation of the
    distances of the training photos from their baseline."""

    projection: Optional[np.ndarray]
    center: Optional[np.ndarray]
    references: np.ndarray
    labels: np.ndarray
    class_baseline: np.ndarray
    outliers: np.ndarray
    neighbors: np.ndarray
    scale: float = 1.0

    def score(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> f32 [N]: mean 0 and deviation 1 for training photos, higher for outliers."""
        distance, nearest = self.compare(features)
        return (distance - self.class_baseline[nearest]) / np.float32(self.scale)

    def project(self, features: np.ndarray) -> np.ndarray:
        """features f32 [N, channels] -> unit rows f32 [N, D]."""
        if self.projection is None:
            return unit_rows(features)
        return unit_rows(features @ self.projection - self.center)

    def compare(self, features: np.ndarray, drawn: Optional[Drawn] = None) -> Tuple[np.ndarray, np.ndarray]:
        """features f32 [N, channels] -> distance f32 [N], at least -1 - PULL, and nearest class i64 [N].

        drawn: where the features are those of the photos that it is of, and the first references are `drawn.indices`; then each
        photo is compared with the others only."""
        distance, nearest = np.empty(len(features), np.float32), np.empty(len(features), int)
        references, outliers = self.references.astype(np.float32).T, self.outliers.astype(np.float32).T
        for part in row_blocks(len(features)):
            rows = self.project(features[part])
            similarity = rows @ references
            if drawn:
                hidden = drawn.hidden(part)
                similarity[:, : hidden.shape[1]][hidden] = HIDDEN
            near = _class_similarity(similarity, self.labels, self.neighbors)
            distance[part], nearest[part] = -near.max(1), near.argmax(1)
            if self.outliers.size:
                distance[part] += PULL * _mean_highest(rows @ outliers, OUTLIERS)
        return distance, nearest

    def fits(self, channels: int, classes: int) -> bool:
        """Whether the shapes are those of a neighborhood of features f32 [N, channels] and this number of classes."""
        width = channels
        if self.projection is not None and self.center is not None:
            width = self.projection.shape[-1]
            if self.projection.shape != (channels, width) or self.center.shape != (width,):
                return False
        shapes = {self.class_baseline.shape, self.neighbors.shape}
        rows = all(array.ndim == 2 and array.shape[1] == width for array in (self.references, self.outliers))
        return rows and len(self.references) == len(self.labels) and shapes == {(classes,)}

    def for_classes(self, present: Sequence[Sequence[int]]) -> "Neighborhood":
        """The same for other classes. present: for each of them, the present numbers of what it is made of.

        A class that is made of nothing has no references, the class baseline NaN and no neighbors, which `extended` fills in.
        References of classes that are in none are left out."""
        becomes = np.full(len(self.class_baseline), -1, np.int32)
        baseline, neighbors = np.full(len(present), np.nan, np.float32), np.zeros(len(present), np.int32)
        for label, numbers in enumerate(present):
            becomes[list(numbers)] = label
            if numbers:
                baseline[label] = self.class_baseline[list(numbers)].mean()
                neighbors[label] = self.neighbors[list(numbers)].min()
        labels = becomes[self.labels]
        kept = labels >= 0
        return replace(self._with_references(self.references[kept], labels[kept], neighbors), class_baseline=baseline)

    def extended(self, features: np.ndarray, drawn: Drawn, old: np.ndarray) -> Tuple["Neighborhood", np.ndarray]:
        """The same with training photos as further references, which come first; and the scores f32 [N] of these photos, each
        by the others.

        features: f32 [N, channels], of the photos. old: indices of the present references that stay. Projection, center, scale
        and baseline stay; the baseline of a class that has none is that of the photos."""
        neighbors = np.where(self.neighbors > 0, self.neighbors, drawn.neighbors).astype(np.int32)

        def with_photos(chosen: np.ndarray) -> "Neighborhood":
            references = np.concatenate([self.project(features[chosen]), self.references[old]])
            return self._with_references(
                references, np.concatenate([drawn.labels[chosen], self.labels[old]]), neighbors
            )

        distances, nearest = with_photos(drawn.indices).compare(features, drawn)
        baseline = self.class_baseline.copy()
        for label in np.flatnonzero(np.isnan(baseline)):
            baseline[label] = distances[nearest == label].mean() if label in nearest else distances.mean()
        scores = (distances - baseline[nearest]) / np.float32(self.scale)
        return replace(with_photos(np.flatnonzero(drawn.kept)), class_baseline=baseline), scores

    def _with_references(self, references: np.ndarray, labels: np.ndarray, neighbors: np.ndarray) -> "Neighborhood":
        rows = references.astype(np.float16)
        return replace(self, references=rows, labels=labels.astype(np.int32), neighbors=neighbors)


def fit_neighborhood(
    features: np.ndarray,
    drawn: Drawn,
    projection: Optional[np.ndarray],
    background: np.ndarray,
    outliers: np.ndarray,
) -> Tuple[Neighborhood, np.ndarray]:
    """A neighborhood, and the scores f32 [N] of the training photos, each by the others and the baseline without it.

    features: f32 [N, channels], of the training photos. background: f32 [channels], mean of pictures of anything. outliers: f32
    [S, channels]. The center is half-way from the mean of the photos to the background, which tells both apart best."""
    labels, center = drawn.labels, None
    counts = np.bincount(labels)
    if projection is not None:
        # The mean of the class means, so that large classes do not weigh more.
        means = np.stack([features[labels == label].mean(0) for label in range(len(counts))])
        center = (means.mean(0) + background) / 2 @ projection
    empty, none = np.zeros((0, 0), np.float16), np.zeros(len(counts), np.float32)
    bare = Neighborhood(projection, center, empty, labels, none, empty, drawn.neighbors)

    def build(chosen: np.ndarray) -> Neighborhood:
        found = bare._with_references(bare.project(features[chosen]), labels[chosen], drawn.neighbors)
        return replace(found, outliers=bare.project(outliers).astype(np.float16))

    distances, nearest = build(drawn.indices).compare(features, drawn)
    weights = 1 / counts[labels] / len(counts)  # of a photo; all classes weigh alike
    sums = np.bincount(nearest, distances, minlength=len(counts)) + PRIOR * (weights @ distances)
    photos = np.bincount(nearest, minlength=len(counts)) + PRIOR
    scores = distances - ((sums[nearest] - distances) / (photos[nearest] - 1)).astype(np.float32)
    scale = max(float(np.sqrt(weights @ (scores - weights @ scores) ** 2)), 1e-6)
    model = replace(build(np.flatnonzero(drawn.kept)), class_baseline=(sums / photos).astype(np.float32), scale=scale)
    return model, scores / np.float32(scale)


def _class_similarity(similarity: np.ndarray, labels: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """f32 [N, R], labels i32 [R], neighbors i32 [C] -> f32 [N, C]: mean of the `neighbors` highest values among the references of
    each class; for a class without references -1, the lowest cosine."""
    counts = np.bincount(labels, minlength=len(neighbors))
    # Sorted in one go, class after class: a loop over a thousand classes would take ten times as long.
    ordered = np.sort(similarity + APART * labels, axis=1)
    ranks = np.arange(min(neighbors.max(), counts.max()))
    highest = (
        ordered[:, np.maximum(np.cumsum(counts)[:, None] - 1 - ranks, 0)] - APART * np.arange(len(counts))[:, None]
    )
    # Not "above": a number that is none stays one.
    used = (ranks < np.minimum(neighbors, counts)[:, None]) & ~(highest < (HIDDEN - 1) / 2)
    mean = np.where(used, highest, 0).sum(2) / np.maximum(used.sum(2), 1)
    return np.where(used.any(2), mean, -1).astype(np.float32)


def _mean_highest(similarity: np.ndarray, count: int) -> np.ndarray:
    """f32 [N, R] -> f32 [N]: mean of the `count` highest values of each row; without columns -1, the lowest cosine."""
    count = min(count, similarity.shape[1])
    if not count:
        return np.full(len(similarity), -1, np.float32)
    return np.partition(similarity, -count, axis=1)[:, -count:].mean(1)
