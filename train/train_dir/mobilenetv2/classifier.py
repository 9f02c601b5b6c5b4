"""Inference: answers pictures with a checkpoint, which has everything that is needed, from class names to preprocessing."""

import math
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Deque, Dict, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np
from PIL import Image

from .data import thumbnails
from .data.image import preprocess, read_header
from .data.image_errors import ImageError
from .data.image_file import read_image_file
from .data.layout import NEITHER
from .engine import feature_maps
from .evaluation.class_activation import class_activation_map
from .evaluation.metrics import log_softmax
from .model import checkpoint
from .model.mobilenet_v2 import center_pool, global_pool
from .model.prediction import run_batches
from .runtime import device
from .runtime.environment import usable_cpus
from .runtime.errors import UserError, reason
from .runtime.files import find_file
from .runtime.progress import parallel_map

NEAREST = 3  # most similar training photos that come with an answer
# One network computes at a time, because it uses all CPUs; none is made meanwhile, because MindSpore compiles in one thread.
_NETWORK_LOCK = threading.RLock()


@dataclass(frozen=True)
class Answer:
    """The answer to one picture.

    label: a class, or "neither" where the picture is rejected as an outlier. confidences: by class, in the checkpoint's order;
    their sum is 1. neither: outlier score minus threshold, above 0 for an outlier; None where the checkpoint rejects nothing.
    nearest: up to NEAREST most similar training photos with their classes; empty without thumbnails. pixels: the network's
    input, f32 [3, size, size], normalised. activation: class activation map of the best class, f32 [h, w] from 0 to 1. width,
    height: of the picture, upright, in pixels. milliseconds: time for this picture.
    """

    label: str
    confidences: Dict[str, float]
    neither: Optional[float]
    nearest: List[Tuple[Image.Image, str]]
    pixels: np.ndarray
    activation: np.ndarray
    width: int
    height: int
    milliseconds: float


@dataclass(frozen=True)
class _Picture:
    """A decoded picture. pixels: the network's input, f32 [3, size, size]. Otherwise as in `Answer`."""

    pixels: np.ndarray
    width: int
    height: int
    milliseconds: float


class Classifier:
    """Loads a checkpoint once and warms up. Its methods may be called from any thread. Nothing is read from the file later.

    file: the checkpoint, or the folder that holds it. Raises UserError for a file that is not a checkpoint of this program, or
    whose network computes no finite numbers. The attribute `modified` is the time of the file, in seconds since 1970.
    """

    def __init__(self, file: str):
        with _NETWORK_LOCK:
            self._load(file)

    def _load(self, file: str) -> None:
        device.select_device("auto", seed=0)
        self.file = find_file(file, (".ckpt",))
        try:
            self._state = _file_state(self.file)
        except OSError as error:
            raise UserError(f"{self.file}: cannot be read ({reason(error)}); choose another checkpoint") from None
        self.modified = self._state[0] / 1e9
        network, self.description, self._detector = checkpoint.load(str(self.file))
        sheet = self.description.data["thumbnails"]
        self._thumbnails = thumbnails.read_sheet(self.file.with_suffix(thumbnails.SUFFIX), sheet) if sheet else []
        if self._detector is None or len(self._thumbnails) > len(self._detector.references):
            self._thumbnails = []
        self._maps = feature_maps(network)
        self._weight = network.classifier.weight.asnumpy()  # f32 [classes, channels]
        self._bias = network.classifier.bias.asnumpy()
        self._decoding = threading.Semaphore(usable_cpus())  # bounds the memory for large pictures
        size = self.description.preprocessing.size
        black = _Picture(np.zeros((3, size, size), np.float32), size, size, 0.0)
        try:
            self._answer(self._feature_maps(black.pixels[None])[0], black, 0.0)
        except ImageError:
            raise UserError(
                f"{self.file}: its network computes no finite numbers; the file is damaged, train again"
            ) from None

    def training_photos(self) -> Dict[str, Image.Image]:
        """By class, in the checkpoint's order: the thumbnail of a training photo. Empty without thumbnails."""
        if not self._thumbnails or self._detector is None:
            return {}
        by_label = {int(label): picture for label, picture in zip(self._detector.labels, self._thumbnails)}
        return {self.description.classes[label]: by_label[label] for label in sorted(by_label)}

    def is_current(self) -> bool:
        """Whether the file is still there and the same as when it was read."""
        try:
            return _file_state(self.file) == self._state
        except OSError:
            return False

    def answer(self, data: bytes) -> Answer:
        """The bytes of a picture file -> answer. Raises ImageError, without a file name, for what cannot be read."""
        picture = self._read(data)
        start = time.perf_counter()
        feature_map = self._feature_maps(picture.pixels[None])[0]
        return self._answer(feature_map, picture, time.perf_counter() - start)

    def answers(
        self, files: Iterable[Tuple[str, Path]], workers: int
    ) -> Iterator[Tuple[str, Union[Answer, ImageError]]]:
        """(name, file) -> (name, answer or error), in order, in batches, in constant memory. workers: threads that decode."""
        waiting: Deque[Tuple[str, Union[_Picture, ImageError]]] = deque()
        seconds = 0.0  # time in the network for each picture of the last batch

        def pictures() -> Iterator[Tuple[_Picture, np.ndarray]]:
            for name, picture in parallel_map(self._try, files, workers):
                waiting.append((name, picture))
                if isinstance(picture, _Picture):
                    yield picture, picture.pixels

        def errors_first() -> Iterator[Tuple[str, ImageError]]:
            while waiting:
                name, error = waiting[0]
                if not isinstance(error, ImageError):
                    return
                waiting.popleft()
                yield name, error

        def timed(batch: np.ndarray) -> np.ndarray:
            nonlocal seconds
            start = time.perf_counter()
            result = self._feature_maps(batch)
            seconds = (time.perf_counter() - start) / len(batch)
            return result

        results = run_batches(timed, pictures())
        for picture, feature_map in results:
            yield from errors_first()
            yield waiting.popleft()[0], self._try_answer(feature_map, picture, seconds)
        yield from errors_first()

    def _try(self, item: Tuple[str, Path]) -> Tuple[str, Union[_Picture, ImageError]]:
        name, file = item
        try:
            return name, self._read(read_image_file(file))
        except ImageError as error:
            return name, error

    def _read(self, data: bytes) -> _Picture:
        with self._decoding:
            start = time.perf_counter()
            array = preprocess(data, self.description.preprocessing)
            head = read_header(data)
            return _Picture(array, head.width, head.height, 1000 * (time.perf_counter() - start))

    def _feature_maps(self, pictures: np.ndarray) -> np.ndarray:
        """f32 [N, 3, size, size] -> f32 [N, channels, size / 32, size / 32]."""
        with _NETWORK_LOCK:
            return self._maps(pictures)

    def _try_answer(self, feature_map: np.ndarray, picture: _Picture, seconds: float) -> Union[Answer, ImageError]:
        try:
            return self._answer(feature_map, picture, seconds)
        except ImageError as error:
            return error

    def _answer(self, feature_map: np.ndarray, picture: _Picture, seconds: float) -> Answer:
        """The answer from a feature map f32 [channels, h, w]. seconds: time that the feature map took.

        Raises ImageError where the numbers of the checkpoint are so large that the answer is none."""
        start = time.perf_counter()
        detector = self._detector if self._detector and self._detector.active else None
        pooled, center = global_pool(feature_map[None]), center_pool(feature_map[None])
        with np.errstate(over="ignore", invalid="ignore"):
            logits = (self._weight @ pooled[0] + self._bias) / np.float32(self.description.temperature)
            confidences = np.exp(log_softmax(logits[None])[0])
            score = None if detector is None else float(detector.score(center)[0])
        if not (np.isfinite(confidences).all() and math.isfinite(score or 0)):
            raise ImageError("infinite")
        best = int(logits.argmax())
        classes = self.description.classes
        neither = None if detector is None or score is None else score - detector.threshold
        return Answer(
            label=NEITHER if neither is not None and neither > 0 else classes[best],
            confidences={name: float(value) for name, value in zip(classes, confidences)},
            neither=neither,
            nearest=self._nearest(center),
            pixels=picture.pixels,
            activation=class_activation_map(feature_map, self._weight, best),
            width=picture.width,
            height=picture.height,
            milliseconds=picture.milliseconds + 1000 * (seconds + time.perf_counter() - start),
        )

    def _nearest(self, center: np.ndarray) -> List[Tuple[Image.Image, str]]:
        """Thumbnails of the most similar training photos, with their classes. center: f32 [1, channels], of `center_pool`."""
        if not self._thumbnails or self._detector is None:
            return []
        labels = self._detector.labels
        found = self._detector.nearest(center, NEAREST, among=len(self._thumbnails))[0]
        return [(self._thumbnails[index], self.description.classes[labels[index]]) for index in found]


def _file_state(file: Path) -> Tuple[int, int, int]:
    """Time in nanoseconds, size and number of a file: another one has others. Raises OSError."""
    status = os.stat(file)
    return status.st_mtime_ns, status.st_size, status.st_ino
