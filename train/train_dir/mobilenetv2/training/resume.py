"""Resuming: the last two states of a training stay in the output folder until the run is complete.

An interrupted training, however it ended, continues from the newest valid one. A state contains everything that the rest of the
training depends on, except the order of the batches, which follows from the seed and the number of the epoch.
"""

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
from ..runtime.environment import code_digest, package_versions, usable_cpus
from ..runtime.errors import UserError, WorkerLost, reason
from ..runtime.files import atomic, read_file, replace
from ..runtime.signals import uninterrupted

log = logging.getLogger(__name__)
LARGEST = 2**30  # bytes of a state; of the largest network it has a quarter
SECONDS = 60  # between two states within an epoch; each epoch ends with one, too
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
    "processors": "another number of processors, which adds up in another order",
}


@dataclass
class TrainState:
    """The state of a training, besides the values of its parameters.

    history: a row for each complete epoch. losses, milliseconds: of each step so far in the current epoch. best: right
    validation answers and negative loss of the best epoch. best_epoch: its number from 1, 0 for the initial parameters. kept: the
    network's parameters after it. The last three are None, 0 and empty where no best epoch is selected.
    """

    history: List[Dict[str, Any]] = field(default_factory=list)
    losses: List[float] = field(default_factory=list)
    milliseconds: List[float] = field(default_factory=list)
    best: Optional[Tuple[int, float]] = None
    best_epoch: int = 0
    kept: Dict[str, np.ndarray] = field(default_factory=dict)

    def is_best(self, score: Tuple[int, float]) -> bool:
        """Whether this score is better than the best so far. score: as in `best`."""
        return self.best is None or score > self.best

    def keep(self, score: Tuple[int, float], parameters: Dict[str, np.ndarray], epoch: int) -> None:
        """Set the best epoch so far. epoch: 0 for the initial parameters."""
        self.best, self.kept, self.best_epoch = score, parameters, epoch

    def idle(self) -> int:
        """Number of epochs since the best one."""
        return len(self.history) - self.best_epoch

    def end_epoch(self, row: Dict[str, Any]) -> None:
        """Add the row of a complete epoch, and start the next one."""
        self.history.append(row)
        self.losses.clear()
        self.milliseconds.clear()


def run_fingerprint(stage: str, recorded: Dict[str, Any], data: PhotoSet, network: MobileNetV2) -> Dict[str, Any]:
    """Everything that determines a training, as a JSON object. A training resumes only from a state with an equal one.

    stage: the kind of training. recorded: the settings. network: the initial weights, or the teacher.
    """
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
        "processors": usable_cpus(),
    }


class CheckpointManager:
    """The last two states of one training on disk. fingerprint: from `run_fingerprint`."""

    def __init__(self, folder: Path, fingerprint: Dict[str, Any]):
        self._newest, self._previous = (folder / name for name in FILES)
        self._fingerprint = fingerprint
        self._parameters: Dict[str, ms.Parameter] = {}
        self._saved_at = time.monotonic()

    def load(self, parameters: Iterable[ms.Parameter]) -> TrainState:
        """Set the parameters to the newest valid state with the same fingerprint, and return that state.

        Without one, they stay as they are and a new state is returned; the log says why. `save` will write the same parameters.
        Raises UserError where other workers found another state.
        """
        self._parameters = {parameter.name: parameter for parameter in parameters}
        state = self._load()
        distributed.require_equal(
            np.array([len(state.history), len(state.losses), state.best is None], np.float32),
            f"{self._newest.parent}: the workers found different states of the training in it; give them one folder that all "
            "of them see, or remove the states",
        )
        return state

    def _load(self) -> TrainState:
        files = [file for file in (self._newest, self._previous) if os.path.exists(file)]
        for file in files:
            try:
                entries, arrays = _read(file)
            except (OSError, ValueError) as error:
                words = reason(error) if isinstance(error, OSError) else error
                log.warning("%s cannot be gone on from (%s).", file, words)
                continue
            differences = _differences(entries["conditions"], self._fingerprint)
            if differences:
                log.info("%s is of %s: starting from the beginning.", file, " and ".join(differences))
                return TrainState()
            for name, parameter in self._parameters.items():
                parameter.set_data(ms.Tensor(arrays[f"now/{name}"]))
            kept = {name[len("kept/") :]: array for name, array in arrays.items() if name.startswith("kept/")}
            best = tuple(entries["best"]) if entries["best"] else None
            steps = entries["losses"], entries["milliseconds"]
            state = TrainState(entries["history"], *steps, best, entries["best_epoch"], kept)
            log.info("Going on in epoch %d after step %d.", len(state.history) + 1, len(state.losses))
            return state
        if files:
            log.warning("Starting from the beginning.")
        return TrainState()

    def due(self) -> bool:
        """Whether the newest state is so old that the next one should be saved."""
        return time.monotonic() - self._saved_at >= SECONDS

    def save(self, state: TrainState) -> None:
        """Write the newest state and keep the one before. A failure to write is a warning: the training continues."""
        self._saved_at = time.monotonic()
        if not distributed.is_main():
            return
        arrays = {f"now/{name}": parameter.asnumpy() for name, parameter in self._parameters.items()}
        arrays.update({f"kept/{name}": array for name, array in state.kept.items()})
        entries = {name: value for name, value in vars(state).items() if name != "kept"}
        content = io.BytesIO()
        np.savez(content, said=np.array(json.dumps({"conditions": self._fingerprint, **entries})), **arrays)
        try:
            with uninterrupted(), atomic(self._newest) as temporary:
                with open(temporary, "wb") as stream:
                    stream.write(hashlib.sha256(content.getbuffer()).digest())
                    stream.write(content.getbuffer())
                if os.path.exists(self._newest):  # a crash between the two renames leaves the previous state only
                    replace(self._newest, self._previous)
        except UserError as error:
            log.warning("%s. A run that is stopped now goes on from an older state, if there is one.", error)

    @contextmanager
    def saved_when_stopped(self, state: TrainState) -> Iterator[None]:
        """Save the state when the block is left by a request to stop, or by a UserError, as for a photo that is gone."""
        try:
            yield
        except WorkerLost:
            raise
        except (KeyboardInterrupt, UserError):
            self.save(state)
            raise


def has_state(folder: Path) -> bool:
    """Whether the folder has a state of an interrupted training."""
    return any(os.path.exists(folder / name) for name in FILES)


def clear_states(folder: Path) -> None:
    """Remove the states of a run that is complete. What cannot be removed stays."""
    for name in FILES:
        with suppress(OSError):
            (folder / name).unlink()


def _read(file: Path) -> Tuple[Dict[str, Any], Dict[str, np.ndarray]]:
    """The JSON object of a state, and its arrays by name. Raises ValueError for a damaged or incomplete file."""
    content = read_file(file, LARGEST)
    if hashlib.sha256(content[CHECKSUM:]).digest() != content[:CHECKSUM]:
        raise ValueError("it is damaged or cut off")
    with np.load(io.BytesIO(content[CHECKSUM:]), allow_pickle=False) as arrays:
        entries = dict(arrays)
    return json.loads(entries.pop("said").item()), entries


def _differences(old: Dict[str, Any], new: Dict[str, Any]) -> List[str]:
    """How two fingerprints differ, in words for the log."""
    settings = [name for name, value in new["settings"].items() if old["settings"].get(name) != value]
    others = [text for name, text in WORDS.items() if old.get(name) != new[name]]
    return [f"other settings ({', '.join(settings)})"] * bool(settings) + others
