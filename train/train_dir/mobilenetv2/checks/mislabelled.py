"""Photos whose label is probably wrong, by out-of-fold confidence and nearest neighbors."""

from typing import List, Sequence

import numpy as np

from ..data.dataset import Photo
from ..data.findings import Finding
from ..evaluation.metrics import log_softmax, row_blocks, unit_rows
from ..runtime.i18n import Bilingual

NEIGHBORS = 10  # nearest neighbors of a photo, whose labels are compared with its own
OTHERS = 0.9  # the least share of them with another label for which the label is suspected
BELIEF = 0.25  # confidence for its own label below which a photo is suspected


def find_mislabelled(
    photos: Sequence[Photo], classes: Sequence[str], logits: np.ndarray, others: np.ndarray
) -> List[Finding]:
    """A finding for each of `suspects`. Arguments as there, for these photos."""
    labels = np.array([photo.label for photo in photos], np.int32)
    return [
        Finding(
            "label",
            photos[index].name,
            Bilingual(f"looks like {answer}: is its label wrong?", f"看起来像 {answer}：标签是否有误？"),
        )
        for index in suspects(logits, others, labels)
        for answer in [classes[logits[index].argmax()]]
    ]


def suspects(logits: np.ndarray, others: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """i64: indices of photos whose label is probably wrong, the least confident first.

    logits: f32 [N, C], calibrated and out-of-fold. others: f64 [N] from `other_class_share`. labels: i32 [N]. Both criteria
    have to hold: either alone also finds photos that are only difficult.
    """
    confidence = np.exp(log_softmax(logits))[np.arange(len(labels)), labels]
    suspected = np.flatnonzero((confidence < BELIEF) & (others >= OTHERS))
    return suspected[np.argsort(confidence[suspected], kind="stable")]


def other_class_share(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """f64 [N], 0-1: the share of the most frequent other class among the nearest neighbors of each photo.

    features: f32 [N, channels]. labels: i32 [N]. groups: i64 [N] (`copy_search.copy_groups`). The metric is the cosine of the
    centered features. Copies of a photo are not its neighbors."""
    center, count = features.mean(0), min(NEIGHBORS, max(1, len(features) // 4))
    parts = row_blocks(len(features))
    lengths = np.concatenate([np.linalg.norm(features[part] - center, axis=1) for part in parts])
    nearest = np.empty((len(features), count), np.int32)  # labels of the nearest neighbors
    for part in parts:
        rows = unit_rows(features[part] - center)
        distance = -rows @ features.T
        distance += (rows @ center)[:, None]
        distance /= np.maximum(lengths, 1e-6)
        distance[groups[part, None] == groups[None]] = 2
        nearest[part] = labels[np.argpartition(distance, count - 1, axis=1)[:, :count]]
    votes = np.stack([(nearest == label).mean(1) for label in range(int(labels.max()) + 1)], 1)
    votes[np.arange(len(labels)), labels] = 0
    return votes.max(1)
