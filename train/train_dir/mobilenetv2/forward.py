"""Pictures through a network in batches of one shape, so that one graph is compiled and memory stays bounded."""

from typing import Any, Callable, Iterator, List, Sequence, Tuple

import mindspore as ms
import numpy as np

from .folder import Photo
from .network import MobileNetV2, pool
from .pixels import Preprocessing, pixels
from .progress import parallel, progress

BATCH = 8  # pictures per forward pass: larger ones are not faster on a CPU


Function = Callable[[ms.Tensor], ms.Tensor]


def run(function: Function, batch: np.ndarray) -> np.ndarray:
    """A network, or a part of one, on arrays."""
    return function(ms.Tensor(batch)).asnumpy()


def forward(
    function: Function, pictures: Iterator[Tuple[Any, np.ndarray]], size: int
) -> Iterator[Tuple[Any, np.ndarray]]:
    """(name, picture f32 [3, size, size]) -> (name, row of function(f32 [BATCH, 3, size, size])), in the same order."""
    batch = np.zeros((BATCH, 3, size, size), np.float32)
    names: List[Any] = []
    for name, picture in pictures:
        batch[len(names)] = picture
        names.append(name)
        if len(names) == BATCH:
            yield from zip(names, run(function, batch))
            names = []
    if names:  # the rest of the batch holds older pictures, whose rows are not passed on
        yield from zip(names, run(function, batch))


def pooled(network: MobileNetV2, photos: Sequence[Photo], preprocessing: Preprocessing, workers: int) -> np.ndarray:
    """Photos as the page sees them -> f32 [N, channels], what the classifier works on."""
    network.set_train(False)
    pictures = parallel(lambda photo: (photo.name, pixels(photo.read(), preprocessing)), photos, workers)
    rows = forward(lambda batch: pool(network.features(batch)), pictures, preprocessing.size)
    out = np.empty((len(photos), network.classifier.in_channels), np.float32)
    for number, (_, row) in enumerate(progress(rows, len(photos), "Answering")):
        out[number] = row
    return out
