"""How far a picture is from everything that was learned, so that a cat is called neither dog nor croissant.

Nearest neighbours by cosine, in the directions that matter for telling things apart. Where the weights come with a classifier
of many classes, its matrix says which these are; otherwise they are the directions in which the training photos differ most.
Of what was tried (plain features, Mahalanobis, energy, residuals and more), this refuses most strangers.
"""

from dataclasses import dataclass
from typing import Dict, Optional, Tuple

import numpy as np

from .metrics import unit_rows

DIRECTIONS = 256  # of the features, at most; with 128, a quarter fewer strangers are refused
REFERENCES = 1000  # training photos that are kept, at most
NEIGHBOURS = 8  # training photos that count for a picture, at most a quarter of the smallest class
STRANGERS = 3  # the same of pictures in the folder `neither`
PULL = 0.5  # weight of their similarity against that of the training photos
REFUSED = 0.02  # share of the training photos, held out, that may be refused
PREFIX = "neither."  # of the tensors' names in a checkpoint


@dataclass(frozen=True)
class Neither:
    """projection: f32 [channels, D]; centre: f32 [D], what is subtracted after it. references, strangers: f16 [R, D] and [S, D],
    of length 1: training photos, and pictures that are neither (S may be 0). neighbours: how many references count.
    threshold: a picture with a higher score is refused."""

    projection: np.ndarray
    centre: np.ndarray
    references: np.ndarray
    strangers: np.ndarray
    neighbours: int
    threshold: float

    def score(self, features: np.ndarray) -> np.ndarray:
        """Pooled features f32 [N, channels] of view 0 -> f32 [N]: about -1 (the same as training photos) to 0.5 (a stranger)."""
        rows = unit_rows(features @ self.projection - self.centre)
        near = _closest(rows, self.references, self.neighbours)
        if not len(self.strangers):
            return -near
        return PULL * _closest(rows, self.strangers, STRANGERS) - near

    def nearest(self, features: np.ndarray, count: int) -> np.ndarray:
        """f32 [N, channels] -> i64 [N, count]: the most similar references, the nearest first."""
        similar = unit_rows(features @ self.projection - self.centre) @ self.references.astype(np.float32).T
        return np.argsort(-similar, axis=1, kind="stable")[:, :count]

    def refused(self, features: np.ndarray) -> np.ndarray:
        """f32 [N, channels] -> bool [N]: a picture of neither class."""
        return self.score(features) > self.threshold

    def tensors(self) -> Dict[str, np.ndarray]:
        """What a checkpoint has to hold, by name; at most 4 MB, for 636 photos 1.6 MB."""
        numbers = np.array([self.neighbours, self.threshold], np.float32)
        arrays = {name: getattr(self, name) for name in ("projection", "centre", "references", "strangers")}
        # MindSpore stores no empty tensors.
        return {PREFIX + name: value for name, value in {**arrays, "numbers": numbers}.items() if value.size}

    @classmethod
    def from_tensors(cls, tensors: Dict[str, np.ndarray], channels: int) -> "Neither":
        """The inverse of `tensors`, for features f32 [N, channels]. Raises ValueError, in words, for what does not fit."""
        try:
            projection, centre, references, numbers = (
                tensors[PREFIX + name] for name in ("projection", "centre", "references", "numbers")
            )
        except KeyError as error:
            raise ValueError(f"the tensor {error.args[0]} is missing") from None
        strangers = tensors.get(PREFIX + "strangers", np.zeros((0, len(centre)), np.float16))
        width = projection.shape[-1]
        fits = projection.shape == (channels, width) and centre.shape == (width,) and numbers.shape == (2,)
        fits = fits and all(rows.ndim == 2 and rows.shape[1] == width for rows in (references, strangers))
        if not fits or not len(references) or not 1 <= numbers[0] <= len(references):
            raise ValueError("the tensors for the answer 'neither' do not fit together")
        finite = all(np.isfinite(array).all() for array in (projection, centre, references, strangers, numbers))
        if not finite:
            raise ValueError("the tensors for the answer 'neither' are not finite numbers")
        return cls(projection, centre, references, strangers, int(numbers[0]), float(numbers[1]))


def learn(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    projection: np.ndarray,
    strangers: Optional[np.ndarray] = None,
    refused: float = REFUSED,
    seed: int = 0,
) -> Tuple[Neither, np.ndarray]:
    """features f32 [N, channels] of view 0 of the training photos, labels i32 [N], fold i64 [N] (folds.assign_folds), projection
    f32 [channels, D] (`directions`), strangers f32 [S, channels] -> Neither, and the scores f32 [N] of the photos, held out.

    The threshold is the score that a share of `refused` of the training photos exceeds, each of them scored against the photos
    of the other folds only. It uses no validation photo and none of the strangers' scores.
    """
    scores = np.empty(len(features), np.float32)
    left = [np.bincount(labels[fold != number], minlength=labels.max() + 1).min() for number in np.unique(fold)]
    neighbours = min(NEIGHBOURS, max(1, int(min(left)) // 4))  # the same in all folds, or the threshold would not fit
    for number in np.unique(fold):
        held = fold == number
        rest = _model(features[~held], labels[~held], projection, strangers, neighbours, seed)
        scores[held] = rest.score(features[held])
    threshold = float(np.quantile(scores, 1 - refused, method="higher"))
    return _model(features, labels, projection, strangers, neighbours, seed, threshold), scores


def references(count: int, seed: int) -> np.ndarray:
    """i64: which of so many training photos are kept as references, in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:REFERENCES])


def directions(features: np.ndarray, classifier: Optional[np.ndarray] = None) -> np.ndarray:
    """features f32 [N, channels] of training photos; classifier f32 [K, channels]: the last layer that came with the backbone,
    or None -> f32 [channels, D].

    With a classifier of many classes: its strongest singular directions, so that distances are those of its logits. It must not
    be one of these classes alone, and the backbone must be the one that it was trained with.
    """
    from scipy.linalg import eigh  # a quarter of a second that the page can do without

    head = classifier is not None and len(classifier) > DIRECTIONS
    rows = np.asarray(classifier if head else features, np.float32)
    rows = rows - rows.mean(0)
    channels = rows.shape[1]
    # The eigenvectors of the small square matrix are the singular vectors of the large one, an order of magnitude faster.
    strength, vectors = eigh(rows.T @ rows, subset_by_index=(max(0, channels - DIRECTIONS), channels - 1))
    scale = np.sqrt(np.maximum(strength, 0)) if head else 1.0
    return np.ascontiguousarray((vectors * scale)[:, ::-1], np.float32)


def _model(
    features: np.ndarray,
    labels: np.ndarray,
    projection: np.ndarray,
    strangers: Optional[np.ndarray],
    neighbours: int,
    seed: int,
    threshold: float = 0.0,
) -> Neither:
    classes = np.unique(labels)
    rows = features @ projection
    centre = np.mean(
        [rows[labels == label].mean(0) for label in classes], 0
    )  # of the classes, however many photos they have
    rows = unit_rows(rows - centre)
    rows = rows[references(len(rows), seed)]
    others = np.zeros((0, rows.shape[1]), np.float32)
    if strangers is not None and len(strangers):
        others = unit_rows(strangers @ projection - centre)
    return Neither(
        projection,
        centre,
        rows.astype(np.float16),
        others.astype(np.float16),
        neighbours,
        threshold,
    )


def _closest(rows: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """Mean cosine of the `count` most similar of the others: f32 [N]."""
    similar = rows @ others.astype(np.float32).T
    count = min(count, similar.shape[1])
    return np.partition(similar, -count, axis=1)[:, -count:].mean(1)
