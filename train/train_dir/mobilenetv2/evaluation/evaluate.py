"""What a trained network is worth: everything that the checkpoint, the log and the report say of it, computed once."""

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
    """metrics: what the checkpoint records of "val", "folds" (the training photos, each answered without having been learned)
    and "train". confusion: i64 [C, C] of the validation photos, a row for each true class. held_out_confusion: of the training
    photos, out of fold; None where the network had learned from them. calibration: of the validation photos. rejections: None
    where nothing is rejected."""

    metrics: Dict[str, Dict[str, Any]]
    confusion: np.ndarray
    held_out_confusion: Optional[np.ndarray]
    calibration: Calibration
    rejections: Optional[Rejections]


def evaluate_answers(
    answers: Dict[str, np.ndarray], labels: Dict[str, np.ndarray], classes: Sequence[str], held_out: CrossValidation
) -> Evaluation:
    """answers: logits f32 [N, C] of the photos in "train" and "val" by the trained classifier; labels: i32 [N] of both.

    The temperature is fitted on the held-out answers, in the unit of the classifier's logits: from five photos per class these
    are nearly twice as large as the held-out ones, from hundreds 1.03 times."""
    scale = logit_scale(held_out.fitted_logits, answers["train"])
    temperature = fit_temperature(held_out.logits * scale, labels["train"])
    before, after = (reliability(answers["val"], labels["val"], value) for value in (1.0, temperature))
    matrix = confusion_matrix(answers["val"], labels["val"])
    precision, recall = (
        {name: None if np.isnan(value) else float(value) for name, value in zip(classes, row)}
        for row in precision_recall(matrix)
    )
    rejections = Rejections(held_out.detector.threshold, held_out.scores) if held_out.detector else None
    rejected = {name: rejections.count(name)[0] if rejections else 0 for name in ("train", "val")}
    metrics = {
        "val": {
            **_summary(answers["val"] / np.float32(temperature), labels["val"]),
            "refused": rejected["val"],
            "ece": {"before": before.ece, "after": after.ece},
            "precision": precision,
            "recall": recall,
            "confusion": matrix.tolist(),
        },
        "folds": {**_summary(held_out.logits, labels["train"]), "refused": rejected["train"]},
        "train": _summary(answers["train"] / np.float32(temperature), labels["train"]),
    }
    folds = confusion_matrix(held_out.logits, labels["train"]) if held_out.independent else None
    return Evaluation(metrics, matrix, folds, Calibration(temperature, before, after), rejections)


def _summary(logits: np.ndarray, labels: np.ndarray) -> Dict[str, Any]:
    """With the exact 95 % interval of the accuracy."""
    known = score_answers(logits, labels)
    return {**known, "interval": exact_interval(known["correct"], known["count"])}
