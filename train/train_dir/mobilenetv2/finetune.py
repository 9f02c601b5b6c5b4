"""Photos -> the last blocks of the network, or all of it."""
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import numpy as np
from mindspore import nn

from .fit import Plan, fit, shuffled
from .folder import Photo
from .forward import logits
from .network import MobileNetV2
from .pixels import Preprocessing
from .progress import parallel
from .views import views

WEIGHT_DECAY = 1e-4


def finetune(network: MobileNetV2, train: Sequence[Photo], val: Sequence[Photo], preprocessing: Preprocessing, blocks: int, frozen_statistics: bool,
             epochs: int, batch_size: int, lr: float, patience: int, seed: int, workers: int,
             record: Callable[[Dict[str, Any]], None]) -> List[Dict[str, Any]]:
    """Train the last `blocks` of the network's blocks and its classifier, in place; returns the rows of `fit`.

    Every epoch sees another view of each photo. frozen_statistics: normalise with the means and variances that the pretrained
    network brought, as in use, instead of those of each batch, which are too rough in a batch of 16.
    """
    if frozen_statistics:
        for _, cell in network.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.use_batch_statistics = False
    trained = [*list(network.features)[-blocks:], network.classifier]
    parameters = [parameter for cell in trained for parameter in cell.trainable_params()]
    labels, val_labels = (np.array([photo.label for photo in photos], np.int32) for photos in (train, val))
    batch = min(batch_size, len(train))

    def batches(epoch: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = shuffled(len(train), batch, seed, epoch)
        pictures = parallel(lambda index: views(train[index].read(), preprocessing, seed, [epoch + 1])[0], order.ravel(), workers)
        return ((np.stack([next(pictures) for _ in rows]), labels[rows]) for rows in order)

    plan = Plan(epochs, -(-len(train) // batch), lr, WEIGHT_DECAY, patience)
    return fit(network, parameters, batches, lambda: logits(network, val, preprocessing, workers, "Validating"), val_labels, plan, record)
