"""Photos -> features of the frozen backbone, of several views each. Computed once, kept in the cache."""

from functools import partial
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from PIL import Image

from ..data import augment
from ..data.cache import PhotoCache
from ..data.dataset import Photo
from ..data.decoded import DecodedPhotos
from ..data.features import Features
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import feature_pooler, run_batches
from ..model.state import fingerprint
from ..runtime import distributed
from ..runtime.environment import code_digest
from ..runtime.progress import parallel_map, show_progress


def compute_features(
    network: MobileNetV2,
    photos: Sequence[Photo],
    decoded: DecodedPhotos,
    cache: PhotoCache,
    count: int = 1,
    seed: int = 0,
    workers: int = 1,
    mirror: bool = True,
) -> Features:
    """Features of the views 0 ... count - 1 of the photos. View 0 is not augmented, as in validation and inference.

    decoded: has the preprocessing, and pixels of some photos, which are taken out of it. seed: of the other views. mirror:
    whether these may be mirrored. Only what is not in the cache is computed. The key is made of the photo's bytes, the
    backbone's weights, the preprocessing, the view, the code, the packages that do the arithmetic and the device. With several
    workers, each computes its share, and all get the whole. Raises UserError for a photo that has to be read again and has
    changed since it was checked.
    """
    return _features_of(network, photos, decoded, cache, range(count), seed, workers, mirror)


def mirrored_features(
    network: MobileNetV2, photos: Sequence[Photo], decoded: DecodedPhotos, cache: PhotoCache, workers: int = 1
) -> np.ndarray:
    """f32 [N, channels]: what `Features.pooled` of view 0 is for the mirrored photos. Arguments as in `compute_features`."""
    return _features_of(network, photos, decoded, cache, [augment.MIRRORED], 0, workers, True).pooled[:, 0]


def _features_of(
    network: MobileNetV2,
    photos: Sequence[Photo],
    decoded: DecodedPhotos,
    cache: PhotoCache,
    wanted: Sequence[int],
    seed: int,
    workers: int,
    mirror: bool,
) -> Features:
    """`compute_features` of the views with the numbers `wanted`; the center only where 0 is among them."""
    total, photos = len(photos), distributed.shard(photos)
    channels, preprocessing = network.classifier.in_channels, decoded.preprocessing
    context = {
        "kind": "features",
        "code": code_digest("data", "engine", "model", "training"),
        "backbone": fingerprint(network.features),
        "preprocessing": repr(preprocessing),
        "packages": [ms.__version__, Image.__version__, np.__version__],
        "device": ms.get_context("device_target"),
    }
    out = Features.empty(len(photos), len(wanted), channels)
    view = partial(_key, context, seed=seed, mirror=mirror)
    missing: List[Tuple[int, List[int]]] = []

    def keep(index: int, number: int, rows: np.ndarray) -> None:
        out.pooled[index, wanted.index(number)] = rows[0]
        if number == 0:
            out.center[index] = rows[1]

    for index, photo in enumerate(show_progress(photos, len(photos), "Looking for what was computed before")):
        numbers = []
        for number in wanted:
            value = cache.get(view(photo, number))
            parts = 1 if number else 2  # view 0 has the result of center_pool, too
            if value is None or len(value) != 4 * channels * parts:
                numbers.append(number)
            else:
                keep(index, number, np.frombuffer(value, np.float32).reshape(parts, channels))
        missing += [(index, numbers)] if numbers else []
    uncached = sum(len(numbers) for _, numbers in missing)
    pictures = _pictures(photos, missing, decoded, seed, workers, mirror)
    pooled = run_batches(feature_pooler(network), pictures)
    for (index, number), rows in show_progress(pooled, uncached, "Running the network"):
        keep(index, number, rows)
        cache.put(view(photos[index], number), (rows[:1] if number else rows).tobytes())
    return Features(*(distributed.all_gather(rows, total) for rows in out))


def _key(context: Dict[str, Any], photo: Photo, number: int, seed: int, mirror: bool) -> Dict[str, Any]:
    """The cache key of one view. Only the random ones depend on the seed, and on whether they may be mirrored."""
    return {**context, "photo": photo.sha256, "view": [seed, number, mirror] if number > 0 else number}


def _pictures(
    photos: Sequence[Photo],
    wanted: Sequence[Tuple[int, List[int]]],
    decoded: DecodedPhotos,
    seed: int,
    workers: int,
    mirror: bool,
) -> Iterator[Tuple[Tuple[int, int], np.ndarray]]:
    """((index, view number), f32 [3, S, S]) of all wanted views, decoded in parallel. wanted: (index, view numbers)."""

    def decode(item: Tuple[int, List[int]]) -> np.ndarray:
        photo, numbers = photos[item[0]], item[1]
        kept = decoded.take(photo.sha256) if numbers == [0] else None
        return (
            augment.augmented_views(photo.read(), decoded.preprocessing, seed, numbers, mirror, spoiled=True)
            if kept is None
            else kept[None]
        )

    for (index, numbers), arrays in zip(wanted, parallel_map(decode, wanted, workers)):
        yield from (((index, number), array) for number, array in zip(numbers, arrays))
