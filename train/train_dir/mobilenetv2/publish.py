"""What is known of a run -> report.html: chooses what is shown, and makes its pictures."""

import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from . import report
from .activation import class_activation_map, overlay
from .calibration import reliability
from .checkpoint import Description
from .evidence import Evidence
from .folder import Finding, Photo, PhotoSet
from .forward import forward
from .inference import feature_maps
from .metrics import confusion, log_softmax
from .network import MobileNetV2
from .pixels import decode, pixels
from .results import peak_memory, versions
from .settings import Settings
from .words import in_language

ORDER = (
    "error",
    "bad",
    "conflict",
    "leak",
    "label",
    "giveaway",
    "imbalance",
    "copy",
    "empty",
    "note",
)  # what harms first


def publish_check(folder: Path, data: PhotoSet, findings: Sequence[Finding], settings: Settings) -> None:
    """The report of a run that ends with the check of its data set."""
    nothing = np.zeros((len(data.classes), len(data.classes)), np.int64)
    content = report.Report(
        data.classes, nothing, findings=remarks(data, findings, settings.language), **_circumstances(data, settings)
    )
    report.write(folder / "report.html", content, settings.language)


def publish(
    folder: Path,
    network: MobileNetV2,
    description: Description,
    data: PhotoSet,
    findings: Sequence[Finding],
    evidence: Evidence,
    answers: np.ndarray,
    history: Dict[str, List[Dict[str, Any]]],
    comparison: Dict[str, Dict[str, Any]],
    seconds: Dict[str, float],
    settings: Settings,
) -> None:
    """answers: logits f32 [N, C] of the validation photos. history, comparison, seconds: as in `results.write`."""
    labels, scale = data.labels("val"), description.temperature
    rows = tuple(reliability(answers, labels, temperature) for temperature in (1.0, scale))
    content = report.Report(
        classes=data.classes,
        val=confusion(answers, labels),
        held_out=confusion(evidence.folds, data.labels("train")) if evidence.fresh else None,
        history=history,
        comparison=comparison,
        calibration=report.Calibration(scale, *rows),
        neither=report.Refusals(evidence.neither.threshold, evidence.scores) if evidence.neither else None,
        answers=_shown(network, description, data.split("val"), answers / np.float32(scale)),
        findings=remarks(data, findings, settings.language),
        seconds=seconds,
        **_circumstances(data, settings),
    )
    report.write(folder / "report.html", content, settings.language)


def remarks(data: PhotoSet, findings: Sequence[Finding], language: str) -> Tuple[report.Remark, ...]:
    """What harms first; with pictures of the photos that can be read, as far as the report shows them."""
    photos = {photo.name: photo for photo in data.photos}
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.kind))
    made = []
    for number, finding in enumerate(ordered):
        names = tuple(name for name in (finding.name, finding.other) if name)
        known = [photos[name] for name in names if name in photos] if number < report.FINDINGS else []
        text = in_language(finding.text, language)
        made.append(report.Remark(finding.kind, names, text, tuple(_small(photo) for photo in known)))
    return tuple(made)


def _small(photo: Photo) -> Image.Image:
    picture = decode(photo.read(), report.SMALL)
    picture.thumbnail((report.SMALL, report.SMALL))
    return picture


def _shown(
    network: MobileNetV2, description: Description, photos: Sequence[Photo], logits: np.ndarray
) -> Tuple[report.Answer, ...]:
    """The wrong answers, the surest first, and then the least sure right ones, with what they rest on."""
    confidences = np.exp(log_softmax(logits))
    best = logits.argmax(1)
    right = best == [photo.label for photo in photos]
    sure = confidences.max(1)
    chosen = np.lexsort((np.where(right, sure, -sure), right))[: report.PHOTOS]
    preprocessing, weight = description.preprocessing, network.classifier.weight.asnumpy()
    seen = [(index, pixels(photos[index].read(), preprocessing)) for index in chosen]
    maps = forward(feature_maps(network), iter(seen), preprocessing.size)
    shown = []
    for (index, feature_map), (_, array) in zip(maps, seen):
        activation = class_activation_map(feature_map, weight, int(best[index]))
        picture = overlay(array, np.zeros_like(activation), preprocessing)
        marked = overlay(array, activation, preprocessing)
        names = (description.classes[label] for label in (photos[index].label, best[index]))
        shown.append(report.Answer(photos[index].name, *names, float(sure[index]), picture, marked))
    return tuple(shown)


def _circumstances(data: PhotoSet, settings: Settings) -> Dict[str, Any]:
    return {
        "settings": settings.recorded(),
        "versions": versions(),
        "device": ms.get_context("device_target"),
        "memory": peak_memory(),
        "counts": {split: data.counts(split) for split in ("train", "val")},
        "fingerprint": data.fingerprint(),
        "command": shlex.join(["python", *sys.argv]),
    }
