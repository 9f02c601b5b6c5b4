"""Photos -> the last blocks of the network, or all of it."""

from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import numpy as np
from mindspore import nn

from . import distributed
from .fit import Plan, fit, shuffled
from .folder import PhotoSet
from .forward import answered
from .network import MobileNetV2
from .pixels import Preprocessing
from .progress import parallel
from .resume import States, conditions
from .settings import Settings
from .views import views

WEIGHT_DECAY = 1e-4


def finetune(
    network: MobileNetV2,
    data: PhotoSet,
    preprocessing: Preprocessing,
    settings: Settings,
    pretrained: bool,
    output: Path,
    record: Callable[[Dict[str, Any]], None],
) -> List[Dict[str, Any]]:
    """Train the last `settings.unfreeze` blocks of the network and its classifier, in place; returns the rows of `fit`.

    Every epoch sees another view of each photo. pretrained: normalise with the means and variances that the network brought,
    as in use, instead of those of each batch, which are too rough in a batch of 16.
    output: the folder in which a stopped training is found again.
    """
    states = States(output, conditions("finetune", settings, data, network))
    if pretrained:
        for _, cell in network.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.use_batch_statistics = False
    trained = [*list(network.features)[-settings.unfreeze :], network.classifier]
    parameters = [parameter for cell in trained for parameter in cell.trainable_params()]
    photos, labels = data.split("train"), data.labels("train")
    batch = min(settings.batch_size, len(photos))

    def view(index: int, number: int) -> np.ndarray:
        return views(photos[index].read(), preprocessing, settings.seed, [number])[0]

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = distributed.columns(shuffled(len(photos), batch, settings.seed, epoch)[first:])
        pictures = parallel(lambda index: view(index, epoch + 1), order.ravel(), settings.workers)
        return ((np.stack([next(pictures) for _ in rows]), labels[rows]) for rows in order)

    def validate() -> np.ndarray:
        return answered(network, data.split("val"), preprocessing, settings.workers)

    plan = Plan(settings.epochs, -(-len(photos) // batch), settings.lr, WEIGHT_DECAY, settings.patience)
    return fit(network, parameters, batches, validate, data.labels("val"), plan, record, states, True)
