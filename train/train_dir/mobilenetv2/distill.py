"""A large network that knows the photos -> a small one, from random numbers (Hinton et al. 2015, arXiv 1503.02531).

The small one learns the large one's features, through a matrix that is then thrown away, and its confidences; no label is used.
It sees the views of `lessons` also mirrored, blurred, sharpened and in other colours.
"""

import logging
import math
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from PIL import Image, ImageEnhance, ImageOps

from . import distributed, views
from .cache import PhotoCache
from .errors import UserError
from .fit import by_decay, rates, run_epoch, shuffled
from .folder import PhotoSet
from .forward import answered
from .lessons import MIRRORED, Lessons, Teacher, prepare, regions
from .metrics import summary
from .network import MobileNetV2
from .pixels import Preprocessing, normalise
from .progress import parallel
from .resume import States, conditions
from .settings import Settings
from .stopping import uninterrupted

log = logging.getLogger(__name__)
BATCH = 64
WEIGHT_DECAY = 0.02
WARMUP = 0.05  # share of all steps
SOFT = 1.0  # weight of the confidences in the loss, beside that of the features, 1
EARLY = (0.8, 0.75)  # for this share of the epochs, pictures have this share of their side: half the time, little lost
WINDOW = (0.8, 1.0)  # share of a view's area that the small network sees
SHRINK = (0.25, 2.0)  # as in `views`; from 1 on, a third of the draws, it stays sharp
GREY = 0.2  # share of the pictures; without it, the small network calls everything a croissant that is brown, and nothing else
LIGHT = (0.45, 1.25)  # brightness is multiplied by a factor from this range
TINT = (0.75, 1.3)  # and each of R, G and B by another one from this range
SHARPNESS = (0.0, 3.0)  # factor; above 1 it makes what is not sharp look so, as no class may be known by its resolution


def distill(
    network: MobileNetV2,
    teacher: Teacher,
    data: PhotoSet,
    preprocessing: Preprocessing,
    settings: Settings,
    cache: PhotoCache,
    output: Path,
    record: Callable[[Dict[str, Any]], None],
) -> List[Dict[str, Any]]:
    """Train `network` in place; returns a row per epoch, as `fit` does, each passed to `record`, too.

    The validation photos choose nothing: what the last epoch leaves is kept. output: the folder in which a stopped training is
    found again.
    """
    lessons = prepare(teacher, data, preprocessing.size * 5 // 4, settings, cache)
    projection = nn.Dense(network.classifier.in_channels, lessons.features.shape[2], weight_init="XavierUniform")
    steps = -(-len(lessons.pictures) // BATCH)
    schedule = rates(settings.lr, settings.epochs * steps, WARMUP)
    trained = [*network.trainable_params(), *projection.trainable_params()]
    optimizer = nn.AdamWeightDecay(by_decay(trained, WEIGHT_DECAY), schedule)
    step = _step(network, projection, optimizer)
    states = States(output, conditions("distill", settings, data, teacher.network))
    position = states.load([*network.get_parameters(), *projection.get_parameters(), *optimizer.get_parameters()])

    def measure() -> Dict[str, Any]:
        return summary(answered(network, data.split("val"), preprocessing, settings.workers), data.labels("val"))

    with distributed.stopped_together(), states.saved_when_stopped(position):
        while len(position.history) < settings.epochs:
            early = len(position.history) < EARLY[0] * settings.epochs
            size = round(preprocessing.size * EARLY[1] / 32) * 32 if early else preprocessing.size
            batches = partial(_batches, lessons, preprocessing, size, settings)
            row = run_epoch(network, step, batches, measure, position, settings.epochs, schedule, states)
            if not math.isfinite(row["loss"]):
                raise UserError(
                    f"--lr={settings.lr:g}: the training ran away, its loss is no number any more; start with a lower one"
                )
            record(row)
            with uninterrupted():
                position.end_epoch(row)
                states.save(position)
    for row in position.history:
        row["kept"] = row["epoch"] == settings.epochs - 1
    return position.history


def _batches(
    lessons: Lessons, preprocessing: Preprocessing, size: int, settings: Settings, epoch: int, first: int
) -> Iterator[Tuple[np.ndarray, ...]]:
    """Of one epoch, from the step `first` on: pictures f32 [BATCH, 3, size, size], features f32 [BATCH, 5, channels], confidences
    f32 [BATCH, classes]."""

    def lesson(index: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng([settings.seed, epoch, index])
        view, features = Image.fromarray(lessons.pictures[index]), lessons.features[index]
        view = views.blur(view, views.crop(view, WINDOW, random), size, random, SHRINK)
        if random.random() < 0.5:
            view, features = ImageOps.mirror(view), features[MIRRORED]
        view = ImageEnhance.Sharpness(views.recolour(view, random)).enhance(random.uniform(*SHARPNESS))
        return normalise(_relit(view, random), preprocessing), features.astype(np.float32), lessons.confidences[index]

    def batch(rows: np.ndarray) -> Tuple[np.ndarray, ...]:
        return tuple(map(np.stack, zip(*map(lesson, rows))))

    order = distributed.columns(shuffled(len(lessons.pictures), BATCH, settings.seed, epoch)[first:])
    return parallel(batch, order, settings.workers)


def _relit(view: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same RGB picture, sometimes without its colours, in light of another brightness and tint."""
    if random.random() < GREY:
        view = view.convert("L").convert("RGB")
    gains = random.uniform(*LIGHT) * random.uniform(*TINT, (3, 1))
    return view.point(np.clip(np.arange(256) * gains, 0, 255).astype(np.uint8).ravel().tolist())


def _step(network: MobileNetV2, projection: nn.Dense, optimizer: nn.Optimizer) -> Callable:
    """One compiled step: (pictures, features, confidences) -> loss."""

    def forward_(pictures: ms.Tensor, features: ms.Tensor, confidences: ms.Tensor) -> ms.Tensor:
        own = ops.stack(regions(network.features(pictures)), 1)
        cross_entropy = -(confidences * ops.log_softmax(network.classifier(own[:, 0]), 1)).sum(1).mean()
        return ops.square(projection(own) - features).mean() + SOFT * cross_entropy

    gradients = ms.value_and_grad(forward_, None, optimizer.parameters)
    return distributed.compiled_step(gradients, optimizer, network, optimizer.parameters, True)
