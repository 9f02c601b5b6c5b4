"""What the correction for uneven classes is worth.

    python tests/uneven.py WEIGHTS PHOTOS ...

Of the training photos of each folder PHOTOS (train/ and val/), some classes keep only a part: a tail from 100 to 1 or 10 to 1,
half of the classes a tenth, one class a fiftieth. A line for each: how much was taken back, and in percent, of the validation
photos, with and without: the balanced accuracy, and the accuracy if the classes had the shares that they have in training."""

import csv
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
from conftest import Run


def shapes(classes: int, most: int) -> Dict[str, np.ndarray]:
    """How many photos each class keeps."""
    rank, first = np.arange(classes) / (classes - 1), np.arange(classes)
    return {
        "100 to 1": np.maximum(1, np.round(most * 100.0**-rank)),
        "10 to 1": np.maximum(2, np.round(most * 10.0**-rank)),
        "half a tenth": np.where(first < (classes + 1) // 2, most, max(2, most // 10)),
        "one a fiftieth": np.where(first < classes - 1, most, max(2, most // 50)),
    }


def uneven(photos: Path, root: Path, shape: str) -> None:
    """A copy with fewer training photos, which classes is drawn, as `shapes` says."""
    random = np.random.default_rng(0)
    shutil.copytree(photos / "val", root / "val")
    files = {folder.name: sorted(folder.iterdir()) for folder in sorted((photos / "train").iterdir())}
    kept = random.permutation(shapes(len(files), max(map(len, files.values())))[shape])
    for (name, found), count in zip(files.items(), kept.astype(int)):
        (root / "train" / name).mkdir(parents=True)
        for file in random.permutation(found)[:count]:
            shutil.copy(file, root / "train" / name)


def scores(folder: Path) -> Tuple[float, List[float], List[float]]:
    """Strength; balanced accuracy and accuracy, each with the correction and without. folder: of the results of a training."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    with open(folder / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    classes, counts = metrics["classes"], np.array([*metrics["data"]["train"].values()])
    labels = np.array([classes.index(row["class"]) for row in rows])
    logits = np.array([[float(row[f"logit {name}"]) for name in classes] for row in rows])
    strength = metrics["prior_correction"]["strength"]
    recalls = []
    for answers in (logits, logits + strength * np.log(counts / counts.mean())):
        right = answers.argmax(1) == labels
        recalls.append(np.array([right[labels == label].mean() for label in range(len(classes))]))
    return strength, [100 * one.mean() for one in recalls], [100 * one @ counts / counts.sum() for one in recalls]


def main(weights: str, *folders: str) -> None:
    """Print the lines."""
    for photos in map(Path, folders):
        for shape in shapes(2, 100):
            with tempfile.TemporaryDirectory() as temporary:
                root = Path(temporary)
                uneven(photos, root / "photos", shape)
                paths = [f"--data_url={root / 'photos'}", f"--pretrain_url={Path(weights).resolve()}"]
                run = Run([*paths, "--output_path=out", "--leaks=drop", "--bad_files=skip"], root)
                assert run.code == 0, run.out + run.err
                strength, balanced, plain = scores(root / "out")
            print(
                f"{photos.name}, {shape}: {strength:.1f} taken back; balanced {balanced[0]:.1f}, without {balanced[1]:.1f}; "
                f"accuracy {plain[0]:.1f}, without {plain[1]:.1f}",
                flush=True,
            )
    Run.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
