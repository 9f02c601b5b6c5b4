"""Evaluation of a trained network: all figures for the checkpoint, the log and the report, computed once."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, Optional, Sequence

import numpy as np

from .calibration import Calibration, fit_temperature, reliability
from .cross_validation import CrossValidation, explains, logit_scale
from .intervals import exact_interval
from .metrics import confusion_matrix, precision_recall, record_matrix, score_answers, weakest_first
from .ood import Rejections
from .prior import PriorCorrection
from .unseen import Unseen


@dataclass(frozen=True)
class Evaluation:
    """metrics: for the checkpoint, of "val", "train", "folds" (the training photos, out-of-fold; not where that tells nothing,
    as of a backbone that was trained on them), and "test" where there are test photos; "calibration" says what the temperature
    was fitted on, "prior_correction" what was done where classes differ in size. confusion: confusion matrix i64 [C, C] of the
    validation set, a row for each true class. test_confusion: of the test set; None without one. held_out_confusion: i64 [C, C]
    of the training photos, out-of-fold; None without "folds". calibration: on the validation set. rejections: None where nothing
    is rejected."""

    metrics: Dict[str, Dict[str, Any]]
    confusion: np.ndarray
    test_confusion: Optional[np.ndarray]
    held_out_confusion: Optional[np.ndarray]
    calibration: Calibration
    rejections: Optional[Rejections]
    prior: Optional[PriorCorrection] = None


def evaluate_answers(
    answers: Dict[str, np.ndarray],
    labels: Dict[str, np.ndarray],
    classes: Sequence[str],
    held_out: CrossValidation,
    unseen: Optional[Unseen] = None,
    learned: bool = False,
    prior: Optional[PriorCorrection] = None,
) -> Evaluation:
    """answers: logits f32 [N, C] of "train", "val" and, where there are any, "test" by the trained classifier. labels: i32 [N]
    of each. unseen: after a training of the network. learned: whether the network was trained on the training photos. prior:
    what is part of all logits, answers and held-out ones alike.

    The temperature is fitted on the unseen photos; without them, or where they tell nothing, on the out-of-fold logits. Both are
    scaled to the magnitude of the classifier's logits: with five photos per class these are nearly twice as large as those out of
    fold, with hundreds 1.03 times. A classifier that stopped before it had learned anything has no such magnitude. Where no photo
    could be held out the temperature is 1."""
    asked = held_out.asked
    out_of_fold, fold_labels = held_out.logits[asked], labels["train"][asked]
    if unseen and unseen.agrees(answers["train"]):
        source, logits, own = "unseen", unseen.scaled(answers["train"]), unseen.labels
    else:
        source, own = "learned" if learned else "folds", fold_labels
        fitted = held_out.fitted_logits
        logits = out_of_fold * (logit_scale(fitted, answers["train"]) if explains(fitted, answers["train"]) else 1)
    temperature = fit_temperature(logits, own) if len(own) else 1.0
    source = source if len(own) else "none"
    before, after = (reliability(answers["val"], labels["val"], value) for value in (1.0, temperature))
    matrix = confusion_matrix(answers["val"], labels["val"])
    precision, recall = (
        {name: None if np.isnan(value) else float(value) for name, value in zip(classes, row)}
        for row in precision_recall(matrix)
    )
    rejections = (
        Rejections(held_out.detector.threshold, held_out.scores) if held_out.scores and held_out.detector else None
    )
    calibration = Calibration(temperature, before, after, source, len(own))
    rejected = {name: rejections.count(name)[0] if rejections else 0 for name in answers}
    scores = partial(_scores, classes)
    metrics: Dict[str, Dict[str, Any]] = {
        "val": {
            **scores(answers["val"] / np.float32(temperature), labels["val"]),
            "refused": rejected["val"],
            "ece": {"before": before.ece, "after": after.ece},
            "precision": precision,
            "recall": recall,
            **record_matrix(matrix),
        },
        "train": scores(answers["train"] / np.float32(temperature), labels["train"]),
        "calibration": calibration.to_json(),
    }
    if held_out.independent and asked.any():  # or else the network has learned these photos all the same
        metrics["folds"] = {**scores(out_of_fold, fold_labels), "refused": rejected["train"]}
    if prior:
        metrics["prior_correction"] = prior.to_json()
    test_matrix = None
    if "test" in answers:
        test_matrix = confusion_matrix(answers["test"], labels["test"])
        metrics["test"] = {
            **scores(answers["test"] / np.float32(temperature), labels["test"]),
            "refused": rejected["test"],
            **record_matrix(test_matrix),
        }
    held_out_matrix = confusion_matrix(out_of_fold, fold_labels) if "folds" in metrics else None
    return Evaluation(metrics, matrix, test_matrix, held_out_matrix, calibration, rejections, prior)


def _scores(classes: Sequence[str], logits: np.ndarray, labels: np.ndarray) -> Dict[str, Any]:
    """`score_answers`, with the exact 95 % confidence interval of the accuracy, and the class with the lowest recall."""
    found, matrix = score_answers(logits, labels), confusion_matrix(logits, labels)
    worst = weakest_first(matrix)[0]
    right, count = int(matrix[worst, worst]), int(matrix[worst].sum())
    return {
        **found,
        "interval": exact_interval(found["correct"], found["count"]),
        "worst_class": {"name": classes[worst], "correct": right, "count": count, "recall": right / count},
    }
