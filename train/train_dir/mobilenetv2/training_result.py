"""What a training has come to, for the program that called `mobilenetv2.train`."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .evaluation.metrics import log_softmax
from .model import checkpoint
from .model.prediction import predict_logits
from .results import CHECKS, findings_files
from .run import Run
from .runtime.files import read_file
from .runtime.own_files import CHECKPOINT, FINDINGS

LARGEST = 2**28  # bytes of metrics.json and check.json


@dataclass(frozen=True)
class Mistake:
    """A validation photo that is answered wrong.

    file: where it lies. label: its class. answer: the class that fits best, by the network. confidence: of that class, 0-1."""

    file: Path
    label: str
    answer: str
    confidence: float


@dataclass(frozen=True)
class TrainingResult:
    """What a run has left.

    output: the folder of the results. checkpoint: for `mobilenetv2.load`; None after a check. report: report.html. classes: in
    the order of the checkpoint. accuracy: of the validation photos, 0-1; None after a check. balanced_accuracy: the mean recall
    of the classes, 0-1; worst_class: the one with the lowest recall; None where `metrics` is empty. passed: whether the accuracy
    is at least min_accuracy. metrics: what metrics.json says. history: by training ("head", "finetune", "distill"), a row for
    each epoch. mistakes: the wrong answers, the surest first. findings: about the photos, as in check.json. Of several workers,
    the first one has written all this: others may have no metrics, history and findings.
    """

    output: Path
    checkpoint: Optional[Path]
    report: Path
    classes: Tuple[str, ...]
    accuracy: Optional[float]
    balanced_accuracy: Optional[float]
    worst_class: Optional[str]
    passed: bool
    metrics: Dict[str, Any] = field(repr=False)
    history: Dict[str, List[Dict[str, Any]]] = field(repr=False)
    mistakes: List[Mistake] = field(repr=False)
    findings: List[Dict[str, Any]] = field(repr=False)


def result_of(run: Run) -> TrainingResult:
    """The result of a run that has ended."""
    output, checked = run.output.absolute(), run.config.mode in CHECKS
    found, report, _ = findings_files(run) if checked else (output / name for name in FINDINGS)
    metrics = {} if checked else _json(output / "metrics.json")
    val = metrics.get("val", {})
    return TrainingResult(
        output=output,
        checkpoint=None if checked else output / CHECKPOINT,
        report=report.absolute(),
        classes=tuple(run.data.classes),
        accuracy=None if checked else run.accuracy,
        balanced_accuracy=val.get("balanced_accuracy"),
        worst_class=val.get("worst_class", {}).get("name"),
        passed=run.passed,
        metrics=metrics,
        history=metrics.get("history", {}),
        mistakes=[] if checked else _mistakes(run, output / CHECKPOINT),
        findings=_json(found).get("findings", []),
    )


def _json(file: Path) -> Dict[str, Any]:
    """Empty for a file that could not be written, of which the run has warned."""
    with suppress(OSError, ValueError):
        return dict(json.loads(read_file(file, LARGEST)))
    return {}


def _mistakes(run: Run, file: Path) -> List[Mistake]:
    network, description, _ = checkpoint.load(str(file))
    photos, classes = run.data.split("val"), run.data.classes
    logits = run.answers.get("val")
    if logits is None:  # another process has trained, and was stopped at its end
        logits = predict_logits(network, photos, description.preprocessing, run.config.workers)
    confidences = np.exp(log_softmax(logits / np.float32(description.temperature)))
    wrong = [
        Mistake(photo.file.absolute(), classes[photo.label], classes[row.argmax()], float(row.max()))
        for photo, row in zip(photos, confidences)
        if row.argmax() != photo.label
    ]
    return sorted(wrong, key=lambda mistake: -mistake.confidence)
