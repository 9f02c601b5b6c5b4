"""Forward passes and training steps: processes that wait for each other and take turns."""

import sys
from pathlib import Path
from typing import Dict, List, Sequence

import numpy as np
from bench import COMPETITORS, ONNX, OURS, TRAIN, TUTORIAL, Bench, say
from process import Child
from table import Part

sys.path.insert(0, str(TRAIN.parent))

from mobilenetv2.data.image import Preprocessing, preprocess

BATCH, TOLERANCE = 16, 1e-3


def forward(bench: Bench) -> List[Part]:
    names = [name for name in COMPETITORS if name != TUTORIAL]
    return _turns(bench, "forward", "forward pass", (1, BATCH), names, bench.rounds or 10)


def step(bench: Bench) -> List[Part]:
    names = [name for name in COMPETITORS if name not in (TUTORIAL, ONNX)]
    return _turns(bench, "step", "training step of all layers", (BATCH,), names, bench.rounds or 5)


def _turns(bench: Bench, task: str, title: str, batches: Sequence[int], names: List[str], rounds: int) -> List[Part]:
    _pictures(bench)
    children = {name: Child(bench.command(name, bench.work), bench.environment(name)) for name in names}
    parts = []
    try:
        for batch in batches:
            line = f"{task} {batch}"
            say(f"{line}: warming up {len(names)} processes, then {rounds} rounds")
            results = {name: np.array(child.ask(line)["result"]) for name, child in children.items()}
            for name, result in results.items():
                difference = np.abs(result - results[OURS]).max()
                if not difference <= TOLERANCE:
                    raise SystemExit(f"{line}: {name} computes something else: by up to {difference:.3g}")
            times: Dict[str, List[float]] = {name: [] for name in names}
            peaks: Dict[str, float] = {}
            for _ in range(rounds):
                for name, child in children.items():
                    reply = child.ask(line)
                    times[name].append(1000 / batch * reply["seconds"])
                    peaks[name] = reply["peak"]
            parts.append(Part(f"{title}, batch {batch}", "ms a picture", times, peaks))
    finally:
        for child in children.values():
            child.close()
    return parts


def _pictures(bench: Bench) -> None:
    """BATCH validation photos from both classes, as the weights want them, and their labels."""
    preprocessing = Preprocessing(224, (0.5,) * 3, (0.5,) * 3)
    files = sorted(Path(bench.photos, "val").glob("*/*"))
    files = [files[index] for index in np.linspace(0, len(files) - 1, BATCH).astype(int)]
    classes = sorted({file.parent.name for file in files})
    np.save(bench.work / "pictures.npy", np.stack([preprocess(file.read_bytes(), preprocessing) for file in files]))
    np.save(bench.work / "labels.npy", np.array([classes.index(file.parent.name) for file in files], np.int64))
