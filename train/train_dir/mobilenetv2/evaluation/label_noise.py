"""How many labels are wrong, and which: a model of label noise, fitted to held-out scores of the classes.

Northcutt, Jiang and Chuang (Confident Learning, JAIR 2021) count in out-of-fold probabilities how often labels are confused. A
few hundred photos of classes that are hard to tell apart are too few for that; here the rate is fitted by its likelihood."""

from typing import NamedTuple, Sequence, Tuple

import numpy as np
from scipy.optimize import minimize

from .metrics import log_softmax, row_blocks

FITTED = 10_000  # photos that the model is fitted to, at most
HIGHEST = 0.2  # rate of wrong labels that is believed: with more, labels may be random
USUAL = 0.15  # the mean of its prior; in ten public data sets it is 0.033 (Northcutt et al., NeurIPS 2021)


class LabelNoise(NamedTuple):
    """rate: of wrong labels, 0-0.2. confidences: f32 [N, C], calibrated; of the true class. wrong: f32 [N], 0-1: the probability
    that the label is wrong."""

    rate: float
    confidences: np.ndarray
    wrong: np.ndarray


def fit_label_noise(scores: Sequence[np.ndarray], labels: np.ndarray, usable: np.ndarray) -> LabelNoise:
    """The most likely rate of wrong labels, and what follows for each photo.

    scores: f32 [N, C] each, higher for more likely classes, of photos that had no part in them. labels: i32 [N]. usable: bool
    [N], photos whose label can be judged; of the others, `wrong` is 0.

    The true class has the probabilities p = softmax(a * one + b * other ...). With the probability `rate` the label was drawn
    from the other classes, each as likely as it is frequent, so that small classes are not suspected more than large ones. The
    factors are fitted together with the rate (maximum likelihood): were they fitted alone, wrong labels would make all
    confidences low. The rate has a prior, the beta distribution with the mean USUAL that is highest at 0: a few photos of classes
    that are hard to tell apart prove nothing."""
    classes, prior = scores[0].shape[1], np.bincount(labels, minlength=scores[0].shape[1]) / len(labels)
    chance = (prior[:, None] / np.maximum(1 - prior, 1e-9)).astype(np.float32)  # [label, true class], of a wrong label
    np.fill_diagonal(chance, 0)
    rows = np.flatnonzero(usable)
    wrong, confidences = np.zeros(len(labels), np.float32), np.full((len(labels), classes), 1 / classes, np.float32)
    if not len(rows):
        return LabelNoise(0.0, confidences, wrong)
    fitted = rows[:: -(-len(rows) // FITTED)]
    scales = [1 / max(float(_centered(one[fitted]).std(1).mean()), 1e-6) for one in scores]
    centered = [_centered(one[fitted]) * np.float32(scale) for one, scale in zip(scores, scales)]
    own, numbers = labels[fitted], np.arange(len(fitted))
    others = 1 / USUAL - 2  # right labels that the prior stands for

    def loss(values: np.ndarray) -> Tuple[float, np.ndarray]:
        *factors, rate = values
        likely = _softmax(centered, factors)
        joint = chance[own] * likely
        right, noise = likely[numbers, own].astype(float), joint.sum(1).astype(float)
        total = np.maximum((1 - rate) * right + rate * noise, 1e-30)
        joint *= np.float32(rate)
        joint[numbers, own] = (1 - rate) * right
        residual = likely - joint / total[:, None].astype(np.float32)
        slopes = [float(np.einsum("nc,nc", residual, one)) for one in centered]
        gradient = np.array([*slopes, float(((right - noise) / total).sum()) + others / (1 - rate)])
        return -float(np.log(total).sum() + others * np.log(1 - rate)) / len(own), gradient / len(own)

    bounds = [(0, None)] * len(scores) + [(0, HIGHEST)]
    *factors, rate = minimize(loss, [1.0] * len(scores) + [USUAL], jac=True, method="L-BFGS-B", bounds=bounds).x
    for part in row_blocks(len(labels)):
        likely = _softmax(
            [_centered(one[part]) for one in scores], [factor * scale for factor, scale in zip(factors, scales)]
        )
        noise, right = rate * (chance[labels[part]] * likely).sum(1), likely[np.arange(len(likely)), labels[part]]
        confidences[part] = likely
        wrong[part] = noise / np.maximum(noise + (1 - rate) * right, 1e-30)
    return LabelNoise(float(rate), confidences, np.where(usable, wrong, np.float32(0)))


def count_likely(wrong: np.ndarray) -> int:
    """How many of the highest probabilities, f32 [N] of `LabelNoise.wrong`, make the best list: one in which the expected mean of
    recall and precision (F1) is highest. 0 where the expected number of wrong labels rounds to 0."""
    total = float(wrong.sum(dtype=float))
    if total < 0.5:
        return 0
    found = np.cumsum(np.sort(wrong)[::-1], dtype=float)
    return int((found / (np.arange(1, len(wrong) + 1) + total)).argmax()) + 1


def _centered(rows: np.ndarray) -> np.ndarray:
    return rows - rows.mean(1, keepdims=True)


def _softmax(scores: Sequence[np.ndarray], factors: Sequence[float]) -> np.ndarray:
    """The probabilities f32 [N, C] of the weighted sum."""
    weighted = sum(one * np.float32(factor) for one, factor in zip(scores, factors))
    return np.exp(log_softmax(np.asarray(weighted)))
