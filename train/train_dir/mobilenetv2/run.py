"""What is known of a run so far: the stages read and write it."""

import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from .checks.mislabelled import LabelIssue
from .config import Config
from .data.augment import SPOILED, VIEWS
from .data.cache import PhotoCache
from .data.dataset import LEARNED, PhotoSet
from .data.decoded import DecodedPhotos
from .data.features import FeatureSets
from .data.findings import Finding
from .data.image import Preprocessing
from .data.split import count_distinct
from .evaluation.cross_validation import CrossValidation, Head, Known
from .evaluation.evaluate import Evaluation
from .evaluation.prior import PriorCorrection
from .evaluation.unseen import LENGTH, Unseen
from .model.mobilenet_v2 import MobileNetV2
from .runtime.environment import usable_cpus
from .runtime.progress import Stopwatch
from .training.distill import STUDENT_VIEWS
from .training.distill_targets import TEACHER_VIEWS
from .training.plan import Plan
from .training.tracking import Tracker


@dataclass
class Run:
    """What is known so far. Fields without a note are set by `prepare`.

    output: folder of the results. found: the photos as they lie in the folder. data: those that can be used. groups: i64 [N] of
    the training photos; copies have the same number. decoded: pixels of some photos. given_classifier: the one that came with
    the weights. known: what they know of these classes; None where they do not know them. independent: the weights are not of
    this program and do not know these classes, so they have not seen these photos. mirror: whether a picture and its mirror
    image are of one class; extract_features has the last word. formats: to export to. network, preprocessing: as trained so far.
    origin: where the weights come from. fingerprint: all that determines what the run will leave, as JSON. views: of each photo
    for the classifier; 0 until the photos are counted."""

    config: Config
    output: Path
    watch: Stopwatch
    cache: PhotoCache
    found: PhotoSet
    data: PhotoSet
    groups: np.ndarray
    decoded: DecodedPhotos
    findings: List[Finding]
    given_classifier: Optional[Head]
    independent: bool
    mirror: bool
    formats: List[str] = field(default_factory=list)
    views: int = 0
    # The penalty of classes that are new: of the classifier, by extract_features; of the cross-validation, which has another one
    # where the network has changed.
    weight_decay: float = field(init=False)
    new_penalty: float = field(init=False)
    known: Optional[Known] = None
    # By train_head, where weights know some of the classes: their validation photos, right before it and all of them.
    before: Tuple[int, int] = (0, 0)
    tracker: Tracker = field(init=False)
    network: MobileNetV2 = field(init=False)
    preprocessing: Preprocessing = field(init=False)
    origin: Dict[str, Any] = field(init=False)
    fingerprint: Dict[str, Any] = field(init=False)
    # By extract_features.
    features: FeatureSets = field(init=False)
    # By each training: a row for each epoch.
    history: Dict[str, List[Dict[str, Any]]] = field(default_factory=dict)
    # By cross_validate.
    held_out: CrossValidation = field(init=False)
    # Likewise: photos that look like another class; None where the network may have learned the labels.
    label_issues: Optional[List[LabelIssue]] = None
    # By choose_prior; None where there is nothing to correct.
    prior: Optional[PriorCorrection] = None
    # By finetune, distill and quantize: the network is not the one that the features are of.
    changed: bool = False
    # By finetune and distill: the network has learned the training photos.
    learned: bool = False
    # By finetune and distill: None where no photo could be left out.
    unseen: Optional[Unseen] = None
    # By distill: "teacher" and "student" in figures.
    comparison: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    # By quantize: what the checkpoint holds in place of the network's parameters.
    packed: Optional[Dict[str, np.ndarray]] = None
    # By save, or by the process that came this far before: validation accuracy, 0-1; 1 where nothing is trained.
    accuracy: float = 1.0
    # By evaluate: logits f32 [N, C] of the photos in "train", "val" and, where there are any, "test".
    answers: Dict[str, np.ndarray] = field(default_factory=dict)
    evaluation: Evaluation = field(init=False)

    @property
    def classifier_plan(self) -> Plan:
        """That of the config, with the weight decay that was chosen, or the pull of a classifier that knows its classes."""
        chosen = self.config.pull if self._known_rows.all() else self.weight_decay
        return replace(self.config.classifier_plan, weight_decay=chosen)

    @property
    def folds(self) -> int:
        """Of the cross-validation: that of the config, or as many as the largest class has photos that are no copies, so that
        each fold has one of each class."""
        return min(self.config.folds, max(2, self.most_photos))

    @property
    def most_photos(self) -> int:
        """Photos of the largest class that are no copies of each other."""
        return int(count_distinct(self.data.labels("train"), self.groups).max())

    @property
    def fold_penalty(self) -> float:
        """Of the cross-validation; of a network that a stage has changed, on features of which the weights know nothing."""
        return self.config.pull if self._known_rows.all() and not self.changed else self.new_penalty

    def penalties(self, other: float) -> np.ndarray:
        """f64 [C]: of each class, `other` where it is new, and that of the config where the weights know it."""
        known = self._known_rows & (not self.changed)
        return np.where(known, self.config.pull, other)

    @property
    def _known_rows(self) -> np.ndarray:
        """bool [C]: which classes the weights know."""
        if self.known and self.known.rows is not None:
            return self.known.rows
        return np.full(len(self.data.classes), self.known is not None)

    @property
    def _pull(self) -> Dict[str, float]:
        """For the checkpoint, where the weights know some of the classes and others not: the penalty of these."""
        known = self._known_rows
        return {"pull": self.config.pull} if known.any() and not known.all() else {}

    @property
    def passed(self) -> bool:
        """Whether the accuracy is what was asked for, by --min_accuracy. Of photos that were learned, it proves nothing."""
        asked = self.config.min_accuracy
        return self.accuracy >= asked and not (asked and self.data.validation == LEARNED)

    def recorded(self) -> Dict[str, Any]:
        """The settings, as the checkpoint records them."""
        mirror = {"mirror": "yes" if self.mirror else "no"}
        return {**self.config.recorded, **mirror, **({"views": self.views} if self.views else {})}

    def hyperparameters(self) -> Dict[str, Any]:
        """Those of each training of the run, as resolved, and of its cross-validation and detector; for the checkpoint.

        processors: their number, by which the engine shares out its sums. Another one gives other rounding errors."""
        config, trained = self.config, self.history
        found: Dict[str, Any] = {"mode": config.mode}
        if "head" in trained:
            # total_views: None where the number of views was typed.
            total = None if config.total_views == sys.maxsize else config.total_views
            views = {
                "views": self.views,
                "total_views": total,
                "more_views": None if total is None else config.more_views,
            }
            found["head"] = {**asdict(self.classifier_plan), **self._pull, **views, **SPOILED}
        if "finetune" in trained:
            found["finetune"] = {
                **asdict(config.network_plan),
                "unfreeze": config.unfreeze,
                "processors": usable_cpus(),
            }
        if "distill" in trained:
            found["distill"] = {
                **asdict(config.network_plan),
                **asdict(config.teaching),
                "teacher_view": TEACHER_VIEWS,
                "student_view": STUDENT_VIEWS,
                "processors": usable_cpus(),
            }
        if "head" in trained or "finetune" in trained:
            found["views"] = VIEWS
        found["cross_validation"] = {
            "folds": self.folds,
            "fold_penalty": self.fold_penalty,
            **({} if self.changed else self._pull),
            "label_smoothing": config.classifier_plan.label_smoothing,
        }
        if self.prior:
            found["prior_correction"] = {"strength": self.prior.strength}
        if self.unseen:
            found["calibration"] = {"held_out": 1 / self.folds, "length": LENGTH}
        found["refused"] = config.rejection_rate
        return found
