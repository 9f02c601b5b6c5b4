"""Knowledge distillation: a small network, the student, learns from a trained large one (Hinton et al. 2015, arXiv 1503.02531).

The student starts from random weights. It learns the teacher's features, through a linear projection that is then discarded,
and the teacher's confidences as soft targets; no label is used. The views of `make_targets` are augmented further: mirrored,
blurred, sharpened, and in other colours.
"""

from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from PIL import Image, ImageEnhance, ImageOps

from ..data import augment
from ..data.dataset import PhotoSet
from ..data.image import Preprocessing, normalize
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import predict_logits
from ..runtime import distributed
from ..runtime.progress import parallel_map, show_progress
from .distill_targets import MIRRORED, DistillTargets, pool_regions
from .loop import Record, cosine_schedule, param_groups, shuffled_batches, train_epochs
from .plan import Plan, Teaching
from .resume import CheckpointManager
from .step import Step, network_step

WINDOW = (0.8, 1.0)  # share of a view's area that the student sees
SHRINK = (0.25, 2.0)  # as in data/augment.py; from 1 on, in a third of the draws, the view stays sharp
# Share of the pictures without colour. Without them, the student takes every brown picture for a croissant, and no other.
GREY = 0.2
LIGHT = (0.45, 1.25)  # brightness is multiplied by a factor from this range
TINT = (0.75, 1.3)  # and each of R, G and B by another one from this range
SHARPNESS = (0.0, 3.0)  # factor; above 1 it sharpens, so that resolution cannot give the class away
# As a checkpoint records them.
STUDENT_VIEWS = {"window": WINDOW, "shrink": SHRINK, "grey": GREY, "light": LIGHT, "tint": TINT, "sharpness": SHARPNESS}


def distill_network(
    network: MobileNetV2,
    targets: DistillTargets,
    data: PhotoSet,
    preprocessing: Preprocessing,
    plan: Plan,
    teaching: Teaching,
    mirror: bool,
    seed: int,
    workers: int,
    states: CheckpointManager,
    record: Record,
) -> List[Dict[str, Any]]:
    """Train `network`, the student, in place, on `make_targets` of the training photos. Returns the rows of `train_epochs`.

    The last epoch is kept: the validation photos select nothing. mirror: whether views may be mirrored. states: for an
    interrupted training to resume from. record: as in `train_epochs`. Raises UserError where the loss diverges.
    """
    steps = -(-len(targets.pictures) // plan.batch_size)
    schedule = cosine_schedule(plan.lr, plan.epochs * steps, plan.warmup)
    step, saved = _make_step(network, targets, plan, teaching, schedule)

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, ...]]:
        early = epoch < teaching.early_epochs * plan.epochs
        order = shuffled_batches(len(targets.pictures), plan.batch_size, seed, epoch)[first:]
        return _batches(targets, preprocessing, teaching if early else None, mirror, seed, epoch, order, workers)

    def validate() -> np.ndarray:
        return predict_logits(network, data.split("val"), preprocessing, workers)

    labels = data.labels("val")
    return train_epochs(
        network,
        step,
        schedule,
        saved,
        batches,
        validate,
        labels,
        plan,
        record,
        states,
        keep_best=False,
        distribute=True,
    )


def distill_without(
    network: MobileNetV2,
    targets: DistillTargets,
    rows: np.ndarray,
    preprocessing: Preprocessing,
    plan: Plan,
    passes: float,
    teaching: Teaching,
    mirror: bool,
    seed: int,
    workers: int,
) -> None:
    """Train as `distill_network` does, in place, but only on some of the views, for so many passes over them. rows: i64 [n], the
    views. A training that is stopped here begins anew, with the same result."""
    batch = min(plan.batch_size, len(rows))
    a_pass = -(-len(rows) // batch)
    steps = max(1, round(passes * a_pass))
    step, _ = _make_step(network, targets, plan, teaching, cosine_schedule(plan.lr, steps, plan.warmup))
    early = round(teaching.early_epochs * steps)

    def batches() -> Iterator[Tuple[np.ndarray, ...]]:
        for epoch in range(-(-steps // a_pass)):
            order = rows[shuffled_batches(len(rows), batch, seed, epoch)][: steps - epoch * a_pass]
            sharp = max(0, min(early - epoch * a_pass, len(order)))
            for part, smaller in ((order[:sharp], teaching), (order[sharp:], None)):
                yield from _batches(targets, preprocessing, smaller, mirror, seed, epoch, part, workers)

    network.set_train(True)
    with distributed.stopped_together():
        for arrays in show_progress(batches(), steps, "Training without a part of the photos"):
            step(*map(ms.Tensor, arrays))
            distributed.stop_if_asked()
    network.set_train(False)


def _batches(
    targets: DistillTargets,
    preprocessing: Preprocessing,
    smaller: Optional[Teaching],
    mirror: bool,
    seed: int,
    epoch: int,
    order: np.ndarray,
    workers: int,
) -> Iterator[Tuple[np.ndarray, ...]]:
    """This worker's share of the batches of an epoch, as in `_batch`. smaller: by how much the pictures are. order: i64 [steps,
    batch]."""
    size = preprocessing.size
    size = round(size * smaller.early_size / 32) * 32 if smaller else size
    made = partial(_batch, targets, preprocessing, size, mirror, seed, epoch)
    return parallel_map(made, distributed.shard_batches(order), workers)


def _batch(
    targets: DistillTargets,
    preprocessing: Preprocessing,
    size: int,
    mirror: bool,
    seed: int,
    epoch: int,
    rows: np.ndarray,
) -> Tuple[np.ndarray, ...]:
    """Pictures f32 [N, 3, size, size], features f32 [N, 5, channels], confidences f32 [N, classes]. rows: i64 [N]."""

    def augmented(index: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng([seed, epoch, index])
        view, features = Image.fromarray(targets.pictures[index]), targets.features[index]
        view = augment.blur(view, augment.crop(view, WINDOW, random), size, random, SHRINK)
        flip = random.random() < 0.5  # drawn in any case: the numbers that follow stay the same
        if flip and mirror:
            view, features = ImageOps.mirror(view), features[MIRRORED]
        view = ImageEnhance.Sharpness(augment.color_jitter(view, random)).enhance(random.uniform(*SHARPNESS))
        return normalize(_relight(view, random), preprocessing), features.astype(np.float32), targets.confidences[index]

    return tuple(map(np.stack, zip(*map(augmented, rows))))


def _relight(view: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same RGB picture with another brightness and tint, sometimes without colour."""
    if random.random() < GREY:
        view = view.convert("L").convert("RGB")
    gains = random.uniform(*LIGHT) * random.uniform(*TINT, (3, 1))
    return view.point(np.clip(np.arange(256) * gains, 0, 255).astype(np.uint8).ravel().tolist())


def _make_step(
    network: MobileNetV2, targets: DistillTargets, plan: Plan, teaching: Teaching, schedule: Sequence[float]
) -> Tuple[Step, List[ms.Parameter]]:
    """A training step: (pictures, features, confidences) of a batch, as in `_batch` -> loss; and the parameters that a state of
    the training contains."""
    projection = nn.Dense(network.classifier.in_channels, targets.features.shape[2], weight_init="XavierUniform")
    trained = [*network.trainable_params(), *projection.trainable_params()]
    optimizer = nn.AdamWeightDecay(param_groups(trained, plan.weight_decay), list(schedule))

    def loss_of_maps(maps: ms.Tensor, features: ms.Tensor, confidences: ms.Tensor) -> ms.Tensor:
        student = ops.stack(pool_regions(maps), 1)
        cross_entropy = -(confidences * ops.log_softmax(network.classifier(student[:, 0]), 1)).sum(1).mean()
        return ops.square(projection(student) - features).mean() + teaching.soft_weight * cross_entropy

    def by_operators() -> Step:
        def loss(pictures: ms.Tensor, features: ms.Tensor, confidences: ms.Tensor) -> ms.Tensor:
            return loss_of_maps(network.features(pictures), features, confidences)

        gradients = ms.value_and_grad(loss, None, optimizer.parameters)
        return distributed.training_step(gradients, optimizer, network, optimizer.parameters, distribute=True)

    step = network_step(network, loss_of_maps, optimizer, len(network.features), by_operators)
    return step, [*network.get_parameters(), *projection.get_parameters(), *optimizer.get_parameters()]
