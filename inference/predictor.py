"""A checkpoint -> answers. Everything it needs, from class names to preprocessing, is in the checkpoint."""

import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train" / "train_dir"))

import numpy as np

from mobilenetv2 import checkpoint, device
from mobilenetv2.activation import class_activation_map
from mobilenetv2.errors import UserError
from mobilenetv2.files import find_file
from mobilenetv2.forward import BATCH, feature_maps
from mobilenetv2.metrics import log_softmax
from mobilenetv2.pixels import header, pixels
from mobilenetv2.progress import parallel

NAME = "mobilenetv2.ckpt"


@dataclass(frozen=True)
class Answer:
    """confidences: per class, in the checkpoint's order, sum 1. activation: where the label was seen, f32 [h, w] from 0 to 1
    over the centre crop. width, height: of the picture, upright, in pixels. milliseconds: that this picture took."""

    label: str
    confidences: Dict[str, float]
    activation: np.ndarray
    width: int
    height: int
    milliseconds: float


@dataclass(frozen=True)
class _Picture:
    """Ready for the network. pixels: f32 [3, S, S]."""

    pixels: np.ndarray
    width: int
    height: int
    milliseconds: float


class Predictor:
    """Loads a checkpoint once and compiles its graph; answers from any number of threads.

    Raises UserError, in words, for a file that is not such a checkpoint.
    """

    def __init__(self, file: str):
        device.choose("auto", seed=0)
        self.file = find_file(file, (".ckpt",))
        self._network, self.description = checkpoint.load(str(self.file))
        self._weight = self._network.classifier.weight.asnumpy()  # f32 [classes, channels]
        self._bias = self._network.classifier.bias.asnumpy()
        self._lock = threading.Lock()  # one forward pass at a time: it uses all processors
        size = self.description.preprocessing.size
        self._feature_maps(np.zeros((1, 3, size, size), np.float32))

    def answer(self, data: bytes) -> Answer:
        """The bytes of a picture file -> answer. Raises UserError, without a file name, for what cannot be read."""
        picture = self._read(data)
        start = time.perf_counter()
        feature_map = self._feature_maps(picture.pixels[None])[0]
        return self._answer(feature_map, picture, start)

    def answers(
        self, files: Iterable[Tuple[str, Path]], workers: int
    ) -> Iterator[Tuple[str, Union[Answer, UserError]]]:
        """(name, file) -> (name, answer or what is wrong with the file), in order, in batches, in constant memory."""
        waiting: List[Tuple[str, Union[_Picture, UserError]]] = []
        for item in parallel(self._try, files, workers):
            waiting.append(item)
            if sum(isinstance(picture, _Picture) for _, picture in waiting) == BATCH:
                yield from self._batch(waiting)
                waiting = []
        yield from self._batch(waiting)

    def _try(self, item: Tuple[str, Path]) -> Tuple[str, Union[_Picture, UserError]]:
        name, file = item
        try:
            return name, self._read(file.read_bytes())
        except OSError as error:
            return name, UserError(f"cannot be read ({error.strerror})")
        except UserError as error:
            return name, error

    def _read(self, data: bytes) -> _Picture:
        start = time.perf_counter()
        array = pixels(data, self.description.preprocessing)
        head = header(data)
        return _Picture(array, head.width, head.height, 1000 * (time.perf_counter() - start))

    def _batch(
        self, waiting: List[Tuple[str, Union[_Picture, UserError]]]
    ) -> Iterator[Tuple[str, Union[Answer, UserError]]]:
        pictures = [picture for _, picture in waiting if isinstance(picture, _Picture)]
        if pictures:
            start = time.perf_counter()
            batch = np.zeros(
                (BATCH, *pictures[0].pixels.shape), np.float32
            )  # of one size, so that one graph is compiled
            for row, picture in zip(batch, pictures):
                row[:] = picture.pixels
            rows = iter(self._feature_maps(batch))
            start = time.perf_counter() - (time.perf_counter() - start) / len(
                pictures
            )  # each picture's share of the pass
        for name, picture in waiting:
            yield name, self._answer(next(rows), picture, start) if isinstance(picture, _Picture) else picture

    def _feature_maps(self, batch: np.ndarray) -> np.ndarray:
        """f32 [N, 3, S, S] -> f32 [N, channels, S / 32, S / 32]."""
        with self._lock:
            return feature_maps(self._network, batch)

    def _answer(self, feature_map: np.ndarray, picture: _Picture, start: float) -> Answer:
        """The classifier, in NumPy."""
        logits = self._weight @ feature_map.mean((1, 2)) + self._bias
        confidences = np.exp(log_softmax(logits[None])[0])
        best = int(logits.argmax())
        classes = self.description.classes
        return Answer(
            label=classes[best],
            confidences={name: float(value) for name, value in zip(classes, confidences)},
            activation=class_activation_map(feature_map, self._weight, best),
            width=picture.width,
            height=picture.height,
            milliseconds=picture.milliseconds + 1000 * (time.perf_counter() - start),
        )


def find_checkpoint(explicit: Optional[str] = None) -> str:
    """The checkpoint to use: `explicit`, the environment's CHECKPOINT, a file that config.json names and that lies beside it,
    or else the newest output of a training run in this project or the working folder. Raises UserError where there is none."""
    for chosen in (explicit, os.environ.get("CHECKPOINT")):
        if chosen:
            return chosen
    for file in [HERE / name for name in _configured()]:
        if file.is_file():
            return str(file)
    places = (HERE.parent, HERE.parent / "train" / "train_dir", Path.cwd())
    outputs = {file.resolve() for place in places for file in place.glob(f"*/{NAME}")}
    if outputs:
        return str(max(outputs, key=lambda file: file.stat().st_mtime))
    raise UserError(
        "There is no checkpoint yet. Train one with 'python train/train_dir/train.py', "
        "name one with --checkpoint, or put one beside app.py and its name into config.json."
    )


def _configured() -> List[str]:
    """Base names of the files that the platform puts beside app.py."""
    try:
        paths = json.loads((HERE / "config.json").read_text(encoding="utf-8"))["model_path"]
        return [Path(path).name for path in paths]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{HERE / "config.json"}: expected {{"model_path": ["owner/repository/{NAME}"]}} ({error})'
        ) from None
