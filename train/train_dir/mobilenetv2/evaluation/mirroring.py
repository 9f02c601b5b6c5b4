"""Whether mirrored photos are answered worse: if so, left and right matter, and training on mirrored views would do harm."""

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from scipy.special import betainc

from .cross_validation import assign_folds
from .regression import softmax_regression

SAMPLE = 64  # photos that are answered mirrored, at most
LEVEL = 0.01  # significance from which on mirroring does harm


@dataclass(frozen=True)
class MirrorTest:
    """count: held-out photos. plain, mirrored: how many are answered right as they are, and mirrored. p: one-sided, of the exact
    test of McNemar (Psychometrika 12, 1947) for fewer right answers to mirrored ones. lost, taken_for: labels; the most
    frequent wrong answer to a mirrored photo that is answered right as it is."""

    count: int
    plain: int
    mirrored: int
    p: float
    lost: int
    taken_for: int

    @property
    def harmful(self) -> bool:
        """Whether mirroring costs accuracy, at the significance LEVEL."""
        return self.p < LEVEL


def held_out_sample(labels: np.ndarray, groups: np.ndarray, seed: int, folds: int) -> Tuple[np.ndarray, np.ndarray]:
    """labels i32 [N], groups i64 [N] (`copy_search.copy_groups`) -> the fold of each photo, i64 [N], and the rows of up to
    SAMPLE photos, i64 [S], in as few folds as hold so many: each fold is a classifier to be fitted."""
    fold = assign_folds(labels, groups, seed, folds)
    counts = np.bincount(fold, minlength=folds)
    needed = int(np.searchsorted(np.cumsum(counts), min(SAMPLE, len(labels)))) + 1
    rows = np.flatnonzero(fold < needed)
    if len(rows) > SAMPLE:  # of all classes: photos are sorted by label
        rows = rows[np.linspace(0, len(rows) - 1, SAMPLE).astype(int)]
    return fold, rows


def compare_mirrored(
    plain: np.ndarray,
    mirrored: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    rows: np.ndarray,
    penalty: float,
    label_smoothing: float,
) -> MirrorTest:
    """Answer photos and their mirror images by classifiers that have learned from neither.

    plain: f32 [N, channels], features of all photos. mirrored: f32 [S, channels], of the mirrored photos `rows`. labels: i32
    [N]. fold, rows: from `held_out_sample`. penalty, label_smoothing: of `softmax_regression`."""
    classes, own = int(labels.max()) + 1, labels[rows]
    answers = np.empty((2, len(rows)), int)
    for number in np.unique(fold[rows]):
        weight, bias = softmax_regression(plain[:, None], labels, classes, penalty, label_smoothing, fold != number)
        here = fold[rows] == number
        for answer, features in zip(answers, (plain[rows], mirrored)):
            answer[here] = (features[here] @ weight.T + bias).argmax(1)
    right = answers == own
    lost, gained = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    # The probability of so many losses or more among as many changes, if gains were as likely.
    p = float(betainc(lost, gained + 1, 0.5)) if lost else 1.0
    mistakes = np.zeros((classes, classes), int)
    np.add.at(mistakes, (own[right[0] & ~right[1]], answers[1][right[0] & ~right[1]]), 1)
    worst = divmod(int(mistakes.argmax()), classes)
    return MirrorTest(len(rows), int(right[0].sum()), int(right[1].sum()), p, *worst)
