"""How small pictures are best made as large as the network's input; one row for each data set and side.

    python tests/benchmarks/enlarging.py WEIGHTS PHOTOS [PHOTOS ...] --sides 32 64 100 150 200

PHOTOS: data sets with train/ and val/, which count as one. They are reduced to so many pixels of the shorter side, and enlarged
by each filter: 7/8 of the shorter side, as up to format version 4, and the whole of it. The figures are the accuracy of least
squares on the features, mean of 20 draws of a third of the photos that are held out, with the best of nine penalties, and the
standard error of the difference to the first column.
"""

import argparse
import sys
from io import BytesIO
from pathlib import Path
from typing import Callable, Iterator, List, Tuple

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "train" / "train_dir"))

from mobilenetv2.data import dataset
from mobilenetv2.data.image import CROP, Preprocessing, decode, normalize
from mobilenetv2.model import pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.prediction import feature_pooler, run_batches
from mobilenetv2.runtime import device
from mobilenetv2.runtime.text import table

DRAWS, PENALTIES = 20, 10.0 ** np.arange(-1, 3.1, 0.5)
WAYS = [(share, name) for share in (CROP, 1.0) for name in ("BICUBIC", "BILINEAR")]


def reduced(image: Image.Image, side: int) -> Image.Image:
    """By the mean of the pixels, and as a JPEG; a picture that is as small already stays as it is."""
    factor = side / min(image.size)
    if factor >= 1:
        return image
    file = BytesIO()
    size = round(factor * image.width), round(factor * image.height)
    image.resize(size, Image.Resampling.BOX).save(file, "JPEG", quality=92, subsampling=0)
    return Image.open(file).convert("RGB")


def enlarged(image: Image.Image, size: int, share: float, name: str) -> Image.Image:
    side = share * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((size, size), Image.Resampling[name], box=(left, top, left + side, top + side))


def held_out(labels: np.ndarray) -> Iterator[np.ndarray]:
    """bool [N], a third of each class, DRAWS times."""
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(labels))
        out = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            own = order[labels[order] == label]
            out[own[: len(own) // 3]] = True
        yield out


def accuracies(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """f64 [DRAWS], 0-1: of the penalty that is best in the mean."""
    rows = (features - features.mean(0)) / (features.std(0) + 1e-3)
    products, targets = rows @ rows.T / rows.shape[1], np.eye(labels.max() + 1)[labels] - 1 / (labels.max() + 1)
    found = []
    for out in held_out(labels):
        values, vectors = np.linalg.eigh(products[np.ix_(~out, ~out)])
        ours, theirs = products[np.ix_(out, ~out)] @ vectors, vectors.T @ targets[~out]
        answers = [(ours / (values + penalty) @ theirs).argmax(1) for penalty in PENALTIES]
        found.append([(answer == labels[out]).mean() for answer in answers])
    by_penalty = np.array(found).T
    return by_penalty[by_penalty.mean(1).argmax()]


def measure(
    photos: Path, sides: List[int], size: int, features: Callable[[List[Image.Image]], np.ndarray]
) -> List[Tuple]:
    found = dataset.scan_folder(str(photos))
    images = [decode(photo.file.read_bytes(), size) for split in ("train", "val") for photo in found.split(split)]
    labels, rows = np.concatenate([found.labels("train"), found.labels("val")]), []
    for side in sides:
        small = [reduced(image, side) for image in images]
        each = [accuracies(features([enlarged(image, size, *way) for image in small]), labels) for way in WAYS]
        errors = [(one - each[0]).std(ddof=1) / DRAWS**0.5 for one in each]
        rows.append((photos.name, str(side), *(f"{one.mean():.1%} ± {error:.1%}" for one, error in zip(each, errors))))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="How small pictures are best made as large as the network's input.")
    parser.add_argument("weights", help="to compute features with")
    parser.add_argument("photos", nargs="+", type=Path, help="data sets")
    parser.add_argument("--sides", nargs="+", type=int, default=[32, 64, 100, 150, 200], help="pixels")
    options = parser.parse_args()
    device.select_device("auto", seed=0)
    start = pretrained.read_pretrained(options.weights)
    network = MobileNetV2(start.architecture, 2)
    pretrained.load_pretrained(network, start, ["one", "other"])
    preprocessing = Preprocessing(start.size or Preprocessing.size, start.mean, start.std)
    pool = feature_pooler(network)

    def features(images: List[Image.Image]) -> np.ndarray:
        pictures = ((number, normalize(image, preprocessing)) for number, image in enumerate(images))
        return np.stack([rows[0] for _, rows in run_batches(pool, pictures)])

    rows = [row for photos in options.photos for row in measure(photos, options.sides, preprocessing.size, features)]
    print(table([("data set", "side", *(f"{share:g}, {name.lower()}" for share, name in WAYS)), *rows]))


if __name__ == "__main__":
    main()
