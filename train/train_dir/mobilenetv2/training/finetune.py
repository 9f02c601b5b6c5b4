"""Fine-tuning: the photos train the last blocks of the network, or all of it."""

from functools import partial
from typing import Any, Dict, Iterator, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..data.augment import augmented_views
from ..data.dataset import PhotoSet
from ..data.image import Preprocessing
from ..model.mobilenet_v2 import MobileNetV2, global_pool
from ..model.prediction import logits_of_frozen
from ..runtime import distributed
from ..runtime.progress import parallel_map
from .loop import Record, param_groups, shuffled_batches, train_supervised
from .plan import Plan
from .resume import CheckpointManager
from .step import Step, network_step, supervised_step


def finetune_network(
    network: MobileNetV2,
    data: PhotoSet,
    preprocessing: Preprocessing,
    plan: Plan,
    blocks: int,
    pretrained: bool,
    mirror: bool,
    seed: int,
    workers: int,
    states: CheckpointManager,
    record: Record,
) -> List[Dict[str, Any]]:
    """Train the last `blocks` blocks of the network and its classifier, in place. Returns the rows of `train_epochs`.

    Every epoch uses another augmented view of each photo. mirror: whether views may be mirrored. pretrained: keep the
    moving means and variances of batch normalisation, and use them in training, too; those of a batch of 16 are too rough.
    states: for an interrupted training to resume from. record: as in `train_epochs`. Raises UserError for a photo that cannot
    be read.
    """
    if pretrained:
        for _, cell in network.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.use_batch_statistics = False
    trained = [*list(network.features)[-blocks:], network.classifier]
    parameters = [parameter for cell in trained for parameter in cell.trainable_params()]
    photos, labels = data.split("train"), data.labels("train")
    batch = min(plan.batch_size, len(photos))

    def view(index: int, number: int) -> np.ndarray:
        return augmented_views(photos[index].read(), preprocessing, seed, [number], mirror)[0]

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = distributed.shard_batches(shuffled_batches(len(photos), batch, seed, epoch)[first:])
        pictures = parallel_map(lambda index: view(index, epoch + 1), order.ravel(), workers)
        return ((np.stack([next(pictures) for _ in rows]), labels[rows]) for rows in order)

    # Batch normalisation with given moments leaves the blocks that are not trained as they are.
    frozen = len(network.features) - blocks if pretrained else 0
    validate = logits_of_frozen(network, data.split("val"), preprocessing, workers, frozen)
    criterion = nn.CrossEntropyLoss(label_smoothing=plan.label_smoothing)

    def loss_of_maps(maps: ms.Tensor, labels: ms.Tensor) -> ms.Tensor:
        return criterion(network.classifier(global_pool(maps)), labels)

    def make_step(optimizer: nn.Optimizer) -> Step:
        by_operators = partial(supervised_step, network, optimizer, plan.label_smoothing, True)
        return network_step(network, loss_of_maps, optimizer, blocks, by_operators)

    steps, val_labels = -(-len(photos) // batch), data.labels("val")
    groups = param_groups(parameters, plan.weight_decay)
    return train_supervised(
        network, groups, batches, steps, validate, val_labels, plan, record, make_step, states, distribute=True
    )
