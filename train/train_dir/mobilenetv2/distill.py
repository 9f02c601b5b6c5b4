"""A large network that knows the photos -> a small one, from random numbers (Hinton et al. 2015, arXiv 1503.02531).

The small one learns the large one's features, through a matrix that is then thrown away, and its confidences; no label is used.
It sees the views of `lessons` also mirrored, blurred, sharpened and in other colours.
"""

import json
import logging
import math
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn, ops
from PIL import Image, ImageEnhance, ImageOps

from . import lessons as lessons_module
from . import network as network_module
from . import views
from .cache import PhotoCache, source
from .errors import UserError
from .features import fingerprint
from .files import atomic, has_checksum, read_tensors
from .fit import by_decay, rates, run_epoch, shuffled
from .folder import PhotoSet
from .forward import answered
from .lessons import MIRRORED, Lessons, Teacher, prepare, regions
from .metrics import summary
from .network import MobileNetV2
from .pixels import Preprocessing, normalise
from .progress import parallel
from .settings import Settings

log = logging.getLogger(__name__)
BATCH = 64
WEIGHT_DECAY = 0.02
WARMUP = 0.05  # share of all steps
SOFT = 1.0  # weight of the confidences in the loss, beside that of the features, 1
EARLY = (0.8, 0.75)  # for this share of the epochs, pictures have this share of their side: half the time, little lost
STATE = ".distill.ckpt"  # in the output folder until all is done: the same command goes on from the last whole epoch
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

    The validation photos choose nothing: what the last epoch leaves is kept.
    """
    lessons = prepare(teacher, data, preprocessing.size * 5 // 4, settings, cache)
    projection = nn.Dense(network.classifier.in_channels, lessons.features.shape[2], weight_init="XavierUniform")
    steps = -(-len(lessons.pictures) // BATCH)
    schedule = rates(settings.lr, settings.epochs * steps, WARMUP)
    trained = [*network.trainable_params(), *projection.trainable_params()]
    optimizer = nn.AdamWeightDecay(by_decay(trained, WEIGHT_DECAY), schedule)
    step = _step(network, projection, optimizer)
    parameters = [*network.get_parameters(), *projection.get_parameters(), *optimizer.get_parameters()]
    state = {parameter.name: parameter for parameter in parameters if parameter.name != "learning_rate"}
    code = source(views, network_module, lessons_module, sys.modules[__name__])
    plan = f"{settings.recorded()} {data.fingerprint()} {fingerprint(teacher.network)} {code}"
    history = _resume(output / STATE, state, plan)

    def measure() -> Dict[str, Any]:
        return summary(answered(network, data.split("val"), preprocessing, settings.workers), data.labels("val"))

    for epoch in range(len(history), settings.epochs):
        early = epoch < EARLY[0] * settings.epochs
        size = round(preprocessing.size * EARLY[1] / 32) * 32 if early else preprocessing.size
        batches = _batches(lessons, preprocessing, size, epoch, settings)
        row = run_epoch(network, step, batches, measure, epoch, settings.epochs, schedule)
        if not math.isfinite(row["loss"]):
            raise UserError(
                f"--lr={settings.lr:g}: the training ran away, its loss is no number any more; start with a lower one"
            )
        history.append(row)
        record(row)
        _keep(output / STATE, state, plan, history)
    for row in history:
        row["kept"] = row["epoch"] == settings.epochs - 1
    return history


def _batches(
    lessons: Lessons, preprocessing: Preprocessing, size: int, epoch: int, settings: Settings
) -> Iterator[Tuple[np.ndarray, ...]]:
    """Of one epoch: pictures f32 [BATCH, 3, size, size], features f32 [BATCH, 5, channels], confidences f32 [BATCH, classes]."""

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

    return parallel(batch, shuffled(len(lessons.pictures), BATCH, settings.seed, epoch), settings.workers)


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

    @ms.jit
    def step(pictures: ms.Tensor, features: ms.Tensor, confidences: ms.Tensor) -> ms.Tensor:
        loss, grads = gradients(pictures, features, confidences)
        optimizer(grads)
        return loss

    return step


def _keep(file: Path, state: Dict[str, ms.Parameter], plan: str, history: List[Dict[str, Any]]) -> None:
    """Write down where the training stands."""
    with atomic(file) as temporary:
        content = [{"name": name, "data": ms.Tensor(parameter.asnumpy())} for name, parameter in state.items()]
        said = {"plan": plan, "history": json.dumps(history)}
        ms.save_checkpoint(content, str(temporary), append_dict=said, crc_check=True)


def _resume(file: Path, state: Dict[str, ms.Parameter], plan: str) -> List[Dict[str, Any]]:
    """Take up what a process with the same plan left when it was stopped; returns the rows of the epochs that are done."""
    if not file.exists():
        return []
    try:
        tensors, extras = read_tensors(file)
    except UserError as error:
        log.warning("%s. Starting from the first epoch.", error)
        return []
    if extras.get("plan") != plan or not has_checksum(file):
        log.info("%s is of other photos, settings or code: starting from the first epoch.", file)
        return []
    for name, parameter in state.items():
        parameter.set_data(ms.Tensor(tensors[name] if name in tensors else extras[name]))
    history = json.loads(extras["history"])
    log.info("Going on after epoch %d, from %s.", len(history) - 1, file)
    return history
