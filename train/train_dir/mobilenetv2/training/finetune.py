"""Fine-tuning: the photos train the last blocks of the network, or all of it."""

from functools import partial
from itertools import chain, count, islice
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..data.augment import augmented_views
from ..data.dataset import Photo, PhotoSet
from ..data.image import Preprocessing
from ..model.mobilenet_v2 import MobileNetV2, global_pool
from ..model.prediction import logits_of_frozen
from ..runtime import distributed
from ..runtime.progress import parallel_map, show_progress
from .loop import Batches, Record, cosine_schedule, param_groups, shuffled_batches, train_supervised
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
    _choose_moments(network, pretrained)
    photos, labels = data.split("train"), data.labels("train")
    batch = min(plan.batch_size, len(photos))
    batches = _batches(photos, labels, batch, preprocessing, mirror, seed, workers)
    # Batch normalisation with given moments leaves the blocks that are not trained as they are.
    frozen = len(network.features) - blocks if pretrained else 0
    validate = logits_of_frozen(network, data.split("val"), preprocessing, workers, frozen)
    steps, val_labels = -(-len(photos) // batch), data.labels("val")
    make_step = _step_maker(network, plan, blocks)
    return train_supervised(
        network,
        _groups(network, plan, blocks),
        batches,
        steps,
        validate,
        val_labels,
        plan,
        record,
        make_step,
        states,
        distribute=True,
    )


def finetune_without(
    network: MobileNetV2,
    data: PhotoSet,
    held: np.ndarray,
    preprocessing: Preprocessing,
    plan: Plan,
    passes: float,
    blocks: int,
    pretrained: bool,
    mirror: bool,
    seed: int,
    workers: int,
) -> None:
    """Train as `finetune_network` does, in place, but only on the training photos that are not held out, for so many passes over
    them. The last step is kept. held: bool [N]. A training that is stopped here begins anew, with the same result.

    Raises UserError for a photo that cannot be read."""
    _choose_moments(network, pretrained)
    rows = np.flatnonzero(~held)
    photos, labels = data.split("train"), data.labels("train")[rows]
    batch = min(plan.batch_size, len(rows))
    batches = _batches([photos[row] for row in rows], labels, batch, preprocessing, mirror, seed, workers)
    a_pass = -(-len(rows) // batch)
    steps = max(1, round(passes * a_pass))
    step = _step_maker(network, plan, blocks)(
        nn.Adam(_groups(network, plan, blocks), cosine_schedule(plan.lr, steps, plan.warmup))
    )
    network.set_train(True)
    endless = chain.from_iterable(batches(epoch, 0) for epoch in count())
    with distributed.stopped_together():
        for pair in show_progress(islice(endless, steps), steps, "Training without a part of the photos"):
            step(*map(ms.Tensor, pair))
            distributed.stop_if_asked()
    network.set_train(False)


def _choose_moments(network: MobileNetV2, pretrained: bool) -> None:
    if pretrained:
        for _, cell in network.cells_and_names():
            if isinstance(cell, nn.BatchNorm2d):
                cell.use_batch_statistics = False


def _batches(
    photos: Sequence[Photo],
    labels: np.ndarray,
    batch: int,
    preprocessing: Preprocessing,
    mirror: bool,
    seed: int,
    workers: int,
) -> Batches:
    """Of this worker: pictures and labels, as in `train_supervised`. Every epoch has another view of each photo."""

    def view(index: int, number: int) -> np.ndarray:
        return augmented_views(photos[index].read(), preprocessing, seed, [number], mirror)[0]

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = distributed.shard_batches(shuffled_batches(len(photos), batch, seed, epoch)[first:])
        pictures = parallel_map(lambda index: view(index, epoch + 1), order.ravel(), workers)
        return ((np.stack([next(pictures) for _ in rows]), labels[rows]) for rows in order)

    return batches


def _groups(network: MobileNetV2, plan: Plan, blocks: int) -> List[Dict[str, Any]]:
    """Parameter groups of an optimizer: of what is trained."""
    trained = [*list(network.features)[-blocks:], network.classifier]
    return param_groups([parameter for cell in trained for parameter in cell.trainable_params()], plan.weight_decay)


def _step_maker(network: MobileNetV2, plan: Plan, blocks: int) -> Callable[[nn.Optimizer], Step]:
    criterion = nn.CrossEntropyLoss(label_smoothing=plan.label_smoothing)

    def loss_of_maps(maps: ms.Tensor, labels: ms.Tensor) -> ms.Tensor:
        return criterion(network.classifier(global_pool(maps)), labels)

    def make_step(optimizer: nn.Optimizer) -> Step:
        by_operators = partial(supervised_step, network, optimizer, plan.label_smoothing, True)
        return network_step(network, loss_of_maps, optimizer, blocks, by_operators)

    return make_step
