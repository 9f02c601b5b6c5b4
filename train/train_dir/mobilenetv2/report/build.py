"""What is known of a run -> report.html: chooses what is shown, and makes its pictures."""

import shlex
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from ..checks.issues import sort_findings
from ..data.dataset import Finding, Photo, PhotoSet
from ..data.image import decode, preprocess
from ..engine.forward import feature_maps
from ..evaluation.class_activation import class_activation_map, overlay
from ..evaluation.evaluate import Evaluation
from ..evaluation.metrics import log_softmax
from ..model.checkpoint import Description
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import run_batches
from ..runtime.environment import package_versions, peak_memory_mib
from ..runtime.i18n import in_language
from .content import Answer, Remark, Report
from .render import FINDINGS, PHOTOS, SMALL, write_page


def write_check_report(
    file: Path, data: PhotoSet, findings: Sequence[Finding], recorded: Dict[str, Any], language: str
) -> None:
    """The report of a run that ends with the check of its data set. recorded: settings."""
    content = Report(
        data.classes,
        np.zeros((len(data.classes), len(data.classes)), np.int64),
        findings=make_remarks(data, findings, language),
        **_circumstances(data, recorded),
    )
    write_page(file, content, language)


def write_report(
    file: Path,
    network: MobileNetV2,
    description: Description,
    data: PhotoSet,
    findings: Sequence[Finding],
    evaluation: Evaluation,
    answers: np.ndarray,
    history: Dict[str, List[Dict[str, Any]]],
    comparison: Dict[str, Dict[str, Any]],
    seconds: Dict[str, float],
    language: str,
) -> None:
    """answers: logits f32 [N, C] of the validation photos. history, comparison, seconds: as in `results.write`."""
    shown = _shown(network, description, data.split("val"), answers / np.float32(description.temperature))
    content = Report(
        classes=data.classes,
        val=evaluation.confusion,
        held_out=evaluation.held_out_confusion,
        history=history,
        comparison=comparison,
        calibration=evaluation.calibration,
        neither=evaluation.rejections,
        answers=shown,
        findings=make_remarks(data, findings, language),
        seconds=seconds,
        **_circumstances(data, description.settings),
    )
    write_page(file, content, language)


def make_remarks(data: PhotoSet, findings: Sequence[Finding], language: str) -> Tuple[Remark, ...]:
    """What harms first; with pictures of the photos that can be read, as far as the report shows them."""
    photos = {photo.name: photo for photo in data.photos}
    made = []
    for number, finding in enumerate(sort_findings(findings)):
        names = tuple(name for name in (finding.name, finding.other) if name)
        known = [photos[name] for name in names if name in photos] if number < FINDINGS else []
        text = in_language(finding.text, language)
        made.append(Remark(finding.kind, names, text, tuple(_small(photo) for photo in known)))
    return tuple(made)


def _small(photo: Photo) -> Image.Image:
    picture = decode(photo.read(), SMALL)
    picture.thumbnail((SMALL, SMALL))
    return picture


def _shown(
    network: MobileNetV2, description: Description, photos: Sequence[Photo], logits: np.ndarray
) -> Tuple[Answer, ...]:
    """The wrong answers, the surest first, and then the least sure right ones, with what they rest on."""
    confidences = np.exp(log_softmax(logits))
    best = logits.argmax(1)
    right = best == [photo.label for photo in photos]
    sure = confidences.max(1)
    chosen = np.lexsort((np.where(right, sure, -sure), right))[:PHOTOS]
    preprocessing, weight = description.preprocessing, network.classifier.weight.asnumpy()
    seen = [(index, preprocess(photos[index].read(), preprocessing)) for index in chosen]
    maps = run_batches(feature_maps(network), iter(seen), preprocessing.size)
    shown = []
    for (index, feature_map), (_, array) in zip(maps, seen):
        activation = class_activation_map(feature_map, weight, int(best[index]))
        picture = overlay(array, np.zeros_like(activation), preprocessing)
        marked = overlay(array, activation, preprocessing)
        true, answer = (description.classes[label] for label in (photos[index].label, best[index]))
        shown.append(Answer(photos[index].name, true, answer, float(sure[index]), picture, marked))
    return tuple(shown)


def _circumstances(data: PhotoSet, recorded: Dict[str, Any]) -> Dict[str, Any]:
    return {
        "settings": recorded,
        "versions": package_versions(),
        "device": ms.get_context("device_target"),
        "memory": peak_memory_mib(),
        "counts": {split: data.counts(split) for split in ("train", "val")},
        "fingerprint": data.fingerprint(),
        "command": shlex.join(["python", *sys.argv]),
    }
