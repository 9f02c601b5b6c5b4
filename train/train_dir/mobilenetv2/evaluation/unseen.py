"""Answers for photos that the training of a network has not seen: what its temperature is fitted on.

A network is surer of photos that it has learned than of others, and a last layer that is trained without them does not change
that. So a second, short training from the same start leaves a fold out and is asked about it (docs/methods.md has the figures).
From random numbers, such a training may learn next to nothing of a few photos. Then it says nothing about the first one."""

from typing import NamedTuple, Tuple

import numpy as np

from .cross_validation import assign_folds, explains, logit_scale

LENGTH = 0.2  # of the training that leaves photos out, as a share of the first one: what it may cost


class Unseen(NamedTuple):
    """logits: f32 [n, C], labels: i32 [n], of training photos by a network that was not trained on them. learned: f32 [m, C], by
    the same network, of training photos that it was trained on; rows: i64 [m], which these are."""

    logits: np.ndarray
    labels: np.ndarray
    learned: np.ndarray
    rows: np.ndarray

    def agrees(self, answers: np.ndarray) -> bool:
        """Whether the two networks say the same of what both have learned. answers: as in `scaled`."""
        return explains(self.learned, answers[self.rows])

    def scaled(self, answers: np.ndarray) -> np.ndarray:
        """The logits f32 [n, C], in the magnitude of another network's. answers: f32 [N, C], by it, of the training photos."""
        return np.asarray(self.logits * logit_scale(self.learned, answers[self.rows]))

    def corrected(self, offset: np.ndarray) -> "Unseen":
        """offset: f32 [C], of a `PriorCorrection`, which the answers are then without."""
        return self._replace(logits=self.logits - offset, learned=self.learned - offset)


def hold_out(labels: np.ndarray, groups: np.ndarray, seed: int, folds: int) -> Tuple[np.ndarray, np.ndarray]:
    """labels i32 [N], groups i64 [N] of the training photos -> bool [N] twice: those that are held out, a fold as in
    `assign_folds`; and about as many of the others. The others have photos of all classes; with one photo of each class, none is
    held out."""
    fold = assign_folds(labels, groups, seed, folds)
    held = (fold == 0) & np.isin(labels, labels[fold != 0])
    return held, (fold == 1) & ~held
