"""Features and logits of pictures, computed in batches so that memory stays bounded."""

from functools import lru_cache
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

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

MAX_HELD = 2**29  # bytes of feature maps that a training keeps
COPIED = 4096  # rows of features that become a tensor, which is a copy, at a time
Function = Callable[[np.ndarray], np.ndarray]


def run_batches(function: Function, pictures: Iterator[Tuple[Any, np.ndarray]]) -> Iterator[Tuple[Any, np.ndarray]]:
    """(name, picture f32 [...]) -> (name, its row of function(batch f32 [N, ...])), in the same order. All have one shape.

    N is at most FIXED_BATCH. The function must not keep the batch: it is reused.
    """
    batch, names = np.zeros(0, np.float32), []  # type: np.ndarray, List[Any]
    for name, picture in pictures:
        if not len(batch):
            batch = np.zeros((FIXED_BATCH, *picture.shape), np.float32)
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
    starts = range(0, max(1, len(features)), COPIED)
    logits = [classifier(ms.Tensor(features[start : start + COPIED])).asnumpy() for start in starts]
    return np.concatenate(logits) if len(logits) > 1 else logits[0]


def predict_logits(
    network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int
) -> np.ndarray:
    """Logits f32 [N, classes] of the photos, without augmentation. Raises UserError for a photo that cannot be read."""
    return classify(network.classifier, pool_features(network, photos, preprocessing, workers).pooled[:, 0])


def logits_of_frozen(
    network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int, frozen: int
) -> Callable[[], np.ndarray]:
    """A function that returns what `predict_logits` would, by the network as it then is.

    frozen: so many parts of network.features, the first ones, stay as they are. Their feature maps of the photos are computed
    once, unless they take more than MAX_HELD bytes.
    """
    channels = network.classifier.in_channels

    @lru_cache(None)
    def held() -> Optional[List[np.ndarray]]:
        """This worker's maps; None where they are not kept."""
        if not frozen:
            return None
        beginning = feature_maps(network, slice(frozen))
        _, first = next(_pictures(photos[:1], preprocessing, 1))
        if beginning(first[None]).nbytes * len(photos) > MAX_HELD:
            return None
        own = distributed.shard(photos)
        rows = run_batches(beginning, _pictures(own, preprocessing, workers))
        return [row for _, row in show_progress(rows, len(own), "Running the blocks that stay as they are")]

    def logits() -> np.ndarray:
        inputs = held()
        if inputs is None:
            return predict_logits(network, photos, preprocessing, workers)
        maps, pooled = feature_maps(network, slice(frozen, None)), np.empty((len(inputs), channels), np.float32)
        for number, row in run_batches(lambda batch: global_pool(maps(batch)), enumerate(inputs)):
            pooled[number] = row
        return classify(network.classifier, distributed.all_gather(pooled, len(photos)))

    return logits


def _pictures(photos: Sequence[Photo], preprocessing: Preprocessing, workers: int) -> Iterator[Tuple[str, np.ndarray]]:
    """Names and pictures f32 [3, size, size]."""
    return parallel_map(lambda photo: (photo.name, preprocess(photo.read(), preprocessing)), photos, workers)


def pool_features(
    network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int
) -> Features:
    """Features of the photos, one view each, without augmentation. Raises UserError for a photo that cannot be read.

    With several workers, each computes its share, and all get the whole.
    """
    own = distributed.shard(photos)
    rows = run_batches(feature_pooler(network), _pictures(own, preprocessing, workers))
    out = Features.empty(len(own), 1, network.classifier.in_channels)
    for number, (_, row) in enumerate(show_progress(rows, len(own), "Answering")):
        out.pooled[number, 0], out.center[number] = row
    return Features(*(distributed.all_gather(part, len(photos)) for part in out))
