"""Inference: answers pictures with a checkpoint, which has everything that is needed, from class names to preprocessing."""

import math
import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import (
    Callable,
    Deque,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
    cast,
    overload,
)

import numpy as np
from PIL import Image

from .data import thumbnails
from .data.image import image_of_array, preprocess, preprocess_image, read_header
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
from .runtime.progress import parallel_map, progress_bar

# A picture: the path of a file, its bytes, a Pillow image, or an array u8 [height, width, 3] of RGB.
Picture = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Image.Image, np.ndarray]
# What is told of the progress: (pictures that are done, all of them, or None where that is not known).
Told = Callable[[int, Optional[int]], object]
Name = TypeVar("Name")
Result = TypeVar("Result")
Item = TypeVar("Item")
MOST_SAID = 10  # pictures that cannot be read, in one message
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
    nearest: List[Tuple[Image.Image, str]] = field(repr=False)
    pixels: np.ndarray = field(repr=False)
    activation: np.ndarray = field(repr=False)
    width: int
    height: int
    milliseconds: float


@dataclass(frozen=True)
class _Prepared:
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
        if self._detector is None or len(self._thumbnails) > len(self._detector.labels):
            self._thumbnails = []
        self._maps = feature_maps(network)
        self._weight = network.classifier.weight.asnumpy()  # f32 [classes, channels]
        self._bias = network.classifier.bias.asnumpy()
        self._decoding = threading.Semaphore(usable_cpus())  # bounds the memory for large pictures
        size = self.description.preprocessing.size
        black = _Prepared(np.zeros((3, size, size), np.float32), size, size, 0.0)
        try:
            self._answer(self._feature_maps(black.pixels[None])[0], black, 0.0)
        except ImageError:
            raise UserError(
                f"{self.file}: its network computes no finite numbers; the file is damaged, train again"
            ) from None

    def __repr__(self) -> str:
        return f"<Classifier of {', '.join(self.classes[:5])}{', ...' * (len(self.classes) > 5)}: {self.file}>"

    @property
    def classes(self) -> Tuple[str, ...]:
        """The classes, in the order of the confidences."""
        return tuple(self.description.classes)

    @overload
    def __call__(self, pictures: Picture) -> Answer: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, pictures: Sequence[Picture], *, workers: Optional[int] = None, progress: Union[bool, Told] = False
    ) -> List[Union[Answer, ImageError]]: ...

    @overload
    def __call__(
        self, pictures: Iterable[Picture], *, workers: Optional[int] = None, progress: Union[bool, Told] = False
    ) -> Iterator[Union[Answer, ImageError]]: ...

    def __call__(
        self,
        pictures: Union[Picture, Iterable[Picture]],
        *,
        workers: Optional[int] = None,
        progress: Union[bool, Told] = False,
    ) -> Union[Answer, List[Union[Answer, ImageError]], Iterator[Union[Answer, ImageError]]]:
        """One picture -> its answer. A list, a tuple or an array u8 [N, height, width, 3] -> a list of answers, in order. Any
        other iterable -> an iterator of them, which reads a few dozen pictures ahead and keeps none.

        A picture is the path of a file, the bytes of one, a Pillow image, or an array u8 [height, width, 3] of RGB. All are
        prepared alike: upright by EXIF, any mode to RGB, colour profiles ignored. A picture has the same answer to the bit alone
        and among others.

        A single picture that cannot be read raises ImageError. Among others, it loses no other answer: an ImageError is in its
        place, so look for `isinstance(answer, ImageError)`; its `str` says why. What the caller's iterator raises is raised.

        workers: threads that read pictures; None: as many as there are processors. progress: True for a bar on standard error, or
        a function that is called with (done, total) for each answer; total is None for an iterator.
        """
        if _is_one(pictures):
            return self.answer(cast(Picture, pictures))
        several = cast(Iterable[Picture], pictures)
        total = _length(several)
        found = (answer for _, answer in self.answers(enumerate(several), workers))
        shown = _with_progress(found, total, progress)
        return shown if total is None else list(shown)

    def features(
        self,
        pictures: Union[Picture, Iterable[Picture]],
        *,
        errors: str = "raise",
        workers: Optional[int] = None,
        progress: Union[bool, Told] = False,
    ) -> np.ndarray:
        """f32 [N, channels]: what the classifier of the network works on, a row for each picture, in order; of one picture, [1,
        channels]. To search by similarity, to cluster, or to train another classifier.

        A row holds the means of the feature map over the picture. Pictures, workers and progress: as in a call. errors: what is
        done about pictures that cannot be read, after all others: "raise" UserError, which names each of them by its place; or
        "nan", a row of that in its place.
        """
        if errors not in ("raise", "nan"):
            raise UserError(f"errors={errors!r}: expected 'raise' or 'nan'")
        several = cast(Iterable[Picture], [pictures] if _is_one(pictures) else pictures)
        found, total = self._computed(enumerate(several), workers, self._pooled), _length(several)
        rows: List[np.ndarray] = []
        problems: List[str] = []
        for place, row in _with_progress(found, total, progress):
            if isinstance(row, ImageError):
                problems.append(f"picture {place}: {row}")
                row = np.full(self._weight.shape[1], np.nan, np.float32)
            rows.append(row)
        if problems and errors == "raise":
            more = len(problems) - MOST_SAID
            said = problems[:MOST_SAID] + [f"... and {more} more"] * (more > 0)
            raise UserError("\n".join([*said, "Counted from 0. With errors='nan', the others have their rows."]))
        return np.stack(rows) if rows else np.empty((0, self._weight.shape[1]), np.float32)

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

    def answer(self, picture: Picture) -> Answer:
        """The answer to one picture. Raises ImageError, without a file name, for what cannot be read."""
        prepared = self._read(picture)
        start = time.perf_counter()
        feature_map = self._feature_maps(prepared.pixels[None])[0]
        return self._answer(feature_map, prepared, time.perf_counter() - start)

    def answers(
        self, named: Iterable[Tuple[Name, Union[Picture, ImageError]]], workers: Optional[int] = None
    ) -> Iterator[Tuple[Name, Union[Answer, ImageError]]]:
        """(name, picture, or an error that is in its place) -> (name, answer or error), in order, in batches, in constant memory.
        workers: threads that decode; None: as many as there are processors."""
        return self._computed(named, workers, self._answer)

    def _computed(
        self,
        named: Iterable[Tuple[Name, Union[Picture, ImageError]]],
        workers: Optional[int],
        function: Callable[[np.ndarray, _Prepared, float], Result],
    ) -> Iterator[Tuple[Name, Union[Result, ImageError]]]:
        """As `answers`. function: (feature map, picture, seconds that the feature map took) -> result."""
        waiting: Deque[Tuple[Name, Union[_Prepared, ImageError]]] = deque()
        seconds = 0.0  # time in the network for each picture of the last batch

        def pictures() -> Iterator[Tuple[_Prepared, np.ndarray]]:
            for name, picture in parallel_map(self._try, named, workers or usable_cpus()):
                waiting.append((name, picture))
                if isinstance(picture, _Prepared):
                    yield picture, picture.pixels

        def errors_first() -> Iterator[Tuple[Name, ImageError]]:
            while waiting:
                name, error = waiting[0]
                if not isinstance(error, ImageError):
                    return
                waiting.popleft()
                yield name, error

        def timed(batch: np.ndarray) -> np.ndarray:
            nonlocal seconds
            start = time.perf_counter()
            maps = self._feature_maps(batch)
            seconds = (time.perf_counter() - start) / len(batch)
            return maps

        for picture, feature_map in run_batches(timed, pictures()):
            yield from errors_first()
            result: Union[Result, ImageError]
            try:
                result = function(feature_map, picture, seconds)
            except ImageError as error:
                result = error
            yield waiting.popleft()[0], result
        yield from errors_first()

    def _try(self, item: Tuple[Name, Union[Picture, ImageError]]) -> Tuple[Name, Union[_Prepared, ImageError]]:
        name, picture = item
        try:
            return name, picture if isinstance(picture, ImageError) else self._read(picture)
        except ImageError as error:
            return name, error

    def _read(self, picture: Picture) -> _Prepared:
        if isinstance(picture, (str, os.PathLike)):
            picture = read_image_file(Path(picture))
        preprocessing = self.description.preprocessing
        with self._decoding:
            start = time.perf_counter()
            if isinstance(picture, (bytes, bytearray, memoryview)):
                data = bytes(picture)
                pixels = preprocess(data, preprocessing)
                _, width, height = read_header(data)
            elif isinstance(picture, np.ndarray):
                pixels, (width, height) = preprocess_image(image_of_array(picture), preprocessing)
            elif isinstance(picture, Image.Image):
                pixels, (width, height) = preprocess_image(picture, preprocessing)
            else:
                raise ImageError("form", reason=f"an object of type {type(picture).__name__}")
            return _Prepared(pixels, width, height, 1000 * (time.perf_counter() - start))

    def _feature_maps(self, pictures: np.ndarray) -> np.ndarray:
        """f32 [N, 3, size, size] -> f32 [N, channels, size / 32, size / 32]."""
        with _NETWORK_LOCK:
            return self._maps(pictures)

    def _pooled(self, feature_map: np.ndarray, picture: _Prepared, seconds: float) -> np.ndarray:
        """f32 [channels], of a feature map f32 [channels, h, w]. Raises ImageError as `_answer`."""
        pooled = global_pool(feature_map[None])[0]
        if not np.isfinite(pooled).all():
            raise ImageError("infinite")
        return pooled

    def _answer(self, feature_map: np.ndarray, picture: _Prepared, seconds: float) -> Answer:
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


def _is_one(pictures: object) -> bool:
    """Whether it is a single picture, or something that is none; otherwise several."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim != 4 and pictures.dtype.kind not in "OU"  # those are of paths and the like
    single = isinstance(pictures, (str, os.PathLike, bytes, bytearray, memoryview, Image.Image))
    return single or hasattr(pictures, "read") or not isinstance(pictures, Iterable)


def _length(pictures: Iterable[Picture]) -> Optional[int]:
    """None for an iterator and the like."""
    return len(pictures) if isinstance(pictures, (Sequence, np.ndarray)) else None


def _with_progress(items: Iterable[Item], total: Optional[int], progress: Union[bool, Told]) -> Iterator[Item]:
    """Iterate over the items and tell of it, as the argument `progress` of a call says."""
    if not progress:
        yield from items
        return
    with progress_bar(total, "Answering", shown=progress is True) as bar:
        for done, item in enumerate(items, 1):
            bar.update()
            if callable(progress):
                progress(done, total)
            yield item


def _file_state(file: Path) -> Tuple[int, int, int]:
    """Time in nanoseconds, size and number of a file: another one has others. Raises OSError."""
    status = os.stat(file)
    return status.st_mtime_ns, status.st_size, status.st_ino
