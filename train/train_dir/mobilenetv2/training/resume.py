"""A training that was stopped, in whatever way, goes on where it was: its last two states lie in the output folder until all is
done.

A state holds all that the rest of the training depends on. The batches of an epoch do not belong to it: they follow from the
seed and the number of the epoch."""

import hashlib
import io
import json
import logging
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import mindspore as ms
import numpy as np

from ..data.dataset import PhotoSet
from ..model.mobilenet_v2 import MobileNetV2
from ..model.state import fingerprint
from ..runtime import distributed
from ..runtime.environment import code_digest, package_versions
from ..runtime.errors import UserError, WorkerLost
from ..runtime.files import atomic
from ..runtime.signals import uninterrupted

log = logging.getLogger(__name__)
SECONDS = 60  # between two states within an epoch; there is one after each whole epoch, too
FILES = (".training.state", ".training.previous")  # the newest, and the one before
CHECKSUM = hashlib.sha256().digest_size
WORDS = {
    "stage": "another kind of training",
    "photos": "other photos",
    "weights": "other weights to start from",
    "code": "another version of this program",
    "versions": "other versions of its packages",
    "device": "another device",
    "workers": "another number of workers",
}


@dataclass
class TrainState:
    """How far a training is, beside the values of its parameters.

    history: a row for each whole epoch. losses, milliseconds: of each step so far of the epoch that is under way. best: right
    validation answers and negative loss of the best epoch, and best_epoch its number, -1 for the state before all; kept: the
    network's parameters as after it. These three are None, -1 and empty where nothing is chosen.
    """

    history: List[Dict[str, Any]] = field(default_factory=list)
    losses: List[float] = field(default_factory=list)
    milliseconds: List[float] = field(default_factory=list)
    best: Optional[Tuple[int, float]] = None
    best_epoch: int = -1
    kept: Dict[str, np.ndarray] = field(default_factory=dict)

    def is_best(self, score: Tuple[int, float]) -> bool:
        """Whether no state so far has such a score, as in `best`."""
        return self.best is None or score > self.best

    def keep(self, score: Tuple[int, float], parameters: Dict[str, np.ndarray], epoch: int) -> None:
        """This is the best state so far. epoch: -1 before all."""
        self.best, self.kept, self.best_epoch = score, parameters, epoch

    def idle(self) -> int:
        """How many epochs there were since the best one."""
        return len(self.history) - 1 - self.best_epoch

    def end_epoch(self, row: Dict[str, Any]) -> None:
        self.history.append(row)
        self.losses.clear()
        self.milliseconds.clear()


def run_fingerprint(stage: str, recorded: Dict[str, Any], data: PhotoSet, network: MobileNetV2) -> Dict[str, Any]:
    """All that decides how a training goes, as JSON: only a state of the same conditions is gone on from. recorded: settings.
    network: what it starts from, or learns from."""
    photos = [data.classes, [[photo.split, photo.label, photo.sha256] for photo in data.photos]]  # in this order
    return {
        "stage": stage,
        "settings": recorded,
        "photos": hashlib.sha256(json.dumps(photos).encode()).hexdigest(),
        "weights": fingerprint(network),
        "code": code_digest(),
        "versions": package_versions(),
        "device": ms.get_context("device_target"),
        "workers": distributed.worker_count(),
    }


class CheckpointManager:
    """The last two states of one training on disk."""

    def __init__(self, folder: Path, conditions: Dict[str, Any]):
        self._newest, self._previous = (folder / name for name in FILES)
        self._conditions = conditions
        self._parameters: Dict[str, ms.Parameter] = {}
        self._saved = time.monotonic()

    def load(self, parameters: Iterable[ms.Parameter]) -> TrainState:
        """Give the parameters, of which `save` will write the values, those of the newest sound state of the same
        conditions, and return its position. Where there is none, they stay as they are; the log says why.

        Raises UserError where other workers found another state."""
        self._parameters = {parameter.name: parameter for parameter in parameters}
        position = self._load()
        distributed.require_equal(
            np.array([len(position.history), len(position.losses), position.best is None], np.float32),
            f"{self._newest.parent}: the workers found different states of the training in it; give them one folder that all "
            "of them see, or remove the states",
        )
        return position

    def _load(self) -> TrainState:
        files = [file for file in (self._newest, self._previous) if file.exists()]
        for file in files:
            try:
                said, arrays = _read(file)
            except (OSError, ValueError) as error:
                log.warning("%s cannot be gone on from (%s).", file, error)
                continue
            others = _differences(said["conditions"], self._conditions)
            if others:
                log.info("%s is of %s: starting from the beginning.", file, " and ".join(others))
                return TrainState()
            for name, parameter in self._parameters.items():
                parameter.set_data(ms.Tensor(arrays[f"now/{name}"]))
            kept = {name[len("kept/") :]: array for name, array in arrays.items() if name.startswith("kept/")}
            best = tuple(said["best"]) if said["best"] else None
            position = TrainState(said["history"], said["losses"], said["milliseconds"], best, said["best_epoch"], kept)
            log.info("Going on in epoch %d after step %d.", len(position.history), len(position.losses))
            return position
        if files:
            log.warning("Starting from the beginning.")
        return TrainState()

    def due(self) -> bool:
        """Whether the newest state is too old for a training that could be stopped at any moment."""
        return time.monotonic() - self._saved >= SECONDS

    def save(self, position: TrainState) -> None:
        """Write the newest state, keep the one before. What cannot be written is a warning: the training goes on."""
        if not distributed.is_main():
            return
        arrays = {f"now/{name}": parameter.asnumpy() for name, parameter in self._parameters.items()}
        arrays.update({f"kept/{name}": array for name, array in position.kept.items()})
        said = {name: value for name, value in vars(position).items() if name != "kept"}
        content = io.BytesIO()
        np.savez(content, said=np.array(json.dumps({"conditions": self._conditions, **said})), **arrays)
        try:
            with uninterrupted(), atomic(self._newest) as temporary:
                with open(temporary, "wb") as stream:
                    stream.write(hashlib.sha256(content.getbuffer()).digest())
                    stream.write(content.getbuffer())
                if self._newest.exists():  # a crash between the two renamings leaves this one and no newest
                    os.replace(self._newest, self._previous)
        except UserError as error:
            log.warning("%s. A run that is stopped now goes on from an older state, if there is one.", error)

        self._saved = time.monotonic()

    @contextmanager
    def saved_when_stopped(self, position: TrainState) -> Iterator[None]:
        """A request to stop inside the block writes the state first, and so does what the user has to mend, as a photo that is
        gone."""
        try:
            yield
        except WorkerLost:
            raise
        except (KeyboardInterrupt, UserError):
            self.save(position)
            raise


def has_state(folder: Path) -> bool:
    """Whether a training that was stopped may be found in it."""
    return any(os.path.exists(folder / name) for name in FILES)


def clear_states(folder: Path) -> None:
    """Of a run that is complete, nothing is to be gone on from."""
    for name in FILES:
        with suppress(OSError):
            (folder / name).unlink()


def _read(file: Path) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
    """What a state says, and its arrays. Raises ValueError for one that is not whole."""
    content = file.read_bytes()
    if hashlib.sha256(content[CHECKSUM:]).digest() != content[:CHECKSUM]:
        raise ValueError("it is damaged or cut off")
    with np.load(io.BytesIO(content[CHECKSUM:]), allow_pickle=False) as arrays:
        entries = dict(arrays)
    return json.loads(entries.pop("said").item()), entries


def _differences(old: Dict[str, Any], new: Dict[str, Any]) -> List[str]:
    """In words, in what the conditions of two trainings differ."""
    settings = [name for name, value in new["settings"].items() if old["settings"].get(name) != value]
    differing = [words for name, words in WORDS.items() if old.get(name) != new[name]]
    return [f"other settings ({', '.join(settings)})"] * bool(settings) + differing
