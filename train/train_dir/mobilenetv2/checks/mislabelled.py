"""Photos whose label is probably wrong, by out-of-fold confidence and the most similar photos of each class."""

from typing import List, NamedTuple, Sequence

import numpy as np

from ..data.dataset import Photo
from ..data.findings import Finding
from ..data.split import count_distinct
from ..evaluation.label_noise import count_likely, fit_label_noise
from ..evaluation.metrics import drawn_ranks, row_blocks, unit_rows
from ..runtime.i18n import Bilingual

NEIGHBORS = 5  # most similar photos of a class that are averaged, at most a quarter of the class
REFERENCES = 10_000  # photos among which these are searched for, at most


class LabelIssue(NamedTuple):
    """A photo that looks like another class. self_confidence, confidence: that its label, and the class that it looks like, is
    right. wrong: probability that the label is wrong, which takes into account how many are. All are 0-1 and out of fold. likely:
    whether it is on the list of those that are probably wrong."""

    photo: Photo
    label: str
    looks_like: str
    self_confidence: float
    confidence: float
    wrong: float
    likely: bool


def find_label_issues(
    photos: Sequence[Photo], classes: Sequence[str], logits: np.ndarray, features: np.ndarray, groups: np.ndarray
) -> List[LabelIssue]:
    """The photos that look like another class than their label, the most suspicious first: the likely ones before the others.

    logits: f32 [N, C], out-of-fold. features: f32 [N, channels]. groups: i64 [N] (`copy_search.copy_groups`). A photo is not
    judged if its class has no other."""
    labels = np.array([photo.label for photo in photos], np.int32)
    usable = count_distinct(labels, groups)[labels] > 1
    trusted = np.ones(len(labels), bool)
    # Wrong labels in one direction are similar to each other, so the second time only photos that look like their class are
    # compared with (Wilson, Asymptotic Properties of Nearest Neighbor Rules Using Edited Data, 1972).
    for _ in range(2):
        similarity = class_similarity(features, labels, groups, trusted, logits.shape[1])
        noise = fit_label_noise((logits, similarity), labels, usable)
        trusted = noise.confidences.argmax(1) == labels
    numbers = np.arange(len(labels))
    own, others = noise.confidences[numbers, labels], noise.confidences.copy()
    others[numbers, labels] = -1
    order, best = np.lexsort((own, -noise.wrong)), others.argmax(1)
    likely = np.zeros(len(labels), bool)
    likely[order[: count_likely(noise.wrong)]] = True
    return [
        LabelIssue(
            photos[index],
            classes[labels[index]],
            classes[best[index]],
            float(own[index]),
            float(others[index, best[index]]),
            float(noise.wrong[index]),
            bool(likely[index]),
        )
        for index in order
        if likely[index] or (usable[index] and not trusted[index])
    ]


def describe_issues(issues: Sequence[LabelIssue]) -> List[Finding]:
    """A finding for each likely one."""
    return [
        Finding(
            "label",
            issue.photo.name,
            Bilingual(
                f"looks like {issue.looks_like}: is its label wrong?", f"看起来像 {issue.looks_like}：标签是否有误？"
            ),
        )
        for issue in issues
        if issue.likely
    ]


def class_similarity(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, trusted: np.ndarray, classes: int
) -> np.ndarray:
    """f32 [N, C]: the mean similarity of each photo to those of each class that are most similar to it; -1 for a class without
    photos.

    features: f32 [N, channels]. labels: i32 [N]. groups: i64 [N] (`copy_search.copy_groups`). trusted: bool [N], photos that are
    compared with; of a class in which these are only copies of one, all are. The similarity is the cosine of the centered
    features. A photo is not compared with its copies. From REFERENCES photos on, those compared with are drawn, as many of each
    class as possible, and the time is proportional to N."""
    enough = count_distinct(labels[trusted], groups[trusted], classes) > 1
    chosen = _draw(labels, np.flatnonzero(trusted | ~enough[labels]))
    chosen = chosen[np.argsort(labels[chosen], kind="stable")]
    center = features.mean(0)
    references = unit_rows(features[chosen] - center)
    counts = np.bincount(labels[chosen], minlength=classes)
    ends = np.cumsum(counts)
    found = np.full((len(features), classes), -1, np.float32)
    for part in row_blocks(len(features)):
        similarity = unit_rows(features[part] - center) @ references.T
        similarity[groups[part, None] == groups[None, chosen]] = -1
        for label in np.flatnonzero(counts):
            of_class = similarity[:, ends[label] - counts[label] : ends[label]]
            most = max(1, min(NEIGHBORS, int(counts[label]) // 4))
            found[part, label] = np.partition(of_class, -most, axis=1)[:, -most:].mean(1)
    return found


def _draw(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of these rows, in random order REFERENCES at most: one of each class, then a second one, and so on."""
    if len(rows) <= REFERENCES:
        return rows
    rows = rows[np.argsort(labels[rows], kind="stable")]
    return rows[np.argsort(drawn_ranks(labels[rows], seed=0), kind="stable")[:REFERENCES]]
