"""Features and logits of pictures, computed in batches so that memory stays bounded."""

from typing import Any, Callable, Iterator, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..data.dataset import Photo
from ..data.features import Features
from ..data.image import Preprocessing, preprocess
from ..engine.forward import FIXED_BATCH, feature_maps
from ..runtime import distributed
from ..runtime.progress import parallel_map, show_progress
from .mobilenet_v2 import MobileNetV2, center_pool, global_pool

Function = Callable[[np.ndarray], np.ndarray]


def run_batches(
    function: Function, pictures: Iterator[Tuple[Any, np.ndarray]], size: int
) -> Iterator[Tuple[Any, np.ndarray]]:
    """(name, picture f32 [3, size, size]) -> (name, its row of function(batch f32 [N, 3, size, size])), in the same order.

    N is at most FIXED_BATCH. The function must not keep the batch: it is reused.
    """
    batch = np.zeros((FIXED_BATCH, 3, size, size), np.float32)
    names: List[Any] = []
    for name, picture in pictures:
        batch[len(names)] = picture
        names.append(name)
        if len(names) == FIXED_BATCH:
            yield from zip(names, function(batch))
            names = []
    if names:
        yield from zip(names, function(batch[: len(names)]))


def feature_pooler(network: MobileNetV2) -> Function:
    """A function: pictures f32 [N, 3, S, S] -> f32 [N, 2, channels], the results of `global_pool` and `center_pool`."""
    maps = feature_maps(network)

    def function(batch: np.ndarray) -> np.ndarray:
        feature_map = maps(batch)
        return np.stack((global_pool(feature_map), center_pool(feature_map)), 1)

    return function


def classify(classifier: nn.Dense, features: np.ndarray) -> np.ndarray:
    """Features f32 [N, channels] -> logits f32 [N, classes]."""
    return classifier(ms.Tensor(features)).asnumpy()


def predict_logits(
    network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int
) -> np.ndarray:
    """Logits f32 [N, classes] of the photos, without augmentation. Raises UserError for a photo that cannot be read."""
    return classify(network.classifier, pool_features(network, photos, preprocessing, workers).pooled[:, 0])


def pool_features(
    network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int
) -> Features:
    """Features of the photos, one view each, without augmentation. Raises UserError for a photo that cannot be read.

    With several workers, each computes its share, and all get the whole.
    """
    own = distributed.shard(photos)
    pictures = parallel_map(lambda photo: (photo.name, preprocess(photo.read(), preprocessing)), own, workers)
    rows = run_batches(feature_pooler(network), pictures, preprocessing.size)
    out = Features.empty(len(own), 1, network.classifier.in_channels)
    for number, (_, row) in enumerate(show_progress(rows, len(own), "Answering")):
        out.pooled[number, 0], out.center[number] = row
    return Features(*(distributed.all_gather(part, len(photos)) for part in out))
