"""A large network that knows the photos -> a small one, from random numbers (Hinton et al. 2015, arXiv 1503.02531).

The small one learns the large one's features, through a matrix that is then thrown away, and its confidences; no label is used.
It sees the views of `lessons` also mirrored, blurred, sharpened and in other colours.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from PIL import Image, ImageEnhance, ImageOps

from ..data import augment
from ..data.cache import PhotoCache
from ..data.dataset import PhotoSet
from ..data.image import Preprocessing, normalize
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import predict_logits
from ..runtime import distributed
from ..runtime.progress import parallel_map
from .distill_targets import MIRRORED, DistillTargets, Teacher, make_targets, pool_regions
from .loop import Plan, Record, cosine_schedule, param_groups, shuffled_batches, train_epochs
from .resume import CheckpointManager

WINDOW = (0.8, 1.0)  # share of a view's area that the small network sees
SHRINK = (0.25, 2.0)  # as in `views`; from 1 on, a third of the draws, it stays sharp
GREY = 0.2  # share of the pictures; without it, the small network calls everything a croissant that is brown, and nothing else
LIGHT = (0.45, 1.25)  # brightness is multiplied by a factor from this range
TINT = (0.75, 1.3)  # and each of R, G and B by another one from this range
SHARPNESS = (0.0, 3.0)  # factor; above 1 it makes what is not sharp look so, as no class may be known by its resolution


@dataclass(frozen=True)
class Teaching:
    """Hyper-parameters of a distillation besides those of every training.

    views: of each photo, at most, and view_bytes: of all of them in memory, about. soft_weight: of the confidences in the loss,
    beside that of the features, 1. early_epochs, early_size: for this share of the epochs, pictures have this share of their
    side.
    """

    views: int
    view_bytes: int
    soft_weight: float
    early_epochs: float
    early_size: float


def distill_network(
    network: MobileNetV2,
    teacher: Teacher,
    data: PhotoSet,
    preprocessing: Preprocessing,
    plan: Plan,
    teaching: Teaching,
    seed: int,
    workers: int,
    cache: PhotoCache,
    states: CheckpointManager,
    record: Record,
) -> List[Dict[str, Any]]:
    """Train `network` in place; returns the rows of `train_epochs`.

    The validation photos choose nothing: what the last epoch leaves is kept. states: where a stopped training is found again.
    """
    photos, side = data.split("train"), preprocessing.size * 5 // 4
    lessons = make_targets(teacher, photos, side, teaching.views, teaching.view_bytes, seed, workers, cache)
    projection = nn.Dense(network.classifier.in_channels, lessons.features.shape[2], weight_init="XavierUniform")
    steps = -(-len(lessons.pictures) // plan.batch_size)
    schedule = cosine_schedule(plan.lr, plan.epochs * steps, plan.warmup)
    trained = [*network.trainable_params(), *projection.trainable_params()]
    optimizer = nn.AdamWeightDecay(param_groups(trained, plan.weight_decay), schedule)
    step = _step(network, projection, optimizer, teaching.soft_weight)
    saved = [*network.get_parameters(), *projection.get_parameters(), *optimizer.get_parameters()]

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, ...]]:
        early = epoch < teaching.early_epochs * plan.epochs
        size = round(preprocessing.size * teaching.early_size / 32) * 32 if early else preprocessing.size
        order = distributed.shard_batches(shuffled_batches(len(lessons.pictures), plan.batch_size, seed, epoch)[first:])
        return parallel_map(partial(_batch, lessons, preprocessing, size, seed, epoch), order, workers)

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


def _batch(
    lessons: DistillTargets, preprocessing: Preprocessing, size: int, seed: int, epoch: int, rows: np.ndarray
) -> Tuple[np.ndarray, ...]:
    """Pictures f32 [N, 3, size, size], features f32 [N, 5, channels], confidences f32 [N, classes] of these rows i64 [N]."""

    def lesson(index: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng([seed, epoch, index])
        view, features = Image.fromarray(lessons.pictures[index]), lessons.features[index]
        view = augment.blur(view, augment.crop(view, WINDOW, random), size, random, SHRINK)
        if random.random() < 0.5:
            view, features = ImageOps.mirror(view), features[MIRRORED]
        view = ImageEnhance.Sharpness(augment.color_jitter(view, random)).enhance(random.uniform(*SHARPNESS))
        return normalize(_relit(view, random), preprocessing), features.astype(np.float32), lessons.confidences[index]

    return tuple(map(np.stack, zip(*map(lesson, rows))))


def _relit(view: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same RGB picture, sometimes without its colours, in light of another brightness and tint."""
    if random.random() < GREY:
        view = view.convert("L").convert("RGB")
    gains = random.uniform(*LIGHT) * random.uniform(*TINT, (3, 1))
    return view.point(np.clip(np.arange(256) * gains, 0, 255).astype(np.uint8).ravel().tolist())


def _step(network: MobileNetV2, projection: nn.Dense, optimizer: nn.Optimizer, soft_weight: float) -> Callable:
    """One compiled step: (pictures, features, confidences) -> loss."""

    def forward_(pictures: ms.Tensor, features: ms.Tensor, confidences: ms.Tensor) -> ms.Tensor:
        own = ops.stack(pool_regions(network.features(pictures)), 1)
        cross_entropy = -(confidences * ops.log_softmax(network.classifier(own[:, 0]), 1)).sum(1).mean()
        return ops.square(projection(own) - features).mean() + soft_weight * cross_entropy

    gradients = ms.value_and_grad(forward_, None, optimizer.parameters)
    return distributed.compiled_step(gradients, optimizer, network, optimizer.parameters, True)
