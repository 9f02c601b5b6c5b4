"""How far the answers can be trusted: from features that are there already, and without a look at the validation photos."""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from . import neither, quality
from .calibration import ece, fit_temperature, reliability
from .check import Checked
from .folder import Finding, PhotoSet
from .folds import FOLDS, assign_folds, out_of_fold, unit
from .forward import Pooled
from .intervals import interval
from .metrics import confusion, per_class, summary
from .neither import Neither, directions
from .settings import Settings

Head = Tuple[np.ndarray, np.ndarray]  # weight f32 [K, channels], bias f32 [K]


@dataclass(frozen=True)
class Features:
    """Of the photos, and of the pictures in the folder `neither`."""

    train: Pooled
    val: Pooled
    strangers: Pooled


@dataclass(frozen=True)
class Evidence:
    """folds: logits f32 [N, C] of the training photos, each by a classifier that has not learned from it. inside: of the same
    photos by one that has learned from all of them. neither: when a picture is refused; None: never. scores: f32 [N] of "train"
    and "strangers", held out, and "val". suspects: photos whose label is probably wrong. fresh: not even the features were
    learned from these photos."""

    folds: np.ndarray
    inside: np.ndarray
    neither: Optional[Neither]
    scores: Dict[str, np.ndarray]
    suspects: List[Finding]
    fresh: bool


def gather(features: Features, checked: Checked, settings: Settings, fresh: bool, head: Optional[Head]) -> Evidence:
    """fresh: the features are of a network that did not learn from these photos, so their labels can be questioned. head: the
    classifier that came with the weights, if the features are of their backbone."""
    data, plain = checked.data, features.train.whole[:, 0]
    labels, classes = data.labels("train"), len(data.classes)
    groups = checked.groups[[photo.split == "train" for photo in data.photos]]
    if len(np.unique(groups)) == 1:  # nothing but copies of one picture: there is no other fold to learn from
        groups = np.arange(len(labels))
    fold = assign_folds(labels, groups, settings.seed)
    logits, inside = out_of_fold(features.train.whole, labels, fold, classes)
    seen, strangers = features.train.middle, features.strangers.middle
    known = directions(seen, head[0] if head else None)
    model, held_out = neither.learn(seen, labels, fold, known, strangers, settings.refused, settings.seed)
    suspects: List[Finding] = []
    if fresh:
        others = quality.other_neighbours(plain, labels, groups)
        calibrated = logits / np.float32(fit_temperature(logits, labels))
        suspects = quality.mislabelled(data.split("train"), data.classes, calibrated, others)
    scores = {"train": held_out, "val": model.score(features.val.middle), "strangers": _held_out(model, strangers)}
    return Evidence(logits, inside, model, scores, suspects, fresh)


def _held_out(model: Neither, strangers: np.ndarray) -> np.ndarray:
    """f32 [S, channels] -> the score f32 [S] of each by a model that does not know it."""
    fold = np.arange(len(strangers)) % FOLDS
    scores = np.empty(len(strangers), np.float32)
    for number in np.unique(fold):
        rest = replace(model, strangers=model.strangers[fold != number])
        scores[fold == number] = rest.score(strangers[fold == number])
    return scores


def temperature(evidence: Evidence, answers: np.ndarray, labels: np.ndarray) -> float:
    """answers: logits f32 [N, C] of the training photos by the trained classifier. Fitted on the folds, in the unit of its
    logits: from five photos per class they are nearly twice as large as those of the folds, from hundreds 1.03 times."""
    return fit_temperature(evidence.folds * unit(evidence.inside, answers), labels)


def measures(
    evidence: Evidence, answers: Dict[str, np.ndarray], data: PhotoSet, temperature: float
) -> Dict[str, Dict[str, Any]]:
    """answers: logits f32 [N, C] of the photos in "train" and "val" -> what is known of "val", of "train" and of "folds" (the
    training photos, each answered without having been learned). confusion: a row for each true class."""
    labels = {split: data.labels(split) for split in ("train", "val")}
    matrix = confusion(answers["val"], labels["val"])
    precision, recall = (
        {name: None if np.isnan(value) else float(value) for name, value in zip(data.classes, row)}
        for row in per_class(matrix)
    )
    errors = [ece(reliability(answers["val"], labels["val"], scale)) for scale in (1.0, temperature)]
    refused = {"train": 0, "val": 0}
    if evidence.neither:
        refused = {name: int((scores > evidence.neither.threshold).sum()) for name, scores in evidence.scores.items()}
    return {
        "val": {
            **_summary(answers["val"] / np.float32(temperature), labels["val"]),
            "refused": refused["val"],
            "ece": {"before": errors[0], "after": errors[1]},
            "precision": precision,
            "recall": recall,
            "confusion": matrix.tolist(),
        },
        "folds": {**_summary(evidence.folds, labels["train"]), "refused": refused["train"]},
        "train": _summary(answers["train"] / np.float32(temperature), labels["train"]),
    }


def _summary(logits: np.ndarray, labels: np.ndarray) -> Dict[str, Any]:
    """With the exact 95 % interval of the accuracy."""
    known = summary(logits, labels)
    return {**known, "interval": interval(known["correct"], known["count"])}
