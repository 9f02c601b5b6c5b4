"""Whole fine-tunings, from the start of the process: against others, and on more and more photos."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from bench import COMPETITORS, ONLY_FORWARD, OPERATORS, OURS, TRAIN, TUTORIAL, Bench, say
from PIL import Image, ImageEnhance, ImageOps
from process import Watched, watch
from table import Part

ACCURACY = 0.99
EPOCHS, FINETUNED = 10, (3, 4)  # and epochs and blocks of a fine-tuning of more than the classifier
GROWTH = (1, 4, 16)
FIRST = 3  # rounds
# Environment variables that tell of who starts the benchmark.
FRESH = ("HOME", "XDG_CACHE_HOME", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")


def job(bench: Bench) -> List[Part]:
    left_out = (*ONLY_FORWARD, OPERATORS, *((TUTORIAL,) if bench.quick else ()))
    names = [name for name in COMPETITORS if name not in left_out]
    return _compared(bench, "fine-tuning", names, EPOCHS, 0, ACCURACY if bench.quick else None)


def unfreeze(bench: Bench) -> List[Part]:
    """The last blocks, too."""
    epochs, blocks = FINETUNED
    names = [OURS, *(name for name in COMPETITORS if name.startswith("PyTorch"))]
    return _compared(bench, f"fine-tuning the last {blocks} blocks", names, epochs, blocks)


def _compared(
    bench: Bench, title: str, names: Sequence[str], epochs: int, blocks: int, until: Optional[float] = None
) -> List[Part]:
    ours(bench, bench.photos, epochs=1)  # Python writes its __pycache__
    runs: Dict[str, List[Watched]] = {name: [] for name in names}
    for _ in range(bench.rounds or 1):
        for name in names:
            say(f"{title}: {name}")
            if name == OURS:
                more = ["--unfreeze", str(blocks)]
                runs[name].append(ours(bench, bench.photos, *more, epochs=epochs, until=until)[0])
            else:
                command = [*bench.command(name, Path(bench.photos)), "job", str(epochs), str(blocks)]
                runs[name].append(watch(command, bench.environment(name), until))
    parts = [_part(f"{title} to {ACCURACY:.0%} of validation", runs, lambda run: run.first(ACCURACY))]
    if until is None:
        parts.append(_part(f"{title} to the end of epoch {epochs}", runs, lambda run: run.epochs[-1][0]))
        parts.append(_part(f"{title} to the end of the process", runs, cpu=True))
    return parts


def _part(
    title: str,
    runs: Dict[str, List[Watched]],
    read: Callable[[Watched], Optional[float]] = lambda run: run.seconds,
    cpu: bool = False,
) -> Part:
    peaks = {name: max(run.peak for run in found) for name, found in runs.items()}
    busy = {name: [run.cpu for run in found] for name, found in runs.items()} if cpu else {}
    return Part(title, "s", {name: [read(run) for run in found] for name, found in runs.items()}, peaks, busy)


def ours(
    bench: Bench,
    photos: str,
    *more: str,
    epochs: int = EPOCHS,
    until: Optional[float] = None,
    script: Path = TRAIN,
    **environment: str,
) -> Tuple[Watched, Path]:
    """One cold run: nothing in the cache of features. until: as in `watch`. Also returns its output folder."""
    folder = Path(tempfile.mkdtemp(dir=bench.work))
    places = ["--output_path", str(folder / "output"), "--cache_dir", str(folder / "cache")]
    arguments = ["--data_url", photos, "--pretrain_url", bench.weights, "--epochs", str(epochs), *places, *more]
    variables = {**bench.environment(OURS), **environment}
    return watch([sys.executable, str(script), *arguments], variables, until), folder / "output"


def first(bench: Bench) -> List[Part]:
    """Ours as after its installation: a new copy of its code, never run, and an empty home folder; then once more."""
    runs: Dict[str, List[Watched]] = {"ours, the first run ever": [], "ours, the second run": []}
    for _ in range(bench.rounds or FIRST):
        home = Path(tempfile.mkdtemp(dir=bench.work))
        code = shutil.copytree(TRAIN.parents[1], home / "train", ignore=shutil.ignore_patterns("__pycache__"))
        variables = {**dict.fromkeys(FRESH, ""), "HOME": str(home)}
        for name, found in runs.items():
            say(f"first run: {name}")
            found.append(ours(bench, bench.photos, script=code / TRAIN.parent.name / TRAIN.name, **variables)[0])
    return [_part("fine-tuning", runs, cpu=True)]


def growth(bench: Bench) -> List[Part]:
    """Ours on 1, 4 and 16 times the photos to train: the copies are other crops, mirrored, in other colours."""
    sizes = GROWTH[:2] if bench.quick else GROWTH
    folders = {}
    for size in sizes:
        folder = bench.work / f"photos{size}"
        shutil.copytree(Path(bench.photos, "val"), folder / "val")
        count = _enlarge(Path(bench.photos, "train"), folder / "train", size)
        folders[f"{count} photos to train"] = str(folder)
    ours(bench, bench.photos, epochs=1)
    runs: Dict[str, List[Watched]] = {name: [] for name in folders}
    for _ in range(bench.rounds or 1):
        for name, folder in folders.items():
            say(f"growth: {name}")
            runs[name].append(ours(bench, folder, "--leaks", "allow")[0])
    return [_part("ours on more photos", runs, cpu=True)]


def _enlarge(source: Path, target: Path, times: int) -> int:
    random, files = np.random.default_rng(0), sorted(source.glob("*/*"))
    for file in files:
        (target / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / file.parent.name)
        for copy in range(1, times):
            with Image.open(file) as image:
                _varied(image.convert("RGB"), random).save(
                    target / file.parent.name / f"{file.stem}-{copy}.jpg", quality=int(random.integers(80, 96))
                )
    return times * len(files)


def _varied(image: Image.Image, random: np.random.Generator, low: float = 0.3, high: float = 0.6) -> Image.Image:
    """A crop of between these shares of the picture's surface, mirrored or not, in other colours."""
    side = random.uniform(low, high) ** 0.5
    width, height = int(side * image.width), int(side * image.height)
    left, top = (int(random.integers(0, rest + 1)) for rest in (image.width - width, image.height - height))
    image = image.crop((left, top, left + width, top + height))
    image = ImageOps.mirror(image) if random.random() < 0.5 else image
    for change in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        image = change(image).enhance(random.uniform(0.6, 1.4))
    return image
