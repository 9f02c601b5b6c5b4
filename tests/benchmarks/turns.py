"""Forward passes and training steps: processes that wait for each other and take turns."""

import sys
from pathlib import Path
from typing import Dict, List

import numpy as np
from bench import COMPETITORS, ONLY_FORWARD, OURS, TRAIN, TUTORIAL, Bench, say
from process import Child
from table import Part

sys.path.insert(0, str(TRAIN.parent))

from mobilenetv2.data.image import Preprocessing, preprocess

BATCH, TOLERANCE = 16, 1e-3
STEPS = {  # by task: whose means and variances normalise
    "step": "the batch's moments",
    "step_given": "moments given",
}


def forward(bench: Bench) -> List[Part]:
    names, rounds = [name for name in COMPETITORS if name != TUTORIAL], bench.rounds or 10
    batches = ((batch, threads) for threads in bench.threads for batch in (1, BATCH))
    return [_turns(bench, "forward", "forward pass", batch, threads, names, rounds) for batch, threads in batches]


def step(bench: Bench) -> List[Part]:
    names, rounds = [name for name in COMPETITORS if name not in (TUTORIAL, *ONLY_FORWARD)], bench.rounds or 5
    kinds = ((task, moments, threads) for threads in bench.threads for task, moments in STEPS.items())
    title = "training step, all layers"
    return [
        _turns(bench, task, f"{title}, {moments}", BATCH, threads, names, rounds) for task, moments, threads in kinds
    ]


def _turns(bench: Bench, task: str, title: str, batch: int, threads: int, names: List[str], rounds: int) -> Part:
    """All processes are new: the memory of each is that of this task alone."""
    _pictures(bench)
    line = f"{task} {batch}"
    say(f"{line}, {_threads(threads)}: warming up {len(names)} processes, then {rounds} rounds")
    children = {
        name: Child(bench.command(name, bench.work, threads), bench.environment(name, threads)) for name in names
    }
    times: Dict[str, List[float]] = {name: [] for name in names}
    cpu: Dict[str, List[float]] = {name: [] for name in names}
    peaks: Dict[str, float] = {}
    try:
        results = {name: np.array(child.ask(line)["result"]) for name, child in children.items()}
        for name, result in results.items():
            difference = np.abs(result - results[OURS]).max()
            if not difference <= TOLERANCE:
                raise SystemExit(f"{line}: {name} computes something else: by up to {difference:.3g}")
        for _ in range(rounds):
            for name, child in children.items():
                reply = child.ask(line)
                times[name].append(1000 / batch * reply["seconds"])
                cpu[name].append(1000 / batch * reply["cpu"])
                peaks[name] = reply["peak"]
    finally:
        for child in children.values():
            child.close()
    return Part(f"{title}, batch {batch}, {_threads(threads)}", "ms a picture", times, peaks, cpu)


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _pictures(bench: Bench) -> None:
    """BATCH validation photos from both classes, as the weights want them, and their labels."""
    preprocessing = Preprocessing(224, (0.5,) * 3, (0.5,) * 3)
    files = sorted(Path(bench.photos, "val").glob("*/*"))
    files = [files[index] for index in np.linspace(0, len(files) - 1, BATCH).astype(int)]
    classes = sorted({file.parent.name for file in files})
    np.save(bench.work / "pictures.npy", np.stack([preprocess(file.read_bytes(), preprocessing) for file in files]))
    np.save(bench.work / "labels.npy", np.array([classes.index(file.parent.name) for file in files], np.int64))
