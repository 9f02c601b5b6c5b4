"""Targets of a distillation: what the teacher computes for many views of the photos.

A few photos are too little data for a student. Many random crops and mosaics of them, each with the teacher's features, are
enough (Beyer et al. 2022, arXiv 2106.05237). The features are computed once and kept in the cache.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Iterator, List, NamedTuple, Sequence, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from ..data import augment
from ..data.cache import PhotoCache
from ..data.dataset import Photo
from ..data.image import Preprocessing, decode, normalize
from ..engine import feature_maps
from ..evaluation.metrics import log_softmax
from ..model.mobilenet_v2 import MobileNetV2, global_pool
from ..model.prediction import classify, run_batches
from ..model.state import fingerprint
from ..runtime import distributed
from ..runtime.environment import code_digest
from ..runtime.progress import parallel_map, show_progress

LARGE = 4  # the shorter side of a photo in memory, at most, as a multiple of the teacher's input
# Share of the views that are made of two or four photos. In these, pictures of low resolution are sharp, too.
MOSAIC = 0.5
AREA = (0.15, 1.0)  # share of a picture's area that a crop keeps
TEACHER_VIEWS = {"mosaic": MOSAIC, "area": AREA}  # as a checkpoint records them


@dataclass(frozen=True)
class Teacher:
    """A network with a trained classifier, and the preprocessing that it expects."""

    network: MobileNetV2
    preprocessing: Preprocessing


class DistillTargets(NamedTuple):
    """Views of the photos, and the teacher's answers to them.

    pictures: u8 [N, side, side, 3]. features: f16 [N, 5, channels], of the regions of `pool_regions`, standardised to mean 0
    and standard deviation 1. confidences: f32 [N, classes]. members: i64 [N, 4], the photos that a view is made of, some several
    times.
    """

    pictures: np.ndarray
    features: np.ndarray
    confidences: np.ndarray
    members: np.ndarray

    def without(self, held: np.ndarray) -> np.ndarray:
        """i64 [n]: the views that show none of these photos. held: bool [P], of all photos."""
        return np.flatnonzero(~held[self.members].any(1))


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
    """Views of each photo as side x side pixels, and the teacher's features and confidences of them at its own input size.

    most: views of each photo, at most. most_bytes: of all views, at most, though there is one view of each photo in any case.
    seed: of the views. Raises UserError for a photo that cannot be read.
    """
    size = teacher.preprocessing.size
    decoded = parallel_map(lambda photo: _reduced(decode(photo.read(), size), LARGE * size), photos, workers)
    images = list(show_progress(decoded, len(photos), "Reading photos for the teacher"))
    count = min(most, max(1, most_bytes // (3 * side**2 * len(photos)))) * len(photos)
    channels = teacher.network.classifier.in_channels
    pictures, features = np.empty((count, side, side, 3), np.uint8), np.empty((count, 5, channels), np.float16)
    members = np.empty((count, 4), np.int64)
    context = {
        "kind": "lesson",
        "code": code_digest("data", "engine", "model", "training"),
        # Of all photos, in order: a mosaic is made of several.
        "photos": hashlib.sha256("".join(photo.sha256 for photo in photos).encode()).hexdigest(),
        "backbone": fingerprint(teacher.network.features),
        "preprocessing": repr(teacher.preprocessing),
        "seed": seed,
        "packages": [ms.__version__, Image.__version__, np.__version__],
        "device": ms.get_context("device_target"),
    }

    def view(number: int) -> Tuple[int, Any, Any]:
        image, shown = _view(images, number % len(images), size, np.random.default_rng([seed, number]))
        members[number] = np.resize(shown, 4)
        cached = cache.get({**context, "number": number})
        small = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
        whole = cached is not None and len(cached) == features[0].nbytes
        return number, small, cached if whole else normalize(image, teacher.preprocessing)

    def uncached(numbers: Sequence[int]) -> Iterator[Tuple[int, np.ndarray]]:
        views = parallel_map(view, numbers, workers)
        for number, small, rest in show_progress(views, len(numbers), "Asking the teacher"):
            pictures[number] = small
            if isinstance(rest, bytes):
                features[number] = np.frombuffer(rest, np.float16).reshape(5, channels)
            else:
                yield number, rest

    maps = feature_maps(teacher.network)
    for numbers in distributed.shards(range(count)):
        for number, feature in run_batches(lambda batch: np.stack(pool_regions(maps(batch)), 1), uncached(numbers)):
            features[number] = feature
            cache.put({**context, "number": number}, features[number].tobytes())
    confidences = np.exp(log_softmax(classify(teacher.network.classifier, features[:, 0].astype(np.float32))))
    features -= features.mean((0, 1), np.float32).astype(np.float16)
    features /= features.std(dtype=np.float32).astype(np.float16)
    return DistillTargets(pictures, features, confidences, members)


def pool_regions(feature_map: Any) -> Tuple[Any, ...]:
    """f32 [N, C, S, S], as a tensor or an array -> five times f32 [N, C]: the means over the picture and over its quarters.

    The quarters go from left to right, then down. If S is odd, they share the middle row and column.
    """
    half = -(-feature_map.shape[2] // 2)
    upper, lower = feature_map[:, :, :half], feature_map[:, :, -half:]
    quarters = upper[..., :half], upper[..., -half:], lower[..., :half], lower[..., -half:]
    return tuple([global_pool(part) for part in (feature_map, *quarters)])


MIRRORED = [0, 2, 1, 4, 3]  # order of the regions in the mirrored picture


def _reduced(image: Image.Image, shorter: int) -> Image.Image:
    """The picture, reduced if necessary, so that its shorter side has at most `shorter` pixels."""
    factor = min(image.size) / shorter
    return (
        image
        if factor <= 1
        else image.resize((round(image.width / factor), round(image.height / factor)), Image.Resampling.BICUBIC)
    )


def _view(
    images: Sequence[Image.Image], index: int, size: int, random: np.random.Generator
) -> Tuple[Image.Image, List[int]]:
    """RGB picture of size x size: a random crop of the image with this index, or a mosaic of crops of it and others; and of which
    images."""
    if random.random() >= MOSAIC:
        return _random_crop(images[index], (size, size), random), [index]
    x, y = (random.integers(size * 3 // 10, size * 7 // 10, 2)).tolist()
    columns, rows = [((0, x, size), (0, size)), ((0, size), (0, y, size)), ((0, x, size), (0, y, size))][
        random.integers(3)
    ]
    mosaic, shown = Image.new("RGB", (size, size)), []
    for left, right in zip(columns, columns[1:]):
        for top, bottom in zip(rows, rows[1:]):
            shown.append(index if left == top == 0 else int(random.integers(len(images))))
            mosaic.paste(_random_crop(images[shown[-1]], (right - left, bottom - top), random), (left, top))
    return mosaic, shown


def _random_crop(image: Image.Image, size: Tuple[int, int], random: np.random.Generator) -> Image.Image:
    """A random crop, resized to this width and height."""
    return image.resize(size, Image.Resampling.BICUBIC, box=augment.crop(image, AREA, random))
