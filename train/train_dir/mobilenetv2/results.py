"""What is left beside the checkpoint: metrics.json and validation.csv. Losing one of these is a warning, not a failed run."""

import csv
import json
import logging
import platform
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import mindspore as ms
import numpy as np
import PIL

from .checkpoint import Description
from .files import atomic
from .folder import Photo, PhotoSet
from .metrics import log_softmax

log = logging.getLogger(__name__)
SHOWN = 10  # wrong answers named in the log


def versions() -> Dict[str, str]:
    """Of Python and the packages that do the arithmetic."""
    return {
        "python": platform.python_version(),
        "mindspore": ms.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def write(
    folder: Path,
    description: Description,
    data: PhotoSet,
    answers: np.ndarray,
    history: Dict[str, List[Dict[str, Any]]],
    seconds: Dict[str, float],
) -> None:
    """answers: logits f32 [N, C] of the validation photos. history: rows of `fit` by stage. seconds: by part of the run."""
    photos = data.split("val")
    steps = [row["step_ms"] for row in history.get("finetune", [])]
    metrics = {
        "classes": description.classes,
        **description.metrics,
        "seconds": seconds,
        "device": ms.get_context("device_target"),
        "peak_memory_mib": peak_memory(),
        "step_ms": float(np.median(steps)) if steps else None,
        "data": description.data,
        "origin": description.origin,
        "settings": description.settings,
        "versions": description.versions,
        "history": history,
    }
    _optional(_write_metrics, folder / "metrics.json", metrics)
    _optional(_write_table, folder / "validation.csv", description.classes, photos, answers)
    wrong = [(photo, row) for photo, row in zip(photos, answers) if row.argmax() != photo.label]
    for photo, row in wrong[:SHOWN]:
        log.info(
            "Wrong: %s is said to be %s (%.3f).",
            photo.name,
            description.classes[row.argmax()],
            np.exp(log_softmax(row[None])).max(),
        )
    if len(wrong) > SHOWN:
        log.info("... and %d more in %s.", len(wrong) - SHOWN, folder / "validation.csv")
    log.info(
        "Seconds: %s. Peak memory: %.0f MiB.",
        ", ".join(f"{name} {value:.1f}" for name, value in seconds.items()),
        metrics["peak_memory_mib"],
    )


def _optional(step: Callable[..., None], file: Path, *arguments: Any) -> None:
    """The checkpoint is there already: whatever goes wrong now is a warning."""
    try:
        step(file, *arguments)
    except Exception as error:
        log.warning("%s was not written: %s", file.name, error)


def _write_metrics(file: Path, metrics: Dict[str, Any]) -> None:
    with atomic(file) as temporary:
        temporary.write_text(json.dumps(metrics, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_table(file: Path, classes: Sequence[str], photos: Sequence[Photo], answers: np.ndarray) -> None:
    with atomic(file) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["photo", "class", "answer", *(f"logit {name}" for name in classes)])
        for photo, row in zip(photos, answers):
            table.writerow(
                [photo.name, classes[photo.label], classes[row.argmax()], *(repr(float(value)) for value in row)]
            )


def peak_memory() -> float:
    """The most memory that this process has had at once, MiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere
