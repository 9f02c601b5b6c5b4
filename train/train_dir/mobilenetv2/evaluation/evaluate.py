"""Evaluation of a trained network: all figures for the checkpoint, the log and the report, computed once."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, Optional, Sequence

import numpy as np

from .calibration import Calibration, fit_temperature, reliability
from .cross_validation import CrossValidation, logit_scale
from .intervals import exact_interval
from .metrics import confusion_matrix, precision_recall, score_answers, weakest_first
from .ood import Rejections
from .prior import PriorCorrection


@dataclass(frozen=True)
class Evaluation:
    """metrics: for the checkpoint, of "val", "folds" (the training photos, out-of-fold, as far as these tell anything), "train",
    "test" where there are test photos, and "prior_correction" where classes differ in size. confusion:
    confusion matrix i64 [C, C] of the validation set, a row for each true class. test_confusion: of the test
    set; None without one. held_out_confusion: i64 [C, C] of the training photos,
    out-of-fold; None if the backbone was trained on them. calibration: on the validation set. rejections: None where
    nothing is rejected."""

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
    prior: Optional[PriorCorrection] = None,
) -> Evaluation:
    """answers: logits f32 [N, C] of "train", "val" and, where there are any, "test" by the trained classifier. labels: i32 [N]
    of each. prior: what is part of all logits, answers and held-out ones alike.

    The temperature is fitted on the out-of-fold logits, scaled to the magnitude of the classifier's: with five photos per class
    these are nearly twice as large, with hundreds 1.03 times."""
    scale = logit_scale(held_out.fitted_logits, answers["train"])
    asked = held_out.asked
    out_of_fold, own = held_out.logits[asked], labels["train"][asked]
    temperature = fit_temperature(out_of_fold * scale, own) if asked.any() else 1.0
    before, after = (reliability(answers["val"], labels["val"], value) for value in (1.0, temperature))
    matrix = confusion_matrix(answers["val"], labels["val"])
    precision, recall = (
        {name: None if np.isnan(value) else float(value) for name, value in zip(classes, row)}
        for row in precision_recall(matrix)
    )
    rejections = (
        Rejections(held_out.detector.threshold, held_out.scores) if held_out.scores and held_out.detector else None
    )
    rejected = {name: rejections.count(name)[0] if rejections else 0 for name in answers}
    scores = partial(_scores, classes)
    metrics: Dict[str, Dict[str, Any]] = {
        "val": {
            **scores(answers["val"] / np.float32(temperature), labels["val"]),
            "refused": rejected["val"],
            "ece": {"before": before.ece, "after": after.ece},
            "precision": precision,
            "recall": recall,
            "confusion": matrix.tolist(),
        },
        "train": scores(answers["train"] / np.float32(temperature), labels["train"]),
    }
    if asked.any():
        metrics["folds"] = {**scores(out_of_fold, own), "refused": rejected["train"]}
    if prior:
        metrics["prior_correction"] = prior.to_json()
    test_matrix = None
    if "test" in answers:
        test_matrix = confusion_matrix(answers["test"], labels["test"])
        metrics["test"] = {
            **scores(answers["test"] / np.float32(temperature), labels["test"]),
            "refused": rejected["test"],
            "confusion": test_matrix.tolist(),
        }
    held_out_matrix = confusion_matrix(out_of_fold, own) if held_out.independent and asked.any() else None
    return Evaluation(
        metrics, matrix, test_matrix, held_out_matrix, Calibration(temperature, before, after), rejections, prior
    )


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
