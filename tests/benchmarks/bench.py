"""Who is compared, and what all of them are given."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

from process import environment

HERE = Path(__file__).resolve().parent
TRAIN = HERE.parents[1] / "train" / "train_dir" / "train.py"
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}  # glibc gives no memory back to the system


@dataclass(frozen=True)
class Competitor:
    file: str
    variant: str
    environment: Dict[str, str] = field(default_factory=dict)


OURS, ONNX, TUTORIAL = "ours", "ONNX Runtime", "the tutorial's script, all layers"
COMPETITORS = {
    OURS: Competitor("ours.py", "ours"),
    "MindSpore's operators": Competitor("ours.py", "operators"),
    "PyTorch": Competitor("torchvision_.py", "contiguous"),
    "PyTorch, memory kept": Competitor("torchvision_.py", "contiguous", KEEP),
    "PyTorch, channels last": Competitor("torchvision_.py", "channels_last"),
    "PyTorch, channels last, memory kept": Competitor("torchvision_.py", "channels_last", KEEP),
    "Keras on TensorFlow": Competitor("keras_.py", "plain"),
    ONNX: Competitor("onnx_.py", "contiguous"),
    TUTORIAL: Competitor("tutorial.py", "operators"),
}


@dataclass(frozen=True)
class Bench:
    """work: an empty folder. rounds: None for each part's own number. quick: without what takes more than five minutes."""

    photos: str
    weights: str
    work: Path
    rounds: Optional[int]
    quick: bool
    threads: int = len(os.sched_getaffinity(0))

    def command(self, name: str, folder: Path) -> List[str]:
        competitor = COMPETITORS[name]
        program = [sys.executable, str(HERE / competitor.file), competitor.variant]
        return [*program, self.weights, str(self.threads), str(folder)]

    def environment(self, name: str) -> Dict[str, str]:
        return environment(self.threads, **COMPETITORS[name].environment)


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
