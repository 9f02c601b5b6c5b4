"""The speed of this project against others', side by side in one run.

    pip install -r tests/benchmarks/requirements.txt
    python tests/benchmarks/run.py --photos PHOTOS --weights mobilenetv2_imagenet.npz [--only forward,step] [--quick]

PHOTOS has train/ and val/; the weights are a .npz of torchvision's names and TensorFlow's conventions. Writes benchmark.txt, .svg
and .json into --output. All competitors have the same weights, pictures, number of threads and time; each has a process of its
own, and they take turns, round by round. They must compute the same numbers before they are timed.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "train" / "train_dir"))

from process import Child, environment
from table import Part, svg, text

from mobilenetv2.pixels import Preprocessing, pixels

BATCH, TOLERANCE = 16, 1e-3
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}  # glibc gives no memory back to the system


@dataclass(frozen=True)
class Competitor:
    file: str
    variant: str
    environment: Dict[str, str] = field(default_factory=dict)


OURS, ONNX = "ours", "ONNX Runtime"
COMPETITORS = {
    OURS: Competitor("ours.py", "ours"),
    "MindSpore's operators": Competitor("ours.py", "operators"),
    "PyTorch": Competitor("torchvision_.py", "contiguous"),
    "PyTorch, memory kept": Competitor("torchvision_.py", "contiguous", KEEP),
    "PyTorch, channels last": Competitor("torchvision_.py", "channels_last"),
    "PyTorch, channels last, memory kept": Competitor("torchvision_.py", "channels_last", KEEP),
    "Keras on TensorFlow": Competitor("keras_.py", "plain"),
    ONNX: Competitor("onnx_.py", "contiguous"),
}


class Bench:
    def __init__(self, arguments: argparse.Namespace, work: Path):
        self.photos, self.weights, self.work = arguments.photos, arguments.weights, work
        self.quick, self.rounds = arguments.quick, arguments.rounds
        self.threads = len(os.sched_getaffinity(0))

    def command(self, name: str, folder: Path) -> List[str]:
        competitor = COMPETITORS[name]
        return [
            sys.executable,
            str(HERE / competitor.file),
            competitor.variant,
            self.weights,
            str(self.threads),
            str(folder),
        ]

    def environment(self, name: str) -> Dict[str, str]:
        return environment(self.threads, **COMPETITORS[name].environment)

    def forward(self) -> List[Part]:
        return self._turns("forward", (1, BATCH), list(COMPETITORS), self.rounds or 10)

    def step(self) -> List[Part]:
        return self._turns("step", (BATCH,), [name for name in COMPETITORS if name != ONNX], self.rounds or 5)

    def _turns(self, task: str, batches: tuple, names: List[str], rounds: int) -> List[Part]:
        self._pictures()
        children = {name: Child(self.command(name, self.work), self.environment(name)) for name in names}
        try:
            parts = []
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
                parts.append(Part(f"{TITLES[task]}, batch {batch}", "ms a picture", times, peaks))
            return parts
        finally:
            for child in children.values():
                child.close()

    def _pictures(self) -> None:
        """BATCH validation photos from both classes, as the weights want them, and their labels."""
        preprocessing = Preprocessing(224, (0.5,) * 3, (0.5,) * 3)
        files = sorted(Path(self.photos, "val").glob("*/*"))
        files = [files[index] for index in np.linspace(0, len(files) - 1, BATCH).astype(int)]
        classes = sorted({file.parent.name for file in files})
        np.save(self.work / "pictures.npy", np.stack([pixels(file.read_bytes(), preprocessing) for file in files]))
        np.save(self.work / "labels.npy", np.array([classes.index(file.parent.name) for file in files], np.int64))


TITLES = {"forward": "forward pass", "step": "training step of all layers"}
PARTS: Dict[str, Callable[[Bench], List[Part]]] = {"forward": Bench.forward, "step": Bench.step}


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="../shared/photos")
    parser.add_argument("--weights", default="../shared/weights/mobilenetv2_imagenet.npz")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of every part, instead of its own number")
    parser.add_argument("--quick", action="store_true", help="without what takes more than five minutes")
    parser.add_argument("--output", default=".", help="folder of benchmark.txt, .svg and .json (default: here)")
    arguments = parser.parse_args()
    parts: List[Part] = []
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(arguments, Path(work))
        for name in arguments.only.split(","):
            parts += PARTS[name](bench)
            results = {
                ".txt": text(parts),
                ".svg": svg(parts),
                ".json": json.dumps([asdict(part) for part in parts], indent=1),
            }
            for ending, content in results.items():
                Path(arguments.output, f"benchmark{ending}").write_text(content, encoding="utf-8")
    print(text(parts), end="")


if __name__ == "__main__":
    main()
