"""Who is compared, and what all of them are given."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from process import environment

HERE = Path(__file__).resolve().parent
CPUS = len(os.sched_getaffinity(0))
TRAIN = HERE.parents[1] / "train" / "train_dir" / "train.py"
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}  # glibc gives no memory back to the system


@dataclass(frozen=True)
class Competitor:
    file: str
    variant: str
    environment: Dict[str, str] = field(default_factory=dict)


OURS, OPERATORS, TUTORIAL = "ours", "MindSpore's operators", "the tutorial's script, all layers"
ONLY_FORWARD = ("ONNX Runtime", "OpenVINO")
COMPETITORS = {
    OURS: Competitor("ours.py", "ours"),
    OPERATORS: Competitor("ours.py", "operators", {"ENGINE": "mindspore"}),
    "PyTorch": Competitor("torchvision_.py", "contiguous"),
    "PyTorch, memory kept": Competitor("torchvision_.py", "contiguous", KEEP),
    "PyTorch, channels last": Competitor("torchvision_.py", "channels_last"),
    "PyTorch, channels last, memory kept": Competitor("torchvision_.py", "channels_last", KEEP),
    "Keras on TensorFlow": Competitor("keras_.py", "plain"),
    "ONNX Runtime": Competitor("onnx_.py", "onnxruntime"),
    "OpenVINO": Competitor("onnx_.py", "openvino"),
    TUTORIAL: Competitor("tutorial.py", "operators"),
}


@dataclass(frozen=True)
class Bench:
    """work: an empty folder. rounds: None for each part's own number. quick: without what takes more than five minutes. threads:
    the numbers of them that forward passes and training steps are measured with; whole fine-tunings have all processors. spin:
    threads without work wait as each framework likes it."""

    photos: str
    weights: str
    work: Path
    rounds: Optional[int]
    quick: bool
    threads: Sequence[int] = tuple(sorted({1, CPUS}))
    spin: bool = False

    def command(self, name: str, folder: Path, threads: int = CPUS) -> List[str]:
        competitor = COMPETITORS[name]
        program = [sys.executable, str(HERE / competitor.file), competitor.variant]
        return [*program, self.weights, str(threads), str(folder)]

    def environment(self, name: str, threads: int = CPUS) -> Dict[str, str]:
        return environment(threads, self.spin, **COMPETITORS[name].environment)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
