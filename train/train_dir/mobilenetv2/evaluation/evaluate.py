"""Evaluation of a trained network: all figures for the checkpoint, the log and the report, computed once."""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence

import numpy as np

from .calibration import Calibration, fit_temperature, reliability
from .cross_validation import CrossValidation, logit_scale
from .intervals import exact_interval
from .metrics import confusion_matrix, precision_recall, score_answers
from .ood import Rejections


@dataclass(frozen=True)
class Evaluation:
    """metrics: for the checkpoint, of "val", "folds" (the training photos, out-of-fold), "train", and "test" where there are test
    photos. confusion: confusion matrix i64 [C, C] of the validation set, a row for each true class. test_confusion: of the test
    set; None without one. held_out_confusion: i64 [C, C] of the training photos,
    out-of-fold; None if the backbone was trained on them. calibration: on the validation set. rejections: None where
    nothing is rejected."""

    metrics: Dict[str, Dict[str, Any]]
    confusion: np.ndarray
    test_confusion: Optional[np.ndarray]
    held_out_confusion: Optional[np.ndarray]
    calibration: Calibration
    rejections: Optional[Rejections]


def evaluate_answers(
    answers: Dict[str, np.ndarray], labels: Dict[str, np.ndarray], classes: Sequence[str], held_out: CrossValidation
) -> Evaluation:
    """answers: logits f32 [N, C] of "train", "val" and, where there are any, "test" by the trained classifier. labels: i32 [N]
    of each.

    The temperature is fitted on the out-of-fold logits, scaled to the magnitude of the classifier's: with five photos per class
    these are nearly twice as large, with hundreds 1.03 times."""
    scale = logit_scale(held_out.fitted_logits, answers["train"])
    temperature = fit_temperature(held_out.logits * scale, labels["train"])
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
    metrics = {
        "val": {
            **_scores_with_interval(answers["val"] / np.float32(temperature), labels["val"]),
            "refused": rejected["val"],
            "ece": {"before": before.ece, "after": after.ece},
            "precision": precision,
            "recall": recall,
            "confusion": matrix.tolist(),
        },
        "folds": {**_scores_with_interval(held_out.logits, labels["train"]), "refused": rejected["train"]},
        "train": _scores_with_interval(answers["train"] / np.float32(temperature), labels["train"]),
    }
    test_matrix = None
    if "test" in answers:
        test_matrix = confusion_matrix(answers["test"], labels["test"])
        metrics["test"] = {
            **_scores_with_interval(answers["test"] / np.float32(temperature), labels["test"]),
            "refused": rejected["test"],
            "confusion": test_matrix.tolist(),
        }
    held_out_matrix = confusion_matrix(held_out.logits, labels["train"]) if held_out.independent else None
    return Evaluation(
        metrics, matrix, test_matrix, held_out_matrix, Calibration(temperature, before, after), rejections
    )


def _scores_with_interval(logits: np.ndarray, labels: np.ndarray) -> Dict[str, Any]:
    """`score_answers`, with the exact 95 % confidence interval of the accuracy."""
    scores = score_answers(logits, labels)
    return {**scores, "interval": exact_interval(scores["correct"], scores["count"])}
