"""Results of a run -> report.html and README.md: selects what they show, and makes the pictures."""

import shlex
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from ..checks.issues import first_of_each, sort_findings
from ..checks.mislabelled import LabelIssue
from ..data.dataset import IN_TURN, LEARNED, Photo, PhotoSet
from ..data.findings import Finding
from ..data.image import decode, preprocess
from ..data.kind import DRAWINGS
from ..data.layout import SPLITS
from ..data.transfer import shown_address
from ..engine import feature_maps
from ..evaluation.class_activation import class_activation_map, overlay
from ..evaluation.evaluate import Evaluation
from ..evaluation.metrics import log_softmax
from ..model.checkpoint import Description
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import run_batches
from ..model.pretrained import BUILT_IN, OWN
from ..runtime.environment import package_versions, peak_memory_mib
from ..runtime.i18n import in_language
from .content import LabelIssues, Remark, Report, ShownAnswer, ShownIssue
from .model_card import write_card
from .render import FINDINGS, LABELS, LARGE, PHOTOS, SMALL, write_page


def write_check_report(
    file: Path,
    data: PhotoSet,
    findings: Sequence[Finding],
    issues: Optional[Sequence[LabelIssue]],
    origin: Dict[str, Any],
    recorded: Dict[str, Any],
    language: str,
) -> None:
    """Write the report of a run that only checks its data set, or has not trained yet. issues: labels that may be wrong; None
    where they were not judged. origin: as in `Description`. recorded: settings. language: "en" or "zh".

    Raises UserError where the file cannot be written, or a photo not be read any more.
    """
    content = Report(
        data.classes,
        np.zeros((len(data.classes), len(data.classes)), np.int64),
        findings=make_remarks(data, findings, language),
        label_issues=_shown_issues(issues),
        trained=False,
        origin=origin,
        memory=peak_memory_mib(),
        **_provenance(data, recorded),
    )
    write_page(file, content, language)


def write_report(
    file: Path,
    network: MobileNetV2,
    description: Description,
    data: PhotoSet,
    findings: Sequence[Finding],
    issues: Optional[Sequence[LabelIssue]],
    evaluation: Evaluation,
    answers: np.ndarray,
    history: Dict[str, List[Dict[str, Any]]],
    comparison: Dict[str, Dict[str, Any]],
    seconds: Dict[str, float],
    memory: float,
    language: str,
) -> None:
    """Write the report of a training run. answers: logits f32 [N, C] of the validation photos. language: "en" or "zh".

    issues: as in `write_check_report`. history, comparison, seconds, memory: as in `write_metrics`. Raises UserError where the
    file cannot be written, or a photo not be read any more.
    """
    refused = _refused(data, evaluation, "val")
    scaled = answers / np.float32(description.temperature)
    content = replace(
        _results(description, data, findings, evaluation, answers),
        history=history,
        comparison=comparison,
        answers=_select_answers(network, description, data.split("val"), scaled, refused),
        findings=make_remarks(data, findings, language),
        label_issues=_shown_issues(issues),
        seconds=seconds,
        memory=memory,
        **_provenance(data, description.settings),
    )
    write_page(file, content, language)


def write_model_card(
    file: Path,
    description: Description,
    data: PhotoSet,
    findings: Sequence[Finding],
    evaluation: Evaluation,
    answers: np.ndarray,
    licence: str,
    language: str,
) -> None:
    """Write README.md. licence: for its front matter, or "". Otherwise as `write_report`."""
    write_card(file, _results(description, data, findings, evaluation, answers), description, licence, language)


def _results(
    description: Description,
    data: PhotoSet,
    findings: Sequence[Finding],
    evaluation: Evaluation,
    answers: np.ndarray,
) -> Report:
    """What report and model card have in common. Its findings have no pictures."""
    trained_from = description.origin.get("teacher", description.origin)
    refused = {split: _refused(data, evaluation, split) for split in ("val", "test", "train")}
    right = answers.argmax(1) == data.labels("val")
    counted = {
        "held_out" if split == "train" else split: np.bincount(data.labels(split)[rows], minlength=len(data.classes))
        for split, rows in refused.items()
        if evaluation.rejections and len(rows)
    }
    return Report(
        classes=data.classes,
        val_confusion=evaluation.confusion,
        test_confusion=evaluation.test_confusion,
        held_out_confusion=None if data.validation == IN_TURN else evaluation.held_out_confusion,  # the same as val
        calibration=None if data.validation == LEARNED else evaluation.calibration,
        neither=evaluation.rejections,
        findings=tuple(Remark(finding.kind, (), finding.text) for finding in findings),
        settings=description.settings,
        counts=_counts(data),
        kind=data.kind,
        mode=description.hyperparameters["mode"],
        origin=description.origin,
        seen_before=trained_from["weights"] == OWN or (trained_from["weights"] == BUILT_IN and data.kind != DRAWINGS),
        leaked=_leaked(data, findings),
        refused=counted,
        refused_right=int((refused["val"] & right).sum()),
        prior=evaluation.prior,
        validation=data.validation,
    )


def _refused(data: PhotoSet, evaluation: Evaluation, split: str) -> np.ndarray:
    """bool [N]: which photos of a split are refused; of "train", out of fold."""
    if evaluation.rejections is None or split not in evaluation.rejections.scores:
        return np.zeros(len(data.split(split)), bool)
    return evaluation.rejections.rejected(split)


def _leaked(data: PhotoSet, findings: Sequence[Finding]) -> Dict[str, int]:
    """How many photos of "val" and "test" have a copy in a split before theirs."""
    splits = {photo.name: photo.split for photo in data.photos}
    leaked: Dict[str, Set[str]] = {"val": set(), "test": set()}
    for finding in findings:
        if finding.kind in ("leak", "conflict"):
            pair = [name for name in (finding.name, finding.other) if splits.get(name) in SPLITS]
            if len({splits[name] for name in pair}) == 2:
                later = max(pair, key=lambda name: SPLITS.index(splits[name]))
                leaked[splits[later]].add(later)
    return {split: len(names) for split, names in leaked.items()}


def make_remarks(data: PhotoSet, findings: Sequence[Finding], language: str) -> Tuple[Remark, ...]:
    """The findings, the most harmful first. Those that the report shows have pictures of their photos, except doubtful labels,
    which have a section of their own."""
    photos = {photo.name: photo for photo in data.photos}
    room = first_of_each(Counter(finding.kind for finding in findings), FINDINGS)
    made = []
    for finding in sort_findings(findings):
        names = tuple(name for name in (finding.name, finding.other) if name)
        room[finding.kind] -= 1
        shown = room[finding.kind] >= 0 and finding.kind != "label"
        known = shown and all(name in photos for name in names)  # not what was left out
        pictured = [photos[name] for name in names] if known else []
        text = in_language(finding.text, language)
        made.append(Remark(finding.kind, names, text, tuple(_thumbnail(photo) for photo in pictured)))
    return tuple(made)


def _shown_issues(issues: Optional[Sequence[LabelIssue]]) -> Optional[LabelIssues]:
    if issues is None:
        return None
    likely = [issue for issue in issues if issue.likely]
    shown = [
        ShownIssue(one.photo.name, one.label, one.looks_like, one.wrong, _thumbnail(one.photo, LARGE))
        for one in likely[:LABELS]
    ]
    return LabelIssues(tuple(shown), len(likely), len(issues) - len(likely))


def _thumbnail(photo: Photo, side: int = SMALL) -> Image.Image:
    picture = decode(photo.read(), side)
    picture.thumbnail((side, side))
    return picture


def _select_answers(
    network: MobileNetV2, description: Description, photos: Sequence[Photo], logits: np.ndarray, refused: np.ndarray
) -> Tuple[ShownAnswer, ...]:
    """The wrong answers, the most confident first, then the least confident right ones, with class activation maps.

    logits: f32 [N, C], after temperature scaling. refused: bool [N].
    """
    confidences = np.exp(log_softmax(logits))
    best = logits.argmax(1)
    right = best == [photo.label for photo in photos]
    confidence = confidences.max(1)
    chosen = np.lexsort((np.where(right, confidence, -confidence), right))[:PHOTOS]
    preprocessing, weight = description.preprocessing, network.classifier.weight.asnumpy()
    inputs = [(index, preprocess(photos[index].read(), preprocessing)) for index in chosen]
    maps = run_batches(feature_maps(network), iter(inputs))
    shown = []
    for (index, feature_map), (_, array) in zip(maps, inputs):
        activation = class_activation_map(feature_map, weight, int(best[index]))
        picture = overlay(array, np.zeros_like(activation), preprocessing)
        marked = overlay(array, activation, preprocessing)
        true, answer = (description.classes[label] for label in (photos[index].label, best[index]))
        pictures = picture, marked, bool(refused[index])
        shown.append(ShownAnswer(photos[index].name, true, answer, float(confidence[index]), *pictures))
    return tuple(shown)


def _counts(data: PhotoSet) -> Dict[str, Dict[str, int]]:
    return {split: data.counts(split) for split in SPLITS if data.split(split)}


def _provenance(data: PhotoSet, recorded: Dict[str, Any]) -> Dict[str, Any]:
    """The fields of `Report` that say how the run was made."""
    return {
        "settings": recorded,
        "versions": package_versions(),
        "device": ms.get_context("device_target"),
        "counts": _counts(data),
        "layout": data.layout,
        "fingerprint": data.fingerprint(),
        "kind": data.kind,
        # The report may be passed on, and an address may have a key in it.
        "command": shlex.join(["python", *(shown_address(text) if "://" in text else text for text in sys.argv)]),
    }
