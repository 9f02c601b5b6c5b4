"""Photos whose label is probably wrong, by what the network makes of them."""

from typing import List, Sequence

import numpy as np

from ..data.dataset import Finding, Photo
from ..evaluation.metrics import log_softmax, row_blocks, unit_rows
from ..runtime.i18n import Bilingual

NEIGHBOURS = 10  # of a photo, whose classes are compared with its own
OTHERS = 0.9  # share of them in the other class from which on the label is suspected
BELIEF = 0.25  # confidence in its own class below which a photo's label is suspected


def find_mislabelled(
    photos: Sequence[Photo], classes: Sequence[str], logits: np.ndarray, others: np.ndarray
) -> List[Finding]:
    """`suspects` among photos, by file name."""
    labels = np.array([photo.label for photo in photos], np.int32)
    return [
        Finding(
            "label",
            photos[index].name,
            Bilingual(f"looks like {seen}: is its label wrong?", f"看起来像 {seen}：标签是否有误？"),
        )
        for index in suspects(logits, others, labels)
        for seen in [classes[logits[index].argmax()]]
    ]


def suspects(logits: np.ndarray, others: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Indices of photos whose label is probably wrong, the clearest first.

    logits: calibrated f32 [N, C], of a classifier that did not learn from these photos. others: f64 [N] from
    `other_neighbours`. Both have to speak against the label: either alone also finds photos that are just hard.
    """
    confidence = np.exp(log_softmax(logits))[np.arange(len(labels)), labels]
    suspected = np.flatnonzero((confidence < BELIEF) & (others >= OTHERS))
    return suspected[np.argsort(confidence[suspected], kind="stable")]


def other_class_share(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """f64 [N], 0-1: of the nearest neighbours of each photo, the share of the most frequent class other than its own.

    features f32 [N, channels], labels i32 [N] and copy groups i64 [N] (duplicates.groups) of the photos. Near is a high cosine
    of the centred features. Copies of a photo are not its neighbours."""
    centre, count = features.mean(0), min(NEIGHBOURS, max(1, len(features) // 4))
    parts = row_blocks(len(features))
    lengths = np.concatenate([np.linalg.norm(features[part] - centre, axis=1) for part in parts])
    nearest = np.empty((len(features), count), np.int32)  # their labels
    for part in parts:
        rows = unit_rows(features[part] - centre)
        distance = -rows @ features.T
        distance += (rows @ centre)[:, None]
        distance /= np.maximum(lengths, 1e-6)
        distance[groups[part, None] == groups[None]] = 2
        nearest[part] = labels[np.argpartition(distance, count - 1, axis=1)[:, :count]]
    votes = np.stack([(nearest == label).mean(1) for label in range(int(labels.max()) + 1)], 1)
    votes[np.arange(len(labels)), labels] = 0
    return votes.max(1)
