"""How far "neither" can be trusted, on many data sets; one row for each.

    python tests/benchmarks/trust.py --sets SETS --weights WEIGHTS [PHOTOS ...]

SETS: a folder of data sets; PHOTOS: further ones. All have train/ and val/. Far pictures are the validation photos of all other
data sets; near ones are photos of classes that were left out of the training, half of them, twice. Beside this project stands the
distance that is tried first elsewhere: the mean cosine distance of the five nearest training photos, on the same features.
"Caught" is the share of pictures above the score that 2 % of the validation photos exceed. What this project itself refuses is
in the columns "refused" and "caught as set".
"""

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "train" / "train_dir"))

from mobilenetv2.config import DEFAULTS, Settings
from mobilenetv2.data import dataset
from mobilenetv2.data.image import Preprocessing, preprocess
from mobilenetv2.evaluation import ood
from mobilenetv2.evaluation.cross_validation import assign_folds
from mobilenetv2.evaluation.intervals import exact_interval
from mobilenetv2.evaluation.metrics import unit_rows
from mobilenetv2.model import pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.prediction import feature_pooler, run_batches
from mobilenetv2.runtime import device
from mobilenetv2.runtime.text import table

SHARE = Settings().refused
NEIGHBORS = 5  # of the distance that is tried first elsewhere
DRAWS = 2  # of the classes that are left out
Score = Callable[[np.ndarray], np.ndarray]
COLUMNS = ("data set", "refused", "caught as set", "far", "far, k-NN", "near", "near, k-NN")


class Data(NamedTuple):
    """Features f32 [N, channels] and labels i32 [N]."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray


class Figures(NamedTuple):
    """refused: of the validation photos, of `count`. caught: share of far pictures that are refused. far, near: of the detector,
    then of k-NN, at 2 % of the validation photos refused; 0-1."""

    refused: int
    count: int
    caught: float
    far: List[float]
    near: List[float]


def read(photos: Path, start: pretrained.PretrainedWeights) -> Data:
    """The features that the weights have for a data set."""
    found = dataset.scan_folder(str(photos))
    network = MobileNetV2(start.architecture, len(found.classes))
    pretrained.load_pretrained(network, start, found.classes)
    preprocessing = Preprocessing(start.size or Preprocessing.size, start.mean, start.std)
    pool = feature_pooler(network)

    def features(split: str) -> np.ndarray:
        pictures = ((photo.name, preprocess(photo.file.read_bytes(), preprocessing)) for photo in found.split(split))
        return np.stack([rows[1] for _, rows in run_batches(pool, pictures)])  # of the center

    return Data(features("train"), found.labels("train"), features("val"), found.labels("val"))


def detector(train: np.ndarray, labels: np.ndarray, classifier: np.ndarray) -> ood.OutlierDetector:
    fold = assign_folds(labels, np.arange(len(labels)), 0, DEFAULTS["head"]["folds"])
    return ood.fit_detector(train, labels, fold, ood.outlier_directions(train, classifier), train[:0], SHARE)[0]


def nearest(train: np.ndarray) -> Score:
    references = unit_rows(train)
    return lambda rows: -np.sort(unit_rows(rows) @ references.T, 1)[:, -NEIGHBORS:].mean(1)


def caught(score: Score, val: np.ndarray, pictures: List[np.ndarray]) -> float:
    """Mean over the data sets of the share of their pictures above the score of 2 % of the validation photos."""
    limit = np.quantile(score(val), 1 - SHARE, method="higher")
    return float(np.mean([(score(rows) > limit).mean() for rows in pictures]))


def measure(data: Data, far: List[np.ndarray], classifier: np.ndarray) -> Figures:
    """far: of other data sets, one array each."""
    fitted = detector(data.train, data.labels, classifier)
    near: List[List[float]] = []
    classes = int(data.labels.max()) + 1
    for seed in range(DRAWS if classes > 2 else 0):
        kept = np.random.default_rng(seed).permutation(classes)[: (classes + 1) // 2]
        train, val = (np.isin(labels, kept) for labels in (data.labels, data.val_labels))
        labels = np.unique(data.labels[train], return_inverse=True)[1].astype(np.int32)
        scores = (detector(data.train[train], labels, classifier).score, nearest(data.train[train]))
        near.append([caught(score, data.val[val], [data.val[~val]]) for score in scores])
    return Figures(
        int(fitted.rejects(data.val).sum()),
        len(data.val),
        float(np.mean([fitted.rejects(rows).mean() for rows in far])),
        [caught(score, data.val, far) for score in (fitted.score, nearest(data.train))],
        list(np.mean(near, 0)) if near else [],
    )


def row(name: str, found: Figures) -> List[str]:
    low, high = exact_interval(found.refused, found.count)
    shares = [f"{share:.0%}" for share in (found.caught, *found.far, *found.near)]
    return [
        name,
        f"{found.refused} of {found.count} ({low:.1%} to {high:.1%})",
        *shares,
        *["–"] * (2 - len(found.near)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="How far the answer 'neither' can be trusted.")
    parser.add_argument("photos", nargs="*", type=Path, help="data sets")
    parser.add_argument("--sets", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--weights", required=True, help="weights with a classifier of many classes")
    options = parser.parse_args()
    device.select_device("auto", seed=0)
    start = pretrained.read_pretrained(options.weights)
    assert start.head is not None
    folders = [*options.photos, *(folder for folder in sorted(options.sets.iterdir()) if folder.is_dir())]
    sets: Dict[str, Data] = {folder.name: read(folder, start) for folder in folders}
    figures = {
        name: measure(data, [other.val for one, other in sets.items() if one != name], start.head[0])
        for name, data in sets.items()
    }
    rows = [row(name, found) for name, found in figures.items()]
    far = np.mean([found.far for found in figures.values()], 0)
    near = np.mean([found.near for found in figures.values() if found.near], 0)
    as_set = np.mean([found.caught for found in figures.values()])
    rows.append(["mean", "", *(f"{share:.0%}" for share in (as_set, *far, *near))])
    print(table([list(COLUMNS), *rows]))


if __name__ == "__main__":
    main()
