"""What every competitor's process has in common: what it is given, and how it is asked for times.

run.py starts `python COMPETITOR.py VARIANT WEIGHTS THREADS FOLDER`: the folder holds pictures.npy and labels.npy, for tasks that
are asked for on standard input; or train/ and val/ with photos, where `job EPOCHS BLOCKS` follows, for one whole fine-tuning of
the classifier and the last BLOCKS blocks.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, Tuple

VARIANT, WEIGHTS, THREADS, FOLDER = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])  # before any framework counts the processors

import numpy as np

JOB = sys.argv[5:6] == ["job"]
EPOCHS, BLOCKS = map(int, sys.argv[6:8]) if JOB else (0, 0)
CLASSES = (
    930,
    207,
)  # French loaf and golden retriever: the head of two classes that all have, from the ImageNet weights
SMOOTHING, RATE = 0.1, 1e-6  # so low a rate leaves the weights as they are over any number of steps
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
    which replies seconds per call, and those that processors worked. tasks: (pictures f32 [N, 3, 224, 224], labels i64 [N]) ->
    the function to time, () -> logits or loss.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print belongs to the log
    pictures, labels, ready = np.load(FOLDER / "pictures.npy"), np.load(FOLDER / "labels.npy"), {}
    for line in sys.stdin:
        task, batch = line.split()
        if line in ready:
            reply = dict(zip(("seconds", "cpu"), _turn(ready[line])))
        else:
            ready[line] = tasks[task](pictures[: int(batch)], labels[: int(batch)])
            reply = {"result": np.ravel(ready[line]()).tolist()}
            _turn(ready[line])  # to warm up
        reply["peak"] = _peak()
        print(json.dumps(reply), file=replies, flush=True)


def _peak() -> float:
    """Memory of this process, in MiB; unlike ru_maxrss, without that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024


def _turn(function: Callable[[], np.ndarray]) -> Tuple[float, float]:
    """Seconds per call, and processor seconds of all threads."""
    function()  # the process was halted, and its data has left the processor's caches
    start, cpu, calls, passed = time.perf_counter(), time.process_time(), 0, 0.0
    while passed < TURN or calls < CALLS:
        function()
        calls += 1
        passed = time.perf_counter() - start
    return passed / calls, (time.process_time() - cpu) / calls
