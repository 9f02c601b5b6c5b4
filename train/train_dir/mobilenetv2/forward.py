"""Pictures through a network in batches: memory stays bounded."""

from typing import Any, Callable, Iterator, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from . import distributed
from .features import Features
from .folder import Photo
from .inference import BATCH, feature_maps
from .network import MobileNetV2, middle, pool
from .pixels import Preprocessing, pixels
from .progress import parallel, progress

Function = Callable[[np.ndarray], np.ndarray]


def forward(
    function: Function, pictures: Iterator[Tuple[Any, np.ndarray]], size: int
) -> Iterator[Tuple[Any, np.ndarray]]:
    """(name, picture f32 [3, size, size]) -> (name, row of function(f32 [N, 3, size, size])), in the same order."""
    batch = np.zeros((BATCH, 3, size, size), np.float32)
    names: List[Any] = []
    for name, picture in pictures:
        batch[len(names)] = picture
        names.append(name)
        if len(names) == BATCH:
            yield from zip(names, function(batch))
            names = []
    if names:
        yield from zip(names, function(batch[: len(names)]))


def both(network: MobileNetV2) -> Function:
    """Pictures f32 [N, 3, S, S] -> f32 [N, 2, channels]: mean over the picture, and over its middle."""
    maps = feature_maps(network)

    def function(batch: np.ndarray) -> np.ndarray:
        feature_map = maps(batch)
        return np.stack((pool(feature_map), middle(feature_map)), 1)

    return function


def classify(classifier: nn.Dense, features: np.ndarray) -> np.ndarray:
    """f32 [N, channels] -> logits f32 [N, classes]."""
    return classifier(ms.Tensor(features)).asnumpy()


def answered(network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int) -> np.ndarray:
    """Logits f32 [N, classes] of view 0 of each photo."""
    return classify(network.classifier, pooled(network, photos, preprocessing, workers).pooled[:, 0])


def pooled(network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int) -> Features:
    """Of view 0 of each photo."""
    own = distributed.share(photos)
    pictures = parallel(lambda photo: (photo.name, pixels(photo.read(), preprocessing)), own, workers)
    rows = forward(both(network), pictures, preprocessing.size)
    out = Features.empty(len(own), 1, network.classifier.in_channels)
    for number, (_, row) in enumerate(progress(rows, len(own), "Answering")):
        out.pooled[number, 0], out.center[number] = row
    return Features(*(distributed.gather(part, len(photos)) for part in out))
