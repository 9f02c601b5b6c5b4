"""All that report.html shows, as data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from PIL import Image

from ..evaluation.calibration import Calibration
from ..evaluation.ood import Rejections


@dataclass(frozen=True)
class Answer:
    """A validation photo worth a look. true, answer: class names. confidence: in the answer, 0-1, calibrated where that was
    done. picture: the photo; overlay: of `activation.overlay`. Small pictures are quickest, large ones are reduced."""

    name: str
    true: str
    answer: str
    confidence: float
    picture: Optional[Image.Image] = None
    overlay: Optional[Image.Image] = None


@dataclass(frozen=True)
class Remark:
    """A finding. kind: a key of ISSUES. names: of the files or classes. text: the sentence. pictures: up to 2, of the same
    files."""

    kind: str
    names: Tuple[str, ...]
    text: str
    pictures: Tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that the page shows; what is None or empty is left out.

    classes: names, in the order of the logits. val: `metrics.confusion` of the validation photos, i64 [C, C]. held_out: the
    same of training photos, each by a classifier that did not learn from it. history: rows of `fit` by stage. comparison:
    `compare.figures` of "teacher" and "student". answers: wrong ones first, then the least sure. findings: what matters most
    first; None: nothing was checked, empty: nothing was found. settings, versions, seconds: by name. memory: the most at once,
    MiB. counts: photos by class, by "train" and "val". fingerprint: of the data. command: as typed."""

    classes: Tuple[str, ...]
    val: np.ndarray
    held_out: Optional[np.ndarray] = None
    history: Dict[str, List[Dict[str, Any]]] = field(default_factory=dict)
    comparison: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    calibration: Optional[Calibration] = None
    neither: Optional[Rejections] = None
    answers: Tuple[Answer, ...] = ()
    findings: Optional[Tuple[Remark, ...]] = None
    settings: Dict[str, Any] = field(default_factory=dict)
    versions: Dict[str, str] = field(default_factory=dict)
    device: str = ""
    seconds: Dict[str, float] = field(default_factory=dict)
    memory: Optional[float] = None
    counts: Dict[str, Dict[str, int]] = field(default_factory=dict)
    fingerprint: str = ""
    command: str = ""
