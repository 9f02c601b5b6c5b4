"""How well a checkpoint tells photos of its classes from pictures of anything else.

    python tests/neither.py CHECKPOINT PHOTOS STRANGERS
    python tests/neither.py train/train_dir/mobilenetv2/model/pretrained.ckpt ../shared/photos ../shared/neither

PHOTOS: a data set; its val/ is answered. STRANGERS: a folder of other pictures. Where the checkpoint refuses nothing, a detector
is fitted to the features of PHOTOS/train, as a training would do it, and measured in its place. Of a network that has learned
these photos, its threshold is too low.
"""

import sys
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "train" / "train_dir"))

from mobilenetv2.classifier import Classifier
from mobilenetv2.config import Settings
from mobilenetv2.data import dataset
from mobilenetv2.data.features import Features
from mobilenetv2.data.image import preprocess
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.evaluation import ood
from mobilenetv2.model import checkpoint
from mobilenetv2.model.mobilenet_v2 import expected_features
from mobilenetv2.model.prediction import classify, feature_pooler, run_batches


class Figures(NamedTuple):
    """right, refused: of `count` photos. strangers_refused: of `strangers`. auroc: how often a stranger's outlier score is above
    that of a photo; None without scores."""

    right: int
    refused: int
    count: int
    strangers_refused: int
    strangers: int
    auroc: Optional[float]

    def __str__(self) -> str:
        auroc = "none, nothing is refused" if self.auroc is None else f"{self.auroc:.3f}"
        return (
            f"{self.right} of {self.count} right, {self.refused} refused; "
            f"{self.strangers_refused} of {self.strangers} strangers refused; AUROC {auroc}"
        )


def auroc(known: np.ndarray, strange: np.ndarray) -> float:
    """How often the score of an outlier is above that of a known photo."""
    return float((np.asarray(strange)[:, None] > np.asarray(known)[None]).mean())


def measure(file: Path, photos: Path, strangers: Path) -> Figures:
    """The checkpoint as it answers."""
    classifier, data = Classifier(str(file)), dataset.scan_folder(str(photos))
    val = [(data.classes[photo.label], photo.file) for photo in data.split("val")]
    known = list(classifier.answers(val, workers=1))
    others = list(classifier.answers([(other.name, other) for other in sorted(strangers.iterdir())], workers=1))
    labels, strange = [answer.label for _, answer in known], [answer.label for _, answer in others]
    scores = [[answer.neither for _, answer in answers] for answers in (known, others)]
    return Figures(
        sum(label == true for label, (true, _) in zip(labels, known)),
        labels.count(NEITHER),
        len(labels),
        strange.count(NEITHER),
        len(strange),
        None if scores[0][0] is None else auroc(*scores),
    )


def measure_fitted(file: Path, photos: Path, strangers: Path) -> Figures:
    """The checkpoint with a detector fitted to the features of the training photos."""
    network, description, _ = checkpoint.load(str(file))
    pooler, data = feature_pooler(network), dataset.scan_folder(str(photos))

    def features(files):
        pictures = ((file, preprocess(file.read_bytes(), description.preprocessing)) for file in files)
        rows = np.stack([row.copy() for _, row in run_batches(pooler, pictures)])
        return Features(rows[:, :1], rows[:, 1])

    train, val = (features([photo.file for photo in data.split(split)]) for split in ("train", "val"))
    strange, labels = features(sorted(strangers.iterdir())), data.labels("train")
    directions, background = ood.outlier_directions(train.center), expected_features(network)
    known, groups = train.center[:0], np.arange(len(labels))
    detector, _ = ood.fit_detector(train.center, labels, groups, directions, background, known, Settings().refused)
    right = classify(network.classifier, val.pooled[:, 0]).argmax(1) == data.labels("val")
    refused = detector.rejects(val.center)
    return Figures(
        int((right & ~refused).sum()),
        int(refused.sum()),
        len(right),
        int(detector.rejects(strange.center).sum()),
        len(strange.center),
        auroc(detector.score(val.center), detector.score(strange.center)),
    )


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    found = measure(*folders)
    print(found)
    if found.auroc is None:
        print("With a detector fitted to its features of the training photos:", measure_fitted(*folders))
