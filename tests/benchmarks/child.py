"""What every competitor's process has in common: what it is given, and how it is asked for times.

run.py starts `python COMPETITOR.py VARIANT WEIGHTS THREADS FOLDER`: the folder holds pictures.npy and labels.npy, for tasks that
are asked for on standard input; or train/ and val/ with photos, where the word `job` follows, for one whole fine-tuning.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, Tuple

import numpy as np

VARIANT, WEIGHTS, THREADS, FOLDER = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
JOB = "job" in sys.argv[5:]
CLASSES = (
    930,
    207,
)  # French loaf and golden retriever: the head of two classes that all have, from the ImageNet weights
SMOOTHING, EPOCHS, RATE = 0.1, 10, 1e-6  # so low a rate leaves the weights as they are over any number of steps
TURN, CALLS = 0.5, 2  # a turn ends after that many seconds and calls

Task = Callable[[np.ndarray, np.ndarray], Callable[[], np.ndarray]]


def tensors() -> Dict[str, np.ndarray]:
    """The weights under torchvision's names, with a head of two classes."""
    with np.load(WEIGHTS) as file:
        values = {name: file[name] for name in file if not name.startswith("conventions.")}
    for name in ("classifier.1.weight", "classifier.1.bias"):
        values[name] = np.ascontiguousarray(values[name][list(CLASSES)])
    return values


def layers() -> Iterator[Tuple[np.ndarray, ...]]:
    """Every convolution's weight alone, and gamma, beta, mean and variance of every normalisation, from input to output."""
    values = [value for name, value in tensors().items() if name.startswith("features.")]
    for index in range(0, len(values), 5):
        yield (values[index],)
        yield tuple(values[index + 1 : index + 5])


def epoch_line(epoch: int, right: int, count: int) -> None:
    print(f"Epoch: [{epoch:3d} / {EPOCHS:3d}], Accuracy:  {right / count:.3f}", flush=True)


def serve(**tasks: Task) -> None:
    """Answer lines "TASK BATCH". The first of each prepares it and replies what it computes; every further one is a turn,
    which replies seconds per call. tasks: (pictures f32 [N, 3, 224, 224], labels i64 [N]) -> the function to time, () -> logits
    or loss.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print belongs to the log
    pictures, labels, ready = np.load(FOLDER / "pictures.npy"), np.load(FOLDER / "labels.npy"), {}
    for line in sys.stdin:
        task, batch = line.split()
        if line in ready:
            reply = {"seconds": _turn(ready[line])}
        else:
            ready[line] = tasks[task](pictures[: int(batch)], labels[: int(batch)])
            reply = {"result": np.ravel(ready[line]()).tolist()}
            _turn(ready[line])  # to warm up
        reply["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MiB
        print(json.dumps(reply), file=replies, flush=True)


def _turn(function: Callable[[], np.ndarray]) -> float:
    function()  # the process was halted, and its data has left the processor's caches
    start, calls, passed = time.perf_counter(), 0, 0.0
    while passed < TURN or calls < CALLS:
        function()
        calls += 1
        passed = time.perf_counter() - start
    return passed / calls
