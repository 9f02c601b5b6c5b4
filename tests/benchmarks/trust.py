"""How far the answers can be trusted, on many data sets; one row for each. Trains, asks and checks as a user does.

    python tests/benchmarks/trust.py --sets SETS --weights WEIGHTS [--each N] [--unfreeze N] [PHOTOS ...]

SETS: a folder of data sets; PHOTOS: further ones. All have train/ and val/. Needs tests/benchmarks/requirements.txt. The columns:

accuracy: of the validation photos, by this project; then by logistic regression, whose C is chosen by cross-validation, and by
the most frequent class of the five nearest photos, both on the same features. balanced: the mean over the classes.
ECE: calibration error of the confidences; in brackets, the mean that so many true confidences have by chance.
refused: validation photos that are answered "neither", with the exact 95 % interval of their share.
far: caught validation photos of the other data sets, as the program is set, and where 2 % of the validation photos are refused;
then by the mean distance of the five nearest photos. near: the latter two of photos whose classes were left out of the training,
half of them, twice.
labels: where 5 % of the training photos were put into another class, the share that is found, and the share of the findings that
is right. clean: findings where nothing was changed. Some of these are true. near and labels are measured only where all photos
are used, and the network stays as it is.
seconds: of the training, with nothing cached.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "train" / "train_dir"))

import references

from mobilenetv2 import load, train
from mobilenetv2.classifier import Answer, Classifier
from mobilenetv2.config import Settings
from mobilenetv2.data.dataset import Photo, scan_folder
from mobilenetv2.evaluation.calibration import reliability
from mobilenetv2.evaluation.intervals import exact_interval
from mobilenetv2.evaluation.metrics import confusion_matrix, precision_recall

REFUSED = Settings().refused
CHANGED = 0.05  # share of the labels
DRAWS = 2  # of the classes that are left out
LEFT_OUT = ("dropped", "bad")  # findings about photos that a run does without
COLUMNS = (
    *("data set", "accuracy", "logistic", "neighbors", "balanced", "ECE", "refused"),
    *("far", "at 2 %", "neighbors", "near", "neighbors", "labels", "right", "clean", "seconds"),
)


class Photos(NamedTuple):
    """What a training learned from, and the validation photos. Labels are indices into `classes`, -1 for other classes."""

    train: List[Photo]
    val: List[Photo]
    classes: Tuple[str, ...]


class Trained(NamedTuple):
    """model: None after a check. suspects: names of the files whose label is doubted."""

    model: Optional[Classifier]
    photos: Photos
    suspects: Set[str]
    seconds: float


class Answers(NamedTuple):
    """Of N pictures. confidences: f32 [N, C]. scores: f32 [N], above 0 for "neither". features: f32 [N, channels]."""

    confidences: np.ndarray
    scores: np.ndarray
    features: np.ndarray


class Figures(NamedTuple):
    """Shares, 0-1, in the order of COLUMNS. far, near and labels are empty where they are not measured."""

    accuracy: List[float]
    ece: List[float]
    refused: int
    count: int
    far: List[float]
    near: List[float]
    labels: List[float]
    seconds: float

    def row(self, name: str) -> List[str]:
        low, high = exact_interval(self.refused, self.count)
        return [
            name,
            *percent(self.accuracy, 4, 1),
            f"{self.ece[0]:.3f} ({self.ece[1]:.3f})",
            f"{self.refused} of {self.count} ({low:.1%} to {high:.1%})",
            *percent(self.far, 3),
            *percent(self.near, 2),
            *percent(self.labels, 3, 1),
            f"{self.seconds:.1f}",
        ]


class Trainer:
    """Trains with the same settings, in folders of its own. What is computed of a photo is kept for the next training."""

    def __init__(self, folder: Path, weights: str, unfreeze: int):
        self.folder, self._count = folder, 0
        self._settings: Dict[str, Any] = {"pretrain_url": weights, "unfreeze": unfreeze}
        self._settings.update(leaks="drop", bad_files="skip", cache_dir=folder / "cache", verbose=False)

    def __call__(self, folder: Path, classes: Sequence[str] = (), check: bool = False) -> Trained:
        """classes: those that are learned; none: all."""
        output = self.place("output")
        begin = time.perf_counter()
        result = train(data_url=folder, output_path=output, classes=",".join(classes), check=check, **self._settings)
        seconds = time.perf_counter() - begin
        left_out = {one["name"] for one in result.findings if one["kind"] in LEFT_OUT}
        suspects = {Path(one["name"]).name for one in result.findings if one["kind"] == "label"}
        photos = read(folder, result.classes, left_out)
        return Trained(None if check else load(output), photos, suspects, seconds)

    def place(self, name: str) -> Path:
        """A new folder."""
        self._count += 1
        return self.folder / f"{name}-{self._count}"


def read(folder: Path, classes: Sequence[str] = (), left_out: Sequence[str] = ()) -> Photos:
    """classes: those that are learned; none: all. left_out: names of photos."""
    found = scan_folder(str(folder))
    classes = tuple(classes or found.classes)
    label = [classes.index(name) if name in classes else -1 for name in found.classes]
    photos = [replace(one, label=label[one.label]) for one in found.photos if one.name not in left_out]
    train = [one for one in photos if one.split == "train" and one.label >= 0]
    return Photos(train, [one for one in photos if one.split == "val"], classes)


def write(photos: Photos, place: Path) -> Path:
    """A data set of these photos. A training photo is named by its number."""
    for split, some in (("train", photos.train), ("val", photos.val)):
        for number, photo in enumerate(some):
            file = place / split / photos.classes[photo.label] / f"{number}{photo.file.suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            copyfile(photo.file, file)
    return place


def few(photos: Photos, each: int) -> Photos:
    """At most so many training photos of each class, chosen at random."""
    order, labels = np.random.default_rng(0).permutation(len(photos.train)), labels_of(photos.train)
    chosen = np.concatenate([order[labels[order] == label][:each] for label in np.unique(labels)])
    return photos._replace(train=[photos.train[row] for row in np.sort(chosen)])


def changed(photos: Photos) -> Tuple[Photos, List[int]]:
    """The same with some training photos in another class, any of them, and their numbers."""
    random, train = np.random.default_rng(0), list(photos.train)
    rows = random.permutation(len(train))[: round(CHANGED * len(train))].tolist()
    for row in rows:
        moved = train[row].label + int(random.integers(1, len(photos.classes)))
        train[row] = replace(train[row], label=moved % len(photos.classes))
    return photos._replace(train=train), rows


def labels_of(photos: Sequence[Photo]) -> np.ndarray:
    """i64 [N]."""
    return np.array([photo.label for photo in photos])


def ask(trained: Trained, photos: Sequence[Photo]) -> Answers:
    assert trained.model is not None
    files = [photo.file for photo in photos]
    answers = [answer for answer in trained.model(files) if isinstance(answer, Answer)]
    confidences = [list(answer.confidences.values()) for answer in answers]
    scores = [-np.inf if answer.neither is None else answer.neither for answer in answers]
    features = trained.model.features(files, errors="nan")
    return Answers(np.array(confidences, np.float32), np.array(scores), features[np.isfinite(features).all(1)])


def measure(
    name: str, sets: Dict[str, Photos], folders: Dict[str, Path], trainer: Trainer, all_columns: bool
) -> Figures:
    """name: of the data set. all_columns: "near" and "labels", too."""
    trained = trainer(folders[name])
    val = ask(trained, trained.photos.val)
    others = [ask(trained, other.val) for one, other in sets.items() if one != name]
    known, distance = _features_and_distance(trained)
    labels, val_labels = labels_of(trained.photos.train), labels_of(trained.photos.val)
    matrix = confusion_matrix(val.confidences, val_labels)
    answers = [
        references.logistic_regression(known, labels, val.features),
        references.nearest_neighbors(known, labels, val.features),
    ]
    right = [float((one == val_labels).mean()) for one in (val.confidences.argmax(1), *answers)]
    far = [
        float(np.mean([(one.scores > 0).mean() for one in others])),
        references.share_caught(val.scores, [one.scores for one in others], REFUSED),
        references.share_caught(distance(val.features), [distance(one.features) for one in others], REFUSED),
    ]
    return Figures(
        [*right, float(np.nanmean(precision_recall(matrix)[1]))],
        [reliability(np.log(val.confidences), val_labels).ece, references.ece_of_chance(val.confidences)],
        int((val.scores > 0).sum()),
        len(val_labels),
        far,
        _near(folders[name], trained.photos.classes, trainer) if all_columns else [],
        _labels(trained, trainer) if all_columns else [],
        trained.seconds,
    )


def _features_and_distance(trained: Trained) -> Tuple[np.ndarray, references.Score]:
    features = ask(trained, trained.photos.train).features
    return features, references.neighbor_distance(features)


def _near(folder: Path, classes: Sequence[str], trainer: Trainer) -> List[float]:
    caught = []
    for seed in range(DRAWS if len(classes) > 2 else 0):
        kept = np.random.default_rng(seed).permutation(len(classes))[: (len(classes) + 1) // 2]
        trained = trainer(folder, [classes[label] for label in np.sort(kept)])
        known = [one for one in read(folder).val if one.label in kept]
        strange = [one for one in read(folder).val if one.label not in kept]
        distance = _features_and_distance(trained)[1]
        asked = [ask(trained, some) for some in (known, strange)]
        pairs = ([one.scores for one in asked], [distance(one.features) for one in asked])
        caught.append([references.share_caught(pair[0], [pair[1]], REFUSED) for pair in pairs])
    return list(np.mean(caught, 0)) if caught else []


def _labels(trained: Trained, trainer: Trainer) -> List[float]:
    photos, rows = changed(trained.photos)
    suspects = {int(Path(name).stem) for name in trainer(write(photos, trainer.place("photos")), check=True).suspects}
    found = len(suspects & set(rows))
    return [found / len(rows), found / max(1, len(suspects)), len(trained.suspects) / len(photos.train)]


def percent(shares: Sequence[float], count: int, digits: int = 0) -> List[str]:
    """So many cells, without shares of dashes."""
    return [f"{100 * share:.{digits}f} %" for share in shares] or ["–"] * count


def mean_row(figures: Sequence[Figures]) -> List[str]:
    """The means of what is measured."""

    def mean(column: str, count: int, digits: int = 0) -> List[str]:
        values = [getattr(one, column) for one in figures if getattr(one, column)]
        return percent(np.mean(values, 0) if values else [], count, digits)

    ece = np.mean([one.ece for one in figures], 0)
    cells = [*mean("accuracy", 4, 1), f"{ece[0]:.3f} ({ece[1]:.3f})", ""]
    return ["mean", *cells, *mean("far", 3), *mean("near", 2), *mean("labels", 3, 1), ""]


def line(cells: Sequence[str]) -> str:
    """Of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="How far the answers can be trusted, on many data sets.")
    parser.add_argument("photos", nargs="*", type=Path, help="data sets")
    parser.add_argument("--sets", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--weights", required=True, help="weights with a classifier of many classes")
    parser.add_argument("--each", type=int, default=0, help="training photos of each class; 0: all")
    parser.add_argument("--unfreeze", type=int, default=0, help="as that of train.py")
    options = parser.parse_args()
    given = [*options.photos, *(folder for folder in sorted(options.sets.iterdir()) if folder.is_dir())]
    with tempfile.TemporaryDirectory() as temporary:
        trainer = Trainer(Path(temporary), options.weights, options.unfreeze)
        folders = {folder.name: folder for folder in given}
        sets = {name: read(folder) for name, folder in folders.items()}
        if options.each:
            folders = {name: write(few(one, options.each), trainer.place(name)) for name, one in sets.items()}
        print(line(COLUMNS), line(["---"] * len(COLUMNS)), sep="\n", flush=True)
        figures = {}
        for name in folders:
            all_columns = not (options.each or options.unfreeze)
            figures[name] = measure(name, sets, folders, trainer, all_columns)
            print(line(figures[name].row(name)), flush=True)
    print(line(mean_row(list(figures.values()))))


if __name__ == "__main__":
    main()
