"""The content of report.html, as data."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from PIL import Image

from ..data.dataset import GIVEN
from ..data.kind import PHOTOS
from ..data.layout import Layout
from ..evaluation.calibration import Calibration
from ..evaluation.ood import Rejections
from ..evaluation.prior import PriorCorrection


@dataclass(frozen=True)
class ShownAnswer:
    """A validation photo that the report shows. name: of the file. true, answer: class names.

    confidence: in the answer, 0-1, calibrated where that was done. refused: it is answered as none of the classes. picture: the
    photo. overlay: the photo with its class activation map, from `class_activation.overlay`. Any size: the page reduces them,
    so small ones are quicker.
    """

    name: str
    true: str
    answer: str
    confidence: float
    picture: Optional[Image.Image] = None
    overlay: Optional[Image.Image] = None
    refused: bool = False


@dataclass(frozen=True)
class Remark:
    """A finding. kind: a key of ISSUES. names: of the files or classes. text: in one language. pictures: up to 2."""

    kind: str
    names: Tuple[str, ...]
    text: str
    pictures: Tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class ShownIssue:
    """A training photo whose label may be wrong. name: of the file. label, looks_like: class names. wrong: probability that
    the label is wrong, 0-1. picture: the photo, in any size."""

    name: str
    label: str
    looks_like: str
    wrong: float
    picture: Optional[Image.Image] = None


@dataclass(frozen=True)
class LabelIssues:
    """shown: the first of the photos whose label may be wrong. likely: how many there are. others: how many other photos
    look like another class."""

    shown: Tuple[ShownIssue, ...]
    likely: int
    others: int


@dataclass(frozen=True)
class Report:
    """Everything that the page shows. What is None or empty is left out.

    classes: names, in the order of the logits. val_confusion: `confusion_matrix` of the validation photos, i64 [C, C].
    test_confusion: of the test photos. held_out_confusion: the same of the training photos, out of fold.
    history: rows of `train_epochs` by stage. comparison:
    results of `benchmark_network` for "teacher" and "student". neither: outlier scores. answers: wrong ones first, then the
    least confident. findings: the most harmful first; None: nothing was checked, empty: nothing was found. label_issues: None
    where labels were not judged. settings, versions,
    seconds: by name. memory: the peak in MiB. counts: photos by class, by split. fingerprint, layout: of the data folder.
    command: as typed. mode: of `config.mode`. trained: False where only the photos were looked at. origin: where the weights
    came from, as in `Description`. seen_before: whether the weights at the start may have learned these photos. leaked: how many
    photos of "val" and "test" have a copy that was learned from, or by which something was chosen. refused: i64 [C], how many
    photos of each class are refused, by "val", "test" and "held_out". refused_right: those of "val" whose class is right. kind:
    of the pictures, see data/kind.py. prior: what was done about classes of different size; None where nothing was tried.
    validation: as in `PhotoSet`."""

    classes: Tuple[str, ...]
    val_confusion: np.ndarray
    test_confusion: Optional[np.ndarray] = None
    held_out_confusion: Optional[np.ndarray] = None
    history: Dict[str, List[Dict[str, Any]]] = field(default_factory=dict)
    comparison: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    calibration: Optional[Calibration] = None
    neither: Optional[Rejections] = None
    answers: Tuple[ShownAnswer, ...] = ()
    findings: Optional[Tuple[Remark, ...]] = None
    label_issues: Optional[LabelIssues] = None
    settings: Dict[str, Any] = field(default_factory=dict)
    versions: Dict[str, str] = field(default_factory=dict)
    device: str = ""
    seconds: Dict[str, float] = field(default_factory=dict)
    memory: Optional[float] = None
    counts: Dict[str, Dict[str, int]] = field(default_factory=dict)
    fingerprint: str = ""
    layout: Optional[Layout] = None
    command: str = ""
    kind: str = PHOTOS
    mode: str = "head"
    trained: bool = True
    origin: Dict[str, Any] = field(default_factory=dict)
    seen_before: bool = False
    leaked: Dict[str, int] = field(default_factory=dict)
    refused: Dict[str, np.ndarray] = field(default_factory=dict)
    refused_right: int = 0
    prior: Optional[PriorCorrection] = None
    validation: str = GIVEN
