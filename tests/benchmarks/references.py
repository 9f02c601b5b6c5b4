"""What trust.py puts beside this project's figures: classifiers on the same features, and what chance alone gives."""

from typing import Callable, List

import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mobilenetv2.evaluation.calibration import reliability
from mobilenetv2.evaluation.metrics import unit_rows

FOLDS = 5
NEIGHBORS = 5
STRENGTHS = np.logspace(-4, 0, 5)  # C, of standardised features
DRAWS = 300
Score = Callable[[np.ndarray], np.ndarray]  # features f32 [N, channels] -> f32 [N], higher for stranger pictures


def logistic_regression(features: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """features f32 [N, channels], labels i32 [N], asked f32 [M, channels] -> i32 [M]: its answers.

    C is chosen by cross-validation, by the loss; with a single photo of a class, it is the middle one."""
    folds = min(FOLDS, int(np.bincount(labels).min()))
    strengths = STRENGTHS if folds > 1 else STRENGTHS[len(STRENGTHS) // 2 :][:1]
    split = StratifiedKFold(folds, shuffle=True, random_state=0) if folds > 1 else [(slice(None), slice(None))]
    model = LogisticRegressionCV(
        Cs=strengths, l1_ratios=(0,), cv=split, scoring="neg_log_loss", max_iter=200, use_legacy_attributes=False
    )
    return make_pipeline(StandardScaler(), model).fit(features, labels).predict(asked)


def nearest_neighbors(features: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """As `logistic_regression`: the most frequent class of the nearest photos by cosine."""
    model = KNeighborsClassifier(min(NEIGHBORS, len(features)), metric="cosine")
    return model.fit(features, labels).predict(asked)


def neighbor_distance(features: np.ndarray) -> Score:
    """Mean cosine distance of the nearest photos, all that a plain detector of strange pictures needs."""
    references = unit_rows(features)
    return lambda rows: -np.sort(unit_rows(rows) @ references.T, 1)[:, -NEIGHBORS:].mean(1)


def share_caught(known: np.ndarray, strange: List[np.ndarray], refused: float) -> float:
    """Mean over data sets of the share of their pictures above the score that the share `refused` of the known ones exceeds."""
    limit = np.quantile(known, 1 - refused, method="higher")
    return float(np.mean([(scores > limit).mean() for scores in strange]))


def ece_of_chance(confidences: np.ndarray) -> float:
    """confidences f32 [M, C] -> the calibration error that so many answers show in the mean if every confidence is true."""
    random, count = np.random.default_rng(0), len(confidences)
    share = confidences.astype(float).cumsum(1)
    logits = np.log(np.maximum(confidences, 1e-30))
    drawn = [(random.random((count, 1)) * share[:, -1:] > share).sum(1) for _ in range(DRAWS)]
    return float(np.mean([reliability(logits, labels).ece for labels in drawn]))
