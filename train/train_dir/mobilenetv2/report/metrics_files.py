"""check.json, metrics.json, validation.csv and history.csv. Where one cannot be written, that is a warning and the run does not
fail."""

import csv
import json
import logging
import re
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

import mindspore as ms
import numpy as np

from ..data.dataset import GIVEN, IN_TURN, LEARNED, SHARE, Photo, PhotoSet
from ..data.findings import Finding
from ..data.kind import DRAWINGS, for_kind
from ..evaluation.evaluate import Evaluation
from ..evaluation.intervals import describe_count
from ..evaluation.metrics import log_softmax
from ..evaluation.ood import Rejections
from ..model.checkpoint import Description
from ..runtime.files import atomic
from ..runtime.own_files import BEST_COLUMNS, HISTORY_COLUMNS, PROGRAM, TABLE_COLUMNS, WIDE
from ..runtime.text import printable, spreadsheet_cell
from .texts import load_texts
from .verdict import about_prior, compare_kinds

log = logging.getLogger(__name__)
SHOWN = 10  # wrong answers that the log names
# A row of a matrix in JSON. It has a line of its own: that of a thousand classes would have a million lines.
ROW = re.compile(r"\[\n *\d+(?:,\n *\d+)*\n *\]")
PARTS = {
    "read": "reading and checking the photos",
    "features": "running the network on them",
    "head": "training the classifier",
    "finetune": "training the network",
    "distill": "teaching the small network",
    "evidence": "testing the answers",
}
# What the temperature was fitted on, see `Calibration`.
FITTED = {
    "folds": "The temperature was fitted on {count} training photos, each answered by a classifier that was trained without it.",
    "unseen": "The temperature was fitted on {count} training photos that a second, shorter training had not seen.",
    "learned": "The temperature was fitted on {count} training photos that the network has learned, so it may be too sure.",
    "none": "The temperature was not fitted: each class has a single training photo, and none could be held out.",
}


def write_metrics(
    folder: Path,
    description: Description,
    data: PhotoSet,
    answers: np.ndarray,
    evaluation: Evaluation,
    history: Dict[str, List[Dict[str, Any]]],
    comparison: Dict[str, Dict[str, Any]],
    seconds: Dict[str, float],
    memory: float,
) -> None:
    """Write metrics.json, validation.csv and history.csv, and log the main results.

    answers: logits f32 [N, C] of the validation photos. history: rows of `train_epochs` by stage. comparison: results of
    `benchmark_network` for "teacher" and "student", or empty. seconds: by part of the run. memory: the peak in MiB.
    """
    photos, rejections = data.split("val"), evaluation.rejections
    steps = [row["step_ms"] for row in history.get("finetune", [])]
    metrics = {
        "format": PROGRAM,
        "classes": description.classes,
        **description.metrics,
        "temperature": description.temperature,
        "threshold": float(np.float32(rejections.threshold)) if rejections else None,  # as the checkpoint stores it
        "seconds": seconds,
        "device": ms.get_context("device_target"),
        "peak_memory_mib": memory,
        "step_ms": float(np.median(steps)) if steps else None,
        "data": description.data,
        "origin": description.origin,
        "settings": description.settings,
        "versions": description.versions,
        "comparison": comparison,
        "history": history,
    }
    write_optional("metrics.json", _write_json, folder / "metrics.json", metrics)
    write_optional("validation.csv", _write_table, folder / "validation.csv", description, photos, answers, rejections)
    write_optional("history.csv", _write_history, folder / "history.csv", history)
    _log_results(description, photos, answers, comparison, evaluation)
    parts = [
        f"{for_kind(PARTS[part], data.kind)} {value:.1f}"
        for part, value in seconds.items()
        if part in PARTS and value >= 0.05
    ]
    words = "Time: %.1f seconds, of which %s. Memory: up to %.0f MiB."
    log.info(words, seconds["total"], ", ".join(parts), memory)


def _log_results(
    description: Description,
    photos: Sequence[Photo],
    answers: np.ndarray,
    comparison: Dict[str, Dict[str, Any]],
    evaluation: Evaluation,
) -> None:
    """Arguments as in `write_metrics`."""
    wrong = [(photo, row) for photo, row in zip(photos, answers) if row.argmax() != photo.label]
    for photo, row in wrong[:SHOWN]:
        log.info(
            "Wrong: %s is said to be %s (%.0f %% sure).",
            photo.name,
            description.classes[row.argmax()],
            100 * np.exp(log_softmax(row[None] / np.float32(description.temperature))).max(),
        )
    if len(wrong) > SHOWN:
        log.info("... and %d more in validation.csv.", len(wrong) - SHOWN)
    for name, row in comparison.items():
        log.info(
            "%s: %d of %d right, %s parameters, %.0f kB, %.1f ms a picture.",
            *(name.capitalize(), row["correct"], row["count"]),
            *(f"{row['parameters']:,}", row["bytes"] / 1000, row["milliseconds"]),
        )
    val, folds, test = (description.metrics.get(split) for split in ("val", "folds", "test"))
    assert val is not None
    kind, validation = description.kind, description.data["validation"]
    words = "Validation %s: %s (95 %% interval)%s."
    if validation == IN_TURN:
        words = "Training %s, each answered by a classifier that has not learned from it: %s (95 %% interval)%s."
    if validation == LEARNED:
        log.warning("Nothing was tested: %d of %d %s that were learned are right.", val["correct"], val["count"], kind)
    else:
        log.info(words, kind, describe_count(val["correct"], val["count"]), _averaged(val))
    if folds and validation in (GIVEN, SHARE):
        words = "Training %s, each answered by a classifier that was trained without it: %s%s."
        log.info(words, kind, describe_count(folds["correct"], folds["count"]), _averaged(folds))
    if test:
        words = "Test %s, by which nothing was chosen: %s%s."
        log.info(words, kind, describe_count(test["correct"], test["count"]), _averaged(test))
    texts, sentences = load_texts("en", kind), about_prior(evaluation.prior)
    if evaluation.held_out_confusion is not None:
        sentences += compare_kinds(evaluation.confusion, evaluation.held_out_confusion)
    for sentence in sentences:
        level = logging.WARNING if sentence.warning else logging.INFO
        log.log(level, "%s", texts[sentence.key].format(**sentence.values).replace("\u00a0", " "))
    if kind == DRAWINGS:
        count = sum(description.data["train"].values())
        log.info("Trained on %d drawings, not on photos: these figures are about drawings.", count)
    if validation != LEARNED:
        words = "How sure the answers are is off by %.1f %% on average, and was by %.1f %% before a correction (temperature "
        log.info(words + "%.3f).", 100 * val["ece"]["after"], 100 * val["ece"]["before"], description.temperature)
        fitted = for_kind(FITTED[evaluation.calibration.source], kind)
        log.info("%s", fitted.format(count=evaluation.calibration.photos))
    if evaluation.rejections:
        words = "These counts take the class that fits best. Pictures that fit none are refused: %d of these %d %s."
        log.info(words, val["refused"], val["count"], kind)


def _averaged(scores: Dict[str, Any]) -> str:
    """What the log adds to a share of right answers. scores: of `evaluate_answers`."""
    worst = scores["worst_class"]
    if scores["correct"] == scores["count"]:
        return ""
    share, counted = 100 * scores["balanced_accuracy"], f"{worst['correct']} of {worst['count']}"
    return f"; averaged over the classes {share:.1f} %, the weakest is {printable(worst['name'])} with {counted}"


def write_findings(file: Path, data: PhotoSet, findings: Sequence[Finding]) -> None:
    """Write check.json, or the file that takes its place: the layout of the data folder, and all findings about it."""
    content = {
        "format": PROGRAM,
        "layout": data.layout.to_json(),
        "findings": [finding._asdict() for finding in findings],
    }
    write_optional(file.name, _write_json, file, content)


def write_optional(name: str, step: Callable[..., None], *arguments: Any) -> None:
    """Call `step`, which writes the file `name`. Any error in it becomes a warning: the run is valid without the file."""
    try:
        step(*arguments)
    except Exception as error:
        log.warning("%s was not written: %s", name, error)


def _write_json(file: Path, content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1)
    text = ROW.sub(lambda row: " ".join(row[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    with atomic(file) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _write_table(
    file: Path,
    description: Description,
    photos: Sequence[Photo],
    answers: np.ndarray,
    rejections: Optional[Rejections],
) -> None:
    """validation.csv: a row per photo with its class, the class that is answered, outlier score, whether it is refused because of
    that, logits and confidences; of more than WIDE classes, the confidence in its own and in the best ones. Score and refusal are
    empty without an outlier detector.

    The byte order mark at its start tells spreadsheets that it is in UTF-8."""
    classes = description.classes
    confidences = np.exp(log_softmax(answers / np.float32(description.temperature)))
    with atomic(file) as temporary, open(temporary, "w", newline="", encoding="utf-8-sig") as stream:
        table = csv.writer(stream)
        wide = len(classes) > WIDE
        columns = [f"{what} {name}" for what in ("logit", "confidence") for name in classes]
        if wide:
            columns = ["confidence", *(column for pair in BEST_COLUMNS for column in pair)]
        table.writerow([*TABLE_COLUMNS, "refused", *map(spreadsheet_cell, columns)])
        written = [("", "")] * len(photos)
        if rejections:
            scores = zip(rejections.scores["val"], rejections.rejected("val"))
            written = [(repr(float(score)), "yes" if rejected else "no") for score, rejected in scores]
        for photo, refusal, logits, shares in zip(photos, written, answers, confidences):
            numbers = [*logits, *shares]
            if wide:
                best = np.argsort(-shares, kind="stable")[: len(BEST_COLUMNS)]
                pairs = [(spreadsheet_cell(classes[label]), shares[label]) for label in best]
                numbers = [shares[photo.label], *(cell for pair in pairs for cell in pair)]
            names = (photo.name, classes[photo.label], classes[logits.argmax()])
            cells = [cell if isinstance(cell, str) else repr(float(cell)) for cell in numbers]
            table.writerow([*map(spreadsheet_cell, names), *refusal, *cells])


def _write_history(file: Path, history: Dict[str, List[Dict[str, Any]]]) -> None:
    """history.csv: a row per epoch. stage: "head", "finetune" or "distill". Losses are in nats, the learning rate is that of the
    epoch's last step; kept: "yes" for the epoch whose parameters the stage has left."""
    columns = (
        "validation accuracy",
        "validation balanced accuracy",
        "validation right",
        "validation photos",
        "learning rate",
        "seconds",
        "step ms",
        "kept",
    )
    with atomic(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow([*HISTORY_COLUMNS, *columns])
        for stage, rows in history.items():
            for row in rows:
                val, kept = row["val"], "yes" if row["kept"] else "no"
                results = (
                    row["loss"],
                    val["loss"],
                    val["accuracy"],
                    val["balanced_accuracy"],
                    val["correct"],
                    val["count"],
                )
                table.writerow([stage, row["epoch"], *results, row["lr"], row["seconds"], row["step_ms"], kept])
