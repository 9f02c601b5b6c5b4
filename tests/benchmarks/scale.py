"""Seconds of the processors and peak memory of a run by the number of photos; a row for each step.

    python tests/benchmarks/scale.py --weights WEIGHTS [--photos 10000,100000] [--classes 100]

The photos are simulated: reading them gives clouds of colour, of which one in a hundred is a copy of another one, and the network
gives random features around a center of each class. Both take time that grows with the number of photos. All else is real: the
folder, the checks, the training, and all files of the results. The peak of a step has in it what the steps before it keep.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "train" / "train_dir"))

from mobilenetv2 import inputs, recipe
from mobilenetv2.checks import data_check
from mobilenetv2.config import Settings
from mobilenetv2.data.dataset import Photo
from mobilenetv2.data.features import Features
from mobilenetv2.data.image_stats import SIDE, ImageStats
from mobilenetv2.runtime import logs
from mobilenetv2.runtime.text import table
from mobilenetv2.stages import MODES, fixed_features, preparation

COPIED = 100  # one photo in so many
EPOCHS = 3  # of the classifier's training, whose time grows with their number
MIB = 2**20
Measured = Dict[str, List[float]]  # seconds of all processors, and peak in MiB; by step


def number_of(photo: Photo) -> int:
    return int(photo.file.stem)


def make_folder(folder: Path, photos: int, classes: int) -> None:
    """Class folders with links to one picture each: what is in the files is simulated."""
    picture = Image.effect_noise((SIDE, SIDE), 60).convert("RGB")
    for class_ in range(classes):
        (folder / f"class_{class_:04d}").mkdir(parents=True)
        first = folder / f"class_{class_:04d}" / f"{class_:07d}.jpg"
        picture.save(first)
        for number in range(class_ + classes, photos, classes):
            os.link(first, first.with_name(f"{number:07d}.jpg"))


def thumbnail(number: int) -> Image.Image:
    copied = number % COPIED == COPIED - 1
    coarse = np.random.default_rng(number - copied).integers(0, 256, (8, 8, 3), np.uint8)
    seen = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return seen.resize((SIDE // 2, SIDE // 2)).resize((SIDE, SIDE)) if copied else seen


def read(photo: Photo, *_: Any) -> Any:
    """In place of `data_check._read`."""
    number = number_of(photo)
    random = np.random.default_rng([1, number])
    stats = ImageStats(np.asarray(thumbnail(number)), "JPEG", 500, 375, *random.uniform(20, 60, 4))
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return Photo(photo.file, photo.name, photo.label, photo.split, digest), stats, None


def features(network: Any, photos: Sequence[Photo], *_: Any, count: int = 1, **__: Any) -> Features:
    """In place of `compute_features`."""
    channels, random = network.classifier.in_channels, np.random.default_rng(len(photos))
    out = Features.empty(len(photos), count, channels)
    for row, photo in enumerate(photos):
        center = np.random.default_rng([2, photo.label]).standard_normal(channels, np.float32)
        out.pooled[row] = np.abs(0.3 * center + random.standard_normal((count, channels), np.float32))
        out.center[row] = np.abs(0.3 * center + random.standard_normal(channels, np.float32))
    return out


def mirrored(network: Any, photos: Sequence[Photo], *_: Any) -> np.ndarray:
    return features(network, photos).pooled[:, 0]


def peak_since(start: bool = False) -> float:
    """The peak of this process in MiB, since the last call with `start` where the system can tell, as Linux can."""
    try:
        if start:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: str, output: str, weights: str, check: bool) -> Measured:
    """A run in this process."""
    found: Measured = {}

    def timed(name: str, step: Callable[..., Any], peak: bool = True) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            if peak:
                peak_since(start=True)
            start = time.process_time()
            result = step(*arguments, **named)
            seconds = time.process_time() - start + found.get(name, [0.0])[0]
            found[name] = [seconds, peak_since()] if peak else [seconds]
            return result

        return run

    data_check._read, Photo.read = read, lambda self: self.file.read_bytes()
    fixed_features.compute_features, fixed_features.mirrored_features = features, mirrored
    inputs.dataset.scan_folder = timed("  the folder", inputs.dataset.scan_folder, peak=False)
    data_check.find_pairs = timed("  copies", data_check.find_pairs, peak=False)
    data_check.find_issues = timed("  other findings", data_check.find_issues, peak=False)
    preparation.prepare = timed("prepare", preparation.prepare)
    for mode, steps in MODES.items():
        MODES[mode] = tuple(timed(step.__name__, step) for step in steps)
    settings = Settings(
        data_url=folder,
        output_path=output,
        pretrain_url=weights,
        check=check,
        epochs=EPOCHS,
        leaks="allow",
        cache_dir=f"{output}/cache",
    )
    start = time.process_time()
    recipe.run_stages(settings, console=False)
    logs.stop_logging()
    size = sum(file.stat().st_size for file in Path(output).iterdir() if file.is_file()) / MIB
    return {
        **found,
        "all": [time.process_time() - start, max(row[1] for row in found.values() if row[1:])],
        "files": [0, size],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds and peak memory by the number of photos.")
    parser.add_argument("--weights", default="", help="weights to start from; else the built-in network's")
    parser.add_argument("--photos", default="10000,100000", help="their numbers")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument(
        "--check", action="store_true", help="do not train; with --weights random, check the files only"
    )
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # folder and output, in a process of its own
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure, options.weights, options.check)))
        return
    columns: Dict[str, Measured] = {}
    for photos in options.photos.split(","):
        with tempfile.TemporaryDirectory() as place:
            make_folder(Path(place, "photos"), int(photos), options.classes)
            own = [
                "--weights",
                options.weights,
                *["--check"] * options.check,
                "--measure",
                f"{place}/photos",
                f"{place}/out",
            ]
            command = [sys.executable, __file__, *own]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            columns[f"{int(photos):,} photos"] = json.loads(done.stdout.splitlines()[-1])
    rows = [["seconds of the processors; MiB", *columns]]
    for step in next(iter(columns.values())):
        cells = [measured[step] for measured in columns.values()]
        rows.append([step, *("; ".join([f"{cell[0]:.1f}", *(f"{peak:.0f}" for peak in cell[1:])]) for cell in cells)])
    print(table(rows))


if __name__ == "__main__":
    main()
