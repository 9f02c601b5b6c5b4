"""The package as a library: `from mobilenetv2 import load, train`. docs/library.md shows its use."""

import inspect
import os
import threading
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Union

import numpy as np

from . import recipe
from .command_line import settings_of
from .config import Settings
from .runtime import logs, signals, starting

if TYPE_CHECKING:
    from .classifier import Classifier
    from .training_result import TrainingResult

# MindSpore makes networks in one thread at a time, and the log of a run is that of the process.
_ONE_AT_A_TIME = threading.RLock()


def load(checkpoint: Union[str, "os.PathLike[str]", None] = None) -> "Classifier":
    """A checkpoint that answers pictures: `model = load("output"); model("dog.jpg").label`. See `Classifier`.

    checkpoint: the file or the folder that holds it. None: the one that the page and predict.py take, too, which is the first of
    these that is there: the environment's CHECKPOINT, what config.json of the page names, the newest output of a training in this
    project or in the working folder, the built-in one. Raises UserError for a file that is no checkpoint of this program.
    """
    with _ONE_AT_A_TIME:
        with _importing():
            from .checkpoint_search import find_checkpoint
            from .classifier import Classifier
        with _random_numbers_kept():
            return Classifier(find_checkpoint(None if checkpoint is None else os.fspath(checkpoint)))


def train(*, verbose: bool = True, **settings: Any) -> "TrainingResult":
    """Train as train.py does, with the arguments that docs/arguments.md lists: `train(data_url="photos", epochs=5)`.

    settings: by name; None stands for the default. verbose: show the log on standard output; otherwise it is in train.log alone,
    and in the handlers of the logger "mobilenetv2".

    Raises UserError, in words, where the command would end with exit code 2; KeyboardInterrupt if it is stopped, after which the
    same call goes on from there. An accuracy below min_accuracy is no error: see `TrainingResult.passed`. One training runs at a
    time in a process; a second thread waits. Signal handlers, logging and the state of random numbers are afterwards what they
    were.
    """
    chosen = settings_of(Settings, settings)
    with _ONE_AT_A_TIME:
        with _importing():
            from .training_result import result_of
        with signals.listening(), _random_numbers_kept():
            try:
                return result_of(recipe.run_stages(chosen, console=verbose))
            finally:
                logs.stop_logging()


def _signature() -> inspect.Signature:
    """That of `train`, with all settings, for help() and editors."""
    kind, named = inspect.Parameter, inspect.Parameter.KEYWORD_ONLY
    parameters = [kind("verbose", named, default=True, annotation=bool)]
    paths = {one.name: Union[one.type, Path] if one.type is str else one.type for one in fields(Settings)}
    parameters += [kind(one.name, named, default=one.default, annotation=paths[one.name]) for one in fields(Settings)]
    return inspect.Signature(parameters, return_annotation="TrainingResult")


train.__signature__ = _signature()  # type: ignore[attr-defined]


@contextmanager
def _importing() -> Iterator[None]:
    """Around the import of MindSpore, which takes seconds when it is first done. Raises UserError if there is too little memory.
    Signals wait: the import does not bear the exceptions that they raise."""
    starting.check_surroundings()
    with signals.uninterrupted():
        yield


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """MindSpore's seed is also that of NumPy."""
    import mindspore as ms

    state, seed = np.random.get_state(), ms.get_seed()
    try:
        yield
    finally:
        if seed is not None:
            ms.set_seed(seed)
        np.random.set_state(state)
