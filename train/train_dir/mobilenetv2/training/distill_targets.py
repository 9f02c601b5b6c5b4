"""What a large network makes of many views of the photos: the lessons that `distill` teaches a small one.

A few photos cannot show a small network the world, but they can show it what the large one makes of ever new crops and mosaics
of them (Beyer et al. 2022, arXiv 2106.05237). Computed once, kept in the cache.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Iterator, NamedTuple, Sequence, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from ..data import augment
from ..data.cache import PhotoCache
from ..data.dataset import Photo
from ..data.image import Preprocessing, decode, normalize
from ..engine.forward import feature_maps
from ..evaluation.metrics import log_softmax
from ..model.mobilenet_v2 import MobileNetV2, global_pool
from ..model.prediction import classify, run_batches
from ..model.state import fingerprint
from ..runtime import distributed
from ..runtime.environment import code_digest
from ..runtime.progress import parallel_map, show_progress

LARGE = 4  # the shorter side of a photo is kept in memory at this many times the teacher's input, at most
MOSAIC = (
    0.5  # share of the views that are made of two or four photos; in these, pictures of low resolution are sharp, too
)
AREA = (0.15, 1.0)  # share of a picture's area that a crop keeps


@dataclass(frozen=True)
class Teacher:
    """A network with a trained classifier, and the preprocessing that it expects."""

    network: MobileNetV2
    preprocessing: Preprocessing


class DistillTargets(NamedTuple):
    """pictures: u8 [N, side, side, 3]. features: f16 [N, 5, channels] of its `regions`, with mean 0 and standard deviation 1
    over all. confidences: f32 [N, classes]."""

    pictures: np.ndarray
    features: np.ndarray
    confidences: np.ndarray


def make_targets(
    teacher: Teacher,
    photos: Sequence[Photo],
    side: int,
    most: int,
    most_bytes: int,
    seed: int,
    workers: int,
    cache: PhotoCache,
) -> DistillTargets:
    """`most` views of each photo, or as many as take `most_bytes` in all, side x side, and what the teacher makes of them at
    its own size."""
    size = teacher.preprocessing.size
    images = list(parallel_map(lambda photo: _bounded(decode(photo.read(), size), LARGE * size), photos, workers))
    count = min(most, max(1, most_bytes // (3 * side**2 * len(photos)))) * len(photos)
    channels = teacher.network.classifier.in_channels
    pictures, features = np.empty((count, side, side, 3), np.uint8), np.empty((count, 5, channels), np.float16)
    context = {
        "kind": "lesson",
        "code": code_digest("data", "engine", "model", "training"),
        # All of them, in order: mosaics are made of several.
        "photos": hashlib.sha256("".join(photo.sha256 for photo in photos).encode()).hexdigest(),
        "backbone": fingerprint(teacher.network.features),
        "preprocessing": repr(teacher.preprocessing),
        "seed": seed,
        "packages": [ms.__version__, Image.__version__, np.__version__],
        "device": ms.get_context("device_target"),
    }

    def view(number: int) -> Tuple[int, Any, Any]:
        image = _view(images, number % len(images), size, np.random.default_rng([seed, number]))
        known = cache.get({**context, "number": number})
        small = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
        return number, small, known if known else normalize(image, teacher.preprocessing)

    def unknown(numbers: Sequence[int]) -> Iterator[Tuple[int, np.ndarray]]:
        seen = parallel_map(view, numbers, workers)
        for number, small, rest in show_progress(seen, len(numbers), "Asking the teacher"):
            pictures[number] = small
            if isinstance(rest, bytes):
                features[number] = np.frombuffer(rest, np.float16).reshape(5, channels)
            else:
                yield number, rest

    maps = feature_maps(teacher.network)
    for numbers in distributed.shards(range(count)):
        for number, feature in run_batches(
            lambda batch: np.stack(pool_regions(maps(batch)), 1), unknown(numbers), size
        ):
            features[number] = feature
            cache.put({**context, "number": number}, features[number].tobytes())
    confidences = np.exp(log_softmax(classify(teacher.network.classifier, features[:, 0].astype(np.float32))))
    features -= features.mean((0, 1), np.float32).astype(np.float16)
    features /= features.std(dtype=np.float32).astype(np.float16)
    return DistillTargets(pictures, features, confidences)


def pool_regions(feature_map: Any) -> Tuple[Any, ...]:
    """f32 [N, C, S, S], as a tensor or an array -> f32 [N, C] each: the means over the picture and over its quarters, from left
    to right and downwards. The quarters of an odd number of rows share the one in the middle.
    """
    half = -(-feature_map.shape[2] // 2)
    upper, lower = feature_map[:, :, :half], feature_map[:, :, -half:]
    quarters = upper[..., :half], upper[..., -half:], lower[..., :half], lower[..., -half:]
    return tuple([global_pool(part) for part in (feature_map, *quarters)])


MIRRORED = [0, 2, 1, 4, 3]  # the regions of a picture in its mirror


def _bounded(image: Image.Image, shorter: int) -> Image.Image:
    """The same picture, reduced where its shorter side is longer than that."""
    factor = min(image.size) / shorter
    return (
        image
        if factor <= 1
        else image.resize((round(image.width / factor), round(image.height / factor)), Image.Resampling.BICUBIC)
    )


def _view(images: Sequence[Image.Image], index: int, size: int, random: np.random.Generator) -> Image.Image:
    """A random crop of the picture of that index, or a mosaic of crops of it and others -> RGB picture of size x size."""
    if random.random() >= MOSAIC:
        return _cut(images[index], (size, size), random)
    x, y = (random.integers(size * 3 // 10, size * 7 // 10, 2)).tolist()
    columns, rows = [((0, x, size), (0, size)), ((0, size), (0, y, size)), ((0, x, size), (0, y, size))][
        random.integers(3)
    ]
    mosaic = Image.new("RGB", (size, size))
    for left, right in zip(columns, columns[1:]):
        for top, bottom in zip(rows, rows[1:]):
            image = images[index if left == top == 0 else random.integers(len(images))]
            mosaic.paste(_cut(image, (right - left, bottom - top), random), (left, top))
    return mosaic


def _cut(image: Image.Image, size: Tuple[int, int], random: np.random.Generator) -> Image.Image:
    """A random crop, of that width and height."""
    return image.resize(size, Image.Resampling.BICUBIC, box=augment.crop(image, AREA, random))
